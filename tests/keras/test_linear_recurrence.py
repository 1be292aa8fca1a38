"""A recurrence with a known memory, checked from the layer through the flow to the metrics.

Let h_t = a h_t-1 + x_t, with the loss on the last h alone. Then dL/dh_t is a ** lag times the
gradient at the end, so the norm halves every ln 2 / -ln a timesteps.
"""

import numpy as np
import pytest

import tb_rnngrad.keras
from tb_rnngrad import flow

SAMPLES, TIMESTEPS = 4, 60


def recurrence(k, a, **options):
    layer = k.layers.SimpleRNN(1, "linear", use_bias=False, name="rnn", **options)
    model = k.Sequential([k.layers.Input((TIMESTEPS, 1)), k.layers.Masking(-9.0), layer])
    model.compile("sgd", "mse")
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), a)])
    return model


def statistic(values, name):
    return values[:, flow.STATISTICS.index(name)]


def assert_fades_as(a, norms, rtol):
    lags = np.arange(len(norms))
    np.testing.assert_allclose(norms / norms[0], a**lags, rtol=rtol)
    np.testing.assert_allclose(flow.gain(norms), a, rtol=rtol)
    fit = flow.exponential_fit(norms)
    assert fit.half_life == pytest.approx(np.log(2) / -np.log(a), rel=rtol)
    assert fit.r2 == pytest.approx(1, abs=rtol)
    below = np.flatnonzero(a**lags < 0.01 * max(1, a ** lags[-1]))
    expected = lags[-1] if a > 1 or not len(below) else below[0] - 1
    assert flow.memory_horizon(norms) == expected


@pytest.mark.parametrize("a", [0.5, 0.9, 0.99, 1.05])
def test_gain_and_half_life_follow_from_the_factor(k, rng, a):
    model = recurrence(k, a)
    x, y = rng.normal(size=(SAMPLES, TIMESTEPS, 1)), rng.normal(size=(SAMPLES, 1))
    record = tb_rnngrad.keras.gradients(model, x, y)["rnn"]
    # dL/dh at the last timestep, from the definition of the loss
    arriving = 2 * (np.array(model(x)) - y) / SAMPLES
    np.testing.assert_allclose(record.data[:, -1], arriving, rtol=1e-9)
    assert_fades_as(a, np.abs(record.data[0, ::-1, 0]), rtol=1e-9)
    statistics = flow.statistics(record.data)  # in float32
    assert_fades_as(a, statistic(statistics, "norm_mean")[::-1], rtol=1e-5)
    assert_fades_as(a, statistic(statistics, "lag_norm_mean"), rtol=1e-5)


PADDED = {
    "right": np.arange(TIMESTEPS) < np.array([[60], [40], [25], [1]]),
    "left": np.arange(TIMESTEPS) >= np.array([[0], [20], [58], [5]]),
    "holes": np.arange(TIMESTEPS) % np.array([[99], [3], [2], [4]]) > 0,
}


def test_the_logged_half_life_is_right_for_every_kind_of_padding(k, rng, tmp_path):
    """Lags count from each sample's own end, and every sample is judged by itself."""
    a, samples = 0.9, SAMPLES * len(PADDED)
    model = recurrence(k, a)
    model.optimizer.learning_rate = 0.0
    x, y = rng.normal(size=(samples, TIMESTEPS, 1)), rng.normal(size=(samples, 1))
    x[~np.concatenate([*PADDED.values()])] = -9.0
    logger = tb_rnngrad.keras.GradientLogger(tmp_path, update_freq=1)
    model.fit(x, y, batch_size=SAMPLES, shuffle=False, verbose=0, callbacks=[logger])
    series = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")
    for record, values, kind in zip(series, series.flow.values, PADDED, strict=True):
        np.testing.assert_array_equal(record.mask, PADDED[kind])
        judged = flow.scalars(values)
        # A hole takes time without changing the state, here in at least every fourth timestep.
        slower = 4 / 3 if kind == "holes" else 1
        half_life = slower * np.log(2) / -np.log(a)
        assert judged["half_life"] == pytest.approx(half_life, rel=1e-5 if slower == 1 else 0.01)
        assert judged["largest_gain"] == pytest.approx(a, rel=1e-5)


@pytest.mark.parametrize("a", [0.9, 1.05])
def test_the_logged_scalars_follow_from_the_factor(k, rng, tmp_path, a):
    model = recurrence(k, a)
    model.optimizer.learning_rate = 0.0
    x, y = rng.normal(size=(SAMPLES, TIMESTEPS, 1)), rng.normal(size=(SAMPLES, 1))
    logger = tb_rnngrad.keras.GradientLogger(tmp_path)
    model.fit(x, y, epochs=2, batch_size=SAMPLES, verbose=0, callbacks=[logger])
    logged = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state").flow
    by_lag = logged.statistics.index("lag_norm_mean")
    assert len(logged.steps) == 2
    for values in logged.values:
        assert_fades_as(a, values[:, by_lag], rtol=1e-5)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_layer_that_runs_backward_is_judged_from_its_own_end(k, rng, tmp_path, wrapped):
    """Its last state is that of the first timestep."""
    a = 0.9
    options = {"use_bias": False, "name": "rnn", "activation": "linear"}
    layer = k.layers.SimpleRNN(1, go_backwards=not wrapped, **options)
    if wrapped:
        layer = k.layers.Bidirectional(layer, name="rnn")
    model = k.Sequential([k.layers.Input((TIMESTEPS, 1)), k.layers.Masking(-9.0), layer])
    model.compile(k.optimizers.SGD(0.0), "mse")
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), a)] * (1 + wrapped))
    x = rng.normal(size=(SAMPLES, TIMESTEPS, 1))
    x[~PADDED["right"]] = -9.0
    y = rng.normal(size=(SAMPLES, 1 + wrapped))
    logger = tb_rnngrad.keras.GradientLogger(tmp_path, of=("hidden_state", "input"))
    model.fit(x, y, batch_size=SAMPLES, verbose=0, callbacks=[logger])
    series = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")
    backward = series.parts["backward"] if wrapped else series
    assert backward.metadata.direction == "backward"
    ways = [series.parts["forward"], backward] if wrapped else [backward]
    for one in ways:
        judged = flow.scalars(one.flow.values[0])
        assert judged["half_life"] == pytest.approx(np.log(2) / -np.log(a), rel=1e-5)
        assert judged["largest_gain"] == pytest.approx(a, rel=1e-5)
    of_input = tb_rnngrad.read(tmp_path, tag="rnn/input")
    assert of_input.metadata.direction == ("both" if wrapped else "backward")
    assert flow.counts_by_lag(of_input.flow.values[0]) == (not wrapped)
