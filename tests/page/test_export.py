"""Saved files and copied code hold exactly the numbers shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from .conftest import SHAPE, STEPS, logged, odd
from .reading import Tab, colour_map

OpenTab = Callable[..., Tab]
ALPHA = ('runs=["alpha"]', 'tags=["lstm"]')


def saved(page: Tab, run: str, kind: str) -> tuple[str, bytes]:
    """Choose `kind` in a card's export menu; return the file's name and content."""
    return saved_from(page, page.card(run), kind)


def saved_from(page: Tab, card: Locator, kind: str) -> tuple[str, bytes]:
    """Choose `kind` in the export menu within `card`; return the file's name and content."""
    page.rest()
    card.get_by_text("Export", exact=True).click()
    with page.page.expect_download() as download:
        card.get_by_role("button", name=kind, exact=True).click()
    expect(card.get_by_text("Saved.")).to_be_visible()
    card.get_by_text("Export", exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def table(content: bytes) -> dict[str, list[str]]:
    """Return the columns of a CSV file by name."""
    head, *rows = csv.reader(io.StringIO(content.decode()))
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def numbers(content: bytes) -> np.ndarray:
    """Return the array of an NPY file."""
    array: np.ndarray = np.load(io.BytesIO(content))
    return array


def copied(page: Tab, card: Locator) -> Any:
    """Choose `Copy as Python` within `card`, run the copied code, and return its `view`."""
    page.rest()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.get_by_text("Export", exact=True).click()
    card.get_by_role("button", name="Copy as Python").click()
    expect(card.get_by_text("Copied.")).to_be_visible()
    names: dict[str, Any] = {}
    exec(page.page.evaluate("navigator.clipboard.readText()"), names)
    page.page.keyboard.press("Escape")
    return names["view"]


def test_npy_holds_the_window_as_logged(tab: OpenTab) -> None:
    page = tab(*ALPHA, "window=2,6,10,30", "show=1")
    page.at_step("alpha", 30)
    name, content = saved(page, "alpha", "NPY")
    assert name == "alpha_lstm_step30_sample1.npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), logged("alpha", 30)[1, 10:30, 2:6])


def test_csv_holds_every_number_exactly_and_leaves_padding_empty(tab: OpenTab) -> None:
    page = tab('runs=["odd"]')
    _, content = saved(page, "odd", "CSV")
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[0] == ["timestep", *(f"channel {c}" for c in range(4))]
    data, lengths = odd()
    for t, row in enumerate(rows[1:]):
        assert row[0] == str(t)
        if t >= lengths[0]:
            assert row[1:] == [""] * 4
        else:
            np.testing.assert_array_equal(np.array(row[1:], np.float32), data[0, t])


@pytest.mark.parametrize("show", ["2", "mean", "mean_abs", "rms", "max_abs", "std"])
def test_the_copied_python_reads_exactly_this_view(tab: OpenTab, show: str) -> None:
    page = tab(*ALPHA, f"show={show}", "window=2,6,10,30")
    page.at_step("alpha", 30)
    view = np.asarray(copied(page, page.card("alpha")))
    seen = page.frame.evaluate(
        """async query => {
          const reply = await fetch("./tensor?" + query);
          return Array.from(new Float32Array(await reply.arrayBuffer()));
        }""",
        "run=alpha&tag=lstm&step=30&t0=10&t1=30&c0=2&c1=6&"
        + (f"sample={show}" if show.isdigit() else f"reduce={show}"),
    )
    shown = np.array(seen, np.float32).reshape(4, 20).T
    np.testing.assert_allclose(view, shown, rtol=1e-6)


def test_png_and_svg_are_the_picture_with_a_caption(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    _, svg = saved(page, "alpha", "SVG")
    assert "alpha, lstm, hidden-state gradient, step 30, sample 0 of 3" in svg.decode()
    assert b"timestep" in svg
    name, png = saved(page, "alpha", "PNG")
    assert name == "alpha_lstm_step30_sample0.png"
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    found = {colour for _, colour in picture.getcolors(picture.width * picture.height) or []}
    cells = page.cells("alpha", SHAPE[2], SHAPE[1])[..., :3].reshape(-1, 3).tolist()
    assert {tuple(cell) for cell in cells} <= found
    assert colour_map("vik").shape == (256, 3)


def test_a_flow_map_is_exported_as_numbers_and_python(tab: OpenTab) -> None:
    page = tab("view=flow", *ALPHA, "flowOf=snr", "flowWindow=2,9,10,31")
    card = page.frame.locator("rg-flow-card")
    data = np.stack([logged("alpha", step).astype(np.float64) for step in STEPS["alpha"]])
    mean, std = (np.linalg.norm(of(data, axis=1), axis=2) for of in (np.mean, np.std))
    seen = [step >= 10 for step in STEPS["alpha"]]
    expected = (mean / std)[seen][:, 2:9]
    name, content = saved_from(page, card, "CSV")
    assert name == "alpha_lstm_flow_signal-to-noise-ratio_timestep.csv"
    columns = table(content)
    assert columns["step"] == [str(step) for step in STEPS["alpha"] if step >= 10]
    assert list(columns) == ["step", *(f"timestep {t}" for t in range(2, 9))]
    np.testing.assert_allclose(np.array(columns["timestep 5"], float), expected[:, 3], rtol=1e-5)
    np.testing.assert_allclose(numbers(saved_from(page, card, "NPY")[1]), expected, rtol=1e-5)
    np.testing.assert_allclose(copied(page, card), expected, rtol=1e-5)
    assert "standard deviation over samples" in saved_from(page, card, "SVG")[1].decode()


def test_an_exported_relative_flow_map_says_that_it_is_relative(tab: OpenTab) -> None:
    page = tab("view=flow", *ALPHA, "flowWindow=2,9,10,31")
    card = page.frame.locator("rg-flow-card")
    data = np.stack([logged("alpha", step).astype(np.float64) for step in STEPS["alpha"]])
    norms = np.linalg.norm(data, axis=3).mean(axis=1)  # [steps, T]
    relative = norms / norms.max(axis=1, keepdims=True)
    expected = relative[[step >= 10 for step in STEPS["alpha"]]][:, 2:9]
    name, content = saved_from(page, card, "NPY")
    assert name == "alpha_lstm_flow_norm_relative_timestep.npy"
    np.testing.assert_allclose(numbers(content), expected, rtol=1e-5)
    np.testing.assert_allclose(copied(page, card), expected, rtol=1e-5)
    assert "relative to each step's largest" in saved_from(page, card, "SVG")[1].decode()


def test_a_difference_is_exported_as_numbers_and_python(tab: OpenTab) -> None:
    page = tab("view=compare", 'a=["alpha","lstm"]', 'b=["alpha","lstm"]', "stepB=10", "step=30")
    card = page.frame.locator("rg-difference")
    expect(card).to_contain_text("step 30 against 10")
    expected = logged("alpha", 30)[0] - logged("alpha", 10)[0]
    np.testing.assert_array_equal(numbers(saved_from(page, card, "NPY")[1]), expected)
    np.testing.assert_array_equal(copied(page, card), expected)
    assert b"A \xe2\x88\x92 B" in saved_from(page, card, "SVG")[1]


def test_curves_and_histograms_are_saved_as_numbers_and_pictures(tab: OpenTab) -> None:
    page = tab(*ALPHA, "pins=[3]")
    page.at_step("alpha", 30)
    card = page.frame.locator("rg-curve")
    columns = table(saved_from(page, card, "CSV")[1])
    np.testing.assert_array_equal(
        np.array(columns["alpha"], np.float32), logged("alpha", 30)[0, :, 3]
    )
    assert columns["timestep"] == [str(t) for t in range(SHAPE[1])]
    assert saved_from(page, card, "PNG")[1].startswith(b"\x89PNG")
    assert b">alpha</text>" in saved_from(page, card, "SVG")[1]
    page.frame.get_by_role("tab", name="Distribution").click()
    card = page.frame.locator("rg-distribution-card header")
    name, content = saved_from(page, card, "CSV")
    assert name == "alpha_lstm_step30_histogram.csv"
    columns = table(content)
    assert columns["to"][:-1] == columns["from"][1:]
    counted = [
        np.array(column, int) for name, column in columns.items() if name not in ("from", "to")
    ]
    assert np.sum(counted) == np.count_nonzero(logged("alpha", 30))
    assert b"step 30" in saved_from(page, card, "SVG")[1]


@pytest.mark.parametrize("scale", ["symlog", "log"])
def test_histograms_over_steps_are_saved_and_copied_as_counts(tab: OpenTab, scale: str) -> None:
    page = tab(*ALPHA, "view=distribution", f"scale={scale}", "step=10")
    card = page.frame.locator("rg-distribution-card")
    over = card.locator(".over")
    expect(over).to_contain_text("all 4 kept steps")
    name, content = saved_from(page, over, "CSV")
    assert name == "alpha_lstm_histograms.csv"
    columns = table(content)
    assert columns.pop("step") == [str(step) for step in STEPS["alpha"]]
    shown = np.array([*columns.values()], int).T.reshape(4, 2, 64)  # steps, groups, bins
    assert [name.split()[0] for name in columns] == ["forward"] * 64 + ["backward"] * 64
    edges = np.array(card.locator("rg-histogram").first.evaluate("(one) => one.edges"))
    for step, counts in zip(STEPS["alpha"], shown, strict=True):
        for channels, found in zip((slice(0, 4), slice(4, 8)), counts, strict=True):
            values = logged("alpha", step)[..., channels].astype(np.float64)
            real = values[values != 0]
            expected = np.histogram(np.abs(real) if scale == "log" else real, edges)[0]
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(numbers(saved_from(page, over, "NPY")[1]), shown.reshape(4, 128))
    np.testing.assert_array_equal(copied(page, over), shown)
    np.testing.assert_array_equal(copied(page, card.locator("header")), shown[1:2])
    assert b"over training" in saved_from(page, over, "SVG")[1]


def test_the_copied_python_counts_unusual_numbers_as_the_page_does(tab: OpenTab) -> None:
    page = tab('runs=["odd"]', "view=distribution")
    card = page.frame.locator("rg-distribution-card")
    shown = np.array(card.locator("rg-histogram").first.evaluate("(one) => one.bins.counts"))
    assert 0 < shown.sum() < np.prod(odd()[0].shape)
    np.testing.assert_array_equal(
        copied(page, card.locator("header")), shown[np.newaxis, np.newaxis]
    )
