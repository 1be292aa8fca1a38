"""Controls explain themselves, rare ones are folded away, and a glossary explains the terms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import tb_rnngrad

from .reading import Tab
from .test_accessibility import OURS, faint, violations

OpenTab = Callable[..., Tab]
Server = Callable[..., Any]
SCALE = "How values become colours and heights."


def test_help_opens_by_pointer_and_keyboard_and_escape_closes_it(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]')
    help_text = page.frame.locator("rg-tips div")
    scale = page.frame.get_by_label("Scale", exact=True)
    expect(scale).to_have_accessible_description(re.compile(SCALE))
    expect(help_text).to_be_hidden()
    page.frame.locator("label", has_text="Scale").hover()
    expect(help_text).to_be_visible()
    expect(help_text).to_contain_text(SCALE)
    page.page.mouse.move(0, 0)
    expect(help_text).to_be_hidden()
    scale.focus()
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Shift+Tab")
    expect(help_text).to_contain_text(SCALE)
    box, viewport = page.box(help_text), page.page.viewport_size
    assert viewport and box["x"] >= 0 and box["x"] + box["width"] <= viewport["width"]
    page.page.keyboard.press("Escape")
    expect(help_text).to_be_hidden()


def test_rare_controls_are_folded_away_unless_in_use(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', "percentile=95")
    limit, reach = page.frame.locator("#percentile"), page.frame.locator("#range")
    expect(limit).to_be_visible()
    expect(reach).to_have_count(0)
    page.frame.get_by_role("button", name="More controls").click()
    expect(reach).to_be_visible()
    assert page.key("more") == "true"
    page.frame.get_by_role("button", name="Fewer controls").click()
    expect(reach).to_have_count(0)
    limit.select_option("100")
    expect(limit).to_have_count(0)


def test_the_glossary_explains_terms_and_returns_the_focus(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]')
    button = page.frame.get_by_role("button", name="Glossary")
    button.click()
    dialog = page.frame.get_by_role("dialog", name="Glossary")
    expect(dialog).to_be_visible()
    for term in ("hidden-state gradient", "memory horizon", "lag", "symlog"):
        expect(dialog.get_by_role("term").filter(has_text=term).first).to_be_visible()
    page.frame.evaluate(OURS.read_text())
    for dark in (False, True):
        page.page.evaluate("(dark) => document.body.classList.toggle('dark-mode', dark)", dark)
        page.rest()
        assert violations(page) == []
        assert faint(page) == []
    page.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_a_card_can_fill_the_page_until_escape(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["lstm"]')
    card, canvas = page.card("alpha"), page.canvas("alpha")
    before, small = page.box(card), page.box(canvas)
    card.get_by_role("button", name="Full page").click()
    frame = page.box(page.page.locator("iframe"))
    full, large = page.box(card), page.box(canvas)
    assert (full["width"], full["height"]) == pytest.approx(
        (frame["width"], frame["height"]), abs=1
    )
    assert large["width"] > small["width"] and large["height"] > 1.5 * small["height"]
    page.hover("alpha", 3, 5, (8, 40))
    expect(card.locator(".readout")).to_contain_text("timestep 5, channel 3")
    page.page.keyboard.press("Escape")
    assert page.box(card) == before
    expect(card.get_by_role("button", name="Full page")).to_be_focused()


CARDS = {  # for each kind: the view, and the element that has the height
    "rg-card": (("view=heatmap",), "rg-heatmap canvas"),
    "rg-flow-card": (("view=flow",), "rg-heatmap canvas"),
    "rg-flow-curves rg-curve": (("view=flow",), ".plot"),
    "rg-distribution-card": (("view=distribution",), "rg-histogram svg"),
    "rg-difference": (("view=compare",), "rg-heatmap canvas"),
    "rg-swipe": (("view=compare", "comparison=swipe"), "rg-heatmap canvas"),
}


@pytest.mark.parametrize("kind", CARDS)
def test_a_card_can_be_resized_by_its_corner_and_fill_the_page(tab: OpenTab, kind: str) -> None:
    keys, picture = CARDS[kind]
    page = tab(*keys, 'runs=["alpha"]', 'tags=["lstm/forward","lstm"]')
    card = page.frame.locator(kind).first
    drawn = card.locator(picture).first
    corner = card.get_by_role("separator", name="Height of the picture")

    def size() -> tuple[float, float]:
        box = page.box(card)
        return box["width"], box["height"]

    before, height = size(), page.box(drawn)["height"]
    for _ in range(3):
        corner.press("ArrowDown")
    assert page.box(drawn)["height"] == pytest.approx(height + 60, abs=1)
    assert size()[1] > before[1]
    corner.press("0")
    assert (size(), page.key("sizes")) == (before, None)
    card.get_by_role("button", name="Full page").click()
    frame = page.box(page.page.locator("iframe"))
    assert size()[1] == pytest.approx(frame["height"], abs=1)
    expect(corner).to_be_hidden()
    page.page.keyboard.press("Escape")
    assert size() == before


def test_a_cards_size_is_in_the_link_and_remembered(tab: OpenTab, url: str) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]')
    card, other = page.card("alpha"), page.card("beta")
    narrow, height = page.box(card)["width"], page.box(page.canvas("alpha"))["height"]
    corner = page.box(card.get_by_role("separator", name="Height of the picture"))
    at = (corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.page.mouse.move(*at)
    page.page.mouse.down()
    page.page.mouse.move(at[0] + 100, at[1] + 50, steps=4)
    page.page.mouse.up()
    size = [height + 50, True]
    assert json.loads(page.decoded("sizes") or "") == [["rg-card alpha lstm", size]]
    assert page.box(card)["width"] > 1.9 * narrow
    assert page.box(page.canvas("alpha"))["height"] == height + 50
    assert page.box(page.canvas("beta"))["height"] == height
    expect(other).to_be_visible()
    page.page.goto("about:blank")
    page.page.goto(f"{url}/#rnngrad")
    again = Tab.attach(page.page)
    again.frame.get_by_role("tab", name="Heatmap").click()
    assert again.box(again.canvas("alpha"))["height"] == height + 50


def test_a_card_of_points_can_fill_the_page_too(
    page: Page, tmp_path: Path, tensorboard_server: Server
) -> None:
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        writer.add_sequence("last", np.ones((6, 3), np.float32), 0, max_outputs=6)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: len(tags) == 1)
    shown = Tab.open(page, server.url)
    card = shown.frame.locator("rg-scatter")
    canvas = card.locator("canvas")
    before, small = shown.box(card), shown.box(canvas)
    card.get_by_role("button", name="Full page").click()
    assert shown.box(canvas)["height"] > 1.5 * small["height"]
    page.keyboard.press("Escape")
    assert shown.box(card) == before
    card.get_by_role("separator", name="Height of the picture").press("ArrowUp")
    assert shown.box(canvas)["height"] == small["height"] - 20
