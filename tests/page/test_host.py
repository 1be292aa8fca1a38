"""The page inside TensorBoard: its theme, run colours, links and path."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Callable, Iterator
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
    tab = Tab.open_in_tensorboard(page, demo_url, 'runs=["lstm"]')
    tab.at_step("lstm", 1440)
    sidebar = tab.frame.locator("rg-sidebar")
    for theme, background in (("Dark", "rgb(48, 48, 48)"), ("Light", "rgb(255, 255, 255)")):
        choose_theme(page, theme)
        expect(sidebar).to_have_css("background-color", background)


def test_runs_have_the_colours_that_tensorboard_gives_them(page: Page, demo_url: str) -> None:
    tab = Tab.open_in_tensorboard(page, demo_url)
    choose_theme(page, "Light")
    for theme in ("Light", "Dark"):
        page.goto(f"{demo_url}/#timeseries")
        choose_theme(page, theme)
        page.wait_for_function(KEPT_THEME, arg=theme.lower())
        row = page.locator("tb-data-table-content-row")
        expected = {}
        for run in RUNS:
            own = row.filter(has=page.get_by_text(run, exact=True))
            swatch = own.locator("button.run-color-swatch")
            expected[run] = swatch.evaluate("(button) => getComputedStyle(button).backgroundColor")
        assert len(set(expected.values())) == len(RUNS)
        tab = Tab.open_in_tensorboard(page, demo_url)
        for run in RUNS:
            swatch = tab.card(run).locator("header .swatch")
            expect(swatch).to_have_css("background-color", expected[run])


def picture(tab: Tab) -> np.ndarray:
    """Return the pixels of TensorBoard's content at rest."""
    tab.page.mouse.move(5, 5)
    tab.rest()
    screenshot = tab.page.locator("iframe").screenshot()
    image = np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    return image


def copied_link(tab: Tab) -> str:
    """Choose `Copy link`, and return the clipboard once the link is there."""
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.frame.get_by_role("button", name="Copy link").click()
    # Before that, the clipboard holds what was copied last, perhaps by another test.
    expect(tab.frame.get_by_role("button", name="Link copied")).to_be_visible()
    return str(tab.page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize("view", ["flow", "heatmap", "curves", "distribution"])
def test_the_copied_link_shows_the_same_pixels_to_others(
    page: Page, browser: Browser, demo_url: str, view: str
) -> None:
    keys = (f"view={view}", 'runs=["gru","lstm"]', "scale=log", "map=batlow", "pins=[4,7]")
    tab = Tab.open_in_tensorboard(page, demo_url, *keys)
    tab.slider().press("Home")
    link = copied_link(tab)
    expect(tab.frame.get_by_role("button", name="Copy link")).to_be_visible()
    tab.frame.evaluate("document.activeElement.blur()")
    elsewhere = new_page(browser)
    try:
        elsewhere.goto(link)
        difference = picture(Tab.attach(elsewhere)).astype(int) - picture(tab)
        # Corners and slanted lines are blended with what was painted before.
        assert np.abs(difference).max() < 16
        assert (difference != 0).mean() < 1e-3
    finally:
        elsewhere.context.close()


def test_the_page_works_under_a_path_prefix(
    page: Page, tensorboard_server: Callable[..., Any]
) -> None:
    server = tensorboard_server(DEMO_LOGS, "--path_prefix=/some/prefix")
    server.wait_for(lambda tags: len(tags) == 4)
    assert server.url.endswith("/some/prefix")
    # TensorBoard does not find its own fonts there; everything else works.
    page.expected_problems.append("404")  # type: ignore[attr-defined]
    missing: list[str] = []
    page.on("response", lambda one: one.status == 404 and missing.append(one.url))
    tab = Tab.open_in_tensorboard(page, server.url, "view=overview")
    expect(tab.frame.locator("rg-overview-table tbody tr")).to_have_count(4)
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


def test_back_returns_to_the_previous_view_and_stays_on_the_page(page: Page, demo_url: str) -> None:
    tab = Tab.open_in_tensorboard(page, demo_url, "view=overview")
    views = ("Heatmap", "Curves")
    for view in views:
        tab.frame.get_by_role("tab", name=view).click()
        tab.rest()
    tab.slider().press("Home")  # changes within a view do not add to the history
    tab.rest()

    def selected() -> str:
        tab.rest()
        return tab.frame.get_by_role("tab", selected=True).inner_text()

    page.go_back()
    assert selected() == "Heatmap"
    page.go_back()
    assert selected() == "Overview"
    page.go_forward()
    assert selected() == "Heatmap"


def test_the_link_is_shown_if_it_cannot_be_copied(page: Page, demo_url: str) -> None:
    page.add_init_script(
        """Object.defineProperty(Navigator.prototype, "clipboard", { get: () => ({
          writeText: () => Promise.reject(new DOMException("not allowed", "NotAllowedError")),
        }) });
        Document.prototype.execCommand = () => false;"""
    )
    tab = Tab.open_in_tensorboard(page, demo_url, "step=36")
    tab.frame.get_by_role("button", name="Copy link").click()
    shown = tab.frame.get_by_label("copy the link by hand")
    expect(shown).to_have_value(f"{demo_url}/#rnngrad&p.rnngrad.view=heatmap&p.rnngrad.step=36")
    expect(shown).to_be_focused()
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)


@pytest.fixture
def notebook() -> Iterator[Callable[..., str]]:
    """Serve a page of another origin with a frame: `notebook(address, host)` returns its address.

    A third argument adds attributes to the frame. With another host, it is also another site, whose
    frames get no storage in Chromium.
    """
    shown: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            frame = f"<iframe width=1200 height=800 {shown[-1]}></iframe>"
            self.wfile.write(f"<!doctype html><link rel=icon href=data:,>{frame}".encode())

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing during tests."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def address(frame: str, host: str, attributes: str = "") -> str:
        shown.append(f"src='{frame}' {attributes}")
        return f"http://{host}:{server.server_port}/"

    yield address
    server.shutdown()


def test_tensorboard_draws_in_a_frame_of_another_origin(
    page: Page, demo_url: str, notebook: Callable[..., str]
) -> None:
    """`%tensorboard` shows it like this. Without storage TensorBoard itself does not start."""
    page.expected_problems.append("Clipboard API has been blocked")  # type: ignore[attr-defined]
    page.goto(notebook(f"{demo_url}/#rnngrad&p.rnngrad.view=heatmap", "localhost"))
    plugin = page.frame_locator("iframe").frame_locator("iframe")
    expect(plugin.locator("rg-card canvas").first).to_be_visible()
    plugin.get_by_role("tab", name="Curves").click()
    expect(plugin.locator("rg-curves-plot").first).to_be_visible()
    plugin.get_by_role("button", name="Copy link").click()
    said = plugin.get_by_role("button", name="Link copied")
    expect(said.or_(plugin.get_by_label("copy the link by hand"))).to_be_visible()


def test_a_sandboxed_frame_says_what_to_do_as_it_can_save_no_file(
    page: Page, demo_url: str, notebook: Callable[..., str]
) -> None:
    page.expected_problems.append("Download is disallowed")  # type: ignore[attr-defined]
    saved: list[object] = []
    page.on("download", lambda download: saved.append(download))
    address = f"{demo_url}/#rnngrad&p.rnngrad.view=heatmap"
    page.goto(notebook(address, "localhost", "sandbox='allow-scripts allow-same-origin'"))
    plugin = page.frame_locator("iframe").frame_locator("iframe")
    card = plugin.locator("rg-card").first
    card.get_by_text("Export").click()
    card.get_by_role("button", name="CSV").click()
    said = card.locator("rg-export-menu").get_by_role("status")
    expect(said).to_contain_text("open TensorBoard in a window of its own")
    assert saved == []


def test_the_page_alone_in_a_frame_of_another_origin_draws(
    page: Page, demo_url: str, notebook: Callable[..., str]
) -> None:
    alone = """<!doctype html><script type="module">
      import { render } from "./static/index.js";
      render();
    </script>"""
    address = f"{demo_url}/data/plugin/rnngrad/alone"
    page.route(address, lambda route: route.fulfill(body=alone, content_type="text/html"))
    page.goto(notebook(address, "127.0.0.1"))
    plugin = page.frame_locator("iframe")
    plugin.get_by_role("tab", name="Heatmap").click()
    expect(plugin.locator("rg-card canvas").first).to_be_visible()
