"""Summarises one step's flow in a few numbers of the median sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._definitions import STATISTICS, as_rows
from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._metrics import check_eps
from tb_rnngrad.flow._samples import QUANTILES


def horizons_of(
    rows: ArrayLike, eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> tuple[float, float, float]:
    """Return the 5 %, 50 % and 95 % quantiles over samples of the memory horizon.

    A sample's horizon is the largest lag at which its norm is at least `eps` times its own largest.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        eps: above 0, at most 1.
        names: the names of the columns. Older logs have no statistics of individual samples; for
            them all three quantiles are the horizon of the mean norm, or NaN if samples differ in
            length.

    Raises:
        ValueError: If `rows` does not have one column for each name, or `eps` is out of range.

    Example:
        >>> halving = np.ones((4, 1, 3)) * 0.5 ** np.arange(9, -1, -1.0).reshape(1, 10, 1)
        >>> tb_rnngrad.flow.horizons_of(tb_rnngrad.flow.statistics(halving))
        (6.0, 6.0, 6.0)
    """
    check_eps(eps)
    table = as_rows(rows, names)
    found = (_last_reached(_reach(table, names, name), eps) for name in QUANTILES)
    return next(found), next(found), next(found)


def _last_reached(reach: NDArray[np.float32] | None, eps: float) -> float:
    """Return the last lag at which `reach`, which never increases, is at least `eps`."""
    if reach is None or np.isnan(reach[0]):
        return np.nan  # NaN past lag 0 is padding of a shorter step, and does not count as reached
    return float((reach >= np.float32(eps)).sum() - 1)


def _reach(
    table: NDArray[np.float32], names: Sequence[str], quantile: str
) -> NDArray[np.float32] | None:
    """Return [lags]: the share of the largest norm that is left at a lag or further back."""
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
    """Return whether the rows have statistics by lag.

    They do not if they cover a whole record with parts, or the sum of two directions, since such
    timesteps have no single order.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        names: the names of the columns.

    Raises:
        ValueError: If `rows` does not have one column for each name.

    Example:
        >>> gradient = np.ones((4, 10, 3))
        >>> tb_rnngrad.flow.counts_by_lag(tb_rnngrad.flow.statistics(gradient))
        True
        >>> tb_rnngrad.flow.counts_by_lag(tb_rnngrad.flow.statistics(gradient, direction="both"))
        False
    """
    table = as_rows(rows, names)
    return "lag_real_samples" in names and not bool(
        np.isnan(table[0, names.index("lag_real_samples")])
    )


def scalars(
    rows: ArrayLike, eps: float = 0.01, names: Sequence[str] = STATISTICS
) -> dict[str, float]:
    """Return one step's flow as a few numbers, for charts of scalars.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        eps: the threshold of the memory horizon.
        names: the names of the columns.

    Returns:
        The median sample's "memory_horizon", "half_life", "largest_gain", and "far_end", the share
        of its largest norm that is left at the other end of the sequence. A value is NaN if it is
        undefined or infinite (a norm that does not change has no half-life), since charts of
        scalars can show neither.

    Raises:
        ValueError: If `rows` does not have one column for each name, or `eps` is out of range.

    Example:
        >>> halving = np.ones((4, 1, 3)) * 0.5 ** np.arange(9, -1, -1.0).reshape(1, 10, 1)
        >>> scalars = tb_rnngrad.flow.scalars(tb_rnngrad.flow.statistics(halving))
        >>> scalars["memory_horizon"], round(scalars["half_life"], 3), scalars["largest_gain"]
        (6.0, 1.0, 0.5)
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
