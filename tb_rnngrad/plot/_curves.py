"""Curves: values by timestep, for each channel and sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from tb_rnngrad import scales
from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._given import Given, TimeOptions, chosen, order_view, sequences_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._heatmap import names_of, real_of
from tb_rnngrad.plot._scale import RangeOptions, drawn_on, set_axis
from tb_rnngrad.scales import Scale
from tb_rnngrad.views.order import channel_order as order_of
from tb_rnngrad.views.view import View

MOST_CURVES: Final = 20  # above this many in one plot, draw quantile bands
BANDS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_PANELS: Final = 36
PANELS: Final = ("channel", "sample", "all")


@dataclass(frozen=True)
class _Curve:
    """The values of one channel of one sample; NaN at padding."""

    sample: int
    channel: int
    values: NDArray[np.float32]
    real: NDArray[np.bool_]


def curves(
    given: Given,
    step: int | None = None,
    *,
    samples: Sequence[int] | int | None = None,
    channels: Sequence[int] | int | None = None,
    panels: str | None = None,
    bands: bool | None = None,
    lags: bool = False,
    as_processed: bool = False,
    max_timesteps: int | None = None,
    channel_order: str | None = None,
    channel_labels: Sequence[str] | None = None,
    norm: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    linthresh: float | None = None,
    percentile: float = 100,
    color: str | None = None,
    sharey: bool = True,
    ticks: bool = True,
    legend: bool = True,
    title: str | None = None,
    n_rows: int | None = None,
    n_cols: int | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
    **line: Any,
) -> tuple[Figure, AxesGrid]:
    """Draw values by timestep: a plot for each channel with a curve for each sample.

    Padding is a gap. A NaN or an infinite value is a gap with a mark at the edge, in the colours of
    the heatmap; on log axes an exact 0 has a mark at the lower edge.

    Args:
        given: a record, a series, or an array [samples, timesteps, channels] or
            [timesteps, channels].
        step: the training step of a series; None for its last one.
        samples: which samples to draw; None for all.
        channels: which channels to draw; None for all.
        panels: what has a plot of its own: "channel", "sample", or "all" for one plot. None for
            "channel", or "all" if there is one sample, more than 36 channels, or one `ax`.
        bands: whether to draw the median and bands from 5 to 95 % and from 25 to 75 % in place of
            curves; None for plots of more than 20 curves.
        lags: count timesteps back from each sample's last real one; lag 0 is at the right.
        as_processed: draw backward directions in the order in which they process time.
        max_timesteps: draw only so many timesteps, or lags.
        channel_order: the order of the plots: "norm", "lag" (of the peak) or "correlation"; None
            for the channels' numbers.
        channel_labels: a name for each channel of the record.
        norm: the scale of the y axis: "symlog", "linear", "log" or "abs"; None for symlog if the
            values are gradients, else linear.
        vmin: the lower end of the y axis; None for `-vmax`, or 0 for magnitudes.
        vmax: the upper end of the y axis; None for the largest magnitude.
        linthresh: where symlog becomes linear; None for a thousandth of `vmax`. For "log", the
            least magnitude that it distinguishes.
        percentile: end an automatic range at this percentile of the magnitudes: 100, 99.5, 99 or
            95.
        color: "sample" for the page's colour of each sample, "channel" for one of each channel, or
            one of Matplotlib's colours for all. None for what differs within a plot.
        sharey: whether all plots have one y axis; else each ends where its own values do.
        ticks: whether axes have numbers and labels.
        legend: whether to name the colours.
        title: the figure's title; None for what is drawn.
        n_rows: rows of plots.
        n_cols: columns of plots.
        figsize: width and height in inches.
        ax: the axes to draw into; None for a new figure.
        line: further options of Matplotlib's `Axes.plot`, such as `linewidth` and `alpha`.

    Returns:
        The figure, and its axes as [rows, columns].

    Raises:
        ValueError: If the values have no time axis, or an option is invalid.
        KeyError: If the series has no tensor at `step`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> gradient = rng.normal(size=(4, 50, 6)) * 0.9 ** np.arange(50)[:, None]
        >>> figure, axes = tb_rnngrad.plot.curves(gradient, norm="symlog", n_rows=2)
        >>> axes.shape, len(axes[0, 0].get_lines())
        ((2, 3), 5)
    """
    shown = sequences_of(given, step, "curves")
    time = TimeOptions(lags, as_processed, max_timesteps)
    sample_indices = chosen(samples, shown.record.shape[0], "sample")
    channel_indices = chosen(channels, shown.record.shape[-1], "channel")
    if channel_order is not None:
        view = order_view(shown.record, sample_indices, as_processed)
        order = order_of(view, shown.record.channel_groups, channel_order)
        channel_indices = [int(channel) for channel in order if channel in channel_indices]
    names = names_of(channel_labels, shown.record.shape[-1])
    views = time.views(shown.record, sample_indices)
    every = _curves_of(views, sample_indices, channel_indices)
    options = RangeOptions(norm, vmin, vmax, linthresh, percentile)
    within = [View(view.values[channel_indices], view.real) for view in views]
    scale = options.scale(within, shown.record.quantity, shown.signed)

    by = panels or _panels(len(sample_indices), len(channel_indices), ax)
    if by not in PANELS:
        raise ValueError(f"panels is {by!r}; expected {', '.join(map(repr, PANELS))}")
    plots = _plots(every, by, sample_indices, channel_indices)
    by_sample = color == "sample" or (
        color is None and (_differ(plots, "sample") or not _differ(plots, "channel"))
    )
    own_colour = color if color not in ("sample", "channel") else None
    grid = GridOptions(ax, figsize, title, n_rows, n_cols, ticks).grid(len(plots))
    banded = any(len(of) > MOST_CURVES for of in plots) if bands is None else bands
    for axes, of in zip(grid.used, plots, strict=True):
        values = drawn_on(scale, np.stack([curve.values for curve in of]))
        own = scale if sharey else scales.free_scale(scale, values)
        axes.axhline(0, color="#dadce0", linewidth=0.8, zorder=0)
        if banded:
            _draw_bands(axes, values, own_colour or _colours.sample_colour(0))
        else:
            for curve, drawn in zip(of, values, strict=True):
                colour = own_colour or _colours.sample_colour(
                    curve.sample if by_sample else curve.channel
                )
                axes.plot(drawn, **{"color": colour, "linewidth": 1.1, **line})
        _mark_specials(axes, of, own)
        set_axis(axes, "y", own)
        axes.set_xlim(-0.5, values.shape[1] - 0.5)
        if lags:
            axes.invert_xaxis()
        _image.number_axis(axes.xaxis)
    titles = _titles(by, sample_indices, channel_indices, names)
    heading = shown.title if title is None else title
    if title is None and len(plots) == 1 and by != "all":
        heading = ", ".join(filter(None, (heading, titles[0])))
    grid.label(time.axis, shown.label, titles, heading, own_y=not sharey)
    if legend:
        grid.legend(
            _band_entries(own_colour or _colours.sample_colour(0))
            if banded
            else []
            if own_colour
            else _entries(plots, by_sample, names)
        )
    return grid.figure, grid.axes


def _curves_of(
    views: Sequence[View], samples: Sequence[int], channels: Sequence[int]
) -> list[_Curve]:
    found = []
    for sample, view in zip(samples, views, strict=True):
        real = real_of(view)
        for channel in channels:
            values = np.where(real, view.values[channel], np.float32(np.nan))
            found.append(_Curve(sample, channel, values, real))
    return found


def _panels(samples: int, channels: int, ax: AxesLike | None) -> str:
    one = ax is not None and np.size(np.asarray(ax, np.object_)) == 1
    return "all" if one or samples == 1 or channels > _MOST_PANELS else "channel"


def _plots(
    every: Sequence[_Curve], by: str, samples: Sequence[int], channels: Sequence[int]
) -> list[list[_Curve]]:
    if by == "all":
        return [[*every]]
    return [
        [curve for curve in every if getattr(curve, by) == index]
        for index in (samples if by == "sample" else channels)
    ]


def _differ(plots: Sequence[Sequence[_Curve]], what: str) -> bool:
    return any(len({getattr(curve, what) for curve in of}) > 1 for of in plots)


def _titles(
    by: str, samples: Sequence[int], channels: Sequence[int], names: Sequence[str] | None
) -> list[str]:
    if by == "all":
        return [""]
    if by == "sample":
        return [f"sample {sample}" for sample in samples]
    return [names[channel] if names else f"channel {channel}" for channel in channels]


def _draw_bands(axes: Axes, values: NDArray[Any], colour: str) -> None:
    """Draw quantiles over curves, of the finite values at each timestep."""
    finite = np.where(np.isfinite(values), values, np.nan)
    known = ~np.isnan(finite).all(axis=0)
    quantiles = np.full((len(BANDS), values.shape[1]), np.nan)
    quantiles[:, known] = np.nanquantile(finite[:, known], BANDS, axis=0)
    timesteps = np.arange(values.shape[1])
    for low, high, alpha in ((0, 4, 0.18), (1, 3, 0.3)):
        axes.fill_between(
            timesteps, quantiles[low], quantiles[high], color=colour, alpha=alpha, linewidth=0
        )
    axes.plot(timesteps, quantiles[2], color=colour, linewidth=1.3)


def _band_entries(colour: str) -> list[Any]:
    return [
        Line2D([], [], color=colour, label="median"),
        Line2D([], [], color=colour, alpha=0.48, linewidth=6, label="25 to 75 %"),
        Line2D([], [], color=colour, alpha=0.18, linewidth=6, label="5 to 95 %"),
    ]


def _mark_specials(axes: Axes, curves: Sequence[_Curve], scale: Scale) -> None:
    marks: list[tuple[str, float, Callable[[NDArray[Any]], NDArray[Any]]]]
    marks = [("NaN", 1.0, np.isnan), ("+Inf", 1.0, np.isposinf), ("−Inf", 0.0, np.isneginf)]
    if scale.name == "log":
        marks.append(("exact 0", 0.0, lambda values: values == 0))
    for name, edge, test in marks:
        at = np.any([curve.real & test(curve.values) for curve in curves], axis=0)
        if at.any():
            axes.plot(
                np.flatnonzero(at),
                np.full(at.sum(), edge),
                color=_colours.SPECIALS[name],
                linestyle="none",
                marker="s",
                markersize=4,
                clip_on=False,
                transform=axes.get_xaxis_transform(),
                label=name,
            )


def _entries(
    plots: Sequence[Sequence[_Curve]], by_sample: bool, names: Sequence[str] | None
) -> list[Any]:
    indices = sorted({c.sample if by_sample else c.channel for of in plots for c in of})
    if len(indices) < 2 or len(indices) > len(_colours.SAMPLES):
        return []

    def name(index: int) -> str:
        if by_sample:
            return f"sample {index}"
        return names[index] if names else f"channel {index}"

    return [
        Line2D([], [], color=_colours.sample_colour(index), label=name(index)) for index in indices
    ]
