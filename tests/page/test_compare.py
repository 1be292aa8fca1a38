"""Two runs, or two steps of one run, compared cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from .conftest import SHAPE, logged
from .reading import Tab, assert_colours, automatic_scale, symlog_places

OpenTab = Callable[..., Tab]
COMPARE = ("view=compare", 'runs=["alpha","beta"]', 'tags=["lstm"]')
SHAPE_SHOWN = (SHAPE[2], SHAPE[1])


def difference(page: Tab) -> Locator:
    return page.frame.locator("rg-difference")


def seen(page: Tab) -> np.ndarray:
    return page.read_cells(difference(page).locator("rg-heatmap canvas"), *SHAPE_SHOWN)


def test_the_difference_is_computed_from_the_logged_numbers(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    expect(difference(page)).to_contain_text("step 30 against 30")
    a, b = (logged(run, 30)[0].T for run in ("alpha", "beta"))
    expected = a - b
    assert_colours(seen(page), symlog_places(expected, *automatic_scale([expected])), "vik")
    page.hover("A alpha", 5, 33, SHAPE_SHOWN)  # the cursor appears in all three
    text = difference(page).locator(".readout b").inner_text().replace("−", "-")
    assert np.float32(text) == expected[5, 33]


def test_the_log_ratio_counts_decades(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_role("combobox", name="Compare", exact=True).select_option("ratio")
    expect(difference(page)).to_contain_text("decades")
    a, b = (logged(run, 30)[0].T.astype(np.float64) for run in ("alpha", "beta"))
    expected = np.log10(np.abs(a) / np.abs(b)).astype(np.float32)
    rounded = np.asarray(expected, np.float64)
    assert_colours(seen(page), (rounded / np.abs(rounded).max() + 1) / 2, "vik")


def test_two_steps_of_one_run_are_compared(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_label("B", exact=True).select_option(label="alpha: lstm")
    page.frame.get_by_label("B at step").fill("10")
    page.frame.get_by_label("B at step").press("Enter")
    expect(difference(page)).to_contain_text("step 30 against 10")
    expected = (logged("alpha", 30) - logged("alpha", 10))[0].T
    assert_colours(seen(page), symlog_places(expected, *automatic_scale([expected])), "vik")
    page.slider().press("Home")
    expect(difference(page)).to_contain_text("step 0 against 10")


def test_swapping_reverses_the_sign(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_role("button", name="Swap").click()
    expected = (logged("beta", 30) - logged("alpha", 30))[0].T
    expect(page.card("A beta")).to_be_visible()
    assert_colours(seen(page), symlog_places(expected, *automatic_scale([expected])), "vik")


def test_records_of_different_shapes_cannot_be_compared(tab: OpenTab) -> None:
    page = tab("view=compare", 'runs=["alpha","odd"]', 'tags=["lstm","odd"]')
    expect(difference(page)).to_contain_text("A has 8 channels and 40 timesteps, B has 4 and 12")


def test_a_divider_has_a_on_its_left_and_b_on_its_right(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_role("combobox", name="Compare", exact=True).select_option("swipe")
    divider = page.frame.get_by_role("slider", name="Divider between A and B")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    a, b = (logged(run, 30)[0].T for run in ("alpha", "beta"))
    places = {
        "A": symlog_places(a, *automatic_scale([a, b])),
        "B": symlog_places(b, *automatic_scale([a, b])),
    }

    def assert_divided(column: int) -> None:
        """Check on the screen that A's cells are left of `column`, and B's from there on."""
        pictures = page.frame.locator("rg-swipe rg-heatmap")
        expect(pictures).to_have_count(2)
        seen = page.seen_cells(pictures.first.locator("canvas"), *SHAPE_SHOWN)
        both = np.where(np.arange(SHAPE[1]) < column, places["A"], places["B"])
        beside = np.abs(np.arange(SHAPE[1]) - column + 0.5) > 1  # not covered by the divider
        assert_colours(seen[:, beside], both[:, beside], "vik")

    assert_divided(20)
    divider.focus()
    for _ in range(3):
        page.page.keyboard.press("PageUp")
    page.page.keyboard.press("ArrowLeft")
    assert page.key("swipe") == "0.79"
    page.page.keyboard.press("ArrowRight")
    assert_divided(32)
    canvas = page.box(page.frame.locator("rg-swipe rg-heatmap canvas").first)
    handle = page.box(divider)
    page.page.mouse.move(handle["x"] + 8, handle["y"] + 40)
    page.page.mouse.down()
    page.page.mouse.move(canvas["x"] + canvas["width"] / 4, canvas["y"] + 40, steps=3)
    page.page.mouse.up()
    assert float(page.key("swipe") or "nan") == pytest.approx(0.25, abs=0.01)
    page.page.mouse.move(canvas["x"] + canvas["width"] * 35.5 / 40, canvas["y"] + 4)
    readout = page.frame.locator("rg-swipe .readout b")
    texts = [text.replace("−", "-") for text in readout.all_inner_texts()]
    assert [np.float32(text) for text in texts] == [a[0, 35], b[0, 35]]


def test_all_three_pictures_share_zoom_and_cursor(tab: OpenTab) -> None:
    page = tab(*COMPARE, "window=2,6,10,30")
    a, b = (logged(run, 30)[0].T for run in ("alpha", "beta"))
    for name, picture in (("A alpha", a), ("B beta", b)):
        places = symlog_places(picture, *automatic_scale([a, b]))
        assert_colours(page.cells(name, 4, 20), places[2:6, 10:30], "vik")
    compared = page.read_cells(difference(page).locator("rg-heatmap canvas"), 4, 20)
    places = symlog_places(a - b, *automatic_scale([a - b]))
    assert_colours(compared, places[2:6, 10:30], "vik")
    page.hover("B beta", 1, 5, (4, 20))
    for readout in page.frame.locator(".readout").all():
        expect(readout).to_contain_text("timestep 15, channel 3")


def test_both_steps_are_named_if_one_is_only_the_nearest(tab: OpenTab) -> None:
    page = tab(*COMPARE, "step=10")
    expect(page.card("A alpha").locator(".step")).to_have_text("step 10")
    expect(page.card("B beta").locator(".step")).to_have_text("step 12 (nearest to 10)")
    expect(difference(page)).to_contain_text("step 10 against 12")
    page.frame.get_by_role("combobox", name="Compare", exact=True).select_option("swipe")
    header = page.frame.locator("rg-swipe header")
    expect(header).to_contain_text("step 12 (nearest to 10)")
    expect(header).to_contain_text("step 10")
