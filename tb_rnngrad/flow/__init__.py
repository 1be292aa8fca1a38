"""Gradient flow: statistics of every timestep, and what they say of the network's memory."""

from tb_rnngrad.flow._metrics import (
    ExponentialFit,
    by_lag,
    exponential_fit,
    gain,
    memory_horizon,
    snr_horizon,
)
from tb_rnngrad.flow._statistics import BY_LAG, STATISTICS, statistics

__all__ = [
    "BY_LAG",
    "STATISTICS",
    "ExponentialFit",
    "by_lag",
    "exponential_fit",
    "gain",
    "memory_horizon",
    "snr_horizon",
    "statistics",
]
