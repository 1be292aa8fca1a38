"""What can be asked for, and the names of what is logged: quantities, calls, tags."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

GRADIENTS: Final = ("hidden_state", "cell_state", "output", "input", "gates", "weight_gradients")
VALUES: Final = ("activations", "states", "weights")
IN_THE_LOOP: Final = frozenset(
    ("hidden_state", "cell_state", "gates", "weight_gradients", "states", "weights")
)
"""What arises inside a layer's loop over timesteps, which fused kernels do not show."""

QUANTITY_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hidden_state": "hidden_state_gradient",
        "cell_state": "cell_state_gradient",
        "output": "output_gradient",
        "input": "input_gradient",
        "gates": "gate_gradient",
        "weight_gradients": "weight_gradient",
        "activations": "activation",
        "states/h": "hidden_state",
        "states/c": "cell_state",
        "weights": "weight",
    }
)
"""A name as asked for (and the state's own name) -> a key of `tb_rnngrad.QUANTITIES`."""

_DEPRECATED: Final[Mapping[str, str]] = MappingProxyType({"kernels": "weights"})


def check_of(of: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names in `of` without duplicates.

    A deprecated name is replaced by its new name, with a warning that points at the line that
    called the public function, so call this directly from that function.

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


def call_name(layer: str, number: int) -> str:
    """Return the name of a layer's call in one step; `number` counts from 1."""
    return layer if number == 1 else f"{layer}.call{number}"


def layer_of_call(name: str) -> str:
    """Return the layer's name in a name by `call_name`."""
    return name.rpartition(".call")[0] or name


def tag_of(layer: str, name: str) -> str:
    """Return the tag of a layer's quantity, such as "lstm_1/hidden_state".

    Flow of a part, and scalars, add their own names: "lstm_1/hidden_state/forward/half_life".
    """
    return f"{layer}/{name}"
