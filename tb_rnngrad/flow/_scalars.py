"""One step's flow in a few numbers: those of the median sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._metrics import check_eps
from tb_rnngrad.flow._samples import QUANTILES
from tb_rnngrad.flow._statistics import STATISTICS, as_rows


def horizons_of(
    rows: ArrayLike, eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> tuple[float, float, float]:
    """Return the 5 %, 50 % and 95 % quantiles over samples of the memory horizon.

    A sample's horizon is the largest lag at which its norm is at least `eps` times its own largest.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        eps: above 0, at most 1.
        names: what the columns are. In logs from before samples were judged by themselves all three
            are the horizon of the mean norm, or NaN where samples differ in length.

    Raises:
        ValueError: `rows` are no statistics, or `eps` is out of its range.
    """
    check_eps(eps)
    table = as_rows(rows, names)
    found = (_last_reached(_reach(table, names, name), eps) for name in QUANTILES)
    return next(found), next(found), next(found)


def _last_reached(reach: NDArray[np.float32] | None, eps: float) -> float:
    """Return the last lag at which `reach`, which never rises, is `eps` or more."""
    if reach is None or np.isnan(reach[0]):
        return np.nan  # beyond the end of a step shorter than others all are NaN, and reach nothing
    return float((reach >= np.float32(eps)).sum() - 1)


def _reach(
    table: NDArray[np.float32], names: Sequence[str], quantile: str
) -> NDArray[np.float32] | None:
    """Return [lags]: how much of the largest norm is left at a lag or further back."""
    column = f"lag_reach_{quantile}"
    if column in names:
        return np.asarray(table[:, names.index(column)], np.float32)
    if not {"lag_norm_mean", "lag_real_samples"} <= {*names}:
        return None
    norms: Float64 = np.asarray(table[:, names.index("lag_norm_mean")], np.float64)
    samples = table[:, names.index("lag_real_samples")]
    if not (samples == samples[0]).all() or not np.isfinite(norms).all() or not norms.max() > 0:
        return None
    reach: NDArray[np.float32] = np.maximum.accumulate(norms[::-1])[::-1].astype(np.float32)
    return reach / reach[0]


def counts_by_lag(rows: ArrayLike, names: Sequence[str] = STATISTICS) -> bool:
    """Return whether these are statistics of timesteps that have one order.

    Those of a whole record with parts are not, nor those of the sum of two directions.
    """
    table = as_rows(rows, names)
    return "lag_real_samples" in names and not bool(
        np.isnan(table[0, names.index("lag_real_samples")])
    )


def scalars(
    rows: ArrayLike, eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> dict[str, float]:
    """Return one step's flow in a few numbers, for any reader of scalars.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        eps: of the memory horizon.
        names: what the columns are.

    Returns:
        Of the median sample: "memory_horizon", "half_life", "largest_gain", and "far_end", the
        share of its largest norm that is left at the other end of the sequence. NaN where one is
        undefined, and where it is infinite (a norm that does not change has no half-life), as
        charts of scalars have no place for either.

    Raises:
        ValueError: `rows` are no statistics, or `eps` is out of its range.
    """
    table = as_rows(rows, names)

    def of_median(metric: str) -> float:
        column = f"{metric}_p50"
        return float(table[0, names.index(column)]) if column in names else np.nan

    found = {
        "memory_horizon": horizons_of(rows, eps, names)[1],
        "half_life": of_median("half_life"),
        "largest_gain": of_median("largest_gain"),
        "far_end": of_median("far_end"),
    }
    return {name: value if np.isfinite(value) else np.nan for name, value in found.items()}
