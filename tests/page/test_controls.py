"""Colour controls and playback."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from servers import Server

import tb_rnngrad

from .conftest import STEPS, logged
from .reading import Tab, assert_colours, assert_ranged, automatic_scale, symlog_places

OpenTab = Callable[..., Tab]
ALPHA = ('runs=["alpha"]', 'tags=["lstm"]')


def picture(step: int = 30) -> np.ndarray:
    return logged("alpha", step)[0].T


def quantile(values: np.ndarray, share: float) -> float:
    """Return the magnitude that a `share` of the magnitudes does not exceed."""
    ranked = np.sort(np.abs(values).ravel())
    return float(ranked[round(share * (ranked.size - 1))])


def test_typed_ends_replace_the_automatic_ones(tab: OpenTab) -> None:
    page = tab(*ALPHA, "more=true")
    page.at_step("alpha", 30)
    for name, typed in (("limit", "5"), ("threshold", "1e-3")):
        page.frame.get_by_label(f"Typed {name}").fill(typed)
        page.frame.get_by_label(f"Typed {name}").press("Enter")
    assert (page.key("limit"), page.key("threshold")) == ("5", "0.001")
    assert_ranged(page.cells("alpha", *picture().shape), picture(), 5, 1e-3)
    page.frame.get_by_label("Typed limit").fill("-3")
    page.frame.get_by_label("Typed limit").press("Enter")
    expect(page.frame.get_by_label("Typed limit")).to_have_value("5")
    page.frame.get_by_label("Typed limit").fill("")
    page.frame.get_by_label("Typed limit").press("Enter")
    assert page.key("limit") is None


def test_a_percentile_cuts_off_the_largest_values(tab: OpenTab) -> None:
    page = tab(*ALPHA, "more=true")
    page.at_step("alpha", 30)
    page.frame.locator("#percentile").select_option("95")
    limit = quantile(picture(), 0.95)
    expect(page.frame.get_by_label("Typed limit")).to_have_attribute("placeholder", f"{limit:.3g}")
    assert_ranged(page.cells("alpha", *picture().shape), picture(), limit)


def test_a_range_over_all_steps_stays_while_stepping(tab: OpenTab) -> None:
    page = tab(*ALPHA, "range=steps", "more=true")
    limit = max(float(np.abs(logged("alpha", step)).max()) for step in STEPS["alpha"])
    high = page.frame.get_by_label("Typed limit")
    expect(high).to_have_attribute("placeholder", f"{limit:.3g}")
    page.slider().press("Home")
    page.at_step("alpha", 0)
    expect(high).to_have_attribute("placeholder", f"{limit:.3g}")
    seen = page.cells("alpha", *picture(0).shape)
    assert_colours(seen, symlog_places(picture(0), limit, limit * 1e-3), "vik")


def test_the_threshold_can_be_dragged_on_the_bar(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    thumb = page.frame.get_by_role("slider", name="Symlog threshold")
    bar = page.box(page.frame.locator("rg-colour-bar canvas"))
    start = page.box(thumb)
    page.page.mouse.move(start["x"] + 4, start["y"] + 9)
    page.page.mouse.down()
    page.page.mouse.move(bar["x"] + bar["width"] * 0.75, bar["y"] + 4, steps=3)
    page.page.mouse.up()
    limit, _ = automatic_scale([picture()])
    # At three quarters of the bar: log 2 / log(1 + limit / threshold) = 1/2.
    threshold = float(page.key("threshold") or "nan")
    assert threshold == pytest.approx(limit / 3, rel=0.02)
    seen = page.cells("alpha", *picture().shape)
    assert_colours(seen, symlog_places(picture(), limit, threshold), "vik")
    thumb.press("ArrowLeft")
    assert float(page.key("threshold") or "nan") == pytest.approx(threshold / 2, rel=0.01)
    thumb.dblclick()
    assert page.key("threshold") is None


# Collects in `shown` the label of every step whose picture was shown.
RECORD = """(label) => {
  window.shown = [];
  const note = () => {
    const text = label.textContent.trim();
    if (!text.includes("loading") && window.shown.at(-1) !== text) window.shown.push(text);
  };
  const all = { childList: true, characterData: true, subtree: true };
  new MutationObserver(note).observe(label, all);
}"""


def shown_steps(page: Tab, count: int) -> list[str]:
    """Return the first `count` steps shown since `RECORD`, once there are as many."""
    page.frame.wait_for_function("(count) => shown.length >= count", arg=count)
    return list(page.frame.evaluate("(count) => shown.slice(0, count)", count))


def test_playback_shows_one_step_after_another(tab: OpenTab) -> None:
    page = tab(*ALPHA, "speed=8", "loop=false")
    page.at_step("alpha", 30)
    page.card("alpha").locator(".step").evaluate(RECORD)
    page.frame.get_by_role("button", name="Play").click()
    assert shown_steps(page, 4) == ["step 0", "step 10", "step 20", "step 30"]
    expect(page.frame.get_by_role("button", name="Play")).to_be_visible()  # it has stopped


def test_looping_playback_starts_again(tab: OpenTab) -> None:
    page = tab(*ALPHA, "loop=false", "step=20")
    page.at_step("alpha", 20)
    page.frame.get_by_label("Speed").select_option("8/s")
    page.frame.get_by_label("loop").check()
    assert (page.key("speed"), page.key("loop")) == ("8", None)
    page.card("alpha").locator(".step").evaluate(RECORD)
    page.frame.get_by_role("button", name="Play").click()
    assert shown_steps(page, 3) == ["step 30", "step 0", "step 10"]
    page.frame.get_by_role("button", name="Pause").click()
    expect(page.frame.get_by_role("button", name="Play")).to_be_visible()
    stopped = page.step()
    page.frame.wait_for_timeout(3 * 1000 / 8)  # the time of three more steps
    assert page.step() == stopped


def test_each_sample_can_have_its_own_picture(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    page.frame.get_by_label("Show", exact=True).select_option("samples")
    cards = page.frame.locator("rg-multiples rg-card")
    expect(cards.locator("h3")).to_have_text([f"sample {sample}" for sample in range(3)])
    expect(page.frame.locator("rg-multiples header").first).to_contain_text("step 30")
    data = logged("alpha", 30)
    scale = automatic_scale(list(data))  # all samples share a scale
    for sample in range(3):
        seen = page.read_cells(cards.nth(sample).locator("canvas"), 8, 40)
        assert_colours(seen, symlog_places(data[sample].T, *scale), "vik")
    cards.nth(1).locator("canvas").hover()
    marked = page.frame.locator("rg-card[marked]")
    expect(marked.locator(".readout")).to_contain_text("sample 1 of 3, timestep")
    for curve in page.frame.locator("rg-curve").all():
        expect(curve.locator(".values .on")).to_contain_text("alpha sample 1")


def test_settings_are_remembered_unless_a_link_overrides_them(tab: OpenTab, url: str) -> None:
    page = tab(*ALPHA)
    page.frame.get_by_label("Scale").select_option("linear")
    assert page.key("scale") == "linear"
    expect(Tab.open_again(page.page, url).frame.get_by_label("Scale")).to_have_value("linear")
    expect(tab(*ALPHA).frame.get_by_label("Scale")).to_have_value("")


def test_a_choice_made_just_before_the_page_is_left_is_remembered(tab: OpenTab, url: str) -> None:
    page = tab(*ALPHA)
    page.frame.get_by_label("Scale").select_option("linear")
    # The address follows after a tenth of a second, and the page is gone by then.
    assert Tab.open_again(page.page, url).frame.get_by_label("Scale").input_value() == "linear"


def test_a_range_over_all_runs_covers_hidden_ones(tab: OpenTab) -> None:
    page = tab(
        'runs=["beta"]', 'tags=["lstm"]', "range=runs", "step=12", "percentile=99", "more=true"
    )
    shown, other = logged("beta", 12)[0].T, logged("alpha", 10)[0].T  # nearest to 12
    assert np.abs(other).max() > 5 * np.abs(shown).max()
    high = page.frame.get_by_label("Typed limit")
    limit = quantile(other, 0.99)
    expect(high).to_have_attribute("placeholder", f"{limit:.3g}")
    assert_ranged(page.cells("beta", *shown.shape), shown, limit)
    page.frame.get_by_label("Range").select_option("shared")
    expect(high).to_have_attribute("placeholder", f"{quantile(shown, 0.99):.3g}")


def test_pinned_cards_come_first_also_on_the_next_visit(tab: OpenTab, url: str) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm","lstm/y"]')
    headings = page.frame.locator("rg-card header h3")
    tags = page.frame.locator("rg-card > p, rg-card p.muted")
    expect(headings).to_have_text(["alpha", "beta", "alpha", "beta"])
    page.frame.get_by_role("button", name="Pin beta: lstm", exact=True).press("Enter")
    expect(headings).to_have_text(["beta", "alpha", "alpha", "beta"])
    expect(page.frame.get_by_role("button", name="Pin beta: lstm", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.frame.get_by_role("button", name="Pin beta: lstm/y").click()
    expect(headings).to_have_text(["beta", "alpha", "beta", "alpha"])
    expect(tags.nth(2)).to_contain_text("lstm/y")
    pinned = json.loads(urllib.parse.unquote(page.key("pinned") or ""))
    assert pinned == [["beta", "lstm"], ["beta", "lstm/y"]]
    again = Tab.open_again(page.page, url)
    first = again.frame.locator("rg-card header h3").first
    expect(first).to_have_text("beta")
    again.frame.get_by_role("button", name="Pin beta: lstm", exact=True).click()
    expect(first).to_have_text("alpha")


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_the_slider_says_how_many_steps_sampling_dropped(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., Server], load_fast: str
) -> None:
    for start in (0, 30):  # a resumed training writes a second event file
        with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
            for step in range(start, start + 30):
                writer.add_sequence("g", np.full((1, 4, 2), step, np.float32), step)
    server = tensorboard_server(
        tmp_path, "--samples_per_plugin=rnngrad=10", f"--load_fast={load_fast}"
    )
    tags = server.wait_for(
        lambda tags: (
            tags
            and tags["run"]["g"]["full"]
            and len(server.get("/flow", run="run", tag="g", format="json").json()["steps"]) == 60
        )
    )
    kept = len(tags["run"]["g"]["steps"])
    assert kept == 10
    note = Tab.open(page, server.url).frame.locator("rg-step-slider .note")
    expect(note).to_contain_text("10 of 10, follows new steps, kept 10 of 60 logged steps")


def test_the_slider_says_nothing_if_no_step_was_dropped(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    expect(page.frame.locator("rg-step-slider .note")).to_have_text(
        re.compile(r"^\s*4 of 4, follows new steps\s*$")
    )
