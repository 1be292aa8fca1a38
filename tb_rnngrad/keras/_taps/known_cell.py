"""Adds probes inside Keras' own cells, whose arithmetic is known."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._taps.cells import Cell
from tb_rnngrad.keras._taps.step_function import perturbed


def call_known(
    index: int,
    cell: Cell,
    original: Callable[..., Any],
    args: Any,
    kwargs: Any,
    probes: Mapping[str, tf.Tensor],
) -> tuple[Any, Any]:
    """Return a step's results, for a cell whose whole computation is Keras' own."""
    inside = _Inside(index, cell, probes)
    with inside.entered():
        output, new_states = original(*args, **kwargs)
    flat = tf.nest.flatten(new_states)
    if inside.cell_state is not None:
        flat[1] = inside.cell_state
    hidden = probes.get(f"hidden_state/{index}")
    if hidden is not None:
        is_output = output is flat[0]
        flat[0] = perturbed(flat[0], hidden)
        output = flat[0] if is_output else output
    return output, tf.nest.pack_sequence_as(new_states, flat)


class _Inside:
    """Adds probes to the arguments of a cell's activation functions during one call of the cell."""

    def __init__(self, index: int, cell: Cell, probes: Mapping[str, tf.Tensor]) -> None:
        self.cell_state: tf.Tensor | None = None
        self._names = vars(cell.cell)
        gates = cell.kind.gates if cell.kind else ()
        self._gates = [probes.get(f"gates/{index}/{gate}") for gate in gates]
        self._cell_state = probes.get(f"cell_state/{index}")
        self._calls = itertools.count()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Wrap the activation functions if there is something to add."""
        if self._cell_state is None and not any(gate is not None for gate in self._gates):
            yield
            return
        functions = ("activation", "recurrent_activation")
        with patched(
            [
                (self._names, name, self._probed(self._names[name]))
                for name in functions
                if name in self._names
            ]
        ):
            yield

    def _probed(self, function: Callable[[tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
        def activation(argument: tf.Tensor) -> tf.Tensor:
            call = next(self._calls)
            if call < len(self._gates):
                probe = self._gates[call]
                return function(argument if probe is None else perturbed(argument, probe))
            if self._cell_state is not None:
                argument = self.cell_state = perturbed(argument, self._cell_state)
            return function(argument)

        return activation
