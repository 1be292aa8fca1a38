"""Runs a cell so that whatever reads its new state reads it perturbed.

If other results of a step are only copies of h_t, the perturbation is added to them. If they are
computed from it, the cell runs as a function whose graph gives everything that reads h_t the
perturbed value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import plainly
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._taps.cell_reading import CellCall, Reading, in_this_graph
from tb_rnngrad.keras._taps.cells import Cell
from tb_rnngrad.keras._tensorflow import functions_inlined, replace_input


def with_copies_perturbed(
    output: Any, new_states: Any, reading: Reading, probes: Mapping[int, tf.Tensor]
) -> tuple[Any, Any]:
    """Return the results of a step, perturbing those that are copies of a state.

    Args:
        output: the step's output.
        new_states: the step's new states.
        reading: the reading of that step.
        probes: position of a state -> what is added to it.
    """
    results = [*tf.nest.flatten(output), *tf.nest.flatten(new_states)]
    for state, probe in probes.items():
        moved: dict[int, tf.Tensor] = {}
        for index in reading.copies(state):
            result = results[index]
            if id(result) not in moved:
                moved[id(result)] = perturbed(result, probe)
            results[index] = moved[id(result)]
    return _packed(output, new_states, results)


class StepFunction:
    """A cell's call as a function in whose graph every reader of a state gets it perturbed.

    The tf.functions that the cell calls are inlined into that graph.

    Args:
        cell: the cell.
        original: its own call.
        states: positions of the states that are perturbed.
        weights: names of the weights that tensors stand in for.
    """

    def __init__(
        self, cell: Cell, original: CellCall, states: Sequence[int], weights: Sequence[str]
    ) -> None:
        self._cell = cell
        self._original = original
        self._states = states
        self._weights = weights
        self._arguments: Any = None
        self._results: Any = None
        self._function = tf.function(self._step, autograph=False)

    def __call__(
        self,
        args: Any,
        kwargs: Any,
        probes: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> tuple[Any, Any]:
        """Return output and new states of one step with the states perturbed by `probes`."""
        self._arguments = args, kwargs
        given = [leaf for leaf in tf.nest.flatten(self._arguments) if tf.is_tensor(leaf)]
        tensors = (given, list(probes), list(weights))
        # Call the concrete function, as the user may have made all tf.functions run eagerly.
        results = self._function.get_concrete_function(*tensors)(*tensors)
        output, new_states = self._results
        return _packed(output, new_states, results)

    def _step(
        self,
        given: Sequence[tf.Tensor],
        probes: Sequence[tf.Tensor],
        weights: Sequence[tf.Tensor],
    ) -> list[tf.Tensor]:
        tensors = iter(given)
        args, kwargs = tf.nest.map_structure(
            lambda leaf: next(tensors) if tf.is_tensor(leaf) else leaf, self._arguments
        )
        instead = dict(zip(self._weights, weights, strict=True))
        with functions_inlined(), patched(self._cell.weights.patches(instead)):
            try:
                output, new_states = self._original(*args, **kwargs)
            except tf.errors.OperatorNotAllowedInGraphError as error:
                raise plainly(
                    NotImplementedError(
                        f"{self._cell.type_name} calls a tf.function with Python control flow over "
                        "tensors, where the operations that read its state cannot be found; "
                        "expected tf.cond, tf.where or tf.while_loop there"
                    )
                ) from error
        self._results = tf.nest.map_structure(lambda _: None, (output, new_states))
        outputs, states = in_this_graph(output), in_this_graph(new_states)
        reading = Reading.of(tf.compat.v1.get_default_graph(), outputs, states)
        results = [*outputs, *states]
        for state, probe in zip(self._states, probes, strict=True):
            if reading.flow.is_source(reading.states[state]):  # passed on, not computed here
                for index in reading.copies(state):
                    results[index] = perturbed(results[index], probe)
            else:
                self._perturb(reading, state, probe)
        return results

    def _perturb(self, reading: Reading, state: int, probe: tf.Tensor) -> None:
        """Make everything that reads a state, in the graph being built, read it perturbed."""
        number = reading.states[state]
        if reading.is_obscure(state) or (number in reading.flow.sealed and reading.is_read(state)):
            raise plainly(
                NotImplementedError(
                    f"{self._cell.type_name} reads its state {self._cell.label(state)!r} inside "
                    "of a branch, a loop or a function of which the state is a result, where it "
                    "cannot be perturbed"
                )
            )
        for origin in reading.flow.origins(number):
            readers = origin.consumers()
            moved = perturbed(origin, probe)
            for reader in readers:
                for index, argument in enumerate(reader.inputs):
                    if argument.name == origin.name:
                        replace_input(reader, index, moved)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def perturbed(value: tf.Tensor, probe: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Return value + probe, where probe = 0.

    An actual addition could make Grappler fuse, and so round, the cell's operations differently.
    """
    return tf.identity(value), lambda gradient: (gradient, gradient)


def _packed(output: Any, new_states: Any, results: Sequence[tf.Tensor]) -> tuple[Any, Any]:
    outputs = len(tf.nest.flatten(output))
    return (
        tf.nest.pack_sequence_as(output, results[:outputs]),
        tf.nest.pack_sequence_as(new_states, results[outputs:]),
    )
