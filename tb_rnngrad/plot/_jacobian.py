"""State Jacobians: how one timestep depends on each earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._given import Given, chosen, shown_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._image import Cells
from tb_rnngrad.plot._scale import RangeOptions, ScaleNorm, set_axis
from tb_rnngrad.record import SequenceRecord
from tb_rnngrad.views.view import View


def jacobian(
    given: Given,
    step: int | None = None,
    *,
    rows: Sequence[int] | int = -1,
    curve: bool = True,
    vmin: float | None = None,
    vmax: float | None = None,
    cmap: str | Colormap | None = None,
    color: str | None = None,
    colorbar: bool = True,
    ticks: bool = True,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
) -> tuple[Figure, AxesGrid]:
    """Draw a state Jacobian: log10 of the norm of dh_t/dx_s, t down and s across, with a curve.

    A straight line in the curve means exponential forgetting. Gray cells are exact zeros: states
    that do not depend on that input at all.

    Args:
        given: a record, a series, or an array [timesteps, timesteps] of logarithms.
        step: the training step of a series; None for its last one.
        rows: the rows of the matrix that have curves; -1 is the last.
        curve: whether to draw curves beside the map; False if there is one `ax`.
        vmin: the least logarithm of the colours; None for the least finite one.
        vmax: the largest logarithm of the colours; None for the largest.
        cmap: a name of the page's or of Matplotlib's, or a map; None for the page's default.
        color: one of Matplotlib's colours for the curves; None for the page's colours.
        colorbar: whether to add a colour bar.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        figsize: width and height in inches.
        ax: the axes to draw into, two with curves; None for a new figure.

    Returns:
        The figure, and its axes: [1, 2] with curves, else [1, 1].

    Raises:
        ValueError: If the values are not a state Jacobian, or an option is invalid.
        KeyError: If the series has no tensor at `step`.

    Example:
        >>> t, s = np.mgrid[:50, :50]
        >>> decades = np.where(s <= t, -0.1 * (t - s), -np.inf)
        >>> figure, axes = tb_rnngrad.plot.jacobian(decades, rows=[24, -1])
        >>> [len(line.get_xdata()) for line in axes[0, 1].get_lines()]
        [50, 50]
    """
    shown = shown_of(given, step, quantity="state_jacobian")
    record = shown.record
    if record.quantity != "state_jacobian":
        raise ValueError(
            f"{shown.title} is of the quantity {record.quantity!r}; expected 'state_jacobian'"
        )
    values = record.data.astype(np.float32)
    names = _row_names(record)
    has_curve = curve and (ax is None or np.size(np.asarray(ax, np.object_)) > 1)
    count = 2 if has_curve else 1
    size = figsize or ((9.6, 4.2) if has_curve else None)
    grid = GridOptions(ax, size, title, 1, None, ticks).grid(count)
    scale = RangeOptions(vmin=vmin, vmax=vmax).scale(
        [View(values, None)], "state_jacobian", signed=True
    )
    cells = Cells(values, np.ones(values.shape, np.bool_), logarithms=True)
    colours = _colours.colour_map(scale, cmap or "viridis")
    image = _image.draw_cells(grid.used[0], cells, ScaleNorm(scale), colours)
    _image.number_axis(grid.used[0].xaxis)
    _image.number_axis(grid.used[0].yaxis, names)
    heading = shown.title if title is None else title
    grid.label("s", "t", [""] * count, heading, own_y=True)
    if colorbar:
        label = "" if has_curve else shown.label  # the curves' axis has the same
        _image.add_colour_bar(grid, image, [cells], label, [grid.used[0]])
    entries = _image.legend_of([cells], colours.name)
    if has_curve:
        indices = chosen(rows, len(values), "row")
        beside = grid.used[1]
        for place, index in enumerate(indices):
            line = _finite(values[index])
            colour = color or _colours.sample_colour(place)
            beside.plot(line, color=colour, linewidth=1.3)
            entries.append(Line2D([], [], color=colour, label=f"t = {names[index]}"))
        set_axis(beside, "y", scale)
        beside.set_xlim(-0.5, values.shape[1] - 0.5)
        _image.number_axis(beside.xaxis)
        if ticks:
            beside.set_ylabel(shown.label)
    grid.legend(entries)
    _image.fit(grid.figure, [(grid.used[0], cells)])
    return grid.figure, grid.axes


def _row_names(record: SequenceRecord) -> list[int]:
    """Return the timestep t of each row, which a Jacobian of chosen timesteps tells."""
    at = (record.details or {}).get("at")
    count = record.shape[0]
    return [*at] if isinstance(at, list) and len(at) == count else [*range(count)]


def _finite(row: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(row), row, np.float32(np.nan))
