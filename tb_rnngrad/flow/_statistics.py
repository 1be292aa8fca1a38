"""Per timestep, statistics over samples and channels.

Which question each answers stands in its docstring. They are small enough to log at every training
step and to read whole. Padded timesteps are left out. What is not finite is not hidden: it makes
the statistics that it enters NaN or Inf, and `nan_share` and `inf_share` say how much there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


class _Batch:
    """What the statistics share: a batch of sequences, [samples, timesteps, channels].

    float64 throughout, as the squares of gradients leave float32's range long before the
    gradients do.
    """

    def __init__(self, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
        real = np.ones(data.shape[:2], np.bool_) if mask is None else mask
        self.real = real
        self.data: Float64 = data.astype(np.float64)
        if mask is not None:
            self.data[~real] = 0
        self.samples: NDArray[np.int64] = real.sum(axis=0)
        self.cells: NDArray[np.int64] = self.samples * data.shape[2]

    @cached_property
    def norms(self) -> Float64:
        """[samples, timesteps]: L2 norm over channels."""
        return np.sqrt(np.einsum("stc,stc->st", self.data, self.data))

    @cached_property
    def ranked_norms(self) -> Float64:
        """[samples, timesteps]: the norms in ascending order, padding last, NaN after it."""
        return np.sort(np.where(self.real, self.norms, np.inf), axis=0)

    @cached_property
    def mean(self) -> Float64:
        """[timesteps, channels]: mean over samples."""
        return self.data.sum(axis=0) / self.samples[:, np.newaxis]

    def share(self, found: NDArray[np.bool_]) -> Float64:
        """[timesteps]: the share of real cells at which `found` [S, T, C] holds."""
        return np.where(self.real, np.count_nonzero(found, axis=2), 0).sum(axis=0) / self.cells


def _norm_mean(batch: _Batch) -> Float64:
    """How much gradient reaches this timestep: mean over samples of the L2 norm over channels."""
    return batch.norms.sum(axis=0) / batch.samples


def _norm_quantile(batch: _Batch, probability: float) -> Float64:
    """Do all samples agree: quantile over samples of the norm, linear between order statistics.

    Hyndman and Fan's definition 7, as `numpy.quantile` has it.
    """
    position = probability * np.maximum(batch.samples - 1, 0)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(batch.samples - 1, 0))
    timesteps = np.arange(batch.real.shape[1])
    low, high = batch.ranked_norms[below, timesteps], batch.ranked_norms[above, timesteps]
    weight = position - below
    quantile = np.where(weight == 0, low, low + weight * (high - low))
    return np.where(np.isnan(batch.norms).any(axis=0) | (batch.samples == 0), np.nan, quantile)


def _rms(batch: _Batch) -> Float64:
    """How large is a typical entry: root of the mean square over samples and channels."""
    return np.sqrt((batch.norms**2).sum(axis=0) / batch.cells)


def _max_abs(batch: _Batch) -> Float64:
    """Is there a spike: the largest magnitude over samples and channels."""
    largest = np.maximum(batch.data.max(axis=(0, 2)), -batch.data.min(axis=(0, 2)))
    return np.where(batch.samples == 0, np.nan, largest)


def _mean_norm(batch: _Batch) -> Float64:
    """What is left for the weights: L2 norm over channels of the mean over samples.

    Over `rms * sqrt(channels)` it is the agreement of the samples' signs, 1 where they are equal.
    """
    return np.sqrt((batch.mean**2).sum(axis=1))


def _std_norm(batch: _Batch) -> Float64:
    """How noisy is it: L2 norm over channels of the standard deviation over samples.

    `mean_norm / std_norm` is the signal-to-noise ratio of the gradient at this timestep.
    """
    deviation = batch.data - batch.mean
    squares = np.einsum("stc,stc->st", deviation, deviation)
    return np.sqrt(np.where(batch.real, squares, 0).sum(axis=0) / batch.samples)


def _zero_share(batch: _Batch) -> Float64:
    """Is it dead: the share of exact zeros."""
    return batch.share(batch.data == 0)


def _nan_share(batch: _Batch) -> Float64:
    """The share of NaN."""
    return batch.share(np.isnan(batch.data))


def _inf_share(batch: _Batch) -> Float64:
    """The share of +Inf and -Inf."""
    return batch.share(np.isinf(batch.data))


def _real_samples(batch: _Batch) -> Float64:
    """How many samples are real, not padding, at this timestep; 0: the other statistics are NaN."""
    return batch.samples.astype(np.float64)


_FORMULAS: Final[Mapping[str, Callable[[_Batch], Float64]]] = MappingProxyType(
    {
        "norm_mean": _norm_mean,
        "norm_p05": partial(_norm_quantile, probability=0.05),
        "norm_p50": partial(_norm_quantile, probability=0.50),
        "norm_p95": partial(_norm_quantile, probability=0.95),
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
# the horizon, the half-life, the gain and the signal-to-noise ratio are computed from.
BY_LAG: Final = ("norm_mean", "mean_norm", "std_norm", "real_samples")

STATISTICS: Final[tuple[str, ...]] = (
    *_FORMULAS,
    *(f"lag_{name}" for name in BY_LAG),
    "dead_share",  # of the whole record, so it is the same at every timestep
)

# Timesteps are independent of each other, so they are worked through in pieces that stay in the
# processor's cache: half the time for long sequences.
_PIECE_CELLS: Final = 2**18


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
    by_timestep = _by_timestep(data, mask)
    columns = [tuple(_FORMULAS).index(name) for name in BY_LAG]
    if mask is None:
        of_lags = by_timestep[::-1]
    else:
        timestep, known = timestep_of_lag(mask)
        of_lags = _by_timestep(np.take_along_axis(data, timestep[:, :, np.newaxis], 1), known)
    dead = np.full((len(by_timestep), 1), _dead_share(data, mask), np.float32)
    return np.concatenate([by_timestep, of_lags[:, columns], dead], axis=1)


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


def _by_timestep(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    samples, timesteps, channels = data.shape
    stride = max(1, _PIECE_CELLS // (samples * channels))
    pieces = [slice(start, start + stride) for start in range(0, timesteps, stride)]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rows = [
            np.stack([formula(batch) for formula in _FORMULAS.values()], axis=1)
            for batch in (
                _Batch(data[:, piece], None if mask is None else mask[:, piece]) for piece in pieces
            )
        ]
        return np.concatenate(rows).astype(np.float32)


def _dead_share(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> float:
    """Which channels did nothing: the share of those that are exactly 0 at every real cell.

    NaN where no cell is real.
    """
    cells = data.reshape(-1, data.shape[2]) if mask is None else data[mask]
    return float(1 - np.mean(cells.any(axis=0))) if len(cells) else np.nan


def timestep_of_lag(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return, [samples, lags] each, which timestep a lag is, and whether it is a real one."""
    timesteps = mask.shape[1]
    last = timesteps - 1 - np.argmax(mask[:, ::-1], axis=1)
    timestep = last[:, np.newaxis] - np.arange(timesteps)
    at = np.maximum(timestep, 0)
    return at, (timestep >= 0) & np.take_along_axis(mask, at, axis=1)
