"""Custom cells: each formula is written once, for TensorFlow and NumPy alike.

In NumPy, `moved` adds eps to the hidden state where it is computed, so everything that reads it
reads it perturbed. Central finite differences of that define the hidden-state gradient.
"""

from __future__ import annotations

import warnings
from collections import namedtuple
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras.src.layers.rnn.cell_wrappers import ResidualWrapper

import tb_rnngrad
from tb_rnngrad.keras import (
    GradientLogger,
    capture,
    gradients,
    input_sensitivity,
    lyapunov_exponents,
    state_jacobian,
)

T, FEATURES, UNITS, SAMPLES = 5, 3, 4, 3
EPS = 1e-6
TF = SimpleNamespace(
    tanh=tf.tanh, copy=tf.identity, concat=lambda one, two: tf.concat([one, two], 1)
)
NP = SimpleNamespace(tanh=np.tanh, copy=np.copy, concat=lambda one, two: np.hstack([one, two]))


def step(m, x, h, w):
    return m.tanh(x @ w["kernel"] + h @ w["recurrent"])


def the_state_itself(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return h, [h]


def copied_output(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return m.copy(h), [h]


def copied_state(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return h, [m.copy(h)]


def computed_twice(m, x, states, w, moved):
    return moved(step(m, x, states[0], w)), [moved(step(m, x, states[0], w))]


def projected(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return h @ w["projection"], [h]


def residual(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return h + x @ w["kernel"], [m.copy(h)]


def joined(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    return m.concat(h, m.tanh(h @ w["recurrent"])), [h]


def with_a_trace(m, x, states, w, moved):
    h = moved(step(m, x, states[0] + 0.3 * states[1], w))
    trace = 0.9 * states[1] + h @ w["recurrent"]
    return h, [h, trace]


def trace_in_the_output(m, x, states, w, moved):
    h = moved(step(m, x, states[0], w))
    trace = 0.9 * states[1] + h
    return h @ w["recurrent"], [h, trace]


ONE_STATE = (
    the_state_itself,
    copied_output,
    copied_state,
    computed_twice,
    projected,
    residual,
    joined,
)
KINDS = (*ONE_STATE, with_a_trace, trace_in_the_output)
OUTPUT = {projected: 2, joined: 2 * UNITS}


def cell_of(k, formula, traced=False, state_size=None):
    class Cell(k.layers.Layer):
        def __init__(self):
            super().__init__()
            default = UNITS if formula in ONE_STATE else [UNITS, UNITS]
            self.state_size = default if state_size is None else state_size
            self.output_size = OUTPUT.get(formula, UNITS)

        def build(self, shape):
            def add(name, *shape):
                return self.add_weight(shape=shape, name=name, initializer="glorot_uniform")

            self.kernel = add("kernel", shape[-1], UNITS)
            self.recurrent = add("recurrent", UNITS, UNITS)
            self.projection = add("projection", UNITS, 2)
            self.built = True

        def compute(self, inputs, states):
            names = ("kernel", "recurrent", "projection")
            weights = {name: tf.convert_to_tensor(getattr(self, name)) for name in names}
            return formula(TF, inputs, states, weights, lambda h: h)

        @tf.function
        def compute_in_function(self, inputs, states):
            return self.compute(inputs, states)

        def call(self, inputs, states):
            return (self.compute_in_function if traced else self.compute)(inputs, states)

    return Cell()


def model_of(k, cell, **options):
    inputs = k.layers.Input((T, FEATURES))
    outputs = k.layers.Dense(2)(k.layers.RNN(cell, name="rnn", **options)(inputs))
    model = k.Model(inputs, outputs)
    model.compile("sgd", "mse")
    return model


def batch(model, rng):
    x = rng.normal(size=(SAMPLES, T, FEATURES))
    return x, rng.normal(size=np.shape(model(x)))


def loss_in_numpy(model, formula, x, y, eps, return_sequences=False):
    kernel, recurrent, projection, head, bias = model.get_weights()
    w = {"kernel": kernel, "recurrent": recurrent, "projection": projection}
    states = [np.zeros((SAMPLES, UNITS))] * 2
    outputs = []
    for t in range(T):
        output, states = formula(NP, x[:, t], states, w, lambda h, t=t: h + eps[:, t])
        outputs.append(output)
    emitted = np.stack(outputs, 1) if return_sequences else outputs[-1]
    return ((emitted @ head + bias - y) ** 2).mean()


def by_differences(loss, shape):
    found = np.zeros(shape)
    for index in np.ndindex(shape):
        eps = np.zeros(shape)
        eps[index] = EPS
        found[index] = (loss(eps) - loss(-eps)) / (2 * EPS)
    return found


def step_of(model):
    def training_step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    return training_step


def assert_close(found, expected, rel=1e-6):
    np.testing.assert_allclose(found, expected, rtol=rel, atol=rel * np.abs(expected).max())


@pytest.mark.parametrize("traced", [False, True], ids=["plain", "in a tf.function"])
@pytest.mark.parametrize("formula", KINDS, ids=lambda formula: formula.__name__)
def test_everything_that_reads_the_hidden_state_reads_it_perturbed(k, rng, formula, traced):
    state = 0 if formula is trace_in_the_output else None
    model = model_of(k, cell_of(k, formula, traced), return_sequences=True)
    x, y = batch(model, rng)
    expected = by_differences(
        lambda eps: loss_in_numpy(model, formula, x, y, eps, True), (SAMPLES, T, UNITS)
    )
    of = ("hidden_state", "weight_gradients", "states")
    found = gradients(model, x, y, of=of, state=state)["rnn"]
    assert_close(found["hidden_state"].data, expected)
    own = step_of(model)(tf.constant(x), tf.constant(y))
    for name, gradient in zip(("kernel", "recurrent", "projection"), own, strict=False):
        data = found[f"weight_gradients/{name}"].data
        assert_close(data, np.zeros_like(data) if gradient is None else gradient, 1e-9)
    for run in (step_of(model), tf.function(step_of(model))):
        with capture(model, of=of, state=state) as captured:
            run(tf.constant(x), tf.constant(y))
        for name, record in found.items():
            assert_close(captured["rnn"][name].data, record.data, 1e-9)


@pytest.mark.parametrize("way", ["unrolled", "jit", "masked"])
def test_a_cell_gives_the_same_however_its_layer_runs(k, rng, way):
    """Compares with the plain loop, which finite differences have confirmed."""
    cell = cell_of(k, projected, traced=True)
    plain = model_of(k, cell)
    x, y = batch(plain, rng)
    of = ("hidden_state", "weight_gradients", "states")
    expected = gradients(plain, x, y, of=of)["rnn"]
    if way == "jit":
        step = tf.function(step_of(plain), jit_compile=True)
        with capture(plain, of=of) as captured:
            step(tf.constant(x), tf.constant(y))
        found = captured["rnn"]
    else:
        inputs = k.layers.Input((T + 2 if way == "masked" else T, FEATURES))
        layer = k.layers.RNN(cell, name="rnn", unroll=way == "unrolled")
        head = plain.layers[-1]
        model = k.Model(inputs, head(layer(k.layers.Masking()(inputs))))
        model.compile("sgd", "mse")
        padded = np.pad(x, [(0, 0), (0, 2 if way == "masked" else 0), (0, 0)])
        found = gradients(model, padded, y, of=of)["rnn"]
    for name, record in expected.items():
        data = found[name].data[:, :T] if record.data.ndim == 3 else found[name].data
        assert_close(data, record.data, 1e-9)


# --- cells that inherit from Keras' own --------------------------------------------------------


def peephole_cell(k):
    class Peephole(k.layers.LSTMCell):
        def build(self, shape):
            super().build(shape)
            self.p = [
                self.add_weight(shape=(UNITS,), name=f"p{gate}", initializer="random_normal")
                for gate in "ifo"
            ]

        def _compute_carry_and_output_fused(self, z, c_before):
            at_i, at_f, at_o = map(tf.convert_to_tensor, self.p)
            i = self.recurrent_activation(z[0] + c_before * at_i)
            f = self.recurrent_activation(z[1] + c_before * at_f)
            c = f * c_before + i * self.activation(z[2])
            return c, self.recurrent_activation(z[3] + c * at_o)

    return Peephole(UNITS)


def peephole_in_numpy(weights, x, y, eps, of):
    kernel, recurrent, bias, at_i, at_f, at_o, head, head_bias = weights

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    h = c = np.zeros((SAMPLES, UNITS))
    for t in range(T):
        z = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f = sigmoid(z[0] + c * at_i), sigmoid(z[1] + c * at_f)
        c = f * c + i * np.tanh(z[2]) + (eps[:, t] if of == "cell_state" else 0)
        h = sigmoid(z[3] + c * at_o) * np.tanh(c) + (eps[:, t] if of == "hidden_state" else 0)
    return ((h @ head + head_bias - y) ** 2).mean()


@pytest.mark.parametrize("of", ["hidden_state", "cell_state"])
def test_an_lstm_with_an_overridden_inner_method_has_correct_gradients(k, rng, of):
    model = model_of(k, peephole_cell(k))
    x, y = batch(model, rng)
    expected = by_differences(
        lambda eps: peephole_in_numpy(model.get_weights(), x, y, eps, of), (SAMPLES, T, UNITS)
    )
    assert_close(gradients(model, x, y, of=of)["rnn"].data, expected)


def test_refused_gates_name_the_overridden_method(k, rng):
    model = model_of(k, peephole_cell(k))
    x, y = batch(model, rng)
    message = "has a Peephole, .* it overrides _compute_carry_and_output_fused of LSTMCell"
    with pytest.raises(NotImplementedError, match=message):
        gradients(model, x, y, of="gates")
    assert set(gradients(model, x, y, of=("weight_gradients", "states"))["rnn"]) == {
        "states/h",
        "states/c",
        *(f"weight_gradients/{name}" for name in ("kernel", "recurrent_kernel", "bias")),
        *(f"weight_gradients/p/{index}" for index in range(3)),
    }

    cell = k.layers.GRUCell(UNITS)
    model = model_of(k, cell)
    gradients(model, x, y, of="gates")
    original = cell.call
    cell.call = lambda *args, **kwargs: original(*args, **kwargs)
    with pytest.raises(NotImplementedError, match="has a GRUCell, .* overrides call of GRUCell"):
        gradients(model, x, y, of="gates")

    class Rebuilt(k.layers.LSTMCell):
        """Overrides a method that takes no part in the computation."""

        def build(self, shape):
            super().build(shape)

    assert gradients(model_of(k, Rebuilt(UNITS)), x, y, of="gates")["rnn"].shape[2] == 4 * UNITS


def test_a_layer_that_bypasses_its_cell_is_refused(rng):
    """tf_keras' LSTM computes by its own formulas, whatever cell it holds."""
    layer = tf_keras.layers.LSTM(UNITS, name="rnn")
    layer.cell = peephole_cell(tf_keras)
    model = tf_keras.Sequential([tf_keras.layers.Input((T, FEATURES)), layer])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="LSTM with a Peephole, whose call it never"):
        gradients(model, rng.normal(size=(SAMPLES, T, FEATURES)), np.zeros((SAMPLES, UNITS)))


# --- which state is the hidden state -----------------------------------------------------------


def clock_first(m, x, states, w, moved):
    h = moved(step(m, x, states[1], w))
    return h, [states[0] + 1, h]


def mixed(m, x, states, w, moved):
    one = moved(step(m, x, states[0], w))
    two = m.tanh(states[1] + x @ w["kernel"])
    return one * two, [one, two]


@pytest.fixture
def clock(k):
    return model_of(k, cell_of(k, clock_first, state_size=[1, UNITS]))


def test_the_state_that_is_the_output_is_recorded_as_the_hidden_state(k, clock, rng, tmp_path):
    x, y = batch(clock, rng)
    found = gradients(clock, x, y, of=("hidden_state", "states", "output"))["rnn"]
    assert set(found) == {"hidden_state", "states/h", "states/0", "output"}
    assert found["hidden_state"].details == found["states/h"].details == {"state": 1}
    np.testing.assert_allclose(found["hidden_state"].data[:, -1], found["output"].data)
    np.testing.assert_array_equal(found["states/0"].data[0, :, 0], np.arange(1, T + 1))
    first = gradients(clock, x, y, state=0)["rnn"]
    assert first.shape == (SAMPLES, T, 1)
    assert first.details == {"state": 0}
    clock.fit(x, y, verbose=0, callbacks=[GradientLogger(tmp_path, state={"rnn": 0})])
    logged = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")[0]
    assert logged.details == {"state": 0, "step_from": "optimizer"}


def test_a_state_jacobian_is_that_of_the_hidden_state(k, clock, rng):
    x, _ = batch(clock, rng)
    told = state_jacobian(clock, x, wrt="state", verbose=0)["rnn"].data
    same = state_jacobian(clock, x, wrt="state", state=1, verbose=0)["rnn"].data
    other = state_jacobian(clock, x, wrt="state", state=0, verbose=0)["rnn"].data
    np.testing.assert_array_equal(told, same)
    assert np.isfinite(np.tril(told)).all()
    assert (np.tril(other) == 0).all()  # the clock passes itself on unchanged: log10 of 1


def test_states_are_named_after_the_state_size(k, rng):
    names = namedtuple("names", "clock memory")
    model = model_of(k, cell_of(k, clock_first, state_size=names(1, UNITS)))
    x, y = batch(model, rng)
    found = gradients(model, x, y, of=("hidden_state", "states"), state="memory")["rnn"]
    assert found["hidden_state"].details == {"state": "memory"}
    assert set(found) == {"hidden_state", "states/clock", "states/h"}
    with pytest.raises(ValueError, match=r"state is 'cell'; Cell has 2 states: 0 \('clock'\), 1"):
        gradients(model, x, y, state="cell")


def test_an_unclear_hidden_state_asks_for_a_choice(k, rng):
    model = model_of(k, cell_of(k, mixed))
    x, y = batch(model, rng)
    message = "layer 'rnn' has a Cell with 2 states: 0, 1, and its output does not tell which"
    with pytest.raises(ValueError, match=f"^{message}"):
        gradients(model, x, y)
    with pytest.warns(RuntimeWarning, match=message):
        model.fit(x, y, verbose=0, callbacks=[GradientLogger("unused")])
    expected = by_differences(
        lambda eps: loss_in_numpy(model, mixed, x, y, eps), (SAMPLES, T, UNITS)
    )
    assert_close(gradients(model, x, y, state=0)["rnn"].data, expected)


def test_a_state_that_does_not_exist_is_refused(k, clock, rng):
    x, y = batch(clock, rng)
    lstm = model_of(k, k.layers.LSTMCell(UNITS))
    for model, state, message in (
        (clock, 2, "layer 'rnn': state is 2; Cell has 2 states: 0, 1"),
        (clock, {"lstm": 0}, "state names the layer 'lstm'; the layers asked for are 'rnn'"),
        (lstm, 1, "state is 1; layer 'rnn' has a LSTMCell, whose hidden state is its first, 0"),
    ):
        with pytest.raises(ValueError, match=message):
            gradients(model, x, y, state=state)
    assert gradients(lstm, x, y, state="h")["rnn"].details is None
    with pytest.raises(NotImplementedError, match="has a Cell with 2 states: 0, 1, none of which"):
        gradients(clock, x, y, of="cell_state")


# --- where a cell's weights are ----------------------------------------------------------------


def assert_weights_are_the_tapes(model, layer, x, y, names):
    """Check the names and order of the layer's variables, and their gradients against a tape."""
    found = gradients(model, x, y, of="weight_gradients")["rnn"]
    assert set(found) == {f"weight_gradients/{name}" for name in names}
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    own = tape.gradient(loss, layer.trainable_variables)
    for name, gradient in zip(names, own, strict=True):
        data = found[f"weight_gradients/{name}"].data
        expected = np.zeros_like(data) if gradient is None else gradient
        assert_close(data, np.reshape(expected, data.shape), 1e-9)


def test_stacked_cells_that_are_tf_functions_have_weights(k, rng):
    model = model_of(k, [cell_of(k, the_state_itself, traced=True) for _ in range(2)])
    x, y = batch(model, rng)
    names = [
        f"cell_{index}/{name}"
        for index in range(2)
        for name in ("kernel", "recurrent", "projection")
    ]
    assert_weights_are_the_tapes(model, model.layers[1], x, y, names)


def test_weights_in_layers_and_lists_inside_a_cell_are_found(k, rng):
    class Cell(k.layers.Layer):
        state_size = UNITS

        def __init__(self):
            super().__init__()
            self._mix = k.layers.Dense(UNITS)
            self.more = [k.layers.Dense(UNITS, use_bias=False)]

        def build(self, shape):
            self._mix.build((shape[0], shape[1] + UNITS))
            self.more[0].build((shape[0], UNITS))
            self.built = True

        def call(self, inputs, states):
            h = tf.tanh(self.more[0](self._mix(tf.concat([inputs, states[0]], 1))))
            return h, [h]

    model = model_of(k, Cell())
    x, y = batch(model, rng)
    names = ("mix/kernel", "mix/bias", "more/0/kernel")
    assert_weights_are_the_tapes(model, model.layers[1], x, y, names)


@pytest.mark.parametrize("k", [tf_keras], indirect=True)
def test_a_wrapped_cell_has_weights_and_gradients(k, rng):
    """An LSTM whose input is added to its output has the gradient by h_t of one without."""
    wrapper = ResidualWrapper(k.layers.LSTMCell(FEATURES))
    model = model_of(k, wrapper)
    x, y = batch(model, rng)
    names = ("cell/kernel", "cell/recurrent_kernel", "cell/bias")
    assert_weights_are_the_tapes(model, model.layers[1], x, y, names)
    plain = model_of(k, k.layers.LSTMCell(FEATURES))
    plain.set_weights(model.get_weights())
    moved = y - x[:, -1] @ model.get_weights()[-2]
    expected = gradients(plain, x, moved)["rnn"].data
    assert_close(gradients(model, x, y)["rnn"].data, expected, 1e-9)
    with pytest.raises(NotImplementedError, match="has a ResidualWrapper, whose gates are not"):
        gradients(model, x, y, of="gates")


def test_a_cell_may_be_a_plain_python_object(k, rng):
    class Plain:
        state_size = output_size = UNITS
        compute_dtype = "float64"

        def __init__(self):
            self.kernel = tf.Variable(rng.normal(size=(FEATURES, UNITS)))
            self.recurrent = tf.Variable(rng.normal(size=(UNITS, UNITS)))

        def call(self, inputs, states):
            h = tf.tanh(inputs @ self.kernel + states[0] @ self.recurrent)
            return tf.identity(h), [h]

    if k is keras:
        Plain.__call__ = Plain.call
    cell = Plain()
    model = model_of(k, cell)
    x, y = batch(model, rng)
    layered = model_of(k, cell_of(k, the_state_itself))
    own = (cell.kernel.numpy(), cell.recurrent.numpy(), np.zeros((UNITS, 2)))
    layered.set_weights([*own, *model.layers[-1].get_weights()])
    of = ("hidden_state", "weight_gradients", "states")
    expected = gradients(layered, x, y, of=of)["rnn"]
    found = gradients(model, x, y, of=of)["rnn"]
    assert set(found) == set(expected) - {"weight_gradients/projection"}
    for name, record in found.items():
        assert_close(record.data, expected[name].data, 1e-9)
    assert model.layers[1].cell is cell


def test_a_cell_that_bypasses_its_call_is_refused(k, rng):
    class Cell(type(cell_of(k, the_state_itself))):
        def __call__(self, inputs, states, **kwargs):
            return self.compute(inputs, states)

    cell = Cell()
    cell.build((None, FEATURES))
    model = model_of(k, cell)
    x, y = batch(model, rng)
    with pytest.raises(NotImplementedError, match="^Cell overrides __call__, which does not come"):
        gradients(model, x, y)


# --- loops that are not Keras' own -------------------------------------------------------------


def test_a_layer_with_its_own_loop_is_refused_by_name(k, rng):
    class Own(k.layers.GRU):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            states = [tf.zeros((SAMPLES, UNITS), sequences.dtype)]
            for t in range(T):
                output, states = self.cell(sequences[:, t], states)
            return output

    model = k.Sequential([k.layers.Input((T, FEATURES), SAMPLES), Own(UNITS, name="rnn")])
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(SAMPLES, T, FEATURES)), rng.normal(size=(SAMPLES, UNITS))
    with pytest.raises(NotImplementedError, match="^layer 'rnn' is a Own, whose call runs a loop"):
        gradients(model, x, y)
    found = gradients(model, x, y, of=("output", "input"))["rnn"]
    assert found["input"].data.all()


class Decoder:
    """A model that calls a layer, or a cell, once a timestep."""

    def call(self, inputs):
        h = tf.zeros((SAMPLES, UNITS), inputs.dtype)
        for t in range(T):
            if hasattr(self, "rnn"):
                _, h = self.rnn(inputs[:, t : t + 1], initial_state=h)
            else:
                _, (h,) = self.cell(inputs[:, t], [h])
        return self.head(h)


def decoder(k, **layers):
    class Model(Decoder, k.Model):
        def __init__(self):
            super().__init__()
            self.head = k.layers.Dense(2)
            for name, layer in layers.items():
                setattr(self, name, layer)

    model = Model()
    model.compile("sgd", "mse")
    return model


def test_calls_of_one_timestep_warn_once_with_a_remedy(k, rng, tmp_path):
    model = decoder(k, rnn=k.layers.GRU(UNITS, return_state=True, name="rnn"))
    x, y = batch(model, rng)
    message = "layer 'rnn' was called 5 times with one timestep each, .* join the records' data"
    with pytest.warns(UserWarning, match=message):
        found = gradients(model, x, y)
    joined = np.concatenate([record.data for record in found.values()], axis=1)
    whole = model_of(k, k.layers.GRUCell(UNITS))
    whole.set_weights(model.rnn.get_weights() + model.head.get_weights())
    assert_close(joined, gradients(whole, x, y)["rnn"].data, 1e-9)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        logger = GradientLogger(tmp_path, update_freq=1)
        model.fit(x, y, epochs=3, verbose=0, callbacks=[logger])
    assert sum("one timestep each" in str(one.message) for one in told) == 1


def test_a_cell_in_a_models_own_loop_is_refused_by_name(k, rng):
    model = decoder(k, cell=k.layers.GRUCell(UNITS, name="cell"))
    x, y = batch(model, rng)
    message = r"calls its GRUCell 'cell' once .* expected RNN\(cell\)"
    with pytest.raises(ValueError, match=message):
        gradients(model, x, y)
    beside = decoder(k, rnn=k.layers.GRU(UNITS, name="rnn"), cell=k.layers.GRUCell(2, name="cell"))
    with pytest.raises(ValueError, match=message):
        gradients(beside, x, y, layers="cell")


def test_gradient_recomputation_is_refused_by_name(k, rng):
    recompute = keras.remat if k is keras else tf.recompute_grad

    class Recomputed(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.rnn = k.layers.GRU(UNITS, name="rnn")

        def build(self, shape):
            self.rnn.build(shape)
            self.built = True

        def call(self, inputs):
            return recompute(lambda x: self.rnn(x))(inputs)

    model = k.Sequential([k.layers.Input((T, FEATURES)), Recomputed(), k.layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = batch(model, rng)
    with pytest.raises(ValueError, match="no tape records, as under keras.remat"):
        gradients(model, x, y)
    plain = model_of(k, k.layers.GRUCell(UNITS))
    plain.set_weights(model.get_weights())
    with capture(model) as captured:
        tf.function(step_of(model))(tf.constant(x), tf.constant(y))
    assert_close(captured["rnn"].data, gradients(plain, x, y)["rnn"].data, 1e-9)


def test_a_layer_made_in_a_remat_scope_is_refused(rng):
    with keras.RematScope(mode="full"):
        layer = keras.layers.GRU(UNITS, name="rnn")
    model = keras.Sequential([keras.layers.Input((T, FEATURES)), layer])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="layer 'rnn' was made in a keras.RematScope"):
        gradients(model, rng.normal(size=(SAMPLES, T, FEATURES)), np.zeros((SAMPLES, UNITS)))


def test_a_ragged_batch_is_refused_by_name(rng, tmp_path):
    inputs = tf_keras.layers.Input((None, FEATURES), ragged=True)
    layer = tf_keras.layers.LSTM(UNITS, name="rnn")
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(layer(inputs)))
    model.compile("sgd", "mse")
    rows = [rng.normal(size=(length, FEATURES)).tolist() for length in (2, 4, 3)]
    x = tf.ragged.constant(rows, ragged_rank=1, dtype=tf.float64)
    message = "layer 'rnn' is given a RaggedTensor; expected a padded batch, with a mask$"
    with pytest.raises(NotImplementedError, match=f"^{message}"):
        gradients(model, x, np.ones((3, 1)))
    with pytest.warns(RuntimeWarning, match=message):
        model.fit(x, np.ones((3, 1)), verbose=0, callbacks=[GradientLogger(tmp_path)])


@pytest.mark.parametrize("outer", [2, None], ids=["known", "unknown"])
def test_a_model_in_time_distributed_counts_outer_timesteps_as_samples(k, rng, outer):
    words = k.layers.Input((T, FEATURES))
    layer = k.layers.GRU(UNITS, name="words")
    sentence = k.Model(words, layer(words), name="sentence")
    documents = k.layers.Input((outer, T, FEATURES))
    told = k.layers.GRU(2, name="sentences")(k.layers.TimeDistributed(sentence)(documents))
    model = k.Model(documents, told)
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(SAMPLES, 2, T, FEATURES)), rng.normal(size=(SAMPLES, 2))
    found = gradients(model, x, y, of=("hidden_state", "activations"))
    assert set(found) == {"words", "sentences"}
    flat = x.reshape(-1, T, FEATURES)
    assert_close(found["words"]["activations"].data, layer(flat), 1e-9)
    assert found["words"]["hidden_state"].shape == (SAMPLES * 2, T, UNITS)
    head = model.layers[-1]

    def loss(eps):
        emitted = tf.reshape(layer(flat) + eps, (SAMPLES, 2, UNITS))
        return float(tf.reduce_mean((head(emitted) - y) ** 2))

    last = by_differences(loss, (SAMPLES * 2, UNITS))
    assert_close(found["words"]["hidden_state"].data[:, -1], last)


@pytest.mark.parametrize("kind", ["Functional", "Sequential"])
def test_an_extra_run_for_the_mask_does_not_count_as_a_call(k, rng, kind):
    layer = k.layers.SimpleRNN(UNITS, name="words")
    words = k.layers.Input((T, FEATURES))
    inner = k.Sequential([words, layer]) if kind == "Sequential" else k.Model(words, layer(words))
    sentence = k.Model(words, inner(words))  # one more level of nesting
    library = k.layers.Input((2, 2, T, FEATURES))
    read = k.layers.TimeDistributed(k.layers.TimeDistributed(sentence))
    model = k.Model(library, k.layers.Dense(1)(read(library)))
    x = rng.normal(size=(SAMPLES, 2, 2, T, FEATURES))
    flat = x.reshape(-1, T, FEATURES)
    (states,) = gradients(model, x, of="states").values()
    assert_close(states.data[:, -1], layer(flat), 1e-9)
    for function in (state_jacobian, lyapunov_exponents, input_sensitivity):
        options = {"verbose": 0} if function is state_jacobian else {}
        (found,) = function(model, x, **options).values()
        (alone,) = function(layer, flat, **options).values()
        np.testing.assert_allclose(np.asarray(found), np.asarray(alone), rtol=1e-5)
