"""Flow at every step, scalars and flags of `GradientLogger`, in real `fit` runs.

The network is a linear recurrence h_t = a h_t-1 + x_t with a loss on h_T-1, so every norm is known:
a ** lag.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from differences import use_dtype
from events import values
from tensorboard.util.tensor_util import make_ndarray

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.keras import GradientLogger, gradients

TIMESTEPS, BATCHES = 30, 5
VANISHING = (
    "rnn/hidden_state: vanishing: the median sample's horizon reaches 6.9% of 29 timesteps "
    "(below 10%); 4 of 4 samples vanish"
)
NO_LONGER = (
    "rnn/hidden_state: no longer vanishing: the median sample's horizon reaches 100% of 29 "
    "timesteps, where 100% of its largest norm is left (not below 10%)"
)


@pytest.fixture(autouse=True)
def float32(k):
    use_dtype(k, "float32")


@pytest.fixture
def data(rng):
    shape = (4 * BATCHES, TIMESTEPS, 2)
    return rng.normal(size=shape).astype("f"), rng.normal(size=(4 * BATCHES, 2)).astype("f")


def linear(k, a, **options):
    """Return a model that is the linear recurrence and does not learn."""
    layer = k.layers.SimpleRNN(2, activation="linear", name="rnn")
    model = k.Sequential([k.layers.Input((TIMESTEPS, 2)), layer])
    model.compile(k.optimizers.SGD(0.0), "mse", **options)
    set_power(model, a)
    return model


def set_power(model, a):
    model.get_layer("rnn").set_weights([np.eye(2), a * np.eye(2), np.zeros(2)])


def fit(model, data, *callbacks, verbose=0, **options):
    model.fit(
        *data, batch_size=4, shuffle=False, verbose=verbose, callbacks=list(callbacks), **options
    )


def changes_at(k, powers):
    """Return a callback that changes the recurrence's factor after some batches."""

    class Changes(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch in powers:
                set_power(self.model, powers[batch])

    return Changes()


def test_flow_is_logged_at_every_step_and_tensors_rarely(k, data, tmp_path):
    model = linear(k, 0.9)
    logger = GradientLogger(
        tmp_path, of=("hidden_state", "weight_gradients"), update_freq=3, flow_freq=1, max_outputs=2
    )
    fit(model, data, logger)
    series = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")
    assert series.steps.tolist() == [0, 3]
    assert series[0].shape == (2, TIMESTEPS, 2)
    assert series.flow.steps.tolist() == list(range(BATCHES))
    for step in range(BATCHES):
        batch = slice(4 * step, 4 * step + 4)
        expected = flow.statistics(gradients(model, data[0][batch], data[1][batch])["rnn"].data)
        np.testing.assert_allclose(series.flow.values[step], expected, rtol=1e-4, atol=1e-9)
    kernel = tb_rnngrad.read(tmp_path, tag="rnn/weight_gradients/kernel")
    assert kernel.steps.tolist() == kernel.flow.steps.tolist() == [0, 3]
    assert len(list(tmp_path.iterdir())) == 1  # two files in one directory would lose steps


def test_every_logged_step_has_scalars_for_horizon_half_life_and_gain(k, data, tmp_path):
    options = {"of": ("hidden_state", "activations"), "update_freq": 2, "flow_freq": 1}
    fit(linear(k, 0.9), data, GradientLogger(tmp_path, thresholds=Thresholds(eps=0.1), **options))
    found = values(tmp_path)
    expected = {
        "memory_horizon": 21,  # the last power of 0.9 above 0.1
        "half_life": np.log(2) / -np.log(0.9),
        "largest_gain": 0.9,
        "far_end": 0.9**29,
    }
    for name, value in expected.items():
        logged = [found[f"rnn/hidden_state/{name}", step] for step in range(BATCHES)]
        assert [float(make_ndarray(one.tensor)) for one in logged] == pytest.approx([value] * 5)
        assert {one.metadata.plugin_data.plugin_name for one in logged} == {"scalars"}
    assert not [tag for tag, _ in found if tag.startswith("rnn/activations/memory")]


def test_flow_freq_applies_to_a_probe_batch_too(k, data, tmp_path):
    probe = (data[0][:3], data[1][:3])
    fit(linear(k, 0.9), data, GradientLogger(tmp_path, data=probe, flow_freq=2))
    series = tb_rnngrad.read(tmp_path)
    assert series.steps.tolist() == [0, BATCHES]
    assert series.flow.steps.tolist() == [0, 2, 4, BATCHES]


def test_a_line_is_printed_when_a_flag_rises_and_when_it_falls(k, data, tmp_path, capsys):
    changes = changes_at(k, {1: 1.0, 3: 0.2})
    fit(linear(k, 0.2), data, GradientLogger(tmp_path, update_freq=1, verbose=1), changes)
    assert capsys.readouterr().out.splitlines() == [
        f"step 0: {VANISHING}",
        f"step 2: {NO_LONGER}",
        f"step 4: {VANISHING}",
    ]


def test_printed_lines_do_not_run_into_kerases_progress_bar(k, data, tmp_path, capsys):
    fit(linear(k, 0.2), data, GradientLogger(tmp_path, verbose=1), verbose=1)
    assert f"step 0: {VANISHING}" in capsys.readouterr().out.splitlines()


def test_on_flag_is_called_in_the_thread_that_trains(k, data, tmp_path, capsys):
    told = []

    def note(event):
        told.append((event, threading.current_thread()))

    logger = GradientLogger(tmp_path, flow_freq=1, on_flag=note)
    fit(linear(k, 0.2), data, logger, changes_at(k, {2: 1.0}))
    (rose, fell) = (event for event, _ in told)
    assert (rose.step, rose.tag, rose.flag, rose.rose) == (0, "rnn/hidden_state", "vanishing", True)
    assert (rose.value, rose.threshold) == (pytest.approx(2 / 29), 0.1)
    assert (fell.step, fell.flag, fell.rose, fell.value) == (3, "vanishing", False, 1)
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert capsys.readouterr().out == ""


def test_a_flag_of_the_last_step_is_reported_at_the_end_of_training(k, data, tmp_path):
    told = []
    last = (data[0][:4], data[1][:4])
    fit(
        linear(k, 1.2),
        last,
        GradientLogger(tmp_path, thresholds=Thresholds(exploding=100), on_flag=told.append),
    )
    (event,) = told
    assert (event.flag, event.step) == ("exploding", 0)
    assert event.value == pytest.approx(1.2**29, rel=1e-4)


def test_on_flag_can_stop_training(k, data, tmp_path):
    model = linear(k, 1.0)
    broken = data[0].copy()
    broken[4:8, 3, 1] = np.nan

    def stop(event):
        model.stop_training = event.flag == "non_finite" and event.rose

    logger = GradientLogger(tmp_path, flow_freq=1, on_flag=stop)
    fit(model, (broken, data[1]), logger, epochs=3)
    series = tb_rnngrad.read(tmp_path)
    # NaN occurs at step 1; it is reported at the end of that batch or the next.
    assert series.flow.steps.tolist() in ([0, 1], [0, 1, 2])


def test_an_exception_in_on_flag_reaches_the_user(k, data, tmp_path):
    """Even an exception of a type that would not end training if logging itself raised it."""

    def raise_it(event):
        raise RuntimeError(f"told of {event.flag}")

    model = linear(k, 0.2)
    logger = GradientLogger(tmp_path, update_freq=1, on_flag=raise_it)
    with pytest.raises(RuntimeError, match="told of vanishing"):
        fit(model, data, logger)
    set_power(model, 1.0)
    with pytest.raises(RuntimeError, match="told of vanishing"):  # the flag falls
        fit(model, data, logger)
    fit(model, data, logger)  # no flag changes any more
    assert tb_rnngrad.read(tmp_path).steps.tolist()[0] == 0


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"flow_freq": 0}, ValueError, "flow_freq is 0; expected a number of batches or None"),
        ({"flow_freq": "epoch"}, ValueError, "flow_freq is 'epoch'; expected a number of batches"),
        ({"verbose": 2}, ValueError, "verbose is 2; expected 0 or 1"),
        ({"on_flag": "stop"}, TypeError, "on_flag is 'stop'; expected a function"),
        ({"thresholds": 0.1}, TypeError, r"thresholds is 0.1; expected a tb_rnngrad.flow.Thresh"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        GradientLogger("logs", **arguments)
