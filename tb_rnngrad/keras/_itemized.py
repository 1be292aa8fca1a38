"""`itemized_gradients`: how far back each of a few chosen losses reaches by itself.

If every timestep has a loss, the gradients of near losses drown those of far losses in their sum:
the sum looks alive although the far ones have long vanished.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.itemized import ItemizedRecords, check_not_empty, each_once
from tb_rnngrad.keras._adapters.base import logits_of
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._gradients import (
    compiled,
    passing_state,
    restored_where_it_fails,
    tensors,
    undisturbed,
)
from tb_rnngrad.keras._records import check_reached, warn_of_doubts
from tb_rnngrad.keras._steps.batches import batch_of, check_targets
from tb_rnngrad.keras._steps.legacy_graph import check_not_legacy_graph
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.choice import taps_of
from tb_rnngrad.keras._taps.layers import layers_or_alias
from tb_rnngrad.keras._taps.layout import captured
from tb_rnngrad.keras._taps.tap import new_anchor
from tb_rnngrad.keras._taps.taps import Taps
from tb_rnngrad.keras._taps.writes import Readings
from tb_rnngrad.record import SequenceRecord

_probes: weakref.WeakKeyDictionary[Any, dict[Taps, _Probe]] = weakref.WeakKeyDictionary()


def itemized_gradients(
    model: Any,
    x: Any,
    y: Any = None,
    at: Sequence[int] = (),
    layers: Any = None,
    sample_weight: Any = None,
    *,
    layer: Any = None,
    state: States = None,
) -> dict[str, SequenceRecord]:
    """Return ||dL_t/dh_s||: how far back the loss at timestep t alone reaches.

    L_t is the compiled loss' share from the predictions at timestep t, with the weight and divisor
    that it has there. The sum of dL_t/dh_s over all t equals `gradients` of the full loss, except
    for losses that layers add themselves (regularizers), which belong to no timestep. Each t takes
    one forward and one backward pass, in inference mode. The model stays as it was.

    Args:
        model: a compiled model of Keras 3 or tf_keras that predicts [samples, timesteps, features].
            If it has several outputs, this holds for all that the loss depends on.
        x: inputs, as for `fit`. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        y: targets, as for `fit`; None if x is a dataset.
        at: the timesteps t of the predictions; negative ones count from the end.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        sample_weight: as for `fit`.
        layer: an alias of `layers`.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Returns:
        layer name -> record [samples, timesteps s, len(at)] of L2 norms over units, with a channel
        group "t = 24" for each chosen timestep. Exactly 0 where h_s cannot affect the prediction at
        t, such as s > t in a layer that runs forward.

    Raises:
        ValueError: if a layer or timestep does not exist; if predictions have no timesteps; if y is
            missing or has another number of samples than x.
        RuntimeError: if the model is not compiled.
        NotImplementedError: if TensorFlow is in legacy graph mode.

    Example::

        itemized = tb_rnngrad.keras.itemized_gradients(model, x, y, at=[9, -1])["lstm_1"]
        of_last = itemized.data[:, :, 1]  # [samples, timesteps s], of the last timestep's loss
    """
    check_not_empty(at)
    check_not_legacy_graph("itemized_gradients", "gradients(model, x, y) does")
    x, y, sample_weight = batch_of(x, y, sample_weight)
    chosen = layers_or_alias(layers, layer)
    taps = taps_of(adapter_of(model), model, chosen, ("hidden_state",), state)
    probe = _probes.setdefault(model, {}).setdefault(taps, _Probe(taps, model))
    records = ItemizedRecords(taps.adapter.name)
    chosen_timesteps: list[int] = []
    for number, t in enumerate(at):
        timesteps, found = probe.run(x, y, sample_weight, int(t))
        if not number:
            chosen_timesteps = each_once(at, timesteps)
            warn_of_doubts(found, stacklevel=3)
        records.add(found)
    return records.records(chosen_timesteps)


class _Probe:
    """One compiled pass in which the loss flows back from a single timestep, given at run time."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self._taps = taps
        self._model = weakref.ref(model)
        self._anchor = new_anchor()
        self._backward = compiled(self._pass)

    def run(self, x: Any, y: Any, sample_weight: Any, t: int) -> tuple[int, list[Captured]]:
        """Return the number of timesteps of the predictions, and what the taps capture."""
        model: Any = self._model()
        check_targets(self._taps.adapter, model, y)
        if not model.built:
            self._taps.adapter.forward(model, tensors(x), training=False)
        passing = passing_state(self._taps.adapter, model)
        self._taps.reset()
        with restored_where_it_fails(passing):
            timesteps, readings = self._backward(
                tensors(x), tensors(y), tensors(sample_weight), tf.constant(t)
            )
            found = captured(self._taps.seen(readings))
        check_reached(found, self._taps)
        return int(timesteps), found

    def _pass(self, x: Any, y: Any, sample_weight: Any, t: tf.Tensor) -> tuple[tf.Tensor, Readings]:
        model: Any = self._model()
        adapter = self._taps.adapter
        with undisturbed(adapter, model), self._taps.built_in(anchor=self._anchor):
            with tf.GradientTape(watch_accessed_variables=False) as through_time:
                through_time.watch(self._anchor)
                y_pred = adapter.forward(model, x, training=False)
            read = _read_by_loss(y_pred)
            with tf.GradientTape(watch_accessed_variables=False) as of_loss:
                of_loss.watch(read)
                loss = adapter.loss(model, x, y, y_pred, sample_weight)
            arriving = of_loss.gradient(loss, read)
            told = [pair for pair in zip(read, arriving, strict=True) if pair[1] is not None]
            _check_temporal(model, [tensor for tensor, _ in told])
            # Cut off what the loss sends back to the predictions at other timesteps. Reduction,
            # weights and masks have been applied by then, so every t keeps its share of the loss.
            through_time.gradient(
                [tensor for tensor, _ in told],
                self._anchor,
                output_gradients=[_at(tf.convert_to_tensor(gradient), t) for _, gradient in told],
            )
        return tf.shape(told[0][0])[1], self._taps.readings()


def _read_by_loss(y_pred: Any) -> list[tf.Tensor]:
    """Return the predictions and the logits that a loss may read instead, each once.

    Some losses read both: a focal loss weights a cross-entropy of logits by probabilities.
    """
    predictions = tf.nest.flatten(y_pred)
    logits = [one for one in map(logits_of, predictions) if one is not None]
    return [reference.deref() for reference in dict.fromkeys(t.ref() for t in predictions + logits)]


def _at(gradient: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
    """Return the gradient, set to exactly 0 at all timesteps except t."""
    position = tf.range(tf.shape(gradient)[1])
    chosen = tf.equal(position, tf.where(t < 0, t + tf.shape(gradient)[1], t))
    laid_along = tf.reshape(chosen, [1, -1, *[1] * (gradient.shape.rank - 2)])
    return tf.where(laid_along, gradient, tf.zeros_like(gradient))


def _check_temporal(model: Any, predictions: Sequence[tf.Tensor]) -> None:
    if not predictions:
        raise ValueError(
            f"the compiled loss of model {model.name!r} does not depend on its predictions"
        )
    shapes = [tuple(one.shape) for one in predictions]
    flat = [shape for shape in shapes if len(shape) < 3]
    if flat:
        raise ValueError(
            f"model {model.name!r} predicts {flat[0]}, so its loss has no timesteps to "
            "choose from; expected [samples, timesteps, features], as of return_sequences=True"
        )
    if len({shape[1] for shape in shapes}) > 1:
        raise ValueError(
            f"model {model.name!r} predicts {' and '.join(map(str, shapes))}; expected outputs "
            "with the same number of timesteps"
        )
