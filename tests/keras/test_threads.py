"""Several threads, and captures that end in any order: nobody meets another's taps."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from differences import use_dtype

import tb_rnngrad
from tb_rnngrad.keras import GradientLogger, capture, gradients
from tb_rnngrad.keras._adapters import keras3
from tb_rnngrad.keras._adapters import tf_keras as legacy
from tb_rnngrad.keras._tensorflow import reasons_here

QUANTITIES = ("hidden_state", "gates", "weight_gradients")


def make(k, seed=1, units=4, steps=5):
    k.utils.set_random_seed(seed)
    rnn = k.layers.LSTM(units, return_sequences=True, name="rnn")
    model = k.Sequential([k.layers.Input((steps, 3)), rnn, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


def batch(seed=0, samples=4, steps=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, steps, 3)), rng.normal(size=(samples, steps, 2))


def step_of(model):
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    return step


def in_threads(*functions):
    """Run functions at once, each in a thread of its own; raise what one of them raises."""
    start, errors = threading.Barrier(len(functions)), []

    def run(function):
        start.wait()
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


@pytest.fixture(autouse=True)
def nothing_is_left(k):
    """After every test Keras' loop is its own again, and traces are not kept apart."""
    module = (keras3 if k is keras else legacy).keras_backend
    before = module.rnn
    yield
    assert module.rnn is before
    assert reasons_here() == ()


def test_two_fits_in_two_threads_log_what_each_logs_alone(k, tmp_path):
    def fit(where, seed):
        model = make(k, seed, units=3 + seed)
        data = batch(seed)
        logger = GradientLogger(tmp_path / where, of=QUANTITIES, update_freq=1)
        return lambda: model.fit(
            *data, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=[logger]
        )

    for seed in (1, 2):
        fit(f"alone/{seed}", seed)()
    in_threads(fit("together/1", 1), fit("together/2", 2))
    for seed in (1, 2):
        for tag in ("hidden_state", "gates", "weight_gradients/kernel"):
            alone, together = (
                tb_rnngrad.read(tmp_path / how / str(seed), tag=f"rnn/{tag}")
                for how in ("alone", "together")
            )
            assert together.steps.tolist() == alone.steps.tolist() == [*range(6)]
            for step in range(6):
                np.testing.assert_allclose(together.at(step), alone.at(step), rtol=1e-12)


@pytest.mark.parametrize(
    "of", [("hidden_state", "gates"), ("output", "hidden_state"), ("gates",) * 2]
)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_captures_may_end_in_any_order(k, of, compiled):
    model = make(k)
    layer = model.layers[0]
    x, y = map(tf.constant, batch())
    step = tf.function(step_of(model)) if compiled else step_of(model)
    step(x, y)
    expected = gradients(model, x, y, of=("output", "hidden_state", "gates"))["rnn"]
    before = dict(vars(layer)), dict(vars(layer.cell))
    first, second = (capture(model, of=one) for one in of)
    first.__enter__()
    second.__enter__()
    step(x, y)
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    for captured, one in zip((first, second), of, strict=True):
        np.testing.assert_allclose(captured["rnn"].data, expected[one].data, rtol=1e-9)
    for names, one in zip(before, (layer, layer.cell), strict=True):
        assert [name for name in vars(one) if names.get(name) is not vars(one)[name]] == []
    if compiled:
        traces = step.experimental_get_tracing_count()
        step(x, y)
        assert step.experimental_get_tracing_count() == traces


def test_a_capture_that_outlives_another_sees_its_own_step_alone(k):
    model = make(k)
    x, y = map(tf.constant, batch())
    other = tf.constant(batch(5)[0])
    step = tf.function(step_of(model))
    first, second = capture(model, of="output"), capture(model, of="hidden_state")
    first.__enter__()
    step(other, y)
    second.__enter__()
    first.__exit__(None, None, None)
    step(x, y)
    second.__exit__(None, None, None)
    for captured, given, of in ((first, other, "output"), (second, x, "hidden_state")):
        expected = gradients(model, given, y, of=of)["rnn"]
        assert list(captured) == ["rnn"]
        np.testing.assert_allclose(captured["rnn"].data, expected.data, rtol=1e-9)


def test_a_function_traced_in_another_thread_meanwhile_has_no_taps(k):
    model = make(k)
    x, y = map(tf.constant, batch())

    def operations(step):
        concrete = step.get_concrete_function(x, y)
        return sorted(one.type for one in concrete.graph.get_operations())

    untapped = operations(tf.function(step_of(model)))
    step = tf.function(step_of(model))
    with capture(model, of=QUANTITIES) as captured:
        in_threads(lambda: step(x, y))
        assert step.experimental_get_tracing_count() == 1
        step(x, y)
        assert step.experimental_get_tracing_count() == 2
    assert operations(step) == untapped
    assert step.experimental_get_tracing_count() == 2
    assert list(captured) == ["rnn"]


def test_a_model_is_used_in_one_thread_while_another_captures_it(k):
    """Weights are replaced by the graph's own tensors while the captured step is traced."""
    model = make(k)
    x, y = map(tf.constant, batch())
    expected, predicted = gradients(model, x, y, of=QUANTITIES)["rnn"], []
    begun, is_over = threading.Event(), threading.Event()

    def using():
        while not is_over.is_set():
            predicted.append(model(x))
            begun.set()

    exact = model(x)
    # A call that began before the capture would know nothing of it, and meet its tensors.
    with ThreadPoolExecutor(1) as other, capture(model, of=QUANTITIES) as captured:
        user = other.submit(using)
        try:
            assert begun.wait(60)
            for _ in range(3):
                tf.function(step_of(model))(x, y)
        finally:
            is_over.set()
        user.result()
    for of, record in expected.items():
        np.testing.assert_allclose(captured["rnn"][of].data, record.data, rtol=1e-9)
    for one in predicted:
        np.testing.assert_array_equal(one, exact)


def test_two_threads_inspect_one_model_at_once(k):
    model = make(k)
    batches = [batch(seed) for seed in (1, 2)]
    expected = [gradients(model, x, y)["rnn"].data for x, y in batches]

    def inspecting(number):
        def run():
            for _ in range(4):
                found = gradients(model, *batches[number])["rnn"].data
                np.testing.assert_allclose(found, expected[number], rtol=1e-9)

        return run

    in_threads(inspecting(0), inspecting(1))


def test_two_loggers_of_one_fit_log_each_their_own(k, tmp_path):
    use_dtype(k, "float32")
    model = make(k)
    loggers = [GradientLogger(tmp_path / of, of=of, update_freq=1) for of in ("output", "gates")]
    function = []
    x, y = batch()
    model.fit(x, y, batch_size=2, epochs=2, verbose=0, callbacks=loggers)
    function.append(model.train_function)
    model.fit(x, y, batch_size=2, verbose=0)
    assert model.train_function is function[0]
    assert tb_rnngrad.read(tmp_path / "output", tag="rnn/output").steps.tolist() == [0, 1, 2, 3]
    assert tb_rnngrad.read(tmp_path / "gates", tag="rnn/gates").steps.tolist() == [0, 1, 2, 3]
