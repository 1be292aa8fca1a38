"""Heatmaps: channels by timesteps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._given import Given, Shown, TimeOptions, chosen, order_view, sequences_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._image import Cells
from tb_rnngrad.plot._scale import RangeOptions, map_for, name_of, norm_of
from tb_rnngrad.views.order import channel_order as order_of
from tb_rnngrad.views.view import REDUCTIONS, View, reduce_samples

REDUCTION_WORDS: Final = {
    "mean": "mean over samples",
    "mean_abs": "mean magnitude",
    "rms": "RMS over samples",
    "max_abs": "largest magnitude",
    "std": "standard deviation",
}


@dataclass(frozen=True)
class _Picture:
    """One heatmap: a view, with its title and the names of its rows."""

    title: str
    view: View
    rows: Sequence[object] | None

    @property
    def cells(self) -> Cells:
        values = self.view.values
        return Cells(values, np.broadcast_to(real_of(self.view), values.shape))


def heatmap(
    given: Given,
    step: int | None = None,
    *,
    samples: Sequence[int] | int | None = None,
    reduce: str | None = None,
    channel: int | None = None,
    lags: bool = False,
    as_processed: bool = False,
    max_timesteps: int | None = None,
    channel_order: str | None = None,
    channel_labels: Sequence[str] | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    linthresh: float | None = None,
    percentile: float = 100,
    cmap: str | Colormap | None = None,
    colorbar: bool = True,
    ticks: bool = True,
    title: str | None = None,
    n_rows: int | None = None,
    n_cols: int | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
) -> tuple[Figure, AxesGrid]:
    """Draw channels (down) by timesteps (across), one heatmap for each sample, on one range.

    Colours, scales and special values (exact 0, NaN, infinities, padding) are those of the page.
    Cells smaller than a pixel are drawn as blocks that show their value of largest magnitude.

    Args:
        given: a record, a series, or an array [samples, timesteps, channels] or
            [timesteps, channels].
        step: the training step of a series; None for its last one.
        samples: which samples to draw; None for all.
        reduce: draw these samples as one heatmap: "mean", "mean_abs", "rms", "max_abs" or "std".
            At each timestep only samples that are real there count.
        channel: draw this channel alone, as one heatmap of samples (down) by timesteps.
        lags: count timesteps back from each sample's last real one; lag 0 is at the right.
        as_processed: draw backward directions in the order in which they process time.
        max_timesteps: draw only so many timesteps, or lags.
        channel_order: "norm", "lag" (of the peak) or "correlation", within each channel group;
            None for their numbers.
        channel_labels: a name for each channel.
        norm: "symlog", "linear", "log", "abs", or one of Matplotlib's norms; None for symlog if
            the values are gradients, else linear.
        vmin: the lower end; None for `-vmax`, or 0 for magnitudes.
        vmax: the upper end; None for the largest magnitude.
        linthresh: where symlog becomes linear; None for a thousandth of `vmax`. For "log", the
            least magnitude that it distinguishes.
        percentile: end an automatic range at this percentile of the magnitudes: 100, 99.5, 99 or
            95. Values beyond have colours of their own.
        cmap: a name of the page's or of Matplotlib's, or a map; None for the page's default.
        colorbar: whether to add a colour bar.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        n_rows: rows of heatmaps.
        n_cols: columns of heatmaps.
        figsize: width and height in inches.
        ax: the axes to draw into, as many as there are heatmaps; None for a new figure.

    Returns:
        The figure, and its axes as [rows, columns].

    Raises:
        ValueError: If the values have no time axis, or an option is invalid.
        KeyError: If the series has no tensor at `step`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> gradient = rng.normal(size=(4, 50, 8)) * 0.9 ** np.arange(50)[:, None]
        >>> record = tb_rnngrad.SequenceRecord(gradient, layer="lstm_1")
        >>> figure, axes = tb_rnngrad.plot.heatmap(record, n_rows=2, percentile=99)
        >>> axes.shape
        (2, 2)
    """
    shown = sequences_of(given, step, "heatmap")
    time = TimeOptions(lags, as_processed, max_timesteps)
    indices = chosen(samples, shown.record.shape[0], "sample")
    if channel is not None:
        pictures = [_of_channel(shown, time, indices, channel, channel_labels)]
    else:
        order = None
        if channel_order is not None:
            view = order_view(shown.record, indices, as_processed)
            order = order_of(view, shown.record.channel_groups, channel_order)
        pictures = _of_samples(shown, time, indices, reduce, order, channel_labels)
    signed = shown.signed and reduce in (None, "mean")
    options = RangeOptions(name_of(norm, vmin, vmax, linthresh), vmin, vmax, linthresh, percentile)
    scale = options.scale([p.view for p in pictures], shown.record.quantity, signed)
    colours = _colours.colour_map(scale, map_for(norm, cmap))
    common = norm_of(scale, norm)

    grid = GridOptions(ax, figsize, title, n_rows, n_cols, ticks).grid(len(pictures))
    drawn = []
    for axes, picture in zip(grid.used, pictures, strict=True):
        image = _image.draw_cells(axes, picture.cells, common, colours)
        drawn.append((axes, picture.cells))
        if lags:
            axes.invert_xaxis()
        if ticks:
            _image.number_axis(axes.xaxis)
            _image.number_axis(axes.yaxis, picture.rows)
        if channel is None:
            _image.mark_groups(axes, shown.record.channel_groups, "small")
    vertical = "sample" if channel is not None else "channel"
    heading = shown.title if title is None else title
    if title is None and len(pictures) == 1:
        heading = ", ".join(filter(None, (heading, pictures[0].title)))
    grid.label(time.axis, vertical, [p.title for p in pictures], heading)
    cells = [picture.cells for picture in pictures]
    if colorbar:
        label = shown.label if reduce is None else f"{REDUCTION_WORDS[reduce]} of {shown.label}"
        _image.add_colour_bar(grid, image, cells, label)
    grid.legend(_image.legend_of(cells, colours.name))
    _image.fit(grid.figure, drawn)
    return grid.figure, grid.axes


def _of_samples(
    shown: Shown,
    time: TimeOptions,
    indices: Sequence[int],
    reduce: str | None,
    order: NDArray[np.intp] | None,
    labels: Sequence[str] | None,
) -> list[_Picture]:
    views = time.views(shown.record, indices)
    titles = [f"sample {index}" for index in indices]
    if reduce is not None:
        if reduce not in REDUCTIONS:
            expected = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(f"reduce is {reduce!r}; expected {expected} or None")
        views = [reduce_samples(views, reduce)]
        titles = [REDUCTION_WORDS[reduce]]
    channels = np.arange(shown.record.shape[-1]) if order is None else order
    rows = names_of(labels, shown.record.shape[-1])
    named = [rows[channel] for channel in channels] if rows else channels.tolist()
    return [
        _Picture(title, View(view.values[channels], view.real), named)
        for title, view in zip(titles, views, strict=True)
    ]


def _of_channel(
    shown: Shown,
    time: TimeOptions,
    indices: Sequence[int],
    channel: int,
    labels: Sequence[str] | None,
) -> _Picture:
    (index,) = chosen(channel, shown.record.shape[-1], "channel")
    views = time.views(shown.record, indices)
    values = np.stack([view.values[index] for view in views])
    names = names_of(labels, shown.record.shape[-1])
    title = names[index] if names else f"channel {index}"
    return _ChannelPicture(title, View(values, None), indices, views)


@dataclass(frozen=True)
class _ChannelPicture(_Picture):
    """One channel of each sample, whose rows end at different timesteps."""

    views: Sequence[View]

    @property
    def cells(self) -> Cells:
        return Cells(self.view.values, np.stack([real_of(view) for view in self.views]))


def real_of(view: View) -> NDArray[np.bool_]:
    """Return which timesteps of a view are real, [timesteps]."""
    return np.ones(view.values.shape[1], np.bool_) if view.real is None else view.real


def names_of(labels: Sequence[str] | None, channels: int) -> Sequence[str] | None:
    """Return the channels' names; ValueError unless there is one for each."""
    if labels is not None and len(labels) != channels:
        raise ValueError(f"channel_labels has {len(labels)} names; data has {channels} channels")
    return labels
