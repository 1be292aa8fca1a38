"""What a flow map can show.

The page has the same list (`frontend/src/maths/flow/statistics.ts`); tests compare the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events.reader import Flow

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class FlowStatistic:
    """One quantity of a flow.

    Attributes:
        what: what a cell holds, in words.
        columns: the statistics by timestep that it is computed from.
        by_lag: whether a flow also holds these by lag.
        formula: from those columns to the quantity.
        scale: "log" or "linear".
        sized: whether it scales with the gradient, so that it can be drawn relative to each step's
            largest.
        limit: where its scale ends; None for its largest value.
    """

    what: str
    columns: tuple[str, ...]
    by_lag: bool
    formula: Callable[..., Float64]
    scale: str
    sized: bool
    limit: float | None

    def of(self, flow: Flow, lags: bool) -> Float64:
        """Return [steps, timesteps or lags]; NaN where unknown.

        Raises:
            ValueError: If the flow does not hold it.
        """
        if lags and not self.by_lag:
            raise ValueError(f"the flow does not hold the {self.what} by lag; expected lags=False")
        names = [f"lag_{name}" if lags else name for name in self.columns]
        missing = [name for name in names if name not in flow.statistics]
        if missing:
            raise ValueError(f"the flow does not hold {', '.join(missing)}: it is older")
        columns = [column_of(flow, name) for name in names]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.formula(*columns)


def column_of(flow: Flow, name: str) -> Float64:
    """Return one statistic of a flow, [steps, timesteps]."""
    return flow.values[..., flow.statistics.index(name)].astype(np.float64)


FLOW_STATISTICS: Final[Mapping[str, FlowStatistic]] = {
    "norm": FlowStatistic(
        "norm over channels, mean over samples", ("norm_mean",), True, np.asarray, "log", True, None
    ),
    "rms": FlowStatistic(
        "root of the mean square over samples and channels",
        ("rms",),
        False,
        np.asarray,
        "log",
        True,
        None,
    ),
    "max": FlowStatistic(
        "largest magnitude over samples and channels",
        ("max_abs",),
        False,
        np.asarray,
        "log",
        True,
        None,
    ),
    "agreement": FlowStatistic(
        "|mean| / RMS over samples: 1 where all agree",
        ("mean_norm", "std_norm"),
        True,
        lambda mean, std: mean / np.hypot(mean, std),
        "linear",
        False,
        1,
    ),
    "snr": FlowStatistic(
        "|mean| / standard deviation over samples",
        ("mean_norm", "std_norm"),
        True,
        np.divide,
        "log",
        False,
        None,
    ),
    "zeros": FlowStatistic(
        "share of exact zeros", ("zero_share",), False, np.asarray, "linear", False, 1
    ),
    "nonfinite": FlowStatistic(
        "share of NaN and Inf", ("nan_share", "inf_share"), False, np.add, "linear", False, 1
    ),
}
