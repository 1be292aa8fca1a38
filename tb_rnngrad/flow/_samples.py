"""Metrics of each sample's own norms by lag, and their quantiles over samples.

Each sample is judged by itself, so sequences of different lengths are never mixed: every quantile
is the value of a real sample. Several steps are computed together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._metrics import fits_of_logs, largest_gains
from tb_rnngrad.flow._stops import OF_STOPS, of_stops
from tb_rnngrad.flow._thresholds import Thresholds

QUANTILES: Final[Mapping[str, float]] = {"p05": 0.05, "p50": 0.50, "p95": 0.95}

# If a timestep has its own loss, the norm may jump there although nothing grew on its way through
# time. Recurrences that explode do so over many timesteps.
_MOST_GROWTH_A_TIMESTEP: Final = 10.0

OF_SAMPLES: Final[tuple[str, ...]] = (
    "horizon_samples",
    *(f"far_end_{name}" for name in QUANTILES),
    *(f"half_life_{name}" for name in QUANTILES),
    "half_life_r2_p50",
    "half_life_samples",
    *(f"largest_gain_{name}" for name in QUANTILES),
    "gain_samples",
    *(f"snr_horizon_{name}" for name in QUANTILES),
    "growth_p50",
    "growth_max",
    "growth_sample",
    "growth_lag",
    "lags_p50",
    "exploding_samples",
    "vanishing_samples",
    *OF_STOPS,
)
"""Names of the statistics with one value per batch, over the samples that can be judged."""


@dataclass(frozen=True)
class Curves:
    """The samples' curves by lag at each of several steps.

    Attributes:
        norms: [steps, samples, lags], L2 norms over channels; arbitrary where `known` is False.
        noise: [steps, samples, lags], squared norms of each sample's deviation from the mean over
            samples.
        signal: [steps, lags], squared norms of that mean.
        known: [steps, samples, lags], whether the sample has that lag and it is not padding.
        smallest: [steps], the smallest number that the gradient's dtype holds.
    """

    norms: Float64
    noise: Float64
    signal: Float64
    known: NDArray[np.bool_]
    smallest: Float64


def of_samples(curves: Curves, thresholds: Thresholds) -> tuple[dict[str, Float64], Float64]:
    """Return the statistics `OF_SAMPLES`, and quantiles of how far the samples reach.

    A sample is judged if its norms are finite, at least one is above 0, and it has two or more
    lags.

    Args:
        curves: the curves of all samples.
        thresholds: the thresholds beyond which a sample counts as exploding or vanishing.

    Returns:
        Name (`OF_SAMPLES`) -> [steps], NaN where undefined; and the reach, [steps, lags,
        quantiles]. A sample's reach is the share of its own largest norm that it has at a lag or
        further back.
    """
    steps, samples, lags = curves.norms.shape

    def by_step(values: NDArray[Any]) -> Float64:
        return np.where(is_judged, values, np.nan).reshape(steps, samples)

    known, norms = curves.known.reshape(-1, lags), curves.norms.reshape(-1, lags)
    if not known.all():
        norms = np.where(known, norms, 0)
    largest = norms.max(axis=1)
    last = lags - 1 - np.argmax(known[:, ::-1], axis=1)
    is_judged = (largest > 0) & (largest < np.inf) & (last > 0)  # False if any norm is NaN

    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (norms / largest[:, np.newaxis]).astype(np.float32)
        logs = np.log(norms)
    shares[~is_judged] = np.nan
    logs[~(is_judged[:, np.newaxis] & (norms > 0))] = np.nan
    reach = np.maximum.accumulate(shares[:, ::-1], axis=1)[:, ::-1]
    horizon = (reach >= np.float32(thresholds.eps)).sum(axis=1) - 1
    half_life, r2, _, slope = fits_of_logs(logs)
    growth, growth_lag = _growth(logs)
    slopes, growths = by_step(slope), by_step(growth)
    median_fit = _places(slopes)
    worst = np.argmax(np.where(np.isnan(growths), -1, growths), axis=1)
    at_worst = np.arange(steps), worst
    far_end = shares[np.arange(len(last)), last]
    gain = largest_gains(norms if known.all() else np.where(known, norms, np.nan))
    each = np.stack(
        [by_step(one) for one in (far_end, gain, _snr_horizons(curves).ravel(), growth, last)]
    )
    far_ends, gains, snr_horizons, of_growths, lasts = _quantiles(each)
    number = is_judged.reshape(steps, samples).sum(axis=1)
    found = {
        "horizon_samples": number,
        **_named("far_end", far_ends),
        **_named("half_life", _taken(by_step(half_life), median_fit)),
        "half_life_r2_p50": _taken(by_step(r2), median_fit)[:, 1],
        "half_life_samples": (~np.isnan(slopes)).sum(axis=1),
        **_named("largest_gain", gains),
        "gain_samples": (~np.isnan(each[1])).sum(axis=1),
        **_named("snr_horizon", snr_horizons),
        "growth_p50": of_growths[:, 1],
        "growth_max": growths[at_worst],
        "growth_sample": np.where(number > 0, worst, np.nan),
        "growth_lag": by_step(growth_lag)[at_worst],
        "lags_p50": lasts[:, 1],
        "exploding_samples": (growths > thresholds.exploding).sum(axis=1),
        "vanishing_samples": (by_step(horizon) < thresholds.vanishing * by_step(last)).sum(axis=1),
        **of_stops(
            np.where(is_judged[:, np.newaxis], norms, np.nan).reshape(steps, samples, lags),
            last.reshape(steps, samples),
            curves.smallest,
        ),
    }
    ranked = np.sort(reach.reshape(steps, samples, lags).swapaxes(1, 2), axis=2)  # NaN last
    rank = _ranks(number)
    reached = ranked[np.arange(steps)[:, np.newaxis], :, np.maximum(rank, 0)].swapaxes(1, 2)
    return found, np.where(rank[:, np.newaxis] >= 0, reached, np.float32(np.nan))


def _growth(logs: Float64) -> tuple[Float64, NDArray[np.intp]]:
    """Return the largest growth of each sample's norm on its way back and its lag, each as [rows].

    Growth starts at the first lag that has a gradient. From one lag to the next it counts only up
    to what a recurrence could cause.

    Args:
        logs: [rows, lags], log norms; NaN where the sample has no such lag or no gradient.
    """
    has_gradient = ~np.isnan(logs)
    if not has_gradient.all():
        # Fill holes in the mask from the nearest lag before: a layer keeps its state in a hole.
        first = np.argmax(has_gradient, axis=1)[:, np.newaxis]
        before = np.maximum.accumulate(np.where(has_gradient, np.arange(logs.shape[1]), 0), axis=1)
        logs = np.take_along_axis(logs, np.maximum(before, first), axis=1)
    grown = logs - logs[:, :1]
    excess = np.diff(logs, axis=1) - np.log(_MOST_GROWTH_A_TIMESTEP)
    if (excess > 0).any():
        grown[:, 1:] -= np.cumsum(np.maximum(excess, 0), axis=1)
    lag = np.argmax(grown, axis=1)
    with np.errstate(over="ignore"):
        return np.exp(grown[np.arange(len(lag)), lag]), lag


def _snr_horizons(curves: Curves) -> Float64:
    """Return [steps, samples]: the largest lag up to which noise never exceeds signal in a sample.

    -1 if it does at lag 0 already; NaN if no lag of the sample is known and finite.
    """
    signal = curves.signal[:, np.newaxis]
    known = curves.known & np.isfinite(curves.noise) & np.isfinite(signal)
    noisy = known & (signal < curves.noise)
    last = known.shape[2] - 1 - np.argmax(known[..., ::-1], axis=2)
    horizon = np.where(noisy.any(axis=2), np.argmax(noisy, axis=2) - 1, last)
    return np.where(known.any(axis=2), horizon, np.nan)


def _ranks(number: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return each quantile's index in `number` sorted values, [..., quantiles]; -1 if number is 0.

    The quantile q of n values is the ceil(q n)-th smallest: Hyndman and Fan's definition 1, which
    does not average between samples. The median of an even number of values is the lower one.
    """
    return np.ceil(np.multiply.outer(number, [*QUANTILES.values()]) - 1e-9).astype(np.intp) - 1


def _places(values: Float64) -> NDArray[np.intp]:
    """Return [rows, quantiles]: the index of the sample at each quantile; -1 if all are NaN."""
    rank = _ranks((~np.isnan(values)).sum(axis=1))
    order = np.argsort(values, axis=1)  # NaN last
    return np.where(rank >= 0, np.take_along_axis(order, np.maximum(rank, 0), axis=1), -1)


def _taken(values: Float64, places: NDArray[np.intp]) -> Float64:
    """Return [rows, quantiles]: the values at the indices `places`; NaN where the index is -1."""
    return np.where(places >= 0, np.take_along_axis(values, np.maximum(places, 0), axis=1), np.nan)


def _quantiles(values: Float64) -> Float64:
    """Return [..., quantiles] over samples, the last axis; NaN values are left out."""
    rank = _ranks((~np.isnan(values)).sum(axis=-1))
    ranked = np.sort(values, axis=-1)
    return np.where(rank >= 0, np.take_along_axis(ranked, np.maximum(rank, 0), axis=-1), np.nan)


def _named(metric: str, quantiles: Float64) -> dict[str, Float64]:
    return {f"{metric}_{name}": quantiles[:, place] for place, name in enumerate(QUANTILES)}
