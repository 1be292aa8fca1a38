"""State Jacobians, compared with central finite differences of the layers, in both Kerases."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from differences import in_float64

import tb_rnngrad
import tb_rnngrad.keras

EPS = 1e-6
B, T, D, U = 2, 5, 2, 3
NORMS = {
    "fro": np.linalg.norm,
    "sum": lambda product: np.linalg.norm(product.sum(axis=0)),
    "spectral": lambda product: np.linalg.norm(product, 2),
}
LAYERS = {
    "SimpleRNN": lambda k: k.layers.SimpleRNN(U, return_sequences=True, name="rnn"),
    "LSTM": lambda k: k.layers.LSTM(U, return_sequences=True, name="rnn"),
    "GRU": lambda k: k.layers.GRU(U, return_sequences=True, name="rnn"),
    "GRU, reset before": lambda k: k.layers.GRU(
        U, reset_after=False, return_sequences=True, name="rnn"
    ),
    "unrolled": lambda k: k.layers.LSTM(U, unroll=True, return_sequences=True, name="rnn"),
    "stacked cells": lambda k: k.layers.RNN(
        [k.layers.LSTMCell(2), k.layers.GRUCell(U)], return_sequences=True, name="rnn"
    ),
}


def by_input(model, x):
    """Return dh_t/dx_s of a model that returns h: [samples, t, units, s, features]."""
    samples, timesteps, features = x.shape
    found = np.zeros((samples, timesteps, model(x).shape[-1], timesteps, features))
    for s in range(timesteps):
        for feature in range(features):
            step = np.zeros_like(x)
            step[:, s, feature] = EPS
            found[:, :, :, s, feature] = (np.array(model(x + step)) - np.array(model(x - step))) / (
                2 * EPS
            )
    return found


def log10_norms(jacobians, norm="fro"):
    """Return the mean over samples of log10 of the norm: [t, s]."""
    samples, timesteps = jacobians.shape[:2]
    with np.errstate(divide="ignore"):
        each = [
            [
                np.mean([np.log10(NORMS[norm](jacobians[b, t, :, s])) for b in range(samples)])
                for s in range(jacobians.shape[3])
            ]
            for t in range(timesteps)
        ]
    return np.array(each)


def assert_same(record, expected, atol=1e-6):
    """Check for exactly -inf where nothing depends on it, and for the same logarithm elsewhere."""
    found = record.data
    none = expected < -9.5  # below the noise of finite differences
    assert np.isneginf(found[none]).all()
    np.testing.assert_allclose(found[~none], expected[~none], atol=atol)


def model_of(k, layer, **options):
    return k.Sequential([k.Input((T, D), **options), layer])


@pytest.mark.parametrize("name", LAYERS)
def test_jacobians_by_the_input_match_finite_differences(k, rng, name):
    model = model_of(k, LAYERS[name](k))
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)
    assert found["rnn"].quantity == "state_jacobian"
    assert_same(found["rnn"], log10_norms(by_input(model, x)))


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_follows_its_definition(k, rng, norm):
    model = model_of(k, LAYERS["LSTM"](k))
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, "rnn", norm=norm, verbose=0)
    assert_same(found["rnn"], log10_norms(by_input(model, x), norm))


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_jacobians_by_a_state_match_finite_differences(k, rng, name):
    model = model_of(k, LAYERS[name](k))
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, wrt="state", verbose=0)
    layer = getattr(k.layers, name)(U, return_sequences=True, return_state=True)
    layer(x)
    layer.set_weights(model.get_weights())
    expected = np.full((T, T), -np.inf)
    for s in range(T):
        _, h, *rest = (np.array(one) for one in layer(x[:, : s + 1]))
        expected[s, s] = np.log10(np.sqrt(U))
        if s + 1 == T:
            continue
        jacobians = np.zeros((B, T - s - 1, U, 1, U))
        for unit in range(U):
            step = EPS * np.eye(U)[unit]
            up, down = (
                np.array(
                    layer(
                        x[:, s + 1 :],
                        initial_state=[tf.constant(h + sign * step), *map(tf.constant, rest)],
                    )[0]
                )
                for sign in (1, -1)
            )
            jacobians[:, :, :, 0, unit] = (up - down) / (2 * EPS)
        expected[s + 1 :, s] = log10_norms(jacobians)[:, 0]
    assert_same(found["rnn"], expected)


def test_a_layer_that_goes_backwards_depends_on_what_follows(k, rng):
    layer = k.layers.GRU(U, go_backwards=True, return_sequences=True, name="rnn")
    model = model_of(k, layer)
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)["rnn"]
    # The layer returns its output in the order of its loop.
    assert_same(found, log10_norms(by_input(model, x)[:, ::-1]))
    assert np.isfinite(found.data[np.triu_indices(T)]).all()


def test_a_bidirectional_layer_gives_two_records(k, rng):
    layer = k.layers.Bidirectional(k.layers.LSTM(U, return_sequences=True), name="both")
    model = model_of(k, layer)
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)
    assert set(found) == {"both/forward", "both/backward"}
    whole = by_input(model, x)
    assert_same(found["both/forward"], log10_norms(whole[:, :, :U]))
    assert_same(found["both/backward"], log10_norms(whole[:, :, U:]))


def test_each_call_of_a_layer_has_its_own_record(k, rng):
    layer = k.layers.GRU(D, return_sequences=True, name="rnn")
    inputs = k.Input((T, D))
    middle = layer(inputs)
    model = k.Model(inputs, layer(middle))
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)
    assert set(found) == {"rnn", "rnn.call2"}
    assert_same(found["rnn"], log10_norms(by_input(layer, x)))
    assert_same(found["rnn.call2"], log10_norms(by_input(layer, np.array(layer(x)))))
    assert set(tb_rnngrad.keras.input_sensitivity(model, x)) == set(found)


def test_outer_timesteps_of_a_time_distributed_layer_are_samples(k, rng):
    layer = LAYERS["SimpleRNN"](k)
    model = k.Sequential([k.Input((4, T, D)), k.layers.TimeDistributed(layer, name="documents")])
    x = rng.normal(size=(B, 4, T, D))
    flat = x.reshape(-1, T, D)
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)["documents"]
    np.testing.assert_allclose(
        found.data, tb_rnngrad.keras.state_jacobian(layer, flat, verbose=0)["rnn"], rtol=1e-5
    )
    np.testing.assert_allclose(  # all outer timesteps of one sample in a row
        tb_rnngrad.keras.lyapunov_exponents(model, x, k=1)["documents"],
        tb_rnngrad.keras.lyapunov_exponents(layer, flat, k=1)["rnn"],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        tb_rnngrad.keras.input_sensitivity(model, x)["documents"],
        tb_rnngrad.keras.input_sensitivity(layer, flat)["rnn"],
        rtol=1e-12,
    )


def test_the_record_describes_its_rows(k, rng, tmp_path):
    model = model_of(k, LAYERS["LSTM"](k))
    x = rng.normal(size=(B, T, D))
    asked = {"at": [0, -1, 2], "wrt": "state", "norm": "sum"}
    record = tb_rnngrad.keras.state_jacobian(model, x, verbose=0, **asked)["rnn"]
    assert record.details == {**asked, "reduced_by": "geometric mean over samples"}
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("rnn/jacobian", record, 0)
    assert tb_rnngrad.read(tmp_path)[-1].details == record.details
    whole = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)["rnn"]
    assert whole.details["at"] is None
    assert (whole.details["wrt"], whole.details["norm"]) == ("input", "fro")


def slopes(by_input):
    """Sum dh_t/dx_s over s and features, averaged over samples and units."""
    return by_input.sum(axis=(3, 4)).mean(axis=(0, 2))


@pytest.mark.parametrize("name", LAYERS)
def test_the_sensitivity_is_the_slope_of_the_mean_state_as_inputs_rise(k, rng, name):
    model = model_of(k, LAYERS[name](k))
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.input_sensitivity(model, x)["rnn"]
    assert found.shape == (T,)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slopes(by_input(model, x)), rtol=1e-7, atol=1e-9)


def test_the_sensitivity_is_the_sum_of_the_input_gradient(k, rng):
    model = model_of(k, LAYERS["GRU"](k))
    x = tf.constant(rng.normal(size=(B, T, D)))
    found = tb_rnngrad.keras.input_sensitivity(model, x)["rnn"]
    for t in range(T):
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean = tf.reduce_mean(model(x)[:, t])
        assert found[t] == pytest.approx(float(tf.reduce_sum(tape.gradient(mean, x))), rel=1e-9)


def test_the_sensitivity_of_each_direction_counts_the_inputs_that_it_has_seen(k, rng):
    layer = k.layers.Bidirectional(k.layers.LSTM(U, return_sequences=True), name="both")
    model = model_of(k, layer)
    x = rng.normal(size=(B, T, D))
    found = tb_rnngrad.keras.input_sensitivity(model, x)
    assert set(found) == {"both/forward", "both/backward"}
    whole = by_input(model, x)
    np.testing.assert_allclose(found["both/forward"], slopes(whole[:, :, :U]), rtol=1e-7)
    np.testing.assert_allclose(found["both/backward"], slopes(whole[:, :, U:]), rtol=1e-7)


def test_the_sensitivity_leaves_padding_out(k, rng):
    layer = k.layers.SimpleRNN(U, return_sequences=True, name="rnn")
    model = k.Sequential([k.Input((T, D)), k.layers.Masking(), layer])
    x = rng.normal(size=(B, T, D))
    x[0, 2:] = 0  # one sample is shorter than the other
    x[:, -1] = 0
    found = tb_rnngrad.keras.input_sensitivity(model, x)["rnn"]
    both = slopes(by_input(layer, x[:, :2]))
    np.testing.assert_allclose(found[:2], both, rtol=1e-7)
    np.testing.assert_allclose(found[2:4], slopes(by_input(layer, x[1:, :4]))[2:], rtol=1e-7)
    assert np.isnan(found[4])


def test_the_sensitivity_uses_custom_gradients_like_backpropagation(k, rng):
    @tf.custom_gradient
    def doubled_on_its_way_back(x):
        return x, lambda gradient: 2 * gradient

    layer = k.layers.SimpleRNN(U, doubled_on_its_way_back, return_sequences=True, name="rnn")
    model = model_of(k, layer)
    x = tf.constant(rng.normal(size=(B, T, D)))
    found = tb_rnngrad.keras.input_sensitivity(model, x)["rnn"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        mean = tf.reduce_mean(model(x)[:, -1])
    assert found[-1] == pytest.approx(float(tf.reduce_sum(tape.gradient(mean, x))), rel=1e-9)


def test_padding_is_skipped_and_left_out(k, rng):
    model = k.Sequential(
        [k.Input((T, D)), k.layers.Masking(), k.layers.LSTM(U, return_sequences=True, name="rnn")]
    )
    x = rng.normal(size=(1, T, D))
    x[0, 2] = 0
    found = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)["rnn"].data
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    real = [0, 1, 3, 4]
    bare = k.Sequential([k.Input((4, D)), model.get_layer("rnn")])
    expected = log10_norms(by_input(bare, x[:, real]))
    known = expected > -9.5
    np.testing.assert_allclose(found[np.ix_(real, real)][known], expected[known], atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_a_sample_of_only_padding_has_no_exponents(k, rng):
    x = rng.normal(size=(B, T, D))
    x[1] = 0
    model = k.Sequential([k.Input((T, D)), k.layers.Masking(), LAYERS["GRU"](k)])
    found = tb_rnngrad.keras.lyapunov_exponents(model, x, k=2)["rnn"]
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_chosen_rows_equal_those_of_the_whole_jacobian(k, rng):
    model = model_of(k, LAYERS["GRU"](k))
    x = rng.normal(size=(B, T, D))
    whole = tb_rnngrad.keras.state_jacobian(model, x, verbose=0)["rnn"].data
    rows = tb_rnngrad.keras.state_jacobian(model, x, at=[-1, 2], verbose=0)["rnn"].data
    np.testing.assert_array_equal(rows, whole[[4, 2]])


def test_integer_tokens_work_through_a_frozen_embedding(k, rng):
    embedding = k.layers.Embedding(11, D)
    embedding.trainable = False
    layer = LAYERS["SimpleRNN"](k)
    model = k.Sequential([k.Input((T,), dtype="int32"), embedding, layer])
    tokens = rng.integers(0, 11, size=(B, T))
    found = tb_rnngrad.keras.state_jacobian(model, tokens, "rnn", verbose=0)["rnn"]
    embedded = np.array(embedding(tokens))
    assert_same(found, log10_norms(by_input(layer, embedded)))


def test_jacobians_leave_a_stateful_layer_as_it_was(k, rng):
    model = k.Sequential(
        [k.Input(batch_shape=(B, T, D)), k.layers.LSTM(U, stateful=True, name="rnn")]
        if k.__name__ == "keras"
        else [k.layers.LSTM(U, stateful=True, name="rnn", batch_input_shape=(B, T, D))]
    )
    x = rng.normal(size=(B, T, D))
    model(x)
    states = [state.numpy() for state in model.get_layer("rnn").states]
    call = model.get_layer("rnn").__dict__.get("call")
    tb_rnngrad.keras.state_jacobian(model, x, verbose=0)
    tb_rnngrad.keras.input_sensitivity(model, x)
    for before, after in zip(states, model.get_layer("rnn").states, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
    assert model.get_layer("rnn").__dict__.get("call") is call


def test_the_largest_exponent_of_a_linear_recurrence_is_its_largest_eigenvalue(k):
    layer = k.layers.SimpleRNN(2, activation="linear", use_bias=False, name="rnn")
    model = k.Sequential([k.Input((200, D)), layer])
    turn = np.linalg.qr(np.array([[1.0, 2.0], [3.0, 5.0]]))[0]
    layer.set_weights([np.ones((D, 2)), turn @ np.diag([1.2, 0.3]) @ turn.T])
    found = tb_rnngrad.keras.lyapunov_exponents(model, np.zeros((B, 200, D)), k=8)["rnn"]
    assert found.shape == (B, 2)
    np.testing.assert_allclose(found, np.tile(np.log([1.2, 0.3]), (B, 1)), atol=0.02)


def test_exponents_are_sorted_even_for_short_trajectories(k, rng):
    model = model_of(k, k.layers.LSTM(8, name="rnn"))
    found = tb_rnngrad.keras.lyapunov_exponents(model, rng.normal(size=(B, T, D)), k=16)["rnn"]
    assert found.shape == (B, 16)
    assert (np.diff(found, axis=1) <= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wrt": "output"}, "wrt is 'output'; expected one of input, state"),
        ({"norm": "nuclear"}, "norm is 'nuclear'; expected one of fro, sum, spectral"),
        ({"at": [1, 7]}, "at names the timestep 7; the layer has 5: expected -5 to 4"),
        ({"at": []}, "at is empty; expected at least one timestep, or None for all"),
        ({"layer": "lstm_7"}, "no layer named 'lstm_7'; its recurrent layers are 'rnn'"),
    ],
)
def test_an_invalid_argument_raises_a_plain_error(k, rng, options, message):
    model = model_of(k, LAYERS["GRU"](k))
    with pytest.raises(ValueError, match=message):
        tb_rnngrad.keras.state_jacobian(model, rng.normal(size=(B, T, D)), **options)


def test_a_layer_whose_state_is_an_image_is_refused(k, rng):
    layer = k.layers.ConvLSTM1D(2, 3, padding="same", name="images")
    model = k.Sequential([k.Input((T, 4, 1)), layer])
    # Match to the end: nothing that Keras adds to an error in a layer's call may follow.
    sentence = r"layer 'images' \(ConvLSTM1D\) has inputs of .* layers whose state is a vector$"
    with pytest.raises(NotImplementedError, match=f"^{sentence}"):
        tb_rnngrad.keras.state_jacobian(model, rng.normal(size=(B, T, 4, 1)), verbose=0)


def test_a_layer_with_constants_is_refused_by_name(rng):
    class Gated(tf_keras.layers.SimpleRNNCell):
        def call(self, x, states, constants):
            output, states = super().call(x, states)
            return output * constants[0], states

    with in_float64(tf_keras):
        inputs, gate = tf_keras.Input((T, D)), tf_keras.Input((U,))
        layer = tf_keras.layers.RNN(Gated(U), name="rnn")
        model = tf_keras.Model([inputs, gate], layer(inputs, constants=gate))
        x = [rng.normal(size=(B, T, D)), rng.normal(size=(B, U))]
        refusal = r"^layer 'rnn' \(RNN\) is called with constants; state Jacobians"
        for function in (
            tb_rnngrad.keras.state_jacobian,
            tb_rnngrad.keras.lyapunov_exponents,
            tb_rnngrad.keras.input_sensitivity,
        ):
            with pytest.raises(NotImplementedError, match=refusal):
                function(model, x)
