"""Trains the networks of the gallery and logs their gradients into docs/gallery/logs.

`python docs/gallery/train.py` takes about a minute. The task is the usual one for looking at
gradients: random sequences with random labels, which a network can only learn by heart.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import tb_rnngrad.keras

SAMPLES, TIMESTEPS, FEATURES = 16, 100, 16
LOGS = Path(__file__).parent / "logs"


class Network(NamedTuple):
    """One run: a recurrent layer, and after how many iterations to log it."""

    run: str
    cell: str
    units: int
    iterations: Sequence[int]
    bidirectional: bool = False
    sequences: bool = True
    kept: int = SAMPLES


NETWORKS = (
    Network("lstm_6", "LSTM", 6, (20, 200)),
    Network("lstm_last_output", "LSTM", 6, (200,), sequences=False),
    Network("lstm", "LSTM", 128, (20,)),
    Network("gru", "GRU", 128, (20,), kept=4),
    Network("simple_rnn", "SimpleRNN", 128, (20,), kept=4),
    Network("bidirectional_gru", "GRU", 128, (40,), bidirectional=True, kept=1),
)


def model_of(network: Network) -> keras.Model:
    """Return the model: the layer, a second one if the first emits sequences, a classifier."""
    cell = getattr(keras.layers, network.cell)
    layer = cell(network.units, return_sequences=network.sequences, name="rnn")
    if network.bidirectional:
        layer = keras.layers.Bidirectional(layer, name="rnn")
    layers = [keras.Input((TIMESTEPS, FEATURES)), layer]
    if network.sequences:
        layers.append(cell(network.units, name="top"))
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    return model


def train(network: Network, logdir: Path) -> None:
    """Train one network and log its gradients after each of its iterations."""
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(SAMPLES, TIMESTEPS, FEATURES)).astype("float32")
    y = rng.integers(0, 2, (SAMPLES, 1)).astype("float32")
    model = model_of(network)
    of = "hidden_state" if network.sequences else "output"
    done = 0
    with tb_rnngrad.SummaryWriter(logdir / network.run) as writer:
        for iteration in network.iterations:
            model.fit(x, y, batch_size=SAMPLES, epochs=iteration - done, verbose=0)
            done = iteration
            (record,) = tb_rnngrad.keras.gradients(model, x, y, layer="rnn", of=of).values()
            tag = f"rnn/{of}"
            writer.add_sequence(tag, record, done, max_outputs=network.kept, dtype="bfloat16")


if __name__ == "__main__":
    logs = Path(sys.argv[1]) if len(sys.argv) > 1 else LOGS
    for one in NETWORKS:
        if (logs / one.run).exists():
            sys.exit(f"{logs / one.run} exists already; remove it first.")
        train(one, logs)
        print(one.run)
