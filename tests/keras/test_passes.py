"""Several backward passes in one training step: their sum where they end in one update."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf
from differences import use_dtype

import tb_rnngrad
from tb_rnngrad.keras import GradientLogger, capture

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("f")
Y = np.random.default_rng(1).normal(size=(4, 2)).astype("f")


def losses_of(model, batch):
    x, y = batch
    error = model(x, training=True) - y
    return 100 * tf.reduce_mean(error[:, 0] ** 2), tf.reduce_mean(error[:, 1] ** 2)


def update(model, *gradients):
    weights = model.trainable_variables
    total = [tf.add_n(each) for each in zip(*gradients, strict=True)]
    model.optimizer.apply_gradients(zip(total, weights, strict=True))


def persistent_tape(model, batch):
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_of(model, batch)
    update(model, *(tape.gradient(loss, model.trainable_variables) for loss in losses))


def two_tapes(model, batch):
    with tf.GradientTape() as one, tf.GradientTape() as other:
        first, second = losses_of(model, batch)
    weights = model.trainable_variables
    update(model, one.gradient(first, weights), other.gradient(second, weights))


def two_updates(model, batch):
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_of(model, batch)
    for loss in losses:
        update(model, tape.gradient(loss, model.trainable_variables))


def inside_a_tape(model, batch):
    weights = model.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        gradients = [tape.gradient(loss, weights) for loss in losses_of(model, batch)]
    update(model, *gradients)


def model_with(k, step, **options):
    class Stepping(k.Model):
        def train_step(self, batch):
            step(self, batch)
            return {"loss": tf.constant(0.0)}

    use_dtype(k, "float32")
    inputs = k.layers.Input((5, 3))
    head = k.layers.Dense(2, name="head")
    model = Stepping(inputs, head(k.layers.GRU(4, name="rnn")(inputs)))
    model.compile(k.optimizers.SGD(0.0), "mse", **options)
    return model


def last_gradients(model):
    """Return by hand dL/dh_T of each of the two losses."""
    error = 2 * (np.asarray(model(X)) - Y) / len(X)
    kernel = np.asarray(model.get_layer("head").kernel)
    return [scale * np.outer(error[:, j], kernel[:, j]) for j, scale in enumerate((100, 1))]


def fit(model, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, shuffle=False, verbose=0, epochs=2, callbacks=[GradientLogger(tmp_path)])
    told = [str(one.message) for one in caught if "backward passes" in str(one.message)]
    return tb_rnngrad.read(tmp_path, tag="rnn/hidden_state"), told


@pytest.mark.parametrize("step", [persistent_tape, two_tapes])
@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}], ids=["graph", "eager"])
def test_passes_of_one_update_are_summed(k, tmp_path, step, options):
    model = model_with(k, step, **options)
    series, told = fit(model, tmp_path)
    assert told == []
    for record in series:
        np.testing.assert_allclose(record.data[:, -1], sum(last_gradients(model)), rtol=1e-4)
        assert record.backward_passes == 2
        assert "backward_pass" not in record.details


@pytest.mark.parametrize("step", [two_updates, inside_a_tape])
def test_of_passes_that_may_be_no_sum_the_last_is_kept_and_told_once(k, tmp_path, step):
    model = model_with(k, step)
    series, told = fit(model, tmp_path)
    (message,) = told
    assert message.startswith("2 backward passes went through one call of a layer")
    assert "GradientLogger keeps the last" in message
    for record in series:
        np.testing.assert_allclose(record.data[:, -1], last_gradients(model)[1], rtol=1e-4)
        assert (record.backward_passes, record.details["backward_pass"]) == (2, "last")


def test_passes_of_a_loop_over_small_batches_are_not_summed_over_samples(k, tmp_path):
    def step(model, batch):
        x, y = batch
        weights = model.trainable_variables

        def body(i, *total):
            with tf.GradientTape() as tape:
                loss = tf.add_n(losses_of(model, (x[2 * i : 2 * i + 2], y[2 * i : 2 * i + 2])))
            gradient = tape.gradient(loss, weights)
            return i + 1, *(a + b for a, b in zip(total, gradient, strict=True))

        zeros = [tf.zeros(weight.shape) for weight in weights]
        _, *total = tf.while_loop(lambda i, *_: i < 2, body, (0, *zeros))
        update(model, total)

    model = model_with(k, step)
    series, (message,) = fit(model, tmp_path)
    assert message.startswith("2 backward passes")
    expected = 2 * sum(last_gradients(model))[2:]  # a mean over two samples, not four
    np.testing.assert_allclose(series[0].data[:, -1], expected, rtol=1e-4)


def test_two_models_of_which_one_judges_the_other(k, tmp_path):
    """The judge's call is in both losses: for its own update, and on the way to the maker's."""

    def step(model, batch):
        x, _ = batch
        with tf.GradientTape() as own, tf.GradientTape() as makers:
            verdict = model(model.maker(x), training=True)
            loss = tf.reduce_mean(verdict**2)
            fooled = -loss
        weights = model.maker.trainable_variables
        gradient = makers.gradient(fooled, weights)
        model.makers.apply_gradients(zip(gradient, weights, strict=True))
        weights = model.trainable_variables
        gradient = own.gradient(loss, weights)
        model.judges.apply_gradients(zip(gradient, weights, strict=True))

    model = model_with(k, step)
    inputs = k.layers.Input((5, 3))
    model.maker = k.Model(inputs, k.layers.GRU(3, return_sequences=True)(inputs))
    model.makers, model.judges = k.optimizers.SGD(0.0), k.optimizers.SGD(0.0)
    model.makers.build(model.maker.trainable_variables)
    model.judges.build(model.trainable_variables)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logger = GradientLogger(tmp_path, layers="rnn")
        model.fit(X, Y, shuffle=False, verbose=0, epochs=2, callbacks=[logger])
    assert len([one for one in caught if "backward passes" in str(one.message)]) == 1
    series = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")
    assert series.steps.tolist() == [0, 1]
    assert series[0].details == {"step_from": "logger", "backward_pass": "last"}
    assert np.abs(series[0].data).max() > 0  # the sum would be nothing


@pytest.mark.parametrize("wrapped", [False, True], ids=["eager", "tf.function"])
def test_capture_sums_alike(k, wrapped):
    model = model_with(k, persistent_tape)
    model.optimizer.build(model.trainable_variables)
    run = tf.function(persistent_tape) if wrapped else persistent_tape
    batch = tf.constant(X), tf.constant(Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with capture(model) as captured:
            run(model, batch)
    record = captured["rnn"]
    np.testing.assert_allclose(record.data[:, -1], sum(last_gradients(model)), rtol=1e-4)
    assert record.backward_passes == 2
    run = tf.function(two_updates) if wrapped else two_updates
    with pytest.warns(UserWarning, match="2 backward passes ran"), capture(model) as captured:
        run(model, batch)
    np.testing.assert_allclose(captured["rnn"].data[:, -1], last_gradients(model)[1], rtol=1e-4)
