"""What controls do is said where they are; rare ones are folded away; words are explained."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .reading import Tab
from .test_accessibility import OURS, faint, violations

OpenTab = Callable[..., Tab]
SCALE = "How values become colours and heights."


def test_help_is_shown_to_pointers_and_to_keyboards_and_escape_puts_it_away(tab: OpenTab) -> None:
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


def test_rare_controls_are_folded_away_unless_they_are_in_use(tab: OpenTab) -> None:
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


def test_the_glossary_explains_the_words_and_gives_the_focus_back(tab: OpenTab) -> None:
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


def test_a_card_fills_the_page_and_escape_puts_it_back(tab: OpenTab) -> None:
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
