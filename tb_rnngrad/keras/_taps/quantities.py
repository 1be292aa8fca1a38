"""The quantities that can be asked for, and which layers have them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._taps.cells import Cell, cells_of
from tb_rnngrad.keras._taps.layers import View

GRADIENTS: Final = ("hidden_state", "cell_state", "output", "input", "gates", "weight_gradients")
VALUES: Final = ("activations", "states", "weights")
IN_THE_LOOP: Final = frozenset(
    ("hidden_state", "cell_state", "gates", "weight_gradients", "states", "weights")
)
_DEPRECATED: Final[Mapping[str, str]] = MappingProxyType({"kernels": "weights"})


def check_of(of: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `of` without duplicates.

    A deprecated name is replaced by its new name, with a warning that points at the line that
    called the public function.

    Raises:
        ValueError: if a name is unknown.
    """
    names = (of,) if isinstance(of, str) else tuple(of)
    for name in names:
        if name in _DEPRECATED:
            warnings.warn(
                f"of={name!r} is deprecated; use {_DEPRECATED[name]!r}, which gives the weights' "
                "values ('weight_gradients' gives their gradients)",
                DeprecationWarning,
                stacklevel=3,
            )
    names = tuple(dict.fromkeys(_DEPRECATED.get(name, name) for name in names))
    unknown = [name for name in names if name not in (*GRADIENTS, *VALUES)]
    if unknown or not names:
        raise ValueError(
            f"of is {of!r}; expected one or more of {', '.join((*GRADIENTS, *VALUES))}"
        )
    return names


def why_unavailable(adapter: Adapter, view: View, of: str) -> Exception | None:
    """Return why a layer does not have a quantity, or None where it does."""
    cells = [cell for part in view.parts for cell in cells_of(adapter, part.layer)]
    match of:
        case "gates":
            return _lack_of_gates(view, cells)
        case "cell_state":
            return _lack_of_cell_state(view, cells)
        case "weight_gradients" | "weights":
            return _lack_of_weights(view, cells)
    return None


def _lack_of_gates(view: View, cells: Sequence[Cell]) -> Exception | None:
    for cell in cells:
        if cell.kind is None:
            return NotImplementedError(
                f"layer {view.name!r} has a {cell.type_name}, whose gates are not known"
                f"{_override(cell)}; gates are known of the cells of SimpleRNN, LSTM, GRU and "
                "ConvLSTM, where all of their arithmetic is Keras' own"
            )
    return None


def _lack_of_cell_state(view: View, cells: Sequence[Cell]) -> Exception | None:
    if any(cell.has_cell_state for cell in cells):
        return None
    for cell in cells:
        if cell.kind is None and cell.states > 1:
            return NotImplementedError(
                f"layer {view.name!r} has a {cell.type_name} with {cell.described_states}, none of "
                f"which is known to be a cell state{_override(cell)}; hidden_state with state=... "
                "gives the gradient by any of them"
            )
    return ValueError(
        f"layer {view.name!r} has no cell state ({cells[0].type_name}); LSTM and ConvLSTM have one"
    )


def _lack_of_weights(view: View, cells: Sequence[Cell]) -> Exception | None:
    for cell in cells:
        if cell.weights.unreachable:
            names = ", ".join(repr(variable.name) for variable in cell.weights.unreachable)
            return NotImplementedError(
                f"layer {view.name!r} has a {cell.type_name} with weights that none of its "
                f"attributes holds: {names}"
            )
    return None


def _override(cell: Cell) -> str:
    own, method = cell.ancestry.own, cell.ancestry.overridden
    return "" if own is None else f", as it overrides {method} of {own.__name__}"
