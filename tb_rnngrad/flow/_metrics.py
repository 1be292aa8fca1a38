"""What norms by lag say of the network's memory.

Lag 0 is the last real timestep, lag l is l timesteps before it. NaN stands for "there is no such
lag" in what is given, and for "undefined" in what is returned.
"""

from __future__ import annotations

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
    return float(_horizons(_one_row(norms), eps)[0])


def _horizons(rows: Float64, eps: float) -> Float64:
    """Return the memory horizon of each of [rows, lags]."""
    if not 0 < eps <= 1:
        raise ValueError(f"eps is {eps}; expected above 0 and at most 1")
    known = np.fmax(rows, 0)  # of NaN, 0
    largest = known.max(axis=1, initial=0)
    reached = known >= eps * largest[:, np.newaxis]
    lags = np.where(reached, np.arange(rows.shape[1]), -1).max(axis=1, initial=-1)
    return np.where((largest > 0) & (largest < np.inf), lags, np.nan)


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
    return ExponentialFit(*(float(one[0]) for one in _fits(_one_row(norms))))


def _fits(rows: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Return the parts of the `ExponentialFit` of each of [rows, lags]."""
    known = np.isfinite(rows) & (rows > 0)
    number = known.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(rows)
        largest = logs.max(axis=1, initial=-np.inf, where=known)
        logs = np.where(known, logs - largest[:, np.newaxis], 0)  # exactly 0 where nothing changes
        lags = np.where(known, np.arange(rows.shape[1]), 0)
        mean_lag, mean_log = lags.sum(axis=1) / number, logs.sum(axis=1) / number
        lag = np.where(known, lags - mean_lag[:, np.newaxis], 0)
        log = np.where(known, logs - mean_log[:, np.newaxis], 0)
        slope = _products(lag, log) / _products(lag, lag)
        residual = log - slope[:, np.newaxis] * lag
        spread, error = _products(log, log), _products(residual, residual)
        half_life = np.where(slope == 0, np.inf, -np.log(2) / slope)
        r2 = np.where(spread == 0, 1, 1 - error / spread)
    fit = half_life, r2, largest + mean_log - slope * mean_lag, slope
    half_life, r2, log_norm, slope = (np.where(number < 2, np.nan, one) for one in fit)
    return half_life, r2, log_norm, slope


def _products(one: Float64, other: Float64) -> Float64:
    """Return the scalar product of each row with the other's."""
    return np.einsum("rl,rl->r", one, other)


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
    return _gains(_one_row(norms))[0]


def _gains(rows: Float64) -> Float64:
    """Return the gains of each of [rows, lags]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rows[:, :-1] > 0, rows[:, 1:] / rows[:, :-1], np.nan)


def largest_gain(norms: ArrayLike) -> float:
    """Is there one timestep at which the gradient blows up: the largest `gain`.

    Args:
        norms: [lags].

    Returns:
        The gain; NaN where none is defined.
    """
    return float(_largest_gains(_one_row(norms))[0])


def _largest_gains(rows: Float64) -> Float64:
    """Return the largest gain of each of [rows, lags]."""
    largest = np.fmax.reduce(_gains(rows), axis=1, initial=-np.inf)  # of NaN, the other
    return np.where(largest == -np.inf, np.nan, largest)


def _one_row(norms: ArrayLike) -> Float64:
    return np.asarray(norms, np.float64)[np.newaxis]


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
    return scalars_of_each([rows], eps, names)[0]


def scalars_of_each(
    flows: Sequence[ArrayLike], eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> list[dict[str, float]]:
    """Return the `scalars` of several steps; together they take a fraction of the time."""
    by_lags: dict[int, list[int]] = {}
    norms = [as_rows(rows, names)[:, names.index("lag_norm_mean")] for rows in flows]
    for index, one in enumerate(norms):
        by_lags.setdefault(len(one), []).append(index)
    found: dict[int, dict[str, float]] = {}
    for indices in by_lags.values():
        alike = np.array([norms[index] for index in indices], np.float64)
        columns = {
            "memory_horizon": _horizons(alike, eps),
            "half_life": _fits(alike)[0],
            "largest_gain": _largest_gains(alike),
        }
        lists = {n: np.where(np.isfinite(c), c, np.nan).tolist() for n, c in columns.items()}
        for place, index in enumerate(indices):
            found[index] = {name: column[place] for name, column in lists.items()}
    return [found[index] for index in range(len(norms))]


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
