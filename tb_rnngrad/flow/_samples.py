"""What each sample's own norms by lag say, and its quantiles over samples.

Every sample is judged by itself, so that sequences of different lengths cannot mix: a number here
is always that of a real sample. Several steps are computed together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._metrics import fits, largest_gains
from tb_rnngrad.flow._thresholds import Thresholds

QUANTILES: Final[Mapping[str, float]] = {"p05": 0.05, "p50": 0.50, "p95": 0.95}

# Where a loss enters at a timestep of its own the norm may leap there, and nothing has grown on its
# way through time. Recurrences that explode do so over many timesteps.
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
)
"""Names of what is one number a batch, over the samples that can be judged."""


@dataclass(frozen=True)
class Curves:
    """The samples' curves by lag at each of several steps.

    Attributes:
        norms: [steps, samples, lags], L2 norms over channels; anything where not `known`.
        noise: [steps, samples, lags], norms of each sample's deviation from the mean over samples.
        signal: [steps, lags], norms of that mean.
        known: [steps, samples, lags], whether the sample has that lag, and it is not padding.
    """

    norms: Float64
    noise: Float64
    signal: Float64
    known: NDArray[np.bool_]


def of_samples(curves: Curves, thresholds: Thresholds) -> tuple[dict[str, Float64], Float64]:
    """Return what the samples' curves come to, and how far the samples reach.

    A sample is judged where its norms are finite, one is above 0, and it has two lags or more.

    Args:
        curves: of all samples.
        thresholds: beyond which a sample counts as exploding or vanishing.

    Returns:
        Name (`OF_SAMPLES`) -> [steps], NaN where undefined; and [steps, lags, quantiles]: over
        samples, the share of its own largest norm that a sample has at a lag or further back.
    """
    steps, samples, lags = curves.norms.shape

    def by_step(values: NDArray[Any]) -> Float64:
        return np.where(is_judged, values, np.nan).reshape(steps, samples)

    known = curves.known.reshape(-1, lags)
    norms = np.where(known, curves.norms.reshape(-1, lags), 0)
    largest = norms.max(axis=1)
    last = lags - 1 - np.argmax(known[:, ::-1], axis=1)
    is_judged = (largest > 0) & (largest < np.inf) & (last > 0)  # where a norm is NaN, so is this

    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (norms / largest[:, np.newaxis]).astype(np.float32)
    reach = np.maximum.accumulate(shares[:, ::-1], axis=1)[:, ::-1]
    horizon = (reach >= np.float32(thresholds.eps)).sum(axis=1) - 1
    far_end = np.take_along_axis(shares, last[:, np.newaxis], axis=1)[:, 0]
    rows = np.where(known & is_judged[:, np.newaxis], norms, np.nan)
    half_life, r2, _, slope = fits(rows)
    growth, growth_lag = _growth(rows)
    gains = by_step(largest_gains(rows))
    slopes = by_step(slope)
    median_fit = _places(slopes)
    growths = by_step(growth)
    worst = np.argmax(np.where(np.isnan(growths), -1, growths), axis=1)
    at_worst = np.arange(steps), worst
    is_any = is_judged.reshape(steps, samples).any(axis=1)
    found = {
        "horizon_samples": is_judged.reshape(steps, samples).sum(axis=1),
        **_named("far_end", _quantiles(by_step(far_end))),
        **_named("half_life", _taken(by_step(half_life), median_fit)),
        "half_life_r2_p50": _taken(by_step(r2), median_fit)[:, 1],
        "half_life_samples": (~np.isnan(slopes)).sum(axis=1),
        **_named("largest_gain", _quantiles(gains)),
        "gain_samples": (~np.isnan(gains)).sum(axis=1),
        **_named("snr_horizon", _quantiles(by_step(_snr_horizons(curves).reshape(-1)))),
        "growth_p50": _quantiles(growths)[:, 1],
        "growth_max": growths[at_worst],
        "growth_sample": np.where(is_any, worst, np.nan),
        "growth_lag": by_step(growth_lag)[at_worst],
        "lags_p50": _quantiles(by_step(last))[:, 1],
        "exploding_samples": (growths > thresholds.exploding).sum(axis=1),
        "vanishing_samples": (by_step(horizon) < thresholds.vanishing * by_step(last)).sum(axis=1),
    }
    judged_reach = np.where(is_judged[:, np.newaxis], reach, np.nan).reshape(steps, samples, lags)
    of_lags = np.swapaxes(judged_reach, 1, 2).reshape(-1, samples)
    return found, _quantiles(of_lags).reshape(steps, lags, len(QUANTILES))


def _growth(rows: Float64) -> tuple[Float64, Float64]:
    """Return, [rows] each, how many times a sample's norm grows on its way back, and by which lag.

    Counted from the first lag that has a gradient. Of a leap from one lag to the next only so much
    counts as a recurrence could have done.

    Args:
        rows: [rows, lags], NaN where there is no such lag.
    """
    has_gradient = rows > 0
    # From the lag before that has one, past holes in the mask: there a layer keeps its state.
    lags = np.where(has_gradient, np.arange(rows.shape[1]), -1)
    before = np.maximum.accumulate(lags, axis=1)[:, :-1]
    logs = np.log(np.where(has_gradient, rows, 1))
    changes = logs[:, 1:] - np.take_along_axis(logs, np.maximum(before, 0), axis=1)
    changes = np.where(has_gradient[:, 1:] & (before >= 0), changes, 0)
    changes = np.minimum(changes, np.log(_MOST_GROWTH_A_TIMESTEP))
    grown = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(changes, axis=1)], axis=1)
    lag = np.argmax(grown, axis=1)
    with np.errstate(over="ignore"):
        return np.exp(np.take_along_axis(grown, lag[:, np.newaxis], axis=1)[:, 0]), lag


def _snr_horizons(curves: Curves) -> Float64:
    """Return [steps, samples]: the largest lag up to which a sample's noise is never above signal.

    -1 where it is at lag 0 already; NaN where nothing is known of the sample.
    """
    signal = curves.signal[:, np.newaxis]
    known = curves.known & np.isfinite(curves.noise) & np.isfinite(signal)
    noisy = known & (signal < curves.noise)
    last = known.shape[2] - 1 - np.argmax(known[..., ::-1], axis=2)
    horizon = np.where(noisy.any(axis=2), np.argmax(noisy, axis=2) - 1, last)
    return np.where(known.any(axis=2), horizon, np.nan)


def _ranks(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return [rows, quantiles]: which of a row's sorted values it is, and whether there is one.

    Of n values the quantile q is the ceil(q n)-th smallest: Hyndman and Fan's definition 1, which
    takes no mean between samples. So the median of an even number is the lower one.
    """
    number = (~np.isnan(values)).sum(axis=1)
    rank = np.ceil(np.multiply.outer(number, [*QUANTILES.values()]) - 1e-9).astype(np.intp) - 1
    return np.maximum(rank, 0), rank >= 0


def _places(values: Float64) -> NDArray[np.intp]:
    """Return [rows, quantiles]: which sample has the quantile; -1 where no sample has a value."""
    rank, exists = _ranks(values)
    order = np.argsort(values, axis=1)  # NaN last
    return np.where(exists, np.take_along_axis(order, rank, axis=1), -1)


def _taken(values: Float64, places: NDArray[np.intp]) -> Float64:
    """Return [rows, quantiles]: the values of those samples; NaN where there is none."""
    return np.where(places >= 0, np.take_along_axis(values, np.maximum(places, 0), axis=1), np.nan)


def _quantiles(values: NDArray[Any]) -> NDArray[Any]:
    """Return [rows, quantiles] over samples; values that are NaN are left out."""
    rank, exists = _ranks(values)
    ranked = np.sort(values, axis=1)  # NaN last
    return np.where(exists, np.take_along_axis(ranked, rank, axis=1), np.nan)


def _named(metric: str, quantiles: Float64) -> dict[str, Float64]:
    return {f"{metric}_{name}": quantiles[:, place] for place, name in enumerate(QUANTILES)}
