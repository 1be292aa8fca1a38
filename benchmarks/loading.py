"""How long TensorBoard takes from its start to list a thousand steps of 1 MB, and its memory.

Compares with TensorBoard's own images of the same pictures (8 bits per value, as PNG), in both
loading modes. The Python loader runs with TensorFlow here, for its fast checksums: TensorBoard's
own checksums take two minutes per gigabyte.

    python benchmarks/loading.py [--steps 1000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tb_rnngrad import SummaryWriter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import Server, tensorboard

SECONDS = 300
TIMESTEPS, CHANNELS = 1024, 256


def pictures(steps: int) -> list[np.ndarray]:
    """Return a few fading gradients, to be logged in turns."""
    random = np.random.default_rng(0)
    fading = 10.0 ** np.linspace(-2, 0, TIMESTEPS)[:, np.newaxis]
    return [
        (random.standard_normal((1, TIMESTEPS, CHANNELS)) * fading).astype(np.float32)
        for _ in range(min(steps, 8))
    ]


def log_records(logdir: Path, steps: int) -> None:
    data = pictures(steps)
    with SummaryWriter(logdir) as writer:
        for step in range(steps):
            writer.add_sequence("gradient", data[step % len(data)], step)


def log_images(logdir: Path, steps: int) -> None:
    data = [tf.constant((127 + 40 * one).clip(0, 255).astype(np.uint8)) for one in pictures(steps)]
    writer = tf.summary.create_file_writer(str(logdir))
    with writer.as_default():
        for step in range(steps):
            tf.summary.image("gradient", data[step % len(data)][..., tf.newaxis], step)
    writer.close()


def records_listed(server: Server) -> int:
    return len(server.tags().get(".", {}).get("gradient", {"steps": []})["steps"])


def images_listed(server: Server) -> int:
    query = "run=.&tag=gradient&sample=0"
    answer = server.outside(f"/data/plugin/images/images?{query}")
    return len(answer.json()) if answer.code == 200 else 0


def megabytes(logdir: Path) -> float:
    """Return the memory, in MB, of all processes with `logdir` on their command line."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(logdir).encode() in (process / "cmdline").read_bytes():
                resident = (process / "statm").read_text().split()[1]
                total += int(resident) * 4096
        except OSError:  # the process has ended
            continue
    return total / 1e6


def measure(
    label: str, logdir: Path, listed: Callable[[Server], int], steps: int, mode: str
) -> None:
    start = time.perf_counter()
    log = logdir.parent / "log.txt"
    flags = f"--load_fast={mode}", f"--samples_per_plugin=rnngrad={steps},images={steps}"
    with tensorboard(logdir, log, *flags, tensorflow=mode == "false") as server:
        while listed(server) < steps:
            if time.perf_counter() - start > SECONDS:
                raise AssertionError(f"{listed(server)} of {steps} steps after {SECONDS} s")
            time.sleep(0.2)
        taken = time.perf_counter() - start
        size = sum(path.stat().st_size for path in logdir.iterdir()) / 1e6
        print(
            f"{label:10} --load_fast={mode:6} {size:8.0f} {taken:8.1f} {megabytes(logdir):8.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    steps = parser.parse_args().steps
    print(f"{f'{steps} steps':27} {'MB':>8} {'seconds':>8} {'MB held':>8}")
    with tempfile.TemporaryDirectory() as folder:
        records, images = Path(folder) / "records", Path(folder) / "images"
        log_records(records, steps)
        log_images(images, steps)
        for mode in ("true", "false"):
            measure("records", records, records_listed, steps, mode)
            measure("images", images, images_listed, steps, mode)


if __name__ == "__main__":
    main()
