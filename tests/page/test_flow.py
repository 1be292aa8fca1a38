"""The flow view: norms over the whole training, how far back they reach, and flags."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

import tb_rnngrad
from tb_rnngrad import flow

from . import histories
from .conftest import SHAPE, STEPS, logged
from .reading import Tab, assert_colours, colour_map

OpenTab = Callable[..., Tab]
FLOW = ("view=flow", 'runs=["alpha"]', 'tags=["lstm"]')
ABSOLUTE = "flowRelative=false"
# The forward half of alpha: four channels, with lags.
FORWARD = ("view=flow", 'runs=["alpha"]', 'tags=["lstm/forward"]')
HISTORIES = ("view=flow", 'tags=["lstm_1"]')
TIMESTEPS = SHAPE[1]
FLAGS = ("non_finite", "exploding", "cut", "vanishing", "dead_channels")

# What the page computed for a run, as numbers; JSON has no infinities or NaN.
_HISTORY = """([run, tag]) => {
  const { cards } = document.querySelector("rnngrad-app").renderRoot.querySelector("rg-flags-bar");
  const { history } = cards.find(({ series }) => series.run === run && series.tag === tag);
  const { flow, flags } = history;
  const numbers = (name) => [name, Array.from(history[name].p50 ?? history[name], String)];
  const listed = ["horizon", "halfLife", "r2", "gain", "farEnd", "lags"].map(numbers);
  return { steps: flow.steps.map(([step]) => step), flags, ...Object.fromEntries(listed) };
}"""


def norms(channels: int = SHAPE[2]) -> np.ndarray:
    """Return alpha's mean norm over its first channels, at every step and timestep, [steps, T]."""
    return sample_norms(channels).mean(axis=1)


def sample_norms(channels: int = SHAPE[2]) -> np.ndarray:
    """Return the norm of each of alpha's samples, [steps, samples, T]."""
    data = [logged("alpha", step).astype(np.float64)[:, :, :channels] for step in STEPS["alpha"]]
    return np.linalg.norm(np.stack(data), axis=3)


def median_horizons(channels: int, eps: float = 0.01) -> np.ndarray:
    """Return the memory horizon of alpha's median sample at every step, [steps]."""
    by_lag = sample_norms(channels)[:, :, ::-1]
    reached = by_lag >= eps * by_lag.max(axis=2, keepdims=True)
    horizons = TIMESTEPS - 1 - np.argmax(reached[:, :, ::-1], axis=2)
    return np.sort(horizons, axis=1)[:, (SHAPE[0] - 1) // 2]


def log_places(values: np.ndarray, decades: float = 8) -> np.ndarray:
    """Return the position of each norm on the map's colour bar, 0 to 1."""
    logs = np.log(values)
    least = max(logs.min(), logs.max() - np.log(10) * decades)
    return np.clip((logs - least) / (logs.max() - least), 0, 1)


def test_the_map_shows_the_norm_relative_to_each_steps_largest(tab: OpenTab) -> None:
    page = tab(*FLOW)
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_be_visible()
    relative = norms() / norms().max(axis=1, keepdims=True)
    seen = page.read_cells(canvas, TIMESTEPS, len(STEPS["alpha"]))
    assert_colours(seen, log_places(relative.T, decades=4), "viridis")
    bar = page.frame.locator("rg-colour-bar")
    expect(bar).to_contain_text("relative to each step's largest")
    page.frame.get_by_label("Values", exact=True).select_option("absolute")
    expect(bar).to_contain_text("; absolute")
    assert page.key("flowRelative") == "false"
    page.frame.get_by_label("Of", exact=True).select_option("exact zeros")  # already a share
    expect(page.frame.get_by_label("Values", exact=True)).to_have_count(0)
    expect(bar).not_to_contain_text("absolute")


@pytest.mark.parametrize("axis", ["timestep", "lag"])
def test_the_map_shows_the_norm_at_every_step(tab: OpenTab, axis: str) -> None:
    page = tab(*(FLOW if axis == "timestep" else FORWARD), f"flowAxis={axis}", ABSOLUTE)
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_be_visible()
    expect(page.frame.locator("rg-flow-map .readout")).to_contain_text("step 30")
    seen = page.read_cells(canvas, TIMESTEPS, len(STEPS["alpha"]))
    expected = norms().T if axis == "timestep" else norms(4).T[::-1]
    # Norms are drawn as bfloat16 with 8 bits: within 1/256, or one colour on a log scale.
    assert_colours(seen, log_places(expected), "viridis")
    assert len(colour_map("viridis")) == 256


def test_the_map_shows_other_statistics_of_the_batch(tab: OpenTab) -> None:
    data = np.stack([logged("alpha", step).astype(np.float64) for step in STEPS["alpha"]])
    data = data[..., :4]
    mean, std = (np.linalg.norm(of(data, axis=1), axis=2) for of in (np.mean, np.std))
    page = tab(*FORWARD, "flowOf=agreement")
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_be_visible()
    agreement = mean / np.sqrt((data**2).mean(axis=1).sum(axis=2))  # [steps, T]
    seen = page.read_cells(canvas, TIMESTEPS, len(STEPS["alpha"]))
    assert_colours(seen, agreement.T, "viridis")
    page.frame.get_by_label("Of", exact=True).select_option("signal-to-noise ratio")
    expect(page.frame.locator("rg-colour-bar")).to_contain_text("standard deviation")
    page.frame.get_by_label("Over", exact=True).select_option("lags")
    assert page.key("flowOf") == "snr"
    seen = page.read_cells(canvas, TIMESTEPS, len(STEPS["alpha"]))
    assert_colours(seen, log_places((mean / std).T[::-1]), "viridis")
    heading = page.frame.locator("rg-flow-now h3")
    expect(heading).to_have_text("Signal-to-noise ratio at step 30 against lag")


def test_the_chosen_axis_is_in_the_url(tab: OpenTab) -> None:
    page = tab(*FORWARD)
    expect(page.frame.get_by_role("heading", name="against timestep")).to_be_visible()
    page.frame.get_by_label("Over", exact=True).select_option("lag")
    expect(page.frame.get_by_role("heading", name="against lag")).to_be_visible()
    assert page.key("flowAxis") == "lag"


def test_the_horizon_is_shown_for_each_step_and_follows_its_share(tab: OpenTab) -> None:
    page = tab(*FORWARD, "more=true")
    readout = page.frame.locator("rg-flow-map .readout")
    line = page.frame.locator("rg-flow-map path.line:not(.halo)")
    height = page.box(page.frame.locator("rg-flow-map rg-heatmap canvas"))["height"]
    for eps in (0.01, 0.0001):
        page.frame.get_by_label("Horizon at").fill(str(eps))
        page.frame.get_by_label("Horizon at").press("Enter")
        horizons = median_horizons(4, eps)
        expect(readout).to_contain_text(f"horizon: lag {horizons[3]};")
        drawn = [float(y) for y in re.findall(r",([\d.]+)", line.get_attribute("d") or "")]
        reached = TIMESTEPS - 1 - horizons
        np.testing.assert_allclose(np.array(drawn) / height * TIMESTEPS - 0.5, reached, atol=1e-6)
    assert page.key("eps") == "0.0001"


def test_pointing_reads_the_norm_and_a_click_selects_the_step(tab: OpenTab) -> None:
    page = tab(*FLOW)
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_be_visible()
    box = page.box(canvas)
    at = {"x": box["width"] * 1.5 / 4, "y": box["height"] * 35.5 / TIMESTEPS}
    canvas.hover(position=at)
    readout = page.frame.locator("rg-flow-map .readout")
    expect(readout).to_contain_text("norm at step 10, timestep 35")
    said = float(readout.locator("b").inner_text().replace("−", "-"))
    assert said == pytest.approx(norms()[1, 35], rel=1e-6)
    share = re.search(r"= (\S+) of the step's largest", readout.inner_text())
    assert share
    assert float(share[1]) == pytest.approx(norms()[1, 35] / norms()[1].max(), rel=5e-3)
    canvas.click(position=at)
    expect(page.frame.get_by_label("Step number")).to_have_value("10")
    heading = page.frame.get_by_role("heading", name="Norm at step 10 against timestep")
    expect(heading).to_be_visible()


def test_the_map_and_the_curves_both_read_what_is_pointed_at(tab: OpenTab) -> None:
    page = tab(*FORWARD)
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_be_visible()
    box = page.box(canvas)
    canvas.hover(position={"x": box["width"] * 1.5 / 4, "y": box["height"] * 35.5 / TIMESTEPS})
    now = page.frame.locator("rg-flow-now rg-curve .values")
    over = page.frame.locator("rg-flow-curves rg-curve .values").first
    expect(now).to_contain_text("at timestep 35")  # at the slider's step
    assert float(now.locator("b").inner_text()) == pytest.approx(norms(4)[3, 35], rel=1e-6)
    expect(over).to_contain_text("at step 10")
    assert float(over.locator("b").inner_text()) == median_horizons(4)[1]
    readout = page.frame.locator("rg-flow-map .readout")
    page.page.mouse.move(5, 5)
    expect(over).not_to_contain_text("at step")
    plot = page.frame.locator("rg-flow-curves .plot").first
    plot.press("End")
    plot.press("ArrowLeft")
    expect(readout).to_contain_text("step 20")
    page.frame.locator("rg-flow-now .plot").press("Home")
    expect(readout).to_contain_text("norm at step 30, timestep 0")
    page.frame.locator("rg-flow-now .plot").press("Tab")
    expect(now).not_to_contain_text("at timestep")


def test_the_tabs_lead_to_the_flow_and_back(tab: OpenTab) -> None:
    page = tab(*FLOW[1:], "view=heatmap")
    page.at_step("alpha", 30)
    page.frame.get_by_role("tab", name="Flow").click()
    expect(page.frame.locator("rg-flow-view")).to_be_visible()
    assert page.key("view") == "flow"
    page.frame.get_by_role("tab", name="Heatmap").click()
    page.at_step("alpha", 30)


@pytest.mark.parametrize(
    "limits",
    [
        flow.Thresholds(),
        flow.Thresholds(eps=0.1, vanishing=0.3, exploding=10, nonfinite=0.2, dead=0.3),
    ],
    ids=["default", "chosen"],
)
def test_the_page_judges_every_step_as_python_does(
    tab: OpenTab, history_url: str, history_logs: Path, limits: flow.Thresholds
) -> None:
    keys = [f"{name}={value}" for name, value in vars(limits).items()]
    series = [("growing", "lstm_1"), ("growing", "lstm_2"), ("failing", "lstm_1")]
    page = tab("view=flow", 'tags=["lstm_1","lstm_2"]', *keys, at=history_url)
    expect(page.frame.locator("rg-flow-map")).to_have_count(len(series))
    for run, tag in series:
        seen = page.frame.evaluate(_HISTORY, [run, tag])
        expected = histories.python_says(history_logs, run, tag, limits)
        assert seen["steps"] == expected["steps"]
        assert seen["flags"] == expected["flags"]
        assert any(seen["flags"]), "no flag at all proves little"
        for name in ("horizon", "halfLife", "r2", "gain", "farEnd", "lags"):
            numbers = [float(text.replace("Infinity", "inf")) for text in seen[name]]
            np.testing.assert_allclose(numbers, expected[name], rtol=1e-9, err_msg=name)


def test_the_page_judges_a_step_shorter_than_the_others_as_python_does(
    tab: OpenTab, tmp_path: Path, tensorboard_server: Callable[..., Any]
) -> None:
    """A shorter step is padded with NaN rows, which must not count."""
    lengths = (40, 12, 25, 12, 1, 25, 40, 12)
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        for step, length in enumerate(lengths):
            data = histories.fading((0.9, 0.005, 1.4)[step % 3])[:, -length:]
            data[:, :, :3] = 0 if step in (1, 4, 6) else data[:, :, :3]
            data[1, -1, 5] = np.nan if step == 3 else data[1, -1, 5]
            real = [length, length, (length + 1) // 2]
            for sample, end in zip(data, real, strict=True):
                sample[: end - 8] = 0 if step == 5 else sample[: end - 8]
            writer.add_sequence("h", data, step, mask=real)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: tags["run"]["h"]["last_flow"][0] == len(lengths) - 1)
    page = tab("view=flow", at=server.url)
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)
    seen = page.frame.evaluate(_HISTORY, ["run", "h"])
    expected = histories.python_says(tmp_path, "run", "h", flow.Thresholds())
    assert seen["flags"] == expected["flags"]
    assert {flag for flags in seen["flags"] for flag in flags} == set(FLAGS)
    for name in ("horizon", "halfLife", "r2", "gain", "farEnd", "lags"):
        numbers = [float(text.replace("Infinity", "inf")) for text in seen[name]]
        np.testing.assert_allclose(numbers, expected[name], rtol=1e-9, err_msg=name)


def test_the_slider_covers_every_flow_step_and_tensors_show_their_nearest(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*HISTORIES, 'runs=["growing"]', "step=13", at=history_url)
    expect(page.frame.locator("rg-step-slider .note")).to_contain_text(f"of {len(histories.STEPS)}")
    expect(page.frame.get_by_label("Step number")).to_have_value("13")
    page.frame.get_by_role("tab", name="Heatmap").click()
    expect(page.frame.get_by_label("Step number")).to_have_value("16")
    expect(page.frame.locator("rg-step-slider .note")).to_contain_text(
        f"of {len(histories.TENSOR_STEPS)}"
    )
    page.frame.get_by_role("tab", name="Flow").click()
    expect(page.frame.get_by_label("Step number")).to_have_value("13")


def test_flags_are_marked_on_the_slider_and_on_the_map(tab: OpenTab, history_url: str) -> None:
    page = tab(*HISTORIES, 'runs=["failing"]', at=history_url)
    expect(page.frame.locator("rg-flow-map")).to_be_visible()
    rising = {"vanishing": (0, 5), "dead_channels": (5, 8), "exploding": (8, 10)}
    intervals = {**rising, "non_finite": (10, 13)}  # by index of the step
    steps = len(histories.STEPS[::2])
    # On the slider steps are points, with bars ending halfway between; on the map they are columns.
    on_slider = [
        np.clip((np.array(edges) - 0.5) / (steps - 1), 0, 1) for edges in intervals.values()
    ]
    on_map = [np.array(edges) / steps for edges in intervals.values()]
    for where, expected in (
        ("rg-step-slider svg rect", on_slider),
        ("rg-flow-map rect.strip", on_map),
    ):
        bars = page.frame.locator(where)
        expect(bars).to_have_count(len(intervals))
        boxes = bars.evaluate_all(
            "(bars) => bars.map((bar) => bar.getBBox()).map((box) => [box.x, box.x + box.width])"
        )
        np.testing.assert_allclose(np.array(boxes) / np.max(boxes), expected, atol=0.005)
        fills = bars.evaluate_all("(bars) => bars.map((bar) => bar.getAttribute('fill'))")
        assert fills == [f"var(--rg-{flag})" for flag in intervals]


def test_keys_and_buttons_jump_from_flag_to_flag(tab: OpenTab, history_url: str) -> None:
    page = tab(*HISTORIES, "step=0", at=history_url)
    now = page.frame.locator("rg-flags-bar .now")
    expect(now.locator("span", has_text="failing:").locator("b")).to_have_text(
        ["vanishing", "dead channels"]
    )
    number = page.frame.get_by_label("Step number")
    # failing explodes at 16 and is non-finite at 20; growing vanishes at 0, and later no more.
    for step, said in ((16, "failing: exploding"), (20, "failing: non-finite")):
        page.slider().press("n")
        expect(number).to_have_value(str(step))
        expect(now).to_contain_text(said)
    expect(page.frame.get_by_role("button", name="flag ›")).to_be_disabled()
    page.frame.get_by_role("button", name="‹ flag").click()
    expect(number).to_have_value("16")
    page.slider().press("p")
    expect(number).to_have_value("0")
    number.press("n")  # in a text field, letters are just letters
    page.frame.get_by_role("tab", name="Flow").press("n")  # nor do they jump from a tab
    page.rest()
    expect(number).to_have_value("0")
    page.frame.locator("rg-flow-map rg-heatmap canvas").first.press("n")
    expect(number).to_have_value("16")


def test_a_run_without_the_step_names_the_step_it_shows(tab: OpenTab, history_url: str) -> None:
    page = tab(*HISTORIES, "step=13", at=history_url)  # failing logged every second step
    now = page.frame.locator("rg-flags-bar .now")
    expect(now).to_contain_text(re.compile(r"failing \(step 1[24]\): "))
    expect(now).to_contain_text("growing: ")
    rows = page.frame.locator("rg-flow-now tbody tr")
    expect(rows.filter(has_text="failing")).to_contain_text("failing (step 1")
    expect(rows.filter(has_text="growing")).to_contain_text("halves")


def test_a_changed_threshold_updates_the_flags_and_the_url(tab: OpenTab, history_url: str) -> None:
    page = tab(*HISTORIES, 'runs=["failing"]', "step=16", at=history_url)
    expect(page.frame.get_by_label("Dead >")).to_have_count(0)
    page.frame.get_by_role("button", name="More controls").click()
    now = page.frame.locator("rg-flags-bar .now")
    flags = now.locator("b")
    expect(flags).to_have_text(["exploding", "dead channels"])
    expect(now).to_contain_text(
        "3 of 3 samples explode, worst: sample 0, ×27800 by lag 39"
    )  # 1.3^39
    for name, value, said in (
        ("Dead >", "0.3", "exploding"),
        ("Exploding >", "1e6", "no flag"),
    ):
        page.frame.get_by_label(name).fill(value)
        page.frame.get_by_label(name).press("Enter")
        expect(flags).to_have_text([said])
    expect(now).not_to_contain_text("samples explode")  # that count is of the old threshold
    assert (page.key("dead"), page.key("exploding")) == ("0.3", "1000000")
    page.frame.get_by_label("Dead >").fill("7")
    page.frame.get_by_label("Dead >").press("Enter")
    expect(page.frame.get_by_label("Dead >")).to_have_value("0.3")


def test_the_fit_is_described_in_words_and_sample_quantiles_are_a_band(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*HISTORIES, 'runs=["growing"]', "step=20", at=history_url)
    said = page.frame.locator("rg-flow-now tbody tr").first
    expect(said).to_contain_text("halves every 6.58 timesteps back (R² 1.00)")  # 0.9^6.58
    expect(said).to_contain_text("lag 39 of 39")
    expect(said).to_contain_text(f"{100 * 0.9**39:.3g}\u00a0%")
    lines: Any = page.frame.locator("rg-flow-now rg-curve").evaluate("(curve) => curve.lines")
    norm, fitted = lines
    base = np.sqrt(histories.CHANNELS) * 0.9 ** np.arange(histories.TIMESTEPS)[::-1]
    np.testing.assert_allclose(norm["values"], 2 * base, rtol=1e-6)
    np.testing.assert_allclose(norm["band"]["low"], 1.1 * base, rtol=1e-6)
    np.testing.assert_allclose(norm["band"]["high"], 2.9 * base, rtol=1e-6)
    np.testing.assert_allclose(fitted["values"], 2 * base, rtol=1e-4)


def test_two_runs_are_compared_in_decades(tab: OpenTab, history_url: str) -> None:
    page = tab(*HISTORIES, "step=8", at=history_url)
    page.frame.get_by_label("Show", exact=True).select_option("difference")
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas")
    expect(canvas).to_have_count(1)
    page.frame.get_by_label("A", exact=True).select_option(label="failing: lstm_1")
    page.frame.get_by_label("B", exact=True).select_option(label="growing: lstm_1")
    box = page.box(canvas)
    steps = len(histories.STEPS[::2])
    row, column = 30, 7  # step 14
    canvas.hover(
        position={
            "x": box["width"] * (column + 0.5) / steps,
            "y": box["height"] * (row + 0.5) / histories.TIMESTEPS,
        }
    )
    readout = page.frame.locator("rg-flow-map .readout")
    expect(readout).to_contain_text("decades at step 14, timestep 30")
    a, b = (of(14)[:, row].astype(float) for of in (histories.failing, histories.growing))
    expected = np.log10(np.linalg.norm(a, axis=1).mean() / np.linalg.norm(b, axis=1).mean())
    said = float(readout.locator("b").inner_text().replace("−", "-"))
    assert said == pytest.approx(expected, rel=1e-5)
    assert page.key("flowShow") == "difference"
    assert json.loads(page.page.evaluate("decodeURIComponent(location.hash.match(/a=([^&]*)/)[1])"))


def test_borders_of_truncated_backpropagation_windows_are_drawn(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*HISTORIES, 'runs=["growing"]', "more=true", at=history_url)
    field = page.frame.get_by_label("BPTT window")
    field.fill("16")
    field.press("Enter")
    line = page.frame.locator("rg-flow-map path.boundary:not(.halo)")
    canvas = page.box(page.frame.locator("rg-flow-map rg-heatmap canvas"))
    rows = [float(part.split("H")[0]) for part in (line.get_attribute("d") or "").split("M0,")[1:]]
    np.testing.assert_allclose(np.array(rows) / canvas["height"], [16 / 40, 32 / 40], atol=1e-6)
    curve = page.frame.locator("rg-flow-now rg-curve")
    assert curve.evaluate("(curve) => curve.boundaries") == [15.5, 31.5]
    assert page.key("bptt") == "16"
    field.fill("")
    field.press("Enter")
    expect(line).to_have_count(0)


def test_curves_over_training_have_a_line_for_each_run_in_its_colour(
    tab: OpenTab, history_url: str, history_logs: Path
) -> None:
    page = tab(*HISTORIES, at=history_url)
    curves = page.frame.locator("rg-flow-curves rg-curve")
    expect(curves).to_have_count(5)
    runs = page.page.request.get(f"{history_url}/data/runs").json()
    palette = ["#425066", "#12b5cb"]
    for i, metric in enumerate(("horizon", "farEnd", "halfLife", "gain")):
        lines = curves.nth(i).evaluate("(curve) => curve.lines")
        found = sorted((line["label"], line["colour"]) for line in lines)
        assert found == sorted((run, palette[runs.index(run)]) for run in runs)
        for line in lines:
            said = histories.python_says(history_logs, line["label"], "lstm_1", flow.Thresholds())
            expected = said[metric]
            if metric != "horizon":  # on log axes
                expected = np.where(np.isfinite(expected) & (expected > 0), expected, np.nan)
            drawn = [line["values"][histories.STEPS.index(step)] for step in said["steps"]]
            drawn = np.array(drawn, float)  # a gap is NaN
            np.testing.assert_allclose(drawn, expected, rtol=1e-9, err_msg=metric)


def test_maps_zoom_together_over_training_steps_and_timesteps(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*HISTORIES, at=history_url)
    canvas = page.frame.locator("rg-flow-map rg-heatmap canvas").last
    box = page.box(canvas)
    steps = histories.STEPS if "growing" in _last_run(page) else histories.STEPS[::2]
    # From step index 2 to 5, and from timestep 10 to 29.
    across = [box["x"] + box["width"] * edge / len(steps) for edge in (2.5, 5.5)]
    down = [box["y"] + box["height"] * edge / histories.TIMESTEPS for edge in (10.5, 29.5)]
    page.page.mouse.move(across[0], down[0])
    page.page.mouse.down()
    page.page.mouse.move(across[1], down[1], steps=3)
    page.page.mouse.up()
    key = page.key("flowWindow")
    assert key and key.replace("%2C", ",") == f"10,30,{steps[2]},{steps[5] + 1}"
    for i in range(2):
        map_ = page.frame.locator("rg-flow-map").nth(i)
        shown = map_.locator("rg-heatmap").evaluate("(map) => map.window")
        logged = map_.evaluate("(map) => map.history.flow.steps.map(([step]) => step)")
        assert (shown["c0"], shown["c1"]) == (10, 30)
        seen = logged[shown["t0"] : shown["t1"]]
        assert seen == [step for step in logged if steps[2] <= step <= steps[5]]
    page.frame.get_by_role("button", name="Reset zoom").click()
    assert page.key("flowWindow") is None


def _last_run(page: Tab) -> str:
    return page.frame.locator("rg-flow-card h3").last.inner_text()


LEAST, LARGEST = 2.0**-149, float(np.finfo(np.float32).max)
EXTREMES = {
    "huge": [LARGEST, -LARGEST, LARGEST / 3],
    "subnormal": [LEAST, -3 * LEAST, 1000 * LEAST],
    "nan": [np.nan, np.nan, np.nan],
}


@pytest.fixture(scope="module")
def extremes_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., Any]
) -> str:
    """The address of a TensorBoard with values at the ends of float32's range."""
    logdir = tmp_path_factory.mktemp("extremes")
    for run, values in EXTREMES.items():
        with tb_rnngrad.SummaryWriter(logdir / run) as writer:
            for step in range(3):
                data = np.full((2, 6, 3), values[step], np.float32)
                writer.add_sequence("h", data, step)
                writer.add_sequence("w", data[0], step, quantity="weight")
    server = tensorboard_server(logdir)
    server.wait_for(
        lambda tags: (
            set(tags) == set(EXTREMES) and all(len(of["w"]["steps"]) == 3 for of in tags.values())
        )
    )
    return str(server.url)


@pytest.mark.parametrize("run", EXTREMES)
def test_y_axes_have_numbers_whatever_the_values(tab: OpenTab, extremes_url: str, run: str) -> None:
    for view, tag in (("flow", "h"), ("heatmap", "h"), ("weights", "w")):
        keys = (f'runs=["{run}"]', f'tags=["{tag}"]', "scale=linear", "weightsAs=norms")
        page = tab(f"view={view}", *keys, at=extremes_url)
        curves = page.frame.locator("rg-curve")
        expect(curves.first).to_be_visible()
        for curve in curves.all():
            curve.scroll_into_view_if_needed()
            page.rest()
            across, down = curve.evaluate("({ plot }) => plot.axes.map((axis) => axis._values)")
            assert len(across or []) >= 1, view
            assert len(down or []) >= 2, view
            assert not any("NaN" in label or "∞" in label for label in down), down
