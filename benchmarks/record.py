"""Logging one [4, 1403, 256] record, compared with its raw bytes with CRC, and with other ways.

Budgets for a record with its statistics: 2 x raw without a framework, 2.5 x through TensorFlow. All
works write to the same disk, in turns. Works through TensorFlow flush their writer, so that their
bytes are actually written.

    python benchmarks/record.py [--rounds 25]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from timing import compare

import tb_rnngrad
from tb_rnngrad import SequenceRecord, SummaryWriter, flow
from tb_rnngrad.events import tfrecord


def without_a_framework(data: np.ndarray, folder: Path) -> dict[str, Callable[[], object]]:
    # The same memory as the record's: a copy would be read from beyond the processor's cache.
    payload = data.reshape(-1).view(np.uint8)
    known = SequenceRecord(data, flow=flow.statistics(data))
    raw = (folder / "raw").open("wb", buffering=0)
    writer, steps = SummaryWriter(folder / "logs"), itertools.count()
    return {
        "raw, with its CRC": lambda: [raw.write(part) for part in tfrecord.frame([payload])],
        "record, its statistics given": lambda: writer.add_sequence("a", known, next(steps)),
        "record and its statistics": lambda: writer.add_sequence("b", data, next(steps)),
        "statistics alone": lambda: flow.statistics(data),
    }


def through_tensorflow(data: np.ndarray, folder: Path) -> dict[str, Callable[[], object]]:
    tensor = tf.constant(data)
    pictures = tf.constant((255 * (data - data.min()) / np.ptp(data)).astype(np.uint8)[..., None])
    steps = itertools.count()

    def logged(name: str, log: Callable[[tf.Tensor], object]) -> Callable[[], None]:
        writer = tf.summary.create_file_writer(str(folder / name))

        def work() -> None:
            with writer.as_default():
                log(tf.constant(next(steps), tf.int64))
            writer.flush()

        return work

    @tf.function
    def traced(step: tf.Tensor) -> tf.Tensor:
        return tb_rnngrad.summary.sequence("traced", tensor, step)

    ways: dict[str, Callable[[tf.Tensor], object]] = {
        "TensorFlow, eager: record and its statistics": lambda step: tb_rnngrad.summary.sequence(
            "eager", tensor, step
        ),
        "TensorFlow, in a tf.function: the same": traced,
        "tf.summary.write of the bare tensor": lambda step: tf.summary.write("t", tensor, step),
        "tf.summary.histogram": lambda step: tf.summary.histogram("h", tensor, step),
        "tf.summary.image, 4 pictures": lambda step: tf.summary.image(
            "i", pictures, step, max_outputs=4
        ),
    }
    return {name: logged(f"tf{number}", log) for number, (name, log) in enumerate(ways.items())}


def figure(data: np.ndarray, folder: Path) -> None:
    """Save one picture of all samples, as users do without a plugin."""
    drawn, axes = plt.subplots(len(data))
    for axis, sample in zip(axes, data, strict=True):
        axis.imshow(sample.T, aspect="auto", cmap="bwr")
    drawn.savefig(folder / "figure.png")
    plt.close(drawn)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    plt.switch_backend("agg")
    data = np.random.default_rng(0).normal(size=(4, 1403, 256)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works = without_a_framework(data, folder) | through_tensorflow(data, folder)
        works["Matplotlib figure, saved as PNG"] = lambda: figure(data, folder)
        compare(works, given.rounds, name)


if __name__ == "__main__":
    main()
