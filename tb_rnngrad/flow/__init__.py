"""Gradient flow: statistics of every timestep, and what they say of the network's memory."""

from tb_rnngrad.flow._flags import FLAGS, THROUGH_TIME, Flag, Thresholds, flags, judged
from tb_rnngrad.flow._metrics import (
    ExponentialFit,
    by_lag,
    exponential_fit,
    gain,
    largest_gain,
    memory_horizon,
    scalars,
    scalars_of_each,
    snr_horizon,
)
from tb_rnngrad.flow._statistics import (
    BY_LAG,
    STATISTICS,
    as_rows,
    statistics,
    statistics_of_each,
)
from tb_rnngrad.flow._watch import FlagEvent, FlagWatch

__all__ = [
    "BY_LAG",
    "FLAGS",
    "STATISTICS",
    "THROUGH_TIME",
    "ExponentialFit",
    "Flag",
    "FlagEvent",
    "FlagWatch",
    "Thresholds",
    "as_rows",
    "by_lag",
    "exponential_fit",
    "flags",
    "gain",
    "judged",
    "largest_gain",
    "memory_horizon",
    "scalars",
    "scalars_of_each",
    "snr_horizon",
    "statistics",
    "statistics_of_each",
]
