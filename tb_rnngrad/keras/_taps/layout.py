"""Turns what the taps captured into one layout for every kind of layer.

Samples first, then timesteps in input order, then channels. Masked timesteps are exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import GRADIENTS, QUANTITY_OF, call_name
from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._taps.cells import StateName, cells_of
from tb_rnngrad.keras._taps.layers import Part, View
from tb_rnngrad.keras._taps.tap_readings import SeenCall, TapReadings

_OF_HIDDEN: Final = ("hidden_state", "states/h")


@dataclass(frozen=True)
class _Call:
    """One call of one part, as each replica saw it."""

    part: Part
    seen: Sequence[SeenCall]

    def has(self, buffer: str) -> bool:
        return buffer in self.seen[0].tensors

    def values(self, buffer: str) -> list[tf.Tensor]:
        return [one.tensors[buffer] for one in self.seen]


Found = TapReadings | Sequence[Captured]
"""What the taps captured in one step, before or after `to_layout`."""


def to_layout(found: Found) -> Sequence[Captured]:
    """Return everything that was captured, layer by layer; layers not reached are left out."""
    return captured(found) if isinstance(found, TapReadings) else found


def layers_of(found: Found) -> set[str]:
    """Return the names of the layers from which something was captured."""
    if isinstance(found, TapReadings):
        return {view.name for view, _ in found.asked if all(map(found.calls, view.parts))}
    return {one.layer for one in found}


def size_of(found: Found) -> int:
    """Return the number of values."""
    if isinstance(found, TapReadings):
        return found.size
    return sum(math.prod(one.data.shape) for one in found)


def captured(seen: TapReadings) -> list[Captured]:
    """Return everything that the taps captured, layer by layer, without layers not reached."""
    scale = 1.0 if seen.scale is None else float(seen.scale)
    found: list[Captured] = []
    for view, asked in seen.asked:
        calls = [seen.calls(part) for part in view.parts]
        rounds = [
            [_Call(part, one_call) for part, one_call in zip(view.parts, one, strict=True)]
            for one in zip(*calls, strict=False)
        ]
        merged = [rounds] if view.merges_calls and rounds else [[one] for one in rounds]
        for number, batched in enumerate(merged, start=1):
            name = call_name(view.name, number)
            every = [one for calls in batched for call in calls for one in call.seen]
            for of in asked:
                own = _of_view(seen.adapter, view, name, of, batched, scale)
                found += [_with_origin(one, every, of in GRADIENTS) for one in own]
    return found


def _with_origin(one: Captured, calls: Sequence[SeenCall], is_gradient: bool) -> Captured:
    """Return it with details on which backward passes, and which call, it comes from."""
    details = dict(one.details or {})
    made_of = {call.made_of for call in calls} - {""}
    kept = {call.kept for call in calls} - {""}
    if is_gradient and made_of:
        details["backward_pass"] = min(made_of)  # "last" if both occur
    if kept:
        details["call"] = "last" if not is_gradient else min(kept)
    passes = max(call.passes for call in calls) if is_gradient else None
    return replace(one, passes=passes, details=details or None)


def doubts(found: Found) -> dict[str, str]:
    """Return, by kind, sentences about records that hold less or more than one gradient."""
    kinds: dict[str, str] = {}
    for layer, passes, made_of, kept in _origins(found):
        through = f"{passes} backward passes went through one call of layer {layer!r} in one step"
        if made_of == "sum":
            kinds[made_of] = (
                f"{through}, so its records are their plain sum, which is that step's own gradient "
                "unless it weights them; then take one gradient, of the weighted sum of the losses"
            )
        elif made_of == "last":
            kinds[made_of] = (
                f"{through}, and they are not known to be parts of one update of the weights, so "
                "its records are of the last; look at one step at a time, and take one gradient in "
                "it, of the sum of the losses"
            )
        if kept:
            kinds["loop"] = (
                f"a loop of TensorFlow's (tf.while_loop, tf.scan, for ... in tf.range) calls layer "
                f"{layer!r} again and again, so its records are of one of those calls: gradients "
                "of the first, values of the last; call the layer once with all timesteps, or loop "
                "in Python, to have all"
            )
    return kinds


def _origins(found: Found) -> Iterable[tuple[str, int | None, str, str]]:
    """Yield the layer, number of backward passes, which of these and which call was kept."""
    if isinstance(found, TapReadings):
        names = {id(part.layer): view.name for view, _ in found.asked for part in view.parts}
        for call in found.every_call:
            yield names[call.layer], call.passes, call.made_of, call.kept
        return
    for one in found:
        details = one.details or {}
        yield one.layer, one.passes, details.get("backward_pass", ""), details.get("call", "")


def _of_view(
    adapter: Adapter,
    view: View,
    layer: str,
    of: str,
    batched: Sequence[Sequence[_Call]],
    scale: float,
) -> Iterable[Captured]:
    if of in ("weight_gradients", "weights"):
        yield from _matrices(adapter, layer, of, batched, scale)
        return
    suffixes = _names_of_states(batched[0]) if of == "states" else [""]
    for suffix in suffixes:
        assembled = [_sequence(adapter, calls, of, suffix) for calls in batched]
        kept = [one for one in assembled if one is not None]
        if not kept:
            continue
        data = _merged([one[0] for one in kept])
        masks = [one[1] for one in kept if one[1] is not None]
        mask = _merged(masks) if masks and data.shape.rank == 3 else None
        data = _widened(data)
        if of in GRADIENTS and scale != 1:
            data = data / tf.cast(scale, data.dtype)
        if mask is not None:
            data = tf.where(mask[..., tf.newaxis], data, tf.zeros([], data.dtype))
        name = of + suffix
        direction = "both" if of == "input" and len(view.parts) > 1 else _direction(batched[0])
        details = _details(adapter, batched[0]) if name in _OF_HIDDEN else None
        quantity = QUANTITY_OF.get(name, "other")
        yield Captured(layer, name, quantity, data, mask, kept[0][2], direction, details)


def _direction(calls: Sequence[_Call]) -> str:
    """Return the record's direction; for a Bidirectional layer, that of its forward half."""
    return "backward" if calls[0].part.layer.go_backwards else "forward"


def _names_of_states(calls: Sequence[_Call]) -> list[str]:
    """Return "/h", "/c" and the like for all states of all cells."""
    buffers = (buffer.split("/") for call in calls for buffer in call.seen[0].tensors)
    return list(dict.fromkeys(f"/{buffer[2]}" for buffer in buffers if buffer[0] == "states"))


def _details(adapter: Adapter, calls: Sequence[_Call]) -> Mapping[str, Any] | None:
    """Return which state is the hidden state, for cells where that is not known beforehand."""
    labels: dict[str, StateName] = {}
    for call in calls:
        hidden = call.seen[0].hidden
        cells = cells_of(adapter, call.part.layer) if hidden else []
        for index, position in hidden.items():
            label = f"cell_{index}" if len(cells) > 1 else ""
            name = "/".join(filter(None, (call.part.direction, label)))
            labels[name] = cells[index].label(position)
    if not labels:
        return None
    alike = len(set(labels.values())) == 1
    return {"state": next(iter(labels.values())) if alike else labels}


_Sequence = tuple[tf.Tensor, tf.Tensor | None, Mapping[str, int] | None]


def _sequence(adapter: Adapter, calls: Sequence[_Call], of: str, suffix: str) -> _Sequence | None:
    """Return data, mask and channel groups for one call of all parts of a view."""
    pieces: dict[str, tf.Tensor] = {}
    for call in calls:
        for label, data in _pieces(adapter, call, of, suffix):
            pieces["/".join(filter(None, (call.part.direction, label)))] = data
    if not pieces:
        return None
    mask = _concat(calls[0].values("mask")) if calls[0].has("mask") else None
    if mask is not None and mask.shape.rank == 3:
        mask = mask[..., 0]
    if mask is not None and adapter.is_time_major(calls[0].part.layer):
        mask = tf.transpose(mask)
    if of == "input":
        parts = list(pieces.values())
        return parts[0] if len(parts) == 1 else tf.add_n(parts), mask, None
    groups = {label: int(data.shape[-1]) for label, data in pieces.items()}
    return _concat(list(pieces.values()), -1), mask, groups if len(groups) > 1 else None


def _pieces(adapter: Adapter, call: _Call, of: str, suffix: str) -> Iterable[tuple[str, tf.Tensor]]:
    """Yield the labelled pieces of one layer's channels, [samples, (timesteps,) channels]."""
    layer = call.part.layer
    time_major = adapter.is_time_major(layer)

    def to_layout(buffer: str, is_sequence: bool = True, in_loop_order: bool = False) -> tf.Tensor:
        data = _concat(call.values(buffer), axis=1 if time_major and is_sequence else 0)
        if not is_sequence:
            return _flat(data, 1)
        data = _flat(data, 2)
        if in_loop_order and layer.go_backwards:
            data = tf.reverse(data, [0 if time_major else 1])
        return tf.transpose(data, [1, 0, 2]) if time_major else data

    if of == "input":
        yield "", to_layout("input")
    elif of in ("output", "activations"):
        if call.has(of):
            yield "", to_layout(of, layer.return_sequences, in_loop_order=True)
    else:
        cells = cells_of(adapter, layer)
        for index, cell in enumerate(cells):
            label = f"cell_{index}" if len(cells) > 1 else ""
            if of == "gates":
                for gate in cell.kind.gates if cell.kind else ():
                    name = "/".join(filter(None, (label, gate)))
                    yield name, to_layout(f"gates/{index}/{gate}")
            elif call.has(f"{of}/{index}{suffix}"):
                yield label, to_layout(f"{of}/{index}{suffix}", in_loop_order=of == "states")


def _matrices(
    adapter: Adapter, layer: str, of: str, batched: Sequence[Sequence[_Call]], scale: float
) -> Iterable[Captured]:
    for position, first in enumerate(batched[0]):
        cells = cells_of(adapter, first.part.layer)
        for index, cell in enumerate(cells):
            label = f"cell_{index}" if len(cells) > 1 else ""
            for name in cell.weights.by_name:
                buffer = f"{of}/{index}/{name}"
                values = [
                    _widened(value) for calls in batched for value in calls[position].values(buffer)
                ]
                # Gradients add up over replicas and calls; a value is the same in all.
                data = values[0] if of == "weights" else tf.add_n(values) / scale
                data = tf.reshape(data, [-1, data.shape[-1]])
                full = "/".join(filter(None, (of, first.part.direction, label, name)))
                yield Captured(layer, full, QUANTITY_OF[of], data, None, _gates(cell, data))


def _gates(cell: Any, data: tf.Tensor) -> Mapping[str, int] | None:
    gates = cell.kind.gates if cell.kind else ()
    channels = int(data.shape[-1])
    if len(gates) < 2 or channels % len(gates):
        return None
    return dict.fromkeys(gates, channels // len(gates))


def _concat(values: Sequence[tf.Tensor], axis: int = 0) -> tf.Tensor:
    return values[0] if len(values) == 1 else tf.concat(values, axis)


def _merged(values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return calls that form one batch as [samples * calls, ...], each sample's calls in a row."""
    if len(values) == 1:
        return values[0]
    stacked = tf.stack(values, axis=1)
    return tf.reshape(stacked, [-1, *stacked.shape[2:]])


def _flat(data: tf.Tensor, leading: int) -> tf.Tensor:
    """Return `data` with all axes after the first `leading` flattened into channels."""
    if data.shape.rank == leading + 1:
        return data
    return tf.reshape(data, [*tf.unstack(tf.shape(data)[:leading]), -1])


def _widened(data: tf.Tensor) -> tf.Tensor:
    """Return half-precision data as float32, so that undoing the loss scale loses nothing."""
    return tf.cast(data, tf.float32) if data.dtype.size < 4 else data
