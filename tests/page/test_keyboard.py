"""The keyboard can do whatever the pointer can; screen readers announce what it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, expect

import tb_rnngrad

from .conftest import STEPS, logged
from .histories import python_says
from .reading import Tab

OpenTab = Callable[..., Tab]

VALUES = """(slider) =>
  ["valuemin", "valuenow", "valuemax"].map((name) => Number(slider.getAttribute(`aria-${name}`)))"""


# Runs after microtasks only, as the next key may be the next task.
STEP_WHEN_FOCUSED = """async (card) => {
  const step = card.renderRoot.querySelector(".step");
  const before = step.textContent;
  card.renderRoot.querySelector("rg-pin-button").renderRoot.querySelector("button").focus();
  for (let i = 0; i < 50; i++) await undefined;
  return [before, step.textContent];
}"""


def number(text: str) -> np.float32:
    """Return a number formatted like the page's."""
    return np.float32(text.replace("−", "-"))


def assert_spoken_alone(tab: Tab, readout: Locator) -> None:
    """Check that this is the only readout that is announced."""
    expect(readout).to_have_attribute("aria-live", "polite")
    expect(tab.frame.locator("[aria-live=polite]")).to_have_count(1)


def test_points_can_be_read_and_pinned_by_keyboard(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    data = np.random.default_rng(5).standard_normal((6, 5)).astype(np.float32)
    data[2, 4] = np.nan
    for run, values in (("last", data), ("other", 2 * data)):
        with tb_rnngrad.SummaryWriter(tmp_path / run) as writer:
            writer.add_sequence("h", values, 0, max_outputs=6)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: len(tags) == 2)
    tab = Tab.open(page, server.url, "pins=[]")
    canvas = tab.frame.locator("rg-scatter canvas").first
    expect(canvas).to_have_attribute("aria-label", re.compile("^Values of 6 samples"))
    readout, other = (tab.frame.locator("rg-scatter .readout").nth(i) for i in range(2))
    canvas.focus()
    keys = ["ArrowRight"] * 3 + ["ArrowDown"] * 5 + ["ArrowUp"] * 2
    for key in keys:
        page.keyboard.press(key)
    third = int(np.argsort(data[2, :4])[2])  # without the NaN, the lowest is the first
    expect(readout).to_contain_text(f"sample 2, channel {third}")
    assert number(readout.locator("b").inner_text()) == data[2, third]
    assert_spoken_alone(tab, readout)
    # Both show the cursor, at the same sample and channel.
    expect(other).to_contain_text(f"run other, step 0, sample 2, channel {third}")
    assert number(other.locator("b").inner_text()) == 2 * data[2, third]
    for key, sample in (("End", 5), ("ArrowRight", 5), ("ArrowLeft", 4), ("Home", 0)):
        page.keyboard.press(key)
        expect(readout).to_contain_text(f"sample {sample}, channel {third}")
    expect(tab.frame.locator("rg-scatter .pin")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(tab.frame.locator("rg-scatter .pin")).to_have_count(2 * 6)


def test_a_heatmap_announces_keys_but_not_the_pointer(tab: OpenTab) -> None:
    page = tab('tags=["lstm"]', 'runs=["alpha","beta"]')
    canvas, readout = page.canvas("beta"), page.card("beta").locator(".readout")
    page.at_step("beta", 30)
    canvas.focus()
    canvas.press("ArrowRight")
    expect(readout).to_contain_text("timestep 1, channel 0")
    assert_spoken_alone(page, readout)
    page.hover("beta", 3, 5, (8, 40))
    expect(readout).to_contain_text("timestep 5, channel 3")
    expect(page.frame.locator("[aria-live=polite]")).to_have_count(0)


def test_curves_can_be_read_by_keyboard(tab: OpenTab) -> None:
    page = tab('tags=["lstm"]', 'runs=["alpha"]', "pins=[3]")
    plot = page.frame.locator("rg-curve .plot")
    values = page.frame.locator("rg-curve .values")
    plot.focus()
    for key, timestep in (("End", 39), ("ArrowLeft", 38), ("Home", 0), ("ArrowRight", 1)):
        page.page.keyboard.press(key)
        expect(values).to_contain_text(f"at timestep {timestep}")
        assert number(values.locator("b").inner_text()) == logged("alpha", 30)[0, timestep, 3]
    assert_spoken_alone(page, values)
    expect(page.card("alpha").locator(".readout")).to_contain_text("timestep 1, channel 3")
    page.page.keyboard.press("Tab")
    expect(values).not_to_contain_text("at timestep")


def test_a_focused_card_far_below_is_drawn_before_the_next_key(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 600, "height": 536})
    tab = Tab.open(page, url, "view=curves", 'runs=["alpha","beta"]')
    tab.slider().press("Home")
    tab.rest()
    before, after = tab.frame.locator("rg-curves-card").last.evaluate(STEP_WHEN_FOCUSED)
    assert "step 30" in before  # too far below to be drawn again
    assert "step 0" in after


def test_bins_can_be_read_by_keyboard(tab: OpenTab) -> None:
    page = tab('tags=["lstm/y"]', 'runs=["alpha"]', "view=distribution", "scale=linear")
    values = logged("alpha", 30)
    limit = float(np.abs(values).max())
    counts, _ = np.histogram(values, 64, (-limit, limit))
    plot = page.frame.locator("rg-histogram svg")
    readout = page.frame.locator("rg-histogram .readout")
    plot.focus()
    for key, index in (("End", 63), ("ArrowLeft", 62), ("Home", 0), ("ArrowRight", 1)):
        page.page.keyboard.press(key)
        expect(readout).to_contain_text(re.compile(rf"^{counts[index]} \("))
    assert_spoken_alone(page, readout)


def test_ridges_can_be_traversed_and_read_by_keyboard(tab: OpenTab) -> None:
    page = tab('tags=["lstm/y"]', 'runs=["alpha"]', "view=distribution", "scale=linear")
    limit = max(float(np.abs(logged("alpha", step)).max()) for step in STEPS["alpha"])
    readout = page.frame.locator("rg-ridgelines .readout")
    page.frame.locator("rg-ridgelines canvas").focus()
    for _ in range(32):
        page.page.keyboard.press("ArrowRight")
    for key, step in (("Home", 0), ("ArrowDown", 10), ("End", 30), ("ArrowUp", 20)):
        page.page.keyboard.press(key)
        counts, _ = np.histogram(logged("alpha", step), 64, (-limit, limit))
        expect(readout).to_contain_text(f"step {step}: {counts[31]} from")
        assert page.step() == step


def test_the_keyboard_selects_steps_on_a_flow_map(
    page: Page, history_url: str, history_logs: Path
) -> None:
    tab = Tab.open(page, history_url, "view=flow", 'runs=["failing"]', 'tags=["lstm_1"]', "step=0")
    canvas = tab.frame.locator("rg-flow-map canvas")
    readout = tab.frame.locator("rg-flow-map .readout")
    canvas.focus()
    for key in ["ArrowRight"] * 3 + ["ArrowDown"] * 2:
        page.keyboard.press(key)
    says = python_says(history_logs, "failing", "lstm_1", tb_rnngrad.flow.Thresholds())
    expect(readout).to_contain_text(f"step {says['steps'][3]}, timestep 2")
    assert_spoken_alone(tab, readout)
    page.keyboard.press("Enter")
    expect(tab.frame.get_by_label("Step number")).to_have_value(str(says["steps"][3]))


def test_every_slider_announces_its_value_and_ends_and_obeys_arrow_keys(
    tab: OpenTab,
) -> None:
    for keys in (("view=heatmap",), ("view=distribution",), ("view=compare", "comparison=swipe")):
        page = tab('tags=["lstm"]', *keys)
        page.rest()
        sliders = page.frame.locator("[role=slider]")
        expect(sliders.first).to_be_visible()
        for i in range(min(4, sliders.count())):
            slider = sliders.nth(i)
            least, before, most = slider.evaluate(VALUES)
            assert least <= before <= most
            slider.press("ArrowLeft")
            expect(slider).not_to_have_attribute("aria-valuenow", json.dumps(before))
            assert least <= slider.evaluate(VALUES)[1] < before
