"""Histograms: how the values of a record are spread."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from tb_rnngrad.plot import _colours
from tb_rnngrad.plot._bins import BINS, counted, draw_bins, set_bins_axes
from tb_rnngrad.plot._given import Given, TimeOptions, chosen, shown_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._scale import RangeOptions
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.views.view import View


def histogram(
    given: Given,
    step: int | None = None,
    *,
    samples: Sequence[int] | int | None = None,
    bins: int = BINS,
    norm: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    linthresh: float | None = None,
    percentile: float = 100,
    color: str | None = None,
    sharey: bool = True,
    ticks: bool = True,
    title: str | None = None,
    n_rows: int | None = None,
    n_cols: int | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
) -> tuple[Figure, AxesGrid]:
    """Draw a histogram of the values of each channel group (gates, directions), without padding.

    Bins have equal width on the scale. Heights are shares of the group's real cells; on log axes
    exact zeros are in no bin, nor are NaN and infinities on any.

    Args:
        given: a record, a series, or an array of any number of axes up to 3; channels are the last.
        step: the training step of a series; None for its last one.
        samples: which samples to count; None for all.
        bins: number of bins.
        norm: the scale of the x axis: "symlog", "linear", "log" or "abs"; None for symlog if the
            values are gradients, else linear.
        vmin: the lower end of the x axis; None for `-vmax`, or 0 for magnitudes.
        vmax: the upper end of the x axis; None for the largest magnitude.
        linthresh: where symlog becomes linear; None for a thousandth of `vmax`. For "log", the
            least magnitude that it distinguishes.
        percentile: end an automatic range at this percentile of the magnitudes: 100, 99.5, 99 or
            95.
        color: one of Matplotlib's colours; None for the page's first.
        sharey: whether all histograms have one height.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        n_rows: rows of histograms.
        n_cols: columns of histograms.
        figsize: width and height in inches.
        ax: the axes to draw into, as many as there are groups; None for a new figure.

    Returns:
        The figure, and its axes as [rows, columns].

    Raises:
        ValueError: If an option is invalid.
        KeyError: If the series has no tensor at `step`.

    Example:
        >>> gates = np.random.default_rng(0).normal(size=(2, 5, 32))
        >>> groups = {"i": 8, "f": 8, "c": 8, "o": 8}
        >>> record = tb_rnngrad.SequenceRecord(gates, channel_groups=groups)
        >>> figure, axes = tb_rnngrad.plot.histogram(record, bins=20)
        >>> [axes.get_title() for axes in axes.flat]
        ['i', 'f', 'c', 'o']
    """
    shown = shown_of(given, step)
    record = shown.record
    views = TimeOptions().views(record, chosen(samples, len(record.sequences), "sample"))
    if is_matrix(record.quantity):
        views = [View(view.values, None) for view in views]
    options = RangeOptions(norm, vmin, vmax, linthresh, percentile)
    counts = counted(views, record.channel_groups, bins, options, record.quantity, shown.signed)
    grid = GridOptions(ax, figsize, title, n_rows, n_cols, ticks).grid(len(counts.shares))
    highest = max(float(shares.max()) for shares in counts.shares.values())
    for axes, shares in zip(grid.used, counts.shares.values(), strict=True):
        colour = color or _colours.sample_colour(0)
        draw_bins(axes, counts, shares, fill=True, color=colour, alpha=0.8)
        set_bins_axes(axes, counts, highest if sharey else float(shares.max()))
    heading = shown.title if title is None else title
    grid.label(shown.label, "share of values", [*counts.shares], heading, own_y=not sharey)
    return grid.figure, grid.axes
