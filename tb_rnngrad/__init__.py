"""See how gradients travel through time in recurrent networks, in TensorBoard."""

import importlib
from typing import Any

from tb_rnngrad import flow, summary
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.reader import read
from tb_rnngrad.events.several_runs import read_all
from tb_rnngrad.events.writer import SummaryWriter
from tb_rnngrad.quantities import QUANTITIES
from tb_rnngrad.record import SequenceRecord

__all__ = [
    "QUANTITIES",
    "FormatError",
    "SequenceRecord",
    "SummaryWriter",
    "diagnosis",
    "flow",
    "keras",
    "plot",
    "read",
    "read_all",
    "summary",
    "testing",
    "torch",
]


def __getattr__(name: str) -> Any:
    """Import what not every program needs on first access."""
    if name in ("diagnosis", "keras", "plot", "testing", "torch"):
        return importlib.import_module(f"tb_rnngrad.{name}")
    raise AttributeError(f"module 'tb_rnngrad' has no attribute {name!r}")
