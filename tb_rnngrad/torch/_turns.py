"""Which passes led to which step, where several optimizers take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn
from torch.optim import Optimizer

from tb_rnngrad.torch._intercept import Call, Interception
from tb_rnngrad.torch._watch import WatchedState


@dataclass(frozen=True)
class Passes:
    """What was recorded in some forward passes.

    Attributes:
        calls: the calls of recurrent layers.
        watched: the watched states.
    """

    calls: Sequence[Call] = field(default_factory=list)
    watched: Sequence[WatchedState] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Return whether anything was recorded."""
        return bool(self.calls or self.watched)

    def of_last_scale(self) -> Passes:
        """Return those that led to the step: where the scale changed, the scaler skipped one."""
        both = [*self.calls, *self.watched]
        scale = max(both, key=lambda one: one.round).scale if both else 1.0
        return Passes(
            [call for call in self.calls if call.scale == scale],
            [state for state in self.watched if state.scale == scale],
        )

    def of_first_round(self) -> Passes:
        """Return those of the first forward pass that a backward pass ended."""
        first = min((one.round for one in (*self.calls, *self.watched)), default=0)
        return Passes(
            [call for call in self.calls if call.round == first],
            [state for state in self.watched if state.round == first],
        )


class Turns:
    """The turns of one training step, which is over once every optimizer has stepped.

    The passes since any optimizer's step lead to the next one, and to steps that follow it without
    another pass. A layer's passes are those that led to the last step of the optimizer that holds
    its weights.

    Args:
        optimizers: all of them.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = optimizers
        self._last = Passes()
        self._of: dict[Optimizer, Passes] = {}
        self._before = 0, 0

    def mark(self, seen: Interception) -> None:
        """Take note that an optimizer is about to step."""
        self._before = len(seen.calls), len(seen.watched)

    def end(self, optimizer: Optimizer, seen: Interception) -> None:
        """Take note that an optimizer has stepped, and take what was recorded."""
        calls, watched = seen.taken()
        found = Passes(calls[: self._before[0]], watched[: self._before[1]])
        if not found:  # the optimizer called a closure, once or more often
            found = Passes(calls, watched).of_first_round()
        if found:
            self._last = found
        self._of[optimizer] = self._last
        self._before = 0, 0

    @property
    def are_over(self) -> bool:
        """Whether every optimizer has stepped."""
        return len(self._of) == len(self.optimizers)

    def taken(self, modules: Mapping[str, nn.Module]) -> Passes:
        """Return the passes of a training step that is over, and begin the next.

        Args:
            modules: the recurrent modules by name.
        """
        of = {one: passes.of_last_scale() for one, passes in self._of.items()}
        self._of, self._last = {}, Passes()
        owners = {name: self._owner(module) for name, module in modules.items()}
        calls = [
            call for name, owner in owners.items() for call in of[owner].calls if call.name == name
        ]
        return Passes(calls, of[self.optimizers[0]].watched)

    def _owner(self, module: nn.Module) -> Optimizer:
        """Return the optimizer that holds a module's weights; the first, if none does."""
        if len(self.optimizers) == 1:
            return self.optimizers[0]
        own = {id(weight) for weight in module.parameters()}
        for optimizer in self.optimizers:
            if any(id(one) in own for group in optimizer.param_groups for one in group["params"]):
                return optimizer
        return self.optimizers[0]
