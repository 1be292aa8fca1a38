"""Scatter plots: the values of each sample, for records without a time axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._given import Given, chosen, shown_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._heatmap import names_of
from tb_rnngrad.plot._scale import RangeOptions, drawn_on, set_axis
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import SequenceRecord
from tb_rnngrad.views.view import View, view_of_sample


def scatter(
    given: Given,
    step: int | None = None,
    *,
    timestep: int | None = None,
    samples: Sequence[int] | int | None = None,
    channel_labels: Sequence[str] | None = None,
    norm: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    linthresh: float | None = None,
    percentile: float = 100,
    color: str | None = None,
    cmap: str | Colormap = "viridis",
    marker: str = "o",
    s: float = 16,
    colorbar: bool = True,
    ticks: bool = True,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    ax: AxesLike | None = None,
    **points: Any,
) -> tuple[Figure, AxesGrid]:
    """Draw the values of each sample around a zero line, coloured by channel.

    For layers that emit their last output alone (`return_sequences=False`).

    Args:
        given: a record, a series, or an array [samples, channels] or
            [samples, timesteps, channels].
        step: the training step of a series; None for its last one.
        timestep: which timestep to draw, if there are several; -1 is the last.
        samples: which samples to draw; None for all.
        channel_labels: a name for each channel, for the colour bar.
        norm: the scale of the y axis: "symlog", "linear", "log" or "abs"; None for symlog if the
            values are gradients, else linear.
        vmin: the lower end of the y axis; None for `-vmax`, or 0 for magnitudes.
        vmax: the upper end of the y axis; None for the largest magnitude.
        linthresh: where symlog becomes linear; None for a thousandth of `vmax`. For "log", the
            least magnitude that it distinguishes.
        percentile: end an automatic range at this percentile of the magnitudes: 100, 99.5, 99 or
            95.
        color: "sample" for the page's colour of each sample, or one of Matplotlib's colours for
            all points; None for a colour for each channel, from `cmap`.
        cmap: the map of the channels' colours.
        marker: Matplotlib's marker of a point.
        s: Matplotlib's size of a point.
        colorbar: whether to add a colour bar that names the channels.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        figsize: width and height in inches.
        ax: the axes to draw into; None for a new figure.
        points: further options of Matplotlib's `Axes.scatter`.

    Returns:
        The figure, and its axes as [1, 1].

    Raises:
        ValueError: If the values are a matrix, have several timesteps and none is chosen, or an
            option is invalid.
        KeyError: If the series has no tensor at `step`.

    Example:
        >>> gradient = np.random.default_rng(0).normal(size=(16, 6))
        >>> figure, axes = tb_rnngrad.plot.scatter(gradient)
        >>> axes[0, 0].collections[0].get_offsets().shape
        (96, 2)
    """
    shown = shown_of(given, step)
    rows = _rows(shown.record, timestep)
    indices = chosen(samples, len(rows), "sample")
    names = names_of(channel_labels, rows.shape[1])
    views = [View(view_of_sample(rows[index], None).values, None) for index in indices]
    options = RangeOptions(norm, vmin, vmax, linthresh, percentile)
    scale = options.scale(views, shown.record.quantity, shown.signed)
    grid = GridOptions(ax, figsize, title, ticks=ticks).grid(1)
    axes = grid.used[0]
    axes.axhline(0, color="#80868b", linewidth=0.8, zorder=0)

    values = drawn_on(scale, rows[indices])
    x = np.repeat(np.asarray(indices, np.float64), rows.shape[1])
    channels = np.tile(np.arange(rows.shape[1]), len(indices))
    look: dict[str, Any] = {"c": channels, "cmap": _colours.colour_map(scale, cmap)}
    look |= {"vmin": -0.5, "vmax": rows.shape[1] - 0.5}
    if color == "sample":
        look = {"c": [_colours.sample_colour(int(sample)) for sample in x]}
    elif color is not None:
        look = {"color": color}
    drawn = axes.scatter(x, values.ravel(), marker=marker, s=s, **look, **points)
    set_axis(axes, "y", scale)
    axes.set_xlim(min(indices) - 0.5, max(indices) + 0.5)
    _image.number_axis(axes.xaxis)
    grid.label("sample", shown.label, [""], shown.title if title is None else title)
    if colorbar and color is None:
        bar = grid.figure.colorbar(drawn, ax=axes, label="channel", aspect=30, pad=0.02)
        _image.number_axis(bar.ax.yaxis, names)
    return grid.figure, grid.axes


def _rows(record: SequenceRecord, timestep: int | None) -> Any:
    """Return [samples, channels]."""
    if is_matrix(record.quantity):
        raise ValueError(f"a {record.quantity} is a matrix; plot.weights or plot.jacobian draws it")
    timesteps = record.sequences.shape[1]
    if timestep is None and timesteps > 1:
        raise ValueError(
            f"the values have {timesteps} timesteps; expected timestep=, or plot.curves"
        )
    (index,) = chosen(0 if timestep is None else timestep, timesteps, "timestep")
    return record.sequences[:, index].astype(np.float32)
