"""From a recorded call to the quantities that were asked for, in the layout of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import GRADIENTS, QUANTITY_OF
from tb_rnngrad.torch._functional import Weights
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._recurrences import Lstm, Totals, before, gates_of
from tb_rnngrad.torch._unrolled import Direction, Layer, exactly, layers_of

_DIRECTIONS: Final = ("forward", "backward")


def captured(
    call: Call,
    names: Mapping[int, str],
    of: Sequence[str],
    layers: Sequence[Layer] | None = None,
) -> Iterator[Captured]:
    """Yield what was asked for of some layers of a call.

    Args:
        call: the call.
        names: the layers' names by number.
        of: the quantities.
        layers: the call's layers, if the caller has them.
    """
    layers = layers_of(call) if layers is None else layers
    with exactly(call.output.tensor.device.type):
        for number, name in names.items():
            for quantity in of:
                yield from _Quantity(call, layers[number], number, name, quantity).captured()


@dataclass(frozen=True)
class _Quantity:
    """One quantity of one layer of a call."""

    call: Call
    layer: Layer
    number: int
    layer_name: str
    of: str

    def captured(self) -> Iterator[Captured]:
        """Yield its parts."""
        layer = self.layer
        match self.of:
            case "hidden_state":
                yield self._by_direction("", [one.hidden_state for one in layer.totals])
            case "cell_state":
                yield self._by_direction("", [_known(one.cell_state) for one in layer.totals])
            case "gates":
                yield self._by_direction("", [one.gates for one in layer.totals], self._gates)
            case "states":
                yield self._by_direction("/h", [one.h for one in layer.directions])
                if self.call.arguments.kind == "lstm":
                    yield self._by_direction("/c", [_cell_states(one) for one in layer.directions])
            case "output":
                yield self._sequence("", layer.above, self._groups(layer.above))
            case "activations":
                yield self._sequence("", layer.output, self._groups(layer.output))
            case "input":
                direction = "both" if len(self._directions) > 1 else "forward"
                yield self._sequence("", layer.input_gradient, None, direction)
            case "weights":
                for where, weights in zip(self._directions, self._weights, strict=True):
                    yield from self._matrices(where, weights)
            case "weight_gradients":
                pairs = zip(layer.directions, layer.totals, strict=True)
                for where, pair in zip(self._directions, pairs, strict=True):
                    yield from self._matrices(where, weight_gradients(*pair))

    @property
    def _weights(self) -> Sequence[Weights]:
        return self.call.arguments.weights[self.number]

    @property
    def _directions(self) -> Sequence[str]:
        return ("",) if len(self._weights) == 1 else _DIRECTIONS

    @property
    def _gates(self) -> Sequence[str]:
        return gates_of(self.call.arguments.kind)

    def _groups(self, data: Tensor) -> dict[str, int] | None:
        """Return the channel groups of a sequence that both directions share."""
        count = len(self._directions)
        return dict.fromkeys(_DIRECTIONS, data.shape[2] // count) if count > 1 else None

    def _by_direction(
        self, suffix: str, each: Sequence[Tensor], gates: Sequence[str] = ("",)
    ) -> Captured:
        """Return sequences in processing order, one a direction, side by side in input order."""
        groups = {
            _path(where, gate): data.shape[2] // len(gates)
            for where, data in zip(self._directions, each, strict=True)
            for gate in gates
        }
        turned = [self.layer.turned(*one) for one in enumerate(each)]
        return self._sequence(suffix, torch.cat(turned, 2), groups if len(groups) > 1 else None)

    def _sequence(
        self,
        suffix: str,
        data: Tensor,
        groups: Mapping[str, int] | None,
        direction: str = "forward",
    ) -> Captured:
        timeline, order = self.layer.timeline, self.call.order
        data = timeline.in_samples(self._unscaled(data), order)
        return self._captured(suffix, data, timeline.mask(order), groups, direction)

    def _matrices(self, where: str, weights: Weights) -> Iterator[Captured]:
        for name, weight in weights.by_name.items():
            # PyTorch's rows are gates; a record's channels are.
            data = weight.T if weight.ndim == 2 else weight.unsqueeze(0)
            gates = self._gates if name != "weight_hr" else ("",)
            groups = dict.fromkeys(gates, data.shape[1] // len(gates)) if len(gates) > 1 else None
            yield self._captured(f"/{_path(where, name)}", self._unscaled(data), None, groups)

    def _unscaled(self, data: Tensor) -> Tensor:
        data = data.to(torch.promote_types(data.dtype, torch.float32))
        scale = self.call.scale
        return data / scale if self.of in GRADIENTS and scale != 1 else data

    def _captured(
        self,
        suffix: str,
        data: Tensor,
        mask: Tensor | None,
        groups: Mapping[str, int] | None,
        direction: str = "forward",
    ) -> Captured:
        name = self.of + suffix
        quantity = QUANTITY_OF[self.of if self.of in QUANTITY_OF else name]
        passes = max(self.call.passes.values(), default=0) if self.of in GRADIENTS else None
        return Captured(
            self.layer_name,
            name,
            quantity,
            # A copy, as the user may change what the call returned.
            data.clone(memory_format=torch.contiguous_format).numpy(force=True),
            None if mask is None else mask.numpy(force=True),
            groups,
            direction,
            {"backward_pass": "sum"} if (passes or 0) > 1 else None,
            passes,
        )


def weight_gradients(direction: Direction, totals: Totals) -> Weights:
    """Return dL/dW of one layer in one direction, shaped as its weights."""
    of_x, of_h = totals.gates.flatten(0, 1).T, totals.recurrent.flatten(0, 1).T
    has_biases = direction.weights.bias_ih is not None
    return Weights(
        of_x @ direction.input.flatten(0, 1),
        of_h @ before(direction.h, direction.initial[0]).flatten(0, 1),
        of_x.sum(1) if has_biases else None,
        of_h.sum(1) if has_biases else None,
        _projection_gradient(direction, totals),
    )


def _projection_gradient(direction: Direction, totals: Totals) -> Tensor | None:
    if direction.weights.weight_hr is None:
        return None
    assert isinstance(direction.recurrence, Lstm)
    unprojected = direction.recurrence.unprojected.flatten(0, 1)
    return totals.hidden_state.flatten(0, 1).T @ unprojected


def _cell_states(direction: Direction) -> Tensor:
    assert isinstance(direction.recurrence, Lstm)
    return direction.recurrence.c


def _known(data: Tensor | None) -> Tensor:
    assert data is not None  # `asked_of` lets only LSTMs be asked
    return data


def _path(*names: str) -> str:
    return "/".join(filter(None, names))
