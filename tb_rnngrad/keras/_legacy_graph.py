"""tf_keras in the graphs of `tf.compat.v1` (`disable_eager_execution()`).

There a model is one fixed graph that a session runs. A look at it is a second forward and backward
pass, built once beside the first, with taps in it; the session is asked for what they saw.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf
from tf_keras.src import backend as keras_backend

from tb_rnngrad.keras._adapter import patched
from tb_rnngrad.keras._assemble import Captured, captured
from tb_rnngrad.keras._taps import Taps


@dataclass(frozen=True)
class _Built:
    """A tapped pass in the session's graph: what to feed, and what it gives."""

    inputs: list[tf.Tensor]
    weights: list[tf.Tensor | None]
    found: list[Captured]


class GraphProbe:
    """What `Probe` is, in a session's graph; the values it gives are NumPy arrays."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._model = weakref.ref(model)
        self._built: dict[tuple[bool, ...], _Built] = {}

    def run(self, x: Any, y: Any, sample_weight: Any, training: bool) -> list[Captured]:
        """Return what the taps see in one pass over the batch."""
        model: Any = self._model()
        feeds = model._standardize_user_data(x, y, sample_weight=sample_weight)
        inputs, targets, weights = (tf.nest.flatten(feed) for feed in feeds)
        endpoints = model._training_endpoints
        weights += [None] * (len(endpoints) - len(weights))
        key = (training, *(weight is not None for weight in weights))
        if key not in self._built:
            self._built[key] = self._build(model, training, weights)
        built = self._built[key]
        feed = dict(zip(built.inputs, inputs, strict=True))
        feed.update(zip([one.training_target.target for one in endpoints], targets, strict=True))
        given = zip(built.weights, weights, strict=True)
        feed.update({tensor: weight for tensor, weight in given if tensor is not None})
        fetches = {
            index: {"data": one.data} | ({} if one.mask is None else {"mask": one.mask})
            for index, one in enumerate(built.found)
        }
        values = keras_backend.get_session().run(fetches, feed)
        return [replace(one, **values[index]) for index, one in enumerate(built.found)]

    def _build(self, model: Any, training: bool, sample_weights: list[Any]) -> _Built:
        inputs = [
            tf.compat.v1.placeholder(given.dtype, given.shape) for given in model._feed_inputs
        ]
        if getattr(model, "optimizer", None) is not None:
            # Once a session has run a loop, no gradient of it can be built: fit's own comes first.
            model._make_train_function()
        placed = [None if one is None else _placeholder_like(one) for one in sample_weights]
        weights = [
            weight
            for view, _ in self.taps.asked
            for part in view.parts
            for weight in self.taps.adapter.weights(part.layer)
        ]
        taps = Taps(self.taps.adapter, self.taps.asked)
        with taps.entered():
            packed = tf.nest.pack_sequence_as(model.input, inputs)
            outputs = tf.nest.flatten(model(packed, training=training))
            endpoints = model._training_endpoints
            swapped = [
                (vars(endpoint), name, value)
                for name, values in (("_output", outputs), ("_sample_weight", placed))
                for endpoint, value in zip(endpoints, values, strict=True)
            ]
            masks = [getattr(output, "_keras_mask", None) for output in outputs]
            with patched(swapped):
                loss = model._prepare_total_loss(masks)
            loss += tf.add_n([tf.zeros([], loss.dtype), *model.get_losses_for(inputs)])
            tf.gradients(loss, [self.taps.adapter.raw(weight) for weight in weights])
            return _Built(inputs, placed, captured(taps))


def _placeholder_like(array: Any) -> tf.Tensor:
    return tf.compat.v1.placeholder(keras_backend.floatx(), [None] * array.ndim)
