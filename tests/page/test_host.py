"""The page within TensorBoard: its theme, its run colours, its links, its path."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from .conftest import DEMO_LOGS
from .reading import Tab, new_page

RUNS = ("simple_rnn", "lstm", "gru")
KEPT_THEME = """(theme) =>
  JSON.parse(localStorage.getItem("_tb_global_settings") ?? "{}").theme === theme"""


def choose_theme(page: Page, name: str) -> None:
    """Choose a theme in TensorBoard's own menu."""
    page.get_by_role("button", name="Menu for changing light or dark theme").click()
    page.get_by_role("menuitem", name=name).click()
    expect(page.get_by_role("menuitem", name=name)).to_have_count(0)


def test_tensorboards_menu_turns_the_page_dark_and_back(page: Page, demo_url: str) -> None:
    tab = Tab.open(page, demo_url, 'runs=["lstm"]')
    tab.at_step("lstm", 1440)
    sidebar = tab.frame.locator("rg-sidebar")
    for theme, background in (("Dark", "rgb(48, 48, 48)"), ("Light", "rgb(255, 255, 255)")):
        choose_theme(page, theme)
        expect(sidebar).to_have_css("background-color", background)


def test_runs_have_the_colours_that_tensorboard_gives_them(page: Page, demo_url: str) -> None:
    tab = Tab.open(page, demo_url)
    choose_theme(page, "Light")
    for theme in ("Light", "Dark"):
        page.goto(f"{demo_url}/#timeseries")
        choose_theme(page, theme)
        page.wait_for_function(KEPT_THEME, arg=theme.lower())
        row = page.locator("tb-data-table-content-row")
        expected = {}
        for run in RUNS:
            swatch = row.filter(has_text=run).locator("button.run-color-swatch")
            expected[run] = swatch.evaluate("(button) => getComputedStyle(button).backgroundColor")
        assert len(set(expected.values())) == len(RUNS)
        tab = Tab.open(page, demo_url)
        for run in RUNS:
            swatch = tab.card(run).locator("header .swatch")
            expect(swatch).to_have_css("background-color", expected[run])


def picture(tab: Tab) -> np.ndarray:
    """Return the pixels of TensorBoard's content, at rest."""
    tab.page.mouse.move(5, 5)
    tab.rest()
    screenshot = tab.page.locator("iframe").screenshot()
    image = np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    return image


def copied_link(tab: Tab) -> str:
    """Choose `Copy link`, and return what is on the clipboard once it is there."""
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.frame.get_by_role("button", name="Copy link").click()
    # Until then the clipboard holds what was copied last, maybe by another test.
    expect(tab.frame.get_by_role("button", name="Link copied")).to_be_visible()
    return str(tab.page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("view", ["flow", "heatmap", "curves", "distribution"])
def test_the_copied_link_shows_the_same_pixels_to_others(
    page: Page, browser: Browser, demo_url: str, view: str
) -> None:
    keys = (f"view={view}", 'runs=["gru","lstm"]', "scale=log", "map=batlow", "pins=[4,7]")
    tab = Tab.open(page, demo_url, *keys)
    tab.slider().press("Home")
    link = copied_link(tab)
    expect(tab.frame.get_by_role("button", name="Copy link")).to_be_visible()
    tab.frame.evaluate("document.activeElement.blur()")
    elsewhere = new_page(browser)
    try:
        elsewhere.goto(link)
        difference = picture(Tab.attach(elsewhere)).astype(int) - picture(tab)
        # Corners and slanted lines are smoothed over what was painted before.
        assert np.abs(difference).max() < 16
        assert (difference != 0).mean() < 1e-3
    finally:
        elsewhere.context.close()


def test_it_works_under_a_path_prefix(page: Page, tensorboard_server: Callable[..., Any]) -> None:
    server = tensorboard_server(DEMO_LOGS, "--path_prefix=/some/prefix")
    server.wait_for(lambda tags: len(tags) == 3)
    assert server.url.endswith("/some/prefix")
    # TensorBoard's own fonts are not found there; everything else is.
    page.expected_problems.append("404")  # type: ignore[attr-defined]
    missing: list[str] = []
    page.on("response", lambda one: one.status == 404 and missing.append(one.url))
    tab = Tab.open(page, server.url, "view=overview")
    expect(tab.frame.locator("rg-overview-table tbody tr")).to_have_count(3)
    tab.frame.get_by_role("tab", name="Heatmap").click()
    for run in RUNS:
        tab.at_step(run, 1440)
    cells = tab.cells("lstm", 24, 64)
    assert (cells[..., 3] == 255).all()
    assert len(np.unique(cells.reshape(-1, 4), axis=0)) > 50
    tab.slider().press("Home")
    tab.at_step("lstm", 0)
    link = copied_link(tab)
    assert link.startswith(f"{server.url}/#rnngrad&")
    page.goto("about:blank")
    page.goto(link)
    Tab.attach(page).at_step("lstm", 0)
    assert [url for url in missing if "/font-roboto/" not in url] == []
