"""Logs back to NumPy.

Reads event files as they lie on the disk, without TensorBoard and its limit on steps: every step
that was logged comes back. Arrays are read when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util.tensor_util import make_ndarray

from tb_rnngrad import _tfrecord, record
from tb_rnngrad.record import Metadata, SequenceRecord


@dataclass(frozen=True)
class _Place:
    """Where a summary value was logged."""

    path: Path
    offset: int
    wall_time: float


@dataclass
class _Logged:
    """One tag: what it is, and step -> the last of its records and of its statistics."""

    metadata: Metadata
    records: dict[int, _Place] = field(default_factory=dict)
    flow: dict[int, _Place] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Flow:
    """The per-timestep statistics of every step.

    Attributes:
        steps: [n] int64, ascending.
        values: [n, timesteps, statistics] float32; NaN beyond the end of shorter steps.
        statistics: the names along the last axis.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    statistics: tuple[str, ...]


class Series(Sequence[SequenceRecord]):
    """All logged steps of one tag of one run, ascending; of a step logged twice, the later.

    `len(series)`, `series[i]` and iteration give `SequenceRecord`s, read from the disk each time:
    the steps that have a tensor. `flow` holds those that have statistics, which may be more.

    Attributes:
        run: the run's name, as TensorBoard shows it.
        tag: the tag.
        metadata: what the tag's records are.
        steps: [n] int64.
        wall_times: [n] float64, seconds since the epoch.
        parts: the series of each direction and stacked cell, by its name ("forward"), of which
            there is flow alone.
    """

    def __init__(
        self, run: str, tag: str, logged: _Logged, parts: Mapping[str, Series] | None = None
    ) -> None:
        self.run = run
        self.tag = tag
        self.metadata = logged.metadata
        self.parts: Mapping[str, Series] = parts or {}
        self._records = logged.records
        self._flow = logged.flow
        steps = sorted(self._records)
        self.steps: NDArray[np.int64] = np.array(steps, np.int64)
        self.wall_times = np.array([self._records[s].wall_time for s in steps], np.float64)

    def __repr__(self) -> str:
        """Say which series it is and how much it holds."""
        quantity = self.metadata.quantity
        return f"<Series {self.tag!r} of run {self.run!r}: {quantity}, {len(self)} steps>"

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> SequenceRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[SequenceRecord]: ...

    def __getitem__(self, index: int | slice) -> SequenceRecord | list[SequenceRecord]:
        """Return the record of the `index`-th step, or a list of records for a slice."""
        if isinstance(index, slice):
            return [self.at(int(step)) for step in self.steps[index]]
        return self.at(int(self.steps[index]))

    def at(self, step: int) -> SequenceRecord:
        """Return the record of a training step; its data as float32.

        Raises:
            KeyError: `step` was not logged.
            tb_rnngrad.record.FormatError: the record is damaged.
        """
        if not self._records:
            raise KeyError(f"{self.tag!r} has flow statistics alone, and no tensor at any step")
        if step not in self._records:
            nearest = self.steps[np.abs(self.steps - step).argmin()]
            raise KeyError(f"no step {step} of {self.tag!r}; the nearest is {nearest}")
        blobs = _read_value(self._records[step], self.tag).tensor.string_val
        header = record.decode_header(blobs[0])
        data = np.stack([record.decode_sample(blob) for blob in blobs[1:]]).astype(np.float32)
        if record.is_matrix(self.metadata.quantity):
            data = data[0]
        elif len(header.shape) == 2:
            data = data[:, 0]
        return SequenceRecord(
            data,
            header.mask,
            self.metadata.channel_groups,
            self.metadata.quantity,
            self.metadata.layer,
            self.metadata.framework,
            self._statistics(step) if self.has(step) else None,
            header.batch,
            self.metadata.direction,
            {name: part._statistics(step) for name, part in self.parts.items() if part.has(step)},
            details=self.metadata.details,
            backward_passes=header.backward_passes,
        )

    @property
    def flow(self) -> Flow:
        """The statistics of every step at which they were logged, over the whole batch."""
        steps = sorted(self._flow)
        rows = [self._statistics(step) for step in steps]
        names = self.metadata.statistics
        timesteps = max((len(row) for row in rows), default=0)
        values = np.full((len(rows), timesteps, len(names)), np.nan, np.float32)
        for value, row in zip(values, rows, strict=True):
            value[: len(row)] = row
        return Flow(np.array(steps, np.int64), values, names)

    def has(self, step: int) -> bool:
        """Return whether statistics of a training step were logged."""
        return step in self._flow

    def _statistics(self, step: int) -> NDArray[np.float32]:
        value = _read_value(self._flow[step], self.tag + record.FLOW_SUFFIX)
        return np.asarray(make_ndarray(value.tensor), np.float32)


def read(logdir: str | os.PathLike[str], run: str | None = None, tag: str | None = None) -> Series:
    """Return all logged steps of one tag of one run.

    Args:
        logdir: the directory given to TensorBoard.
        run: the run, as TensorBoard shows it ("." for `logdir` itself); may be left out where
            there is but one.
        tag: the tag; may be left out where the run has but one.

    Raises:
        ValueError: there is no such run or tag, or several to choose from; the message lists them.

    Example::

        series = tb_rnngrad.read("logs", run="lstm", tag="lstm_1/hidden_state")
        norms = np.linalg.norm(series[-1], axis=2)  # [samples, timesteps] of the last step
    """
    files = _event_files(Path(logdir))
    if run not in files:
        with_records = [name for name, paths in files.items() if _scan(paths)]
        run = _choose("run", run, with_records, f"in {os.fspath(logdir)}")
    logged = _scan(files[run])
    where = f"in the run {run!r} of {os.fspath(logdir)}"
    if tag not in logged:  # a part is found by its name alone
        records = [name for name, one in logged.items() if one.metadata.part_of is None]
        tag = _choose("tag", tag, sorted(records), where)
    parts = {
        name.removeprefix(f"{tag}/"): Series(run, name, one)
        for name, one in logged.items()
        if one.metadata.part_of == tag
    }
    return Series(run, tag, logged[tag], parts)


def _choose(what: str, wanted: str | None, found: list[str], where: str) -> str:
    if not found:
        raise ValueError(f"no {what} with records of tb_rnngrad {where}")
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted not in found:
        given = f"there are several {what}s" if wanted is None else f"no {what} {wanted!r}"
        raise ValueError(f"{given} {where}; expected one of {', '.join(map(repr, found))}")
    return wanted


def _event_files(logdir: Path) -> dict[str, list[Path]]:
    """Return run -> its event files, oldest first."""
    found: dict[str, list[Path]] = {}
    for path in sorted(logdir.rglob("*tfevents*")):
        found.setdefault(path.parent.relative_to(logdir).as_posix(), []).append(path)
    return found


def _scan(paths: list[Path]) -> dict[str, _Logged]:
    """Return tag -> where its values are, for the tags of our plugins; a flow is its record's."""
    found: dict[str, _Logged] = {}
    for path in paths:
        for offset, payload in _tfrecord.payloads(path):
            event = Event.FromString(payload)
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name not in (record.PLUGIN_NAME, record.FLOW_PLUGIN_NAME):
                    continue
                is_flow = plugin.plugin_name == record.FLOW_PLUGIN_NAME
                tag = value.tag.removesuffix(record.FLOW_SUFFIX) if is_flow else value.tag
                if tag not in found:
                    found[tag] = _Logged(Metadata.from_content(plugin.content))
                places = found[tag].flow if is_flow else found[tag].records
                places[event.step] = _Place(path, offset, event.wall_time)
    return found


def _read_value(place: _Place, tag: str) -> Summary.Value:
    event = Event.FromString(_tfrecord.payload_at(place.path, place.offset))
    return next(value for value in event.summary.value if value.tag == tag)
