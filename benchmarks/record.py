"""Writing one [4, 1403, 256] record without a framework, against the same bytes raw with their CRC.

Budget: 2 x. Both write to the same disk, in turn; medians and quartiles of the ratio.

    python benchmarks/record.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tb_rnngrad import SequenceRecord, SummaryWriter, _tfrecord, flow

ROUNDS = 25


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    data = np.random.default_rng(0).normal(size=(4, 1403, 256)).astype(np.float32)
    payload = data.tobytes()
    known = SequenceRecord(data, flow=flow.statistics(data))
    with tempfile.TemporaryDirectory() as folder:
        raw = (Path(folder) / "raw").open("wb", buffering=0)
        writer = SummaryWriter(Path(folder) / "logs")
        steps = iter(range(10**6))
        works = {
            "raw": lambda: [raw.write(part) for part in _tfrecord.frame([payload])],
            "record, its flow given": lambda: writer.add_sequence("a", known, next(steps)),
            "record and its flow": lambda: writer.add_sequence("b", data, next(steps)),
        }
        for work in works.values():
            work()
        times = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                times[name].append(seconds(work))
        raw.close()
        writer.close()
    for name, taken in times.items():
        ratios = [t / r for t, r in zip(taken, times["raw"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:25} {1e3 * statistics.median(taken):7.2f} ms   "
            f"{middle:5.2f} x raw (quartiles {low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main()
