"""What can be logged: the quantities, their titles and symbols, and the directions of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

DIRECTIONS: Final = ("forward", "backward", "both")


@dataclass(frozen=True)
class Quantity:
    """A quantity that a record can hold.

    Attributes:
        title: its name on the page.
        symbol: its symbol in formulas.
        is_matrix: whether one record is one matrix [rows, channels] without a samples axis
            (weights, Jacobians), not a batch of sequences.
    """

    title: str
    symbol: str
    is_matrix: bool = False


QUANTITIES: Final[Mapping[str, Quantity]] = MappingProxyType(
    {
        "hidden_state_gradient": Quantity("hidden-state gradient", "dL/dh_t"),
        "cell_state_gradient": Quantity("cell-state gradient", "dL/dc_t"),
        "output_gradient": Quantity("output gradient", "dL/dy_t"),
        "input_gradient": Quantity("input gradient", "dL/dx_t"),
        "gate_gradient": Quantity("gate gradient", "dL/da_t"),
        "itemized_gradient": Quantity("itemized gradient", "|dL_t/dh_s|"),
        "weight_gradient": Quantity("weight gradient", "dL/dW", is_matrix=True),
        "hidden_state": Quantity("hidden state", "h_t"),
        "cell_state": Quantity("cell state", "c_t"),
        "gate_activation": Quantity("gate activation", "s(a_t)"),
        "activation": Quantity("activation", "y_t"),
        "weight": Quantity("weight", "W", is_matrix=True),
        "state_jacobian": Quantity("state Jacobian", "log10 |dh_t/dx_s|", is_matrix=True),
        "other": Quantity("sequence", "value"),
    }
)


_WRT: Final[Mapping[str, str]] = MappingProxyType({"input": "dx_s", "state": "dh_s"})
_NORMED: Final[Mapping[str, str]] = MappingProxyType(
    {"fro": "|dh_t/{}|_F", "sum": "|d sum(h_t)/{}|", "spectral": "|dh_t/{}|_2"}
)


def symbol_of(quantity: str, details: Mapping[str, Any] | None) -> str:
    """Return the symbol of a record's quantity; a Jacobian's depends on its details."""
    symbol = QUANTITIES.get(quantity, QUANTITIES["other"]).symbol
    if quantity != "state_jacobian" or not isinstance(details, Mapping):
        return symbol
    by, normed = _WRT.get(str(details.get("wrt"))), _NORMED.get(str(details.get("norm")))
    return symbol if by is None or normed is None else f"log10 {normed.format(by)}"


def is_matrix(quantity: str) -> bool:
    """Return whether a record of `quantity` is one matrix, without a samples axis."""
    return QUANTITIES[quantity].is_matrix


def check_quantity(quantity: str) -> None:
    """Raise ValueError unless `quantity` is known."""
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; expected one of {', '.join(QUANTITIES)}")


def check_direction(direction: str) -> None:
    """Raise ValueError unless `direction` is one of `DIRECTIONS`."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}; expected one of {', '.join(DIRECTIONS)}")
