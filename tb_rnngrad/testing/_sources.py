"""Statistics by step of whatever a test is given: a directory of logs, a series, or records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.events.logdir import LogDirectory, files_of
from tb_rnngrad.events.places import scan
from tb_rnngrad.events.reader import Series
from tb_rnngrad.events.several_runs import series_of
from tb_rnngrad.record import SequenceRecord

Given: TypeAlias = (
    str | os.PathLike[str] | Series | SequenceRecord | Mapping[str, Any] | Iterable[SequenceRecord]
)
"""A directory of logs, one tag of it, a record, or several: in a sequence, or by layer's name."""


@dataclass(frozen=True)
class Judged:
    """The statistics of one gradient, of one of its parts if it has any, at one step.

    Attributes:
        where: what it is, in words, such as "run 'a', tag 'lstm/hidden_state', step 7".
        quantity: what they are statistics of.
        rows: [timesteps, statistics].
        names: the names of the columns.
    """

    where: str
    quantity: str
    rows: NDArray[np.float32]
    names: tuple[str, ...]


def last_steps(given: Given, run: str | None, tag: str | None) -> list[Judged]:
    """Return the gradients through time in what was given, each at its last step.

    Raises:
        ValueError: If there are none.
        TypeError: If it holds something other than records.
    """
    return [steps[-1] for steps in every_step(given, run, tag)]


def every_step(given: Given, run: str | None, tag: str | None) -> list[list[Judged]]:
    """Return the gradients through time in what was given, each with all of its steps.

    Of a directory of logs, these are the hidden-state gradients, unless there are none or a tag is
    named.

    Raises:
        ValueError: If there are none.
        TypeError: If it holds something other than records.
    """
    if isinstance(given, (str, os.PathLike)):
        found = _of_logs(given, run, tag)
    elif isinstance(given, Series):
        found = [*_of_series(given)]
    else:
        found = [[one] for name, record in _records(given) for one in _of_record(name, record)]
    carried = [steps for steps in found if steps and steps[0].quantity in flow.THROUGH_TIME]
    if not carried:
        where = f" in {os.fspath(given)}" if isinstance(given, (str, os.PathLike)) else ""
        asked = "".join(
            f", {name} {value!r}" for name, value in (("run", run), ("tag", tag)) if value
        )
        raise ValueError(
            f"there is no gradient through time{where}{asked}; expected one of "
            f"{', '.join(sorted(flow.THROUGH_TIME))}"
        )
    return carried


def _of_logs(logdir: LogDirectory, run: str | None, tag: str | None) -> list[list[Judged]]:
    found: list[tuple[str, list[Judged]]] = []
    for name, paths in files_of(logdir).items():
        if run not in (None, name):
            continue
        for series in series_of(name, scan(paths)).values():
            if tag in (None, series.tag):
                found += [(series.metadata.quantity, steps) for steps in _of_series(series)]
    hidden = [steps for quantity, steps in found if quantity == "hidden_state_gradient"]
    return hidden if hidden and tag is None else [steps for _, steps in found]


def _of_series(series: Series) -> Iterator[list[Judged]]:
    for name, part in (series.parts or {"": series}).items():
        history, quantity = part.flow, series.metadata.quantity
        of = f" ({name})" if name else ""
        yield [
            Judged(
                f"run {series.run!r}, tag {series.tag!r}{of}, step {step}",
                quantity,
                rows,
                history.statistics,
            )
            for step, rows in zip(history.steps, history.values, strict=True)
        ]


def _records(given: Any, name: str = "") -> Iterator[tuple[str, SequenceRecord]]:
    if isinstance(given, SequenceRecord):
        yield name, given
        return
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from _records(value, f"{name}/{key}" if name else str(key))
        return
    if not isinstance(given, Iterable):
        raise TypeError(
            f"got {type(given).__name__}; expected a directory of logs, a series, or records"
        )
    for index, value in enumerate(given):
        yield from _records(value, f"{name}[{index}]")


def _of_record(name: str, record: SequenceRecord) -> Iterator[Judged]:
    if record.quantity not in flow.THROUGH_TIME:
        return
    rows, parts = record.flow, record.part_flows or {}
    if rows is None:
        (found,) = flow.statistics_of_each(
            [record.sequences], [record.mask], record.channel_groups, record.direction
        )
        rows, parts = found.rows, found.parts
    label = name or record.layer or "the record"
    for part, values in (parts or {"": rows}).items():
        where = f"{label} ({part})" if part else label
        yield Judged(where, record.quantity, values, flow.STATISTICS)
