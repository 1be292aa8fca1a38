"""Writes captured tensors in the background, while the next training step runs."""

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

# Quantities whose flow gets scalars: gradients with a time axis, which fade or grow over lags.
_WITH_SCALARS: Final = flow.THROUGH_TIME | {"output_gradient"}

# Logged steps that follow each other fast are written together: thirty in one go take a third of
# the CPU time of thirty single writes. A step is on disk after at most this many seconds ...
_LONGEST: Final = 0.25
# ... where a write is assumed to take this long until one was measured. At most this many values
# wait.
_FIRST_GUESS: Final = 0.05
_MOST_WAITING: Final = 2**20


@dataclass(frozen=True)
class _Step:
    """One training step that waits to be written."""

    found: Found
    taps: Taps
    step: int
    flow_only: bool
    details: Mapping[str, Any]
    since: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since the step was handed over."""
        return time.monotonic() - self.since

    @cached_property
    def captured(self) -> Sequence[Captured]:
        """The captured tensors, in their layout."""
        return to_numpy(self.found)

    @property
    def sequences(self) -> Iterator[Captured]:
        """The captured tensors that have timesteps, and so a flow."""
        return (one for one in self.captured if not is_matrix(one.quantity))

    @cached_property
    def size(self) -> int:
        """Number of values; cached, as every later step asks for it until this one is written."""
        return size_of(self.found)


class Background:
    """Writes steps in order in a thread of its own, and watches the flags.

    The thread runs while steps wait; the interpreter's exit waits for it. A step that cannot be
    written is lost: the user is warned, losses are counted, and the next step is tried again.

    Args:
        log_dir: the run's directory.
        max_outputs: how many samples to keep.
        dtype: the dtype on disk.
        thresholds: the thresholds of the flags.
        watches_flags: whether to watch the flags at all.

    Attributes:
        events: flags that rose or fell, in order. The caller removes what it has handled.
        messages: warnings for the user, likewise.
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
        """Queue records, or only their flow, for writing."""
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
        """Wait until everything queued is written."""
        with self._changed:
            self._drain()

    def close(self) -> None:
        """Write everything queued and close the file; a later `write` opens a new one."""
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
        """Wait until the queue is empty. Call this and `_wake` with the lock held."""
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
        """Write queued steps until there are none."""
        while steps := self._due():
            start = time.monotonic()
            self._write_steps(steps)
            self._took = time.monotonic() - start
            with self._changed:
                for _ in steps:  # steps count as waiting until they are written
                    self._waiting.popleft()
                self._changed.notify_all()

    def _due(self) -> Sequence[_Step]:
        """Return the steps to write next, once the oldest has waited as long as it may."""
        with self._changed:
            if not self._waiting:
                self._worker = None
                return ()
            patience = _LONGEST - 2 * self._took - self._waiting[0].age
            self._changed.wait_for(lambda: self._is_urgent, max(patience, 0))
            self._is_urgent = False
            return tuple(self._waiting)

    def _write_steps(self, steps: Sequence[_Step]) -> None:
        """Write steps; report those that could not be written."""
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
        except OSError as error:  # no step was written: the file takes all of them or none
            self._losses.add(error, steps)
        except Exception as error:  # noqa: BLE001 - training must not end for what logging meets
            if len(steps) == 1:
                self._losses.add(error, steps)
                return
            for step in steps[written:]:  # one by one, to lose as few as possible
                self._write_steps([step])
        else:
            self._losses.end()

    def _write_step(self, writer: SummaryWriter, one: _Step, found: Iterator[Statistics]) -> None:
        """Write one step; `found` yields the statistics of its sequences in order."""
        named: dict[str, float] = {}
        for captured in one.captured:
            tag = f"{captured.layer}/{captured.name}"
            captured = self._described(tag, captured, one)
            if is_matrix(captured.quantity):  # no timesteps, so no flow
                if not one.flow_only:
                    self._write_record(writer, tag, record_of(captured, one.taps), one.step)
                continue
            statistics = next(found)
            self._write_sequence(writer, tag, captured, statistics, one)
            # Each part of a record is judged by itself.
            parts = {f"{tag}/{name}": rows for name, rows in statistics.parts.items()}
            for name, rows in (parts or {tag: statistics.rows}).items():
                named |= self._judge(name, rows, captured.quantity, one.step)
        if named:
            writer.add_scalars(named, one.step)

    def _described(self, tag: str, captured: Captured, one: _Step) -> Captured:
        """Return it with its tag's details, which stay those of the tag's first step."""
        details = {**(captured.details or {}), **one.details}
        return replace(captured, details=self._details.setdefault(tag, details))

    def _judge(
        self, tag: str, rows: NDArray[np.float32], quantity: str, step: int
    ) -> dict[str, float]:
        """Watch the flags of a record or a part; return its scalars by tag."""
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
        """Write a record, or only its flow."""
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
    """Passes warnings on, as the user would not see where in this thread they come from."""

    def __init__(self, logdir: str | os.PathLike[str], tell: Callable[[str], None]) -> None:
        self._tell = tell
        super().__init__(logdir)

    def _warn(self, message: str, stacklevel: int) -> None:
        self._tell(message)

    def _check_restart(self, tag: str, step: int, stacklevel: int) -> None:
        """Do nothing: the logger itself distinguishes a second training from a resumed one."""


class _Losses:
    """Counts steps that could not be written; reports the reason once, and later how many."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str | int | None] = set()
        self._lost = 0
        self._first = self._last = 0
        self._may_pass = False

    def add(self, error: Exception, steps: Sequence[_Step]) -> None:
        """Count steps that were lost to an error."""
        if not self._lost:
            self._first = steps[0].step
        self._lost += len(steps)
        self._last = steps[-1].step
        self._may_pass = isinstance(error, OSError)  # a full disk may get room again
        reason = in_a_sentence(error)
        kind = error.errno if isinstance(error, OSError) else reason  # errno, as texts name files
        if kind not in self._told:
            self._told.add(kind)
            self._tell(
                f"GradientLogger could not write step {steps[0].step}: {reason}. Training goes on, "
                "and each later step is tried again"
            )

    def end(self) -> None:
        """Report earlier losses, as a step was written again."""
        if self._lost and self._may_pass:
            self._tell_all("GradientLogger writes again")

    def sum_up(self) -> None:
        """Report losses, as no further step will come."""
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
