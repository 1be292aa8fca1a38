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

pytestmark = pytest.mark.in_tensorboard

OpenTab = Callable[..., Tab]
VIEWS = ("overview", "flow", "heatmap", "curves", "distribution", "weights", "jacobian", "compare")
RUN = "runs=[%22lstm%22]"
# Choices that show further controls.
SCENES: dict[str, tuple[str, ...]] = {
    **{view: (f"view={view}",) for view in VIEWS},
    "groups of runs": ("view=overview", "groupBy=regex"),
    "chosen runs": ("view=overview", RUN),
    "a zoomed map": ("view=flow", RUN, "flowWindow=2,6,10,300", "bptt=8"),
    "two runs' decades": ("view=flow", "flowShow=difference"),
    "a grid of samples": ("view=heatmap", RUN, "show=samples", "window=2,6,9,30"),
    "an order of channels": ("view=heatmap", RUN, "order=norm@0@rms"),
    "samples by timesteps": ("view=heatmap", RUN, "show=channel", "low=-1"),
    "pages of plots": ("view=curves", RUN, "plots=16", "pins=[1]"),
    "norms of weights": ("view=weights", RUN, "weightsAs=norms"),
    "swiping": ("view=compare", "comparison=swipe"),
    "one series": ("view=flow", "alone=[[%22lstm%22,%22recurrent/hidden_state%22]]"),
}
# Controls and headings of columns. Names of runs, tags and channels are data; a dialog's button is
# plain.
WITHOUT_HELP = """() => {
  const every = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
    [one, ...(one.shadowRoot ? every(one.shadowRoot) : [])]);
  const controls = "button, input, select, summary, [role=slider], [role=separator], thead th";
  const plain = "[role=listitem] input, dialog button";
  const hasHelp = (one) => ["aria-description", "title"].some((name) => one.getAttribute(name));
  for (const details of every(document)) if (details.matches("details")) details.open = true;
  const found = every(document).filter((one) =>
    one.matches(controls) && one.checkVisibility() && !one.matches(plain));
  const bare = found.filter((one) => !hasHelp(one) && ![...one.children].some(hasHelp));
  const code = (one) => one.outerHTML.replaceAll(/<!--.*?-->/g, "").slice(0, 160);
  return [found.length, bare.map(code)];
}"""
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


@pytest.mark.parametrize("scene", SCENES)
def test_every_control_and_column_has_help(tab: OpenTab, demo_url: str, scene: str) -> None:
    page = tab(*SCENES[scene], "more=true", at=demo_url)
    found, bare = page.frame.evaluate(WITHOUT_HELP)
    assert bare == []
    assert found > 15


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
    "rg-curves-card": (("view=curves",), "rg-curves-plot[large] .plot"),
    "rg-multiples rg-card": (("view=heatmap", "show=samples"), "rg-heatmap canvas"),
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


def test_pictures_of_one_grid_have_one_size(tab: OpenTab) -> None:
    page = tab("show=samples", 'runs=["alpha"]', 'tags=["lstm"]')
    pictures = page.frame.locator("rg-multiples rg-card canvas")
    before = page.box(pictures.first)["height"]
    corner = page.frame.locator("rg-multiples").get_by_role("separator").last
    corner.press("ArrowDown")
    assert [page.box(picture)["height"] for picture in pictures.all()] == [before + 20] * 3


def test_small_plots_grow_with_the_large_one(tab: OpenTab) -> None:
    page = tab("view=curves", 'runs=["alpha"]', 'tags=["lstm"]')
    large = page.frame.locator("rg-curves-plot[large] .plot")
    small = page.frame.locator(".grid rg-curves-plot .plot").first
    before, ratio = page.box(large)["height"], page.box(small)["height"] / page.box(large)["height"]
    page.frame.locator("rg-curves-card").get_by_role("separator").press("ArrowDown")
    assert page.box(large)["height"] == before + 20
    assert page.box(small)["height"] == pytest.approx(ratio * (before + 20), abs=1)
    drawn = small.locator("canvas").evaluate("(one) => one.height / devicePixelRatio")
    assert drawn == pytest.approx(page.box(small)["height"] - 2, abs=1)


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
    again = Tab.open_again(page.page, url)
    again.frame.get_by_role("tab", name="Heatmap").click()
    assert again.box(again.canvas("alpha"))["height"] == height + 50


def test_a_card_of_points_can_fill_the_page_too(
    page: Page, tmp_path: Path, tensorboard_server: Server
) -> None:
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        writer.add_sequence("last", np.ones((6, 3), np.float32), 0, max_outputs=6)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: len(tags) == 1)
    shown = Tab.open_in_tensorboard(page, server.url)
    card = shown.frame.locator("rg-scatter")
    canvas = card.locator("canvas")
    before, small = shown.box(card), shown.box(canvas)
    card.get_by_role("button", name="Full page").click()
    assert shown.box(canvas)["height"] > 1.5 * small["height"]
    page.keyboard.press("Escape")
    assert shown.box(card) == before
    card.get_by_role("separator", name="Height of the picture").press("ArrowUp")
    assert shown.box(canvas)["height"] == small["height"] - 20
