"""The statistics of a timestep or lag, by name.

Each one's docstring says which question it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._samples import OF_SAMPLES, QUANTILES
from tb_rnngrad.flow._sums import Cells, Moments


class Positions:
    """The inputs of the statistics by timestep or by lag."""

    def __init__(self, moments: Moments, mask: NDArray[np.bool_] | None) -> None:
        self.moments = moments
        self.mask = mask  # [samples, positions]
        self.norms = moments.norms  # [positions, samples]

    @cached_property
    def quantiles(self) -> Mapping[str, Float64]:
        """Name -> [positions]: quantiles of the norm over samples.

        Linear between order statistics: Hyndman and Fan's definition 7, like `numpy.quantile`.
        """
        norms = self.norms if self.mask is None else np.where(self.mask.T, self.norms, np.inf)
        ranked = np.sort(norms.astype(np.float32), axis=1)  # padding comes last, NaN after it
        samples = self.moments.samples
        last = np.maximum(samples - 1, 0)
        position = np.array([*QUANTILES.values()])[:, np.newaxis] * last
        below = position.astype(np.int64)
        above = np.minimum(below + 1, last)
        timesteps = np.arange(len(last))
        low, high = ranked[timesteps, below], ranked[timesteps, above]
        weight = position - below
        quantiles = np.where(weight == 0, low, low + weight * (high - low))
        quantiles[:, np.isnan(ranked[:, -1]) | (samples == 0)] = np.nan
        return dict(zip(QUANTILES, quantiles, strict=True))


class Timesteps(Positions):
    """The inputs by timestep, with counts over the cells of each timestep."""

    def __init__(self, moments: Moments, cells: Cells, mask: NDArray[np.bool_] | None) -> None:
        super().__init__(moments, mask)
        self.counted = cells
        self.cells = moments.samples * cells.alive.shape[1]


def _norm_mean(positions: Positions) -> Float64:
    """How much gradient reaches this timestep? Mean over samples of the L2 norm over channels."""
    return positions.norms.sum(axis=1) / positions.moments.samples


def _norm_quantile(positions: Positions, name: str) -> Float64:
    """Do all samples agree? A quantile of the norm over samples."""
    return positions.quantiles[name]


def _rms(timesteps: Timesteps) -> Float64:
    """How large is a typical entry? Root mean square over samples and channels."""
    return np.sqrt(timesteps.moments.squares.sum(axis=1) / timesteps.cells)


def _max_abs(timesteps: Timesteps) -> Float64:
    """Is there a spike? The largest magnitude over samples and channels."""
    return np.where(timesteps.cells == 0, np.nan, timesteps.counted.max_abs)


def _mean_norm(positions: Positions) -> Float64:
    """How much is left for the weights? L2 norm over channels of the mean over samples.

    Divided by `rms * sqrt(channels)`, it measures how far the samples agree: 1 if they are equal.
    """
    return np.sqrt(positions.moments.squared_mean)


def _std_norm(positions: Positions) -> Float64:
    """How noisy is the gradient? L2 norm over channels of the standard deviation over samples.

    `mean_norm / std_norm` is the signal-to-noise ratio of the gradient at this timestep.
    """
    return np.sqrt(positions.moments.variance)


def _zero_share(timesteps: Timesteps) -> Float64:
    """Is the timestep dead? The share of exact zeros."""
    return timesteps.counted.zeros / timesteps.cells


def _nan_share(timesteps: Timesteps) -> Float64:
    """The share of NaN."""
    return timesteps.counted.nan / timesteps.cells


def _inf_share(timesteps: Timesteps) -> Float64:
    """The share of +Inf and -Inf."""
    return timesteps.counted.inf / timesteps.cells


def _real_samples(positions: Positions) -> Float64:
    """How many samples are real, not padding, here? If 0, the other statistics are NaN."""
    return positions.moments.samples.astype(np.float64)


OF_TIMESTEPS: Final[Mapping[str, Callable[[Timesteps], Float64]]] = MappingProxyType(
    {
        "norm_mean": _norm_mean,
        **{f"norm_{name}": partial(_norm_quantile, name=name) for name in QUANTILES},
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

# Also computed by lag, since the sequences of a batch end at different timesteps.
OF_LAGS: Final[Mapping[str, Callable[[Positions], Float64]]] = MappingProxyType(
    {
        "lag_norm_mean": _norm_mean,
        "lag_mean_norm": _mean_norm,
        "lag_std_norm": _std_norm,
        "lag_real_samples": _real_samples,
    }
)
REACH: Final = tuple(f"lag_reach_{name}" for name in QUANTILES)
_OF_BATCH: Final = ("dead_share", *OF_SAMPLES)

STATISTICS: Final[tuple[str, ...]] = (*OF_TIMESTEPS, *OF_LAGS, *REACH, *_OF_BATCH)

BY_LAG: Final[tuple[str, ...]] = (*OF_LAGS, *REACH)
"""The statistics whose row i is lag i, not timestep i."""


def as_rows(rows: ArrayLike, names: Sequence[str] = STATISTICS) -> NDArray[Any]:
    """Return statistics as an array [timesteps, statistics] with one column per name.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        names: the names of the columns.

    Raises:
        ValueError: If `rows` is empty or has another shape.
    """
    given = np.asarray(rows)
    if given.ndim != 2 or given.shape[0] == 0 or given.shape[1] != len(names):
        raise ValueError(
            f"rows has shape {given.shape}; expected [timesteps, statistics] with the "
            f"{len(names)} statistics {', '.join(names)}"
        )
    return given
