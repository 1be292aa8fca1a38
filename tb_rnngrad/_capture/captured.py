"""One quantity of one layer, captured at one step, before it becomes a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tb_rnngrad._capture.names import call_name, layer_of_call, tag_of
from tb_rnngrad.quantities import is_matrix


@dataclass(frozen=True)
class Captured:
    """One quantity of one layer: samples first, then timesteps in input order, then channels.

    Attributes:
        layer: the layer's name, with the number of the call if the layer was called several times
            (`call_name`).
        name: the quantity as asked for, and which part of it ("weights/kernel").
        quantity: a key of `tb_rnngrad.QUANTITIES`.
        data: [samples, timesteps, channels], [samples, channels] or [rows, channels]; masked
            timesteps are exactly 0. A NumPy array, or a framework's tensor that has a shape, can be
            sliced along its first axis and is an array to `np.asarray`.
        mask: bool [samples, timesteps], likewise; None: all timesteps are real.
        groups: name -> number of channels, or None.
        direction: the order in which timesteps are processed; see `SequenceRecord`.
        details: the record's details, or None.
        passes: how many backward passes of one step went through it; None if it is no gradient.
    """

    layer: str
    name: str
    quantity: str
    data: Any
    mask: Any
    groups: Mapping[str, int] | None
    direction: str = "forward"
    details: Mapping[str, Any] | None = None
    passes: int | None = None

    @property
    def tag(self) -> str:
        """The tag of its records."""
        return tag_of(self.layer, self.name)

    @property
    def is_matrix(self) -> bool:
        """Whether it has no timesteps, and so no flow."""
        return is_matrix(self.quantity)


def single_timesteps(captured: Sequence[Captured]) -> str | None:
    """Return a sentence about layers whose every call saw only one timestep, or None."""
    calls: dict[str, set[str]] = {}
    timesteps: dict[str, set[int]] = {}
    for one in captured:
        if len(one.data.shape) == 3:
            layer = layer_of_call(one.layer)
            calls.setdefault(layer, set()).add(one.layer)
            timesteps.setdefault(layer, set()).add(int(one.data.shape[1]))
    for layer, names in calls.items():
        if len(names) > 1 and timesteps[layer] == {1}:
            return (
                f"layer {layer!r} was called {len(names)} times with one timestep each, so each "
                f"call has a record of one timestep, up to {call_name(layer, len(names))!r}; for "
                "one sequence call the layer once with all timesteps, or join the records' data "
                "along axis 1"
            )
    return None
