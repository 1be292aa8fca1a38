"""Precision, compilation, distribution and randomness; and that capture changes nothing."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import warnings
import weakref
from pathlib import Path

import differences
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from cases import showing
from differences import ALL, use_dtype
from tensorflow.python.eager import context
from tensorflow.python.saved_model import save_context
from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM

import tb_rnngrad
from tb_rnngrad.keras import GradientLogger, capture, gradients, state_jacobian
from tb_rnngrad.keras._adapters import keras3
from tb_rnngrad.keras._adapters import tf_keras as legacy


def simple(k, kind="LSTM", units=4, **options):
    layer = getattr(k.layers, kind)(units, name="rnn", **options)
    model = k.Sequential([k.layers.Input((5, 3)), layer, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


def batch(rng, samples=4, timesteps=5):
    return rng.normal(size=(samples, timesteps, 3)), rng.normal(size=(samples, 2))


def step_of(model, optimizer=None):
    def step(x, y, training=False):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                (model(x, training=training) - tf.cast(y, model.compute_dtype)) ** 2
            )
        return tape.gradient(loss, model.trainable_variables)

    return step


# --- precision ---------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_unscaled(k, rng, tmp_path, policy):
    """float16 trains on a scaled loss; records are unscaled. Those of bfloat16 are close too."""
    use_dtype(k, "float32")
    x, y = (one.astype("f") for one in batch(rng))
    exact = simple(k)
    expected = gradients(exact, x, y, of=ALL)["rnn"]
    use_dtype(k, policy)
    model = simple(k)
    model.set_weights(exact.get_weights())
    model.compile(k.optimizers.Adam(1e-6), "mse")
    loggers = [GradientLogger(tmp_path, of=ALL, update_freq=1)]
    model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=loggers)
    tolerance = 0.02 if policy == "mixed_float16" else 0.1
    for name, exact_record in expected.items():
        series = tb_rnngrad.read(tmp_path, tag=f"rnn/{name}")
        assert series.steps.tolist() == [0, 1]
        for record in series:
            off = np.abs(record.data - exact_record.data).max()
            assert off < tolerance * np.abs(exact_record.data).max() + 1e-5, name


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_the_same(k, rng, tmp_path, policy):
    use_dtype(k, "float32")
    x, y = (one.astype("f") for one in batch(rng))
    use_dtype(k, policy)
    ends = []
    for callbacks in ([], [GradientLogger(tmp_path, of=("hidden_state", "weight_gradients"))]):
        k.utils.set_random_seed(2)
        model = simple(k, "GRU")
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        ends.append(model.get_weights())
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- compilation -------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "jit"])
def test_a_compiled_step_is_traced_once_more(k, rng, jit):
    model = simple(k)
    x, y = map(tf.constant, batch(rng))
    step = tf.function(step_of(model), jit_compile=jit)
    before = step(x, y)
    traces = step.experimental_get_tracing_count()
    expected = gradients(model, x, y)["rnn"].data
    for _ in range(3):
        with capture(model) as captured:
            inside = step(x, y)
        np.testing.assert_allclose(captured["rnn"].data, expected, rtol=1e-9)
        after = step(x, y)
        assert step.experimental_get_tracing_count() == traces + 1
    for one, two, three in zip(before, inside, after, strict=True):
        np.testing.assert_array_equal(one, three)
        np.testing.assert_allclose(one, two, rtol=1e-12 if jit else 0)


def test_xla_gives_every_quantity(k, rng):
    layer = k.layers.LSTM(4, return_sequences=True, name="rnn")
    model = k.Sequential([k.layers.Input((5, 3)), k.layers.Masking(), layer, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    x[0, 3:] = x[1, 1:3] = 0

    @tf.function(jit_compile=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x))
        return tape.gradient(loss, model.trainable_variables)

    expected = gradients(model, x, y, of=ALL)["rnn"]
    assert not expected["gates"].mask.all()
    with capture(model, of=ALL) as captured:
        step(tf.constant(x), tf.constant(y))
    assert set(captured["rnn"]) == set(expected)
    for name, record in expected.items():
        np.testing.assert_allclose(captured["rnn"][name].data, record.data, rtol=1e-9, atol=1e-15)


def test_recurrent_dropout_works_under_xla(k, rng):
    """The pass draws its own masks; the check is a relation that holds for any masks."""
    model = simple(k, recurrent_dropout=0.4, return_sequences=True)
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    step = tf.function(step_of(model), jit_compile=True)
    with capture(model, of=ALL) as captured:
        own = step(tf.constant(x), tf.constant(y), training=True)
    found = captured["rnn"]
    for name, gradient in zip(("kernel", "recurrent_kernel", "bias"), own, strict=False):
        data = found[f"weight_gradients/{name}"].data
        np.testing.assert_allclose(data, np.reshape(gradient, data.shape), rtol=1e-9, atol=1e-14)
    gates, kernel = found["gates"].data, found["weights/kernel"].data
    np.testing.assert_allclose(found["input"].data, gates @ kernel.T, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found["weight_gradients/bias"].data[0], gates.sum((0, 1)), rtol=1e-9)
    # What reaches h_t besides dL/dy_t came through the four gates' masks, which are the same at all
    # timesteps. In a graph tf_keras draws them anew at each, with and without capture.
    through_time = found["hidden_state"].data[:, :-1] - found["output"].data[:, :-1]
    recurrent = np.split(found["weights/recurrent_kernel"].data, 4, axis=1)
    each = [g @ r.T for g, r in zip(np.split(gates[:, 1:], 4, axis=2), recurrent, strict=True)]
    masks = np.array(list(itertools.product((0, 1 / 0.6), repeat=4)))
    off = np.abs(np.tensordot(masks, each, 1) - through_time)
    off = off if k is tf_keras else off.max(axis=2)
    assert off.min(axis=0).max() < 1e-12
    assert len(set(off.argmin(axis=0).flat)) > 1


def test_captures_of_different_quantities_do_not_share_traces(k, rng):
    model = simple(k, return_sequences=False)
    x, y = map(tf.constant, batch(rng))
    step = tf.function(step_of(model))
    with capture(model, of="output") as first:
        step(x, y)
    with capture(model, of=["hidden_state", "gates"]) as second:
        step(x, y)
    assert first["rnn"].quantity == "output_gradient"
    assert set(second["rnn"]) == {"hidden_state", "gates"}
    with capture(model, of="output") as outer, capture(model, of="gates") as inner:
        step(x, y)
    np.testing.assert_array_equal(outer["rnn"].data, first["rnn"].data)
    np.testing.assert_array_equal(inner["rnn"].data, second["rnn"]["gates"].data)


def test_a_model_whose_call_is_a_tf_function_is_captured(k, rng):
    class Decorated(k.Model):
        def __init__(self):
            super().__init__()
            self.rnn = k.layers.GRU(4, name="rnn")
            self.head = k.layers.Dense(2)

        @tf.function
        def call(self, inputs):
            return self.head(self.rnn(inputs))

    model = Decorated()
    model.compile("sgd", "mse")
    x, y = map(tf.constant, batch(rng))
    expected = gradients(model, x, y)["rnn"].data
    loss = lambda: differences.loss_of(model, x, y)  # noqa: E731
    tf.config.run_functions_eagerly(True)
    try:
        by_hand = differences.hidden_state_gradient(loss, [model.rnn], (4, 5, 4), (1, 2, 3))
    finally:
        tf.config.run_functions_eagerly(False)
    assert expected[1, 2, 3] == pytest.approx(by_hand, rel=1e-6)
    step = step_of(model)
    for run in (step, tf.function(step)):
        with capture(model) as captured:
            run(x, y)
        np.testing.assert_allclose(captured["rnn"].data, expected, rtol=1e-9)


def test_a_tape_that_watches_by_hand_is_captured(k, rng):
    model = simple(k)
    x, y = map(tf.constant, batch(rng))
    with capture(model) as captured, tf.GradientTape(watch_accessed_variables=False) as tape:
        weights = [getattr(v, "_value", v) for v in model.layers[0].trainable_variables]
        tape.watch(weights)
        loss = tf.reduce_mean((model(x) - y) ** 2)
        tape.gradient(loss, weights)
    np.testing.assert_allclose(captured["rnn"].data, gradients(model, x, y)["rnn"].data, rtol=1e-9)


def test_a_tape_that_watches_only_lower_layers_sees_the_output(k, rng):
    below = k.layers.Dense(3, name="below")
    rnn = k.layers.GRU(4, return_sequences=True, name="rnn")
    model = k.Sequential([k.layers.Input((5, 3)), below, rnn, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    watched = getattr(below.kernel, "_value", below.kernel)

    def step(x, y):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            loss = tf.reduce_mean((model(x) - y) ** 2)
        return tape.gradient(loss, watched)

    expected = gradients(model, x, y, of="output")["rnn"].data
    for run in (step, tf.function(step)):
        with capture(model, of="output") as captured:
            run(tf.constant(x), tf.constant(y))
        np.testing.assert_allclose(captured["rnn"].data, expected, rtol=1e-9)


@pytest.mark.parametrize("of", ["output", "hidden_state", "activations"])
def test_a_layer_in_a_branch_is_captured_if_the_branch_runs(k, rng, of):
    a, b = (k.layers.SimpleRNN(4, return_sequences=True, name=name) for name in "ab")
    inputs = k.layers.Input((5, 3))
    model = k.Model(inputs, [a(inputs), b(inputs)])
    x = tf.constant(rng.normal(size=(2, 5, 3)))

    @tf.function
    def step(x, takes_a):
        with tf.GradientTape() as tape:
            seen = tf.cond(takes_a, lambda: a(x), lambda: b(x))
            loss = tf.reduce_sum(seen**2)
        return tape.gradient(loss, model.trainable_variables)

    for layer, takes_a in ((a, True), (b, False), (a, True)):
        with capture(model, layer, of) as captured:
            step(x, tf.constant(takes_a))
        if of != "hidden_state":
            factor = 2 if of == "output" else 1
            expected = factor * np.asarray(layer(x))
            np.testing.assert_allclose(captured[layer.name].data, expected, rtol=1e-9)
        with (
            pytest.raises(ValueError, match=f"nothing of layer '{layer.name}' was seen"),
            capture(model, layer, of),
        ):
            step(x, tf.constant(not takes_a))


@pytest.mark.parametrize("tape_is", ["in the loop", "around the loop"])
def test_each_iteration_of_a_loop_overwrites_the_last(k, rng, tape_is):
    model = simple(k, "SimpleRNN", return_sequences=True)
    x, y = rng.normal(size=(3, 4, 5, 3)), rng.normal(size=(3, 4, 5, 2))
    step = step_of(model)

    @tf.function
    def loop(x, y, passes):
        if tape_is == "in the loop":
            for i in tf.range(passes):
                step(x[i], y[i])
            return None
        with tf.GradientTape() as tape:
            loss = tf.constant(0.0, tf.float64)
            for i in tf.range(passes):
                loss += tf.reduce_mean((model(x[i]) - y[i]) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    for passes in (1, 3, 2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with capture(model, of="output") as captured:
                loop(tf.constant(x), tf.constant(y), tf.constant(passes))
        told = [str(one.message) for one in caught]
        if tape_is == "in the loop":
            last, because = passes - 1, f"{passes} backward passes went through one call"
        else:  # the outer tape goes backwards, and ends with the first call
            last, because = 0, "a loop of TensorFlow's"
        assert [because in text for text in told] == ([True] if passes > 1 else [])
        expected = gradients(model, x[last], y[last], of="output")["rnn"].data
        np.testing.assert_allclose(captured["rnn"].data, expected, rtol=1e-9)


def test_many_models_do_not_trigger_retracing_warnings(k, rng, caplog):
    """TensorFlow warns if five of a function's last calls have retraced it."""
    x, y = batch(rng)
    for _ in range(6):
        model = k.Sequential([k.layers.Input((5, 3)), k.layers.SimpleRNN(2, name="rnn")])
        model.compile("sgd", "mse")
        assert gradients(model, x, y)["rnn"].shape == (4, 5, 2)
        assert state_jacobian(model, x[:1], verbose=0)["rnn"].shape == (5, 5)
    assert [one.getMessage() for one in caplog.records if "retracing" in one.getMessage()] == []


def test_a_model_may_take_text(k):
    """Its vocabulary is a lookup table, which TensorFlow does not keep in a variable."""
    text = np.array(["a b c a", "b", "c a b"])
    vectorization = k.layers.TextVectorization()
    vectorization.adapt(text)
    rnn = k.layers.Bidirectional(k.layers.LSTM(3), name="rnn")
    model = k.Sequential(
        [vectorization, k.layers.Embedding(5, 2, mask_zero=True), rnn, k.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    y = np.ones((3, 1))
    found = gradients(model, text, y)["rnn"]
    np.testing.assert_array_equal(found.mask, [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]])
    tokens = vectorization(text)
    behind = k.Sequential(model.layers[1:])
    behind.compile("sgd", "mse")
    np.testing.assert_allclose(found.data, gradients(behind, tokens, y)["rnn"].data, rtol=1e-12)
    assert set(state_jacobian(model, text, verbose=0)) == {"rnn/forward", "rnn/backward"}


def test_the_number_of_timesteps_may_be_unknown(k, rng):
    layer = k.layers.LSTM(4, return_sequences=True, name="rnn")
    model = k.Sequential([k.layers.Input((None, 3)), layer, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    step = tf.function(
        step_of(model),
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.float64),
            tf.TensorSpec([None, None, 2], tf.float64),
        ],
    )
    for samples, timesteps in ((2, 4), (3, 7)):
        x, y = rng.normal(size=(samples, timesteps, 3)), rng.normal(size=(samples, timesteps, 2))
        with capture(model) as captured:
            step(x, y)
        assert captured["rnn"].shape == (samples, timesteps, 4)
        np.testing.assert_allclose(
            captured["rnn"].data, gradients(model, x, y)["rnn"].data, rtol=1e-9
        )


# --- distribution ------------------------------------------------------------------------------


def test_replicas_form_one_batch(k, rng, tmp_path):
    use_dtype(k, "float32")
    x, y = (one.astype("f") for one in batch(rng, samples=8))
    devices = [
        device.name.replace("/physical_device:", "")
        for device in tf.config.list_logical_devices("CPU")
    ]
    strategy = tf.distribute.MirroredStrategy(devices[:2])
    with strategy.scope():
        k.utils.set_random_seed(1)
        model = simple(k)
        model.compile(k.optimizers.SGD(0.0), "mse")
    alone = simple(k)
    alone.set_weights(model.get_weights())
    logger = GradientLogger(tmp_path, of=ALL, max_outputs=8)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
    model.fit(data, epochs=1, verbose=0, callbacks=[logger])

    def of_replica(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((model(x) - y) ** 2) / 16  # averaged over the whole batch
        return tape.gradient(loss, model.trainable_variables)

    step = tf.function(lambda batch: strategy.run(of_replica, args=batch))
    with capture(model, of=ALL) as captured:
        step(next(iter(strategy.experimental_distribute_dataset(data))))
    expected = gradients(alone, x, y, of=ALL)["rnn"]
    assert set(captured["rnn"]) == set(expected)
    for name, record in expected.items():
        logged = tb_rnngrad.read(tmp_path, tag=f"rnn/{name}")[0].data
        for found in (logged, captured["rnn"][name].data):
            np.testing.assert_allclose(found, record.data, rtol=1e-4, atol=1e-7)


# --- randomness --------------------------------------------------------------------------------


def reset_random(k, model):
    """Make the next forward pass draw the same as the last one."""
    tf.random.set_seed(5)
    if k is not tf_keras:
        for variable in model.non_trainable_variables:
            if "seed" in variable.path:
                variable.assign(np.array([1, 2]))


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_records_have_the_dropout_masks_of_their_pass(k, rng, kind):
    model = simple(k, kind, dropout=0.3, recurrent_dropout=0.3, return_sequences=True)
    model.layers[-1].trainable = False
    x = tf.constant(rng.normal(size=(4, 5, 3)))
    step = step_of(model)
    y = tf.zeros([4, 5, 2], tf.float64)
    reset_random(k, model)
    with capture(model) as captured:
        step(x, y, training=True)
    record = captured["rnn"]

    def loss():
        return float(tf.reduce_mean(model(x, training=True) ** 2))

    for index in ((0, 0, 0), (1, 2, 3), (3, 3, 1)):
        expected = differences.hidden_state_gradient(
            loss, [model.layers[0]], record.shape, index, reset=lambda: reset_random(k, model)
        )
        assert record.data[index] == pytest.approx(expected, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_input_dropout_is_the_same_without_taps(k, rng, kind):
    """tf_keras' fused path drops inputs in another way than its cells do."""
    model = simple(k, kind, dropout=0.5, return_sequences=True)
    x, y = tf.constant(rng.normal(size=(4, 5, 3))), tf.zeros([4, 5, 2], tf.float64)
    step = step_of(model)
    reset_random(k, model)
    expected = step(x, y, training=True)
    reset_random(k, model)
    with capture(model):
        found = step(x, y, training=True)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# --- wrappers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", ["plain", "bidirectional", "masked"])
def test_time_distributed_layers_count_outer_timesteps_as_samples(k, rng, wrapped):
    layer = k.layers.LSTM(4, name="inner")
    inner = k.layers.Bidirectional(layer, name="inner") if wrapped == "bidirectional" else layer
    masked = k.layers.Masking() if wrapped == "masked" else lambda inputs: inputs
    inputs = k.Input((2, 5, 3))
    folded = k.layers.TimeDistributed(inner, name="outer")
    model = k.Model(inputs, k.layers.Dense(1)(folded(masked(inputs))))
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(3, 2, 5, 3)), rng.normal(size=(3, 2, 1))
    x[0, 1, 3:] = x[2, 0, :2] = 0

    def look(model, x, y):
        if wrapped != "masked":
            return gradients(model, x, y)
        with capture(model) as captured:  # Keras' losses accept no mask with two time axes
            step_of(model)(tf.constant(x), tf.constant(y))
        return captured

    found = look(model, x, y)
    assert set(found) == {"outer"}

    flat = k.Input((5, 3))
    alone = k.Model(flat, model.layers[-1](inner(masked(flat))))
    alone.compile("sgd", "mse")
    expected = look(alone, x.reshape(6, 5, 3), y.reshape(6, 1))["inner"]
    np.testing.assert_allclose(found["outer"].data, expected.data, rtol=1e-9)
    assert found["outer"].channel_groups == expected.channel_groups
    if wrapped == "masked":
        np.testing.assert_array_equal(found["outer"].mask, expected.mask)
        assert not found["outer"].mask.all()
        return
    np.testing.assert_array_equal(
        gradients(model, x, y, layer="inner")["outer"].data, found["outer"].data
    )


def test_bidirectional_records_are_in_input_time_order(k, rng):
    """The backward half's output at t belongs to x_t, whatever order it worked in."""
    layer = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True), name="both")
    inputs = k.Input((5, 2))
    model = k.Model(inputs, layer(inputs)[:, 1])  # the loss sees only timestep 1
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(2, 5, 2)), rng.normal(size=(2, 6))
    found = gradients(model, x, y, of=("hidden_state", "output", "states", "activations"))["both"]
    assert found["output"].channel_groups == {"forward": 3, "backward": 3}
    assert found["output"].data[:, 1].all() and not found["output"].data[:, [0, 2, 3, 4]].any()
    hidden = found["hidden_state"].data
    assert hidden[:, :2, :3].all() and not hidden[:, 2:, :3].any()  # forward: 0 .. 1
    assert hidden[:, 1:, 3:].all() and not hidden[:, :1, 3:].any()  # backward: 4 .. 1
    np.testing.assert_array_equal(found["activations"].data, found["states/h"].data)
    np.testing.assert_allclose(found["activations"].data[:, 1], model(x), rtol=1e-12)


# --- capture changes nothing -------------------------------------------------------------------


def test_gradients_leave_the_model_as_it_was(k, rng):
    inputs = k.Input(batch_shape=(4, 5, 3))
    hidden = k.layers.BatchNormalization()(k.layers.Dropout(0.5)(inputs))
    layer = k.layers.LSTM(4, stateful=True, dropout=0.2, name="rnn")
    outputs = [k.layers.Dense(2, name="a")(layer(hidden)), k.layers.Flatten()(hidden)]
    model = k.Model(inputs, outputs)
    model.compile("adam", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    x = rng.normal(size=(4, 5, 3))
    y = [rng.normal(size=(4, 2)), rng.normal(size=(4, 15))]
    model.fit(x, y, batch_size=4, verbose=0)
    model(x)  # sets the attributes that Keras itself notes at a call

    def everything():
        metrics = [v for m in model.metrics for v in m.variables]
        optimizer = model.optimizer.variables
        optimizer = optimizer() if callable(optimizer) else optimizer
        states = tf.nest.flatten(layer.states)
        return [np.array(v) for v in [*model.variables, *metrics, *optimizer, *states]]

    def namespaces():  # the object behind each attribute
        return [dict(vars(one)) for one in (model, layer, layer.cell, model.optimizer)]

    values, names = everything(), namespaces()
    tf.random.set_seed(4)
    drawn = tf.random.normal([3])
    tf.random.set_seed(4)
    for training in (False, True):
        gradients(model, x, y, training=training, of=("hidden_state", "weight_gradients", "gates"))
    np.testing.assert_array_equal(tf.random.normal([3]), drawn)
    for before, after in zip(values, everything(), strict=True):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(names, namespaces(), strict=True):
        assert before.keys() == after.keys()
        assert [name for name in before if before[name] is not after[name]] == []


def test_capture_leaves_nothing_when_the_step_raises(k, rng):
    model = simple(k)
    layer = model.layers[0]
    model(rng.normal(size=(4, 5, 3)))  # Keras sets some attributes at the first call
    before = [dict(vars(one)) for one in (layer, layer.cell, model.optimizer)]
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), capture(model, of=["hidden_state", "gates", "weight_gradients"]):
            model(rng.normal(size=(4, 5, 3)))
            raise error
    for namespace, one in zip(before, (layer, layer.cell, model.optimizer), strict=True):
        assert vars(one).keys() == namespace.keys()
    x, y = batch(rng)
    assert gradients(model, x, y)["rnn"].shape == (4, 5, 4)


def test_a_thousand_captures_leak_nothing(k, rng):
    model = simple(k, "SimpleRNN", units=16, return_sequences=True)
    x, y = tf.constant(rng.normal(size=(64, 5, 3))), tf.constant(rng.normal(size=(64, 5, 2)))
    step = tf.function(step_of(model))

    def look(times):
        for number in range(times):
            with capture(model) as captured:
                step(x, y)
            if number % 4 == 0:
                gradients(model, x, y)
        return captured["rnn"].data.nbytes

    def alive():
        gc.collect()
        kinds = (tf.Variable, tf.Tensor, tf.Graph)
        objects = sum(isinstance(one, kinds) for one in gc.get_objects())
        return objects, len(context.context().list_function_names())

    def resident():
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    look(200)
    objects, functions = alive()
    before = resident()
    one_gradient = look(800)
    assert resident() - before < 800 * one_gradient / 2
    assert alive()[0] <= objects + 5
    assert alive()[1] <= functions
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("how", ["it fails", "Ctrl-C"])
def test_a_pass_that_fails_leaves_nothing_behind(k, rng, tmp_path, how):
    """For every way to capture: taps are gone, what they replaced is back, no state has changed."""
    armed = False

    def meddle(value):
        if armed and how == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
        elif armed:
            raise ArithmeticError("broken off")
        return value

    inputs = k.Input(batch_shape=(4, 5, 3))
    layer = k.layers.LSTM(4, stateful=True, name="rnn")
    model = k.Model(inputs, k.layers.Dense(2)(showing(k, meddle)(layer(inputs))))
    model.compile(k.optimizers.SGD(0.0), "mse", metrics=["mae"])
    x, y = batch(rng)

    def fit():
        model.fit(x, y, batch_size=4, verbose=0, callbacks=[GradientLogger(tmp_path)])

    step = tf.function(step_of(model))

    def run_captured():
        with capture(model, of=ALL):
            step(tf.constant(x), tf.constant(y))

    rnn = {keras: keras3.keras_backend, tf_keras: legacy.keras_backend}[k]

    def namespaces():
        owners = (layer, layer.cell, model.optimizer)
        return [dict(vars(one)) for one in owners], rnn.rnn, model.train_function

    ways = (lambda: gradients(model, x, y, of=ALL), run_captured, fit)
    for run in ways:
        run()
    for run in ways:
        before = [np.array(state) for state in layer.states]
        names, *functions = namespaces()
        armed = True
        with (
            pytest.raises((KeyboardInterrupt, tf.errors.OpError)) as caught,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", RuntimeWarning)
            run()
        armed = False
        assert (caught.type is KeyboardInterrupt) == (how == "Ctrl-C")
        after, *others = namespaces()
        assert all(one is other for one, other in zip(functions, others, strict=True))
        for one, other in zip(names, after, strict=True):
            assert one.keys() == other.keys()
            assert not {"call", "scale_loss", "get_scaled_loss"}.intersection(other)
        assert not save_context._save_context.in_save_context()
        if run is ways[0]:  # the other ways run the user's own steps
            for state, value in zip(layer.states, before, strict=True):
                np.testing.assert_array_equal(state, value)
    for run in ways:
        run()


def test_an_inspected_model_is_garbage_collected(k, rng):
    model = simple(k)
    x, y = batch(rng)
    gradients(model, x, y)
    with capture(model):
        step_of(model)(tf.constant(x), tf.constant(y))
    gone = weakref.ref(model.layers[0])
    del model
    k.backend.clear_session()
    gc.collect()
    assert gone() is None


def test_a_model_trained_with_a_logger_is_garbage_collected(k, rng, tmp_path):
    model = simple(k)
    x, y = batch(rng)
    for _ in range(2):
        model.fit(x, y, verbose=0, callbacks=[GradientLogger(tmp_path)])
    gone = weakref.ref(model.layers[0])
    del model
    k.backend.clear_session()
    gc.collect()
    gc.collect()  # objects with a finaliser go in the second collection
    assert gone() is None


def test_a_pass_that_fails_during_tracing_leaves_no_graph(k, rng):
    class Failing(k.layers.Layer):
        def call(self, inputs):
            if armed:
                graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
                raise ValueError("no such layer")
            return inputs

    graphs, armed = [], False
    inputs = k.Input((5, 3))
    model = k.Model(inputs, Failing()(k.layers.LSTM(4, return_sequences=True)(inputs)))
    armed = True
    with pytest.raises(ValueError, match="no such layer"):
        gradients(model, batch(rng)[0], of="activations")
    gc.collect()
    gc.collect()  # objects with a finaliser go in the second collection
    assert len(graphs) == 1
    assert graphs[0]() is None


def test_models_can_be_saved_and_cloned_under_taps(k, rng, tmp_path):
    model = simple(k)
    x, y = map(tf.constant, batch(rng))
    with capture(model) as captured:
        model.save(tmp_path / "model.keras")
        clone = k.models.clone_model(model)
        step_of(model)(x, y)
    assert captured["rnn"].shape == (4, 5, 4)
    restored = k.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(restored(x), model(x), rtol=1e-6)
    assert "call" not in vars(clone.layers[0])


# --- refusals ----------------------------------------------------------------------------------


def test_refusals_name_the_layer_and_the_reason(k, rng):
    model = simple(k, "GRU")
    x, y = batch(rng)
    dense = model.layers[-1].name
    for arguments, message in (
        ({"layer": "nothing"}, "no layer named 'nothing'.* are 'rnn'"),
        ({"layer": dense}, f"layer '{dense}' is a Dense, neither recurrent"),
        ({"layer": 9}, "layer is 9; expected an index into the model's 2 layers"),
        ({"of": "hidden"}, "of is 'hidden'; expected one or more of hidden_state"),
        ({"of": "cell_state", "layer": "rnn"}, "layer 'rnn' has no cell state"),
    ):
        with pytest.raises(ValueError, match=message):
            gradients(model, x, y, **arguments)
    with pytest.raises(TypeError, match="model is a builtins.str"):
        gradients("model", x, y)
    uncompiled = k.Sequential([k.layers.Input((5, 3)), k.layers.LSTM(2)])
    with pytest.raises(RuntimeError, match="is not compiled"):
        gradients(uncompiled, x, y)
    with capture(model) as captured:
        pass_ = model(x)  # no backward pass
        assert pass_ is not None
        step_of(model)(tf.constant(x), tf.constant(y))
    with pytest.raises(KeyError, match="'other' was not captured; captured layers: rnn"):
        captured["other"]


def test_two_steps_in_one_block_warn(k, rng):
    model = simple(k, "SimpleRNN")
    x, y = map(tf.constant, batch(rng))
    other = tf.constant(rng.normal(size=(4, 5, 3)))
    step = tf.function(step_of(model))
    message = "2 backward passes went through one call of layer 'rnn' in one step"
    with pytest.warns(UserWarning, match=message), capture(model) as captured:
        step(other, y)
        step(x, y)
    np.testing.assert_allclose(captured["rnn"].data, gradients(model, x, y)["rnn"].data)
    eager = step_of(model)
    with capture(model) as captured:
        eager(other, y)
        eager(x, y)
    assert set(captured) == {"rnn", "rnn.call2"}


def test_a_step_without_a_backward_pass_raises(k, rng):
    model = simple(k)
    with pytest.raises(ValueError, match="nothing of layer 'rnn' was seen"), capture(model):
        model(rng.normal(size=(4, 5, 3)))


def test_gates_of_an_unknown_cell_are_refused(k, rng):
    class Cell(k.layers.Layer):
        state_size = 3

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

        def call(self, inputs, states):
            h = inputs @ self.kernel + states[0]
            return h, [h]

    model = k.Sequential([k.layers.Input((5, 3)), k.layers.RNN(Cell(), name="rnn")])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3))
    with pytest.raises(NotImplementedError, match="layer 'rnn' has a Cell, whose gates are not"):
        gradients(model, x, y, of="gates")
    found = gradients(model, x, y, of=("weight_gradients", "states"))["rnn"]
    assert set(found) == {"weight_gradients/kernel", "states/h"}


def test_a_fused_layer_names_its_replacement():
    layer = CuDNNLSTM(3, name="rnn")
    model = tf_keras.Sequential([layer, tf_keras.layers.Dense(2)])
    with pytest.raises(NotImplementedError, match="layer 'rnn' is a CuDNNLSTM, whose .* use LSTM,"):
        gradients(model, None, None)


def test_the_loss_scale_of_a_separate_optimizer_is_undone(k, rng):
    use_dtype(k, "float32")
    model = simple(k)
    x, y = (one.astype("f") for one in batch(rng))
    expected = gradients(model, x, y)["rnn"].data
    optimizer = k.mixed_precision.LossScaleOptimizer(k.optimizers.SGD(), initial_scale=1024.0)
    scale = "get_scaled_loss" if k is tf_keras else "scale_loss"
    with capture(model, optimizer=optimizer) as captured, tf.GradientTape() as tape:
        loss = getattr(optimizer, scale)(tf.reduce_mean((model(x) - y) ** 2))
        tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(captured["rnn"].data, expected, rtol=1e-4, atol=1e-8)


def test_a_backend_other_than_tensorflow_is_refused(monkeypatch):
    keras3.adapter.cache_clear()
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    model = keras.Sequential([keras.layers.Input((5, 3)), keras.layers.LSTM(2)])
    with pytest.raises(RuntimeError, match="runs on its 'jax' backend; expected 'tensorflow'"):
        gradients(model, None, None)
