"""Runs real TensorBoards over directories of logs, and queries them."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Hides TensorFlow from TensorBoard, as in the environment of users who do not train with it.
WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
from tensorboard.main import run_main
run_main()
"""


@dataclass(frozen=True)
class Answer:
    """The response to a request."""

    code: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running TensorBoard."""

    url: str
    log: Path
    pid: int

    def get(self, route: str, method: str = "GET", **parameters: object) -> Answer:
        """Request a route of the plugin."""
        query = urllib.parse.urlencode(parameters)
        path = f"/data/plugin/rnngrad{route}" + (f"?{query}" if query else "")
        return self.outside(path, method)

    def outside(self, path: str, method: str = "GET") -> Answer:
        """Request any path of TensorBoard."""
        try:
            request = urllib.request.Request(self.url + path, method=method)
            with urllib.request.urlopen(request) as reply:
                return Answer(reply.status, reply.read(), dict(reply.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), dict(error.headers))

    def tags(self) -> Any:
        return self.get("/tags").json()

    def wait_for(self, ready: Callable[[Any], bool], seconds: float = 30) -> Any:
        """Return `/tags` once `ready` returns True for it."""
        deadline = time.monotonic() + seconds
        while True:
            tags = self.tags()
            if ready(tags):
                return tags
            if time.monotonic() > deadline:
                kept = {r: {t: len(e["steps"]) for t, e in of.items()} for r, of in tags.items()}
                raise AssertionError(f"not ready after {seconds} s: {kept}\n{self.log.read_text()}")
            time.sleep(0.1)

    def wait_until_shown(self, run: str, tag: str, steps: list[int], seconds: float = 30) -> None:
        """Wait until TensorBoard has just these steps of a tag, ours or a scalar."""
        deadline = time.monotonic() + seconds
        while (shown := self._steps_of(run, tag)) != steps:
            if time.monotonic() > deadline:
                raise AssertionError(f"{run} shows steps {shown} of {tag}; expected {steps}")
            time.sleep(0.1)

    def _steps_of(self, run: str, tag: str) -> list[int]:
        ours = self.tags().get(run, {})
        if tag in ours:
            return [step for step, _ in ours[tag]["steps"]]
        scalars = self.get("/scalars", tag=tag)
        return [step for step, *_ in scalars.json().get(run, ())] if scalars.code == 200 else []


@contextlib.contextmanager
def tensorboard(
    logdir: Path,
    log: Path,
    *flags: str,
    tensorflow: bool = False,
    python: str = sys.executable,
) -> Iterator[Server]:
    """Run a real TensorBoard over `logdir` on a free port."""
    start = ["-m", "tensorboard.main"] if tensorflow else ["-c", WITHOUT_TENSORFLOW]
    command = [python, *start, f"--logdir={logdir}", "--port=0", "--reload_interval=1"]
    with log.open("w") as output:
        process = subprocess.Popen([*command, *flags], stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Server(_address(process, log), log, process.pid)
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def tensorboards(logs: Path) -> Iterator[Callable[..., Server]]:
    """Yield a function that starts TensorBoards; they run until the block ends."""
    with contextlib.ExitStack() as running:
        numbers = itertools.count()

        def start(logdir: Path, *flags: str, tensorflow: bool = False) -> Server:
            log = logs / f"{next(numbers)}.txt"
            return running.enter_context(
                tensorboard(Path(logdir), log, *flags, tensorflow=tensorflow)
            )

        yield start


def _address(process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"at (http://\S+?)/? ", log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"TensorBoard did not start:\n{log.read_text()}")
