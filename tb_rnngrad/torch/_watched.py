"""From watched states to records: which follow each other, and what was asked for of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import GRADIENTS, QUANTITY_OF
from tb_rnngrad.torch._merged import merged
from tb_rnngrad.torch._placed import Placed
from tb_rnngrad.torch._quantities import see_gradients
from tb_rnngrad.torch._watch import WatchedState, as_samples

QUANTITIES: Final = ("hidden_state", "states")
"""What watched states have."""


def captured_of_watched(states: Sequence[WatchedState], of: Sequence[str]) -> list[Captured]:
    """Return what was asked for of watched states, name by name.

    If gradients are asked for, only sequences count that a backward pass reached.

    Raises:
        ValueError: if timesteps do not fit each other.
    """
    found: list[Captured] = []
    own = [quantity for quantity in QUANTITIES if quantity in of]
    for name in dict.fromkeys(state.name for state in states):
        sequences = list(_sequences([state for state in states if state.name == name]))
        if see_gradients(own):
            sequences = [each for each in sequences if any(state.passes for state in each)]
        found += merged([list(_captured(each, own)) for each in sequences])
    return found


def _sequences(states: Sequence[WatchedState]) -> Iterator[list[WatchedState]]:
    """Yield the timesteps of each sequence."""
    sequence: list[WatchedState] = []
    for state in states:
        if sequence and _begins(state, sequence[-1]):
            yield sequence
            sequence = []
        if sequence:
            _check(state, sequence)
        sequence.append(state)
    yield sequence


def _begins(state: WatchedState, last: WatchedState) -> bool:
    """Return whether a sequence begins with a state that came after another."""
    starts = state.starts is not None and bool(state.starts.all())
    return starts or (state.round, state.is_recomputed) != (last.round, last.is_recomputed)


def _check(state: WatchedState, sequence: Sequence[WatchedState]) -> None:
    """Raise ValueError unless a timestep can follow others."""
    shape, before = tuple(state.value.shape), tuple(sequence[-1].value.shape)
    if shape[1] != before[1] or shape[0] > before[0]:
        raise ValueError(
            f"watch(h, {state.name!r}) was given {list(shape)} after {list(before)} at timestep "
            f"{len(sequence)}; expected [samples, units] of the same sequence, with as many "
            "samples or fewer, or starts=True where another sequence begins"
        )


def _captured(states: Sequence[WatchedState], of: Sequence[str]) -> Iterator[Captured]:
    none = [np.zeros(len(state.value), bool) for state in states]
    begins = [
        flags if state.starts is None else state.starts.numpy()
        for state, flags in zip(states, none, strict=True)
    ]
    masks = [
        ~flags if state.mask is None else state.mask.numpy()
        for state, flags in zip(states, none, strict=True)
    ]
    placed = Placed(begins, [1] * len(states), [mask[:, np.newaxis] for mask in masks])
    for quantity in of:
        is_gradient = quantity in GRADIENTS
        tensors = [_gradient(state) if is_gradient else state.value for state in states]
        dtype = torch.promote_types(tensors[0].dtype, torch.float32)
        parts = [tensor.to(dtype).unsqueeze(1).numpy(force=True) for tensor in tensors]
        passes = max(state.passes.get(0, 0) for state in states) if is_gradient else None
        name = quantity if is_gradient else f"{quantity}/h"
        yield Captured(
            states[0].name,
            name,
            QUANTITY_OF[name],
            placed(parts),
            placed.mask,
            None,
            "forward",
            {"backward_pass": "sum"} if (passes or 0) > 1 else None,
            passes,
        )


def _gradient(state: WatchedState) -> Tensor:
    """Return dL/dh_t, [samples, units]; 0 where no backward pass came."""
    arrived = state.arrived.get(0)
    return torch.zeros_like(state.value) if arrived is None else as_samples(arrived) / state.scale
