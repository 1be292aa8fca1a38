"""One view of a warm record over HTTP, against TensorBoard serving its own script, byte for byte.

Budget: 3 x what a static file of the same size takes. Medians and quartiles, in both loading modes.

    python benchmarks/views.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tb_rnngrad import SummaryWriter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from servers import Answer, Server, tensorboard

ROUNDS = 40
STEPS = 10


def milliseconds(ask: Callable[[int], Answer]) -> tuple[list[float], int]:
    """Return the quartiles of the time that an answer takes, and its size in bytes."""
    size = len(ask(0).body)
    taken = []
    for round_ in range(ROUNDS):
        start = time.perf_counter()
        answer = ask(round_)
        taken.append(1e3 * (time.perf_counter() - start))
        assert answer.code == 200, answer.text
    return statistics.quantiles(taken, n=4), size


def works(server: Server, record: dict) -> dict[str, Callable[[int], Answer]]:
    return {
        "static": lambda _: server.outside("/index.js"),
        "view, float32": lambda _: server.get("/tensor", padding="mark", **record),
        "view, bfloat16": lambda _: server.get("/tensor", dtype="bfloat16", **record),
        "view, pooled": lambda _: server.get("/tensor", width=700, **record),
    }


def main() -> None:
    data = np.random.default_rng(0).normal(size=(4, 1403, 256)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        logdir = Path(folder) / "logs"
        with SummaryWriter(logdir) as writer:
            for step in range(STEPS):
                writer.add_sequence("lstm", data, step)
        for mode in ("true", "false"):
            with tensorboard(logdir, Path(folder) / "log.txt", f"--load_fast={mode}") as server:
                tags = server.wait_for(lambda tags: tags and len(_steps(tags)) == STEPS)
                _, wall_time = _steps(tags)[0]
                record = {"run": ".", "tag": "lstm", "step": 0, "wall_time": wall_time}
                results = {name: milliseconds(work) for name, work in works(server, record).items()}
                (_, static, _), static_size = results["static"]
                print(f"--load_fast={mode}")
                for name, ((low, middle, high), size) in results.items():
                    per_byte = (middle / size) / (static / static_size)
                    print(
                        f"  {name:16} {size / 1e6:5.2f} MB {middle:6.2f} ms "
                        f"({low:.2f} to {high:.2f})   {per_byte:.2f} x static, per byte"
                    )


def _steps(tags: dict) -> list:
    return tags.get(".", {}).get("lstm", {"steps": []})["steps"]


if __name__ == "__main__":
    main()
