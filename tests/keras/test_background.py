"""Writing in the background: all of it, in order, and what goes wrong is told once."""

from __future__ import annotations

import time

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tb_rnngrad
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.keras._adapter import adapter_of
from tb_rnngrad.keras._assemble import Captured
from tb_rnngrad.keras._background import _MOST_WAITING, Background
from tb_rnngrad.keras._taps import taps_of


@pytest.fixture(scope="module")
def taps():
    model = tf_keras.Sequential([tf_keras.layers.Input((3, 2)), tf_keras.layers.GRU(2)])
    return taps_of(adapter_of(model), model, None, ("output",))


def found(value, timesteps=3):
    data = tf.fill([2, timesteps, 2], float(value))
    return [Captured("gru", "output", "output_gradient", data, None, None)]


def background(logdir, watches_flags=False):
    return Background(logdir, 4, "float32", Thresholds(), watches_flags)


def steps_and_values(logdir):
    series = tb_rnngrad.read(logdir)
    return [(int(step), float(series[i].data[0, 0, 0])) for i, step in enumerate(series.steps)]


def is_written(logdir):
    try:
        return len(tb_rnngrad.read(logdir).steps) == 1
    except ValueError:  # there is nothing yet
        return False


@pytest.mark.parametrize("pause", [0, 0.001], ids=["at once", "in a trickle"])
@pytest.mark.parametrize("watches_flags", [False, True], ids=["no flags", "flags"])
def test_every_step_is_written_in_order_however_fast_they_come(
    taps, tmp_path, pause, watches_flags
):
    writing = background(tmp_path, watches_flags)
    for step in range(200):
        writing.write(found(step), taps, step, flow_only=False)
        time.sleep(pause)
    writing.finish()
    writing.close()
    assert steps_and_values(tmp_path) == [(step, float(step)) for step in range(200)]


def test_what_is_given_is_in_the_file_soon_without_anybody_asking(taps, tmp_path):
    writing = background(tmp_path)
    writing.write(found(1), taps, 0, flow_only=False)
    deadline = time.monotonic() + 60
    while not is_written(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writing.close()


def test_large_steps_do_not_pile_up(taps, tmp_path):
    writing = background(tmp_path)
    large = found(1, timesteps=_MOST_WAITING // 4 + 1)  # of two samples and two channels
    waiting = []
    for step in range(4):
        writing.write(large, taps, step, flow_only=False)
        waiting.append(len(writing._waiting))
    writing.finish()
    writing.close()
    assert max(waiting) <= 1
    assert len(tb_rnngrad.read(tmp_path).steps) == 4


def test_a_failure_is_raised_once_and_nothing_hangs(taps, tmp_path):
    writing = background(tmp_path)
    writing.write(found(1), taps, 0, flow_only=False)
    writing.write(found(1, timesteps=0), taps, 1, flow_only=False)  # no record holds nothing
    with pytest.raises(ValueError, match="holds no value"):
        writing.finish()
    writing.finish()
    writing.close()
    assert np.asarray(tb_rnngrad.read(tmp_path).steps).tolist() == [0]
