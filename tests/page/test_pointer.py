"""The page responds wherever the pointer goes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

from tb_rnngrad import SummaryWriter

from .reading import Tab
from .test_accessibility import OURS

OpenTab = Callable[..., Tab]
VIEWS = (
    "overview",
    "flow",
    "heatmap",
    "curves",
    "distribution",
    "weights",
    "jacobian",
    "compare",
)
# Everything drawn that the pointer can read, without text.
PICTURES = "canvas:visible, svg:visible, .plot:visible"
LEAST_PIXELS = 24
PLACES = ((0.15, 0.3), (0.5, 0.5), (0.85, 0.7))
# A page that works takes milliseconds; one that hangs never answers.
ANSWER_MILLISECONDS = 5000
CROWD = 40
LONG_NAME = "a_run_whose_name_was_put_together_from_all_its_hyperparameters/" + "units=128," * 12


def write_ugly_logs(logdir: Path) -> None:
    """Log many runs, and logs that are unusual in every way, each in its own run."""
    random = np.random.default_rng(0)
    plain = random.standard_normal((2, 12, 4)).astype(np.float32)
    for i in range(CROWD):
        with SummaryWriter(logdir / f"crowd_{i:02}") as writer:
            for step in (0, 5, 10):
                writer.add_sequence("lstm", plain * (1 + i + step), step)
    broken = plain.copy()
    broken[0, 3] = np.nan
    broken[1, 5, 2] = np.inf
    ugly: dict[str, np.ndarray] = {
        "nan": broken,
        "all_nan": np.full_like(plain, np.nan),
        "zeros": np.zeros_like(plain),
        "one_timestep": plain[:, :1],
        "without_time": plain[:, 0],
        "one_step": plain,
        LONG_NAME: plain,
    }
    for run, data in ugly.items():
        with SummaryWriter(logdir / run) as writer:
            for step in (0,) if run == "one_step" else (0, 3):
                groups = {"forward": 2, "backward": 2} if data.ndim == 3 else None
                writer.add_sequence("lstm", data, step, channel_groups=groups)
                writer.add_sequence("k", plain[0], step, quantity="weight")
                writer.add_sequence("jacobian", broken[0, :4, :4], step, quantity="state_jacobian")


@pytest.fixture(scope="module")
def ugly_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., Any]
) -> str:
    """The address of a TensorBoard for these logs."""
    logdir = tmp_path_factory.mktemp("ugly")
    write_ugly_logs(logdir)
    server = tensorboard_server(logdir)
    server.wait_for(lambda tags: len(tags) == CROWD + 7)
    return str(server.url)


def wander(page: Tab, within: Locator) -> int:
    """Point into every picture, waiting for an answer after each move; return their number."""
    pictures = [
        picture
        for picture in within.locator(PICTURES).all()
        if (box := picture.bounding_box()) and min(box["width"], box["height"]) >= LEAST_PIXELS
    ]
    for picture in pictures:
        box = page.box(picture)
        for across, down in PLACES:
            place = {"x": across * box["width"], "y": down * box["height"]}
            picture.hover(position=place, force=True, timeout=ANSWER_MILLISECONDS)  # type: ignore[arg-type]
            page.frame.wait_for_function("() => true", timeout=ANSWER_MILLISECONDS)
    page.rest()
    return len(pictures)


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_answers_wherever_the_pointer_goes(tab: OpenTab, demo_url: str, view: str) -> None:
    page = tab(f"view={view}", at=demo_url)
    assert wander(page, page.frame.locator(".content")) > 0


UGLY = ("nan", "all_nan", "zeros", "one_timestep", "without_time", "one_step", LONG_NAME)
CHOSEN = f"runs={urllib.parse.quote(json.dumps(UGLY))}"


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_answers_whatever_is_logged(tab: OpenTab, ugly_url: str, view: str) -> None:
    page = tab(f"view={view}", *([] if view == "overview" else [CHOSEN]), at=ugly_url)
    assert wander(page, page.frame.locator(".content")) > 0


@pytest.mark.parametrize("view", VIEWS)
def test_no_name_is_cut_off_whatever_is_logged(page: Page, ugly_url: str, view: str) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    tab = Tab.open(page, ugly_url, f"view={view}", CHOSEN)
    tab.frame.evaluate(OURS.read_text())
    assert tab.frame.evaluate("accessibility.cut()") == []


def test_a_long_name_starts_beside_its_colour(tab: OpenTab, ugly_url: str) -> None:
    runs = urllib.parse.quote(json.dumps([LONG_NAME]))
    page = tab("view=overview", f"runs={runs}", at=ugly_url)
    item = page.frame.locator("rg-overview-brief li").first
    colour, name = page.box(item.locator("i")), page.box(item.locator("b").first)
    assert abs(colour["y"] - name["y"]) < colour["height"]
