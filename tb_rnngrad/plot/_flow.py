"""Gradient flow: norms by timestep, at one step or over training."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tb_rnngrad import scales
from tb_rnngrad.events.reader import Flow, Series
from tb_rnngrad.flow import STATISTICS, horizons_of
from tb_rnngrad.flow import statistics as statistics_of
from tb_rnngrad.plot import _colours, _image
from tb_rnngrad.plot._flow_statistics import FLOW_STATISTICS, FlowStatistic, column_of
from tb_rnngrad.plot._given import Given, sequences_of
from tb_rnngrad.plot._grid import AxesGrid, AxesLike, GridOptions
from tb_rnngrad.plot._image import Cells
from tb_rnngrad.plot._scale import RangeOptions, name_of, norm_of, set_axis
from tb_rnngrad.scales import Scale

_LEAST_SHARE: Final = 1e-4  # of a step's largest value that relative maps distinguish
_LEAST: Final = 2.0**-149  # the smallest positive float32: an exact 0 would look vanished


def flow(
    given: Given | Flow,
    step: int | None = None,
    *,
    statistic: str = "norm",
    lags: bool = False,
    relative: bool = True,
    horizon: bool = True,
    eps: float = 0.01,
    norm: str | Normalize | None = None,
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
    """Draw the norm by timestep: a map over training, or one step's curve.

    A series or a `tb_rnngrad.events.reader.Flow` gives a map of timesteps (down) by training steps
    (across), with the memory horizon of the median sample as a white line. A record, an array, or a
    series with `step` gives a curve, with a band from 5 to 95 % of the samples. All describe the
    whole batch.

    Args:
        given: a series, its flow, a record, or an array [samples, timesteps, channels] or
            [timesteps, channels].
        step: draw the curve of this training step of a series.
        statistic: "norm", "rms", "max", "agreement" (of signs), "snr", "zeros" or "nonfinite".
        lags: count timesteps back from each sample's own end.
        relative: whether a map is relative to each step's largest value; applies to norm, rms and
            max.
        horizon: whether a map shows the memory horizon; it does over timesteps only if all samples
            end at the same one.
        eps: the share of a sample's largest norm that the horizon asks for.
        norm: "log", "linear", "symlog", "abs", or one of Matplotlib's norms; None for what suits
            the statistic.
        vmin: the lower end of the range; None for an automatic one.
        vmax: the upper end of the range; None for an automatic one.
        cmap: a name of the page's or of Matplotlib's, or a map; None for the page's default.
        color: one of Matplotlib's colours for the curve; None for the page's first.
        colorbar: whether to add a colour bar to a map.
        ticks: whether axes have numbers and labels.
        title: the figure's title; None for what is drawn.
        figsize: width and height in inches.
        ax: the axes to draw into; None for a new figure.

    Returns:
        The figure, and its axes as [1, 1].

    Raises:
        ValueError: If the values have no time axis, the flow does not hold the statistic, or an
            option is invalid.

    Example:
        >>> gradient = 0.9 ** np.arange(49, -1, -1.0).reshape(1, 50, 1) * np.ones((4, 1, 3))
        >>> figure, axes = tb_rnngrad.plot.flow(gradient)
        >>> axes[0, 0].get_lines()[0].get_ydata()[-1].round(3)  # the square root of 3 channels
        np.float32(1.732)
    """
    if statistic not in FLOW_STATISTICS:
        expected = ", ".join(map(repr, FLOW_STATISTICS))
        raise ValueError(f"statistic is {statistic!r}; expected one of {expected}")
    chosen = FLOW_STATISTICS[statistic]
    logged, name, backward = _flow_of(given, step)
    grid = GridOptions(ax, figsize, title, ticks=ticks).grid(1)
    end = chosen.limit if vmax is None else vmax
    options = RangeOptions(name_of(norm, vmin, vmax) or chosen.scale, vmin, end)
    heading = name if title is None else title
    is_map = isinstance(given, (Series, Flow)) and step is None
    axis = "lag" if lags else "timestep"
    if not is_map:
        _draw_curve(grid.used[0], logged, chosen, lags, options, color or _colours.sample_colour(0))
        grid.label(axis, chosen.what, [""], heading)
        return grid.figure, grid.axes
    is_relative = relative and chosen.sized
    values, real = _map_of(logged, chosen, lags, is_relative)
    scale = _scale_of(values, real, options, is_relative)
    cells = Cells(values, real)
    image = _image.draw_cells(
        grid.used[0], cells, norm_of(scale, norm), _colours.colour_map(scale, cmap or "viridis")
    )
    if horizon:
        _draw_horizon(grid.used[0], logged, lags, eps, backward)
    _image.number_axis(grid.used[0].xaxis, logged.steps.tolist())
    _image.number_axis(grid.used[0].yaxis)
    grid.label("training step", axis, [""], heading)
    if colorbar:
        label = chosen.what + (",\nrelative to each step's largest" if is_relative else "")
        _image.add_colour_bar(grid, image, [cells], label)
    grid.legend(_image.legend_of([cells], "viridis"))
    _image.fit(grid.figure, [(grid.used[0], cells)])
    return grid.figure, grid.axes


def _flow_of(given: Given | Flow, step: int | None) -> tuple[Flow, str, bool]:
    """Return the flow to draw, what it is, and whether lags count from the first timestep."""
    if isinstance(given, Flow):
        return given, "", False
    if isinstance(given, Series):
        logged, name = given.flow, f"{given.run}, {given.tag}"
        if not len(logged.steps):
            raise ValueError(f"{given.tag!r} has no flow statistics; expected a tag that logs them")
        if logged.values.shape[1] < 2:
            raise ValueError(f"{given.tag!r} has no time axis; plot.flow needs timesteps")
        if step is not None:
            at = np.flatnonzero(logged.steps == step)
            if not len(at):
                nearest = logged.steps[np.abs(logged.steps - step).argmin()]
                raise ValueError(
                    f"no flow of {given.tag!r} at step {step}; the nearest is {nearest}"
                )
            logged = Flow(logged.steps[at], logged.values[at], logged.statistics)
            name += f", step {step}"
        return logged, name, given.metadata.direction == "backward"
    shown = sequences_of(given, step, "flow")
    record = shown.record
    rows = record.flow
    if rows is None:
        rows = statistics_of(record.data, record.mask, direction=record.direction)
    backward = record.direction == "backward"
    return Flow(np.zeros(1, np.int64), rows[np.newaxis], STATISTICS), shown.title, backward


def _draw_curve(
    axes: Axes,
    logged: Flow,
    chosen: FlowStatistic,
    lags: bool,
    options: RangeOptions,
    colour: str,
) -> None:
    (values,) = chosen.of(logged, lags)
    band = []
    if chosen is FLOW_STATISTICS["norm"] and not lags:
        band = [column_of(logged, name)[0] for name in ("norm_p05", "norm_p95")]
    every = np.stack([values, *band]).astype(np.float32)
    scale = _scale_of(every, np.ones(every.shape, np.bool_), options, relative=False)
    timesteps = np.arange(len(values))
    if band:
        axes.fill_between(
            timesteps, *band, color=colour, alpha=0.18, linewidth=0, label="5 to 95 % of samples"
        )
    axes.plot(timesteps, every[0], color=colour, linewidth=1.4)
    set_axis(axes, "y", scale)
    axes.set_xlim(-0.5, len(values) - 0.5)
    if lags:
        axes.invert_xaxis()
    _image.number_axis(axes.xaxis)


def _map_of(
    logged: Flow, chosen: FlowStatistic, lags: bool, relative: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the map's values and which are real, [timesteps or lags, steps]."""
    values = chosen.of(logged, lags).T
    name = "lag_real_samples" if lags else "real_samples"
    real = np.ones(values.shape, np.bool_)
    if name in logged.statistics:
        real = column_of(logged, name).T > 0
    if not real.any():
        raise ValueError(
            "no lag has a sample: the record has parts with an order of their own; "
            "expected the flow of one of series.parts"
            if lags
            else "the flow has no real timestep"
        )
    if relative:
        known = np.where(np.isfinite(values) & real, values, 0)
        largest = known.max(axis=0, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.maximum(_LEAST, values / largest)
        values = np.where((values > 0) & (largest > 0), shares, values)
    return values.astype(np.float32), real


def _scale_of(
    values: NDArray[np.float32], real: NDArray[np.bool_], options: RangeOptions, relative: bool
) -> Scale:
    """Return the scale from the least positive value, or the least share, to the largest value."""
    positive = values[real & (values > 0) & np.isfinite(values)]
    least, most = (positive.min(), positive.max()) if len(positive) else (np.nan, np.nan)
    threshold = None
    if relative and options.norm == "log":
        most, threshold = 1.0, max(_LEAST_SHARE, float(np.nan_to_num(least)))
    return scales.make_scale(
        scales.Extent(float(least), float(most), float(most), float(least)),
        str(options.norm),
        signed=False,
        low=options.vmin,
        high=options.vmax,
        threshold=threshold,
    )


def _draw_horizon(axes: Axes, logged: Flow, lags: bool, eps: float, backward: bool) -> None:
    rows = [_horizon_row(table, logged.statistics, lags, eps, backward) for table in logged.values]
    if not np.isnan(rows).all():
        axes.plot(rows, color="white", linewidth=1.6)


def _horizon_row(
    table: NDArray[np.float32], names: tuple[str, ...], lags: bool, eps: float, backward: bool
) -> float:
    """Return the row of a map at which the median sample's horizon lies; NaN if there is none.

    Over timesteps there is one only if all samples end at the same timestep.
    """
    known = table[~np.isnan(table[:, names.index("norm_mean")])]
    horizon = horizons_of(table, eps, names)[1] if len(known) else np.nan
    if lags or np.isnan(horizon):
        return horizon
    if "real_samples" not in names:
        return np.nan
    samples: NDArray[Any] = np.nan_to_num(table[:, names.index("real_samples")])
    real = np.flatnonzero(samples > 0)
    end = real[0] if backward else real[-1]
    if samples[end] < samples.max():
        return np.nan
    return float(end + horizon if backward else end - horizon)
