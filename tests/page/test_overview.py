"""The overview: one row for each run and layer, and the result in sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_rnngrad import SummaryWriter, flow

from . import histories
from .reading import Tab

OpenTab = Callable[..., Tab]
OVERVIEW = ("view=overview",)
SERIES = (("growing", "lstm_1"), ("growing", "lstm_2"), ("failing", "lstm_1"))


def line(page: Tab, run: str, tag: str) -> Locator:
    """The row of a run's layer."""
    named = page.frame.get_by_role("button", name=f"Open the maps of {run}, {tag}")
    return page.frame.locator("rg-overview-table tbody tr", has=named)


def cell(row: Locator, head: str) -> Locator:
    """The cell of a row under a heading."""
    return row.locator(f"td[data-head='{head}']")


@pytest.mark.parametrize("step", [10, 24])
def test_each_run_and_layer_has_a_row_that_matches_python(
    tab: OpenTab, history_url: str, history_logs: Path, step: int
) -> None:
    page = tab(*OVERVIEW, f"step={step}", at=history_url)
    expect(page.frame.locator("rg-overview-table tbody tr")).to_have_count(len(SERIES))
    for run, tag in SERIES:
        said = histories.python_says(history_logs, run, tag, flow.Thresholds())
        at = said["steps"].index(step)
        row = line(page, run, tag)
        if np.isnan(said["horizon"][at]):
            expect(cell(row, "Horizon")).to_have_text("none")
        else:
            far = f"{said['horizon'][at]:.0f} of {said['lags'][at]:.0f}"
            expect(cell(row, "Horizon")).to_contain_text(far)
            left = cell(row, "Left at far end").inner_text().split("%")[0].replace("−", "-")
            assert float(left) / 100 == pytest.approx(said["farEnd"][at], rel=5e-3)
        change = np.sign(said["horizon"][at] - said["horizon"][0])
        expect(cell(row, "Trend")).to_contain_text({1: "↑", 0: "→", -1: "↓"}[int(change)])
        expect(cell(row, "Trend")).to_contain_text(f"from {said['horizon'][0]:.0f}")
        half_life = said["halfLife"][at]
        expect(cell(row, "Half-life")).to_contain_text(
            f"{half_life:.3g}" if half_life > 0 else "does not fade"
        )
        worst = next(flag for flag in flow.FLAGS if any(flag in up for up in said["flags"]))
        first = next(s for s, up in zip(said["steps"], said["flags"], strict=True) if worst in up)
        name = worst.replace("non_", "non-").replace("_", " ")
        expect(cell(row, "Worst flag")).to_contain_text(re.compile(f"{name}\\s+from step {first}"))
        expect(cell(row, "Dead")).to_have_text("25\u00a0%" if run == "failing" else "0\u00a0%")


def test_the_first_sentence_ranks_runs_and_each_result_links_to_its_maps(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*OVERVIEW, "step=12", at=history_url)
    brief = page.frame.locator("rg-overview-brief")
    left = f"{100 * 0.95**39:.3g}\u00a0%"
    expect(brief.locator("h2")).to_have_text(
        f"failing keeps most of the gradient: about {left} of the largest norm is left 39 timesteps"
        " back"
    )
    failing, growing = brief.locator("li").first, brief.locator("li").nth(1)
    expect(failing.locator(".answer")).to_have_text("yes")
    expect(failing).to_contain_text(f"reaches all 39 timesteps back, {left} left at the far end")
    expect(failing).to_contain_text("at least half as far since step 10")
    expect(failing).to_contain_text("dead channels: 25\u00a0% of the channels are 0 throughout")
    expect(growing.locator(".answer")).to_have_text("no")  # 0.66 a timestep: 9e-8 after 39
    expect(growing).to_contain_text("reaches 11 of 39 timesteps back")
    page.slider().press("End")  # where one sample is not finite
    expect(failing).to_contain_text("growing")
    expect(growing.locator(".answer")).to_have_text("no")
    growing.get_by_role("link", name="non-finite").click()
    assert (page.key("view"), page.key("flowOf")) == ("flow", "nonfinite")


def test_every_column_explains_itself_to_pointer_and_keyboard(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*OVERVIEW, at=history_url)
    said = page.frame.locator("rg-tips div")
    heads = page.frame.locator("rg-overview-table th button")
    helps = [head.get_attribute("aria-description") or "" for head in heads.all()]
    heads.first.focus()
    page.page.keyboard.press("Shift+Tab")
    for text in helps:
        page.page.keyboard.press("Tab")
        expect(said).to_have_text(text)
    for head, text in zip(heads.all(), helps, strict=True):
        head.hover()
        expect(said).to_be_visible()
        expect(said).to_have_text(text)
    assert len(set(helps)) == 9
    assert all(helps)


@pytest.mark.parametrize(("width", "row_in_view"), [(800, False), (1280, False), (1920, True)])
def test_the_first_view_answers_the_main_question(
    page: Page, demo_url: str, width: int, row_in_view: bool
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tab = Tab.open(page, demo_url, *OVERVIEW)
    answers = tab.frame.locator("rg-overview-brief .answer")
    expect(answers).to_have_count(4)
    expect(answers.last).to_be_in_viewport(ratio=1)
    row = tab.frame.locator("rg-overview-table tbody tr").last
    if row_in_view:
        expect(row).to_be_in_viewport(ratio=1)
    # The table is also beside the charts; if there is no room, the charts are below.
    brief, charts = tab.box(tab.frame.locator("rg-overview-brief")), tab.frame.locator(".charts")
    beside = tab.box(charts)["x"] > brief["x"] + brief["width"] - 1
    assert beside == row_in_view


def test_no_sentence_at_the_first_step_says_since_when(tab: OpenTab, history_url: str) -> None:
    page = tab(*OVERVIEW, "step=0", at=history_url)
    items = page.frame.locator("rg-overview-brief li")
    expect(items).to_have_count(2)
    expect(items.first).not_to_contain_text("since")
    expect(items.first).not_to_contain_text("from the first step on")


def test_the_sentence_names_the_number_of_runs(tab: OpenTab, history_url: str) -> None:
    page = tab(*OVERVIEW, 'runs=["growing"]', at=history_url)
    expect(page.frame.locator("rg-overview-brief h2")).to_contain_text("(of 1 of 2 runs shown)")
    page = tab(*OVERVIEW, at=history_url)
    expect(page.frame.locator("rg-overview-brief h2")).not_to_contain_text("runs shown")


def test_the_table_can_be_sorted_by_any_column_which_is_in_the_url(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*OVERVIEW, "step=12", at=history_url)
    runs = page.frame.locator("rg-overview-table tbody tr td:first-child")
    expect(runs).to_have_text(["failing", "growing", "growing"])  # by horizon, descending
    head = page.frame.get_by_role("columnheader", name="Dead")
    page.frame.get_by_role("button", name=re.compile("^Dead")).click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(runs.first).to_have_text("failing")
    page.frame.get_by_role("button", name=re.compile("^Dead")).press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(runs.last).to_have_text("failing")
    assert page.key("sort") == "dead"


def test_a_row_opens_only_its_maps_and_keeps_the_selection(tab: OpenTab, history_url: str) -> None:
    page = tab(*OVERVIEW, at=history_url)
    line(page, "growing", "lstm_2").locator("td").nth(2).click()
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)
    expect(page.frame.locator("rg-flow-card")).to_contain_text("lstm_2")
    assert (page.key("view"), page.key("runs"), page.key("tags")) == ("flow", None, None)
    assert json.loads(page.decoded("alone") or "") == [["growing", "lstm_2"]]
    expect(page.frame.locator("rg-sidebar input:checked")).to_have_count(3)
    page.frame.get_by_role("button", name="Show all").click()
    expect(page.frame.locator("rg-flow-map")).to_have_count(2)


def test_the_browsers_back_button_leads_from_the_maps_to_the_overview(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*OVERVIEW, "step=12", "sort=dead", at=history_url)
    line(page, "growing", "lstm_2").locator("td").nth(2).click()
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)
    page.frame.get_by_role("tab", name="Heatmap").click()
    assert page.key("view") == "heatmap"
    page.page.go_back()
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)
    page.page.go_back()
    expect(page.frame.locator("rg-overview-table tbody tr")).to_have_count(len(SERIES))
    assert (page.key("step"), page.key("sort"), page.key("alone")) == ("12", "dead", None)
    page.page.go_forward()
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)


def test_thresholds_update_the_flags_in_the_table(tab: OpenTab, history_url: str) -> None:
    page = tab(*OVERVIEW, 'runs=["growing"]', 'tags=["lstm_1"]', at=history_url)
    page.frame.get_by_role("button", name="More controls").click()
    worst = cell(line(page, "growing", "lstm_1"), "Worst flag")
    expect(worst).to_contain_text(re.compile(r"vanishing\s+from step 0, not now"))
    page.frame.get_by_label("Vanishing <").fill("0")
    page.frame.get_by_label("Vanishing <").press("Enter")
    expect(worst).to_have_text("none")


SEEDS = (0, 1, 2)


def write_sweep(logdir: Path) -> None:
    """Log runs short and long with three seeds each and their losses, and a bidirectional layer."""
    lags = np.arange(20)[::-1, np.newaxis]
    for name, a in (("short", 0.5), ("long", 0.95)):
        for seed in SEEDS:
            session = hparams.hparams_pb({"a": a, "seed": seed})
            with SummaryWriter(logdir / f"{name}_{seed}") as writer:
                for step in (0, 10, 20):
                    data = ((a + 0.01 * seed) ** lags * np.ones((4, 20, 3))).astype(np.float32)
                    writer.add_sequence("lstm", data, step)
                    writer.add_scalar("loss", 2 - 0.05 * step * a - 0.1 * seed, step)
            own = EventFileWriter(str(logdir / f"{name}_{seed}"))
            own.add_event(Event(step=0, wall_time=1.0, summary=session))
            own.close()
    forward = (0.9**lags * np.ones((2, 20, 3))).astype(np.float32)
    backward = (0.5 ** lags[::-1] * np.ones((2, 20, 3))).astype(np.float32)
    with SummaryWriter(logdir / "both") as writer:
        writer.add_sequence(
            "bilstm",
            np.concatenate([forward, backward], axis=2),
            0,
            channel_groups={"forward": 3, "backward": 3},
        )


@pytest.fixture(scope="module")
def sweep_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., Any]
) -> str:
    """The address of a TensorBoard for these logs."""
    logdir = tmp_path_factory.mktemp("sweep")
    write_sweep(logdir)
    server = tensorboard_server(logdir)
    server.wait_for(
        lambda tags: (
            len(tags) == 7
            and len(server.get("/scalars").json()["hyperparameters"]) == 6
            and all(len(of["lstm"]["steps"]) == 3 for run, of in tags.items() if run != "both")
        )
    )
    return str(server.url)


def test_the_overview_ranks_every_run_and_draws_losses_above(tab: OpenTab, sweep_url: str) -> None:
    page = tab(*OVERVIEW, at=sweep_url)
    rows = page.frame.locator("rg-overview-table tbody tr")
    expect(rows).to_have_count(8)  # six runs, and the two directions of another
    expect(rows.first).to_contain_text("long_2")
    expect(page.frame.locator("rg-overview-brief h2")).to_contain_text("long_2 keeps most")
    first = page.frame.locator("rg-overview-brief li").first
    expect(first).to_contain_text("loss fell from 1.8 to 0.85")  # 2 - 0.2, less 0.95 at step 20
    curves = page.frame.locator("rg-step-curves rg-curve")
    expect(curves.first.locator("h3")).to_have_text("loss")
    expect(curves.nth(1).locator("h3")).to_contain_text("Memory horizon")
    values = curves.first.evaluate(
        "(curve) => curve.lines.find(({ label }) => label === 'long_1').values"
    )
    np.testing.assert_allclose(values, [1.9, 1.425, 0.95], rtol=1e-6)
    spans = curves.evaluate_all("(curves) => curves.map(({ xs }) => xs.join())")
    assert set(spans) == {"0,10,20"}  # all share an axis of steps
    page.frame.get_by_role("button", name="Do not draw loss").click()
    expect(curves.first.locator("h3")).to_contain_text("Memory horizon")
    page.frame.get_by_label("Beside the horizon").select_option("loss")
    expect(curves.first.locator("h3")).to_have_text("loss")
    assert page.decoded("scalars") == '["loss"]'


def test_directions_have_their_own_rows(tab: OpenTab, sweep_url: str) -> None:
    page = tab(*OVERVIEW, 'runs=["both"]', at=sweep_url)
    for part, horizon in (("forward", "19 of 19"), ("backward", "6 of 19")):  # 0.9^19, 0.5^6
        row = line(page, "both", f"bilstm/{part}")
        expect(cell(row, "Layer")).to_contain_text(part)
        expect(cell(row, "Horizon")).to_contain_text(horizon)
    page.frame.get_by_role("tab", name="Heatmap").click()
    expect(page.frame.locator("rg-card")).to_have_count(1)
    expect(page.frame.locator("rg-card")).to_contain_text("bilstm")
    page = tab("view=flow", 'runs=["both"]', 'tags=["bilstm"]', "flowAxis=lag", at=sweep_url)
    whole = page.frame.locator("rg-flow-card")
    expect(whole).to_contain_text("Its directions or cells work in orders of their own")
    expect(page.frame.locator("rg-flow-map")).to_have_count(0)
    whole.get_by_role("button", name="all of them").click()
    expect(page.frame.locator("rg-flow-map")).to_have_count(2)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (("groupBy=regex",), ("long", "short")),
        (("groupBy=hparams",), ("a=0.95", "a=0.5")),
    ],
)
def test_seeds_form_one_line_with_mean_and_band(
    tab: OpenTab, sweep_url: str, keys: tuple[str, ...], names: tuple[str, str]
) -> None:
    page = tab(*OVERVIEW, *keys, 'tags=["lstm"]', at=sweep_url)
    rows = page.frame.locator("rg-overview-table tbody tr")
    expect(rows).to_have_count(2)
    for row, name in zip(rows.all(), names, strict=True):
        expect(row).to_contain_text(name)
        expect(row).to_contain_text("3 runs: mean, least to most")
    expect(cell(rows.nth(1), "Horizon")).to_contain_text("6.33 of 19")  # 6, 6 and 7
    lines = page.frame.locator("rg-step-curves rg-curve").first.evaluate("(curve) => curve.lines")
    assert [one["label"] for one in lines] == list(names)
    np.testing.assert_allclose(lines[0]["values"], [1.9, 1.425, 0.95], rtol=1e-6)
    np.testing.assert_allclose(lines[0]["band"]["low"], [1.8, 1.325, 0.85], rtol=1e-6)
