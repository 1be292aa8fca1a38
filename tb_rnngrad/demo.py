"""The demo: four recurrent networks read handwritten digits pixel by pixel.

The digits are scikit-learn's, 1,797 images of 8 x 8 pixels, so nothing is downloaded. A digit is a
sequence of 64 timesteps of one pixel each, and only the last timestep classifies, so the gradient
has to travel back through all of them. It does in an LSTM, a GRU and a SimpleRNN. It does not in a
SimpleRNN with a sigmoid in place of its tanh: the sigmoid's slope is at most a quarter, so every
timestep back shrinks the gradient.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

# Capture works only with this backend, so override the user's Keras configuration.
os.environ["KERAS_BACKEND"] = "tensorflow"

UNITS: Final = 24
BATCH: Final = 64
UPDATE_FREQ: Final = 72
PROBE: Final = 64
JACOBIAN: Final = 4
SEED: Final = 7


def train(logdir: Path | None, epochs: int) -> Path:
    """Train all networks, log each as a run, and return the directory of the runs.

    Raises:
        SystemExit: If a package that the demo needs is not installed, or if `logdir` already holds
            runs of the demo.
    """
    try:
        import keras
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit(
            f"The demo needs {error.name}: pip install 'tb_rnngrad[demo]' brings it."
        ) from None
    import tb_rnngrad.keras

    if logdir is None:
        logdir = Path("rnngrad_demo") / time.strftime("%Y%m%d-%H%M%S")
    layers = {
        "simple_rnn": keras.layers.SimpleRNN,
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "sigmoid_rnn": functools.partial(keras.layers.SimpleRNN, activation="sigmoid"),
    }
    taken = [name for name in layers if (logdir / name).exists()]
    if taken:
        raise SystemExit(f"{logdir / taken[0]} exists already; give another --logdir.")

    digits = load_digits()
    x = (digits.images.reshape(-1, 64, 1) / 16).astype("float32")
    train_x, train_y, test_x, test_y = (
        x[:1500],
        digits.target[:1500],
        x[1500:],
        digits.target[1500:],
    )
    for name, layer in layers.items():
        keras.utils.set_random_seed(SEED)
        model = keras.Sequential(
            [
                keras.Input((64, 1)),
                layer(UNITS, name="recurrent"),
                keras.layers.Dense(10, name="digit"),
            ]
        )
        model.compile(
            keras.optimizers.Adam(3e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        logger = tb_rnngrad.keras.GradientLogger(
            logdir / name,
            of=("hidden_state", "output", "weights", "weight_gradients"),
            data=(test_x[:PROBE], test_y[:PROBE]),
            update_freq=UPDATE_FREQ,
        )
        print(f"{name}: {model.count_params():,} weights, {epochs} epochs")
        # Writes loss and accuracy to NAME/train; the page draws them above the gradient's reach.
        curves = keras.callbacks.TensorBoard(
            logdir / name, write_graph=False, update_freq=UPDATE_FREQ
        )
        callbacks = [logger, curves, _progress_bar(keras, epochs)]
        model.fit(train_x, train_y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks)
        _log_jacobian(logdir / name, model, test_x[:JACOBIAN])
        _, accuracy = model.evaluate(test_x, test_y, verbose=0)
        print(f"{name}: reads {accuracy:.0%} of the digits that it has not seen")
    print(f"logged to {logdir}")
    return logdir


def _log_jacobian(logdir: Path, model: Any, x: Any) -> None:
    """Log how the trained network's state at each timestep depends on every pixel."""
    import tb_rnngrad.keras

    jacobian = tb_rnngrad.keras.state_jacobian(model, x)["recurrent"]
    with tb_rnngrad.SummaryWriter(logdir) as writer:
        writer.add_sequence("recurrent/jacobian", jacobian, int(model.optimizer.iterations))


def _progress_bar(keras: Any, epochs: int) -> Any:
    """Return a callback that draws one progress bar for all epochs."""
    bar = keras.utils.Progbar(epochs, stateful_metrics=["accuracy", "loss"], unit_name="epoch")
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: bar.update(epoch + 1, values=sorted(logs.items()))
    )


def serve(logdir: Path, port: int | None) -> None:
    """Start TensorBoard over `logdir`, print its address, and wait for Ctrl-C."""
    from tensorboard import program

    tensorboard = program.TensorBoard()
    ports = [] if port is None else [f"--port={port}"]
    tensorboard.configure(argv=["tensorboard", f"--logdir={logdir}", *ports])
    url = tensorboard.launch()
    print(f"RNN Gradients is at {url}#rnngrad (Ctrl-C to stop)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopped")
