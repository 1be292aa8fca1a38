"""The distribution view: histograms at one step and over steps, with the colour range on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

import tb_rnngrad

from .conftest import SHAPE, STEPS, logged, odd
from .reading import ABOVE, BELOW, Tab, assert_colours, assert_ranged

OpenTab = Callable[..., Tab]
ALPHA = ("view=distribution", 'runs=["alpha"]', 'tags=["lstm"]')
GROUPS = (slice(0, 4), slice(4, 8))


def largest(*runs: str) -> float:
    """Return the largest magnitude that any of the runs logged at any step."""
    return max(float(np.abs(logged(run, step)).max()) for run in runs for step in STEPS[run])


def card(page: Tab, run: str) -> Locator:
    named = page.frame.locator("h3", has_text=re.compile(f"^{run}$"))
    found = page.frame.locator("rg-distribution-card", has=named)
    expect(found.locator("rg-histogram").first).to_be_visible()
    expect(found.locator(".faded")).to_have_count(0)
    page.rest()
    return found


def counts(histogram: Locator) -> tuple[np.ndarray, np.ndarray]:
    """Return a histogram's counts and edges."""
    found = histogram.evaluate("(one) => [one.bins.counts, one.edges]")
    return np.array(found[0]), np.array(found[1])


def bars(histogram: Locator) -> tuple[np.ndarray, float]:
    """Return the heights of the bars as drawn, and that of the plot, in pixels."""
    path = histogram.locator("path.bars").get_attribute("d") or ""
    drawn = np.zeros(64)
    base = float(histogram.locator("line.axis").get_attribute("y1") or 0)
    wide = float(histogram.locator("line.axis").get_attribute("x2") or 0) / 64
    for left, top in re.findall(r"M([\d.]+),[\d.]+V([\d.]+)", path):
        drawn[round(float(left) / wide)] = base - float(top)
    return drawn, base


def test_bars_are_numpys_histograms_of_all_kept_samples_by_channel_group(tab: OpenTab) -> None:
    page = tab(*ALPHA, "step=10")
    histograms = card(page, "alpha").locator("rg-histogram")
    expect(histograms).to_have_count(2)
    shares = []
    for group, channels in enumerate(GROUPS):
        values = logged("alpha", 10)[..., channels].astype(np.float64).ravel()
        found, edges = counts(histograms.nth(group))
        np.testing.assert_array_equal(found, np.histogram(values, edges)[0])
        assert found.sum() == values.size
        assert (edges[0], edges[32], edges[-1]) == (-largest("alpha"), 0, largest("alpha"))
        shares.append(found / values.size)
    top = max(share.max() for share in shares)
    for group, share in enumerate(shares):
        drawn, height = bars(histograms.nth(group))
        few = (share > 0) & (share / top * height < 1)  # drawn one pixel high, to be visible
        np.testing.assert_allclose(drawn[~few], share[~few] / top * height, atol=0.01)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_bins_have_equal_width_on_the_chosen_scale(tab: OpenTab, scale: str) -> None:
    page = tab(*ALPHA, "step=10", f"scale={scale}")
    found, edges = counts(card(page, "alpha").locator("rg-histogram").first)
    places = edges if scale == "linear" else np.log(edges)
    np.testing.assert_allclose(np.diff(places), np.diff(places)[0], rtol=1e-6)
    values = logged("alpha", 10)[..., :4].astype(np.float64).ravel()
    values = values if scale == "linear" else np.abs(values)
    np.testing.assert_array_equal(found, np.histogram(values, edges)[0])
    assert edges[-1] == largest("alpha")


def test_runs_share_bins_and_heights(tab: OpenTab) -> None:
    page = tab("view=distribution", 'runs=["alpha","beta"]', 'tags=["lstm"]', "step=20")
    edges = [counts(card(page, run).locator("rg-histogram").first)[1] for run in STEPS]
    np.testing.assert_array_equal(edges[0], edges[1])
    assert edges[0][-1] == largest("alpha", "beta")
    tops = [
        card(page, run).locator("rg-histogram").first.evaluate("(h) => h.most") for run in STEPS
    ]
    assert tops[0] == tops[1]


def test_unusual_numbers_are_counted_separately_in_words(tab: OpenTab) -> None:
    page = tab("view=distribution", 'runs=["odd"]', 'tags=["odd"]')
    odd_card = card(page, "odd")
    health = odd_card.locator("rg-health")
    data, lengths = odd()
    real = np.concatenate([sample[:length] for sample, length in zip(data, lengths, strict=True)])
    for words in (
        f"{np.isfinite(real).sum()} finite",
        "4 exact 0",
        "1 NaN (1.2%)",
        "1 +Inf (1.2%)",
        "1 −Inf (1.2%)",
        "12 padding",
    ):
        expect(health).to_contain_text(words)
    found, _ = counts(odd_card.locator("rg-histogram"))
    assert found.sum() == (np.isfinite(real) & (real != 0)).sum()
    expect(odd_card).to_contain_text("all 2 kept samples of 2, padding left out")
    expect(odd_card).to_contain_text("One step is kept")


def drag(page: Tab, thumb: Locator, across: float) -> None:
    """Drag a handle to the position `across` in its plot, 0 to 1."""
    handle = page.box(thumb)
    strip = page.box(card(page, "alpha").locator("rg-histogram").first.locator("canvas"))
    page.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 6)
    page.page.mouse.down()
    page.page.mouse.move(strip["x"] + across * strip["width"], handle["y"] + 6, steps=3)
    page.page.mouse.up()


def test_dragging_the_limit_sets_it_and_the_heatmap_follows(tab: OpenTab) -> None:
    page = tab(*ALPHA, "step=10", "threshold=0.001")
    thumb = card(page, "alpha").get_by_role("slider", name="Colour limit").first
    drag(page, thumb, 0.8)
    limit = float(page.key("limit") or 0)
    # At 0.8 of a symmetric axis, so at 0.6 of its upper half.
    most = np.log1p(largest("alpha") / 0.001)
    assert limit == pytest.approx(0.001 * np.expm1(0.6 * most), rel=0.05)
    expect(thumb).to_have_attribute("aria-valuenow", str(limit))
    page.frame.get_by_role("tab", name="Heatmap").click()
    page.at_step("alpha", 10)
    assert_ranged(page.cells("alpha", SHAPE[2], SHAPE[1]), logged("alpha", 10)[0].T, limit, 0.001)


def test_dragging_the_threshold_sets_it_and_the_bins_follow(tab: OpenTab) -> None:
    page = tab(*ALPHA, "step=10")
    histogram = card(page, "alpha").locator("rg-histogram").first
    before = counts(histogram)[1]
    thumb = histogram.get_by_role("slider", name="Symlog threshold")
    drag(page, thumb, 0.6)
    threshold = float(page.key("threshold") or 0)
    # On a symlog axis the threshold is at log 2 / log(1 + high / threshold).
    share = np.log(2) / np.log1p(largest("alpha") / threshold)
    assert share == pytest.approx(0.2, abs=0.01)
    card(page, "alpha")
    found, edges = counts(histogram)
    assert not np.allclose(before, edges)
    values = logged("alpha", 10)[..., :4].astype(np.float64)
    np.testing.assert_array_equal(found, np.histogram(values, edges)[0])
    thumb.press("ArrowRight")
    assert float(page.key("threshold") or 0) == pytest.approx(2 * threshold, rel=0.01)
    thumb.dblclick()
    assert page.key("threshold") is None


def test_the_colour_strip_has_the_heatmaps_colours(tab: OpenTab) -> None:
    page = tab(*ALPHA, "step=10", "threshold=0.001", "limit=0.1")
    histogram = card(page, "alpha").locator("rg-histogram").first
    seen = page.read_cells(histogram.locator("canvas"), 1, 256)[0]
    height = np.linspace(-1, 1, 513)[1::2] * np.log1p(largest("alpha") / 0.001)
    values = np.sign(height) * np.expm1(np.abs(height)) * 0.001
    assert_ranged(seen, values, 0.1, 0.001)
    np.testing.assert_array_equal(seen[[0, -1], :3], [BELOW, ABOVE])


@pytest.mark.parametrize("form", ["ridgelines", "heatmap"])
def test_a_click_over_steps_selects_a_step_and_the_sliders_step_is_marked(
    tab: OpenTab, form: str
) -> None:
    page = tab(*ALPHA, f"overSteps={form}")
    over = card(page, "alpha").locator("rg-ridgelines").first
    expect(over).to_be_visible()
    expect(card(page, "alpha")).to_contain_text("Over training: all 4 kept steps")
    steps = over.evaluate("(one) => one.steps.map(([step]) => step)")
    assert steps == list(STEPS["alpha"])
    edges = np.array(over.evaluate("(one) => one.edges"))
    for row, step in enumerate(steps):
        found = over.evaluate("(one, row) => one.bins[row].counts", row)
        values = logged("alpha", step)[..., :4].astype(np.float64)
        np.testing.assert_array_equal(found, np.histogram(values, edges)[0])
    canvas = over.locator("canvas")
    box = page.box(canvas)
    row_of_10 = over.evaluate("(one) => one.y(1)")
    canvas.click(position={"x": box["width"] / 2, "y": row_of_10 - 1})
    expect(page.frame.get_by_label("Step number")).to_have_value("10")
    mark = over.locator("path.mark").get_attribute("d") or ""
    assert mark.startswith(f"M-1,{row_of_10}")
    canvas.press("ArrowDown")
    expect(page.frame.get_by_label("Step number")).to_have_value("20")
    expect(card(page, "alpha").locator(".step")).to_contain_text("step 20")


def test_a_heatmap_over_steps_is_coloured_by_share(tab: OpenTab) -> None:
    page = tab(*ALPHA, "overSteps=heatmap")
    over = card(page, "alpha").locator("rg-ridgelines").first
    expect(over).to_be_visible()
    seen = page.read_cells(over.locator("canvas"), 4, 64)
    found = np.array(over.evaluate("(one) => one.bins.map(({ counts }) => counts)"))
    most = over.evaluate("(one) => one.most")
    filled = found > 0
    assert (seen[~filled][:, 3] == 0).all()
    shares = found[filled] / (SHAPE[0] * SHAPE[1] * 4)
    assert_colours(seen[filled], np.sqrt(shares / most), "viridis")


def test_ridges_are_as_high_as_their_shares(tab: OpenTab) -> None:
    page = tab(*ALPHA, "overSteps=ridgelines", "step=0")
    over = card(page, "alpha").locator("rg-ridgelines").first
    path = over.locator("path.marked").get_attribute("d") or ""
    heights = np.array([float(y) for _, y in re.findall(r"([\d.]+),([\d.]+)", path)])
    found = np.array(over.evaluate("(one) => one.bins[0].counts"))
    most, amplitude = over.evaluate("(one) => [one.most, one.ridges.amplitude]")
    drawn = heights[0] - heights[1:-1]
    expected = found / (SHAPE[0] * SHAPE[1] * 4) / most * amplitude
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert amplitude * found.max() > 0


def test_the_page_says_which_of_many_steps_were_read(
    tab: OpenTab, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    with tb_rnngrad.SummaryWriter(tmp_path / "long") as writer:
        for step in range(150):
            writer.add_sequence("h", np.full((1, 2, 3), 0.1 + step, np.float32), step)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: len(tags.get("long", {}).get("h", {"steps": []})["steps"]) == 150)  # type: ignore[attr-defined]
    page = tab("view=distribution", "step=1", at=server.url)  # type: ignore[attr-defined]
    long = card(page, "long")
    expect(long).to_contain_text("Over training: 100 of 150 kept steps, evenly spaced")
    # Step 1 was not read for that, but has its own histogram.
    expect(long.locator(".step")).to_contain_text(re.compile(r"^\s*step 1\s*$"))
    found, edges = counts(long.locator("rg-histogram"))
    np.testing.assert_array_equal(found, np.histogram(np.full(6, np.float32(1.1)), edges)[0])


def test_a_failed_request_is_reported_and_can_be_retried(tab: OpenTab) -> None:
    page = tab("view=heatmap", *ALPHA[1:])
    page.page.expected_problems += ["500"]  # type: ignore[attr-defined]
    page.at_step("alpha", 30)
    page.page.route("**/histogram?*", lambda route: route.fulfill(status=500, body="out of luck"))
    page.frame.get_by_role("tab", name="Distribution").click()
    expect(page.frame.locator("rg-distribution-card")).to_contain_text("out of luck")
    page.page.unroute("**/histogram?*")
    page.frame.get_by_role("button", name="Retry").first.click()
    assert counts(card(page, "alpha").locator("rg-histogram").first)[0].sum() == 3 * 40 * 4
