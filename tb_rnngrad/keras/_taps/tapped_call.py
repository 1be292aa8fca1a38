"""A recurrent layer's call with taps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tb_rnngrad._capture.names import IN_THE_LOOP
from tb_rnngrad.keras._adapters.base import Adapter, Rnn, plainly
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._taps.cells import StateName, cells_of, seating_patches
from tb_rnngrad.keras._taps.layer_call import LayerCall
from tb_rnngrad.keras._taps.recurrence import ProbedRecurrence
from tb_rnngrad.keras._taps.tap import tap
from tb_rnngrad.keras._versions import unsupported


@dataclass(frozen=True)
class TappedCall:
    """The call of one layer, with taps on what is asked for.

    Attributes:
        adapter: the adapter of the layer's Keras.
        layer: the layer.
        original: the call that it replaces.
        of: the quantities.
        state: which state of its cell is the hidden state; None: what the cell shows.
    """

    adapter: Adapter
    layer: Any
    original: Callable[..., Any]
    of: frozenset[str]
    state: StateName | None

    def run(
        self,
        open_call: Callable[[], LayerCall],
        anchor: tf.Variable | None,
        args: Any,
        kwargs: Any,
    ) -> Any:
        """Call the layer.

        Args:
            open_call: returns the buffers that the taps fill.
            anchor: the target of the backward pass; None: the layer's weights.
            args: the call's arguments.
            kwargs: the call's keyword arguments.

        Raises:
            NotImplementedError: if the layer is given a RaggedTensor or loops in a way of its own.
        """
        layer, of, original = self.layer, self.of, self.original
        signature = inspect.signature(original)
        bound = signature.bind(*args, **kwargs)
        name = next(iter(signature.parameters))
        given = bound.arguments
        if isinstance(given[name], tf.RaggedTensor):
            raise plainly(
                NotImplementedError(
                    f"layer {layer.name!r} is given a RaggedTensor; expected a padded batch, "
                    "with a mask"
                )
            )
        mask = tf.nest.flatten(given.get("mask"))[0]
        call = open_call()
        if mask is not None:
            call.buffers["mask"].write(tf.cast(mask, tf.bool))
        only_output = not of & (IN_THE_LOOP | {"input"})
        rides_itself = only_output and anchor is None and self._depends_on_weights()
        ridden = tf.zeros([0]) if rides_itself else self._anchor_of(anchor, given[name])
        if "input" in of:
            given[name] = _with_tapped_input(given[name], ridden, call)
        if not of & IN_THE_LOOP:
            return self._tapped_result(original(*bound.args, **bound.kwargs), ridden, call)

        def probed(rnn: Rnn) -> ProbedRecurrence:
            return ProbedRecurrence(rnn, self.adapter, layer, of, call, ridden, self.state)

        with (
            patched(seating_patches(self.adapter, layer)),
            self.adapter.recurrence(layer, given[name], given.get("training"), probed) as inputs,
        ):
            given[name] = inputs
            result = original(*bound.args, **bound.kwargs)
        if not call.looped:
            raise plainly(_of_own_loop(self.adapter, layer))
        return self._tapped_result(result, ridden, call)

    def _anchor_of(self, anchor: tf.Variable | None, inputs: Any) -> tf.Tensor:
        """Return an empty tensor that depends on the given anchor or on the smallest weight."""
        if anchor is not None:
            return tf.convert_to_tensor(anchor)
        weights = self.adapter.weights(self.layer)
        trainable = [weight for weight in weights if weight.trainable] or weights
        if not trainable:
            return tf.reshape(tf.nest.flatten(inputs)[0], [-1])[:0]
        smallest = min(trainable, key=lambda weight: weight.shape.num_elements())
        return tf.reshape(self.adapter.raw(smallest), [-1])[:0]

    def _depends_on_weights(self) -> bool:
        """Return whether the user's tape follows the output anyway, through trainable weights."""
        cells_are_kerases_own = all(cell.kind for cell in cells_of(self.adapter, self.layer))
        return bool(self.layer.trainable_weights) and cells_are_kerases_own

    def _tapped_result(self, result: Any, anchor: tf.Tensor, call: LayerCall) -> Any:
        if not self.of & {"output", "activations"}:
            return result
        flat = tf.nest.flatten(result)
        if "activations" in self.of:
            call.buffers["activations"].write(flat[0])
        if "output" not in self.of:
            return result

        def receive(gradients: Sequence[tf.Tensor]) -> list[tf.Operation]:
            return call.buffers["output"].write(gradients[0])

        return tf.nest.pack_sequence_as(result, tap(flat, anchor, receive))


def _of_own_loop(adapter: Adapter, layer: Any) -> Exception:
    kind = type(layer)
    if kind.__module__.split(".")[0] == adapter.name:
        return unsupported(
            adapter.name, f"{kind.__name__} no longer runs Keras' rnn, whose loop is the one tapped"
        )
    return NotImplementedError(
        f"layer {layer.name!r} is a {kind.__name__}, whose call runs a loop over timesteps of its "
        "own instead of Keras' rnn; expected rnn, or to be asked for output, input or activations "
        "alone"
    )


def _with_tapped_input(inputs: Any, anchor: tf.Tensor, call: LayerCall) -> Any:
    flat = tf.nest.flatten(inputs)

    def receive(gradients: Sequence[tf.Tensor]) -> list[tf.Operation]:
        return call.buffers["input"].write(gradients[0])

    return tf.nest.pack_sequence_as(inputs, [*tap(flat[:1], anchor, receive), *flat[1:]])
