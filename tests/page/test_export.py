"""What is saved and copied holds exactly the numbers that are shown."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import SHAPE, logged, odd
from .reading import Tab, colour_map

OpenTab = Callable[..., Tab]
ALPHA = ('runs=["alpha"]', 'tags=["lstm"]')


def saved(page: Tab, run: str, kind: str) -> tuple[str, bytes]:
    """Choose `kind` in a card's export menu; return the file's name and content."""
    card = page.card(run)
    card.get_by_text("Export", exact=True).click()
    with page.page.expect_download() as download:
        card.get_by_role("button", name=kind, exact=True).click()
    expect(card.get_by_text("Saved.")).to_be_visible()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_npy_holds_the_window_as_logged(tab: OpenTab) -> None:
    page = tab(*ALPHA, "window=2,6,10,30", "show=1")
    page.at_step("alpha", 30)
    name, content = saved(page, "alpha", "NPY")
    assert name == "alpha_lstm_step30_sample1.npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), logged("alpha", 30)[1, 10:30, 2:6])


def test_csv_holds_every_number_exactly_and_padding_empty(tab: OpenTab) -> None:
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
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.at_step("alpha", 30)
    card = page.card("alpha")
    card.get_by_text("Export", exact=True).click()
    card.get_by_role("button", name="Copy as Python").click()
    expect(card.get_by_text("Copied.")).to_be_visible()
    names: dict[str, np.ndarray] = {}
    exec(page.page.evaluate("navigator.clipboard.readText()"), names)
    page.page.keyboard.press("Escape")
    seen = page.frame.evaluate(
        """async query => {
          const reply = await fetch("./tensor?" + query);
          return Array.from(new Float32Array(await reply.arrayBuffer()));
        }""",
        "run=alpha&tag=lstm&step=30&t0=10&t1=30&c0=2&c1=6&"
        + (f"sample={show}" if show.isdigit() else f"reduce={show}"),
    )
    shown = np.array(seen, np.float32).reshape(4, 20).T
    np.testing.assert_allclose(np.asarray(names["view"]), shown, rtol=1e-6)


def test_png_and_svg_are_the_picture_with_a_caption(tab: OpenTab) -> None:
    page = tab(*ALPHA)
    page.at_step("alpha", 30)
    _, svg = saved(page, "alpha", "SVG")
    assert "alpha, lstm, hidden-state gradient, step 30, sample 0 of 3" in svg.decode()
    assert b"timestep" in svg
    page.card("alpha").get_by_text("Export", exact=True).click()
    name, png = saved(page, "alpha", "PNG")
    assert name == "alpha_lstm_step30_sample0.png"
    colours = page.page.evaluate(
        """async source => {
          const image = new Image();
          image.src = "data:image/png;base64," + source;
          await image.decode();
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.width, image.height];
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          return Array.from(context.getImageData(0, 0, image.width, image.height).data);
        }""",
        base64.b64encode(png).decode(),
    )
    found = {tuple(pixel[:3]) for pixel in np.array(colours).reshape(-1, 4).tolist()}
    cells = page.cells("alpha", SHAPE[2], SHAPE[1])[..., :3].reshape(-1, 3).tolist()
    assert {tuple(cell) for cell in cells} <= found
    assert colour_map("vik").shape == (256, 3)


def test_the_copied_link_shows_the_same_view(tab: OpenTab) -> None:
    page = tab(*ALPHA, "step=10")
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.frame.get_by_label("Scale").select_option("log")
    page.frame.get_by_role("button", name="Copy link").click()
    expect(page.frame.get_by_role("button", name="Link copied")).to_be_visible()
    link = page.page.evaluate("navigator.clipboard.readText()")
    page.page.goto("about:blank")
    page.page.goto(link)
    again = Tab.attach(page.page)
    again.at_step("alpha", 10)
    expect(again.frame.get_by_label("Scale")).to_have_value("log")
