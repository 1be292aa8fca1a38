"""Shared by the benchmarks: times works in turns, and makes memory available beforehand."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping

# Bytes of the system's file cache that a row may fill. A virtual machine that lent its idle memory
# to others gets it back at 3 ms per megabyte, ten times the cost of writing.
WRITTEN_IN_A_ROW = 2**25


def have_memory_at_hand(folder: str) -> None:
    """Make the system allocate file cache for the files written next."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(WRITTEN_IN_A_ROW))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(works: Mapping[str, Callable[[], object]], rounds: int, folder: str) -> None:
    """Run all works in turns; print their times, and the ratios to the first work's.

    Each round has an order of its own: a work is slower after one that has used much memory.
    """
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    order = random.Random(0)
    for _ in range(rounds):
        for name, work in order.sample([*works.items()], len(works)):
            have_memory_at_hand(folder)
            times[name].append(seconds(work))
    first = next(iter(times.values()))
    print(f"{'ms':48} {'median':>8} {'least':>8}   ratio (quartiles)")
    for name, taken in times.items():
        ratios = [one / base for one, base in zip(taken, first, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:48} {1e3 * statistics.median(taken):8.2f} {1e3 * min(taken):8.2f}   "
            f"{middle:5.2f} ({low:.2f} to {high:.2f})",
            flush=True,
        )
