"""What counts of a training that was killed and resumed into the same run.

TensorBoard's fast loader forgets the later steps of a tag once an earlier one follows; its Python
loader keeps them beside the new ones. Here the fast loader's story holds for both, and for
`tb_rnngrad.read`: of a step logged again the later value counts, and what the killed training wrote
beyond the step it was resumed from is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Dated(Protocol):
    """Something logged."""

    @property
    def step(self) -> int:
        """The training step."""

    @property
    def wall_time(self) -> float:
        """Seconds since the epoch."""


_Value = TypeVar("_Value", bound=Dated)


def resumed(logged: Iterable[_Value]) -> list[_Value]:
    """Return what counts of one tag's values, which stand in the order of their files.

    The steps of the result ascend.
    """
    kept: list[_Value] = []
    for value in logged:
        while kept and kept[-1].step >= value.step:
            kept.pop()
        kept.append(value)
    return kept


def without_leftovers(records: list[_Value], last_flow: Dated | None) -> list[_Value]:
    """Return the records without those of a killed training, told by the flow beside them.

    Where flow is logged more often than records, the resumed training's flow says first that it
    went back: a record beyond its last step, and older, is not of that training.
    """
    if last_flow is None:
        return records
    return [
        record
        for record in records
        if record.step <= last_flow.step or record.wall_time >= last_flow.wall_time
    ]
