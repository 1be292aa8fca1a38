"""Metrics of the network's memory, computed from one curve of norms by lag.

These functions take the curve of one sample (`by_lag`). NaN in the input means that the sample has
no such lag; NaN in the result means that the metric is undefined.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._lags import Float64


def memory_horizon(norms: ArrayLike, eps: float = 0.01) -> float:
    """Return how far back the gradient reaches.

    This is the largest lag at which the norm is at least `eps` times the largest norm over all
    lags. Whether a network can learn long dependencies depends on the ratio of long-range to
    short-range error flow, which no learning rate changes (Hochreiter, Bengio, Frasconi and
    Schmidhuber 2001, "Gradient flow in recurrent nets: the difficulty of learning long-term
    dependencies").

    Args:
        norms: [lags].
        eps: above 0, at most 1.

    Returns:
        The lag, in timesteps; NaN if no norm is above 0, or if any is infinite.

    Raises:
        ValueError: If `eps` is not above 0 and at most 1.

    Example:
        >>> tb_rnngrad.flow.memory_horizon([1.0, 0.5, 0.02, 0.001])
        2.0
    """
    return float(horizons(_one_row(norms), eps)[0])


def horizons(rows: Float64, eps: float) -> Float64:
    """Return the memory horizon of each row of [rows, lags]."""
    check_eps(eps)
    known = np.fmax(rows, 0)  # NaN becomes 0
    largest = known.max(axis=1, initial=0)
    reached = known >= eps * largest[:, np.newaxis]
    lags = np.where(reached, np.arange(rows.shape[1]), -1).max(axis=1, initial=-1)
    return np.where((largest > 0) & (largest < np.inf), lags, np.nan)


def check_eps(eps: float) -> None:
    """Raise ValueError unless `eps` is above 0 and at most 1."""
    if not 0 < eps <= 1:
        raise ValueError(f"eps is {eps}; expected above 0 and at most 1")


class ExponentialFit(NamedTuple):
    """A line fitted to log norm against lag.

    Attributes:
        half_life: number of timesteps back over which the norm halves. If negative, the norm
            doubles over that many; if infinite, it does not change.
        r2: the share of the variance of log norm that the line explains, 0 to 1. The half-life is
            meaningful only if this is near 1.
        log_norm: the fitted log norm at lag 0.
        slope: the change of log norm per timestep of lag.
    """

    half_life: float
    r2: float
    log_norm: float
    slope: float


def exponential_fit(norms: ArrayLike) -> ExponentialFit:
    """Return how fast the gradient fades, if it fades at a constant rate.

    Fits log norm against lag by least squares, since the error flow scales exponentially with the
    lag (Hochreiter 1991; Hochreiter et al. 2001). Leaves out lags whose norm is 0 or not finite,
    since they have no finite logarithm; `memory_horizon` counts them.

    Args:
        norms: [lags].

    Returns:
        The fit; all NaN if fewer than two lags have a positive, finite norm.

    Example:
        >>> round(tb_rnngrad.flow.exponential_fit([8.0, 4.0, 2.0, 1.0]).half_life, 6)
        1.0
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(_one_row(norms))
    logs[~np.isfinite(logs)] = np.nan
    return ExponentialFit(*(float(one[0]) for one in fits_of_logs(logs)))


def fits_of_logs(logs: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Return the fields of each row's `ExponentialFit`.

    `logs` holds log norms, [rows, lags], with NaN for missing ones.
    """
    known = ~np.isnan(logs)
    number = known.sum(axis=1)
    lags = np.arange(logs.shape[1])[np.newaxis]
    is_left_out = None
    if not known.all():
        lags, is_left_out = np.where(known, lags, 0), ~known

    def centred(values: NDArray[Any]) -> tuple[Float64, Float64]:
        mean = values.sum(axis=1) / (number if len(values) == len(number) else values.shape[1])
        centred = values - mean[:, np.newaxis]
        if is_left_out is not None:
            centred[is_left_out] = 0
        return mean, centred

    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.fmax.reduce(logs, axis=1, initial=-np.inf)
        logs = logs - largest[:, np.newaxis]  # exactly 0 if the norm is constant
        if is_left_out is not None:
            logs[is_left_out] = 0
        (mean_lag, lag), (mean_log, log) = centred(lags), centred(logs)
        along, spread = _products(lag, log), _products(log, log)
        slope = along / _products(lag, lag)
        half_life = np.where(slope == 0, np.inf, -np.log(2) / slope)
        r2 = np.where(spread == 0, 1, np.minimum(slope * along / spread, 1))
    fit = half_life, r2, largest + mean_log - slope * mean_lag, slope
    half_life, r2, log_norm, slope = (np.where(number < 2, np.nan, one) for one in fit)
    return half_life, r2, log_norm, slope


def _products(one: Float64, other: Float64) -> Float64:
    """Return the scalar product of each row of `one` with the same row of `other`."""
    return np.einsum("rl,rl->r", one, other)


def gain(norms: ArrayLike) -> Float64:
    """Return the factor by which each timestep back changes the gradient's norm.

    The gain is ||g_t|| / ||g_t+1||. Below 1 the gradient shrinks at that timestep, above 1 it grows
    (Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks").
    If every timestep has a loss, each gain also contains that timestep's own loss.

    Args:
        norms: [lags].

    Returns:
        [lags - 1]: the gain into each lag from the timestep processed after it; NaN where that
        one's norm was 0.

    Example:
        >>> tb_rnngrad.flow.gain([8.0, 4.0, 6.0])
        array([0.5, 1.5])
    """
    return _gains(_one_row(norms))[0]


def _gains(rows: Float64) -> Float64:
    """Return the gains of each row of [rows, lags]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = rows[:, 1:] / rows[:, :-1]
    gains[~(rows[:, :-1] > 0)] = np.nan
    return gains


def largest_gain(norms: ArrayLike) -> float:
    """Return the largest `gain`: is there one timestep at which the gradient blows up?

    Args:
        norms: [lags].

    Returns:
        The gain; NaN if none is defined.

    Example:
        >>> tb_rnngrad.flow.largest_gain([8.0, 4.0, 6.0])
        1.5
    """
    return float(largest_gains(_one_row(norms))[0])


def largest_gains(rows: Float64) -> Float64:
    """Return the largest gain of each row of [rows, lags]."""
    largest = np.fmax.reduce(_gains(rows), axis=1, initial=-np.inf)  # ignores NaN
    return np.where(largest == -np.inf, np.nan, largest)


def _one_row(norms: ArrayLike) -> Float64:
    return np.asarray(norms, np.float64)[np.newaxis]


def snr_horizon(mean_norm: ArrayLike, std_norm: ArrayLike) -> float:
    """Return how far back the samples agree enough to learn from.

    This is the largest lag up to which ||mean|| / ||std|| over samples, the gradient's
    signal-to-noise ratio, is never below 1. Beyond it, noise outweighs the signal, however large
    the gradient is (Livi 2025, "Learnability window in gated recurrent neural networks").

    Args:
        mean_norm: [lags], norm over channels of the mean over samples.
        std_norm: [lags], norm over channels of the standard deviation over samples.

    Returns:
        The lag, in timesteps; -1 if the ratio is below 1 at lag 0 already; NaN if no lag has finite
        norms.

    Example:
        >>> tb_rnngrad.flow.snr_horizon(mean_norm=[1.0, 0.5, 0.1], std_norm=[0.2, 0.2, 0.2])
        1.0
    """
    mean, std = np.asarray(mean_norm, np.float64), np.asarray(std_norm, np.float64)
    known = np.isfinite(mean) & np.isfinite(std)
    if not known.any():
        return np.nan
    noisy = known & (mean < std)
    return float(np.argmax(noisy) - 1 if noisy.any() else np.flatnonzero(known)[-1])
