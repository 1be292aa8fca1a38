"""One view of a record over HTTP, compared per byte with TensorBoard serving its own script.

Budget for a cached record: 3 x the time of a static file of the same size. Prints medians and
quartiles in both loading modes, for one client and for four at once. A cold view is one that was
never requested before.

    python benchmarks/views.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tb_rnngrad import SummaryWriter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import Answer, Server, tensorboard

ROUNDS = 40
STEPS, SAMPLES = 10, 4


def milliseconds(ask: Callable[[int], Answer], asked: range, clients: int) -> list[float]:
    """Return the quartiles of the time per answer, with `clients` asking at once."""

    def timed(number: int) -> float:
        start = time.perf_counter()
        answer = ask(number)
        taken = 1e3 * (time.perf_counter() - start)
        assert answer.code == 200, answer.text
        return taken

    with ThreadPoolExecutor(clients) as pool:
        return statistics.quantiles(pool.map(timed, asked), n=4)


def works(server: Server, steps: list) -> dict[str, Callable[[int], Answer]]:
    (_, first), *_ = steps
    warm = {"run": ".", "tag": "lstm", "step": 0, "wall_time": first}

    def cold(number: int) -> Answer:
        step, wall_time = steps[number % STEPS]
        sample = number // STEPS
        return server.get(
            "/tensor", run=".", tag="lstm", step=step, wall_time=wall_time, sample=sample
        )

    return {
        "static": lambda _: server.outside("/index.js"),
        "cold view, float32": cold,
        "view, float32": lambda _: server.get("/tensor", padding="mark", **warm),
        "view, bfloat16": lambda _: server.get("/tensor", dtype="bfloat16", **warm),
        "view, pooled": lambda _: server.get("/tensor", width=700, **warm),
    }


def main() -> None:
    data = np.random.default_rng(0).normal(size=(SAMPLES, 1403, 256)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        logdir = Path(folder) / "logs"
        with SummaryWriter(logdir) as writer:
            for step in range(STEPS):
                writer.add_sequence("lstm", data, step, max_outputs=SAMPLES)
        for mode in ("true", "false"):
            with tensorboard(logdir, Path(folder) / "log.txt", f"--load_fast={mode}") as server:
                tags = server.wait_for(lambda tags: tags and len(_steps(tags)) == STEPS, 120)
                measure(server, _steps(tags), mode)


def measure(server: Server, steps: list, mode: str) -> None:
    asks = works(server, steps)
    half = STEPS * SAMPLES // 2
    # Cold views come first, half of them for each number of clients: reading sizes warms the cache.
    cold = {
        clients: milliseconds(asks["cold view, float32"], range(start, start + half), clients)
        for clients, start in ((1, 0), (4, half))
    }
    sizes = {name: len(ask(0).body) for name, ask in asks.items()}
    for clients in (1, 4):
        print(f"--load_fast={mode}, {clients} at once")
        taken = {
            name: cold[clients]
            if name.startswith("cold")
            else milliseconds(ask, range(ROUNDS), clients)
            for name, ask in asks.items()
        }
        static = taken["static"][1] / sizes["static"]
        for name, (low, middle, high) in taken.items():
            size = sizes[name]
            print(
                f"  {name:18} {size / 1e6:5.2f} MB {middle:6.2f} ms ({low:.2f} to {high:.2f})   "
                f"{middle / size / static:.2f} x static, per byte",
                flush=True,
            )


def _steps(tags: dict) -> list:
    return tags.get(".", {}).get("lstm", {"steps": []})["steps"]


if __name__ == "__main__":
    main()
