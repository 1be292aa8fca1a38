"""The page around pictures: steps, runs and tags; empty, loading and error states; dark mode."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

import tb_rnngrad

from .conftest import STEPS, logged, write_scalar
from .reading import Tab, assert_colours, automatic_scale, symlog_places

pytestmark = pytest.mark.in_tensorboard

OpenTab = Callable[..., Tab]
BOTH = ('runs=["alpha","beta"]', 'tags=["lstm"]')


def test_the_tab_opens_on_the_overview(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="RNN Gradients").click()
    tab = Tab.attach(page)
    expect(tab.frame.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    for of in ("alpha, lstm/forward", "alpha, lstm/backward", "beta, lstm/forward", "odd, odd"):
        expect(tab.frame.get_by_role("button", name=f"Open the maps of {of}")).to_be_visible()
    assert tab.step() == 30
    expect(tab.frame.locator("rg-curve").first).to_be_visible()


def test_the_heatmaps_open_with_a_useful_choice(tab: OpenTab) -> None:
    page = tab()
    for run in ("alpha", "beta", "odd"):
        expect(page.card(run)).to_be_visible()
    expect(page.card("alpha")).to_contain_text("hidden-state gradient")
    expect(page.frame.locator("rg-colour-bar")).to_be_visible()
    expect(page.frame.locator("rg-curve").first).to_be_visible()


def test_the_keyboard_changes_the_step_and_the_picture_follows(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["lstm"]')
    page.slider().focus()
    for key, step in (("ArrowLeft", 20), ("Home", 0), ("ArrowRight", 10), ("End", 30)):
        page.page.keyboard.press(key)
        page.at_step("alpha", step)
        assert page.step() == step
        picture = logged("alpha", step)[0].T
        places = symlog_places(picture, *automatic_scale([picture]))
        assert_colours(page.cells("alpha", *picture.shape), places, "vik")


def test_page_keys_move_ten_steps(tab: OpenTab, history_url: str) -> None:
    page = tab('runs=["growing"]', 'tags=["lstm_1"]', "view=flow", at=history_url)
    number = page.frame.get_by_label("Step number")
    page.slider().focus()
    for key, step in (("PageDown", 14), ("PageDown", 4), ("PageDown", 0), ("PageUp", 10)):
        page.page.keyboard.press(key)
        expect(number).to_have_value(str(step))


def test_the_mouse_changes_the_step(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["lstm"]')
    page.at_step("alpha", 30)
    page.slider().click(position={"x": 3, "y": 14})
    page.at_step("alpha", 0)
    page.frame.get_by_role("button", name="Next step").click()
    page.at_step("alpha", 10)


def test_a_typed_step_goes_to_the_nearest_kept_one(tab: OpenTab) -> None:
    page = tab('runs=["alpha"]', 'tags=["lstm"]')
    number = page.frame.get_by_label("Step number")
    number.fill("13")
    number.press("Enter")
    page.at_step("alpha", 10)
    expect(number).to_have_value("10")


def test_runs_without_the_step_show_their_nearest_and_say_so(tab: OpenTab) -> None:
    page = tab(*BOTH, "step=10")
    page.at_step("alpha", 10)
    expect(page.card("alpha").locator(".step")).not_to_contain_text("nearest")
    expect(page.card("beta").locator(".step")).to_contain_text("step 12 (nearest to 10)")


def test_the_slider_stays_on_reload_and_follows_new_steps_from_the_last(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        for step in (0, 1, 2):
            writer.add_sequence("g", np.full((1, 4, 2), step + 1, np.float32), step)
        server = tensorboard_server(tmp_path)
        server.wait_for(lambda tags: tags and len(tags["run"]["g"]["steps"]) == 3)
        tab = Tab.open_in_tensorboard(page, server.url)
        tab.at_step("run", 2)
        writer.add_sequence("g", np.full((1, 4, 2), 9, np.float32), 3)
        server.wait_for(lambda tags: len(tags["run"]["g"]["steps"]) == 4)
        reload = page.locator(".reload-button, [title*='reload' i], [aria-label*='reload' i]").first
        reload.click()
        tab.at_step("run", 3)
        tab.slider().press("ArrowLeft")
        tab.at_step("run", 2)
        writer.add_sequence("g", np.full((1, 4, 2), 9, np.float32), 4)
        server.wait_for(lambda tags: len(tags["run"]["g"]["steps"]) == 5)
        reload.click()
        expect(tab.frame.locator("rg-step-slider .note")).to_contain_text("of 5")
        tab.at_step("run", 2)
        page.reload()
        Tab.attach(page).at_step("run", 2)


def test_every_choice_is_in_the_url_and_restored_from_it(tab: OpenTab) -> None:
    page = tab(*BOTH)
    page.slider().press("Home")
    page.frame.get_by_label("Show", exact=True).select_option("2")
    page.frame.get_by_label("Scale").select_option("log")
    page.frame.get_by_label("Filter runs by regular expression").fill("alp|bet")
    page.frame.get_by_role("checkbox", name="beta").uncheck()
    expect(page.frame.locator("rg-card")).to_have_count(1)
    assert page.key("step") == "0"
    page.page.reload()
    again = Tab.attach(page.page)
    again.at_step("alpha", 0)
    expect(again.frame.locator("rg-card")).to_have_count(1)
    expect(again.frame.get_by_label("Show", exact=True)).to_have_value("2")
    expect(again.frame.get_by_label("Scale")).to_have_value("log")
    assert json.loads(urllib.parse.unquote(again.key("runs") or "")) == ["alpha"]
    listed = again.frame.locator("rg-checklist").first.get_by_role("checkbox")
    expect(listed).to_have_count(2)


def test_tags_can_be_filtered_and_chosen(tab: OpenTab) -> None:
    page = tab(*BOTH)
    page.frame.get_by_label("Filter tags by regular expression").fill("/y$")
    expect(page.frame.locator("rg-checklist").nth(1).get_by_role("checkbox")).to_have_count(1)
    page.frame.get_by_role("checkbox", name="lstm/y").check()
    expect(page.frame.locator("rg-card")).to_have_count(4)
    expect(page.frame.locator("rg-colour-bar")).to_have_count(2)  # one for each quantity
    page.frame.get_by_label("Filter tags by regular expression").fill("(")
    expect(page.frame.get_by_text("No regular expression")).to_be_visible()


def test_a_run_without_our_data_says_so_and_how_to_log(tab: OpenTab) -> None:
    page = tab('runs=["scalars"]')
    expect(
        page.frame.get_by_role("heading", name="No data of tb_rnngrad in scalars")
    ).to_be_visible()
    expect(page.frame.locator("rg-how-to-log")).to_contain_text("tb_rnngrad.torch.GradientLogger(")


def test_no_data_at_all_says_how_to_log(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    write_scalar(tmp_path / "run")
    server = tensorboard_server(tmp_path)
    tab = Tab.open_in_tensorboard(page, server.url)
    expect(tab.frame.get_by_role("heading", name="No recurrent gradients")).to_be_visible()
    expect(tab.frame.locator("rg-how-to-log")).to_contain_text("add_sequence(")


def test_a_failed_view_offers_retry_and_keeps_its_settings(tab: OpenTab, page: Page) -> None:
    page.expected_problems.append("503")  # type: ignore[attr-defined]

    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="the disk is asleep")

    page.route(re.compile(r"/tensor\?"), refuse)
    opened = tab(*BOTH, "step=10", "scale=linear")
    alert = opened.frame.get_by_role("alert").first
    expect(alert).to_contain_text("Step 10 could not be loaded")
    expect(opened.frame.get_by_text("the disk is asleep").first).to_be_visible()
    page.unroute(re.compile(r"/tensor\?"))
    alert.get_by_role("button", name="Retry").click()
    opened.at_step("alpha", 10)
    opened.at_step("beta", 12)
    assert (opened.key("step"), opened.key("scale")) == ("10", "linear")


def test_a_failed_listing_offers_retry(tab: OpenTab, page: Page) -> None:
    page.expected_problems.append("ERR_FAILED")  # type: ignore[attr-defined]
    page.route(re.compile("/tags$"), lambda route: route.abort())
    opened = tab(*BOTH)
    expect(opened.frame.get_by_text("TensorBoard does not answer")).to_be_visible()
    page.unroute(re.compile("/tags$"))
    opened.frame.get_by_role("button", name="Retry").click()
    opened.at_step("alpha", 30)


def test_the_old_picture_stays_under_its_label_while_a_step_loads(tab: OpenTab, page: Page) -> None:
    opened = tab('runs=["alpha"]', 'tags=["lstm"]')
    opened.at_step("alpha", 30)
    held: list[Route] = []
    page.route(re.compile(r"/tensor\?.*step=0&"), lambda route: held.append(route))
    opened.slider().press("Home")
    label = opened.card("alpha").locator(".step")
    expect(label).to_have_text("step 30 (loading 0 …)")
    picture = logged("alpha", 30)[0].T
    places = symlog_places(picture, *automatic_scale([picture]))
    seen = opened.painted(opened.canvas("alpha"), *picture.shape)
    for route in held:
        route.continue_()
    opened.at_step("alpha", 0)
    assert_colours(seen, places, "vik")


def test_curves_are_redrawn_once_a_step_is_complete(tab: OpenTab, page: Page) -> None:
    opened = tab('runs=["alpha"]', 'tags=["lstm"]', "show=samples", "pins=[3]")
    opened.rest()
    plot = opened.frame.locator("rg-curve .plot")
    picture = "(plot) => plot.querySelector('canvas').toDataURL()"
    before = plot.evaluate(picture)
    held: list[Route] = []
    page.route(re.compile(r"/tensor\?.*step=0&.*sample=2"), lambda route: held.append(route))
    opened.slider().press("Home")
    labels = opened.frame.locator("rg-card .step")
    expect(labels).to_have_text(["", "", "step 30 (loading 0 …)"])  # the others share the heading's
    expect(plot).to_have_class("plot faded")
    assert plot.evaluate(picture) == before
    for route in held:
        route.continue_()
    expect(plot).not_to_have_class("plot faded")
    opened.rest()
    assert plot.evaluate(picture) != before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_follows_tensorboard(tab: OpenTab, page: Page, theme: str) -> None:
    settings = json.dumps({"theme": theme})
    store = f"localStorage.setItem('_tb_global_settings', {settings!r})"
    page.add_init_script(f"if (location.protocol === 'http:') {store}")
    opened = tab('runs=["alpha"]', 'tags=["lstm"]')
    opened.at_step("alpha", 30)
    background = "rgb(255, 255, 255)" if theme == "light" else "rgb(48, 48, 48)"
    expect(opened.frame.locator("rg-sidebar")).to_have_css("background-color", background)
    picture = logged("alpha", 30)[0].T
    places = symlog_places(picture, *automatic_scale([picture]))
    seen = opened.cells("alpha", *picture.shape)
    assert_colours(seen, places, "vik" if theme == "light" else "berlin")


def test_the_page_offers_the_logged_steps(tab: OpenTab) -> None:
    page = tab(*BOTH)
    union = sorted({step for steps in STEPS.values() for step in steps})
    expect(page.frame.locator("rg-step-slider .note")).to_contain_text(f"of {len(union)}")
