"""tf_keras in the graphs of `tf.compat.v1` (`disable_eager_execution()`).

In this mode a model is one fixed graph that a session runs. To inspect it, a second forward and
backward pass with taps is built beside the first, and the session returns what the taps captured. A
live step runs a second train function, over that pass and with the same updates, instead of the
first.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import tensorflow as tf
from tf_keras.src import backend as keras_backend
from tf_keras.src.backend import GraphExecutionFunction

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad.keras._adapters.base import Patch, patched
from tb_rnngrad.keras._steps.batches import check_targets
from tb_rnngrad.keras._taps.layout import captured
from tb_rnngrad.keras._taps.taps import Taps


@dataclass(frozen=True)
class _Built:
    """A tapped pass in the session's graph: what to feed, and what it returns."""

    inputs: list[tf.Tensor]
    weights: list[tf.Tensor | None]
    found: list[Captured]


class GraphProbe:
    """A `Probe` in a session's graph; it returns NumPy arrays."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._model = weakref.ref(model)
        self._built: dict[tuple[bool, ...], _Built] = {}

    def run(self, x: Any, y: Any, sample_weight: Any, training: bool) -> list[Captured]:
        """Return what the taps capture in one pass over the batch."""
        model: Any = self._model()
        if self.taps.see_gradients:
            check_targets(self.taps.adapter, model, y)
            feeds = model._standardize_user_data(x, y, sample_weight=sample_weight)
            endpoints = model._training_endpoints
        else:
            feeds, endpoints = model._standardize_user_data(x), []
        inputs, targets, weights = (tf.nest.flatten(feed) for feed in feeds)
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
            # After a session has run a loop, no gradient of it can be built: build fit's first.
            _train_function(model)
        placed = [None if one is None else _placeholder_like(one) for one in sample_weights]
        weights = [
            weight
            for view, _ in self.taps.asked
            for part in view.parts
            for weight in self.taps.adapter.weights(part.layer)
        ]
        taps = Taps(self.taps.adapter, self.taps.asked, self.taps.states)
        with taps.entered(), patched(_notes(model)):
            if taps.see_gradients:
                loss = _loss(model, inputs, training, placed)
                tf.gradients(loss, [self.taps.adapter.raw(weight) for weight in weights])
            else:
                model(tf.nest.pack_sequence_as(model.input, inputs), training=training)
            return _Built(inputs, placed, captured(taps.seen()))


class GraphStep:
    """A second version of the model's own train function, with taps."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._plain = _train_function(model)
        self._model_name = model.name
        layers = list(model._flatten_layers())
        before = [len(layer._updates) for layer in layers]
        own = Taps(taps.adapter, taps.asked, taps.states)
        # The metrics stay those of the plain forward pass, so that pass must read the weights and
        # states before these updates change them.
        read_before = tf.control_dependencies(self._plain.outputs[1:])
        with own.entered(), patched(_notes(model)), read_before:
            endpoints = model._training_endpoints
            weights = [endpoint.sample_weight for endpoint in endpoints]
            loss = _loss(model, model._feed_inputs, True, weights)
            updates = model.optimizer.get_updates(
                params=model._collected_trainable_weights, loss=loss
            )
            for layer, count in zip(layers, before, strict=True):
                updates += layer._updates[count:]  # updates of states and moving averages
            self._found = captured(own.seen())
        self._values: dict[tuple[int, str], Any] = {}
        fetched = {
            (index, name): tensor
            for index, one in enumerate(self._found)
            for name, tensor in (("data", one.data), ("mask", one.mask))
            if tensor is not None
        }
        self._tapped = keras_backend.function(
            self._plain.inputs,
            [loss, *self._plain.outputs[1:]],
            updates=updates,
            name="tapped_train_function",
            fetches=list(fetched.values()),
        )
        for fetch, key in zip(self._tapped.fetches, fetched, strict=True):
            self._tapped.fetch_callbacks[fetch] = partial(self._values.__setitem__, key)

    def is_of(self, taps: Taps, model: Any) -> bool:
        """See `AnyStep`."""
        return taps is self.taps and model.train_function is self._plain

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """See `AnyStep`."""
        self._values.clear()
        with self._answered_by(self._tapped):
            yield

    def diverted(self, run: Callable[[Any, Any], Any]) -> contextlib.AbstractContextManager[None]:
        """See `AnyStep`."""
        return self._answered_by(partial(run, self._plain))

    def run(self, plain: Any, batch: Any) -> Any:
        """See `AnyStep`."""
        with self.entered():
            return plain(batch)

    def train_step(self) -> int | None:
        """See `AnyStep`."""
        return None

    def rebuilt(self, plain: Any) -> Any:
        """See `AnyStep`."""
        return plain

    def found(self) -> list[Captured]:
        """See `AnyStep`; in NumPy arrays."""
        return [
            replace(one, data=self._values[index, "data"], mask=self._values.get((index, "mask")))
            for index, one in enumerate(self._found)
            if (index, "data") in self._values
        ]

    @contextlib.contextmanager
    def _answered_by(self, answer: Callable[[Any], Any]) -> Iterator[None]:
        """For a while, route calls of the train function, which fit holds on to, to `answer`.

        Raises:
            RuntimeError: if something else already answers.
        """
        function = self._plain
        if isinstance(function, _StandIn):
            raise RuntimeError(
                f"model {self._model_name!r} is being looked at already, and in legacy graph mode "
                "(tf.compat.v1.disable_eager_execution) a step can be by one GradientLogger or "
                "capture at a time; ask one for all layers and quantities"
            )
        function.__class__, function.answer = _StandIn, answer
        try:
            yield
        finally:
            if vars(function).get("answer") is answer:
                answer_itself(function)


class _StandIn(GraphExecutionFunction):  # type: ignore[misc]
    """A function whose calls are answered by something else."""

    def __call__(self, inputs: Any) -> Any:
        """Pass the call on."""
        return self.answer(inputs)


def answer_itself(function: Any) -> None:
    """Let a train function answer its own calls again."""
    if isinstance(function, _StandIn):
        function.__class__ = GraphExecutionFunction
        del function.answer


def _train_function(model: Any) -> Any:
    # Keep an existing one: asked again between steps, Keras would build one without the sample
    # weights of the last step.
    if getattr(model, "train_function", None) is None:
        model._make_train_function()
    return model.train_function


def _notes(model: Any) -> list[Patch]:
    """Return patches that undo what layers and metrics note down in a further call of the model.

    Keras builds train and evaluation functions from these notes.
    """
    metrics = [*model._get_training_eval_metrics()]
    noting = {id(one): one for one in [*model._flatten_layers(), *metrics]}.values()
    return [
        *((vars(one), "_updates", list(one._updates)) for one in noting),
        *(
            (vars(metric), "_call_result", metric._call_result)
            for metric in metrics
            if hasattr(metric, "_call_result")
        ),
    ]


def _loss(
    model: Any, inputs: list[tf.Tensor], training: bool, sample_weights: list[Any]
) -> tf.Tensor:
    """Build the model's forward pass a second time, and return its loss."""
    packed = tf.nest.pack_sequence_as(model.input, inputs)
    outputs = tf.nest.flatten(model(packed, training=training))
    endpoints = model._training_endpoints
    swapped = [
        (vars(endpoint), name, value)
        for name, values in (("_output", outputs), ("_sample_weight", sample_weights))
        for endpoint, value in zip(endpoints, values, strict=True)
    ]
    masks = [getattr(output, "_keras_mask", None) for output in outputs]
    with patched(swapped):
        loss = model._prepare_total_loss(masks)
    return loss + tf.add_n([tf.zeros([], loss.dtype), *model.get_losses_for(inputs)])


def _placeholder_like(array: Any) -> tf.Tensor:
    return tf.compat.v1.placeholder(keras_backend.floatx(), [None] * array.ndim)
