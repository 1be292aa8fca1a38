"""What capture adds to the time of a training step, compared with the plain step.

A step does what `model.fit` does at each batch: it calls the callback's hooks and the train
function. The models have two layers of one cell and a Dense, trained with Adam. Budgets: idle
callback 1.02 x; output gradients at every step 1.10 x; hidden-state gradients at every step 1.6 x,
with records of 4 samples written. Repeated calls of `gradients(...)` may take 1.15 x the time of a
hand-written tf.function with a tape.

    python benchmarks/capture.py [small | large] [--keras keras | tf_keras]
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from timing import have_memory_at_hand

from tb_rnngrad.keras import GradientLogger, gradients

# Samples, timesteps, units; rounds, and steps in a row. Work that the steps leave to the background
# is finished before the clock stops.
SIZES = {"small": (16, 100, 6, 50, 25), "large": (32, 500, 128, 15, 3)}


class Work:
    """A timed step, and the call that ends a row of steps."""

    def __init__(self, step: Callable[[], object], end: Callable[[], object] = lambda: None):
        self.step = step
        self.end = end

    def seconds(self, row: int) -> float:
        """Return seconds per step, over `row` steps and their end."""
        start = time.perf_counter()
        for _ in range(row):
            self.step()
        self.end()
        return (time.perf_counter() - start) / row


def compare(works: dict[str, Work], rounds: int, row: int, label: str, folder: str) -> None:
    """Run all works in turns; print each median, and quartiles of its ratio to the first work."""
    for work in works.values():
        work.seconds(2)
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        for name, work in list(works.items())[:: 1 if turn % 2 else -1]:
            have_memory_at_hand(folder)
            times[name].append(work.seconds(row))
    first = next(iter(times.values()))
    for name, taken in times.items():
        ratios = [one / base for one, base in zip(taken, first, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{label:32} {name:28} {1e3 * statistics.median(taken):8.2f} ms   "
            f"{middle:5.2f} x (quartiles {low:.2f} to {high:.2f})",
            flush=True,
        )


def model_of(k: Any, cell: str, timesteps: int, units: int) -> Any:
    k.utils.set_random_seed(0)
    layer = getattr(k.layers, cell)
    model = k.Sequential(
        [
            k.layers.Input((timesteps, units)),
            layer(units, return_sequences=True, name="one"),
            layer(units, name="two"),
            k.layers.Dense(1, name="head"),
        ]
    )
    model.compile("adam", "mse")
    return model


def steps(k: Any, cell: str, size: str, folder: str) -> None:
    samples, timesteps, units, rounds, row = SIZES[size]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, timesteps, units)).astype("f")
    y = rng.normal(size=(samples, 1)).astype("f")
    data = tf.data.Dataset.from_tensors((x, y)).cache().repeat()
    loggers = {
        "plain step": None,
        "callback idle": GradientLogger(f"{folder}/idle", update_freq=10**9),
        "output gradients": GradientLogger(f"{folder}/output", of="output", update_freq=1),
        "hidden-state gradients": GradientLogger(f"{folder}/hidden", update_freq=1),
    }
    works = {}
    for name, logger in loggers.items():
        works[name] = step_of(model_of(k, cell, timesteps, units), logger, data)
    compare(works, rounds, row, f"{k.__name__} {cell} {samples}x{timesteps}x{units}", folder)


def step_of(model: Any, logger: GradientLogger | None, data: Any) -> Work:
    model.make_train_function()
    iterator, batches = iter(data), itertools.count()
    model.train_function(iterator)
    if logger is not None:
        logger.set_model(model)
        logger.on_train_begin()

    def step() -> None:
        batch = next(batches)
        if logger is not None:
            logger.on_train_batch_begin(batch)
        model.train_function(iterator)
        if logger is not None:
            logger.on_train_batch_end(batch)

    return Work(step) if logger is None else Work(step, logger._session.finish)


def looks(k: Any, cell: str, size: str, folder: str) -> None:
    samples, timesteps, units, rounds, row = SIZES[size]
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(samples, timesteps, units)).astype("f"))
    y = tf.constant(rng.normal(size=(samples, 1)).astype("f"))
    model = model_of(k, cell, timesteps, units)
    one, two, head = (model.get_layer(name) for name in ("one", "two", "head"))

    @tf.function
    def by_hand(x: tf.Tensor, y: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            first = one(x)
            tape.watch(first)
            second = two(first)
            tape.watch(second)
            loss = tf.reduce_mean((head(second) - y) ** 2)
        return tape.gradient(loss, [first, second])

    works = {
        "tape by hand, output": Work(lambda: [one.numpy() for one in by_hand(x, y)]),
        "gradients(of='output')": Work(lambda: gradients(model, x, y, of="output")),
        "gradients(of='hidden_state')": Work(lambda: gradients(model, x, y)),
    }
    compare(works, rounds, row, f"{k.__name__} {cell} {samples}x{timesteps}x{units}", folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--keras", default="keras", choices=["keras", "tf_keras"])
    parser.add_argument("--cells", nargs="*", default=["SimpleRNN", "LSTM", "GRU"])
    given = parser.parse_args()
    k = importlib.import_module(given.keras)
    with tempfile.TemporaryDirectory() as folder:
        for size, cell in itertools.product(given.sizes, given.cells):
            steps(k, cell, size, f"{folder}/{size}_{cell}")
            looks(k, cell, size, folder)


if __name__ == "__main__":
    main()
