"""Fixtures: a real Chromium, and logs of known numbers in a real TensorBoard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import tb_rnngrad

from . import histories
from .reading import Tab, new_page

STEPS = {"alpha": (0, 10, 20, 30), "beta": (0, 12, 20, 30)}
DEMO_LOGS = Path(__file__).parents[2] / "demo_logs"
SHAPE = (3, 40, 8)  # samples, timesteps, channels


def logged(run: str, step: int) -> np.ndarray:
    """Return what `run` logged at `step`: values of both signs that fade over eight decades."""
    random = np.random.default_rng([step, *run.encode()])
    fading = 10.0 ** -np.linspace(0, 8, SHAPE[1])[::-1]
    scale = {"alpha": 1.0, "beta": 0.03}[run]
    values = random.standard_normal(SHAPE) * fading[:, np.newaxis] * scale * (1 + step)
    return values.astype(np.float32)


def odd() -> tuple[np.ndarray, list[int]]:
    """Return data with every kind of unusual number, and the lengths that pad it."""
    data = np.linspace(-1, 1, 2 * 12 * 4, dtype=np.float32).reshape(2, 12, 4) + np.float32(0.001)
    data[0, 0] = 0
    data[0, 1, 1] = np.nan
    data[0, 2, 2] = np.inf
    data[0, 3, 3] = -np.inf
    data[0, 4, 0] = np.float32(1e-45)
    return data, [9, 12]


def write_scalar(logdir: Path) -> None:
    """Log a scalar, and no data of this plugin."""
    writer = EventFileWriter(str(logdir))
    value = Summary.Value(tag="loss", simple_value=1.0)
    writer.add_event(Event(step=0, wall_time=1.0, summary=Summary(value=[value])))
    writer.close()


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs alpha and beta, run odd with unusual numbers, and a run that has only scalars."""
    logdir = tmp_path_factory.mktemp("logs")
    for run, steps in STEPS.items():
        with tb_rnngrad.SummaryWriter(logdir / run) as writer:
            for step in steps:
                groups = {"forward": 4, "backward": 4}
                writer.add_sequence("lstm", logged(run, step), step, channel_groups=groups)
                writer.add_sequence("lstm/y", logged(run, step), step, quantity="output_gradient")
    data, lengths = odd()
    with tb_rnngrad.SummaryWriter(logdir / "odd") as writer:
        writer.add_sequence("odd", data, 5, mask=lengths)
    write_scalar(logdir / "scalars")
    return logdir


@pytest.fixture(scope="session")
def url(logs: Path, lasting_server: Callable[..., object]) -> str:
    """The address of a TensorBoard that has loaded all of `logs`."""
    server = lasting_server(logs)
    server.wait_for(
        lambda tags: (
            {run: len(tags.get(run, {})) for run in ("alpha", "beta", "odd")}
            == {"alpha": 2, "beta": 2, "odd": 1}
            and all(len(tags[run]["lstm/y"]["steps"]) == 4 for run in STEPS)
        )
    )
    return server.url


@pytest.fixture(scope="session")
def history_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of flows with a known history."""
    logdir = tmp_path_factory.mktemp("histories")
    histories.write_histories(logdir)
    return logdir


@pytest.fixture(scope="session")
def history_url(history_logs: Path, lasting_server: Callable[..., Any]) -> str:
    """The address of a TensorBoard for `history_logs`."""
    server = lasting_server(history_logs)
    last = histories.STEPS[-1]
    server.wait_for(
        lambda tags: (
            set(tags) == {"growing", "failing"}
            and tags["failing"]["itemized"]["steps"][-1][0] == last
            and tags["growing"]["lstm_2"]["last_flow"] == [last, 1000.0 + last]
        )
    )
    return str(server.url)


@pytest.fixture(scope="session")
def demo_url(lasting_server: Callable[..., Any]) -> str:
    """The address of a TensorBoard for the demo's logs, which every tab can draw."""
    server = lasting_server(DEMO_LOGS)
    server.wait_for(lambda tags: len(tags) == 4)
    return str(server.url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the system's if there is one, else Playwright's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


# A busy machine may be slow.
expect.set_options(timeout=30_000)

# TensorBoard's own bundles print this.
FOREIGN = re.compile("Multiple instances of Three.js")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page; the test fails if its console shows an error or a warning."""
    page = new_page(browser)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: (
            message.type in ("error", "warning")
            and not FOREIGN.search(message.text)
            and not message.location["url"].endswith("/favicon.ico")  # a page alone has none
            and problems.append(message.text)
        ),
    )
    page.expected_problems = []  # type: ignore[attr-defined]
    yield page
    page.context.close()
    expected = page.expected_problems  # type: ignore[attr-defined]
    assert [p for p in problems if not any(part in p for part in expected)] == []


@pytest.fixture
def tab(page: Page, url: str, request: pytest.FixtureRequest) -> Callable[..., Tab]:
    """Open the page: `tab("step=10", ...)` with keys of its URL.

    Tests marked `in_tensorboard` see it in TensorBoard's tab, the others alone.
    """
    is_alone = request.node.get_closest_marker("in_tensorboard") is None

    def open_tab(*keys: str, at: str = url) -> Tab:
        return (Tab.open if is_alone else Tab.open_in_tensorboard)(page, at, *keys)

    return open_tab
