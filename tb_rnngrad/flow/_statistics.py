"""The statistics of a batch of sequences, one row per timestep.

`_definitions` says which question each statistic answers. The statistics are small enough to log at
every training step and to read whole. They leave out padded timesteps. They do not hide non-finite
values: these make the statistics of their timestep NaN or Inf, and `nan_share` and `inf_share` say
how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._definitions import (
    OF_LAGS,
    OF_TIMESTEPS,
    REACH,
    STATISTICS,
    Positions,
    Timesteps,
)
from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._samples import OF_SAMPLES, Curves, of_samples
from tb_rnngrad.flow._stops import smallest_of
from tb_rnngrad.flow._summing import sums_of_each
from tb_rnngrad.flow._sums import Lags, Sums, joined
from tb_rnngrad.flow._thresholds import DEFAULT_THRESHOLDS, Thresholds
from tb_rnngrad.parts import Part, parts_of
from tb_rnngrad.quantities import check_direction
from tb_rnngrad.record import as_data, as_mask

_MOST_CELLS_TOGETHER: Final = 2**18
_FIRST_REACH: Final = STATISTICS.index(REACH[0])
_DEAD_SHARE: Final = STATISTICS.index("dead_share")


@dataclass(frozen=True)
class Statistics:
    """The statistics of one batch.

    Attributes:
        rows: [timesteps, len(STATISTICS)] float32. If there are parts, statistics by lag or by
            sample are NaN here, since each part has its own order.
        parts: name of a part -> the statistics of its channels.
    """

    rows: NDArray[np.float32]
    parts: Mapping[str, NDArray[np.float32]]


def statistics(
    data: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    direction: str = "forward",
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> NDArray[np.float32]:
    """Return the statistics of every timestep, over samples and channels.

    Args:
        data: [samples, timesteps, channels], floating point.
        mask: [samples, timesteps] of bool, True where a timestep is real, or lengths [samples] of
            integers; None if all are real.
        direction: the order in which the layer processes timesteps. Lags count from a sample's
            last real timestep ("forward") or its first ("backward"). With "both", statistics by lag
            or by sample are NaN.
        thresholds: the thresholds beyond which `exploding_samples` and `vanishing_samples` count a
            sample.

    Returns:
        [timesteps, len(STATISTICS)] float32, in the order of `STATISTICS`. Row i holds timestep i,
        or lag i for statistics by lag. If that is padding in every sample, the number of real
        samples is 0 and the other statistics are NaN. Statistics of the whole batch are repeated in
        every row.

    Raises:
        ValueError, TypeError: If an argument is invalid; the message names it.

    Example:
        >>> rows = tb_rnngrad.flow.statistics(np.full((4, 10, 9), 2.0), mask=[10, 10, 10, 5])
        >>> rows[[0, 9], tb_rnngrad.flow.STATISTICS.index("norm_mean")]
        array([6., 6.], dtype=float32)
        >>> rows[[0, 9], tb_rnngrad.flow.STATISTICS.index("real_samples")]
        array([4., 3.], dtype=float32)
    """
    check_direction(direction)
    array = as_data(data, "other")
    if array.ndim != 3:
        raise ValueError(f"data has shape {array.shape}; expected [samples, timesteps, channels]")
    given = None if mask is None else as_mask(mask, array.shape)
    return statistics_of_each([array], [given], None, direction, thresholds)[0].rows


def statistics_of_each(
    batches: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[np.bool_] | None],
    channel_groups: Mapping[str, int] | None = None,
    direction: str = "forward",
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> list[Statistics]:
    """Return the statistics of several batches, much faster than one by one if they are small.

    Args:
        batches: each [samples, timesteps, channels]; all have the same samples and channels.
        masks: for each batch [samples, timesteps] of bool, or None if all timesteps are real.
        channel_groups: name -> number of channels; the names determine the parts (see `parts_of`).
        direction: see `statistics`.
        thresholds: see `statistics`.

    Returns:
        For each batch its `Statistics`, whose `rows` are what `statistics` returns.

    Example:
        >>> groups = {"forward": 3, "backward": 3}
        >>> batches = [np.ones((4, 10, 6)), np.ones((4, 12, 6))]
        >>> first, second = tb_rnngrad.flow.statistics_of_each(batches, [None, None], groups)
        >>> second.rows.shape == (12, len(tb_rnngrad.flow.STATISTICS))
        True
        >>> sorted(second.parts)
        ['backward', 'forward']
    """
    if len(batches) > 1 and sum(batch.size for batch in batches) > _MOST_CELLS_TOGETHER:
        half = len(batches) // 2
        rest = channel_groups, direction, thresholds
        first = statistics_of_each(batches[:half], masks[:half], *rest)
        return first + statistics_of_each(batches[half:], masks[half:], *rest)
    sums = {
        part.name: sums_of_each(
            [batch[:, :, part.channels] for batch in batches], masks, part.direction
        )
        for part in parts_or_whole(batches[0].shape[1], channel_groups, direction)
    }
    return statistics_of_sums(sums, thresholds)


def parts_or_whole(
    timesteps: int, channel_groups: Mapping[str, int] | None, direction: str
) -> list[Part]:
    """Return the parts to judge separately; if there are none, one part "" with all channels.

    Args:
        timesteps: the number of timesteps; a record of a single one has no parts.
        channel_groups: name -> number of channels, in the order of the channels; or None.
        direction: the order in which the layer processes timesteps.

    Example:
        >>> parts = tb_rnngrad.flow.parts_or_whole(10, {"forward": 3, "backward": 3}, "forward")
        >>> [(part.name, part.direction) for part in parts]
        [('forward', 'forward'), ('backward', 'backward')]
    """
    parts = parts_of(channel_groups, direction) if timesteps > 1 else []
    return parts or [Part("", slice(None), direction, channel_groups)]


def statistics_of_sums(sums: Mapping[str, Sums], thresholds: Thresholds) -> list[Statistics]:
    """Return the statistics of each batch, computed from sums.

    Args:
        sums: name of a part -> its sums; the name is "" if there are no parts
            (`parts_or_whole` names them).
        thresholds: see `statistics`.

    Returns:
        For each batch its `Statistics`.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tables = {name: _tables(of_part, thresholds) for name, of_part in sums.items()}
        if "" in tables:
            return [Statistics(rows, {}) for rows in tables[""]]
        return [
            Statistics(rows, {name: of_part[index] for name, of_part in tables.items()})
            for index, rows in enumerate(_tables(joined([*sums.values()]), thresholds))
        ]


def _tables(sums: Sums, thresholds: Thresholds) -> list[NDArray[np.float32]]:
    """Return [timesteps, len(STATISTICS)] for each batch."""
    columns = np.full((len(STATISTICS), len(sums.moments.samples)), np.nan, np.float32)
    timesteps = Timesteps(sums.moments, sums.cells, sums.mask)
    for name, of_timesteps in OF_TIMESTEPS.items():
        columns[STATISTICS.index(name)] = of_timesteps(timesteps)
    if sums.by_lag is not None:
        lags = Positions(sums.by_lag, sums.by_lag.known)
        for name, of_lags in OF_LAGS.items():
            columns[STATISTICS.index(name)] = of_lags(lags)
    table = np.ascontiguousarray(columns.T)
    table[:, _DEAD_SHARE] = np.repeat(_dead_shares(sums, timesteps), sums.lengths)
    if sums.by_lag is not None:
        smallest = [smallest_of(one) for one in np.split(sums.cells.max_abs, sums.starts[1:])]
        _fill_of_samples(table, sums.by_lag, sums.lengths, smallest, thresholds)
    return np.split(table, sums.starts[1:])


def _dead_shares(sums: Sums, timesteps: Timesteps) -> Float64:
    """Return [batches]: the share of channels that are exactly 0 at all real timesteps."""
    lengths = np.array(sums.lengths)
    shares = np.full(len(lengths), np.nan)
    is_long = lengths > 0  # `reduceat` cannot reduce an empty slice
    starts = sums.starts[is_long]
    has_cells = np.logical_or.reduceat(timesteps.cells, starts)
    dead = np.zeros(len(starts))
    if sums.cells.zeros.any():
        dead = 1 - np.logical_or.reduceat(sums.cells.alive, starts, axis=0).mean(axis=1)
    shares[is_long] = np.where(has_cells, dead, np.nan)
    return shares


def _fill_of_samples(
    table: NDArray[np.float32],
    lags: Lags,
    lengths: Sequence[int],
    smallest: Sequence[float],
    thresholds: Thresholds,
) -> None:
    """Fill in the statistics of individual samples; neighbours of equal length go together."""
    norms, noise = lags.norms, lags.squared_noise
    start = batch = 0
    for length, batches in groupby(lengths):
        steps = len([*batches])
        at = slice(start, start := start + steps * length)
        of_batches = slice(batch, batch := batch + steps)
        if length == 0:
            continue

        def by_step(values: NDArray[Any], steps: int = steps, at: slice = at) -> NDArray[Any]:
            return values[at].reshape(steps, -1, *values.shape[1:])

        curves = Curves(
            np.ascontiguousarray(by_step(norms).swapaxes(1, 2)),
            np.ascontiguousarray(by_step(noise).swapaxes(1, 2)),
            by_step(lags.squared_mean),
            np.ascontiguousarray(by_step(lags.known.T).swapaxes(1, 2)),
            np.array(smallest[of_batches]),
        )
        named, reach = of_samples(curves, thresholds)
        rows = by_step(table)
        rows[..., _FIRST_REACH : _FIRST_REACH + len(REACH)] = reach
        of_batch = np.stack([named[name] for name in OF_SAMPLES], axis=1)
        rows[..., -len(OF_SAMPLES) :] = of_batch[:, np.newaxis]
