"""Writes captured steps: records, flow, scalars, flags."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad._capture.batch_names import BatchNames
from tb_rnngrad._capture.captured import Captured, single_timesteps
from tb_rnngrad._capture.losses import Losses
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.records import NO_NAMES, record_of, short_record_of, size_of
from tb_rnngrad._capture.schedule import Due
from tb_rnngrad.events.writer import SummaryWriter
from tb_rnngrad.flow import FlagEvent, FlagWatch, Statistics, Thresholds
from tb_rnngrad.record import SequenceRecord

# Quantities whose flow gets scalars: gradients with a time axis, which fade or grow over lags.
_WITH_SCALARS: Final = flow.THROUGH_TIME | {"output_gradient"}

StatisticsOf = Callable[[Sequence[Captured], Thresholds], Sequence[Statistics]]
"""Computes the statistics of each sequence where its data is; see `records.statistics_of`."""


class StepCapture(Protocol):
    """What a framework captured in one training step; later steps do not change it."""

    @property
    def framework(self) -> str:
        """The records' framework."""

    @property
    def size(self) -> int:
        """Number of values."""

    def doubts(self) -> Mapping[str, str]:
        """Return, by kind, sentences about records that hold less or more than one gradient."""

    def to_layout(self) -> Sequence[Captured]:
        """Return everything that was captured, layer by layer; called by the thread that writes."""


@dataclass(frozen=True)
class CapturedStep:
    """A `StepCapture` whose tensors are in their layout already."""

    framework: str
    captured: Sequence[Captured]
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """See `StepCapture`."""
        return sum(int(np.prod(one.data.shape)) for one in self.captured)

    def doubts(self) -> Mapping[str, str]:
        """See `StepCapture`."""
        return self.told

    def to_layout(self) -> Sequence[Captured]:
        """See `StepCapture`."""
        return self.captured


@dataclass(frozen=True)
class Step:
    """One training step to write.

    Attributes:
        number: the step.
        capture: what was captured in it.
        due: what to write of it.
        details: what to add to the details of its records.
        names: the batch's ids and labels.
    """

    number: int
    capture: StepCapture
    due: Due = Due.RECORDS
    details: Mapping[str, Any] = field(default_factory=dict)
    names: BatchNames = NO_NAMES

    @cached_property
    def size(self) -> int:
        """Number of values."""
        return self.capture.size

    @cached_property
    def captured(self) -> Sequence[Captured]:
        """The captured tensors, in their layout."""
        return self.capture.to_layout()

    @property
    def sequences(self) -> Iterator[Captured]:
        """The captured tensors that have timesteps, and so a flow."""
        return (one for one in self.captured if not one.is_matrix)


class StepWriter:
    """Writes steps in order into one event file, and watches the flags.

    A step that cannot be written is lost: the user is told, losses are counted, and the next step
    is tried again.

    Args:
        options: how and where to write.
        statistics_of: computes the statistics of sequences.

    Attributes:
        events: flags that rose or fell, in order. The caller removes what it has handled.
        messages: warnings for the user, likewise.
    """

    def __init__(self, options: LogOptions, statistics_of: StatisticsOf) -> None:
        self._options = options
        self._statistics_of = statistics_of
        self._watch = FlagWatch(options.thresholds) if options.watches_flags else None
        self.events: deque[FlagEvent] = deque()
        self.messages: deque[str] = deque()
        self._losses = Losses(self.messages.append)
        self._file: _EventFile | None = None
        self._details: dict[str, Mapping[str, Any]] = {}
        self._is_first = True

    def write(self, steps: Sequence[Step]) -> None:
        """Write steps in one go; report those that could not be written."""
        written = 0
        try:
            self._tell_at_first(steps[0])
            sequences = [one for step in steps for one in step.sequences]
            statistics = iter(self._statistics_of(sequences, self._options.thresholds))
            if self._file is None:
                self._file = _EventFile(self._options.log_dir, self.messages.append)
            with self._file.batched():
                for step in steps:
                    self._write_step(self._file, step, statistics)
                    written += 1
        except OSError as error:  # no step was written: the file takes all of them or none
            self._losses.add(error, [step.number for step in steps])
        except Exception as error:  # noqa: BLE001 - training must not end for what logging meets
            if len(steps) == 1:
                self._losses.add(error, [steps[0].number])
                return
            for step in steps[written:]:  # one by one, to lose as few as possible
                self.write([step])
        else:
            self._losses.end()

    def close(self) -> None:
        """Report losses and close the file; a later `write` opens a new one."""
        self._losses.sum_up()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._details.clear()

    def _tell_at_first(self, step: Step) -> None:
        """Tell of what is odd about the first step."""
        if self._is_first:
            sizes = list(dict.fromkeys(map(size_of, step.sequences)))
            told = single_timesteps(step.captured), step.names.why_unused(sizes)
            self.messages += [sentence for sentence in told if sentence is not None]
        self._is_first = False

    def _write_step(
        self, file: SummaryWriter, step: Step, statistics: Iterator[Statistics]
    ) -> None:
        """Write one step; `statistics` yields those of its sequences in order."""
        scalars: dict[str, float] = {}
        for one in step.captured:
            one = self._described(one, step)
            if one.is_matrix:
                if step.due is Due.RECORDS:
                    record = record_of(one, step.capture.framework)
                    self._write_record(file, one.tag, record, step.number)
                continue
            own = next(statistics)
            self._write_sequence(file, one, own, step)
            # Each part of a record is judged by itself.
            parts = {f"{one.tag}/{name}": rows for name, rows in own.parts.items()}
            for tag, rows in (parts or {one.tag: own.rows}).items():
                scalars |= self._judge(tag, rows, one.quantity, step.number)
        if scalars:
            file.add_scalars(scalars, step.number)

    def _described(self, one: Captured, step: Step) -> Captured:
        """Return it with its tag's details, which stay those of the tag's first step."""
        details = {**(one.details or {}), **step.details}
        return replace(one, details=self._details.setdefault(one.tag, details))

    def _judge(
        self, tag: str, rows: NDArray[np.float32], quantity: str, step: int
    ) -> dict[str, float]:
        """Watch the flags of a record or a part; return its scalars by tag."""
        if self._watch is not None:
            self.events += self._watch.observe(step, tag, rows, quantity)
        if quantity not in _WITH_SCALARS or len(rows) < 2 or not flow.counts_by_lag(rows):
            return {}
        scalars = flow.scalars(rows, self._options.thresholds.eps)
        return {f"{tag}/{name}": value for name, value in scalars.items()}

    def _write_sequence(
        self, file: SummaryWriter, one: Captured, statistics: Statistics, step: Step
    ) -> None:
        """Write a record, or only its flow."""
        framework = step.capture.framework
        if step.due is Due.RECORDS:
            record = short_record_of(
                one,
                framework,
                self._options.max_outputs,
                statistics,
                self._options.keep,
                step.names,
                step.number,
                self._options.norms,
            )
            self._write_record(file, one.tag, record, step.number)
            return
        file.add_flow(
            one.tag,
            statistics,
            step.number,
            quantity=one.quantity,
            layer=one.layer,
            framework=framework,
            channel_groups=one.groups,
            direction=one.direction,
            details=one.details,
        )

    def _write_record(self, file: SummaryWriter, tag: str, record: SequenceRecord, at: int) -> None:
        max_outputs, dtype = self._options.max_outputs, self._options.dtype
        file.add_sequence(tag, record, at, max_outputs=max_outputs, dtype=dtype)


class _EventFile(SummaryWriter):
    """Passes warnings on, as the user would not see where in another thread they come from."""

    def __init__(self, logdir: str | os.PathLike[str], tell: Callable[[str], None]) -> None:
        self._tell = tell
        super().__init__(logdir)
        # The logger itself distinguishes a second training from a resumed one.
        self._tags.ignore_other_files()

    def _warn(self, message: str, stacklevel: int) -> None:
        self._tell(message)
