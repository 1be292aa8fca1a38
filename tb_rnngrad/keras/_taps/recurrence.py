"""The recurrence of one layer, probed: h_t <- h_t + eps_t at every timestep, with eps = 0.

dL/d(eps_t) is the total gradient of the loss with respect to h_t. The probes are additional inputs
of the loop over timesteps that the layer runs anyway, so masking, unrolling, backward processing
and the rest stay Keras' own. A probe is added where the cell itself passes its state on:

- hidden state: to the state that the cell returns, and to whatever else reads it at that timestep
  (`cell_reading` finds that).
- cell state: where the new c_t is squashed on its way to h_t, so that the path c_t -> h_t counts.
- gates: to the arguments of the activation functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter, Rnn, stands_in
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._taps.cell_reading import (
    Reading,
    check_called,
    check_differentiable,
    chosen_state,
    original_call,
    read_step,
)
from tb_rnngrad.keras._taps.cells import Cell, StateName, cells_of
from tb_rnngrad.keras._taps.known_cell import call_known
from tb_rnngrad.keras._taps.layer_call import LayerCall
from tb_rnngrad.keras._taps.step_function import StepFunction, with_copies_perturbed
from tb_rnngrad.keras._taps.tap import tap

_LONGEST = 2**31 - 1


_TAKES_A_READING: Final = frozenset(("hidden_state", "cell_state", "states", "weight_gradients"))


class ProbedRecurrence:
    """Stands in for Keras' `rnn` while one layer is called."""

    def __init__(
        self,
        rnn: Rnn,
        adapter: Adapter,
        layer: Any,
        of: frozenset[str],
        call: LayerCall,
        anchor: tf.Tensor,
        state: StateName | None,
    ) -> None:
        self._rnn = rnn
        self._adapter = adapter
        self._layer = layer
        self._of = of
        self._call = call
        self._anchor = anchor
        self._state = state
        self._cells = cells_of(adapter, layer)
        self._reads_weights_once = adapter.reads_weights_once(layer)
        self._readings: dict[int, Reading] = {}
        self._functions: dict[int, StepFunction] = {}

    def __call__(
        self, step_function: Callable[..., Any], inputs: Any, initial_states: Any, **options: Any
    ) -> tuple[Any, Any, Any]:
        """Loop over time, with the arguments and results of Keras' own `rnn`."""
        self._call.looped = True
        if options.get("input_length") is None:
            # The inputs are a tuple now, on which Keras 3 would look for a shape.
            options["input_length"] = _LONGEST
        self._read(step_function, inputs, initial_states, options)
        first = tf.nest.flatten(inputs)[0]
        probes = self._probes(first, tf.nest.flatten(initial_states))
        weights = self._weights()
        if "weights" in self._of:
            self._write_weights()
        unrolled: list[Any] = []

        def step(packed: Any, states: Any) -> tuple[Any, Any]:
            at_step = dict(zip(probes, packed[1:], strict=True))
            seen: dict[int, list[tf.Tensor]] = {}
            patches = [
                (*cell.seat, self._probed_call(index, cell, at_step, weights, seen))
                for index, cell in enumerate(self._cells)
            ]
            with patched(patches):
                output, new_states = step_function(packed[0], states)
            check_called(self._cells, seen)
            if "states" not in self._of:
                return output, new_states
            of_cells = [seen[index] for index in sorted(seen)]
            if options.get("unroll"):
                unrolled.append(of_cells)
                return output, new_states
            return (output, of_cells), new_states

        if "states" in self._of:
            options["return_all_outputs"] = True
        last, outputs, states = self._rnn(
            step, (inputs, *probes.values()), initial_states, **options
        )
        if "states" in self._of:
            if unrolled:
                axis = 0 if options.get("time_major") else 1
                of_cells = tf.nest.map_structure(lambda *turns: tf.stack(turns, axis), *unrolled)
            else:
                (last, _), (outputs, of_cells) = last, outputs
            self._write_states(of_cells)
        return last, outputs, states

    def _read(
        self, step_function: Callable[..., Any], inputs: Any, initial_states: Any, options: Any
    ) -> None:
        """Find out what one step computes, for cells whose computation is not known."""
        unknown = [index for index, cell in enumerate(self._cells) if cell.kind is None]
        if not unknown or not self._of & _TAKES_A_READING:
            return
        readings = read_step(self._cells, step_function, inputs, initial_states, options)
        tensors = tf.nest.flatten(initial_states)
        for index in unknown:
            cell = self._cells[index]
            self._readings[index] = readings[index]
            if self._of & {"hidden_state", "states"} and cell.certain_hidden is None:
                hidden = chosen_state(self._layer.name, cell, readings[index], self._state)
                self._call.hidden[index] = hidden
                check_differentiable(self._layer.name, cell, hidden, tensors[cell.state + hidden])

    def _hidden(self, index: int) -> int:
        """Return the position of a cell's hidden state."""
        return self._call.hidden.get(index, 0)

    def _probes(self, inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return tapped zeros [samples, timesteps, ...] by buffer name."""
        wanted: dict[str, tf.Tensor] = {}
        for index, cell in enumerate(self._cells):
            hidden = states[cell.state + self._hidden(index)]
            if "hidden_state" in self._of:
                wanted[f"hidden_state/{index}"] = hidden
            if "cell_state" in self._of and cell.has_cell_state:
                wanted[f"cell_state/{index}"] = states[cell.state + 1]
            if "gates" in self._of and cell.kind:
                for gate in cell.kind.gates:
                    wanted[f"gates/{index}/{gate}"] = hidden
        if not wanted:
            return {}
        leading = _shape(inputs)[:2]
        zeros = [tf.zeros([*leading, *_shape(like)[1:]], like.dtype) for like in wanted.values()]
        return dict(zip(wanted, self._tap(list(wanted), zeros), strict=True))

    def _tap(self, names: Sequence[str], tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        # TensorFlow never frees a custom gradient of a graph, so it must not refer to the layer.
        buffers = [self._call.buffers[name] for name in names]

        def receive(gradients: Sequence[tf.Tensor]) -> list[tf.Operation]:
            return [
                operation
                for buffer, gradient in zip(buffers, gradients, strict=True)
                for operation in buffer.write(gradient)
            ]

        return tap(tensors, self._anchor, receive)

    def _weights(self) -> dict[tuple[int, str], tf.Tensor]:
        """Return the tensors that the cells should use as weights, if they need any."""
        is_tapped = "weight_gradients" in self._of
        if not (is_tapped or self._reads_weights_once):
            return {}
        variables = {
            (index, name): variable
            for index, cell in enumerate(self._cells)
            for name, variable in cell.weights.by_name.items()
        }
        values = [tf.convert_to_tensor(self._adapter.raw(one)) for one in variables.values()]
        if is_tapped and values:
            values = self._tap(
                [f"weight_gradients/{index}/{name}" for index, name in variables], values
            )
        if self._reads_weights_once:
            values = [
                tf.cast(value, _dtype_when_read(variable))
                for value, variable in zip(values, variables.values(), strict=True)
            ]
        return dict(zip(variables, values, strict=True))

    def _write_weights(self) -> None:
        for index, cell in enumerate(self._cells):
            for name, variable in cell.weights.by_name.items():
                value = tf.convert_to_tensor(self._adapter.raw(variable))
                self._call.buffers[f"weights/{index}/{name}"].write(value)

    def _write_states(self, of_cells: Sequence[Sequence[tf.Tensor]]) -> None:
        for index, (cell, states) in enumerate(zip(self._cells, of_cells, strict=True)):
            for position, state in enumerate(states):
                name = cell.value_name(position, self._hidden(index))
                self._call.buffers[f"states/{index}/{name}"].write(state)

    def _probed_call(
        self,
        index: int,
        cell: Cell,
        probes: Mapping[str, tf.Tensor],
        weights: Mapping[tuple[int, str], tf.Tensor],
        seen: dict[int, list[tf.Tensor]],
    ) -> Callable[..., Any]:
        """Return the cell's `call` with this timestep's probes added."""
        original = original_call(cell)

        def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
            own = _cast_as_read(index, cell, weights)
            if index in self._readings:
                output, new_states = self._call_unknown(
                    index, cell, original, args, kwargs, probes, own
                )
            else:
                with patched(cell.weights.patches(own)):
                    output, new_states = call_known(index, cell, original, args, kwargs, probes)
            seen[index] = tf.nest.flatten(new_states)
            return output, new_states

        return stands_in(call, original)

    def _call_unknown(
        self,
        index: int,
        cell: Cell,
        original: Callable[..., Any],
        args: Any,
        kwargs: Any,
        probes: Mapping[str, tf.Tensor],
        weights: Mapping[str, tf.Tensor],
    ) -> tuple[Any, Any]:
        """Return a step's results, for a cell whose computation was read from its graph."""
        reading = self._readings[index]
        positions = {"hidden_state": self._hidden(index), "cell_state": 1}
        of_states = {
            position: probes[f"{of}/{index}"]
            for of, position in positions.items()
            if f"{of}/{index}" in probes
        }
        # A trace of a user's tf.function keeps reading what it read first.
        runs_in_function = weights and reading.flow.calls_functions
        if not runs_in_function and not any(map(reading.is_entangled, of_states)):
            with patched(cell.weights.patches(weights)):
                output, new_states = original(*args, **kwargs)
            return with_copies_perturbed(output, new_states, reading, of_states)
        if index not in self._functions:
            self._functions[index] = StepFunction(cell, original, list(of_states), list(weights))
        return self._functions[index](
            args, kwargs, list(of_states.values()), list(weights.values())
        )


def _cast_as_read(
    index: int, cell: Cell, weights: Mapping[tuple[int, str], tf.Tensor]
) -> dict[str, tf.Tensor]:
    # Cast at every timestep, as mixed precision does, so that gradients add up in the same
    # dtype as without the tap.
    return {
        name: tf.cast(weights[index, name], _dtype_when_read(variable))
        for name, variable in cell.weights.by_name.items()
        if (index, name) in weights
    }


def _dtype_when_read(variable: Any) -> tf.DType:
    return tf.convert_to_tensor(variable).dtype


def _shape(tensor: tf.Tensor) -> list[Any]:
    """Return the sizes, as numbers where they are known during tracing."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
