"""Where each sample's gradient stops in exact zeros, before the other end of its sequence."""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64

OF_STOPS: Final[tuple[str, ...]] = (
    "stop_samples",
    "stop_lag",
    "stop_length",
    "stop_span",
    "stop_margin",
)
"""Names of the statistics with one value per batch, over the samples whose gradient stops."""


def of_stops(norms: Float64, last: NDArray[np.intp], smallest: Float64) -> dict[str, Float64]:
    """Return the statistics `OF_STOPS`, each [steps].

    A sample's gradient stops at a lag if it is exactly 0 there and at every real lag further back,
    and not 0 one lag before. A sample without a real lag further back does not stop: its sequence
    ends.

    Args:
        norms: [steps, samples, lags]: 0 at padding; NaN in samples that are not judged.
        last: [steps, samples]: the largest real lag of each sample.
        smallest: [steps]: the smallest number that the gradient's dtype holds (`smallest_of`).

    Returns:
        "stop_samples": how many samples stop. The others are NaN if none does, and the lag also if
        samples stop at different lags or another sample goes on beyond that lag.
    """
    steps, _, lags = norms.shape
    has_gradient = norms > 0
    end = np.where(has_gradient.any(axis=2), lags - np.argmax(has_gradient[:, :, ::-1], axis=2), 0)
    stops = (end > 0) & (end <= last)
    found = {name: np.full(steps, np.nan) for name in OF_STOPS}
    found["stop_samples"] = stops.sum(axis=1).astype(np.float64)
    for step in np.flatnonzero(stops.any(axis=1)):
        of_step = stops[step]
        ends = end[step][of_step]
        first = np.argmax(has_gradient[step][of_step], axis=1)
        goes_on = (end[step][~of_step] > ends[0]).any()
        found["stop_lag"][step] = np.nan if goes_on or (ends != ends[0]).any() else ends[0]
        found["stop_length"][step] = last[step][of_step].max() + 1
        found["stop_span"][step] = (ends - first).min()
        expected = _next_norms(norms[step][of_step], ends)
        found["stop_margin"][step] = expected.min() / smallest[step]
    return found


def _next_norms(norms: Float64, ends: NDArray[np.intp]) -> Float64:
    """Return [samples]: the norm expected at the stop, had the worst shrinkage so far gone on."""
    lag = np.arange(norms.shape[1] - 1)
    both = (norms[:, 1:] > 0) & (norms[:, :-1] > 0) & (lag + 1 < ends[:, np.newaxis])
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(both, norms[:, 1:] / norms[:, :-1], 1)
    shrinkage = np.minimum(factors.min(axis=1, initial=1), 1)
    return norms[np.arange(len(norms)), ends - 1] * shrinkage


def smallest_of(largest: NDArray[Any]) -> float:
    """Return the smallest number that a gradient's dtype holds, judged by its largest magnitudes.

    Magnitudes that float16 holds exactly, all of them, were computed in float16, whose smallest
    number is 6e-8; unless bfloat16, which has float32's range, holds them too. Below 1.2e-38
    accelerators flush float32 to 0.

    Args:
        largest: [timesteps]: the largest magnitude of each timestep, in float32 or float64.
    """
    known = np.asarray(largest, np.float64)
    known = known[np.isfinite(known) & (known > 0)]

    def are_held_by(dtype: Any) -> bool:
        with np.errstate(over="ignore"):
            return bool((known.astype(dtype).astype(np.float64) == known).all())

    if are_held_by(np.float16) and not are_held_by(ml_dtypes.bfloat16):
        return float(np.finfo(np.float16).smallest_subnormal)
    return float(np.finfo(np.float32).tiny)
