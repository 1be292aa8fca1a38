"""`GradientLogger`: logs while a training loop of the user's own runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any

import torch

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.schedule import Due, Schedule
from tb_rnngrad._capture.session import Session
from tb_rnngrad._capture.step_count import StepCount
from tb_rnngrad._capture.step_writer import CapturedStep
from tb_rnngrad.flow import FlagEvent, Thresholds
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._recorded import Wanted


class GradientLogger:
    """Logs gradients through time while a training loop runs; nothing is added to the loop.

    It hooks into the optimizer's steps. Before a step that is logged it also hooks into the
    recurrent layers, whose forward and backward passes run untouched; other steps run as if it were
    not there. If logging fails, it warns once and training goes on.

    Args:
        log_dir: the run's directory. Records go directly into it.
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their
            cells in it, or with states that are watched (`watch`).
        optimizer: the optimizer whose steps are the training steps, also as `accelerate` wraps it.
        layers: names ("encoder.lstm"; "encoder.lstm.l1" for one of its stacked layers), modules, or
            a list of these; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        update_freq: records are logged at every multiple of this number of steps.
        max_outputs: how many samples to keep; the flow statistics cover the whole batch.
        dtype: "float32", or "bfloat16" for half the bytes.
        flow_freq: between records, only the flow statistics (a few kilobytes) are logged at every
            multiple of this number of steps. None: flow is logged with the records only.
        thresholds: when a flag is up; None: `flow.Thresholds()`.
        verbose: 1: print a line when a flag rises or falls; 0: do not.
        on_flag: called with a `flow.FlagEvent` when a flag rises or falls, in the thread that
            trains, at the end of a later step or in `close`. What it raises reaches the user.
        scaler: the `torch.amp.GradScaler` that scales the loss, if there is one. Logged gradients
            are unscaled. Steps that it skips are not logged.

    Of several processes that train together (DistributedDataParallel) only the first logs; its
    gradients are those of its own loss.

    Tags are layer/quantity, such as "encoder.lstm/hidden_state". The memory horizon, half-life and
    largest gain of every logged step become TensorBoard scalars, under tag/memory_horizon and so
    on. The step is the number of steps that the optimizer has made before; where its state does not
    hold it (SGD), the logger counts. All forward and backward passes between two steps are one
    batch (gradient accumulation). Of a step with a closure (LBFGS), its first evaluation is logged.

    Raises:
        ValueError, TypeError: if an argument is invalid.
        NotImplementedError: if a layer cannot be inspected.

    Example::

        with tb_rnngrad.torch.GradientLogger("logs/my_run", model, optimizer):
            ...  # the training loop, as it is

    Without `with`, `close()` ends it; a program that ends without it loses nothing.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        module: Any,
        optimizer: Any,
        layers: Any = None,
        of: str | Sequence[str] = ("hidden_state",),
        update_freq: int = 100,
        max_outputs: int = 4,
        dtype: str = "float32",
        flow_freq: int | None = None,
        thresholds: Thresholds | None = None,
        verbose: int = 0,
        on_flag: Callable[[FlagEvent], object] | None = None,
        scaler: Any = None,
    ) -> None:
        if not isinstance(update_freq, int):
            raise ValueError(f"update_freq is {update_freq!r}; expected a number of steps")
        if scaler is None:  # accelerate's wrapper has its own
            scaler = getattr(optimizer, "scaler", None)
        optimizer = _unwrapped(optimizer)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer is {optimizer!r}; expected a torch.optim.Optimizer")
        options = LogOptions(
            log_dir, max_outputs, dtype, thresholds or Thresholds(), verbose, on_flag
        )
        self._log_dir = log_dir
        self._module = module
        self._optimizer = optimizer
        names = check_of(of)
        self._wanted = Wanted.by(module, layers, names)
        self._session = Session(options, Schedule(update_freq, flow_freq))
        self._session.begin()
        # Training records gradients; a validation between two steps need not be kept.
        self._interception = Interception(self._wanted.modules, needs_graph=True, scaler=scaler)
        self._recording = contextlib.ExitStack()
        self._hooks: list[Any] = []
        self._due: Due | None = None
        self._before = 0  # calls before the optimizer's step
        # What the first step logs is known once it comes: a checkpoint may still be loaded.
        self._is_first = True
        if _is_first_process():
            self._hooks = [
                optimizer.register_step_pre_hook(self._before_step),
                optimizer.register_step_post_hook(self._after_step),
            ]
            self._record()

    def __enter__(self) -> GradientLogger:
        """Return the logger itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the logger, also after an exception."""
        self.close()

    def close(self) -> None:
        """Write everything, close the file and log no more."""
        self._recording.close()
        for hook in self._hooks:
            hook.remove()
        self._session.end()

    def _record(self) -> None:
        self._recording.enter_context(self._interception.entered())

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        with self._session.surviving():
            if self._is_first:
                self._is_first = False
                self._due = self._session.due(self._new_count)
            self._before = len(self._interception.calls)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._recording.close()
        with self._session.surviving():
            if self._due is None:
                self._session.passed(1)
            else:
                self._session.ran(CapturedStep("torch", self._captured()), self._due)
            self._due = self._session.due(self._new_count)
            if self._due is not None:
                self._record()
        self._interception.calls = []
        self._session.report()

    def _captured(self) -> list[Captured]:
        """Return what was asked for of the step that ends."""
        seen = self._interception
        seen.check()
        calls = seen.calls[: self._before]
        if not calls:  # the optimizer called a closure, once or more often
            calls = [call for call in seen.calls if call.round == 0]
        # Where the scale has changed since, the scaler skipped a step.
        calls = [call for call in calls if call.scale == calls[-1].scale]
        return self._wanted.captured(calls, seen.watched, seen.left_out, merges=True)

    def _new_count(self) -> StepCount:
        return StepCount(
            self._module,
            self._log_dir,
            partial(_steps_of, self._optimizer),
            counts_batches=True,
            name=f"module {type(self._module).__name__}",
        )


def _unwrapped(optimizer: Any) -> Any:
    """Return the optimizer that a trainer's or accelerate's wrapper steps."""
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


def _is_first_process() -> bool:
    distributed = torch.distributed
    is_alone = not distributed.is_available() or not distributed.is_initialized()
    return is_alone or distributed.get_rank() == 0


def _steps_of(optimizer: torch.optim.Optimizer, module: Any) -> int | None:
    """Return how many steps an optimizer has made; None if its state does not hold it."""
    steps = [int(state["step"]) for state in optimizer.state.values() if "step" in state]
    return max(steps, default=None)
