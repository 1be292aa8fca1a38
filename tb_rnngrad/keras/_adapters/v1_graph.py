"""A model of tf_keras in the graphs of `tf.compat.v1`: its feeds, its loss, its train function.

Used by `_steps/legacy_graph.py` alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf
from tf_keras.src import backend as keras_backend
from tf_keras.src.backend import GraphExecutionFunction

from tb_rnngrad.keras._adapters.patches import Patch, patched


@dataclass(frozen=True)
class Feeds:
    """A batch as a model's session takes it.

    Attributes:
        inputs: the arrays of its inputs.
        targets: the arrays of its targets, by placeholder.
        weights: the sample weights of its outputs, where there are any.
    """

    inputs: Sequence[Any]
    targets: Mapping[tf.Tensor, Any]
    weights: Sequence[Any]


def feeds_of(model: Any, x: Any) -> Feeds:
    """Return a batch without targets."""
    return Feeds(tf.nest.flatten(model._standardize_user_data(x)[0]), {}, [])


def feeds_with_loss(model: Any, x: Any, y: Any, sample_weight: Any) -> Feeds:
    """Return a batch with everything that the loss reads."""
    feeds = model._standardize_user_data(x, y, sample_weight=sample_weight)
    inputs, targets, weights = (tf.nest.flatten(feed) for feed in feeds)
    endpoints = model._training_endpoints
    places = [one.training_target.target for one in endpoints]
    weights += [None] * (len(endpoints) - len(weights))
    return Feeds(inputs, dict(zip(places, targets, strict=True)), weights)


def input_placeholders(model: Any) -> list[tf.Tensor]:
    """Return new placeholders for the model's inputs."""
    return [tf.compat.v1.placeholder(given.dtype, given.shape) for given in model._feed_inputs]


def placeholder_like(array: Any) -> tf.Tensor:
    """Return a placeholder for arrays of this rank."""
    return tf.compat.v1.placeholder(keras_backend.floatx(), [None] * array.ndim)


def run(fetches: Any, feed: Mapping[tf.Tensor, Any]) -> Any:
    """Run the session."""
    return keras_backend.get_session().run(fetches, feed)


def notes(model: Any) -> list[Patch]:
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


def forward(model: Any, inputs: Sequence[tf.Tensor], training: bool) -> list[tf.Tensor]:
    """Build the model's forward pass once more, and return its outputs."""
    packed = tf.nest.pack_sequence_as(model.input, inputs)
    return list(tf.nest.flatten(model(packed, training=training)))


def loss(
    model: Any, inputs: Sequence[tf.Tensor], training: bool, sample_weights: Sequence[Any]
) -> tf.Tensor:
    """Build the model's forward pass once more, and return its loss."""
    outputs = forward(model, inputs, training)
    endpoints = model._training_endpoints
    swapped = [
        (vars(endpoint), name, value)
        for name, values in (("_output", outputs), ("_sample_weight", sample_weights))
        for endpoint, value in zip(endpoints, values, strict=True)
    ]
    masks = [getattr(output, "_keras_mask", None) for output in outputs]
    with patched(swapped):
        total = model._prepare_total_loss(masks)
    return total + tf.add_n([tf.zeros([], total.dtype), *model.get_losses_for(inputs)])


def train_function_of(model: Any) -> Any:
    """Return the model's train function."""
    # Keep an existing one: asked again between steps, Keras would build one without the sample
    # weights of the last step.
    if getattr(model, "train_function", None) is None:
        model._make_train_function()
    return model.train_function


class SecondTrainFunction:
    """Another train function of a model, over a second forward pass with the same updates.

    Args:
        model: the model.
        plain: its own train function.
        tapped: entered while the second pass is built.
        found: called once it is built; returns tensors that every run also fetches.

    Attributes:
        values: what the last run has fetched.
    """

    def __init__(
        self,
        model: Any,
        plain: Any,
        tapped: contextlib.AbstractContextManager[None],
        found: Callable[[], Mapping[Any, tf.Tensor]],
    ) -> None:
        self.values: dict[Any, Any] = {}
        layers = list(model._flatten_layers())
        before = [len(layer._updates) for layer in layers]
        # The metrics stay those of the plain forward pass, so that pass must read the weights and
        # states before these updates change them.
        read_before = tf.control_dependencies(plain.outputs[1:])
        with tapped, patched(notes(model)), read_before:
            weights = [endpoint.sample_weight for endpoint in model._training_endpoints]
            own_loss = loss(model, model._feed_inputs, True, weights)
            updates = model.optimizer.get_updates(
                params=model._collected_trainable_weights, loss=own_loss
            )
            for layer, count in zip(layers, before, strict=True):
                updates += layer._updates[count:]  # updates of states and moving averages
            fetched = found()
        self._function = keras_backend.function(
            plain.inputs,
            [own_loss, *plain.outputs[1:]],
            updates=updates,
            name="tapped_train_function",
            fetches=list(fetched.values()),
        )
        for fetch, key in zip(self._function.fetches, fetched, strict=True):
            self._function.fetch_callbacks[fetch] = partial(self.values.__setitem__, key)

    def __call__(self, batch: Any) -> Any:
        """Run it."""
        return self._function(batch)


class _StandIn(GraphExecutionFunction):  # type: ignore[misc]
    """A function whose calls are answered by something else."""

    def __call__(self, inputs: Any) -> Any:
        """Pass the call on."""
        return self.answer(inputs)


def is_answered(function: Any) -> bool:
    """Return whether something else answers a train function's calls."""
    return isinstance(function, _StandIn)


@contextlib.contextmanager
def answered_by(function: Any, answer: Callable[[Any], Any]) -> Iterator[None]:
    """For a while, route calls of a train function, which fit holds on to, to `answer`."""
    function.__class__, function.answer = _StandIn, answer
    try:
        yield
    finally:
        if vars(function).get("answer") is answer:
            _end_answer(function)


def answer_itself(model: Any) -> None:
    """Let a model's train function answer its own calls again."""
    function = getattr(model, "train_function", None)
    if is_answered(function):
        _end_answer(function)


def _end_answer(function: Any) -> None:
    function.__class__ = GraphExecutionFunction
    del function.answer
