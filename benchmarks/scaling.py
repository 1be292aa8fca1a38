"""How costs grow with values, steps, runs and tags.

They may grow linearly at most, so the last column must not rise. Records are written without a
framework. Polls of `/tags` are timed once TensorBoard lists everything: the median of five, each
after a pause of a second, so that caches of one second have expired.

    python benchmarks/scaling.py [--largest 1e8] [--tags 10000]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from timing import have_memory_at_hand, seconds

import tb_rnngrad
from tb_rnngrad import SummaryWriter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import tensorboard

CHANNELS = 100
SMALL = np.random.default_rng(0).normal(size=(1, 20, 4)).astype(np.float32)


def tell(what: str, number: float, taken: float) -> None:
    each = 1e9 * taken / number
    print(f"{what:48} {number:12,.0f} {1e3 * taken:12.2f} {each:14,.1f}", flush=True)


def powers(largest: float, first: float) -> Iterable[int]:
    number = first
    while number <= largest:
        yield int(number)
        number *= 10


def values(largest: float, folder: Path) -> None:
    with SummaryWriter(folder / "values") as writer:
        for number in powers(largest, 1e4):
            shape = (4, number // (4 * CHANNELS), CHANNELS)
            data = np.random.default_rng(0).standard_normal(shape, np.float32)

            def work(data: np.ndarray = data, tag: str = f"of {number}") -> None:
                writer.add_sequence(tag, data, 0)

            work()
            have_memory_at_hand(str(folder))
            tell("a record written, values", number, min(seconds(work) for _ in range(3)))


def steps(largest: float, folder: Path) -> None:
    for number in powers(largest, 100):
        logdir = folder / f"steps {number}"
        with SummaryWriter(logdir) as writer:

            def write(writer: SummaryWriter = writer, number: int = number) -> None:
                for step in range(number):
                    writer.add_sequence("tag", SMALL, step)

            tell("steps written", number, seconds(write))
        tell("steps read", number, seconds(lambda logdir=logdir: tb_rnngrad.read(logdir).steps))


def listing(what: str, logdir: Path, number: int, runs: int, tags: int) -> None:
    """Write runs of tags with one step; time until TensorBoard lists all, and then a poll."""
    for run in range(runs):
        with SummaryWriter(logdir / f"run{run}") as writer, writer.batched():
            for tag in range(tags):
                writer.add_sequence(f"tag{tag}", SMALL, 0)
    for mode in ("true", "false"):
        start = time.perf_counter()
        with tensorboard(logdir, logdir.parent / "log.txt", f"--load_fast={mode}") as server:
            server.wait_for(lambda listed: sum(map(len, listed.values())) == number, seconds=300)
            tell(f"{what} listed, --load_fast={mode}", number, time.perf_counter() - start)
            etag = server.get("/tags").headers["ETag"]
            polls = []
            for _ in range(5):
                time.sleep(1.1)
                polls.append(seconds(partial(poll, server.url, etag)))
            tell(f"a poll of {what}, --load_fast={mode}", number, statistics.median(polls))


def poll(url: str, etag: str) -> None:
    """Ask for the tags as the page does, which has the last answer."""
    request = urllib.request.Request(
        f"{url}/data/plugin/rnngrad/tags", headers={"If-None-Match": etag}
    )
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as answer:
        if answer.code != 304:
            raise


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--largest", type=float, default=1e8, help="values of one record")
    parser.add_argument("--tags", type=float, default=1e4, help="tags, and steps, and 10 x runs")
    given = parser.parse_args()
    print(f"{'':48} {'number':>12} {'ms':>12} {'ns for each':>14}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values(given.largest, folder)
        steps(given.tags, folder)
        for runs in powers(given.tags / 10, 10):
            listing("runs", folder / f"{runs} runs", runs, runs, 1)
        for tags in powers(given.tags, 100):
            listing("tags", folder / f"{tags} tags", tags, 1, tags)


if __name__ == "__main__":
    main()
