"""Finds where a cell holds its weights, so that tensors can stand in for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._adapters.patches import Patch


@dataclass(frozen=True)
class CellWeights:
    """The variables of one cell that training may change.

    Attributes:
        by_name: the variables by attribute path: "kernel", "gates/0", "dense/kernel".
        places: the attributes that hold them, as a namespace and a name in it.
        unreachable: variables that no attribute of the cell or of its inner layers holds.
    """

    by_name: Mapping[str, Any]
    places: Sequence[tuple[dict[str, Any], str]]
    unreachable: Sequence[Any]

    def patches(self, tensors: Mapping[str, tf.Tensor]) -> list[Patch]:
        """Return patches that make the cell use these tensors, by name, as its weights."""
        if not tensors:
            return []
        instead = {id(self.by_name[name]): tensor for name, tensor in tensors.items()}

        def replaced(value: Any) -> Any:
            return tf.nest.map_structure(lambda leaf: instead.get(id(leaf), leaf), value)

        return [(names, attribute, replaced(names[attribute])) for names, attribute in self.places]


def weights_of(adapter: Adapter, cell: Any) -> CellWeights:
    """Return the weights of a cell, which may be a layer or a plain Python object."""
    wanted = _moved_by_training(adapter, cell) if isinstance(cell, adapter.layer_class) else None
    by_name: dict[str, Any] = {}
    places = []
    for names, path in _namespaces(adapter, cell, "", set()):
        for attribute, value in names.items():
            if attribute.startswith("_") and tf.nest.is_nested(value):
                continue  # Keras' internal bookkeeping
            held = [
                (name, leaf)
                for name, leaf in _leaves(value, path + attribute.lstrip("_"))
                if (_is_trainable(leaf) if wanted is None else id(leaf) in wanted)
            ]
            if held:
                places.append((names, attribute))
                known = {id(variable) for variable in by_name.values()}
                by_name |= {name: leaf for name, leaf in held if id(leaf) not in known}
    found = {id(variable) for variable in by_name.values()}
    unreachable = [one for key, one in (wanted or {}).items() if key not in found]
    return CellWeights(by_name, places, unreachable)


def namespaces(adapter: Adapter, cell: Any) -> list[dict[str, Any]]:
    """Return the attributes of a cell and of the layers inside it."""
    return [names for names, _ in _namespaces(adapter, cell, "", set())]


def _namespaces(
    adapter: Adapter, owner: Any, path: str, seen: set[int]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the attributes of an object and of the layers inside it, each with its path."""
    if id(owner) in seen or not hasattr(owner, "__dict__"):
        return
    seen.add(id(owner))
    names = vars(owner)
    yield names, path
    for attribute, value in list(names.items()):
        if attribute.startswith("_") and tf.nest.is_nested(value):
            continue
        for name, leaf in _leaves(value, path + attribute.lstrip("_")):
            if isinstance(leaf, adapter.layer_class):
                yield from _namespaces(adapter, leaf, f"{name}/", seen)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{name}/{index}")
    else:
        yield name, value


def _moved_by_training(adapter: Adapter, cell: Any) -> dict[int, Any]:
    """Return the cell's variables, including frozen ones, except those that it assigns itself."""
    queue, moving = [cell], set[int]()
    while queue:
        layer = queue.pop()
        moving.update(id(variable) for variable in adapter.moving_variables(layer))
        queue += adapter.children(layer)
    return {id(variable): variable for variable in cell.weights if id(variable) not in moving}


def _is_trainable(leaf: Any) -> bool:
    return bool(getattr(leaf, "trainable", False)) and hasattr(leaf, "assign")
