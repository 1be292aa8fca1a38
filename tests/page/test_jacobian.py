"""The Jacobian view: how one timestep depends on the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

import tb_rnngrad

from . import histories
from .reading import ZERO, Tab, assert_colours
from .test_export import saved

OpenTab = Callable[..., Tab]
JACOBIAN = ("view=jacobian", 'runs=["failing"]', 'tags=["jacobian"]')
ITEMIZED = ("view=jacobian", 'runs=["failing"]', 'tags=["itemized"]')
T = histories.TIMESTEPS


def values(curve: Locator) -> list[Any]:
    """Return the values of a plot's lines."""
    lines: list[Any] = curve.evaluate(
        "async (curve) => { await atRest(); return curve.lines.map(({ values }) => values); }"
    )
    return lines


def lines_on_map(page: Tab) -> dict[str, list[float]]:
    """Return the lines between cells of the map, across t and s, as positions from 0 to 1."""
    box = page.box(page.canvas("failing"))
    drawn = page.card("failing").locator("path.boundary:not(.halo)").get_attribute("d") or ""
    down = [float(y) / box["height"] for y in re.findall(r"M0,([\d.]+)H", drawn)]
    across = [float(x) / box["width"] for x in re.findall(r"M([\d.]+),0V", drawn)]
    return {"t": down, "s": across}


def test_a_jacobian_is_a_map_of_logarithms_with_gray_zeros(tab: OpenTab, history_url: str) -> None:
    page = tab(*JACOBIAN, "step=16", "more=true", at=history_url)
    page.at_step("failing", 16)
    seen = page.cells("failing", T, T)
    logs = histories.jacobian(16).astype(float)  # a row for each t
    held = np.isfinite(logs)
    assert (seen[~held][:, :3] == ZERO).all()
    least = logs[held].min()
    # Controls that would change nothing are not shown.
    expect(page.frame.get_by_label("Range")).to_be_visible()
    for control in ("Scale", "Limit", "Typed limit", "Typed threshold"):
        expect(page.frame.get_by_label(control, exact=True)).to_have_count(0)
    # bfloat16 has 8 bits: for logarithms up to 4, that is within one colour.
    assert_colours(seen[held], (logs[held] - least) / -least, "viridis")
    # The scale is fixed, so controls that would change it are not shown.
    offered = page.frame.locator("rg-toolbar label").all_inner_texts()
    assert offered == ["Range", "Colours"]


def test_pointing_at_a_row_shows_its_curve_over_s(tab: OpenTab, history_url: str) -> None:
    page = tab(*JACOBIAN, "step=8", at=history_url)
    page.at_step("failing", 8)
    curve = page.frame.locator("rg-jacobian-row rg-curve")
    heading = curve.locator("h3")
    expect(heading).to_contain_text(f"State at timestep {T - 1}")  # the last one by default
    page.hover("failing", 12, 3, (T, T))  # row t = 12, column s = 3
    expect(heading).to_contain_text("State at timestep 12")
    readout = page.card("failing").locator(".readout")
    expect(readout).to_contain_text("state at timestep t 12, timestep s 3")
    _, content = saved(page, "failing", "CSV")
    assert content.startswith(b"state at timestep t,timestep s 0,timestep s 1,")
    page.hover("failing", 12, 3, (T, T))
    (line,) = values(curve)
    logs = histories.jacobian(8)[12].astype(float)
    np.testing.assert_allclose(line[:13], logs[:13], rtol=1e-6)
    assert line[13:] == [None] * (T - 13)
    expect(curve.locator(".values")).to_contain_text("at timestep s 3")
    said = float(curve.locator(".values b").inner_text().replace("−", "-"))
    assert said == np.float32(logs[3])


ROWS = {
    "at": [0, 9, -1],
    "wrt": "state",
    "norm": "fro",
    "reduced_by": "geometric mean over samples",
}


@pytest.fixture(scope="module")
def rows_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., Any]
) -> str:
    """The address of a TensorBoard with Jacobians of chosen rows, which differ between runs."""
    logdir = tmp_path_factory.mktemp("rows")
    data = np.where(np.arange(20) <= np.array([[0], [9], [19]]), -1.5, -np.inf)
    for run, details in (("failing", ROWS), ("other", {**ROWS, "at": [1, 9, 19]})):
        with tb_rnngrad.SummaryWriter(logdir / run) as writer:
            record = tb_rnngrad.SequenceRecord(
                data.astype(np.float32), quantity="state_jacobian", details=details
            )
            writer.add_sequence("jacobian", record, 3)
    server = tensorboard_server(logdir)
    server.wait_for(lambda tags: {"failing", "other"} <= set(tags))
    return str(server.url)


def test_chosen_rows_are_named_by_their_timesteps_everywhere(tab: OpenTab, rows_url: str) -> None:
    page = tab(*JACOBIAN, "bptt=10", at=rows_url)
    page.at_step("failing", 3)
    card = page.card("failing")
    expect(card.locator("p").first).to_contain_text("log10 |dht/dhs|F")
    expect(card.locator("p").first).to_contain_text("geometric mean over samples")
    around = card.locator("rg-heatmap svg")
    names = around.locator("text").all_text_contents()
    assert {"state at timestep t", "state at timestep s"} <= set(names)
    assert around.locator("text[x='-7']").all_text_contents() == ["0", "9", "19"]
    assert lines_on_map(page)["t"] == [pytest.approx(2 / 3)]  # between 9 and 19
    heading = page.frame.locator("rg-jacobian-row rg-curve h3")
    expect(heading).to_contain_text("State at timestep 19: log₁₀ norm over state at timestep s")
    page.hover("failing", 1, 4, (3, 20))
    expect(heading).to_contain_text("State at timestep 9")
    readout = card.locator(".readout")
    expect(readout).to_contain_text("state at timestep t 9, state at timestep s 4")
    _, content = saved(page, "failing", "CSV")
    first, *rows = content.decode().splitlines()
    assert first.startswith(
        '"state at timestep t (log10 |dh_t/dh_s|_F, geometric mean over samples)",state at'
    )
    assert [row.split(",")[0] for row in rows] == ["0", "9", "19"]


def test_rows_of_different_timesteps_are_neither_paired_nor_subtracted(
    tab: OpenTab, rows_url: str
) -> None:
    page = tab("view=jacobian", 'runs=["failing","other"]', at=rows_url)
    page.at_step("other", 3)
    page.hover("failing", 0, 0, (3, 20))
    curve = page.frame.locator("rg-jacobian-row rg-curve")
    expect(curve.locator("h3")).to_contain_text("States of row 0")
    labels = curve.evaluate("(curve) => curve.lines.map(({ label }) => label)")
    assert [label[-5:] for label in labels] == ["t = 0", "t = 1"]
    page = tab("view=compare", 'runs=["failing","other"]', at=rows_url)
    expect(page.frame.locator("rg-message")).to_contain_text("differ in which rows they have")


def test_itemised_gradients_are_a_map_and_a_curve_for_each_loss(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*ITEMIZED, "step=24", "show=mean", at=history_url)
    page.at_step("failing", 24)
    curve = page.frame.locator("rg-curve")
    expect(curve).to_contain_text("t = 10")
    labels = curve.evaluate("(curve) => curve.lines.map(({ label }) => label)")
    assert labels == [f"t = {t}" for t in histories.LOSSES]
    mean = histories.itemized(24).astype(float).mean(axis=0)
    np.testing.assert_allclose(values(curve), mean.T, rtol=1e-6)
    assert curve.evaluate("(curve) => curve.scale.name") == "log"
    seen = page.cells("failing", len(histories.LOSSES), T)
    dead = mean.T == 0  # the loss at t does not depend on later states
    assert (seen[dead][:, :3] == ZERO).all()
    assert (seen[~dead][:, :3] != ZERO).any(axis=1).all()


def test_windows_of_truncated_backpropagation_are_drawn_on_maps_and_curves(
    tab: OpenTab, history_url: str
) -> None:
    page = tab(*JACOBIAN, "bptt=16", at=history_url)
    page.at_step("failing", 24)
    curve = page.frame.locator("rg-jacobian-row rg-curve")
    assert curve.evaluate("(curve) => curve.boundaries") == [15.5, 31.5]
    expect(page.frame.get_by_label("BPTT window")).to_have_value("16")
    edges = [pytest.approx(edge / T) for edge in (16, 32)]
    assert lines_on_map(page) == {"t": edges, "s": edges}
    page.frame.get_by_role("checkbox", name="jacobian").uncheck()
    page.frame.get_by_role("checkbox", name="itemized").check()
    expect(page.frame.locator("rg-card")).to_contain_text("itemized")
    assert lines_on_map(page) == {"t": [], "s": edges}  # the rows are losses


def test_without_jacobians_the_page_shows_how_to_log_them(tab: OpenTab) -> None:
    page = tab("view=jacobian")
    heading = page.frame.get_by_role("heading", name="No state Jacobians or itemised gradients")
    expect(heading).to_be_visible()
    said = page.frame.locator("rg-how-to-jacobian")
    expect(said).to_contain_text("tb_rnngrad.keras.state_jacobian(model, x)")
    expect(said).to_contain_text("itemized_gradients(model, x, y, at=[15, 31, -1])")
    expect(said).to_contain_text("tb_rnngrad.torch.state_jacobian(model, x)")
    expect(said).to_contain_text("itemized_gradients(model, losses, at=[15, 31, -1])")
