"""Failed requests, stale links, nothing selected: the page says so in words and keeps settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from servers import tensorboard

import tb_rnngrad

from .conftest import DEMO_LOGS
from .reading import Tab

OpenTab = Callable[..., Tab]
# For each tab, an element that appears once its data has come.
PICTURES = {
    "overview": "rg-overview-table td svg",
    "flow": "rg-flow-map canvas",
    "heatmap": "rg-card rg-heatmap canvas",
    "curves": "rg-curves-card canvas",
    "distribution": "rg-histogram svg",
    "weights": "rg-heatmap canvas",
    "jacobian": "rg-card rg-heatmap canvas",
    "compare": "rg-card rg-heatmap canvas",
}
DATA = re.compile(r"/data/plugin/rnngrad/(tensor|flow|histogram)\?")


@pytest.mark.parametrize("view", PICTURES)
def test_a_failed_request_is_reported_can_be_retried_and_keeps_settings(
    page: Page, demo_url: str, view: str
) -> None:
    page.expected_problems.append("ERR_FAILED")  # type: ignore[attr-defined]
    page.route(DATA, lambda route: route.abort())
    keys = {"step": "720", "scale": "linear", "eps": "0.02", "runs": '["lstm","gru"]'}
    tab = Tab.open(page, demo_url, f"view={view}", *(f"{key}={keys[key]}" for key in keys))
    message = tab.frame.locator("rg-message", has=tab.frame.get_by_role("alert")).first
    expect(message.get_by_role("heading")).to_contain_text("could not be loaded")
    expect(message).to_contain_text("TensorBoard does not answer")
    expect(tab.frame.locator(PICTURES[view])).to_have_count(0)
    page.unroute(DATA)
    message.get_by_role("button", name="Retry").click()
    expect(tab.frame.locator(PICTURES[view]).first).to_be_visible()
    expect(tab.frame.get_by_role("alert")).to_have_count(0)
    for key, value in keys.items():
        assert tab.decoded(key) == value


def test_detail_that_fails_to_load_is_reported_and_can_be_retried(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., Any]
) -> None:
    """The curves of a record that is larger than the screen are fetched separately."""
    page.expected_problems.append("503")  # type: ignore[attr-defined]
    data = np.random.default_rng(4).standard_normal((1, 3000, 8)).astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path / "long") as writer:
        writer.add_sequence("g", data, 0)
        jacobian = np.ones((1600, 1600), np.float32)
        writer.add_sequence("j", jacobian, 0, quantity="state_jacobian")
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: len(tags.get("long", {})) == 2)
    curves = re.compile(r"/tensor\?.*(c0=2&c1=3|t0=1599&t1=1600)")
    for keys, line in (
        (("pins=[2]", 'tags=["g"]'), "channel 2"),
        (("view=jacobian",), "State at timestep 1599"),
    ):
        page.route(curves, lambda route: route.fulfill(status=503, body="the disk is asleep"))
        tab = Tab.open(page, server.url, *keys)
        message = tab.frame.locator("rg-message", has=tab.frame.get_by_role("alert"))
        expect(message.get_by_role("heading")).to_have_text(
            "Part of what belongs here could not be loaded"
        )
        expect(message).to_contain_text(re.compile(r"of long, [gj], step 0\.\s+the disk is asleep"))
        plot = tab.frame.locator("rg-curve", has_text=line)
        lines = "({ lines }) => lines.length"
        assert plot.evaluate(lines) == 0
        page.unroute(curves)
        message.get_by_role("button", name="Retry").click()
        expect(message).to_have_count(0)
        tab.rest()
        assert plot.evaluate(lines) == 1


def test_a_range_over_all_steps_that_fails_is_reported_and_can_be_retried(
    page: Page, demo_url: str
) -> None:
    page.expected_problems.append("503")  # type: ignore[attr-defined]
    page.route(re.compile("/flow"), lambda route: route.fulfill(status=503, body="asleep"))
    tab = Tab.open(page, demo_url, "range=steps", "more=true", 'runs=["gru"]')
    tab.at_step("gru", 1440)
    message = tab.frame.locator("rg-message", has=tab.frame.get_by_role("alert"))
    expect(message).to_contain_text("Missing: the range over all steps of gru,")
    high = tab.frame.get_by_label("Typed limit")
    of_step = high.get_attribute("placeholder") or ""
    page.unroute(re.compile("/flow"))
    message.get_by_role("button", name="Retry").click()
    expect(message).to_have_count(0)
    expect(high).not_to_have_attribute("placeholder", of_step)


def test_a_stopped_tensorboard_is_reported_and_nothing_is_lost(page: Page, tmp_path: Path) -> None:
    page.expected_problems.append("ERR_CONNECTION_REFUSED")  # type: ignore[attr-defined]
    with tensorboard(DEMO_LOGS, tmp_path / "log.txt") as server:
        server.wait_for(lambda tags: len(tags) == 4)
        tab = Tab.open(page, server.url, 'runs=["lstm"]', "scale=linear")
        tab.at_step("lstm", 1440)
    tab.slider().press("Home")
    message = tab.frame.locator("rg-card rg-message")
    expect(message).to_contain_text("TensorBoard does not answer. Is it still running?")
    expect(message.get_by_role("button", name="Retry")).to_be_visible()
    assert (tab.key("step"), tab.key("scale")) == ("0", "linear")
    tab.slider().press("End")
    tab.at_step("lstm", 1440)  # it arrived before


def test_a_missing_run_of_a_stale_link_is_named_and_can_be_dropped(tab: OpenTab) -> None:
    page = tab('runs=["gone","alpha"]', 'tags=["lstm"]')
    page.at_step("alpha", 30)
    message = page.frame.locator("rg-message")
    expect(message.get_by_role("heading")).to_have_text("There is no run gone")
    expect(page.frame.locator("rg-checklist").first).to_contain_text("not found")
    page.frame.get_by_role("checkbox", name="gone").click()
    expect(message).to_have_count(0)
    page.at_step("alpha", 30)
    assert json.loads(page.decoded("runs") or "") == ["alpha"]


def test_a_missing_tag_of_a_stale_link_is_named_and_can_be_dropped(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["gone"]', "step=10")
    heading = page.frame.locator("rg-message").get_by_role("heading")
    expect(heading).to_have_text("Nothing to show")
    expect(page.frame.locator("rg-checklist").nth(1)).to_contain_text("not found")
    page.frame.get_by_role("checkbox", name="gone").click()
    expect(heading).to_have_text("No tag is selected")
    page.frame.get_by_role("checkbox", name="lstm", exact=True).check()
    page.at_step("alpha", 10)


def test_the_page_says_where_to_choose_if_no_run_or_tag_is_selected(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["lstm"]', "step=10")
    heading = page.frame.locator("rg-message").get_by_role("heading")
    for i, (kind, name) in enumerate((("run", "alpha"), ("tag", "lstm"))):
        page.at_step("alpha", 10)
        names = page.frame.locator("rg-checklist").nth(i)
        names.get_by_role("button", name="none").click()
        expect(heading).to_have_text([f"No {kind} is selected"])
        names.get_by_role("checkbox", name=name, exact=True).check()
    page.at_step("alpha", 10)


def test_every_tab_says_if_nothing_is_selected(tab: OpenTab) -> None:
    page = tab("runs=[]")
    for view in PICTURES:
        page.frame.get_by_role("tab", name=view.capitalize()).click()
        heading = page.frame.locator("[role=tabpanel]").get_by_role("heading")
        expect(heading).to_have_text([view.capitalize(), "No run is selected"])


def test_an_invalid_regular_expression_is_reported_and_kept(tab: OpenTab) -> None:
    page = tab('tags=["lstm"]', "runFilter=alpha(")
    page.at_step("alpha", 30)
    expect(page.frame.get_by_role("alert")).to_contain_text("No regular expression")
    field = page.frame.get_by_label("Filter runs by regular expression")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("alpha(")
    field.fill("alpha")
    expect(page.frame.get_by_role("alert")).to_have_count(0)
    runs = page.frame.locator("rg-checklist").first
    expect(runs.get_by_role("checkbox")).to_have_count(1)
