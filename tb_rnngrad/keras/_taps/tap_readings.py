"""What taps captured in one step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from tb_rnngrad._capture.names import GRADIENTS
from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._taps.layer_call import LayerCall
from tb_rnngrad.keras._taps.layers import Part, View
from tb_rnngrad.keras._taps.writes import Readings


@dataclass(frozen=True)
class SeenCall:
    """What the taps captured from one call of a layer in one replica.

    Attributes:
        layer: the layer's `id`.
        replica: the replica's number.
        tensors: the captured tensors, by the names of a `LayerCall`'s buffers.
        hidden: see `LayerCall`.
        passes: how many backward passes of one step went through it.
        made_of: if there were several, whether its gradients are the "sum" or the "last"; else "".
        kept: if a TensorFlow loop made several calls, whether the "first" or the "last" was kept;
            else "".
    """

    layer: int
    replica: int
    tensors: Mapping[str, tf.Tensor]
    hidden: Mapping[int, int]
    passes: int
    made_of: str
    kept: str


@dataclass(frozen=True)
class TapReadings:
    """What the taps captured in one step. It is quick to take and can be evaluated later.

    Attributes:
        adapter: the adapter of the model's Keras.
        asked: the layers with the quantities asked for.
        every_call: the calls of all layers, in order.
        scale: the factor on the loss before its gradient was taken; None: there was none.
    """

    adapter: Adapter
    asked: Sequence[tuple[View, tuple[str, ...]]]
    every_call: Sequence[SeenCall]
    scale: tf.Tensor | None

    def calls(self, part: Part) -> list[list[SeenCall]]:
        """Return the captured calls in order, each as a list with one entry a replica."""
        replicas: dict[int, list[SeenCall]] = {}
        for call in self.every_call:
            if call.layer == id(part.layer):
                replicas.setdefault(call.replica, []).append(call)
        return [list(call) for call in zip(*replicas.values(), strict=False)]

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(math.prod(t.shape) for call in self.every_call for t in call.tensors.values())


def seen_call(
    layer: int, call: LayerCall, readings: Readings, is_one_update: bool, is_one_step: bool
) -> SeenCall | None:
    """Return what was captured from one call, or None if nothing was; see `Taps.seen`."""
    counts = {name: buffer.counts(readings) for name, buffer in call.buffers.items()}
    written = {name: call.buffers[name] for name in counts if counts[name]}
    if not _was_reached(call, written):
        return None
    gradients = [name for name in written if name.split("/")[0] in GRADIENTS]
    by_place = [written[name].passes(readings) for name in gradients]
    # An execution of several steps ran each place once a step.
    passes = [sum(runs) if is_one_step else len(runs) for runs in by_place]
    is_sum = is_one_update and all(max(runs) == 1 for runs in by_place)
    is_sum = is_sum and not any(written[name].is_watched(readings) for name in gradients)
    tensors = {
        name: buffer.total(readings) if is_sum and name in gradients else buffer.value(readings)
        for name, buffer in written.items()
    }
    most = max(passes, default=0)
    made_of = ("sum" if is_sum else "last") if most > 1 else ""
    kept = ""
    if any(written[name].is_of_loop(readings) for name in gradients):
        kept = "first"  # the backward pass reaches it last
    elif call.loop and is_one_step and not gradients:
        kept = "last" if max(map(max, counts.values())) > 1 else ""
    return SeenCall(layer, call.replica, tensors, call.hidden, most, made_of, kept)


def _was_reached(call: LayerCall, written: Iterable[str]) -> bool:
    """Return whether the backward pass reached the call; without gradient taps, whether it ran."""
    telling = call.of.intersection(GRADIENTS) or call.of
    return any(name.split("/")[0] in telling for name in written)
