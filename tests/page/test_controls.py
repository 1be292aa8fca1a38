"""Colour controls and playing."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import STEPS, logged
from .reading import Tab, assert_colours, automatic_scale, symlog_places

OpenTab = Callable[..., Tab]
ALPHA = ('runs=["alpha"]', 'tags=["lstm"]')


def picture(step: int = 30) -> np.ndarray:
    return logged("alpha", step)[0].T


def test_typed_ends_replace_the_automatic_ones(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    for name, typed in (("limit", "5"), ("threshold", "1e-3")):
        page.frame.get_by_label(f"Typed {name}").fill(typed)
        page.frame.get_by_label(f"Typed {name}").press("Enter")
    assert (page.key("limit"), page.key("threshold")) == ("5", "0.001")
    seen = page.cells("alpha", *picture().shape)
    assert_colours(seen, symlog_places(picture(), 5, 1e-3), "vik")
    page.frame.get_by_label("Typed limit").fill("-3")
    page.frame.get_by_label("Typed limit").press("Enter")
    expect(page.frame.get_by_label("Typed limit")).to_have_value("5")
    page.frame.get_by_label("Typed limit").fill("")
    page.frame.get_by_label("Typed limit").press("Enter")
    assert page.key("limit") is None


def test_a_percentile_cuts_the_largest_off(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    page.frame.locator("#percentile").select_option("95")
    ranked = np.sort(np.abs(picture()).ravel())
    limit = float(ranked[round(0.95 * (ranked.size - 1))])
    expect(page.frame.get_by_label("Typed limit")).to_have_attribute("placeholder", f"{limit:.3g}")
    seen = page.cells("alpha", *picture().shape)
    small = float(ranked[round(0.01 * (ranked.size - 1))])
    places = symlog_places(picture(), limit, max(small, limit * 1e-8))
    assert_colours(seen, places, "vik")


def test_a_range_over_all_steps_stays_while_stepping(tab: OpenTab) -> None:
    page = tab(*ALPHA, "range=steps")
    limit = max(float(np.abs(logged("alpha", step)).max()) for step in STEPS["alpha"])
    high = page.frame.get_by_label("Typed limit")
    expect(high).to_have_attribute("placeholder", f"{limit:.3g}")
    page.slider().press("Home")
    page.at_step("alpha", 0)
    expect(high).to_have_attribute("placeholder", f"{limit:.3g}")
    rms = [np.sqrt((logged("alpha", s).astype(float) ** 2).mean((0, 2))) for s in STEPS["alpha"]]
    threshold = max(np.min(rms), limit * 1e-8)
    seen = page.cells("alpha", *picture(0).shape)
    assert_colours(seen, symlog_places(picture(0), limit, threshold), "vik")


def test_the_threshold_is_dragged_on_the_bar(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    thumb = page.frame.get_by_role("slider", name="Symlog threshold")
    bar = page.frame.locator("rg-colour-bar canvas").bounding_box()
    start = thumb.bounding_box()
    assert bar and start
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


def test_playing_shows_one_step_after_another(tab: OpenTab) -> None:
    page = tab(*ALPHA, "speed=8", "loop=false")
    page.at_step("alpha", 30)
    seen = []
    page.frame.get_by_role("button", name="Play").click()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (not seen or seen[-1] != 30 or len(seen) < 2):
        step = page.step()
        if not seen or seen[-1] != step:
            seen.append(step)
    assert seen == [0, 10, 20, 30]
    expect(page.frame.get_by_role("button", name="Play")).to_be_visible()  # it stopped by itself


def test_playing_starts_anew_where_it_loops(tab: OpenTab) -> None:
    page = tab(*ALPHA, "speed=2", "step=20")
    page.frame.get_by_role("button", name="Play").click()
    page.at_step("alpha", 30)
    page.at_step("alpha", 0)
    page.frame.get_by_role("button", name="Pause").click()
    stopped = page.step()
    page.frame.wait_for_timeout(300)
    assert page.step() == stopped


def test_each_sample_may_have_a_picture_of_its_own(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    page.frame.get_by_label("Show", exact=True).select_option("samples")
    cards = page.frame.locator("rg-card")
    expect(cards).to_have_count(3)
    data = logged("alpha", 30)
    scale = automatic_scale(list(data))
    for sample in range(3):
        card = cards.nth(sample)
        expect(card.locator(".readout")).to_contain_text(f"sample {sample} of 3")
        seen = page.read_cells(card.locator("canvas"), 8, 40)
        assert_colours(seen, symlog_places(data[sample].T, *scale), "vik")


def test_settings_outlive_a_visit_but_not_against_a_link(tab: OpenTab, url: str) -> None:
    page = tab(*ALPHA)
    page.frame.get_by_label("Scale").select_option("linear")
    assert page.key("scale") == "linear"
    page.page.goto("about:blank")
    page.page.goto(f"{url}/#rnngrad")
    expect(Tab.attach(page.page).frame.get_by_label("Scale")).to_have_value("linear")
    expect(tab(*ALPHA).frame.get_by_label("Scale")).to_have_value("symlog")
