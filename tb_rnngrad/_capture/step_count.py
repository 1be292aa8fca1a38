"""Counts the training steps of a model, by its optimizer or by the logger."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tb_rnngrad.events.earlier import earlier_steps


class StepCount:
    """The steps of one training.

    If the optimizer counts up by one with every batch, its count is used. If not (another optimizer
    does the work, gradients are accumulated over batches), the logger counts batches itself,
    starting from the optimizer's count. Steps ascend, and none occurs twice.

    Args:
        model: the model that is about to train; it is referred to weakly. A later count of the same
            model goes on from this one where the optimizer does not count.
        log_dir: where its steps are logged.
        optimizers_count: a function of the model: how many batches its optimizer has seen; None
            where that is unknown. Reading it may wait for the device, so it is called as rarely as
            possible.
        counts_batches: whether the optimizer may count up by one with every batch.
        name: what messages call the model, such as "model 'm'".

    Attributes:
        before: the number of steps before the batch that was last inspected.
        now: the number of steps before the next batch.
    """

    def __init__(
        self,
        model: Any,
        log_dir: str | os.PathLike[str],
        optimizers_count: Callable[[Any], int | None],
        counts_batches: bool,
        name: str,
    ) -> None:
        self._model = weakref.ref(model)
        self._log_dir = log_dir
        self._optimizers_count = optimizers_count
        self._name = name
        last = _counts.get(model)
        self._is_optimizers: bool = counts_batches and (last is None or last._is_optimizers)
        goes_on = last is not None and not self._is_optimizers
        self.now: int = last.now if goes_on and last else self._read()
        # An optimizer that has counted before comes from a checkpoint or an earlier fit.
        self._taken = _last_step_in(log_dir) if self.now == 0 or goes_on else -1
        # A probe batch is logged at the end of one fit and again at the start of the next.
        self._is_second = self.now < self._taken or (self.now == self._taken and not goes_on)
        if self._is_second and last is not None and last.now > 0:
            # A newly compiled optimizer does not know how far the weights were trained.
            self._is_optimizers = False
            self.now = last.now
        if self._is_second and not self._is_optimizers:
            self.now = max(self.now, self._taken + 1)
        self.before = self._batches = self.now
        self._is_read = self._is_settled = False
        self._details: dict[str, str] | None = None
        _counts[model] = self

    @property
    def details(self) -> Mapping[str, str]:
        """How a record's step was counted; fixed at the first record of a training."""
        if self._details is None:
            self._details = {"step_from": "optimizer" if self._is_optimizers else "logger"}
        return self._details

    def forget(self) -> None:
        """Read the optimizer's count again, as others may have set it."""
        self._is_read = False

    def look(self) -> None:
        """Update the count before a batch that will be logged."""
        self._batches = self.now
        if self._is_optimizers and not self._is_read:
            self.now = self._read()
        self.before = self.now

    def passed(self, steps: int) -> None:
        """Count an execution of one or more batches that was not inspected."""
        self.now += steps
        self._is_read = False

    def settle(self, steps: int, counted: int | None) -> str | None:
        """Count an inspected execution once it has run.

        Args:
            steps: the number of batches in it.
            counted: the optimizer's count after it; None: read it here.

        Returns:
            A message for the user, or None.
        """
        is_first, self._is_settled = not self._is_settled, True
        has_changed = False
        if self._is_optimizers:
            after = self._read() if counted is None else counted
            # The last execution of an epoch may lack data for some of its steps.
            has_stepped = after - self.before == steps if is_first else after > self.before
            self._is_read = has_stepped
            self.now = after
            if not has_stepped:
                has_changed = not is_first
                self._is_optimizers = False
                least = self._taken + 1 if self._is_second and is_first else 0
                self.before = max(self.before, self._batches, least)
                self.now = self.before + steps
        else:
            self.now += steps
        if is_first:
            return self._of_second() if self._is_second else None
        return self._of_change() if has_changed else None

    def _read(self) -> int:
        return self._optimizers_count(self._model()) or 0

    def _of_second(self) -> str:
        if self._is_optimizers:
            becomes = (
                f"begins again at step {self.before}. Of two records of one step the later wins"
            )
        else:
            becomes = f"goes on from there: its steps are counted from {self.before} by the logger"
        return (
            f"{os.fspath(self._log_dir)} already holds steps up to {self._taken} of another "
            f"training, and this one {becomes}. Log every training into a directory of its own to "
            "tell them apart"
        )

    def _of_change(self) -> str:
        return (
            f"the optimizer of {self._name} no longer steps with every batch: from "
            f"step {self.before} on GradientLogger counts batches"
        )


def _last_step_in(log_dir: str | os.PathLike[str]) -> int:
    """Return the last step of which a directory holds a record; -1 if there is none."""
    try:
        spans = earlier_steps(Path(log_dir).resolve())
    except OSError:  # writing will report what cannot be read
        return -1
    return max((last for _, last in spans.values()), default=-1)


_counts: weakref.WeakKeyDictionary[Any, StepCount] = weakref.WeakKeyDictionary()
