"""Several calls of one module as one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tb_rnngrad.torch._functional import Kept
from tb_rnngrad.torch._intercept import Call


def likeness(call: Call) -> Any:
    """Return what calls have in common that can be computed side by side."""
    arguments = call.arguments
    if arguments.batch_sizes is not None or arguments.dropout:
        return id(call)
    return arguments.timesteps, call.scale, _likeness_in_time(call)


def _likeness_in_time(call: Call) -> Any:
    arguments = call.arguments
    weights = tuple(
        id(weight)
        for layer in arguments.weights
        for direction in layer
        for weight in direction.by_name.values()
    )
    return (
        weights,
        arguments.batch_first,
        arguments.input.is_intact,
        call.output.is_intact,
        call.output.tensor.dtype,
        call.has_path_inside,
    )


def side_by_side(calls: Sequence[Call]) -> Call:
    """Return calls that are alike as one of all their samples."""
    axis = 0 if calls[0].arguments.batch_first else 1
    joined = _joined(calls, axis, _each_side_by_side([call.arguments.initial for call in calls]))
    joined.final = _each_side_by_side([call.final for call in calls])
    for position in {position for call in calls for position in call.arrived}:
        arrived = [_arrived(call, position) for call in calls]
        joined.arrive(position, torch.cat(arrived, 1 if position else axis))
        joined.passes[position] = max(call.passes.get(position, 0) for call in calls)
    return joined


def one_after_the_other(calls: Sequence[Call]) -> Call | None:
    """Return the calls of a chain as one of all their timesteps, without gradients.

    Returns:
        None if their weights differ, or they are packed or drop units.
    """
    if len(calls) == 1:
        return calls[0]
    arguments = [call.arguments for call in calls]
    if any(one.batch_sizes is not None or one.dropout for one in arguments):
        return None
    if len({_likeness_in_time(call) for call in calls}) > 1:
        return None
    return _joined(calls, 1 if arguments[0].batch_first else 0, arguments[0].initial)


def _joined(calls: Sequence[Call], axis: int, initial: tuple[Tensor, ...]) -> Call:
    first, last = calls[0], calls[-1]
    inputs = Kept.joined([call.arguments.input for call in calls], axis)
    return Call(
        first.name,
        first.round,
        first.scale,
        any(call.records_gradients for call in calls),
        replace(first.arguments, input=inputs, initial=initial),
        Kept.joined([call.output for call in calls], axis),
        last.final,
        None,
        first.is_continued,
        None,
        first.has_path_inside,
    )


def _arrived(call: Call, position: int) -> Tensor:
    arrived = call.arrived.get(position)
    if arrived is not None:
        return arrived
    return torch.zeros_like(call.final[position - 1] if position else call.output.tensor)


def _each_side_by_side(each: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.cat(states, 1) for states in zip(*each, strict=True))
