"""Two runs, or two steps of one, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
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


def test_the_difference_is_that_of_the_logged_numbers(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    expect(difference(page)).to_contain_text("step 30 against 30")
    a, b = (logged(run, 30)[0].T for run in ("alpha", "beta"))
    expected = a - b
    assert_colours(seen(page), symlog_places(expected, *automatic_scale([expected])), "vik")
    page.hover("A alpha", 5, 33, SHAPE_SHOWN)  # the cursor is in all three
    text = difference(page).locator(".readout b").inner_text().replace("−", "-")
    assert np.float32(text) == expected[5, 33]


def test_the_log_ratio_counts_decades(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_label("Compare", exact=True).select_option("ratio")
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


def test_swapping_turns_the_sign(tab: OpenTab) -> None:
    page = tab(*COMPARE)
    page.frame.get_by_role("button", name="Swap").click()
    expected = (logged("beta", 30) - logged("alpha", 30))[0].T
    expect(page.card("A beta")).to_be_visible()
    page.frame.wait_for_timeout(200)
    assert_colours(seen(page), symlog_places(expected, *automatic_scale([expected])), "vik")


def test_records_of_other_shapes_say_so(tab: OpenTab) -> None:
    page = tab("view=compare", 'runs=["alpha","odd"]', 'tags=["lstm","odd"]')
    expect(difference(page)).to_contain_text("A has 8 channels and 40 timesteps, B has 4 and 12")
