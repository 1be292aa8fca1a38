"""Every quantity of every cell, compared with layers unrolled in NumPy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import reference
from differences import use_dtype

import tb_rnngrad.keras

CELLS = {
    "SimpleRNN": ("SimpleRNN", {}, reference.simple_rnn),
    "LSTM": ("LSTM", {}, reference.lstm),
    "GRU": ("GRU", {}, partial(reference.gru, reset_after=True)),
    "GRU reset before": ("GRU", {"reset_after": False}, partial(reference.gru, reset_after=False)),
}
OF = (
    "hidden_state",
    "output",
    "input",
    "gates",
    "weight_gradients",
    "activations",
    "states",
    "weights",
)


def build(k, kind, options, return_sequences):
    layer = getattr(k.layers, kind)(
        5,
        return_sequences=return_sequences,
        bias_initializer="random_normal",
        name="rnn",
        **options,
    )
    head = k.layers.Dense(2, name="head")
    model = k.Sequential([k.layers.Input((6, 3)), layer, head])
    model.compile("sgd", "mse")
    return model


def cotangent(model, x, y):
    """Return dL/dy_t, computed by hand: mean squared error through a Dense."""
    kernel, bias = model.get_layer("head").get_weights()
    emitted = np.asarray(model.layers[0](x))
    error = emitted @ kernel + bias - y
    return (2 * error / error.size) @ kernel.T


def assert_close(actual, expected, rel):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=rel, atol=rel * scale)


@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequence", "last"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_quantity_equals_the_unrolled_layers(k, rng, cell, return_sequences):
    kind, options, backward = CELLS[cell]
    model = build(k, kind, options, return_sequences)
    x = rng.normal(size=(4, 6, 3))
    y = rng.normal(size=(4, 6, 2) if return_sequences else (4, 2))
    dy = cotangent(model, x, y)
    direct = dy if return_sequences else np.pad(dy[:, None], ((0, 0), (5, 0), (0, 0)))
    weights = model.get_layer("rnn").get_weights()
    expected = backward(x, weights, direct)

    of = (*OF, "cell_state") if kind == "LSTM" else OF
    found = tb_rnngrad.keras.gradients(model, x, y, of=of)["rnn"]

    assert_close(found["hidden_state"], expected.hidden_state, 1e-9)
    assert_close(found["output"], dy, 1e-9)
    assert_close(found["input"], expected.input, 1e-9)
    assert_close(found["gates"], expected.gates, 1e-9)
    assert_close(found["states/h"], expected.h, 1e-9)
    emitted = expected.h if return_sequences else expected.h[:, -1]
    assert_close(found["activations"], emitted, 1e-9)
    for name, value in zip(("kernel", "recurrent_kernel", "bias"), weights, strict=True):
        gradient = getattr(expected, name)
        assert_close(
            found[f"weight_gradients/{name}"], gradient.reshape(-1, gradient.shape[-1]), 1e-9
        )
        assert_close(found[f"weights/{name}"], value.reshape(-1, value.shape[-1]), 1e-12)
    if kind == "LSTM":
        assert_close(found["cell_state"], expected.cell_state, 1e-9)
        assert_close(found["states/c"], expected.c, 1e-9)
    gates = {"SimpleRNN": None, "LSTM": dict.fromkeys("ifco", 5), "GRU": dict.fromkeys("zrh", 5)}
    for name in ("gates", "weight_gradients/kernel", "weights/recurrent_kernel"):
        assert found[name].channel_groups == gates[kind]


@pytest.mark.parametrize("cell", CELLS)
def test_float32_records_are_close_to_float64(k, rng, cell):
    kind, options, backward = CELLS[cell]
    use_dtype(k, "float32")
    model = build(k, kind, options, True)
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    x, y = x.astype("float32"), y.astype("float32")
    weights = [weight.astype("float64") for weight in model.get_layer("rnn").get_weights()]
    expected = backward(x.astype("float64"), weights, cotangent(model, x, y))
    found = tb_rnngrad.keras.gradients(model, x, y, of=("hidden_state", "gates"))["rnn"]
    assert found["hidden_state"].data.dtype == np.float32
    assert_close(found["hidden_state"], expected.hidden_state, 1e-4)
    assert_close(found["gates"], expected.gates, 1e-4)


def test_hidden_state_gradient_is_not_the_output_gradient(k, rng):
    """With a head on the last step, nothing arrives at earlier steps except through time."""
    inputs = k.Input((6, 3))
    sequence = k.layers.LSTM(5, return_sequences=True, name="rnn")(inputs)
    model = k.Model(inputs, k.layers.Dense(1)(sequence[:, -1]))
    model.compile("sgd", "mse")
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 1))
    found = tb_rnngrad.keras.gradients(model, x, y, of=("hidden_state", "output"))["rnn"]
    output, hidden = found["output"].data, found["hidden_state"].data
    assert not output[:, :-1].any()
    assert (np.abs(hidden[:, :-1]).max(axis=(0, 2)) > 1e-6).all()
    np.testing.assert_allclose(hidden[:, -1], output[:, -1], rtol=1e-12)
