"""Draws one heatmap into axes, as the page does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from tb_rnngrad import scales
from tb_rnngrad.plot import _colours
from tb_rnngrad.plot._grid import Grid, swatch
from tb_rnngrad.plot._scale import ScaleNorm, set_numbers
from tb_rnngrad.views.view import pool

_NUMBERS_PER_INCH: Final = 2.8
_MOST_NUMBERS: Final = 8


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a heatmap.

    Attributes:
        values: [rows, columns] float32.
        real: [rows, columns], False at padding.
        logarithms: whether -inf stands for an exact 0, and 0 is an ordinary value.
    """

    values: NDArray[np.float32]
    real: NDArray[np.bool_]
    logarithms: bool = False

    @property
    def specials(self) -> dict[str, NDArray[np.bool_]]:
        """Name of a special value -> the cells that hold it; only those that occur."""
        negative = self.values == -np.inf
        found = {
            "exact 0": negative if self.logarithms else self.values == 0,
            "NaN": np.isnan(self.values),
            "+Inf": self.values == np.inf,
            "−Inf": np.zeros_like(negative) if self.logarithms else negative,
        }
        return {
            name: cells & self.real for name, cells in found.items() if (cells & self.real).any()
        }

    def pooled(self, height: int, width: int) -> Cells:
        """Return blocks of cells as large as pixels, each its value of largest magnitude."""
        rows, columns = self.values.shape
        if rows <= height and columns <= width:
            return self
        values = pool(np.where(self.real, self.values, np.float32(0)), height, width)
        real = pool(self.real.astype(np.float32), height, width) > 0
        return Cells(values, real, self.logarithms)


def draw_cells(axes: Axes, cells: Cells, norm: Normalize, cmap: Colormap) -> AxesImage:
    """Draw cells; row 0 is at the top. Return the image that a colour bar describes."""
    rows, columns = cells.values.shape
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    image = axes.imshow(
        _ordinary(cells),
        norm=norm,
        cmap=cmap,
        aspect="auto",
        interpolation="nearest",
        extent=extent,
    )
    if not cells.real.all():
        _hatch(axes, rows, columns)
    if cells.specials:
        axes.imshow(
            _overlay(cells, cmap.name),
            aspect="auto",
            interpolation="nearest",
            extent=extent,
            zorder=image.get_zorder() + 0.1,
        )
    return image


def fit(figure: Figure, drawn: Sequence[tuple[Axes, Cells]]) -> None:
    """Pool the cells of images that are larger than their axes' pixels, so that no spike is lost.

    Images of cells smaller than a pixel would show only some of them.
    """
    if all(max(cells.values.shape) <= _smallest(axes) for axes, cells in drawn):
        return
    figure.draw_without_rendering()  # only now have the axes their size
    for axes, cells in drawn:
        width, height = (int(size) for size in axes.bbox.size)
        if axes.get_images() and (cells.values.shape[0] > height or cells.values.shape[1] > width):
            pooled = cells.pooled(max(1, height), max(1, width))
            base, *overlay = axes.get_images()
            base.set_data(_ordinary(pooled))
            for image in overlay:
                image.set_data(_overlay(pooled, base.get_cmap().name))


def _smallest(axes: Axes) -> float:
    return float(min(axes.bbox.size)) / 2  # a layout may yet make it smaller


def _ordinary(cells: Cells) -> np.ma.MaskedArray[Any, Any]:
    return np.ma.array(cells.values, mask=~cells.real | ~np.isfinite(cells.values))


def _overlay(cells: Cells, name: str) -> NDArray[np.float64]:
    """Return the colours of special values, [rows, columns, 4]; transparent elsewhere."""
    colours = np.zeros((*cells.values.shape, 4))
    for special, where in cells.specials.items():
        colour = _colours.SPECIALS[special]
        colours[where] = to_rgba(_colours.zero_colour(name) if special == "exact 0" else colour)
    return colours


def _hatch(axes: Axes, rows: int, columns: int) -> None:
    axes.add_patch(
        Rectangle(
            (-0.5, -0.5),
            columns,
            rows,
            facecolor="none",
            edgecolor=_colours.PADDING,
            hatch="////",
            linewidth=0,
            zorder=-1,
        )
    )


def legend_of(all_cells: Sequence[Cells], name: str) -> list[Any]:
    """Return the legend's entries for special values and padding that occur."""
    found = {special for cells in all_cells for special in cells.specials}
    entries = [
        swatch(_colours.zero_colour(name) if special == "exact 0" else colour, special)
        for special, colour in _colours.SPECIALS.items()
        if special in found
    ]
    if any(not cells.real.all() for cells in all_cells):
        entries.append(
            swatch("white", "padding", edgecolor=_colours.PADDING, hatch="////", linewidth=0.5)
        )
    return entries


def add_colour_bar(
    grid: Grid,
    image: AxesImage,
    cells: Sequence[Cells],
    label: str,
    beside: Sequence[Axes] | None = None,
) -> None:
    """Add a colour bar with the page's numbers beside some axes; None for all of the grid."""
    bar = grid.figure.colorbar(
        image,
        ax=beside or grid.used,
        label=label,
        extend=_extend(image, cells),
        aspect=30,
        pad=0.02,
    )
    if isinstance(image.norm, ScaleNorm):
        set_numbers(bar.ax.yaxis, image.norm.scale)


def _extend(image: AxesImage, all_cells: Sequence[Cells]) -> str:
    """Return which ends of the range values lie beyond, as Matplotlib names it."""
    places = [np.ma.compressed(image.norm(_ordinary(cells))) for cells in all_cells]
    above = any((of > 1).any() for of in places)
    below = any((of < 0).any() for of in places)
    return {(True, True): "both", (True, False): "max", (False, True): "min"}.get(
        (above, below), "neither"
    )


def mark_groups(axes: Axes, groups: Mapping[str, int] | None, fontsize: str) -> None:
    """Draw dashed lines between channel groups, which run down, and write their names beside."""
    if not groups or len(groups) < 2:
        return
    total = sum(groups.values())
    for (name, size), end in zip(groups.items(), accumulate(groups.values()), strict=True):
        if end < total:
            axes.axhline(end - 0.5, color="#202124", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(
            name,
            (1, 1 - (end - size / 2) / total),
            xycoords="axes fraction",
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=fontsize,
        )


def number_axis(axis: Axis, names: Sequence[Any] | None = None) -> None:
    """Put whole numbers on an axis, or the names of the cells there."""
    box = axis.axes.bbox.transformed(axis.axes.figure.dpi_scale_trans.inverted())
    room = (box.width if axis is axis.axes.xaxis else box.height) * _NUMBERS_PER_INCH
    most = min(_MOST_NUMBERS, max(2, int(room)))
    axis.set_major_locator(
        MaxNLocator(integer=True, nbins=most, min_n_ticks=1, steps=[1, 2, 5, 10])
    )
    if names is not None:
        axis.set_major_formatter(FuncFormatter(lambda place, _: _name_at(names, place)))


def _name_at(names: Sequence[Any], place: float) -> str:
    index = round(place)
    if abs(place - index) > 1e-6 or not 0 <= index < len(names):
        return ""
    return scales.short(names[index]) if isinstance(names[index], float) else str(names[index])
