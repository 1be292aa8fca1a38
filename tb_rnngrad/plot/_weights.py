"""Weights of a layer: matrices, and histograms of their gates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tb_rnngrad.events.reader import Series
from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._bins import BINS, counted, draw_bins, set_bins_axes
from tb_rnngrad.plot._given import Given, Shown, shown_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._image import Cells
from tb_rnngrad.plot._scale import RangeOptions, ScaleNorm
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.views.view import View, view_of_sample


def weights(
    given: Given | Mapping[str, Given] | list[Series],
    step: int | None = None,
    *,
    histograms: bool = True,
    bins: int = BINS,
    norm: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    linthresh: float | None = None,
    percentile: float = 100,
    cmap: str | Colormap | None = None,
    colorbar: bool = True,
    ticks: bool = True,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
) -> tuple[Figure, AxesGrid]:
    """Draw matrices of weights or of their gradients, each above histograms of its gates.

    A matrix has the units that it feeds (its channels) down, and what feeds them across. Values
    have one range, gradients another.

    Args:
        given: a record, a series or an array [rows, channels]; or several by name, such as
            `{"kernel": ..., "recurrent_kernel": ..., "bias": ...}`; or a list of series.
        step: the training step of series; None for their last ones.
        histograms: whether to draw histograms below, a line for each gate.
        bins: number of bins.
        norm: "symlog", "linear", "log" or "abs"; None for symlog for gradients, else linear.
        vmin: the lower end of the range; None for `-vmax`, or 0 for magnitudes.
        vmax: the upper end of the range; None for the largest magnitude.
        linthresh: where symlog becomes linear; None for a thousandth of `vmax`. For "log", the
            least magnitude that it distinguishes.
        percentile: end an automatic range at this percentile of the magnitudes: 100, 99.5, 99 or
            95.
        cmap: a name of the page's or of Matplotlib's, or a map; None for the page's default.
        colorbar: whether to add colour bars.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        figsize: width and height in inches.
        ax: the axes to draw into, [2, matrices] or [1, matrices]; None for a new figure.

    Returns:
        The figure, and its axes: [2, matrices] with histograms, else [1, matrices].

    Raises:
        ValueError: If something given is no matrix, or an option is invalid.
        KeyError: If a series has no tensor at `step`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> kernels = {"kernel": rng.normal(size=(3, 12)), "recurrent_kernel": np.eye(4, 12)}
        >>> figure, axes = tb_rnngrad.plot.weights(kernels)
        >>> axes.shape
        (2, 2)
    """
    named = {name: _matrix(one, step) for name, one in _by_name(given).items()}
    views = {name: _view(shown) for name, shown in named.items()}
    quantities = [*dict.fromkeys(shown.record.quantity for shown in named.values())]
    options = RangeOptions(norm, vmin, vmax, linthresh, percentile)
    alike = {
        quantity: [n for n, shown in named.items() if shown.record.quantity == quantity]
        for quantity in quantities
    }
    ranges = {q: options.scale([views[n] for n in alike[q]], q, signed=True) for q in quantities}
    columns, rows = len(named), 2 if histograms else 1
    size = figsize or (max(4.0, min(14.0, 3.2 * columns)), 6.4 if histograms else 4.2)
    grid = GridOptions(ax, size, title, rows, columns, ticks).grid(rows * columns)
    placed = grid.axes.reshape(-1)[: rows * columns].reshape(rows, columns)
    images, entries, every = {}, {}, []
    for column, (name, shown) in enumerate(named.items()):
        record, scale = shown.record, ranges[shown.record.quantity]
        cells = Cells(views[name].values, np.ones(views[name].values.shape, np.bool_))
        every.append(cells)
        colours = _colours.colour_map(scale, cmap)
        axes = placed[0, column]
        images[name] = _image.draw_cells(axes, cells, ScaleNorm(scale), colours)
        _image.mark_groups(axes, record.channel_groups, "small")
        axes.set_title(name, fontsize="medium")
        if histograms:
            below = placed[1, column]
            own = RangeOptions(scale.name, linthresh=scale.threshold)
            counts = counted(
                [views[name]], record.channel_groups, bins, own, record.quantity, signed=True
            )
            highest = max(float(shares.max()) for shares in counts.shares.values())
            for index, (gate, shares) in enumerate(counts.shares.items()):
                colour = _colours.sample_colour(index)
                draw_bins(below, counts, shares, color=colour, linewidth=1.2)
                if gate:
                    entries[gate] = Line2D([], [], color=colour, label=gate)
            set_bins_axes(below, counts, highest)
            below.set_xlabel(shown.label)
    for axes in placed.flat:
        if not ticks:
            axes.set_xticks([])
            axes.set_yticks([])
    if ticks:
        for column, name in enumerate(named):
            _image.number_axis(placed[0, column].xaxis)
            _image.number_axis(placed[0, column].yaxis)
            placed[0, column].set_xlabel(_feeds(name))
        placed[0, 0].set_ylabel("to unit")
        if histograms:
            placed[1, 0].set_ylabel("share of values")
    if colorbar:
        for names in alike.values():
            at = [placed[0, [*named].index(name)] for name in names]
            cells_of = [every[[*named].index(name)] for name in names]
            label = named[names[0]].label
            _image.add_colour_bar(grid, images[names[0]], cells_of, label, at)
    heading = _heading(named) if title is None else title
    if heading and grid.is_own:
        grid.figure.suptitle(heading, fontsize="medium")
    grid.legend([*entries.values(), *_image.legend_of(every, colours.name)])
    return grid.figure, grid.axes


def _by_name(given: Given | Mapping[str, Given] | list[Series]) -> Mapping[str, Given]:
    if isinstance(given, Mapping):
        if not given:
            raise ValueError("there are no weights to draw; expected at least one matrix")
        return given
    if isinstance(given, Series):
        return {_part(given): given}
    several = [one for one in given if isinstance(one, Series)] if isinstance(given, list) else []
    return {_part(one): one for one in several} or {"": given}


def _part(series: Series) -> str:
    """Return the part of the layer that a tag names: "lstm/weights/kernel" is the kernel."""
    names = series.tag.split("/")
    kinds = [i for i, name in enumerate(names) if name in ("weights", "weight_gradients")]
    part = "/".join(names[kinds[-1] + 1 :]) if kinds else names[-1]
    return f"{part}, gradient" if series.metadata.quantity == "weight_gradient" else part


def _matrix(given: Given, step: int | None) -> Shown:
    shown = shown_of(given, step, quantity="weight")
    if not is_matrix(shown.record.quantity):
        has = shown.title or f"a {shown.record.quantity}"
        raise ValueError(f"{has} is no matrix of weights; plot.heatmap draws sequences")
    return shown


def _view(shown: Shown) -> View:
    return View(view_of_sample(shown.record.data, None).values, None)


def _feeds(name: str) -> str:
    """Return what the rows of a matrix are, by its name."""
    if "bias" in name:
        return "row"
    if "recurrent" in name or "_hh" in name:
        return "from unit"
    return "from input feature" if "kernel" in name or "_ih" in name else "row"


def _heading(named: Mapping[str, Shown]) -> str:
    layers = {shown.record.layer for shown in named.values()} - {None}
    return f"weights of {', '.join(sorted(map(str, layers)))}" if layers else ""
