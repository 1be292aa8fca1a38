"""The cells of a recurrent layer: what is known about their computation, states and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter, Ancestry, CellKind, ancestry, stands_in
from tb_rnngrad.keras._adapters.patches import Patch
from tb_rnngrad.keras._taps.cell_weights import CellWeights, weights_of
from tb_rnngrad.keras._taps.layers import View

StateName = int | str
"""A state of a cell: its position, or its name if it has one."""

States = StateName | Mapping[str, StateName] | None
"""The user's choice of hidden states: one for all layers, one for each layer by name, or None."""


@dataclass(frozen=True)
class Cell:
    """One cell of a layer.

    Attributes:
        adapter: the adapter of its Keras.
        cell: the cell.
        ancestry: how it relates to Keras' built-in cells.
        seat: where its call can be replaced: a namespace, and a name in it.
        state: position of its first state among the layer's flattened states.
        names: names of its states, in order; a state without a name is named by its position.
    """

    adapter: Adapter
    cell: Any
    ancestry: Ancestry
    seat: tuple[dict[str, Any], str]
    state: int
    names: tuple[str, ...]

    @property
    def kind(self) -> CellKind | None:
        """What is known about it; None unless its whole computation is Keras' own."""
        return self.ancestry.known

    @property
    def type_name(self) -> str:
        """The name of its class, for messages."""
        return type(self.cell).__name__

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer of its Keras rather than a plain Python object."""
        return isinstance(self.cell, self.adapter.layer_class)

    @property
    def states(self) -> int:
        """The number of its states."""
        return len(self.names)

    @property
    def has_cell_state(self) -> bool:
        """Whether its second state is an LSTM's c_t."""
        return _has_cell_state(self.ancestry)

    @property
    def certain_hidden(self) -> int | None:
        """Position of the hidden state; None if only the cell's computation can tell."""
        return 0 if self.kind or self.has_cell_state or self.states == 1 else None

    @cached_property
    def weights(self) -> CellWeights:
        """Its variables that training may change."""
        return weights_of(self.adapter, self.cell)

    def position(self, state: StateName) -> int:
        """Return the position of a state given by position or name.

        Raises:
            ValueError: if there is no such state.
        """
        if state in self.names:
            return self.names.index(str(state))
        if isinstance(state, int) and -self.states <= state < self.states:
            return state % self.states
        raise ValueError(f"state is {state!r}; {self.type_name} has {self.described_states}")

    @property
    def described_states(self) -> str:
        """A description of its states, for messages."""
        named = [
            name if name == str(position) else f"{position} ({name!r})"
            for position, name in enumerate(self.names)
        ]
        return f"{self.states} states: {', '.join(named)}" if self.states > 1 else "one state, 0"

    def label(self, position: int) -> StateName:
        """Return how a record's details refer to a state: by name, or else by position."""
        name = self.names[position]
        return position if name == str(position) else name

    def value_name(self, position: int, hidden: int) -> str:
        """Return the name under which a state's values are recorded: "h" for the hidden state."""
        if position == hidden:
            return "h"
        return str(position) if self.names[position] == "h" else self.names[position]


class PlainCell:
    """Wraps a cell that is a plain Python object, whose call cannot be replaced on itself."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell
        self.run = cell if callable(cell) else cell.call
        self.call = stands_in(self, cell.call)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the cell, or what replaces its call."""
        return self.run(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return the cell's attribute."""
        return getattr(self.cell, name)


def seating_patches(adapter: Adapter, layer: Any) -> list[Patch]:
    """Return patches that wrap a layer's plain Python cells, so that their call can be replaced."""

    def seated(cell: Any) -> Any:
        return cell if isinstance(cell, adapter.layer_class) else PlainCell(cell)

    cells = [seated(cell) for cell in adapter.cells(layer)]
    if not any(isinstance(cell, PlainCell) for cell in cells):
        return []
    if isinstance(layer.cell, adapter.layer_class):  # it stacks cells
        return [(vars(layer.cell), "cells", cells)]
    return [(vars(layer), "cell", cells[0])]


def cells_of(adapter: Adapter, layer: Any) -> list[Cell]:
    """Return the cells of a recurrent layer; their weights exist once it is built."""
    cells: list[Cell] = []
    in_order = list(adapter.cells(layer))
    if adapter.reverses_states(layer):
        in_order.reverse()
    position = 0
    for seated in in_order:
        is_plain = isinstance(seated, PlainCell)
        cell = seated.cell if is_plain else seated
        kin, seat = ancestry(adapter, cell), (vars(seated), "run" if is_plain else "call")
        cells.append(Cell(adapter, cell, kin, seat, position, _names(kin, cell)))
        position += cells[-1].states
    return cells[::-1] if adapter.reverses_states(layer) else cells


def states_of(adapter: Adapter, views: Sequence[View], state: States) -> dict[int, StateName]:
    """Return the states that the user chose, by the `id` of the layers that loop over time.

    Args:
        adapter: the adapter of the layers.
        views: the layers asked for.
        state: which state of a cell is the hidden state: its position, or its name if the cell's
            `state_size` has names, or a mapping from layer names to these. In Keras' own cells it
            is always the first state. In a layer of stacked cells, `state` applies to the others.

    Raises:
        ValueError: if a layer or state does not exist.
    """
    if state is None:
        return {}
    by_name = state if isinstance(state, Mapping) else {view.name: state for view in views}
    unknown = set(by_name) - {view.name for view in views}
    if unknown:
        raise ValueError(
            f"state names the layer {min(unknown)!r}; the layers asked for are "
            f"{', '.join(repr(view.name) for view in views)}"
        )
    chosen: dict[int, StateName] = {}
    for view in views:
        if view.name in by_name:
            for part in view.parts:
                _check_state(view.name, cells_of(adapter, part.layer), by_name[view.name])
                chosen[id(part.layer)] = by_name[view.name]
    return chosen


def _check_state(layer: str, cells: Sequence[Cell], state: StateName) -> None:
    open_to_choice = [cell for cell in cells if cell.certain_hidden is None]
    for cell in open_to_choice or cells:
        try:
            position = cell.position(state)
        except ValueError as error:
            raise ValueError(f"layer {layer!r}: {error}") from None
        if cell.certain_hidden is not None and position != cell.certain_hidden:
            raise ValueError(
                f"state is {state!r}; layer {layer!r} has a {cell.type_name}, whose hidden state "
                "is its first, 0"
            )


def _has_cell_state(kin: Ancestry) -> bool:
    """Return whether the second state is c_t: it is, if `call` is the one that Keras wrote."""
    is_lstm = kin.kind is not None and kin.kind.squashes_cell_state
    return is_lstm and kin.overridden not in ("call", "__call__")


def _names(kin: Ancestry, cell: Any) -> tuple[str, ...]:
    if _has_cell_state(kin):
        return ("h", "c")  # Keras 3's ConvLSTMCell declares no sizes
    if kin.known:
        return ("h",)
    size = cell.state_size
    if isinstance(size, Mapping):
        fields: Sequence[str] = sorted(size)  # in the order of flattened states
    else:
        fields = getattr(size, "_fields", ())
    count = len(tf.nest.flatten(size)) if tf.nest.is_nested(size) else 1
    return tuple(fields) if len(fields) == count else tuple(map(str, range(count)))
