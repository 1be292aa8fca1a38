"""Failures of logging during a training: training goes on, and the user hears of each."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from differences import use_dtype

import tb_rnngrad
from tb_rnngrad._capture.step_writer import StepWriter
from tb_rnngrad.keras import GradientLogger
from tb_rnngrad.keras._steps import live_step

X = np.random.default_rng(0).normal(size=(16, 5, 3)).astype("f")
Y = X[:, 0, :2]


@pytest.fixture
def model(k):
    use_dtype(k, "float32")
    inputs = k.layers.Input((5, 3))
    outputs = k.layers.Dense(2)(k.layers.SimpleRNN(4, name="rnn")(inputs))
    model = k.Model(inputs, outputs)
    model.compile("sgd", "mse")
    return model


def fit(model, logger):
    """Train on 4 batches; return the warnings, and how many batches ran."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, batch_size=4, verbose=0, callbacks=[logger])
    told = [str(one.message) for one in caught if "GradientLogger" in str(one.message)]
    return told, int(model.optimizer.iterations)


@pytest.mark.parametrize("error", [MemoryError, AssertionError, UserWarning])
def test_training_goes_on_whatever_writing_raises(model, tmp_path, monkeypatch, error):
    write = StepWriter._write_step

    def failing(self, file, step, statistics):
        if step.number == 1:
            raise error("of logging")
        write(self, file, step, statistics)

    monkeypatch.setattr(StepWriter, "_write_step", failing)
    told, batches = fit(model, GradientLogger(tmp_path, update_freq=1))
    assert batches == 4
    assert told == [
        "GradientLogger could not write step 1: of logging. Training goes on, and each later step "
        "is tried again",
        "GradientLogger ends; step 1 was lost",
    ]
    assert tb_rnngrad.read(tmp_path, tag="rnn/hidden_state").steps.tolist() == [0, 2, 3]


@pytest.mark.parametrize("error", [MemoryError, AssertionError])
def test_training_goes_on_whatever_reading_raises(model, tmp_path, monkeypatch, error):
    def failing(self):
        raise error("of logging")

    monkeypatch.setattr(live_step.LiveStep, "found", failing)
    told, batches = fit(model, GradientLogger(tmp_path, update_freq=1))
    assert batches == 4
    assert told == ["GradientLogger logs no more, training goes on: of logging"]


def test_warnings_that_are_errors_do_not_end_training(model, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error", RuntimeWarning)
        logger = GradientLogger(tmp_path / "file" / "logs")
        model.fit(X, Y, batch_size=4, verbose=0, callbacks=[logger])
    assert int(model.optimizer.iterations) == 4
    told = [one.getMessage() for one in caplog.records if "GradientLogger" in one.getMessage()]
    assert "could not write step 0" in told[0]


@pytest.mark.parametrize("layers", ["rnm", ["rnn", "rnm"], 7])
def test_a_typo_in_layers_raises_when_training_begins(model, tmp_path, layers):
    with pytest.raises(
        ValueError, match=r"no layer named 'rnm'; .* are 'rnn'|layer is 7; expected"
    ):
        model.fit(X, Y, verbose=0, callbacks=[GradientLogger(tmp_path, layers=layers)])
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_process_loses_what_is_younger_than_a_second(tmp_path, kill):
    """The docs say a quarter of a second; this allows more, as tests may share the machine."""
    script = f"""
import time, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import keras, numpy as np
from tb_rnngrad.keras import GradientLogger
class Tell(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(batch, time.monotonic(), flush=True)
x = np.ones((100_000, 3, 2), "f")
model = keras.Sequential([keras.layers.Input((3, 2)), keras.layers.SimpleRNN(2, name="rnn")])
model.compile("sgd", "mse")
logger = GradientLogger({str(tmp_path)!r}, update_freq=1)
model.fit(x, x[:, 0], batch_size=1, verbose=0, callbacks=[logger, Tell()])
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        lines = [next(process.stdout).split() for _ in range(400)]
        process.send_signal(kill)
        lines += [line.split() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -kill
    ended = {int(step): float(when) for step, when in lines}
    steps = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state").steps.tolist()
    assert steps == [*range(len(steps))]
    lost = [when for step, when in ended.items() if step >= len(steps)]
    assert not lost or max(ended.values()) - min(lost) < 1


def loop(model, logger, step):
    """Train on 2 batches in a loop that calls the logger itself, as Keras' guides write them."""
    logger.set_model(model)
    logger.on_train_begin()
    logger.on_epoch_begin(0)
    for number in range(2):
        logger.on_train_batch_begin(number)
        step(X[:4], Y[:4])
        logger.on_train_batch_end(number)
    logger.on_train_end()


def test_train_on_batch_between_the_loggers_hooks_is_logged(model, tmp_path):
    loop(model, GradientLogger(tmp_path, update_freq=1), model.train_on_batch)
    assert tb_rnngrad.read(tmp_path, tag="rnn/hidden_state").steps.tolist() == [0, 1]


def test_a_loop_that_runs_its_own_step_is_told_what_captures_it(model, tmp_path):
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        tape.gradient(loss, model.trainable_variables)

    expected = (
        "GradientLogger logs no more, training goes on: a step of model .* ran without "
        r"model.train_function, .*; around a step of your own, use "
        r"tb_rnngrad.keras.capture\(model\)"
    )
    with pytest.warns(RuntimeWarning, match=expected) as caught:
        loop(model, GradientLogger(tmp_path, update_freq=1), step)
    assert len([one for one in caught if "GradientLogger" in str(one.message)]) == 1
