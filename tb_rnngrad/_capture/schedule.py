"""When to log."""

from __future__ import annotations

import enum
import math
from typing import Final

EVERY_EPOCH: Final = "epoch"


class Due(enum.Enum):
    """What a step logs."""

    FLOW = "flow"
    """The flow statistics alone, a few kilobytes."""
    RECORDS = "records"
    """Tensors and their flow statistics."""


class Schedule:
    """Tells which steps are logged.

    Call `begin` with the number of steps before the first batch of a training, `due` before each
    batch, and `pass_by` once it is certain that a due batch is captured.

    Args:
        update_freq: records are due at every multiple of this number of steps; "epoch": at the
            first batch after `begin_epoch`.
        flow_freq: flow is due at every multiple of this number; None: only with the records.

    Raises:
        ValueError: if a frequency is not a positive number.
    """

    def __init__(self, update_freq: str | int, flow_freq: int | None) -> None:
        if update_freq != EVERY_EPOCH and not _is_count(update_freq):
            raise ValueError(
                f'update_freq is {update_freq!r}; expected "epoch" or a number of batches'
            )
        if flow_freq is not None and not _is_count(flow_freq):
            raise ValueError(f"flow_freq is {flow_freq!r}; expected a number of batches or None")
        self._every_epoch = update_freq == EVERY_EPOCH
        self._begins_epoch = False
        self._records = _Every(None if self._every_epoch else int(update_freq))
        self._flow = _Every(flow_freq)

    def begin(self, step: int) -> None:
        """Begin a training that has `step` steps behind it."""
        self._records.begin(step)
        self._flow.begin(step)

    def begin_epoch(self) -> None:
        """Begin an epoch."""
        self._begins_epoch = self._every_epoch

    def due(self, step: int) -> Due | None:
        """Return what to log of the batch that has `step` steps before it, or None."""
        if self._begins_epoch or self._records.is_at(step):
            return Due.RECORDS
        return Due.FLOW if self._flow.is_at(step) else None

    def pass_by(self, step: int, due: Due) -> None:
        """Take note that what is due at `step` is captured."""
        self._begins_epoch = False
        self._flow.pass_by(step)
        if due is Due.RECORDS:
            self._records.pass_by(step)


class _Every:
    """Every so many steps; if several steps run at once, the first that reaches the multiple."""

    def __init__(self, steps: int | None) -> None:
        self._period = steps
        self._next = math.inf

    def begin(self, step: int) -> None:
        """Set the next due step to the first multiple at or after `step`."""
        if self._period is not None:
            self._next = -(-step // self._period) * self._period

    def is_at(self, step: int) -> bool:
        """Return whether the next due step is reached."""
        return step >= self._next

    def pass_by(self, step: int) -> None:
        """Set the next due step to the first multiple after `step`."""
        self.begin(step + 1)


def _is_count(number: object) -> bool:
    return isinstance(number, int) and number >= 1
