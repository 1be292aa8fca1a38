"""The recurrence of one layer, probed: h_t <- h_t + eps_t at every timestep, with eps = 0.

dL/d(eps_t) is the total gradient of the loss by h_t. The probes are further inputs of the loop over
timesteps that the layer runs anyway, so masking, unrolling, going backwards and the rest are
Keras' own. They enter where the cell itself hands its state on:

- hidden state: on what the cell returns, on its output too where that is the same tensor.
- cell state: where the new c_t is squashed on its way to h_t, so that the path c_t -> h_t counts.
- gates: on the arguments of the activation functions.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapter import Adapter, CellKind, Rnn, patched, stands_in
from tb_rnngrad.keras._sinks import Results, Runs, Sink, tap

_LONGEST = 2**31 - 1


@dataclass
class Site:
    """One call of one recurrent layer.

    Attributes:
        of: what its taps are for.
        replica: which replica of a distribution strategy ran it.
        runs: of the graph that was being built, or None.
        results: of the graph of ours that was being built, or None.
        sinks: what its taps saw, by names of this module and of `_taps`.
    """

    of: frozenset[str]
    replica: int
    runs: Runs | None = None
    results: Results | None = None
    sinks: defaultdict[str, Sink] = field(init=False)

    def __post_init__(self) -> None:
        """Make every sink one of this graph's."""
        self.sinks = defaultdict(lambda: Sink(self.runs, self.results))


@dataclass(frozen=True)
class Cell:
    """One cell of a layer.

    Attributes:
        cell: the cell.
        kind: what is known of its inside.
        state: position of its first state among the layer's flattened states.
        states: how many states it has; the first is its hidden state, the second its cell state.
        weights: its variables by attribute name.
    """

    cell: Any
    kind: CellKind | None
    state: int
    states: int
    weights: Mapping[str, Any]


def cells_of(adapter: Adapter, layer: Any) -> list[Cell]:
    """Return the cells of a recurrent layer; its weights are there once it is built."""
    cells = []
    position = 0
    for cell in adapter.cells(layer):
        kind, size = adapter.kind(cell), cell.state_size
        states = len(tf.nest.flatten(size)) if isinstance(size, (list, tuple)) else 1
        if kind is not None and kind.squashes_cell_state:
            states = 2  # Keras 3's ConvLSTMCell gives no sizes
        own = list(getattr(cell, "weights", ()))
        weights = {
            name: value for name, value in vars(cell).items() if any(value is one for one in own)
        }
        cells.append(Cell(cell, kind, position, states, weights))
        position += states
    return cells


class ProbedRecurrence:
    """Stands in for a Keras' `rnn` while one layer is called."""

    def __init__(
        self,
        rnn: Rnn,
        adapter: Adapter,
        layer: Any,
        of: frozenset[str],
        site: Site,
        anchor: tf.Tensor,
    ) -> None:
        self._rnn = rnn
        self._adapter = adapter
        self._of = of
        self._site = site
        self._anchor = anchor
        self._cells = cells_of(adapter, layer)
        self._reads_weights_once = adapter.reads_weights_once(layer)

    def __call__(
        self, step_function: Callable[..., Any], inputs: Any, initial_states: Any, **options: Any
    ) -> tuple[Any, Any, Any]:
        """Loop over time; arguments and results are the Keras' own."""
        if options.get("input_length") is None:
            # Keras 3 would look for a shape on the inputs, which are a tuple now.
            options["input_length"] = _LONGEST
        first = tf.nest.flatten(inputs)[0]
        probes = self._probes(first, tf.nest.flatten(initial_states))
        weights = self._weights()
        if "weights" in self._of:
            self._write_weights()
        width = 0

        def step(packed: Any, states: Any) -> tuple[Any, Any]:
            nonlocal width
            at_step = dict(zip(probes, packed[1:], strict=True))
            seen: dict[int, Sequence[tf.Tensor]] = {}
            patches = [
                (vars(cell.cell), "call", self._probed_call(index, cell, at_step, weights, seen))
                for index, cell in enumerate(self._cells)
            ]
            with patched(patches):
                output, new_states = step_function(packed[0], states)
            if "states" not in self._of:
                return output, new_states
            width = output.shape[-1]
            flat = [state for index in sorted(seen) for state in seen[index]]
            return tf.concat([output, *flat], -1), new_states

        if "states" in self._of:
            options["return_all_outputs"] = True
        last, outputs, states = self._rnn(
            step, (inputs, *probes.values()), initial_states, **options
        )
        if "states" in self._of:
            self._write_states(outputs[..., width:], initial_states)
            last, outputs = last[..., :width], outputs[..., :width]
        return last, outputs, states

    def _probes(self, inputs: tf.Tensor, states: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return zeros [samples, timesteps, ...] by sink name, tapped."""
        wanted: dict[str, tf.Tensor] = {}
        for index, cell in enumerate(self._cells):
            hidden = states[cell.state]
            if "hidden_state" in self._of:
                wanted[f"hidden_state/{index}"] = hidden
            if "cell_state" in self._of and cell.kind and cell.kind.squashes_cell_state:
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
        def receive(gradients: Sequence[tf.Tensor]) -> list[tf.Operation]:
            return [
                operation
                for name, gradient in zip(names, gradients, strict=True)
                for operation in self._site.sinks[name].write(gradient)
            ]

        return tap(tensors, self._anchor, receive)

    def _weights(self) -> dict[tuple[int, str], tf.Tensor]:
        """Return the tensors that the cells are to use for their weights, where they need any."""
        is_tapped = "weight_gradients" in self._of
        keys = [(index, name) for index, cell in enumerate(self._cells) for name in cell.weights]
        if not keys or not (is_tapped or self._reads_weights_once):
            return {}
        variables = [self._cells[index].weights[name] for index, name in keys]
        values = [tf.convert_to_tensor(self._adapter.raw(variable)) for variable in variables]
        if is_tapped:
            values = self._tap([f"weight_gradients/{index}/{name}" for index, name in keys], values)
        if self._reads_weights_once:
            values = [
                tf.cast(value, _dtype_when_read(variable))
                for value, variable in zip(values, variables, strict=True)
            ]
        return dict(zip(keys, values, strict=True))

    def _write_weights(self) -> None:
        for index, cell in enumerate(self._cells):
            for name, variable in cell.weights.items():
                value = tf.convert_to_tensor(self._adapter.raw(variable))
                self._site.sinks[f"weights/{index}/{name}"].write(value)

    def _write_states(self, flat: tf.Tensor, initial_states: Any) -> None:
        initial = tf.nest.flatten(initial_states)
        for index, cell in enumerate(self._cells):
            parts = initial[cell.state : cell.state + cell.states]
            for letter, like in zip("hc", parts, strict=False):
                size = like.shape[-1]
                self._site.sinks[f"states/{index}/{letter}"].write(flat[..., :size])
                flat = flat[..., size:]
            skipped = sum(like.shape[-1] for like in parts[2:])
            flat = flat[..., skipped:]

    def _probed_call(
        self,
        index: int,
        cell: Cell,
        probes: Mapping[str, tf.Tensor],
        weights: Mapping[tuple[int, str], tf.Tensor],
        seen: dict[int, Sequence[tf.Tensor]],
    ) -> Callable[..., Any]:
        """Return the cell's `call` with this timestep's probes added."""
        original = self._adapter.original_call(cell.cell)

        def call(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
            inside = _Inside(index, cell, probes)
            with contextlib.ExitStack() as stack:
                stack.enter_context(inside.entered())
                stack.enter_context(patched(self._weight_patches(index, cell, weights)))
                output, new_states = original(*args, **kwargs)
            flat = tf.nest.flatten(new_states)
            if inside.cell_state is not None:
                flat[1] = inside.cell_state
            hidden = probes.get(f"hidden_state/{index}")
            if hidden is not None:
                is_output = output is flat[0]
                flat[0] = _perturbed(flat[0], hidden)
                output = flat[0] if is_output else output
            seen[index] = flat
            return output, tf.nest.pack_sequence_as(new_states, flat)

        return stands_in(call, original)

    def _weight_patches(
        self, index: int, cell: Cell, weights: Mapping[tuple[int, str], tf.Tensor]
    ) -> list[Any]:
        # Cast at every timestep, as mixed precision does, so that gradients add up in the same
        # dtype as without the tap.
        return [
            (
                vars(cell.cell),
                name,
                tf.cast(weights[index, name], tf.convert_to_tensor(value).dtype),
            )
            for name, value in cell.weights.items()
            if (index, name) in weights
        ]


class _Inside:
    """Adds probes to the arguments of a cell's activation functions, in one call of the cell."""

    def __init__(self, index: int, cell: Cell, probes: Mapping[str, tf.Tensor]) -> None:
        self.cell_state: tf.Tensor | None = None
        self._names = vars(cell.cell)
        gates = cell.kind.gates if cell.kind else ()
        self._gates = [probes.get(f"gates/{index}/{gate}") for gate in gates]
        self._cell_state = probes.get(f"cell_state/{index}")
        self._calls = itertools.count()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Wrap the activation functions where there is something to add."""
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
                return function(argument if probe is None else _perturbed(argument, probe))
            if self._cell_state is not None:
                argument = self.cell_state = _perturbed(argument, self._cell_state)
            return function(argument)

        return activation


def _dtype_when_read(variable: Any) -> tf.DType:
    return tf.convert_to_tensor(variable).dtype


def _shape(tensor: tf.Tensor) -> list[Any]:
    """Return the sizes, as numbers where they are known while tracing."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape)]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _perturbed(value: tf.Tensor, probe: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Return value + probe where probe = 0.

    Adding it for real would let Grappler fuse the cell's operations otherwise than without it, and
    round otherwise.
    """
    return tf.identity(value), lambda gradient: (gradient, gradient)
