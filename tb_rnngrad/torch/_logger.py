"""`GradientLogger`: logs while a training loop of the user's own runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch.optim import Optimizer

from tb_rnngrad._capture.batch_names import BatchNames, joined, names_of_call
from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.schedule import Due, Schedule
from tb_rnngrad._capture.session import Session
from tb_rnngrad._capture.step_count import StepCount
from tb_rnngrad._capture.step_writer import CapturedStep
from tb_rnngrad.flow import FlagEvent, Thresholds
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._recorded import Wanted
from tb_rnngrad.torch._turns import Turns


class GradientLogger:
    """Logs gradients through time while a training loop runs; nothing is added to the loop.

    It hooks into the optimizer's steps. Before a step that is logged it also hooks into the
    recurrent layers, whose forward and backward passes run untouched; other steps run as if it were
    not there. If logging fails, it warns once and training goes on.

    Args:
        log_dir: the run's directory. Records go directly into it.
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their
            cells in it, or with states that are watched (`watch`).
        optimizer: the optimizer whose steps are the training steps, also as `accelerate` wraps it;
            or a list of optimizers. Then a training step is over once each of them has stepped.
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
        ids: names of the batch's samples, strings or integers: a list if every batch is the same;
            else a function that is called with what `module` is called with, and returns one.
        labels: what stands along the time axis, likewise: [timesteps], or [samples, timesteps].
            Names that do not fit a record are left out of it.
        keep: which samples to keep: the "first", the "largest" by norm, or "random" ones.
        norms: True: also log the norm of every sample at every timestep, of records with up to
            65,536 of them.

    Of several processes that train together (DistributedDataParallel) only the first logs; its
    gradients are those of its own loss.

    Tags are layer/quantity, such as "encoder.lstm/hidden_state". The memory horizon, half-life and
    largest gain of every logged step become TensorBoard scalars, under tag/memory_horizon and so
    on. The step is the number of steps that the optimizer has made before; where its state does not
    hold it (SGD), the logger counts. All forward and backward passes between two steps are one
    batch (gradient accumulation). Of a step with a closure (LBFGS), its first evaluation is logged.

    Of several optimizers, the one that holds a layer's weights decides: the layer's records are of
    the passes that led to that optimizer's last step, since the step of any other. Watched states,
    and layers whose weights no optimizer holds, go with the first. The step is the number of steps
    of the optimizer that has made the fewest.

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
        ids: Any = None,
        labels: Any = None,
        keep: str = "first",
        norms: bool = False,
    ) -> None:
        if not isinstance(update_freq, int):
            raise ValueError(f"update_freq is {update_freq!r}; expected a number of steps")
        given = list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
        if scaler is None:  # accelerate's wrapper has its own
            scalers = (getattr(one, "scaler", None) for one in given)
            scaler = next((one for one in scalers if one is not None), None)
        optimizers = list(dict.fromkeys(map(_unwrapped, given)))
        if not optimizers or not all(isinstance(one, Optimizer) for one in optimizers):
            raise TypeError(
                f"optimizer is {optimizer!r}; expected a torch.optim.Optimizer, or a list of them"
            )
        options = LogOptions(
            log_dir, max_outputs, dtype, thresholds or Thresholds(), verbose, on_flag, keep, norms
        )
        self._log_dir = log_dir
        self._module = module
        names = check_of(of)
        self._wanted = Wanted.by(module, layers, names)
        self._session = Session(options, Schedule(update_freq, flow_freq))
        self._session.begin()
        # Training records gradients; a validation between two steps need not be kept.
        self._interception = Interception(self._wanted.modules, needs_graph=True, scaler=scaler)
        self._recording = contextlib.ExitStack()
        self._hooks: list[Any] = []
        self._due: Due | None = None
        self._turns = Turns(optimizers)
        self._ids, self._labels = ids, labels
        self._names: list[BatchNames] = []  # of the module's calls since the last step
        # What the first step logs is known once it comes: a checkpoint may still be loaded.
        self._is_first = True
        if _is_first_process():
            for one in optimizers:
                self._hooks += [
                    one.register_step_pre_hook(self._before_step),
                    one.register_step_post_hook(self._after_step),
                ]
            if ids is not None or labels is not None:
                hook = module.register_forward_pre_hook(self._before_call, with_kwargs=True)
                self._hooks.append(hook)
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

    def _before_call(self, module: Any, args: Any, kwargs: Any) -> None:
        """Take the names of a batch on its way into the module, if it may be logged."""
        if (self._due is None and not self._is_first) or not torch.is_grad_enabled():
            return
        with self._session.surviving():
            self._names.append(names_of_call(self._ids, self._labels, *args, **kwargs))

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        with self._session.surviving():
            if self._is_first:
                self._is_first = False
                self._due = self._session.due(self._new_count)
            self._turns.mark(self._interception)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._recording.close()
        if self._session.gave_up:
            return
        with self._session.surviving():
            self._interception.check()
            self._turns.end(optimizer, self._interception)
            if self._turns.are_over:
                self._end_step()
            if self._due is not None:
                self._record()
        self._session.report()

    def _end_step(self) -> None:
        """Log the training step that is over, if it is due, and learn what is due next."""
        due, self._due = self._due, None  # nothing is, should anything fail
        names, self._names = joined(self._names), []
        passes = self._turns.taken(self._wanted.modules)
        if due is None:
            self._session.passed(1)
        else:
            captured = self._wanted.captured(
                passes.calls, passes.watched, self._interception.left_out, merges=True
            )
            self._session.ran(CapturedStep("torch", captured), due, names=names)
        self._due = self._session.due(self._new_count)

    def _new_count(self) -> StepCount:
        return StepCount(
            self._module,
            self._log_dir,
            partial(_steps_of, self._turns.optimizers),
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


def _steps_of(optimizers: Sequence[Optimizer], module: Any) -> int | None:
    """Return how many training steps optimizers have made; None if no state of theirs holds it."""
    counts = [
        max((int(state["step"]) for state in one.state.values() if "step" in state), default=None)
        for one in optimizers
    ]
    return min((count for count in counts if count is not None), default=None)
