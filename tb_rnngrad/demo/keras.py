"""The demo's networks in Keras."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Final

# Capture works only with this backend, so override the user's Keras configuration.
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

import tb_rnngrad.keras
from tb_rnngrad.demo.digits import (
    BATCH,
    JACOBIAN,
    LEARNING_RATE,
    OF,
    SEED,
    UNITS,
    UPDATE_FREQ,
    digits,
)

_PROBE: Final = 64
_LAYERS: Final = {
    "simple_rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "sigmoid_rnn": functools.partial(keras.layers.SimpleRNN, activation="sigmoid"),
}


def train(name: str, log_dir: Path, epochs: int) -> float:
    """Train and log a network; return its accuracy on what it has not seen."""
    train_x, train_y, test_x, test_y = digits()
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            keras.Input((64, 1)),
            _LAYERS[name](UNITS, name="recurrent"),
            keras.layers.Dense(10, name="digit"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    probe = test_x[:_PROBE], test_y[:_PROBE]
    logger = tb_rnngrad.keras.GradientLogger(log_dir, of=OF, data=probe, update_freq=UPDATE_FREQ)
    print(f"{name}: {model.count_params():,} weights, {epochs} epochs")
    # Writes loss and accuracy to NAME/train; the page draws them above the gradient's reach.
    curves = keras.callbacks.TensorBoard(log_dir, write_graph=False, update_freq=UPDATE_FREQ)
    callbacks = [logger, curves, _progress_bar(epochs)]
    model.fit(train_x, train_y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks)
    _log_jacobian(log_dir, model, test_x[:JACOBIAN])
    _, accuracy = model.evaluate(test_x, test_y, verbose=0)
    return float(accuracy)


def _log_jacobian(log_dir: Path, model: Any, x: Any) -> None:
    """Log how the trained network's state at each timestep depends on every pixel."""
    jacobian = tb_rnngrad.keras.state_jacobian(model, x)["recurrent"]
    with tb_rnngrad.SummaryWriter(log_dir) as writer:
        writer.add_sequence("recurrent/jacobian", jacobian, int(model.optimizer.iterations))


def _progress_bar(epochs: int) -> Any:
    """Return a callback that draws one progress bar for all epochs."""
    bar = keras.utils.Progbar(epochs, stateful_metrics=["accuracy", "loss"], unit_name="epoch")
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: bar.update(epoch + 1, values=sorted(logs.items()))
    )
