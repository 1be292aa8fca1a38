"""From a chain of calls to the quantities that were asked for, as one sequence.

Hooks on a call's results bring all that arrives at them: from outputs and, through the state that
is handed on, from every later call. So each call's totals are right by themselves, and calls of the
same size are computed together, side by side as samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad.torch._chains import Chain
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._joined import likeness, side_by_side
from tb_rnngrad.torch._layout import captured
from tb_rnngrad.torch._placed import Placed
from tb_rnngrad.torch._unrolled import Layer, exactly, layers_of

# Differences below this many units of rounding are 0: two ways to add up one sum.
_ROUNDING: Final = 64


def stitched(chain: Chain, names: Mapping[int, str], of: Sequence[str]) -> list[Captured]:
    """Return what was asked for of some layers of a chain of calls.

    Args:
        chain: the calls.
        names: the layers' names by number.
        of: the quantities.

    Raises:
        NotImplementedError: if output gradients are asked for that cannot be told apart.
    """
    if "output" in of and chain.is_changed:
        raise NotImplementedError(
            f"the state of layer {next(iter(names.values()))!r} is changed between its calls, so "
            "output gradients cannot be told from what comes through time; expected a state that "
            "is handed on as it is, or of without 'output'"
        )
    parts = _parts(chain, names, of)
    placed = Placed(
        [link.begins for link in chain.links],
        [part.timesteps for part in parts],
        [
            part.mask & ~discarded[:, np.newaxis]
            for part, discarded in zip(parts, chain.discarded, strict=True)
        ],
    )
    passes = max((max(call.passes.values(), default=0) for call in chain.calls), default=0)
    found = []
    for index, first in enumerate(parts[0].captured):
        alike = [part.captured[index] for part in parts]
        if first.name == "output":
            alike = [replace(one, data=one.data.copy()) for one in alike]
            number = next(n for n, name in names.items() if name == first.layer)
            _take_out_time(chain, [one.data for one in alike], parts, number)
        passed = passes if first.passes is not None else None
        details = {"backward_pass": "sum"} if (passed or 0) > 1 else None
        whole = replace(first, passes=passed, details=details)
        if not first.is_matrix:
            found.append(replace(whole, data=placed([a.data for a in alike]), mask=placed.mask))
        elif first.quantity == "weight_gradient":
            found.append(replace(whole, data=sum(one.data for one in _once(alike))))
        else:
            found.append(whole)
    return found


@dataclass(frozen=True)
class _Part:
    """What was captured of one call. Matrices are those of all calls of its group.

    Attributes:
        captured: every quantity of every layer.
        mask: which timesteps are real, [samples, timesteps].
        through_time: dL/dh_0 by layer, if output gradients are asked for, and the size of its
            terms; each [samples, outputs].
    """

    captured: list[Captured]
    mask: NDArray[np.bool_]
    through_time: Mapping[int, tuple[NDArray[Any], NDArray[Any]]]

    @property
    def timesteps(self) -> int:
        return self.mask.shape[1]


def _parts(chain: Chain, names: Mapping[int, str], of: Sequence[str]) -> list[_Part]:
    """Return what was captured of each call of a chain."""
    groups: dict[Any, list[int]] = {}
    for index, call in enumerate(chain.calls):
        groups.setdefault(likeness(call), []).append(index)
    parts: dict[int, _Part] = {}
    for indices in groups.values():
        calls = [chain.calls[index] for index in indices]
        joined = calls[0] if len(calls) == 1 else side_by_side(calls)
        layers = layers_of(joined)
        whole = list(captured(joined, names, of, layers))
        time = {n: _through_time(joined, layers[n]) for n in names} if "output" in of else {}
        end = 0
        for index, call in zip(indices, calls, strict=True):
            start, end = end, end + call.final[0].shape[1]
            own = [
                one if one.is_matrix else replace(one, data=one.data[start:end]) for one in whole
            ]
            mask = layers[0].timeline.mask(joined.order)
            shape = end - start, call.arguments.timesteps
            is_real = np.ones(shape, bool) if mask is None else mask.numpy(force=True)
            terms = {n: (value[start:end], size[start:end]) for n, (value, size) in time.items()}
            parts[index] = _Part(own, is_real, terms)
    return [parts[index] for index in range(len(chain.calls))]


def _once(alike: Sequence[Captured]) -> list[Captured]:
    """Return each group's matrix once."""
    return list({id(one): one for one in alike}.values())


def _through_time(call: Call, layer: Layer) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return dL/dh_0 of a layer and the size of its terms, in the user's order."""
    with exactly(call.output.tensor.device.type):
        (direction,), (totals,) = layer.directions, layer.totals
        each = direction.recurrence.before_first(totals)
    ordered = (one if call.order is None else one[call.order.to(one.device)] for one in each)
    value, size = ((one / call.scale).numpy(force=True) for one in ordered)
    return value, size


def _take_out_time(
    chain: Chain, outputs: Sequence[NDArray[Any]], parts: Sequence[_Part], number: int
) -> None:
    """Subtract, at each call's end, what the calls after it bring through the state.

    Args:
        chain: the calls.
        outputs: all that arrives at the outputs of each, [samples, timesteps, channels]; changed in
            place.
        parts: the calls' parts.
        number: the layer's.
    """
    for later, link in enumerate(chain.links):
        if link.call.before is None:
            continue  # its state was detached
        value, size = parts[later].through_time[number]
        waiting = ~link.begins
        for earlier in range(later - 1, -1, -1):
            unused = chain.discarded[earlier][: len(waiting)]
            rows = np.flatnonzero(waiting & ~unused)
            last = parts[earlier].mask.sum(1)[rows] - 1
            left = outputs[earlier][rows, last] - value[rows]
            rounding = _ROUNDING * np.finfo(left.dtype).eps * size[rows]
            outputs[earlier][rows, last] = np.where(np.abs(left) <= rounding, 0, left)
            waiting &= unused
            if not waiting.any():
                break
