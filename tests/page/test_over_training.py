"""Charts over training: TensorBoard's smoothing, axes, and values at the pointer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from . import histories
from .reading import Tab

OpenTab = Callable[..., Tab]
GROWING = ("view=flow", 'runs=["growing"]', 'tags=["lstm_1"]')
HORIZON = "rg-flow-curves rg-curve"


def lines(page: Tab) -> list[dict[str, Any]]:
    """Return the lines of the first chart, the memory horizon."""
    page.rest()
    found: list[dict[str, Any]] = page.frame.locator(HORIZON).first.evaluate("(one) => one.lines")
    return found


def averaged(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the mean of all values so far, each weighing `weight` times as much as the next."""
    shares = [weight ** np.arange(i, -1, -1.0) for i in range(len(values))]
    return np.array([share @ values[: len(share)] / share.sum() for share in shares])


def horizons() -> np.ndarray:
    """Return the horizon of run growing at every step, where norms fade as a^lag."""
    a = 0.3 + 0.03 * np.array(histories.STEPS)
    reached = np.floor(np.log(0.01) / np.log(a))
    return np.where(a < 1, np.minimum(reached, histories.TIMESTEPS - 1), histories.TIMESTEPS - 1)


def test_smoothing_draws_an_average_over_faint_values(tab: OpenTab, history_url: str) -> None:
    page = tab(*GROWING, at=history_url)
    assert "raw" not in lines(page)[0]
    slider = page.frame.get_by_role("slider", name="Smoothing")
    slider.fill("0.6")
    expect(page.frame.locator("rg-chart-bar output")).to_have_text("0.6")
    assert page.key("smoothing") == "0.6"
    [line] = lines(page)
    np.testing.assert_array_equal(line["raw"], horizons())
    np.testing.assert_allclose(line["values"], averaged(horizons(), 0.6), rtol=1e-9)
    plot = page.frame.locator(f"{HORIZON} .plot").first
    plot.press("Home")
    plot.press("ArrowRight")
    said = page.frame.locator(f"{HORIZON} .values").first
    expect(said).to_contain_text("at step 1")
    smooth = float(said.locator("b").inner_text())
    assert smooth == pytest.approx(averaged(horizons(), 0.6)[1], rel=1e-6)
    expect(said).to_contain_text(f"({horizons()[1]:.0f})")
    slider.press("ArrowLeft")
    assert page.key("smoothing") == "0.59"
    slider.press("Home")
    assert page.key("smoothing") is None


def test_the_axis_can_show_relative_time_or_time_of_day(tab: OpenTab, history_url: str) -> None:
    page = tab(*GROWING, at=history_url)
    curve = page.frame.locator(HORIZON).first
    axis = page.frame.get_by_label("Horizontal axis")
    wall = 1000.0 + np.array(histories.STEPS)
    for name, expected in (("relative", wall - 1000), ("wall", wall), ("step", wall - 1000)):
        axis.select_option(name)
        assert page.key("xAxis") == (None if name == "step" else name)
        np.testing.assert_array_equal(curve.evaluate("(one) => one.xs"), expected)
        np.testing.assert_array_equal(lines(page)[0]["values"], horizons())
    axis.select_option("relative")
    curve.locator(".plot").press("End")
    expect(curve.locator(".values")).to_contain_text(re.compile(r"step 24\s+at 24 s"))
    # The other axis does not change how the maps name a step.
    expect(page.frame.locator("rg-flow-map .readout").first).not_to_contain_text("norm at")


def test_what_is_nearly_gone_is_drawn_at_the_lower_end(tab: OpenTab, history_url: str) -> None:
    page = tab(*GROWING, at=history_url)
    page.rest()
    chart = page.frame.locator("rg-flow-curves rg-curve").nth(1)
    expect(chart.locator("h3")).to_contain_text("Left at the far end")
    values = chart.evaluate("(one) => one.lines[0].values")
    assert values[0] == pytest.approx(0.3**39, rel=1e-4)
    low, drawn = chart.evaluate("(one) => [one.scale.low, one.plot.data[1][0]]")
    assert low == drawn == pytest.approx(max(values) * 1e-12, rel=1e-6)


def test_lags_have_whole_numbers_on_their_axis(tab: OpenTab, history_url: str) -> None:
    page = tab("view=flow", at=history_url)
    page.rest()
    chart = page.frame.locator("rg-flow-curves rg-curve").last
    expect(chart.locator("h3")).to_contain_text("Lag up to which samples agree")
    scale = chart.evaluate("(one) => one.scale")
    assert scale["high"] - scale["low"] >= 6
    assert scale["low"] == round(scale["low"])


@pytest.mark.parametrize("width", [800, 1280])
def test_legends_are_whole_and_values_move_nothing(
    tab: OpenTab, history_url: str, width: int
) -> None:
    page = tab("view=overview", at=history_url)
    page.page.set_viewport_size({"width": width, "height": 900})
    charts = page.frame.locator("rg-step-curves rg-curve")
    before = [page.box(chart)["y"] for chart in charts.all()]
    charts.first.locator(".plot").hover()
    page.rest()
    expect(charts.first.locator(".values b").first).to_be_visible()
    assert [page.box(chart)["y"] for chart in charts.all()] == before
    for chart in charts.all():
        clipped = chart.locator(".values").evaluate(
            "(one) => [one, ...one.children].some((of) =>"
            " of.scrollHeight > of.clientHeight + 1 || of.scrollWidth > of.clientWidth + 1)"
        )
        assert not clipped


def test_all_charts_share_one_choice_which_is_remembered(tab: OpenTab, history_url: str) -> None:
    page = tab(*GROWING, at=history_url)
    page.frame.get_by_role("slider", name="Smoothing").fill("0.8")
    page.frame.get_by_label("Horizontal axis").select_option("wall")
    page.frame.get_by_role("tab", name="Overview").click()
    chart = page.frame.locator("rg-step-curves rg-curve").first
    expect(chart.locator("h3")).to_contain_text("smoothed by 0.8")
    again = Tab.open_again(page.page, history_url)
    expect(again.frame.get_by_label("Horizontal axis")).to_have_value("wall")
    expect(again.frame.locator("rg-chart-bar output")).to_have_text("0.8")
