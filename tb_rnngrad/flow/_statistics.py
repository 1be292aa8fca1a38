"""Per timestep, statistics over samples and channels.

Which question each answers stands in its docstring. They are small enough to log at every training
step and to read whole. Padded timesteps are left out. What is not finite is not hidden: it makes
the statistics that it enters NaN or Inf, and `nan_share` and `inf_share` say how much there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


_QUANTILES: Final = {"norm_p05": 0.05, "norm_p50": 0.50, "norm_p95": 0.95}


# A difference of two numbers in float64 that is this small a part of them is still good to float32.
_CANCELLED: Final = 1e-4

_PIECE_CELLS: Final = 2**18


class _Piece:
    """Some timesteps of a batch of sequences, [samples, timesteps, channels]: what its cells say.

    Padding is 0 here, so that it adds nothing to a sum.
    """

    def __init__(self, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
        self.mask = mask
        self.size, _, self.channels = data.shape
        # As given where it is only compared: half the bytes.
        self.given = data.astype(np.float64 if data.dtype.itemsize > 4 else np.float32, copy=False)
        if mask is not None:
            self.given = self.given.copy()
            self.given[~mask] = 0
        # The squares of gradients leave float32's range long before the gradients do.
        self.data: Float64 = self.given.astype(np.float64, copy=False)
        self.samples = _real_samples_of(data, mask)

    @cached_property
    def squares(self) -> Float64:
        """[timesteps, samples]: sum of squares over channels."""
        return np.einsum("stc,stc->ts", self.data, self.data)

    @cached_property
    def mean(self) -> Float64:
        """[timesteps, channels]: mean over samples."""
        sums = np.ones(self.size) @ self.data.reshape(self.size, -1)
        return sums.reshape(-1, self.channels) / self.samples[:, np.newaxis]

    @cached_property
    def squared_mean(self) -> Float64:
        """[timesteps]: sum of squares over channels of the mean over samples."""
        return np.einsum("tc,tc->t", self.mean, self.mean)

    @property
    def variance(self) -> Float64:
        """[timesteps]: sum over channels of the variance over samples."""
        mean_squares = self.squares.sum(axis=1) / self.samples
        variance = mean_squares - self.squared_mean
        # Where they nearly cancel, or are not finite, deviations tell.
        near = ~(variance > _CANCELLED * mean_squares) & (mean_squares != 0)
        if near.any():
            deviation = self.data[:, near] - self.mean[near]
            squares = np.einsum("stc,stc->st", deviation, deviation)
            if self.mask is not None:
                squares[~self.mask[:, near]] = 0
            variance[near] = squares.sum(axis=0) / self.samples[near]
        return variance

    @property
    def max_abs(self) -> NDArray[Any]:
        """[timesteps]: the largest magnitude."""
        return np.asarray(np.abs(self.given).max(axis=0).max(axis=1))

    @property
    def zeros(self) -> NDArray[np.int64]:
        """[timesteps, channels]: how many samples are exactly 0 there, padding not counted."""
        found = self.given == 0
        if not found.any():
            return np.zeros(found.shape[1:], np.int64)
        few = self.size <= np.iinfo(np.uint8).max  # counted in bytes, in less than half the time
        counted = found.view(np.uint8).sum(axis=0, dtype=np.uint8 if few else np.int64)
        return counted - (self.size - self.samples)[:, np.newaxis]

    @property
    def nan(self) -> NDArray[np.int64]:
        """[timesteps]: number of NaN."""
        return self._count(np.isnan)

    @property
    def inf(self) -> NDArray[np.int64]:
        """[timesteps]: number of +Inf and -Inf."""
        return self._count(np.isinf)

    def _count(self, is_found: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> NDArray[np.int64]:
        """Count cells of a kind that is never finite: that there is none, the squares tell."""
        if np.isfinite(self.squares).all():
            return np.zeros(len(self.samples), np.int64)
        return np.asarray(is_found(self.given).sum(axis=(0, 2)))


_MOMENTS: Final = ("squares", "squared_mean", "variance")
_OTHERS: Final = ("max_abs", "zeros", "nan", "inf")


class _Batch:
    """What the statistics share: a batch of sequences, its cells summed up.

    Args:
        data: [samples, timesteps, channels].
        mask: [samples, timesteps] of bool, True where real; None: all are.
        needed: names of properties of a `_Piece`, those that the statistics ask for.
    """

    def __init__(
        self, data: NDArray[Any], mask: NDArray[np.bool_] | None, needed: Sequence[str]
    ) -> None:
        self.mask = mask
        self.samples = _real_samples_of(data, mask)
        self.channels = data.shape[2]
        self.cells: NDArray[np.int64] = self.samples * self.channels
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in needed}
        for piece in _pieces(data, mask):
            for name, arrays in parts.items():
                arrays.append(getattr(piece, name))
        self.of = {name: np.concatenate(arrays) for name, arrays in parts.items()}

    @cached_property
    def norms(self) -> Float64:
        """[timesteps, samples]: L2 norm over channels."""
        return np.sqrt(self.of["squares"])

    @cached_property
    def quantiles(self) -> Mapping[str, Float64]:
        """Name -> [timesteps]: quantiles over samples of the norm, linear between order statistics.

        Hyndman and Fan's definition 7, as `numpy.quantile` has it.
        """
        norms = self.norms if self.mask is None else np.where(self.mask.T, self.norms, np.inf)
        ranked = np.sort(norms, axis=1)  # padding last, NaN after it
        last = np.maximum(self.samples - 1, 0)
        position = np.array([*_QUANTILES.values()])[:, np.newaxis] * last
        below = position.astype(np.int64)
        above = np.minimum(below + 1, last)
        timesteps = np.arange(len(last))
        low, high = ranked[timesteps, below], ranked[timesteps, above]
        weight = position - below
        quantiles = np.where(weight == 0, low, low + weight * (high - low))
        quantiles[:, np.isnan(ranked[:, -1]) | (self.samples == 0)] = np.nan
        return dict(zip(_QUANTILES, quantiles, strict=True))

    @property
    def alive(self) -> NDArray[np.bool_]:
        """[timesteps, channels]: whether a real cell is not 0."""
        return np.asarray(self.of["zeros"] < self.samples[:, np.newaxis])


def _pieces(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> Iterator[_Piece]:
    """Give the batch in pieces that stay in the processor's cache: half the time if it is long."""
    samples, timesteps, channels = data.shape
    stride = max(1, _PIECE_CELLS // (samples * channels))
    for start in range(0, timesteps, stride):
        at = slice(start, start + stride)
        yield _Piece(data[:, at], None if mask is None else mask[:, at])


def _real_samples_of(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return [timesteps]: how many samples are not padding there."""
    return np.full(data.shape[1], len(data)) if mask is None else mask.sum(axis=0)


def _norm_mean(batch: _Batch) -> Float64:
    """How much gradient reaches this timestep: mean over samples of the L2 norm over channels."""
    return batch.norms.sum(axis=1) / batch.samples


def _norm_quantile(batch: _Batch, name: str) -> Float64:
    """Do all samples agree: a quantile over samples of the norm."""
    return batch.quantiles[name]


def _rms(batch: _Batch) -> Float64:
    """How large is a typical entry: root of the mean square over samples and channels."""
    return np.sqrt(batch.of["squares"].sum(axis=1) / batch.cells)


def _max_abs(batch: _Batch) -> Float64:
    """Is there a spike: the largest magnitude over samples and channels."""
    return np.where(batch.samples == 0, np.nan, batch.of["max_abs"])


def _mean_norm(batch: _Batch) -> Float64:
    """What is left for the weights: L2 norm over channels of the mean over samples.

    Over `rms * sqrt(channels)` it is the agreement of the samples' signs, 1 where they are equal.
    """
    return np.sqrt(batch.of["squared_mean"])


def _std_norm(batch: _Batch) -> Float64:
    """How noisy is it: L2 norm over channels of the standard deviation over samples.

    `mean_norm / std_norm` is the signal-to-noise ratio of the gradient at this timestep.
    """
    return np.sqrt(batch.of["variance"])


def _zero_share(batch: _Batch) -> Float64:
    """Is it dead: the share of exact zeros."""
    return batch.of["zeros"].sum(axis=1) / batch.cells


def _nan_share(batch: _Batch) -> Float64:
    """The share of NaN."""
    return batch.of["nan"] / batch.cells


def _inf_share(batch: _Batch) -> Float64:
    """The share of +Inf and -Inf."""
    return batch.of["inf"] / batch.cells


def _real_samples(batch: _Batch) -> Float64:
    """How many samples are real, not padding, at this timestep; 0: the other statistics are NaN."""
    return batch.samples.astype(np.float64)


_FORMULAS: Final[Mapping[str, Callable[[_Batch], Float64]]] = MappingProxyType(
    {
        "norm_mean": _norm_mean,
        **{name: partial(_norm_quantile, name=name) for name in _QUANTILES},
        "rms": _rms,
        "max_abs": _max_abs,
        "mean_norm": _mean_norm,
        "std_norm": _std_norm,
        "zero_share": _zero_share,
        "nan_share": _nan_share,
        "inf_share": _inf_share,
        "real_samples": _real_samples,
    }
)

# Statistics that are also taken by lag, as sequences of a batch end at different timesteps: what
# the horizon, the half-life, the gain and the signal-to-noise ratio are computed from. The first,
# the mean norm, is linked there.
BY_LAG: Final = ("norm_mean", "mean_norm", "std_norm", "real_samples")

STATISTICS: Final[tuple[str, ...]] = (
    *_FORMULAS,
    *(f"lag_{name}" for name in BY_LAG),
    "dead_share",  # of the whole record, so it is the same at every timestep
)


def statistics(data: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Return the statistics of every timestep, over samples and channels.

    Args:
        data: [samples, timesteps, channels], floating point.
        mask: [samples, timesteps] of bool, True where real; None: all are.

    Returns:
        [timesteps, len(STATISTICS)] float32, in the order of `STATISTICS`. Row i holds timestep i;
        of statistics by lag, the i-th timestep before each sample's last real one. Where that is
        padding in every sample all are NaN but the number of real samples, which is 0.
        `dead_share` stands in every row: it is of the whole record.
    """
    return statistics_of_each([data], [mask])[0]


def statistics_of_each(
    batches: Sequence[NDArray[Any]], masks: Sequence[NDArray[np.bool_] | None]
) -> list[NDArray[np.float32]]:
    """Return the `statistics` of several batches; together small ones take a fraction of the time.

    Args:
        batches: each [samples, timesteps, channels], as many samples and channels in all.
        masks: of each batch [samples, timesteps] of bool, or None for all.
    """
    if len(batches) > 1 and sum(batch.size for batch in batches) > _PIECE_CELLS:
        half = len(batches) // 2
        first = statistics_of_each(batches[:half], masks[:half])
        return first + statistics_of_each(batches[half:], masks[half:])
    data = batches[0] if len(batches) == 1 else np.concatenate(batches, axis=1)
    mask = None
    if any(one is not None for one in masks):
        pairs = zip(batches, masks, strict=True)
        whole = [np.ones(b.shape[:2], np.bool_) if one is None else one for b, one in pairs]
        mask = np.concatenate(whole, axis=1)
    rows = np.empty((data.shape[1], len(STATISTICS)), np.float32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        together = _Batch(data, mask, (*_MOMENTS, *_OTHERS))
        for column, formula in enumerate(_FORMULAS.values()):
            rows[:, column] = formula(together)
        ends = np.cumsum([batch.shape[1] for batch in batches])[:-1]
        tables = np.split(rows, ends)
        alive = np.split(together.alive, ends)
        for table, channels, batch, own in zip(tables, alive, batches, masks, strict=True):
            _fill_by_lag(table[:, len(_FORMULAS) : -1], table, batch, own)
            has_cells = own is None or own.any()
            table[:, -1] = 1 - channels.any(axis=0).mean() if has_cells else np.nan
    return tables


def _fill_by_lag(
    by_lag: NDArray[np.float32],
    by_timestep: NDArray[np.float32],
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
) -> None:
    """Fill `by_lag` [lags, BY_LAG]; without padding lags are timesteps in reverse."""
    if mask is None:
        by_lag[:] = by_timestep[::-1, [*map([*_FORMULAS].index, BY_LAG)]]
        return
    timestep, known = timestep_of_lag(mask)
    aligned = _Batch(data[np.arange(len(data))[:, np.newaxis], timestep], known, _MOMENTS)
    by_lag[:, 0] = _linked_mean(aligned.norms.T, known)
    for column, name in enumerate(BY_LAG[1:], 1):
        by_lag[:, column] = _FORMULAS[name](aligned)


def as_rows(rows: ArrayLike, names: Sequence[str] = STATISTICS) -> NDArray[Any]:
    """Return statistics as an array [timesteps, statistics] with one column a name.

    Raises:
        ValueError: they are not that.
    """
    given = np.asarray(rows)
    if given.ndim != 2 or given.shape[0] == 0 or given.shape[1] != len(names):
        raise ValueError(
            f"rows has shape {given.shape}; expected [timesteps, statistics] with the "
            f"{len(names)} statistics {', '.join(names)}"
        )
    return given


def _linked_mean(norms: Float64, known: NDArray[np.bool_]) -> Float64:
    """Return the mean over samples, as if every sample had every lag.

    From one lag to the next it changes by the factor by which the mean over the samples that have
    both changes: a chain-linked index. A sample that begins later than others, or has a hole, then
    leaves no jump that would look like a gain. Where there is no such factor (no sample has both, a
    mean of 0, or one that is not finite) it starts again from the mean over the samples there are.

    Args:
        norms: [samples, lags].
        known: [samples, lags], whether the sample has that lag.

    Returns:
        [lags]; NaN where no sample has the lag.
    """
    both = known[:, 1:] & known[:, :-1]
    means = np.where(known, norms, 0).sum(axis=0) / known.sum(axis=0)
    before = np.where(both, norms[:, :-1], 0).sum(axis=0)
    after = np.where(both, norms[:, 1:], 0).sum(axis=0)
    linked = np.all([(x > 0) & (x < np.inf) for x in (means[:-1], before, after)], axis=0)
    steps = np.where(linked, np.log(after / before), 0)
    logs = np.concatenate([[0], np.cumsum(steps)])
    starts = np.where(np.concatenate([[False], linked]), 0, np.arange(len(means)))
    start = np.maximum.accumulate(starts)
    return np.asarray(means[start] * np.exp(logs - logs[start]))


def timestep_of_lag(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return, [samples, lags] each, which timestep a lag is, and whether it is a real one."""
    timesteps = mask.shape[1]
    last = timesteps - 1 - np.argmax(mask[:, ::-1], axis=1)
    timestep = last[:, np.newaxis] - np.arange(timesteps)
    at = np.maximum(timestep, 0)
    return at, (timestep >= 0) & np.take_along_axis(mask, at, axis=1)
