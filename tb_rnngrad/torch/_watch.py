"""`watch`: states that the user computes in a loop of their own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from tb_rnngrad.torch._arrivals import Recorded
from tb_rnngrad.torch._functional import runs_backward

Listener = Callable[[Tensor, str, Any, Any], None]


@dataclass(frozen=True, eq=False)
class Ear:
    """One that listens to `watch`.

    Attributes:
        listener: called with each state.
        is_private: whether what it hears is for nobody else: a look of ours at a module.
        thread: the thread that it listens to.
    """

    listener: Listener
    is_private: bool
    thread: int = field(default_factory=threading.get_ident)


_ears: Final[list[Ear]] = []


def watch(h: Tensor, name: str, *, starts: Any = None, mask: Any = None) -> Tensor:
    """Return `h`, the state of a recurrence of your own at one timestep; record it if asked to.

    Inside of `capture` and `gradients`, and in steps that a `GradientLogger` logs, the states with
    one name become one record [samples, timesteps, units] of the total gradients dL/dh_t
    ("hidden_state") or of the values ("states"). Anywhere else the call costs next to nothing. The
    tensor itself is returned, so the step stays bit for bit what it was. Graphs of `torch.compile`
    leave the call out, and nothing of it is recorded.

    Args:
        h: [samples, units], or [units] of one sample. Further axes count as units.
        name: the record's layer.
        starts: True at the first timestep of a sequence, as in `starts=t == 0`; or which samples
            have a new state here, [samples] of bool: those samples begin another sequence. None: a
            sequence begins with the first timestep of each forward pass.
        mask: which samples have a real timestep here, [samples] of bool; None: all. Later calls may
            have fewer samples, the first ones; then the others have ended.

    Example::

        h = x.new_zeros(len(x), 2)
        for x_t in x.unbind(1):
            h = torch.tanh(x_t + h.flip(1))
            h = tb_rnngrad.torch.watch(h, "memory")
    """
    # While a graph is compiled the condition is a constant, so that the graph has no trace of it.
    if not torch.compiler.is_compiling() and _ears:
        _tell(h, name, starts, mask)
    return h


def _tell(h: Tensor, name: str, starts: Any, mask: Any) -> None:
    for ear in _listening():
        ear.listener(h, name, starts, mask)


def _listening() -> Iterator[Ear]:
    """Yield the ears of this thread, the latest first, up to a private one."""
    thread = threading.get_ident()
    for ear in reversed(_ears):
        if ear.thread == thread:
            yield ear
            if ear.is_private:
                return


def hears(ear: Ear) -> bool:
    """Return whether what happens in this thread is for this ear."""
    return ear.thread != threading.get_ident() or ear in _listening()


@contextlib.contextmanager
def listening(listener: Listener, is_private: bool) -> Iterator[Ear]:
    """Call `listener` at each `watch` of this thread inside of the block."""
    ear = Ear(listener, is_private)
    _ears.append(ear)
    try:
        yield ear
    finally:
        _ears.remove(ear)


@dataclass
class WatchedState(Recorded):
    """A watched state at one timestep.

    Attributes:
        is_recomputed: whether a backward pass computes it, for what was not kept (checkpoints).
        value: [samples, units].
        starts: which samples begin a sequence, bool [samples]; None: as the forward pass has it.
        mask: which samples have a real timestep, bool [samples]; None: all.
    """

    is_recomputed: bool
    value: Tensor
    starts: Tensor | None
    mask: Tensor | None

    @classmethod
    def of(
        cls, h: Any, name: Any, round: int, scale: float, starts: Any, mask: Any
    ) -> WatchedState:
        """Return a state as `watch` was given it.

        Raises:
            TypeError, ValueError: if an argument of `watch` is invalid.
        """
        if not isinstance(name, str) or not name:
            raise TypeError(f"watch was given the name {name!r}; expected a string")
        if not isinstance(h, Tensor) or not h.is_floating_point():
            given = h.dtype if isinstance(h, Tensor) else f"a {type(h).__name__}"
            raise TypeError(f"watch(h, {name!r}): h is {given}; expected a floating-point tensor")
        if not h.numel() or not h.ndim:
            raise ValueError(
                f"watch(h, {name!r}): h has shape {tuple(h.shape)}; expected [samples, units]"
            )
        value = as_samples(h.detach()).clone()
        samples = len(value)
        return cls(
            name,
            round,
            scale,
            h.requires_grad,
            runs_backward(),
            value,
            _of_samples(starts, samples, name, "starts"),
            _of_samples(mask, samples, name, "mask"),
        )


def as_samples(h: Tensor) -> Tensor:
    """Return a state, or its gradient, as [samples, units]."""
    return h.unsqueeze(0) if h.ndim == 1 else h.flatten(1)


def _of_samples(given: Any, samples: int, name: str, argument: str) -> Tensor | None:
    if given is None:
        return None
    if isinstance(given, bool):
        return torch.full((samples,), given)
    flags = torch.as_tensor(given).detach()
    if flags.numel() != samples or not ((flags == 0) | (flags == 1)).all():
        raise ValueError(
            f"watch(h, {name!r}): {argument} is {flags.tolist()}; expected True or False for each "
            f"of the {samples} samples of h"
        )
    return flags.reshape(samples).to("cpu", torch.bool)
