"""What can be asked for, and which layers have it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tb_rnngrad.keras._adapter import Adapter
from tb_rnngrad.keras._recurrence import cells_of
from tb_rnngrad.keras._views import View

GRADIENTS: Final = ("hidden_state", "cell_state", "output", "input", "gates", "weight_gradients")
VALUES: Final = ("activations", "states", "weights")
IN_THE_LOOP: Final = frozenset(
    ("hidden_state", "cell_state", "gates", "weight_gradients", "states", "weights")
)
_DEPRECATED: Final[Mapping[str, str]] = MappingProxyType({"kernels": "weights"})


def check_of(of: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `of`, each once, or raise ValueError naming an unknown one.

    A deprecated name warns, at the line that called the public function, and gives its new name.
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


def lack(adapter: Adapter, view: View, of: str) -> Exception | None:
    """Return why a layer does not have a quantity, or None where it does."""
    if of not in ("gates", "cell_state"):
        return None
    cells = [cell for part in view.parts for cell in cells_of(adapter, part.layer)]
    if of == "gates":
        unknown = [cell.cell for cell in cells if cell.kind is None]
        if not unknown:
            return None
        return NotImplementedError(
            f"layer {view.name!r} has a {type(unknown[0]).__name__}, whose gates are not known; "
            "gates are known of the cells of SimpleRNN, LSTM, GRU and ConvLSTM"
        )
    if any(cell.kind and cell.kind.squashes_cell_state for cell in cells):
        return None
    custom = [cell.cell for cell in cells if cell.kind is None and cell.states > 1]
    if custom:
        return NotImplementedError(
            f"layer {view.name!r} has a {type(custom[0]).__name__}, in which the path from the "
            "cell state to the output cannot be told; cell_state is known of LSTM and ConvLSTM"
        )
    return ValueError(
        f"layer {view.name!r} has no cell state ({type(cells[0].cell).__name__}); "
        "LSTM and ConvLSTM have one"
    )
