"""See how gradients travel through time in recurrent networks, in TensorBoard."""

import importlib
from typing import Any

from tb_rnngrad import flow, summary
from tb_rnngrad.reader import read
from tb_rnngrad.record import QUANTITIES, SequenceRecord
from tb_rnngrad.writer import SummaryWriter

__all__ = ["QUANTITIES", "SequenceRecord", "SummaryWriter", "flow", "keras", "read", "summary"]


def __getattr__(name: str) -> Any:
    """Import a framework's adapter when it is first asked for, and not before."""
    if name == "keras":
        return importlib.import_module("tb_rnngrad.keras")
    raise AttributeError(f"module 'tb_rnngrad' has no attribute {name!r}")
