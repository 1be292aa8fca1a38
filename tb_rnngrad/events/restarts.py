"""Decides which values count after a training was killed and resumed into the same run.

When an earlier step follows, TensorBoard's fast loader drops the tag's later steps; its Python
loader keeps them beside the new ones. The plugin follows the fast loader in both, and so does
`tb_rnngrad.read`: if a step was logged twice, the later value counts, and steps that the killed
training wrote beyond the step it was resumed from are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Dated(Protocol):
    """A logged value with a step and a wall time."""

    @property
    def step(self) -> int:
        """The training step."""

    @property
    def wall_time(self) -> float:
        """Seconds since the epoch."""


_Value = TypeVar("_Value", bound=Dated)


def resumed(logged: Iterable[_Value]) -> list[_Value]:
    """Return the values of one tag that count, with ascending steps.

    `logged` must be in the order in which the values were written.
    """
    kept: list[_Value] = []
    for value in logged:
        while kept and kept[-1].step >= value.step:
            kept.pop()
        kept.append(value)
    return kept


def without_leftovers(records: list[_Value], last_flow: Dated | None) -> list[_Value]:
    """Return the records without those that a killed training left behind.

    If flow is logged more often than records, the resumed training writes flow before its first
    record. A record with a later step but an older wall time than the last flow is then a leftover.
    """
    if last_flow is None:
        return records
    return [
        record
        for record in records
        if record.step <= last_flow.step or record.wall_time >= last_flow.wall_time
    ]
