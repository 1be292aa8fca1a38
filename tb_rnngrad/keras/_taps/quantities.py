"""Which layers have which of the quantities that can be asked for."""

from __future__ import annotations

from collections.abc import Sequence

from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._taps.cells import Cell, cells_of
from tb_rnngrad.keras._taps.layers import View


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
