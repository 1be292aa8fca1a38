"""The recurrent layers of a model as its user sees them, and how to name them."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tb_rnngrad.keras._adapters.base import Adapter


@dataclass(frozen=True)
class Part:
    """One recurrent layer that loops over time.

    Attributes:
        layer: the layer.
        direction: "forward" or "backward" inside a Bidirectional, else "".
    """

    layer: Any
    direction: str = ""


@dataclass(frozen=True)
class View:
    """What one record is about: a recurrent layer, or a wrapper around one or two.

    Attributes:
        name: a name that is unique in the model.
        layer: the outermost of the layer and its wrappers.
        parts: the layers in it that loop over time: one, or the two of a Bidirectional.
        merges_calls: whether its calls form one batch (TimeDistributed calls the layer or model
            inside it once for each outer timestep).
        models: the models, or layers of any other kind, that contain it, outermost first.
    """

    name: str
    layer: Any
    parts: tuple[Part, ...]
    merges_calls: bool = False
    models: tuple[weakref.ref[Any], ...] = ()


def views_of(adapter: Adapter, root: Any) -> list[View]:
    """Return the recurrent layers in `root`, including itself, in layer order."""
    found: dict[str, View] = {}
    seen: set[int] = set()

    def add(
        parts: Sequence[Any], outermost: Any, parents: Sequence[Any], merges_calls: bool
    ) -> None:
        directions = ("forward", "backward") if len(parts) == 2 else ("",)
        name = outermost.name
        for parent in reversed(parents):
            if name not in found:
                break
            name = f"{parent.name}/{name}"
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name}_{number}", number + 1
        found[unique] = View(
            unique,
            outermost,
            tuple(map(Part, parts, directions)),
            merges_calls,
            tuple(map(weakref.ref, parents)),
        )

    def visit(layer: Any, wrapper: Any, parents: Sequence[Any], merges_calls: bool) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        outermost = wrapper or layer
        if isinstance(layer, adapter.rnn_class):
            add([layer], outermost, parents, merges_calls)
        elif isinstance(layer, adapter.bidirectional_class):
            both = [layer.forward_layer, layer.backward_layer]
            if all(isinstance(one, adapter.rnn_class) for one in both):
                add(both, outermost, parents, merges_calls)
                seen.update(map(id, both))
        elif isinstance(layer, adapter.time_distributed_class):
            visit(layer.layer, outermost, parents, merges_calls=True)
        else:
            for child in adapter.children(layer):
                visit(child, None, [*parents, layer], merges_calls)

    visit(root, None, [], merges_calls=False)
    return list(found.values())


def layers_or_alias(layers: Any, layer: Any) -> Any:
    """Return the choice of layers, given as `layers` or by its old name `layer`."""
    if layers is not None and layer is not None:
        raise ValueError("layers and layer are both given; layer is an alias: give layers alone")
    return layer if layers is None else layers


def select(adapter: Adapter, model: Any, layer: Any) -> list[View]:
    """Return the recurrent layers that `layer` names.

    Args:
        adapter: the adapter of the model's Keras.
        model: a model, or any layer.
        layer: a name, an index into `model.layers`, a layer object, a list of these, or None for
            all. A layer that contains recurrent ones (a nested model, a wrapper) selects them.

        Raises:
        ValueError: if a layer does not exist, or neither is nor contains a recurrent layer.
        NotImplementedError: if a named layer, or every layer, cannot be inspected.
    """
    views = views_of(adapter, model)
    if not views:
        raise ValueError(_no_recurrent_layer(adapter, model))
    if layer is None:
        open_views = [view for view in views if _refusal(adapter, view) is None]
        if not open_views:
            raise NotImplementedError(_refusal(adapter, views[0]))
        return open_views
    wanted = layer if isinstance(layer, (list, tuple)) else [layer]
    chosen: dict[str, View] = {}
    for one in wanted:
        for view in _named(adapter, model, views, one):
            refusal = _refusal(adapter, view)
            if refusal:
                raise NotImplementedError(refusal)
            chosen[view.name] = view
    return list(chosen.values())


def _no_recurrent_layer(adapter: Adapter, model: Any) -> str:
    queue = [model]
    while queue:
        layer = queue.pop(0)
        if _is_cell(adapter, layer):
            return _called_in_own_loop(model, layer)
        queue += adapter.children(layer)
    kinds = [f"{child.name} ({type(child).__name__})" for child in adapter.children(model)]
    return (
        f"model {model.name!r} has no recurrent layer (RNN, SimpleRNN, LSTM, GRU, ConvLSTM or "
        f"a wrapper around one); its layers are {', '.join(kinds) or 'none yet'}"
    )


def _is_cell(adapter: Adapter, layer: Any) -> bool:
    return any(isinstance(layer, kind) for kind in adapter.cell_kinds)


def _called_in_own_loop(model: Any, cell: Any) -> str:
    return (
        f"model {model.name!r} calls its {type(cell).__name__} {cell.name!r} once a timestep in a "
        f"loop of its own; expected RNN({cell.name}), whose loop can be inspected"
    )


def check_layers(adapter: Adapter, model: Any, layer: Any) -> None:
    """Raise ValueError if `layer`, given as for `select`, names no layer of the model.

    A model that creates its layers when it is built may have none yet.
    """
    if layer is None or not (model.built or views_of(adapter, model)):
        return
    with contextlib.suppress(NotImplementedError):  # the layer exists
        select(adapter, model, layer)


def _refusal(adapter: Adapter, view: View) -> str | None:
    return next(filter(None, (adapter.refusal(part.layer) for part in view.parts)), None)


def _named(adapter: Adapter, model: Any, views: Sequence[View], wanted: Any) -> list[View]:
    if isinstance(wanted, str):
        exact = [view for view in views if view.name == wanted]
        if exact:
            return exact
    target = _resolve(adapter, model, views, wanted)
    inside = {id(part.layer) for view in views_of(adapter, target) for part in view.parts}
    chosen = [
        view for view in views if view.layer is target or inside & {id(p.layer) for p in view.parts}
    ]
    if not chosen and _is_cell(adapter, target):
        raise ValueError(_called_in_own_loop(model, target))
    if not chosen:
        raise ValueError(
            f"layer {target.name!r} is a {type(target).__name__}, neither recurrent nor a wrapper "
            f"around a recurrent layer; the model's recurrent layers are {_names(views)}"
        )
    return chosen


def _resolve(adapter: Adapter, model: Any, views: Sequence[View], wanted: Any) -> Any:
    if isinstance(wanted, int):
        layers = list(model.layers)
        if not -len(layers) <= wanted < len(layers):
            raise ValueError(
                f"layer is {wanted}; expected an index into the model's {len(layers)} layers"
            )
        return layers[wanted]
    if not isinstance(wanted, str):
        return wanted
    queue = [model]
    while queue:
        layer = queue.pop(0)
        if layer.name == wanted:
            return layer
        queue.extend(adapter.children(layer))
    raise ValueError(
        f"the model has no layer named {wanted!r}; its recurrent layers are {_names(views)}"
    )


def _names(views: Sequence[View]) -> str:
    return ", ".join(repr(view.name) for view in views)
