"""Writes captured steps in the background, while the next training step runs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.records import statistics_of as in_numpy
from tb_rnngrad._capture.step_writer import StatisticsOf, Step, StepWriter

# Steps that follow each other fast are written together: thirty in one go take a third of the CPU
# time of thirty single writes. A step is on disk after at most this many seconds ...
_LONGEST: Final = 0.25
# ... where a write is assumed to take this long until one was measured.
_FIRST_GUESS: Final = 0.05
# At most this many values wait.
MOST_VALUES: Final = 2**20


class BackgroundWriter:
    """Queues steps for a thread of its own, which writes them in order.

    The thread runs while steps wait and ends with them, so the interpreter's exit waits until all
    are written. `write`, `finish` and `close` are for one thread, the one that trains.

    Args:
        options: how and where to write.
        statistics_of: computes the statistics of sequences; by default those of NumPy arrays.

    Attributes:
        events: flags that rose or fell, in order. The caller removes what it has handled.
        messages: warnings for the user, likewise.
    """

    def __init__(self, options: LogOptions, statistics_of: StatisticsOf = in_numpy) -> None:
        self._steps = StepWriter(options, statistics_of)
        self.events, self.messages = self._steps.events, self._steps.messages
        # Flag listeners hear about a step before the next one is logged.
        self._waits_for_more = not options.watches_flags
        self._queue: queue.Queue[tuple[Step, float]] = queue.Queue()
        self._oldest = 0.0  # when the first of the queue was put into it
        self._values = 0  # in the steps that wait or are being written
        self._is_hurried = threading.Event()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._took = _FIRST_GUESS

    def write(self, step: Step) -> None:
        """Queue a step for writing; wait until earlier ones are written if too much waits."""
        if not self._waits_for_more or not self._has_room(step):
            self.finish()
        now = time.monotonic()
        if self._queue.empty():
            self._oldest = now
        with self._lock:
            self._values += step.size
            self._queue.put((step, now))
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="GradientLogger")
                self._worker.start()

    def finish(self) -> None:
        """Wait until everything queued is written."""
        self._is_hurried.set()
        self._queue.join()
        self._is_hurried.clear()

    def close(self) -> None:
        """Write everything queued and close the file; a later `write` opens a new one."""
        self.finish()
        self._steps.close()

    def _has_room(self, step: Step) -> bool:
        is_late = not self._queue.empty() and time.monotonic() - self._oldest > _LONGEST
        return self._values + step.size <= MOST_VALUES and not is_late

    def _work(self) -> None:
        """Write queued steps until there are none."""
        while self._has_work():
            steps = self._taken()
            start = time.monotonic()
            try:
                self._steps.write(steps)
            finally:
                self._took = time.monotonic() - start
                with self._lock:
                    self._values -= sum(step.size for step in steps)
                for _ in steps:
                    self._queue.task_done()
            del steps  # or it would keep the captured tensors while the next steps gather

    def _has_work(self) -> bool:
        """Return whether steps wait; if not, the thread ends, and `write` starts another."""
        with self._lock:
            if self._queue.empty():
                self._worker = None
                return False
            return True

    def _taken(self) -> Sequence[Step]:
        """Return the steps to write next, once the oldest has waited as long as it may."""
        oldest, since = self._queue.get()
        if self._waits_for_more and oldest.size <= MOST_VALUES:
            patience = _LONGEST - 2 * self._took - (time.monotonic() - since)
            self._is_hurried.wait(max(patience, 0))
        more = [self._queue.get_nowait()[0] for _ in range(self._queue.qsize())]
        return [oldest, *more]
