"""The flow view: norms over the whole training, and how far back they reach."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import SHAPE, STEPS, logged
from .reading import Tab, assert_colours, colour_map

OpenTab = Callable[..., Tab]
FLOW = ("view=flow", 'runs=["alpha"]', 'tags=["lstm"]')
TIMESTEPS = SHAPE[1]


def norms() -> np.ndarray:
    """Return alpha's mean norm at every step and timestep, [steps, T]."""
    data = [logged("alpha", step).astype(np.float64) for step in STEPS["alpha"]]
    return np.stack([np.linalg.norm(batch, axis=2).mean(axis=0) for batch in data])


def horizon_timestep(step: int, eps: float) -> int:
    """Return the earliest timestep whose norm is at least `eps` times the largest."""
    of_step = norms()[step]
    return int(np.argmax(of_step >= eps * of_step.max()))


def test_the_map_shows_the_norm_at_every_step_and_timestep(tab: OpenTab) -> None:
    page = tab(*FLOW)
    canvas = page.frame.locator("rg-flow-view rg-heatmap canvas")
    expect(canvas).to_be_visible()
    expect(page.frame.locator("rg-flow-view .readout")).to_contain_text("step 30")
    steps = len(STEPS["alpha"])
    seen = page.read_cells(canvas, TIMESTEPS, steps)
    expected = np.log(norms().T)
    least = max(expected.min(), expected.max() - np.log(1e8))
    places = np.clip((expected - least) / (expected.max() - least), 0, 1)
    # The norms are drawn as bfloat16, of 8 bits: within 1/256, which log places within one colour.
    assert_colours(seen, places, "viridis")
    assert len(colour_map("viridis")) == 256


def test_the_horizon_is_told_for_each_step_and_follows_its_share(tab: OpenTab) -> None:
    page = tab(*FLOW)
    readout = page.frame.locator("rg-flow-view .readout")
    for eps in (0.01, 0.0001):
        page.frame.get_by_label("Horizon at").fill(str(eps))
        page.frame.get_by_label("Horizon at").press("Enter")
        at = horizon_timestep(3, eps)
        expect(readout).to_contain_text(f"horizon: lag {TIMESTEPS - 1 - at}, timestep {at}")
    assert page.key("eps") == "0.0001"


def test_pointing_reads_the_norm_and_a_click_goes_to_the_step(tab: OpenTab) -> None:
    page = tab(*FLOW)
    canvas = page.frame.locator("rg-flow-view rg-heatmap canvas")
    expect(canvas).to_be_visible()
    box = canvas.bounding_box()
    assert box
    at = {"x": box["width"] * 1.5 / 4, "y": box["height"] * 35.5 / TIMESTEPS}
    canvas.hover(position=at)
    readout = page.frame.locator("rg-flow-view .readout")
    expect(readout).to_contain_text("norm at step 10, timestep 35")
    said = float(readout.locator("b").inner_text().replace("−", "-"))
    assert said == pytest.approx(norms()[1, 35], rel=1e-6)
    canvas.click(position=at)
    expect(page.frame.get_by_label("Step number")).to_have_value("10")
    heading = page.frame.get_by_role("heading", name="Norm at step 10 against timestep")
    expect(heading).to_be_visible()


def test_the_tabs_lead_there_and_back(tab: OpenTab) -> None:
    page = tab(*FLOW[1:])
    page.at_step("alpha", 30)
    page.frame.get_by_role("tab", name="Flow").click()
    expect(page.frame.locator("rg-flow-view")).to_be_visible()
    assert page.key("view") == "flow"
    page.frame.get_by_role("tab", name="Heatmap").click()
    page.at_step("alpha", 30)
