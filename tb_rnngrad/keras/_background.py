"""Writing what was captured, in the background, while the next step trains."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.flow import FlagEvent, FlagWatch, Statistics, Thresholds
from tb_rnngrad.keras._assemble import Captured, Found, size_of
from tb_rnngrad.keras._records import at_hand, record_of, short_record_of, statistics_of
from tb_rnngrad.keras._taps import Taps
from tb_rnngrad.record import SequenceRecord, is_matrix
from tb_rnngrad.writer import SummaryWriter

# What fades, stays or grows from lag to lag: gradients with a time axis.
_WITH_SCALARS: Final = flow.THROUGH_TIME | {"output_gradient"}

# Steps that follow each other fast are written together, thirty at a time in a third of the
# processor time of one by one: after so many seconds, or once so many values wait.
_PATIENCE: Final = 0.25
_MOST_WAITING: Final = 2**20


@dataclass(frozen=True)
class _Step:
    """What one training step has to write."""

    found: Found
    taps: Taps
    step: int
    flow_only: bool

    @cached_property
    def captured(self) -> Sequence[Captured]:
        """What was found, laid out."""
        return at_hand(self.found)

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

    Args:
        log_dir: the run's directory.
        max_outputs: samples to keep.
        dtype: to store them in.
        thresholds: of the flags.
        watches_flags: whether anybody wants to know of them.

    Attributes:
        events: the flags that rose or fell, as soon as that is known; for others to take out.
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
        self._writer: SummaryWriter | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._waiting: deque[_Step] = deque()
        self._hurry: threading.Event | None = None

    def write(self, found: Found, taps: Taps, step: int, flow_only: bool) -> None:
        """Have records written, or their flow alone, soon.

        Raises what writing earlier ones ran into.
        """
        new = _Step(found, taps, step, flow_only)
        # Who acts on flags is told of a step's before another is logged.
        at_once = self._watch is not None
        ended = self._writing is not None and self._writing.done()
        if at_once or ended or new.size + self._size_waiting() > _MOST_WAITING:
            self.finish()
        self._waiting.append(new)
        if self._writing is None:
            self._start()
        if self._hurry is not None and (at_once or new.size > _MOST_WAITING):
            self._hurry.set()

    def finish(self) -> None:
        """Write what waits, and raise what that ran into."""
        while self._writing is not None and self._hurry is not None:
            self._hurry.set()
            writing, self._writing = self._writing, None
            writing.result()
            if self._waiting:  # it came when the thread was about to end
                self._start()

    def close(self) -> None:
        """Close the file; a later `write` opens another."""
        if self._writer is not None and self._thread is not None:
            self._thread.shutdown()
            self._writer.close()
            self._thread = self._writer = self._hurry = None

    def _size_waiting(self) -> int:
        return sum(one.size for one in tuple(self._waiting))

    def _start(self) -> None:
        if self._writer is None or self._thread is None:
            self._writer = SummaryWriter(self._log_dir)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="GradientLogger")
        self._hurry = threading.Event()
        self._writing = self._thread.submit(self._write_waiting, self._writer, self._hurry)

    def _write_waiting(self, writer: SummaryWriter, hurry: threading.Event) -> None:
        hurry.wait(_PATIENCE)
        while self._waiting:
            steps = tuple(self._waiting)
            sequences = [one for step in steps for one in step.sequences]
            found = iter(statistics_of(sequences, self._thresholds))
            try:
                with writer.together():
                    for step in steps:
                        self._write_step(writer, step, found)
            finally:  # they count as waiting until they are written
                for _ in steps:
                    self._waiting.popleft()

    def _write_step(self, writer: SummaryWriter, one: _Step, found: Iterator[Statistics]) -> None:
        """Write a step; `found` gives the statistics of its sequences, in their order."""
        named: dict[str, float] = {}
        for captured in one.captured:
            tag = f"{captured.layer}/{captured.name}"
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
        )

    def _write_record(
        self, writer: SummaryWriter, tag: str, record: SequenceRecord, step: int
    ) -> None:
        writer.add_sequence(tag, record, step, max_outputs=self._max_outputs, dtype=self._dtype)
