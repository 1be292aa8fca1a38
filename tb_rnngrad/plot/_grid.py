"""Figures and grids of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

AxesGrid: TypeAlias = NDArray[np.object_]
AxesLike: TypeAlias = Axes | Sequence[Axes] | AxesGrid

_SINGLE: Final = (6.4, 4.2)  # inches
_PANEL: Final = (2.6, 1.9)
_FULL_SIZED: Final = 30  # panels; more of them are smaller
_LEAST: Final = 0.45  # of a panel's size


@dataclass(frozen=True)
class GridOptions:
    """The options of a figure, under Matplotlib's names.

    Attributes:
        ax: one or more axes to draw into; None for a new figure.
        figsize: width and height in inches; None for a size that suits the number of axes.
        title: the title; None for what is drawn, "" for none.
        n_rows: rows of axes; None for an automatic number.
        n_cols: columns of axes; None for an automatic number.
        ticks: whether axes have numbers and labels.
    """

    ax: AxesLike | None = None
    figsize: tuple[float, float] | None = None
    title: str | None = None
    n_rows: int | None = None
    n_cols: int | None = None
    ticks: bool = True

    def grid(self, count: int) -> Grid:
        """Return `count` axes in a grid.

        Raises:
            ValueError: If the axes or the rows and columns given are too few.
        """
        if self.ax is not None:
            axes = np.atleast_1d(np.asarray(self.ax, np.object_))
            if axes.size < count:
                raise ValueError(f"ax has {axes.size} axes; expected {count}")
            axes = axes if axes.ndim == 2 else axes[np.newaxis]
            figure = axes.flat[0].figure
            return Grid(figure, axes, count, is_own=False, ticks=self.ticks)
        rows, columns = self._shape(count)
        figure, axes = pyplot.subplots(
            rows,
            columns,
            squeeze=False,
            figsize=self.figsize or _size(rows, columns),
            layout="constrained",
        )
        for axes_without_data in axes.flat[count:]:
            axes_without_data.set_visible(False)
        return Grid(figure, axes, count, is_own=True, ticks=self.ticks)

    def _shape(self, count: int) -> tuple[int, int]:
        for name in ("n_rows", "n_cols"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise ValueError(f"{name} is {given}; expected at least 1")
        if self.n_rows is not None and self.n_cols is not None:
            if self.n_rows * self.n_cols < count:
                raise ValueError(
                    f"n_rows x n_cols is {self.n_rows} x {self.n_cols}; "
                    f"expected room for {count} axes"
                )
            return self.n_rows, self.n_cols
        if self.n_rows is not None:
            return self.n_rows, math.ceil(count / self.n_rows)
        columns = self.n_cols or (count if count <= 3 else math.ceil(math.sqrt(count)))
        return math.ceil(count / columns), columns


@dataclass(frozen=True)
class Grid:
    """A figure with its axes.

    Attributes:
        figure: the figure.
        axes: [rows, columns]; those beyond `count` are not used.
        count: how many are used.
        is_own: whether the figure was made for this grid; a user's figure gets no legend.
        ticks: whether axes have numbers and labels.
    """

    figure: Figure
    axes: AxesGrid
    count: int
    is_own: bool
    ticks: bool

    @property
    def used(self) -> list[Axes]:
        """The axes that are used, row by row."""
        return [*self.axes.flat[: self.count]]

    def label(
        self, x: str, y: str, titles: Sequence[str], title: str, *, own_y: bool = False
    ) -> None:
        """Write titles, and labels and numbers where a column of axes ends and a row begins.

        All axes of an own figure have the same x axis, and the same y axis unless `own_y`.
        """
        single = self.count == 1
        columns = self.axes.shape[1]
        for index, (axes, own) in enumerate(zip(self.used, titles, strict=True)):
            axes.set_title(title if single else own, fontsize="medium" if single else "small")
            if not self.ticks:
                axes.set_xticks([])
                axes.set_yticks([])
                continue
            ends, begins = index + columns >= self.count, index % columns == 0
            if ends:
                axes.set_xlabel(x)
            if begins:
                axes.set_ylabel(y)
            if self.is_own:
                axes.tick_params(labelbottom=ends, labelleft=begins or own_y)
            axes.tick_params(labelsize="medium" if single else "small")
        if not single and self.is_own and title:
            self.figure.suptitle(title, fontsize="medium")

    def legend(self, handles: Sequence[Any]) -> None:
        """Put a legend below the axes of an own figure."""
        if self.is_own and handles:
            room = int(self.figure.bbox_inches.width / 1.3)
            self.figure.legend(
                handles=[*handles],
                loc="outside lower center",
                ncols=max(1, min(len(handles), room)),
                fontsize="small",
                frameon=False,
            )


def swatch(colour: str, name: str, **options: Any) -> Patch:
    """Return an entry of a legend."""
    return Patch(facecolor=colour, label=name, **options)


def _size(rows: int, columns: int) -> tuple[float, float]:
    if rows == columns == 1:
        return _SINGLE
    share = max(_LEAST, min(1.0, math.sqrt(_FULL_SIZED / (rows * columns))))
    width = max(_SINGLE[0], share * columns * _PANEL[0])
    return width, max(_SINGLE[1], share * rows * _PANEL[1] + 0.8)
