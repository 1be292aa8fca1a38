"""Finds what reads a cell's new state at the timestep that computes it.

To perturb h_t is to perturb it wherever it is read. If a cell's computation is not known, one step
of it is traced into a graph, which shows which results are h_t and which are computed from it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import plainly, stands_in
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._taps.cell_weights import namespaces
from tb_rnngrad.keras._taps.cells import Cell, StateName
from tb_rnngrad.keras._taps.dataflow import Dataflow
from tb_rnngrad.keras._tensorflow import new_graph

CellCall = Callable[..., tuple[Any, Any]]
"""A cell's call: (inputs, states, ...) -> (output, new states)."""


_ONLY_EAGER: Final = (
    AttributeError,  # a symbolic tensor has no numpy()
    NotImplementedError,  # and is no array
    tf.errors.OperatorNotAllowedInGraphError,
)


@dataclass(frozen=True)
class Reading:
    """How one step of a cell uses its states. A result is an output or a new state.

    Attributes:
        flow: the dataflow of a graph that contains the step.
        outputs: the numbers of its outputs.
        states: the numbers of its new states.
        shapes: the shapes of both, outputs first.
    """

    flow: Dataflow
    outputs: tuple[int, ...]
    states: tuple[int, ...]
    shapes: tuple[tf.TensorShape, ...]

    @classmethod
    def of(cls, graph: Any, outputs: Sequence[tf.Tensor], states: Sequence[tf.Tensor]) -> Reading:
        """Return the reading of results in `graph`."""
        flow = Dataflow.of(graph)
        return cls(
            flow,
            tuple(map(flow.number, outputs)),
            tuple(map(flow.number, states)),
            tuple(result.shape for result in (*outputs, *states)),
        )

    @property
    def results(self) -> tuple[int, ...]:
        """The numbers of all results, outputs first."""
        return (*self.outputs, *self.states)

    def copies(self, state: int) -> list[int]:
        """Return which results are this state or a copy of it."""
        return [index for index, one in enumerate(self.results) if one == self.states[state]]

    def is_read(self, state: int) -> bool:
        """Return whether another result is computed from this state."""
        number = self.states[state]
        return any(
            result != number and number in self.flow.reads(result, self.states)
            for result in self.results
        )

    def is_entangled(self, state: int) -> bool:
        """Return whether other results are, or may be, computed from this state."""
        return self.is_read(state) or self.is_obscure(state)

    def is_obscure(self, state: int) -> bool:
        """Return whether a branch or loop may hide that another result is or reads this state."""
        number = self.states[state]
        return any(self.flow.may_be_one(number, result) for result in self.results)

    def hidden(self) -> int | None:
        """Return the state that the output is, or is computed from; None if unclear."""
        for output in self.outputs:
            if output in self.states:
                return self.states.index(output)
        read = set[int]().union(*(self.flow.reads(one, self.states) for one in self.outputs))
        candidates = [state for state, number in enumerate(self.states) if number in read]
        if len(candidates) == 1:
            return candidates[0]
        emitted = self.shapes[0].as_list()
        shapes = [shape.as_list() for shape in self.shapes[len(self.outputs) :]]
        alike = [state for state in candidates or range(len(shapes)) if shapes[state] == emitted]
        return alike[0] if len(alike) == 1 else None


def read_step(
    cells: Sequence[Cell],
    step_function: Callable[..., tuple[Any, Any]],
    inputs: Any,
    initial_states: Any,
    options: Mapping[str, Any],
) -> list[Reading]:
    """Return the reading of every cell in one step of a layer's loop over timesteps.

    The step is traced, not run. All arguments except the first are those of Keras' `rnn`.

    Raises:
        NotImplementedError: if the step cannot be traced, or does not go through a cell's call.
    """
    time_axis = 0 if options.get("time_major") else 1
    graph = new_graph("cell_step")
    found: dict[int, tuple[list[tf.Tensor], list[tf.Tensor]]] = {}

    def noting(index: int, cell: Cell) -> CellCall:
        original = original_call(cell)

        def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
            output, new_states = original(*args, **kwargs)
            found[index] = in_this_graph(output), in_this_graph(new_states)
            return output, new_states

        return stands_in(call, original)

    patches = [(*cell.seat, noting(index, cell)) for index, cell in enumerate(cells)]
    with _no_tensors_left(cells), graph.as_default(), patched(patches):
        at_once = tf.nest.map_structure(lambda one: _placeholder(one, time_axis), inputs)
        states = tf.nest.map_structure(_placeholder, tuple(initial_states))
        constants = tuple(options.get("constants") or ())
        try:
            step_function(at_once, (*states, *constants))
        except _ONLY_EAGER as error:
            names = " and ".join(cell.type_name for cell in cells)
            raise plainly(
                NotImplementedError(
                    f"{names} cannot be traced into a graph, so the operations that read its state "
                    f"cannot be found: {error}"
                )
            ) from error
    check_called(cells, found)
    return [Reading.of(graph, *found[index]) for index in range(len(cells))]


def chosen_state(layer: str, cell: Cell, reading: Reading, state: StateName | None) -> int:
    """Return the position of the hidden state: the user's choice, or what the output shows.

    Raises:
        ValueError: if there is no such state, or if it is unclear.
    """
    if state is not None:
        return cell.position(state)
    hidden = reading.hidden()
    if hidden is None:
        raise plainly(
            ValueError(
                f"layer {layer!r} has a {cell.type_name} with {cell.described_states}, and its "
                "output does not tell which of them is the hidden state; expected state=..., as in "
                "state=0"
            )
        )
    return hidden


def check_differentiable(layer: str, cell: Cell, position: int, state: tf.Tensor) -> None:
    """Raise ValueError if a state cannot have a gradient."""
    if not (state.dtype.is_floating or state.dtype.is_complex):
        raise plainly(
            ValueError(
                f"state {cell.label(position)!r} of layer {layer!r} ({cell.type_name}) is of dtype "
                f"{state.dtype.name}; expected a hidden state of floats, chosen by state=..."
            )
        )


def check_called(cells: Sequence[Cell], called: Container[int]) -> None:
    """Raise NotImplementedError if a step bypasses a cell's call."""
    for index, cell in enumerate(cells):
        if index not in called:
            raise plainly(
                NotImplementedError(
                    f"{cell.type_name} overrides __call__, which does not come to its call; "
                    "expected the arithmetic of a timestep in call"
                )
            )


def original_call(cell: Cell) -> CellCall:
    """Return a cell's own call, as Keras itself would run it."""
    if cell.is_layer:
        return cell.adapter.original_call(cell.cell)
    names, name = cell.seat
    call: CellCall = names[name]
    return call


def _placeholder(like: Any, without_axis: int | None = None) -> tf.Tensor:
    """Return a placeholder like a tensor, without one of its axes if asked."""
    shape = tf.TensorShape(like.shape)
    if without_axis is not None and shape.rank is not None:
        shape = shape[:without_axis].concatenate(shape[without_axis + 1 :])
    return tf.compat.v1.placeholder(like.dtype, shape)


def in_this_graph(structure: Any) -> list[tf.Tensor]:
    """Return copies of all tensors in the graph that is being built."""
    return [tf.identity(tensor) for tensor in tf.nest.flatten(structure)]


@contextmanager
def _no_tensors_left(cells: Sequence[Cell]) -> Iterator[None]:
    """Remove tensors of a discarded graph from what cells keep between calls."""
    before = [
        (names, dict(names)) for cell in cells for names in namespaces(cell.adapter, cell.cell)
    ]
    try:
        yield
    finally:
        for names, kept in before:
            for name, value in list(names.items()):
                if value is kept.get(name) or not _holds_symbolic_tensor(value):
                    continue
                if name in kept:
                    names[name] = kept[name]
                else:
                    del names[name]


def _holds_symbolic_tensor(value: Any) -> bool:
    return any(tf.is_symbolic_tensor(leaf) for leaf in tf.nest.flatten(value))
