"""One step's statistics as the flags use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64
from tb_rnngrad.flow._scalars import horizons_of
from tb_rnngrad.flow._thresholds import Thresholds

# Gradients that pass through the recurrence. Other gradients vanish or explode for other reasons:
# if the head reads only the last timestep, the output gradient is 0 before it, whatever the layer
# learns.
THROUGH_TIME: Final = frozenset(
    {"hidden_state_gradient", "cell_state_gradient", "gate_gradient", "input_gradient"}
)

# Quantities whose rows are not timesteps, or whose columns are not channels of a layer.
_NOT_OVER_TIME: Final = frozenset(
    {"weight", "weight_gradient", "state_jacobian", "itemized_gradient"}
)


class JudgedStep:
    """One step's statistics by name.

    Args:
        rows: [timesteps, statistics].
        names: the names of the columns.
        quantity: what they are statistics of.
        thresholds: the thresholds beyond which a flag is up.
        counted_by: the thresholds by which the statistics counted samples.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        names: Sequence[str],
        quantity: str,
        thresholds: Thresholds,
        counted_by: Thresholds,
    ) -> None:
        self._rows = rows
        self._names = names
        self._quantity = quantity
        self.thresholds = thresholds
        self.counted_by = counted_by

    def column(self, name: str) -> Float64 | None:
        """Return one statistic, [timesteps]; None if it was not logged."""
        if name not in self._names:
            return None
        return np.asarray(self._rows[:, self._names.index(name)], np.float64)

    def of_batch(self, name: str) -> float:
        """Return a statistic of the whole batch; NaN if it was not logged."""
        column = self.column(name)
        return np.nan if column is None else largest(column)

    @property
    def has_time_axis(self) -> bool:
        """Whether the statistics are of channels over timesteps."""
        return len(self._rows) > 1 and self._quantity not in _NOT_OVER_TIME

    @property
    def passes_through_time(self) -> bool:
        """Whether the statistics are of gradients that the recurrence carries back."""
        return self._quantity in THROUGH_TIME

    @property
    def horizon(self) -> float:
        """The median sample's memory horizon."""
        return horizons_of(self._rows, self.thresholds.eps, self._names)[1]

    @property
    def lags(self) -> float:
        """The largest lag of the sample of median length."""
        if "lags_p50" in self._names or np.isnan(self.horizon):
            return self.of_batch("lags_p50")
        return float(len(self._rows) - 1)  # an older log, whose samples have equal lengths

    @property
    def judged_samples(self) -> int:
        """The number of samples that could be judged."""
        return int(np.nan_to_num(self.of_batch("horizon_samples")))


def largest(values: Float64) -> float:
    """Return the largest value, ignoring NaN; NaN if no value is left."""
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else np.nan
