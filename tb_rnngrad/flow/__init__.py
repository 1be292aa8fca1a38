"""Gradient flow: statistics of every timestep, and what they say about the network's memory."""

from tb_rnngrad.flow._definitions import BY_LAG, STATISTICS, as_rows
from tb_rnngrad.flow._flags import FLAGS, Beyond, Flag, flags, judged
from tb_rnngrad.flow._judged_step import THROUGH_TIME
from tb_rnngrad.flow._lags import by_lag
from tb_rnngrad.flow._metrics import (
    ExponentialFit,
    exponential_fit,
    gain,
    largest_gain,
    memory_horizon,
    snr_horizon,
)
from tb_rnngrad.flow._reach import Reach, reach
from tb_rnngrad.flow._scalars import counts_by_lag, horizons_of, scalars
from tb_rnngrad.flow._statistics import (
    Statistics,
    parts_or_whole,
    statistics,
    statistics_of_each,
    statistics_of_sums,
)
from tb_rnngrad.flow._sums import Cells, Lags, Moments, Sums
from tb_rnngrad.flow._thresholds import Thresholds
from tb_rnngrad.flow._watch import FlagEvent, FlagWatch

__all__ = [
    "BY_LAG",
    "FLAGS",
    "STATISTICS",
    "THROUGH_TIME",
    "Beyond",
    "Cells",
    "ExponentialFit",
    "Flag",
    "FlagEvent",
    "FlagWatch",
    "Lags",
    "Moments",
    "Reach",
    "Statistics",
    "Sums",
    "Thresholds",
    "as_rows",
    "by_lag",
    "counts_by_lag",
    "exponential_fit",
    "flags",
    "gain",
    "horizons_of",
    "judged",
    "largest_gain",
    "memory_horizon",
    "parts_or_whole",
    "reach",
    "scalars",
    "snr_horizon",
    "statistics",
    "statistics_of_each",
    "statistics_of_sums",
]
