"""What norms by lag say of the network's memory.

Lag 0 is the last real timestep, lag l is l timesteps before it. NaN stands for "there is no such
lag" in what is given, and for "undefined" in what is returned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_rnngrad.flow._statistics import STATISTICS, Float64, as_rows, timestep_of_lag


def by_lag(values: ArrayLike, mask: ArrayLike | None = None) -> Float64:
    """Return values by lag, counted from each sample's own last real timestep.

    Args:
        values: [samples, timesteps], one value a timestep, such as a gradient's norm.
        mask: [samples, timesteps] of bool, True where real; None: all are. Padding between real
            timesteps takes part in the count, as time passes there too.

    Returns:
        [samples, lags], as many lags as timesteps; NaN at padding and before the first timestep.
    """
    given = np.asarray(values, np.float64)
    real = np.ones(given.shape, np.bool_) if mask is None else np.asarray(mask, np.bool_)
    timestep, known = timestep_of_lag(real)
    return np.where(known, np.take_along_axis(given, timestep, axis=1), np.nan)


def memory_horizon(norms: ArrayLike, eps: float = 0.01) -> float:
    """How far back does the gradient reach?

    The largest lag at which the norm is at least `eps` times the largest norm over all lags. What
    tells whether long dependencies can be learned is the ratio of long-range to short-range error
    flow, which no learning rate changes (Hochreiter, Bengio, Frasconi and Schmidhuber 2001,
    "Gradient flow in recurrent nets: the difficulty of learning long-term dependencies").

    Args:
        norms: [lags].
        eps: above 0, at most 1.

    Returns:
        The lag, in timesteps. NaN where no norm is above 0, or one is infinite.

    Raises:
        ValueError: `eps` is out of its range.
    """
    if not 0 < eps <= 1:
        raise ValueError(f"eps is {eps}; expected above 0 and at most 1")
    given = np.asarray(norms, np.float64)
    known = np.fmax(given, 0)  # of NaN, 0
    largest = known.max(initial=0)
    if not 0 < largest < np.inf:
        return np.nan
    return float(np.flatnonzero(known >= eps * largest)[-1])


class ExponentialFit(NamedTuple):
    """A line fitted to log norm against lag.

    Attributes:
        half_life: timesteps back over which the norm halves; negative: doubles; inf: it stays.
        r2: the share of the variance of log norm that the line explains, 0 to 1. A half-life means
            something only where this is near 1.
        log_norm: the fitted log norm at lag 0.
        slope: of log norm, per timestep of lag.
    """

    half_life: float
    r2: float
    log_norm: float
    slope: float


def exponential_fit(norms: ArrayLike) -> ExponentialFit:
    """How fast does the gradient fade, if it fades at one rate?

    Least squares of log norm against lag, after Hochreiter's exponential scaling of the error flow
    with the lag (1991; Hochreiter et al. 2001). Lags whose norm is 0 or not finite are left out, as
    they have no logarithm; `memory_horizon` counts them.

    Args:
        norms: [lags].

    Returns:
        The fit; NaN throughout where fewer than two lags have a positive, finite norm.
    """
    given = np.asarray(norms, np.float64)
    lags = np.flatnonzero(np.isfinite(given) & (given > 0))
    if lags.size < 2:
        return ExponentialFit(np.nan, np.nan, np.nan, np.nan)
    logs = np.log(given[lags])
    first = float(logs[0])
    logs -= first  # exactly 0 where nothing changes
    mean_lag, mean_log = lags.sum() / lags.size, logs.sum() / lags.size
    lag, log = lags - mean_lag, logs - mean_log
    slope = float(lag @ log / (lag @ lag))
    residual = log - slope * lag
    spread, error = float(log @ log), float(residual @ residual)
    start = float(mean_log - slope * mean_lag)
    half_life = float(np.inf if slope == 0 else -np.log(2) / slope)
    r2 = 1.0 if spread == 0 else 1 - error / spread
    return ExponentialFit(half_life, r2, first + start, slope)


def gain(norms: ArrayLike) -> Float64:
    """Does one timestep back shrink the gradient or blow it up?

    ||g_t|| / ||g_t+1||: below 1 it vanishes, above 1 it explodes, step by step (Pascanu, Mikolov
    and Bengio 2013, "On the difficulty of training recurrent neural networks"). Where every
    timestep has a loss, each step mixes in that timestep's own.

    Args:
        norms: [lags].

    Returns:
        [lags - 1]: the gain into each lag from the one after it in time; NaN where that was 0.
    """
    given = np.asarray(norms, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(given[:-1] > 0, given[1:] / given[:-1], np.nan)


def largest_gain(norms: ArrayLike) -> float:
    """Is there one timestep at which the gradient blows up: the largest `gain`.

    Args:
        norms: [lags].

    Returns:
        The gain; NaN where none is defined.
    """
    gains = gain(norms)
    known = gains[~np.isnan(gains)]
    return float(known.max()) if known.size else np.nan


def scalars(
    rows: ArrayLike, eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> dict[str, float]:
    """Return one step's flow in a few numbers, for any reader of scalars.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        eps: of the memory horizon.
        names: what the columns are; `lag_norm_mean` has to be among them.

    Returns:
        "memory_horizon", "half_life", "largest_gain" by lag. NaN where one is undefined, and where
        it is infinite (a norm that does not change has no half-life), as charts of scalars have no
        place for either.

    Raises:
        ValueError: `rows` are no statistics, or `eps` is out of its range.
    """
    norms = as_rows(rows, names)[:, names.index("lag_norm_mean")]
    found = {
        "memory_horizon": memory_horizon(norms, eps),
        "half_life": exponential_fit(norms).half_life,
        "largest_gain": largest_gain(norms),
    }
    return {name: value if math.isfinite(value) else np.nan for name, value in found.items()}


def snr_horizon(mean_norm: ArrayLike, std_norm: ArrayLike) -> float:
    """How far back do the samples agree enough to learn from?

    The largest lag up to which ||mean|| / ||std|| over samples is never below 1: beyond, noise
    outweighs the signal, however large the gradient (Livi 2025, "Learnability window in gated
    recurrent neural networks"; the ratio is the gradient's signal-to-noise ratio).

    Args:
        mean_norm: [lags], norm over channels of the mean over samples.
        std_norm: [lags], norm over channels of the standard deviation over samples.

    Returns:
        The lag, in timesteps; -1 where already lag 0 is noise; NaN where nothing is known of it.
    """
    mean, std = np.asarray(mean_norm, np.float64), np.asarray(std_norm, np.float64)
    known = np.isfinite(mean) & np.isfinite(std)
    if not known.any():
        return np.nan
    noisy = known & (mean < std)
    return float(np.argmax(noisy) - 1 if noisy.any() else np.flatnonzero(known)[-1])
