"""Several backward passes in one training step, which are summed if they end in one update."""

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
    """Return dL/dh_T for each of the two losses, computed by hand."""
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
def test_passes_of_one_update_are_summed_with_a_warning(k, tmp_path, step, options):
    model = model_with(k, step, **options)
    series, told = fit(model, tmp_path)
    (message,) = told
    assert "2 backward passes went through one call of layer 'rnn'" in message
    assert "so its records are their plain sum" in message
    for record in series:
        np.testing.assert_allclose(record.data[:, -1], sum(last_gradients(model)), rtol=1e-4)
        assert record.backward_passes == 2
        assert record.details["backward_pass"] == "sum"


@pytest.mark.parametrize("step", [two_updates, inside_a_tape])
def test_the_last_pass_is_kept_with_one_warning_if_a_sum_may_be_wrong(k, tmp_path, step):
    model = model_with(k, step)
    series, told = fit(model, tmp_path)
    (message,) = told
    assert message.startswith("2 backward passes went through one call of layer 'rnn'")
    assert "so its records are of the last" in message
    for record in series:
        np.testing.assert_allclose(record.data[:, -1], last_gradients(model)[1], rtol=1e-4)
        assert (record.backward_passes, record.details["backward_pass"]) == (2, "last")


def test_a_loop_over_small_batches_is_not_summed_over_samples(k, tmp_path):
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
    expected = 2 * sum(last_gradients(model))[2:]  # the mean is over two samples, not four
    np.testing.assert_allclose(series[0].data[:, -1], expected, rtol=1e-4)


def test_a_model_that_judges_another_does_not_sum_both_passes(k, tmp_path):
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
    assert np.abs(series[0].data).max() > 0  # a sum would cancel to 0


@pytest.mark.parametrize("wrapped", [False, True], ids=["eager", "tf.function"])
def test_capture_sums_passes_like_the_logger(k, wrapped):
    model = model_with(k, persistent_tape)
    model.optimizer.build(model.trainable_variables)
    run = tf.function(persistent_tape) if wrapped else persistent_tape
    batch = tf.constant(X), tf.constant(Y)
    with pytest.warns(UserWarning, match="plain sum"), capture(model) as captured:
        run(model, batch)
    record = captured["rnn"]
    np.testing.assert_allclose(record.data[:, -1], sum(last_gradients(model)), rtol=1e-4)
    assert (record.backward_passes, record.details["backward_pass"]) == (2, "sum")
    run = tf.function(two_updates) if wrapped else two_updates
    with pytest.warns(UserWarning, match="of the last"), capture(model) as captured:
        run(model, batch)
    np.testing.assert_allclose(captured["rnn"].data[:, -1], last_gradients(model)[1], rtol=1e-4)


def decoding(k):
    """Return a model whose decoder feeds its predictions back, in a TensorFlow or Python loop."""

    class Decoding(k.Model):
        def __init__(self):
            super().__init__()
            self.encoder = k.layers.GRU(4, return_state=True, name="encoder")
            self.decoder = k.layers.GRU(4, return_state=True, name="decoder")
            self.head = k.layers.Dense(2, name="head")

        def call(self, x, training=None):
            _, state = self.encoder(x)
            token = tf.zeros([4, 2])
            outputs = []
            for _ in range(3):
                token, state = self.decoded(token, state)
                outputs.append(token)
            return tf.stack(outputs, axis=1)

        def decoded(self, token, state):
            output, state = self.decoder(token[:, tf.newaxis], initial_state=state)
            return self.head(output), state

        def looped(self, x):
            _, state = self.encoder(x)
            outputs = tf.TensorArray(tf.float32, size=3)

            def body(t, token, state, outputs):
                token, state = self.decoded(token, state)
                return t + 1, token, state, outputs.write(t, token)

            first = (0, tf.zeros([4, 2]), state, outputs)
            *_, outputs = tf.while_loop(lambda t, *_: t < 3, body, first)
            return tf.transpose(outputs.stack(), [1, 0, 2])

    use_dtype(k, "float32")
    model = Decoding()
    model(X)
    model.compile(k.optimizers.SGD(0.0), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def step_of(model, predicted):
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(predicted(x) ** 2)
        update(model, tape.gradient(loss, model.trainable_variables))

    return tf.function(step)


def test_one_call_of_a_tensorflow_loop_is_kept_and_the_warning_names_the_loop(k):
    model = decoding(k)
    with pytest.warns(UserWarning, match="called 3 times"), capture(model) as each:
        step_of(model, model)(tf.constant(X))
    of = ("hidden_state", "states")
    with pytest.warns(UserWarning) as caught, capture(model, of=of) as one:
        step_of(model, model.looped)(tf.constant(X))
    (message,) = [str(told.message) for told in caught]
    assert message.startswith("a loop of TensorFlow's (tf.while_loop")
    assert "calls layer 'decoder' again and again" in message
    gradient, value = one["decoder"]["hidden_state"], one["decoder"]["states/h"]
    np.testing.assert_allclose(gradient.data, each["decoder"].data, rtol=1e-5)
    assert (gradient.backward_passes, gradient.details["call"]) == (1, "first")
    with pytest.warns(UserWarning, match="again and again"), capture(model, of="states") as alone:
        tf.function(model.looped)(tf.constant(X))
    np.testing.assert_array_equal(alone["decoder"].data, value.data)
    assert value.details["call"] == alone["decoder"].details["call"] == "last"
    assert "call" not in (one["encoder"]["hidden_state"].details or {})


def test_fit_warns_of_a_tensorflow_loop_once(k, tmp_path):
    model = decoding(k)
    model.call = lambda x, training=None: model.looped(x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, np.zeros((4, 3, 2)), verbose=0, epochs=2, callbacks=[GradientLogger(tmp_path)])
    told = [str(one.message) for one in caught if one.category is RuntimeWarning]
    assert [message.startswith("a loop of TensorFlow's") for message in told] == [True]
    series = tb_rnngrad.read(tmp_path, tag="decoder/hidden_state")
    assert [record.details["call"] for record in series] == ["first", "first"]
