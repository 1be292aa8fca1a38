"""One recorded call of a fused function, taken apart into layers and directions.

With several layers the function shows only what goes in and comes out. Here each layer runs alone
once more, forward, and then backward in closed form; only as far as something is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tb_rnngrad.torch._functional import Weights, hidden_states
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._recurrences import Lstm, Recurrence, Totals, recurrence_of
from tb_rnngrad.torch._timeline import Timeline


@dataclass(frozen=True)
class Direction:
    """One layer in one direction. Sequences are in processing order.

    Attributes:
        kind: as `FusedCall.kind`.
        weights: its weights.
        input: [timesteps, samples, features].
        h: the hidden states, [timesteps, samples, outputs].
        initial: h_0 and, for an LSTM, c_0; each [samples, units].
    """

    kind: str
    weights: Weights
    input: Tensor
    h: Tensor
    initial: Sequence[Tensor]

    @cached_property
    def recurrence(self) -> Recurrence:
        """The same layer, ready for a backward pass."""
        return recurrence_of(self.kind, self.weights, self.input, self.h, self.initial)


class Layer:
    """One layer of a call. Sequences are [timesteps, samples, channels] in input order.

    Args:
        call: the call.
        number: the layer's number in it.
        below: the layer whose outputs are this one's input; None: the call's input is.
    """

    def __init__(self, call: Call, number: int, below: Layer | None) -> None:
        self._call = call
        self._number = number
        self._below = below
        self._over: Layer | None = None
        if below is not None:
            below._over = self
        self._dtype = torch.promote_types(call.output.tensor.dtype, torch.float32)
        self.timeline = Timeline(call.arguments.batch_sizes, call.arguments.batch_first)

    @cached_property
    def input(self) -> Tensor:
        """x_t.

        Raises:
            RuntimeError: if it was changed in place after the call.
            NotImplementedError: if some of it was dropped, and it is unknown what.
        """
        if self._below is not None:
            return self._below._dropped(self._below.output)
        given = self._call.arguments.input
        if not given.is_intact:
            raise RuntimeError(
                f"the input of layer {self._call.name!r} was changed in place after the call, so "
                "its gradients through time cannot be computed; expected it to be left as it was"
            )
        return self._padded(given.tensor)

    @cached_property
    def directions(self) -> list[Direction]:
        """What the layer computed, forward and backward."""
        arguments, found = self._call.arguments, []
        every = arguments.weights[self._number]
        shown = self._shown.chunk(len(every), dim=2) if self._shown is not None else [None, None]
        for position, weights in enumerate(every):
            weights = weights.to(self._dtype)
            index = self._number * len(every) + position
            initial = [state[index].to(self._dtype) for state in arguments.initial]
            x, known = self.turned(position, self.input), shown[position]
            if known is None or arguments.dropout:
                h = self.timeline.with_zeros(hidden_states(arguments.kind, weights, x, initial))
            if known is not None:
                known = self.turned(position, known)
                if arguments.dropout and not torch.allclose(h, known, 1e-3, 1e-5):
                    raise NotImplementedError(self._unknown_dropout)
                h = known
            found.append(Direction(arguments.kind, weights, x, h, initial))
        return found

    @cached_property
    def output(self) -> Tensor:
        """y_t, the directions side by side."""
        if self._shown is not None:
            return self._shown
        return self._joined([direction.h for direction in self.directions])

    @cached_property
    def above(self) -> Tensor:
        """dL/dy_t: what arrives from the layer above, or from outside of the call."""
        if self._over is not None:
            above = self._dropped(self._over.input_gradient)
        elif (arrived := self._call.arrived.get(0)) is not None:
            above = self._padded(arrived)
        else:
            above = self._padded(torch.zeros_like(self._call.output.tensor))
        if (final := self._final(1)) is None:
            return above
        halves = [half.clone() for half in self._halves(above)]
        for half, of_state in zip(halves, final, strict=True):
            self.timeline.add_at_end(half, of_state)
        return self._joined(halves)

    @cached_property
    def totals(self) -> list[Totals]:
        """The total gradients of each direction, in processing order."""
        halves, found = self._halves(self.above), []
        final = self._final(2)
        for position, (direction, half) in enumerate(zip(self.directions, halves, strict=True)):
            cell_above = None
            if final is not None:
                cell_above = half.new_zeros(*half.shape[:2], final.shape[2])
                self.timeline.add_at_end(cell_above, final[position])
                if self._call.has_path_inside:
                    assert isinstance(direction.recurrence, Lstm)
                    cell_above = direction.recurrence.without_path(cell_above, half)
            found.append(direction.recurrence.totals(half, cell_above))
        return found

    @cached_property
    def input_gradient(self) -> Tensor:
        """dL/dx_t through this layer."""
        each = [
            self.turned(position, totals.gates @ direction.weights.weight_ih)
            for position, (direction, totals) in enumerate(
                zip(self.directions, self.totals, strict=True)
            )
        ]
        return sum(each[1:], start=each[0])

    def turned(self, position: int, data: Tensor) -> Tensor:
        """Return a direction's sequence in input order from processing order, or back."""
        return self.timeline.reversed(data) if position else data

    def _halves(self, data: Tensor) -> list[Tensor]:
        """Return each direction's share of an output's channels, in processing order."""
        halves = data.chunk(len(self._call.arguments.weights[self._number]), dim=2)
        return [self.turned(*half) for half in enumerate(halves)]

    def _joined(self, halves: Sequence[Tensor]) -> Tensor:
        """Return the sequences of all directions side by side, in input order."""
        turned = [self.turned(*half) for half in enumerate(halves)]
        return turned[0] if len(turned) == 1 else torch.cat(turned, dim=2)

    @cached_property
    def _shown(self) -> Tensor | None:
        """The layer's output where the call returned it, and it was not changed in place since."""
        is_last = self._number == len(self._call.arguments.weights) - 1
        output = self._call.output
        return self._padded(output.tensor) if is_last and output.is_intact else None

    def _final(self, position: int) -> Tensor | None:
        """Return what arrived at the final states, [directions, samples, units]."""
        arrived = self._call.arrived.get(position)
        if arrived is None:
            return None
        directions = len(self._call.arguments.weights[self._number])
        start = self._number * directions
        return arrived[start : start + directions].to(self._dtype)

    def _padded(self, data: Tensor) -> Tensor:
        return self.timeline.padded(data.to(self._dtype))

    def _dropped(self, data: Tensor) -> Tensor:
        """Return a sequence between this layer and the next with units dropped as in the call.

        On a CPU, PyTorch draws what is dropped from the global generator, layer by layer.
        """
        arguments, output = self._call.arguments, self._call.output.tensor
        if not arguments.dropout:
            return data
        if arguments.random_state is None:
            raise NotImplementedError(self._unknown_dropout)
        if arguments.batch_first:
            output = output.transpose(0, 1)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(arguments.random_state)
            for _ in range(self._number + 1):
                drawn = torch.dropout(output.new_ones(output.shape), arguments.dropout, True)
        timeline = Timeline(arguments.batch_sizes, batch_first=False)
        return data * timeline.padded(drawn.to(self._dtype))

    @property
    def _unknown_dropout(self) -> str:
        return (
            f"layer {self._call.name!r} drops units between its layers inside of one fused kernel, "
            "where it cannot be seen which; expected dropout=0, evaluation mode, or modules of one "
            "layer each with nn.Dropout between them"
        )


def layers_of(call: Call) -> list[Layer]:
    """Return the layers of a call, bottom first."""
    found: list[Layer] = []
    for number in range(len(call.arguments.weights)):
        found.append(Layer(call, number, found[-1] if found else None))
    return found


@contextlib.contextmanager
def exactly(device: str) -> Iterator[None]:
    """Compute without a graph and in the tensors' own dtype, whatever the caller has set."""
    with torch.no_grad(), torch.autocast(device, enabled=False):
        yield
