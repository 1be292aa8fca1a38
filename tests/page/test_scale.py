"""Hundreds of runs and tags: lists draw only what is in view, and no view draws all unasked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tb_rnngrad import SummaryWriter

from .reading import Tab

OpenTab = Callable[..., Tab]
RUNS, TAGS = 130, 200
DATA = np.random.default_rng(0).standard_normal((1, 8, 2)).astype(np.float32)
# The most names of a list that are drawn: those in view, and a few more.
FEW = 110


def write_logs(logdir: Path) -> None:
    """Write many runs of one tag, and one run of many tags, which is the only one with weights."""
    for run in range(RUNS):
        with SummaryWriter(logdir / f"run{run:03}") as writer:
            writer.add_sequence("lstm", DATA, 0)
    with SummaryWriter(logdir / "wide") as writer, writer.batched():
        for tag in range(TAGS):
            writer.add_sequence(f"block_{tag}/lstm", DATA, 0)
        writer.add_sequence("w/kernel", np.ones((4, 8), np.float32), 0, quantity="weight")


@pytest.fixture(scope="module")
def scale_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., Any]
) -> str:
    """The address of a TensorBoard for these logs."""
    logdir = tmp_path_factory.mktemp("scale")
    write_logs(logdir)
    server = tensorboard_server(logdir)
    # A busy machine takes long to list thousands of runs.
    server.wait_for(
        lambda tags: len(tags) == RUNS + 1 and len(tags["wide"]) == TAGS + 1, seconds=180
    )
    return str(server.url)


def listed(page: Tab, kind: str) -> Locator:
    return page.frame.get_by_role("list", name=kind).get_by_role("checkbox")


def test_lists_draw_only_what_is_in_view_and_scroll_to_their_ends(
    tab: OpenTab, scale_url: str
) -> None:
    page = tab(at=scale_url)
    for kind, total, last in (("Runs", RUNS + 1, "wide"), ("Tags", TAGS + 2, "w/kernel")):
        assert 0 < listed(page, kind).count() < FEW
        scroller = page.frame.get_by_role("list", name=kind)
        first = scroller.get_by_role("listitem").first
        expect(first).to_have_attribute("aria-setsize", str(total))
        # Scroll repeatedly, as estimated heights may turn out to be wrong.
        for _ in range(3):
            scroller.evaluate("(list) => list.scrollTo(0, list.scrollHeight)")
            page.rest()
        expect(scroller.get_by_role("checkbox", name=last)).to_be_visible()
        assert listed(page, kind).count() < FEW


def test_a_long_list_leaves_room_for_the_other(tab: OpenTab, scale_url: str) -> None:
    page = tab("view=overview", at=scale_url)
    whole = page.box(page.frame.locator("rg-sidebar"))["height"]
    lists = page.frame.locator("rg-sidebar rg-checklist")
    for one in lists.all():
        assert page.box(one)["height"] > 0.3 * whole


def test_a_filter_lists_matches_and_all_selects_only_those(tab: OpenTab, scale_url: str) -> None:
    page = tab("runs=[]", at=scale_url)
    page.frame.get_by_label("Filter runs by regular expression").fill("run..7$")
    page.rest()
    assert listed(page, "Runs").count() == RUNS // 10
    page.frame.get_by_role("button", name="all").first.click()
    chosen = page.decoded("runs") or ""
    assert re.findall(r"run(\d+)", chosen) == [f"{run:03}" for run in range(7, RUNS, 10)]


def test_no_view_draws_hundreds_of_selected_runs_unasked(tab: OpenTab, scale_url: str) -> None:
    page = tab("runs=[]", "runFilter=run", at=scale_url)
    page.frame.get_by_role("button", name="all").first.click()
    said = page.frame.get_by_text(f"The first 64 of {RUNS} chosen series are shown.")
    expect(said).to_be_visible()
    expect(page.frame.locator("rg-card")).to_have_count(64)
    page.frame.get_by_role("button", name="Show more").click()
    expect(page.frame.locator("rg-card")).to_have_count(128)


def test_a_view_of_a_quantity_shows_the_first_runs_that_have_it(
    tab: OpenTab, scale_url: str
) -> None:
    page = tab("view=weights", at=scale_url)
    expect(page.frame.locator("rg-heatmap")).to_have_count(1)
    expect(page.frame.get_by_text(re.compile("^Ticked"))).to_have_count(0)
    page = tab("view=weights", 'runs=["run000","run001","wide"]', at=scale_url)
    said = page.frame.get_by_text("Ticked, but with no weights: run000, run001.")
    expect(said).to_be_visible()
    page = tab("view=heatmap", 'runs=["run000","wide"]', 'tags=["lstm"]', at=scale_url)
    said = page.frame.get_by_text("Ticked, but with none of the ticked tags: wide.")
    expect(said).to_be_visible()
