"""The step of a record: the optimizer's if it counts batches, else the logger's own count."""

from __future__ import annotations

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from differences import use_dtype

import tb_rnngrad
from tb_rnngrad.keras import GradientLogger

X = np.random.default_rng(0).normal(size=(32, 5, 3)).astype("f")
Y = X[:, 0, :2]


def make(k, kind=None, **options):
    use_dtype(k, "float32")
    inputs = k.layers.Input((5, 3))
    outputs = k.layers.Dense(2)(k.layers.SimpleRNN(4, name="rnn")(inputs))
    model = (kind or k.Model)(inputs, outputs)
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


def fit(model, *callbacks, epochs=1, **options):
    """Train on 8 batches an epoch; return the warnings about steps."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(
            X,
            Y,
            batch_size=4,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
            **options,
        )
    return [str(one.message) for one in caught if "step" in str(one.message)]


def logged(logdir):
    """Return the logged steps, and who counted them."""
    series = tb_rnngrad.read(logdir, tag="rnn/hidden_state")
    return series.steps.tolist(), series[-1].details["step_from"]


def loss_of(model, batch):
    x, y = batch
    return tf.reduce_mean((model(x, training=True) - y) ** 2)


def test_an_optimizer_that_counts_batches_gives_the_step(k, tmp_path):
    assert fit(make(k), GradientLogger(tmp_path, update_freq=3), epochs=2) == []
    assert logged(tmp_path) == ([0, 3, 6, 9, 12, 15], "optimizer")


@pytest.mark.parametrize("compiled", [{}, {"optimizer": None}], ids=["unused", "none"])
@pytest.mark.parametrize("probe", [False, True], ids=["live", "probe"])
def test_batches_are_counted_for_optimizers_outside_the_model(k, tmp_path, compiled, probe):
    class Own(k.Model):
        def train_step(self, batch):
            with tf.GradientTape() as tape:
                loss = loss_of(self, batch)
            weights = self.trainable_variables
            self.own.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    model = make(k, Own, **(compiled if k is keras else {}))
    model.own = k.optimizers.Adam()
    model.own.build(model.trainable_variables)
    data = (X[:4], Y[:4]) if probe else None
    logger = GradientLogger(tmp_path, update_freq=4, data=data)
    assert fit(model, logger, epochs=2) == []
    assert fit(model, GradientLogger(tmp_path, update_freq=4, data=data)) == []  # one more epoch
    assert logged(tmp_path) == ([0, 4, 8, 12, 16, 20] + [24] * probe, "logger")


def test_accumulated_gradients_are_counted_batch_by_batch(tmp_path):
    def accumulating():
        return make(keras, optimizer=keras.optimizers.SGD(gradient_accumulation_steps=4))

    assert fit(accumulating(), GradientLogger(tmp_path, update_freq=2)) == []
    assert logged(tmp_path) == ([0, 2, 4, 6], "logger")
    resumed = accumulating()
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.optimizer.variables[0].assign(8)  # as a checkpoint does
    assert fit(resumed, GradientLogger(tmp_path, update_freq=2)) == []
    assert logged(tmp_path) == ([0, 2, 4, 6, 8, 10, 12, 14], "logger")


@pytest.mark.parametrize("updates_at", [0, 3])
def test_accumulation_by_hand_never_repeats_a_step(k, tmp_path, updates_at):
    class Accumulating(k.Model):
        def train_step(self, batch):
            with tf.GradientTape() as tape:
                loss = loss_of(self, batch)
            weights = self.trainable_variables
            gradient = tape.gradient(loss, weights)
            if self.batches % 4 == updates_at:
                self.optimizer.apply_gradients(zip(gradient, weights, strict=True))
            self.batches += 1
            return {"loss": loss}

    model = make(k, Accumulating, run_eagerly=True)
    model.batches = 0
    said = fit(model, GradientLogger(tmp_path, update_freq=1))
    first = "optimizer" if updates_at == 0 else "logger"
    assert logged(tmp_path) == ([*range(8)], first)
    if first == "logger":
        assert said == []
    else:
        assert len(said) == 1 and "no longer steps with every batch: from step 1 on" in said[0]


def test_executions_of_tuned_length_are_counted(tmp_path):
    model = make(tf_keras, steps_per_execution="auto")
    assert fit(model, GradientLogger(tmp_path, update_freq=1), epochs=2) == []
    steps, source = logged(tmp_path)
    assert source == "logger"
    assert steps == sorted(set(steps)) and steps[-1] == 15


def test_a_recompiled_model_continues_the_count_with_a_warning(k, tmp_path):
    model, logger = make(k), GradientLogger(tmp_path)
    assert fit(model, logger, epochs=2) == []
    model.compile("sgd", "mse")
    (told,) = fit(model, logger, epochs=2)
    assert f"{tmp_path} already holds steps up to 8 of another training" in told
    assert "its steps are counted from 16 by the logger" in told
    assert fit(model, GradientLogger(tmp_path)) == []
    assert logged(tmp_path) == ([0, 8, 16, 24, 32], "logger")


def test_another_model_in_the_same_directory_starts_at_0_with_a_warning(k, tmp_path):
    assert fit(make(k), GradientLogger(tmp_path), epochs=2) == []
    (told,) = fit(make(k), GradientLogger(tmp_path))
    assert f"{tmp_path} already holds steps up to 8 of another training" in told
    assert "this one begins again at step 0" in told
    assert fit(make(k), GradientLogger(tmp_path / "of_its_own")) == []


def test_a_second_training_in_a_later_process_is_reported(tmp_path):
    fit(make(keras), GradientLogger(tmp_path))
    script = f"""
import sys; sys.path.insert(0, "tests/keras")
import keras, test_steps
from tb_rnngrad.keras import GradientLogger
print(*test_steps.fit(test_steps.make(keras), GradientLogger({str(tmp_path)!r})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"{tmp_path} already holds steps up to 0 of another training" in done.stdout, done.stderr


def test_resuming_from_a_checkpoint_is_not_a_second_training(k, tmp_path):
    fit(make(k), GradientLogger(tmp_path, update_freq=1), epochs=2)
    resumed = make(k)

    class Restore(k.callbacks.Callback):  # like BackupAndRestore, after the logger's own hook
        def on_train_begin(self, logs=None):
            self.model.optimizer.iterations.assign(10)

    assert fit(resumed, GradientLogger(tmp_path, update_freq=1), Restore()) == []
    assert logged(tmp_path) == ([*range(18)], "optimizer")


def test_a_loop_of_one_epoch_fits_is_one_training(k, tmp_path):
    model, logger = make(k), GradientLogger(tmp_path)
    for epoch in range(4):
        assert fit(model, logger if epoch < 2 else GradientLogger(tmp_path)) == []
    assert logged(tmp_path) == ([0, 8, 16, 24], "optimizer")
