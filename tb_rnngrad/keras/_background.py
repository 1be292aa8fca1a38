"""Writing what was captured, in the background, while the next step trains."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.events.writer import SummaryWriter
from tb_rnngrad.flow import FlagEvent, FlagWatch, Statistics, Thresholds
from tb_rnngrad.keras._messages import in_a_sentence
from tb_rnngrad.keras._records import record_of, short_record_of, statistics_of, to_numpy
from tb_rnngrad.keras._taps.layout import Captured, Found, size_of
from tb_rnngrad.keras._taps.taps import Taps
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import SequenceRecord

# What fades, stays or grows from lag to lag: gradients with a time axis.
_WITH_SCALARS: Final = flow.THROUGH_TIME | {"output_gradient"}

# Steps that follow each other fast are written together, thirty at a time in a third of the
# processor time of one by one. None waits longer than so many seconds, its writing included, ...
_LONGEST: Final = 0.25
# ... which is taken to last that long before it was measured; and no more values wait than that.
_FIRST_GUESS: Final = 0.05
_MOST_WAITING: Final = 2**20


@dataclass(frozen=True)
class _Step:
    """What one training step has to write."""

    found: Found
    taps: Taps
    step: int
    flow_only: bool
    details: Mapping[str, Any]
    since: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it was there to be written."""
        return time.monotonic() - self.since

    @cached_property
    def captured(self) -> Sequence[Captured]:
        """What was found, laid out."""
        return to_numpy(self.found)

    @property
    def sequences(self) -> Iterator[Captured]:
        """What has timesteps, and so a flow."""
        return (one for one in self.captured if not is_matrix(one.quantity))

    @cached_property
    def size(self) -> int:
        """Number of values; asked for at every later step until these are written."""
        return size_of(self.found)


class Background:
    """Writes step after step in order, in a thread of its own, and watches the flags meanwhile.

    The thread runs while steps wait, and the interpreter does not end before it. What it fails at
    is lost, told and counted; it tries anew at the next step.

    Args:
        log_dir: the run's directory.
        max_outputs: samples to keep.
        dtype: to store them in.
        thresholds: of the flags.
        watches_flags: whether anybody wants to know of them.

    Attributes:
        events: the flags that rose or fell, as soon as that is known; for others to take out.
        messages: what the user should know, likewise.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        max_outputs: int,
        dtype: str,
        thresholds: Thresholds,
        watches_flags: bool,
    ) -> None:
        self._log_dir = log_dir
        self._max_outputs = max_outputs
        self._dtype = dtype
        self._thresholds = thresholds
        self._watch = FlagWatch(thresholds) if watches_flags else None
        self.events: deque[FlagEvent] = deque()
        self.messages: deque[str] = deque()
        self._losses = _Losses(self.messages.append)
        self._writer: _Writer | None = None
        self._details: dict[str, Mapping[str, Any]] = {}
        self._waiting: deque[_Step] = deque()
        self._changed = threading.Condition()
        self._is_urgent = False
        self._worker: threading.Thread | None = None
        self._took = _FIRST_GUESS

    def write(
        self,
        found: Found,
        taps: Taps,
        step: int,
        flow_only: bool,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Have records written, or their flow alone, soon."""
        new = _Step(found, taps, step, flow_only, details or {})
        # Flag listeners hear about a step before the next one is logged.
        is_urgent = self._watch is not None or new.size > _MOST_WAITING
        with self._changed:
            if is_urgent or not self._has_room(new):
                self._drain()
            self._waiting.append(new)
            self._is_urgent |= is_urgent
            self._wake()

    def finish(self) -> None:
        """Write what waits."""
        with self._changed:
            self._drain()

    def close(self) -> None:
        """Write what waits, and close the file; a later `write` opens another."""
        self.finish()
        self._losses.sum_up()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._details.clear()

    def _has_room(self, new: _Step) -> bool:
        size = new.size + sum(one.size for one in self._waiting)
        is_late = bool(self._waiting) and self._waiting[0].age > _LONGEST
        return size <= _MOST_WAITING and not is_late

    def _drain(self) -> None:
        """Wait until nothing waits any more; called, as is `_wake`, with the lock held."""
        while self._waiting:
            self._is_urgent = True
            self._wake()
            self._changed.wait()

    def _wake(self) -> None:
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="GradientLogger")
            self._worker.start()
        elif self._is_urgent:
            self._changed.notify_all()

    def _work(self) -> None:
        """Write what waits, until nothing does."""
        while steps := self._due():
            start = time.monotonic()
            self._write_steps(steps)
            self._took = time.monotonic() - start
            with self._changed:
                for _ in steps:  # they count as waiting until they are written
                    self._waiting.popleft()
                self._changed.notify_all()

    def _due(self) -> Sequence[_Step]:
        """Return the steps to write next, once the oldest of them cannot wait any longer."""
        with self._changed:
            if not self._waiting:
                self._worker = None
                return ()
            patience = _LONGEST - 2 * self._took - self._waiting[0].age
            self._changed.wait_for(lambda: self._is_urgent, max(patience, 0))
            self._is_urgent = False
            return tuple(self._waiting)

    def _write_steps(self, steps: Sequence[_Step]) -> None:
        """Write steps; those that cannot be are lost, and the losses are told."""
        written = 0
        try:
            sequences = [one for step in steps for one in step.sequences]
            found = iter(statistics_of(sequences, self._thresholds))
            if self._writer is None:
                self._writer = _Writer(self._log_dir, self.messages.append)
            with self._writer.batched():
                for step in steps:
                    self._write_step(self._writer, step, found)
                    written += 1
        except OSError as error:  # so none was written: the file takes them all or none
            self._losses.add(error, steps)
        except Exception as error:  # noqa: BLE001 - training must not end for what logging meets
            if len(steps) == 1:
                self._losses.add(error, steps)
                return
            for step in steps[written:]:  # to lose no more than has to be
                self._write_steps([step])
        else:
            self._losses.end()

    def _write_step(self, writer: SummaryWriter, one: _Step, found: Iterator[Statistics]) -> None:
        """Write a step; `found` gives the statistics of its sequences, in their order."""
        named: dict[str, float] = {}
        for captured in one.captured:
            tag = f"{captured.layer}/{captured.name}"
            captured = self._described(tag, captured, one)
            if is_matrix(captured.quantity):  # has no timesteps, and so no flow
                if not one.flow_only:
                    self._write_record(writer, tag, record_of(captured, one.taps), one.step)
                continue
            statistics = next(found)
            self._write_sequence(writer, tag, captured, statistics, one)
            # Where there are parts, each is judged by itself.
            parts = {f"{tag}/{name}": rows for name, rows in statistics.parts.items()}
            for name, rows in (parts or {tag: statistics.rows}).items():
                named |= self._judge(name, rows, captured.quantity, one.step)
        if named:
            writer.add_scalars(named, one.step)

    def _described(self, tag: str, captured: Captured, one: _Step) -> Captured:
        """Return it with what is said of its tag, which stays what it was at the first step."""
        details = {**(captured.details or {}), **one.details}
        return replace(captured, details=self._details.setdefault(tag, details))

    def _judge(
        self, tag: str, rows: NDArray[np.float32], quantity: str, step: int
    ) -> dict[str, float]:
        """Watch the flags of a record, or of a part of one; return its scalars by their tags."""
        if self._watch is not None:
            self.events += self._watch.observe(step, tag, rows, quantity)
        if quantity not in _WITH_SCALARS or len(rows) < 2 or not flow.counts_by_lag(rows):
            return {}
        scalars = flow.scalars(rows, self._thresholds.eps)
        return {f"{tag}/{name}": value for name, value in scalars.items()}

    def _write_sequence(
        self,
        writer: SummaryWriter,
        tag: str,
        captured: Captured,
        found: Statistics,
        one: _Step,
    ) -> None:
        """Write a record, or its flow alone."""
        if not one.flow_only:
            record = short_record_of(captured, one.taps, self._max_outputs, found)
            self._write_record(writer, tag, record, one.step)
            return
        writer.add_flow(
            tag,
            found,
            one.step,
            quantity=captured.quantity,
            layer=captured.layer,
            framework=one.taps.adapter.name,
            channel_groups=captured.groups,
            direction=captured.direction,
            details=captured.details,
        )

    def _write_record(
        self, writer: SummaryWriter, tag: str, record: SequenceRecord, step: int
    ) -> None:
        writer.add_sequence(tag, record, step, max_outputs=self._max_outputs, dtype=self._dtype)


class _Writer(SummaryWriter):
    """Hands its warnings on, as they would come up in a thread that the user does not know."""

    def __init__(self, logdir: str | os.PathLike[str], tell: Callable[[str], None]) -> None:
        self._tell = tell
        super().__init__(logdir)

    def _warn(self, message: str, stacklevel: int) -> None:
        self._tell(message)

    def _check_restart(self, tag: str, step: int, stacklevel: int) -> None:
        """Do nothing: the logger tells a second training from a resumed one."""


class _Losses:
    """Counts the steps that could not be written, and tells of them: once why, and how many."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str | int | None] = set()
        self._lost = 0
        self._first = self._last = 0
        self._may_pass = False

    def add(self, error: Exception, steps: Sequence[_Step]) -> None:
        """Count steps that are lost to an error."""
        if not self._lost:
            self._first = steps[0].step
        self._lost += len(steps)
        self._last = steps[-1].step
        self._may_pass = isinstance(error, OSError)  # a full disk may have room again
        reason = in_a_sentence(error)
        kind = error.errno if isinstance(error, OSError) else reason  # its text names a new file
        if kind not in self._told:
            self._told.add(kind)
            self._tell(
                f"GradientLogger could not write step {steps[0].step}: {reason}. Training goes on, "
                "and each later step is tried again"
            )

    def end(self) -> None:
        """Note that a later step could be written."""
        if self._lost and self._may_pass:
            self._tell_all("GradientLogger writes again")

    def sum_up(self) -> None:
        """Note that no later step is to come."""
        if self._lost:
            self._tell_all("GradientLogger ends")

    def _tell_all(self, what: str) -> None:
        steps = (
            f"step {self._first} was"
            if self._lost == 1
            else f"{self._lost} logged steps between {self._first} and {self._last} were"
        )
        self._tell(f"{what}; {steps} lost")
        self._lost = 0
        self._told.clear()
