"""Every tab in light and dark passes axe-core, and checks of what axe-core does not cover."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .reading import Tab

ROOT = Path(__file__).parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
OURS = Path(__file__).with_name("accessibility.js")
VIEWS = ("overview", "flow", "heatmap", "curves", "distribution", "weights", "jacobian", "compare")


def opened(page: Page, url: str, *keys: str) -> Tab:
    """Open the page, and wait until nothing is loading."""
    tab = Tab.open_in_tensorboard(page, url, *keys)
    tab.rest()
    tab.frame.evaluate(OURS.read_text())
    return tab


def violations(tab: Tab) -> list[str]:
    """Return the problems that axe-core finds."""
    tab.frame.evaluate(AXE.read_text())
    found = tab.frame.evaluate("async () => (await axe.run()).violations")
    return [
        f"{rule['id']}: {node['target']} {node['html'][:120]}"
        for rule in found
        for node in rule["nodes"]
        # The plot's text is the ends of its axis, not a label that its name must repeat.
        if not (rule["id"] == "label-content-name-mismatch" and "<rg-curves-plot" in node["html"])
    ]


def faint(tab: Tab) -> list[str]:
    """Return text and edges with too little contrast."""
    found = tab.frame.evaluate("accessibility.contrasts()")
    assert len(found) > 20  # the page is drawn
    return [f"{one['what']}: {one['ratio']:.2f}" for one in found if one["ratio"] < one["least"]]


def beyond_keys(tab: Tab) -> list[str]:
    """Return what the Tab key does not reach, and what does not show its focus."""
    tab.frame.evaluate("window.focus()")
    faint_rings = []
    while True:
        tab.page.keyboard.press("Tab")
        tab.rest()  # the part that it scrolled to is drawn, with its controls
        stop = tab.frame.evaluate("accessibility.noteFocus()")
        if stop is None:
            return faint_rings + list(tab.frame.evaluate("accessibility.unreached()"))
        if stop["ring"] < 3:
            faint_rings.append(f"the ring of {stop['what']}: {stop['ring']:.2f}")


def nameless(page: Page) -> list[str]:
    """Return what can have the focus but has no role or no name for a screen reader."""
    devtools = page.context.new_cdp_session(page)
    frame = devtools.send("Page.getFrameTree")["frameTree"]["childFrames"][0]["frame"]["id"]
    nodes = devtools.send("Accessibility.getFullAXTree", {"frameId": frame})["nodes"]
    focusable = [
        node
        for node in nodes
        if any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", []))
    ]
    assert len(focusable) > 10
    return [
        f"{node['role']['value']} {node.get('name', {}).get('value')!r}"
        for node in focusable
        if node["role"]["value"] in ("generic", "none", "Canvas")
        or not node.get("name", {}).get("value")
    ]


def assert_seen_and_read_aloud(tab: Tab) -> None:
    """Check in light and dark that axe-core finds nothing, nothing is faint, and all has a name."""
    for dark in (False, True):
        tab.page.evaluate("(dark) => document.body.classList.toggle('dark-mode', dark)", dark)
        tab.rest()
        assert violations(tab) == []
        assert faint(tab) == []
    assert nameless(tab.page) == []


@pytest.mark.parametrize("view", VIEWS)
def test_tabs_are_visible_read_aloud_and_usable_by_keyboard_in_light_and_dark(
    page: Page, demo_url: str, view: str
) -> None:
    runs = ["runs=[%22lstm%22]"] if view == "weights" else []  # as there are many histograms
    tab = opened(page, demo_url, f"view={view}", *runs)
    assert_seen_and_read_aloud(tab)
    assert beyond_keys(tab) == []


# For each choice: an element that only this choice shows, and the keys that select it.
CHOICES = {
    "a grid of samples": ("rg-multiples", "view=heatmap", "show=samples", "columns=2"),
    "samples by timesteps": ("rg-sample-map", "view=heatmap", "show=channel"),
    "weight norms by gate": ("rg-step-curves", "view=weights", "weightsAs=norms"),
    "heatmaps with rare controls": ("#range", "view=heatmap", "time=lag", "low=-1"),
    "flow with rare controls": ("#exploding", "view=flow", "flowAxis=lag", "bptt=20"),
    "distributions of few bars": (".cut[d^=M]", "view=distribution", "freeBins=true", "peaks=0.05"),
    "groups of runs": ("#groupPattern", "view=overview", "groupBy=regex"),
    "swiping": ("rg-swipe", "view=compare", "comparison=swipe"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_other_choices_are_visible_read_aloud_and_usable_by_keyboard(
    page: Page, demo_url: str, choice: str
) -> None:
    runs = ["runs=[%22lstm%22,%22gru%22]"] if choice in ("groups of runs", "swiping") else []
    shown, *keys = CHOICES[choice]
    tab = opened(page, demo_url, *keys, "more=true", *runs or ["runs=[%22lstm%22]"])
    expect(tab.frame.locator(shown).first).to_be_attached()
    assert_seen_and_read_aloud(tab)
    assert beyond_keys(tab) == []


def test_a_card_that_fills_the_page_is_visible_and_read_aloud(page: Page, demo_url: str) -> None:
    tab = opened(page, demo_url, "view=heatmap", "runs=[%22lstm%22]")
    tab.card("lstm").get_by_role("button", name="Full page").click()
    tab.rest()
    assert_seen_and_read_aloud(tab)


@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_no_text_is_cut_off_and_no_numbers_overlap(page: Page, demo_url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tab = opened(page, demo_url, "view=overview")
    for view in VIEWS:
        tab.frame.get_by_role("tab", name=view.capitalize()).click()
        tab.rest()
        assert tab.frame.evaluate("accessibility.cut()") == [], view


@pytest.mark.parametrize("width", [700, 480])
def test_nothing_overlaps_or_sticks_out_in_narrow_windows(
    page: Page, demo_url: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tab = opened(page, demo_url, "view=overview")
    for view in VIEWS:
        tab.frame.get_by_role("tab", name=view.capitalize()).click()
        tab.rest()
        assert tab.frame.evaluate("accessibility.crowded()") == [], view
