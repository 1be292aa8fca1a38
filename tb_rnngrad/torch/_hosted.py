"""`HostedLogger`: a `GradientLogger` inside of a trainer, which owns the loop and counts steps."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any, Final

from tb_rnngrad._capture.step_count import StepCount
from tb_rnngrad.torch._logger import GradientLogger

BESIDE: Final = "rnngrad"
"""The directory inside of a run's own, as two event files that are open in one lose steps."""

_THE_TRAINERS: Final = {"log_dir", "module", "optimizer", "scaler"}


class HostedLogger(GradientLogger):
    """Logs the steps of a trainer under the trainer's own numbers.

    Args:
        log_dir: the run's directory.
        module: what is trained.
        optimizer: the trainer's optimizer, a wrapper around one, or a list of them.
        made: the number of steps that the trainer made before, as in a resumed training.
        scaler: the trainer's `GradScaler`, or None.
        options: further arguments of `GradientLogger`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        module: Any,
        optimizer: Any,
        made: int,
        scaler: Any = None,
        **options: Any,
    ) -> None:
        self._made = made
        self._is_marked = False
        super().__init__(log_dir, module, optimizer, scaler=scaler, **options)

    def end_backward(self) -> None:
        """Take note that the backward passes of a step are done, also inside of a closure.

        What ran before belongs to the step: other micro-batches, and a closure's first evaluation.
        """
        if not self._is_marked:
            self._turns.mark(self._interception)
            self._is_marked = True

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._is_marked = False
        super()._before_step(optimizer, args, kwargs)

    def _end_step(self) -> None:
        self._made += 1
        super()._end_step()

    def _new_count(self) -> StepCount:
        return StepCount(
            self._module,
            self._log_dir,
            lambda module: self._made,
            counts_batches=True,
            name=f"module {type(self._module).__name__}",
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Check the names of options for `GradientLogger`, before a training begins.

    Raises:
        TypeError: if there is no such option.
    """
    known = [*inspect.signature(GradientLogger).parameters]
    own = [name for name in known if name not in _THE_TRAINERS]
    for name in options:
        if name not in own:
            raise TypeError(f"{name!r} is no option; expected one or more of {', '.join(own)}")
