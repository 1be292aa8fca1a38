"""One training as a logger goes through it, whatever the framework."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tb_rnngrad._capture.background_writer import BackgroundWriter
from tb_rnngrad._capture.batch_names import BatchNames
from tb_rnngrad._capture.messages import in_a_sentence, tell
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.records import NO_NAMES
from tb_rnngrad._capture.records import statistics_of as in_numpy
from tb_rnngrad._capture.schedule import Due, Schedule
from tb_rnngrad._capture.step_count import StepCount
from tb_rnngrad._capture.step_writer import StatisticsOf, Step, StepCapture


class Session:
    """Decides what a step logs, counts steps, writes in the background, and tells the user.

    A logger calls, in the thread that trains::

        session.begin()                                # before a training
        with session.surviving():                      # around whatever of ours may fail
            due = session.due(new_count)               # before a batch: None, or what to capture
        ...                                            # the batch runs, with taps if it is due
        with session.surviving():
            session.passed(steps)                      # after batches that were not captured
            session.ran(capture, due, steps, counted)  # or after a batch that was
        session.report()                               # outside `surviving`: it calls the user
        session.end()                                  # after the training

    A session that is never ended loses nothing: the interpreter's exit waits for what is queued. It
    can be copied before its first `begin`, as tuners copy callbacks.

    Args:
        options: how and where to write, and who hears about flags.
        schedule: when to log.
        statistics_of: computes the statistics of what `StepCapture.to_layout` returns; by default
            in NumPy.

    Attributes:
        count: the steps of this training; None before its first batch.
        last_logged: the step that was logged last; None if there is none.
        gave_up: whether logging ended early, as something failed.
        prints_beside_a_bar: whether a progress bar's line is open between batches.
    """

    def __init__(
        self, options: LogOptions, schedule: Schedule, statistics_of: StatisticsOf = in_numpy
    ) -> None:
        self._options = options
        self._schedule = schedule
        self._statistics_of = statistics_of
        self._writer: BackgroundWriter | None = None
        self._told: set[str] = set()  # kinds of doubts reported so far
        self.count: StepCount | None = None
        self.last_logged: int | None = None
        self.gave_up = False
        self.prints_beside_a_bar = False

    def begin(self) -> None:
        """Begin a training."""
        self.count = None
        self.gave_up = False
        self._told.clear()
        if self._writer is None:
            self._writer = BackgroundWriter(self._options, self._statistics_of)

    def begin_epoch(self) -> None:
        """Begin an epoch, before which others may have set the optimizer's count."""
        self._schedule.begin_epoch()
        if self.count is not None:
            self.count.forget()

    def due(self, new_count: Callable[[], StepCount]) -> Due | None:
        """Return what to capture of the batch that is about to run; None: nothing.

        Args:
            new_count: gives the count of this training. It is called at the first batch, as a
                checkpoint may still be loaded at the start of training.
        """
        if self.gave_up:
            return None
        if self.count is None:
            self.count = new_count()
            self._schedule.begin(self.count.now)
        # Use the own count, as reading the optimizer's counter waits for the device.
        due = self._schedule.due(self.count.now)
        if due is not None:
            self.count.look()
            self._schedule.pass_by(self.count.now, due)
        return due

    def passed(self, steps: int) -> None:
        """Count batches of which nothing was captured."""
        if self.count is not None:
            self.count.passed(steps)

    def ran(
        self,
        capture: StepCapture,
        due: Due,
        steps: int = 1,
        counted: int | None = None,
        is_live: bool = True,
        names: BatchNames = NO_NAMES,
    ) -> None:
        """Count batches of which something was captured, and queue it for writing.

        Args:
            capture: what was captured.
            due: what `due` returned.
            steps: the number of batches that ran at once; the last was captured.
            counted: the optimizer's count after them; None: read it.
            is_live: whether the capture is of the batch itself; if not, it shows the weights before
                it, as of a probe batch.
            names: the batch's ids and labels.
        """
        assert self.count is not None
        message = self.count.settle(steps, counted)
        if message is not None:
            tell(message)
        self.log(capture, self.count.now - 1 if is_live else self.count.before, due, names)

    def log(
        self,
        capture: StepCapture,
        step: int,
        due: Due = Due.RECORDS,
        names: BatchNames = NO_NAMES,
    ) -> None:
        """Queue what was captured for writing at a step, and tell of doubts about it."""
        assert self._writer is not None and self.count is not None
        for kind, sentence in capture.doubts().items():
            if kind not in self._told:
                self._told.add(kind)
                tell(sentence)
        self._writer.write(Step(step, capture, due, self.count.details, names))
        self.last_logged = step

    def report(self) -> None:
        """Tell of what happened in the background: warn, print, call the user's function.

        What the user's function raises reaches the caller.
        """
        if self._writer is None:
            return
        while self._writer.messages:
            tell(self._writer.messages.popleft())
        events = self._writer.events
        while events:
            event = events.popleft()
            if self._options.verbose:
                print(f"\n{event}" if self.prints_beside_a_bar else event)
            if self._options.on_flag is not None:
                self._options.on_flag(event)

    def finish(self) -> None:
        """Wait until everything queued is in the file."""
        if self._writer is not None:
            self._writer.finish()

    def end(self) -> None:
        """End a training: write everything, close the file, report. Another may `begin`."""
        if self._writer is not None:
            self._writer.close()
        self.report()

    @contextlib.contextmanager
    def surviving(self) -> Iterator[None]:
        """Stop logging if the block fails, and let training go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, training is not to end for it
            self.give_up(error)

    def give_up(self, error: Exception) -> None:
        """Stop logging until the next `begin`, and tell why."""
        self.gave_up = True
        tell(f"GradientLogger logs no more, training goes on: {in_a_sentence(error)}")
