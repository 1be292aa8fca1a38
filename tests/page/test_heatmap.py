"""The heatmap's pixels match the logged numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from playwright.sync_api import Page, expect

import tb_rnngrad

from .conftest import SHAPE, logged, odd
from .reading import (
    NAN,
    NEGATIVE,
    POSITIVE,
    ZERO,
    Tab,
    assert_colours,
    automatic_scale,
    colour_map,
    least_of_log,
    symlog_places,
)
from .test_export import copied, saved_from, table

CHANNELS, TIMESTEPS = SHAPE[2], SHAPE[1]
OpenTab = Callable[..., Tab]
ONLY_ALPHA = 'runs=["alpha"]'


def test_two_runs_are_side_by_side_on_one_range(tab: OpenTab) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]')
    pictures = {run: logged(run, 30)[0].T for run in ("alpha", "beta")}
    limit, threshold = automatic_scale(list(pictures.values()))
    for run, picture in pictures.items():
        page.at_step(run, 30)
        seen = page.cells(run, CHANNELS, TIMESTEPS)
        assert_colours(seen, symlog_places(picture, limit, threshold), "vik")
    tops = {page.card(run).bounding_box()["y"] for run in pictures}  # type: ignore[index]
    assert len(tops) == 1, "the cards stand in one row"


def test_each_run_can_have_its_own_range(tab: OpenTab) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]', "range=each")
    picture = logged("beta", 30)[0].T
    page.at_step("beta", 30)
    seen = page.cells("beta", CHANNELS, TIMESTEPS)
    assert_colours(seen, symlog_places(picture, *automatic_scale([picture])), "vik")


def test_heatmaps_far_out_of_view_are_drawn_once_they_come_near(page: Page, tab: OpenTab) -> None:
    page.set_viewport_size({"width": 900, "height": 356})
    opened = tab('tags=["lstm","lstm/y","odd"]', "range=each", "show=samples", "more=true")
    near, far = opened.frame.locator("rg-card").first, opened.frame.locator("rg-card").last
    far.scroll_into_view_if_needed()
    canvas = far.locator("rg-heatmap canvas")
    expect(canvas).to_be_visible()
    before = opened.read_cells(canvas, CHANNELS, TIMESTEPS)
    near.scroll_into_view_if_needed()
    expect(far.locator("rg-heatmap")).to_have_js_property("skipped", True)
    opened.frame.get_by_label("Colours", exact=True).select_option("bwr")
    expect(far.locator("rg-heatmap")).to_have_js_property("map", "bwr")
    np.testing.assert_array_equal(opened.read_cells(canvas, CHANNELS, TIMESTEPS), before)
    far.scroll_into_view_if_needed()
    expect(far.locator("rg-heatmap")).to_have_js_property("skipped", False)
    assert (opened.read_cells(canvas, CHANNELS, TIMESTEPS) != before).any()


@pytest.mark.parametrize("show", [1, "rms"])
def test_the_chosen_sample_or_reduction_is_shown(tab: OpenTab, show: int | str) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]')
    page.at_step("alpha", 30)
    page.frame.get_by_label("Show", exact=True).select_option(str(show))
    data = logged("alpha", 30).astype(np.float64)
    signed = show == 1
    picture = (data[1] if signed else np.sqrt((data**2).mean(axis=0))).T.astype(np.float32)
    expect(page.card("alpha").locator(".readout")).to_contain_text(
        "sample 1" if signed else "RMS of 3"
    )
    places = symlog_places(picture, *automatic_scale([picture]), signed=signed)
    seen = page.cells("alpha", CHANNELS, TIMESTEPS)
    assert_colours(seen, places, "vik" if signed else "viridis")
    assert page.key("show") == str(show)


def test_scales_and_maps_change_the_colours(tab: OpenTab) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]', "more=true")
    page.at_step("alpha", 30)
    page.frame.get_by_label("Scale").select_option("linear")
    page.frame.get_by_label("Colours", exact=True).select_option("bwr")
    picture = logged("alpha", 30)[0].T.astype(np.float64)
    places = (picture / np.abs(picture).max() + 1) / 2
    seen = page.cells("alpha", CHANNELS, TIMESTEPS).astype(int)
    # bfloat16's 8 bits are half of one of the 256 colours, so a neighbouring colour may show.
    assert_colours(seen.astype(np.uint8), places, "bwr")
    assert (page.key("scale"), page.key("map")) == ("linear", "bwr")
    page.frame.get_by_label("Scale").select_option("log")
    size = np.abs(picture.astype(ml_dtypes.bfloat16).astype(np.float64))
    (limit, _), least = automatic_scale([picture]), least_of_log(picture)
    places = np.clip(np.log(size / least) / np.log(limit / least), 0, 1)
    assert_colours(page.cells("alpha", CHANNELS, TIMESTEPS), places, "viridis")


def test_unusual_numbers_have_their_own_look(tab: OpenTab) -> None:
    page = tab('runs=["odd"]')
    page.at_step("odd", 5)
    data, lengths = odd()
    seen = page.cells("odd", 4, 12)
    assert (seen[:, 0, :3] == ZERO).all()
    assert tuple(seen[1, 1, :3]) == NAN
    assert tuple(seen[2, 2, :3]) == POSITIVE
    assert tuple(seen[3, 3, :3]) == NEGATIVE
    assert (seen[:, lengths[0] :, 3] == 0).all(), "padding is transparent over the hatching"
    assert tuple(seen[0, 4, :3]) != ZERO, "the smallest float32 is not an exact 0"
    rest = np.isfinite(data[0].T) & (data[0].T != 0)
    rest[:, lengths[0] :] = False
    picture = np.where(rest, data[0].T, 1)
    limit, threshold = automatic_scale([data[0].T[rest]])
    assert_colours(seen[rest], symlog_places(picture, limit, threshold)[rest], "vik")


def test_the_health_line_counts_unusual_numbers(tab: OpenTab) -> None:
    page = tab('runs=["odd"]')
    health = page.card("odd").locator("rg-health")
    for words in ("33 finite", "4 exact 0", "1 NaN", "1 +Inf", "1 −Inf", "12 padding"):
        expect(health).to_contain_text(words)


def test_hovering_reads_the_exact_number(tab: OpenTab) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]')
    page.at_step("alpha", 30)
    page.hover("alpha", 5, 33, (CHANNELS, TIMESTEPS))
    readout = page.card("alpha").locator(".readout")
    expect(readout).to_contain_text(
        "run alpha, step 30, sample 0 of 3, timestep 33, channel 5 (backward 1)"
    )
    for run in ("alpha", "beta"):  # the cursor is in both
        text = page.card(run).locator(".readout b").inner_text().replace("−", "-")
        assert np.float32(text) == logged(run, 30)[0, 33, 5]


def test_hovering_names_values_that_are_no_numbers(tab: OpenTab) -> None:
    page = tab('runs=["odd"]')
    readout = page.card("odd").locator(".readout b")
    for cell, words in {
        (0, 0): "0 (exactly)",
        (1, 1): "NaN",
        (2, 2): "+Inf",
        (3, 3): "−Inf",
        (0, 10): "padding",
    }.items():
        page.hover("odd", *cell, (4, 12))
        expect(readout).to_have_text(words)


def test_the_keyboard_reads_cells_and_pins_channels(tab: OpenTab) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]')
    page.canvas("alpha").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.page.keyboard.press(key)
    readout = page.card("alpha").locator(".readout")
    expect(readout).to_contain_text("timestep 1, channel 4 (backward 0)")
    expect(page.frame.get_by_role("heading", name="channel 4 (backward 0)")).to_be_visible()
    leading = int(np.linalg.norm(logged("alpha", 30)[0].astype(float), axis=0).argmax())
    assert leading != 4
    assert page.decoded("pins") == f"[{leading},4]"


def test_clicking_a_row_pins_its_channel_until_it_is_unpinned(tab: OpenTab) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]', "pins=[]")
    box = page.box(page.canvas("alpha"))
    position = {"x": 20, "y": box["height"] * 6.5 / CHANNELS}
    page.canvas("alpha").click(position=position)
    heading = page.frame.get_by_role("heading", name="channel 6 (backward 2)")
    expect(heading).to_be_visible()
    page.frame.get_by_role("button", name="Unpin channel 6").click()
    expect(heading).to_have_count(0)


def test_curves_hold_the_logged_numbers(tab: OpenTab) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]', "pins=[7]")
    page.hover("alpha", 7, 39, (CHANNELS, TIMESTEPS))
    values = page.frame.locator("rg-curve .values span b")
    expect(values).to_have_count(2)
    for text, run in zip(values.all_inner_texts(), ("alpha", "beta"), strict=True):
        assert np.float32(text.replace("−", "-")) == logged(run, 30)[0, 39, 7]


def window(page: Tab) -> list[int] | None:
    text = page.key("window")
    return text and [int(edge) for edge in text.split("%2C")]  # type: ignore[return-value]


def test_a_box_zooms_all_pictures_and_stays_while_stepping(tab: OpenTab) -> None:
    page = tab('runs=["alpha","beta"]', 'tags=["lstm"]')
    box = page.box(page.canvas("alpha"))
    wide, high = box["width"] / TIMESTEPS, box["height"] / CHANNELS
    mouse = page.page.mouse
    mouse.move(box["x"] + 10.5 * wide, box["y"] + 2.5 * high)
    mouse.down()
    mouse.move(box["x"] + 29.5 * wide, box["y"] + 5.5 * high, steps=4)
    mouse.up()
    expect(page.frame.get_by_text("timesteps 10 to 29, channels 2 to 5")).to_be_visible()
    page.slider().press("Home")
    pictures = {run: logged(run, 0)[0].T for run in ("alpha", "beta")}
    scale = automatic_scale(list(pictures.values()))
    for run, picture in pictures.items():
        page.at_step(run, 0)
        seen = page.cells(run, 4, 20)
        assert_colours(seen, symlog_places(picture[2:6, 10:30], *scale), "vik")
    page.hover("beta", 0, 0, (4, 20))
    text = page.card("beta").locator(".readout b").inner_text().replace("−", "-")
    assert np.float32(text) == pictures["beta"][2, 10]
    page.frame.get_by_role("button", name="Reset zoom").click()
    seen = page.cells("alpha", CHANNELS, TIMESTEPS)
    assert_colours(seen, symlog_places(pictures["alpha"], *scale), "vik")


def test_wheel_and_keyboard_zoom_and_pan(tab: OpenTab) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]')
    page.hover("alpha", 4, 20, (CHANNELS, TIMESTEPS))
    page.page.mouse.wheel(0, -300)
    assert window(page) is None, "without Alt the wheel scrolls the page"
    page.page.keyboard.down("Alt")
    page.page.mouse.wheel(0, -300)
    page.page.keyboard.up("Alt")
    expect(page.frame.get_by_role("button", name="Reset zoom")).to_be_visible()
    zoomed = window(page)
    assert zoomed and zoomed[:2] == [0, 8] and zoomed[2] < 20 < zoomed[3] < 40
    canvas = page.canvas("alpha")
    canvas.press("Shift+ArrowRight")
    panned = window(page)
    assert panned and panned[2] > zoomed[2] and panned[3] - panned[2] == zoomed[3] - zoomed[2]
    canvas.press("]")
    narrowed = window(page)
    assert narrowed and narrowed[1] - narrowed[0] < 8 and narrowed[2:] == panned[2:]
    canvas.press("0")
    assert window(page) is None
    canvas.press("+")
    shorter = window(page)
    assert shorter and shorter[:2] == [0, 8] and shorter[3] - shorter[2] < 40
    canvas.press("-")
    assert window(page) is None
    canvas.press("]")
    lower = window(page)
    assert lower and lower[1] - lower[0] < 8 and lower[2:] == [0, 40]
    canvas.press("[")
    assert window(page) is None


def test_shift_and_wheel_zooms_channels_and_shift_and_drag_pans_both_ways(
    tab: OpenTab,
) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]', "window=2,6,10,30")
    page.hover("alpha", 2, 10, (4, 20))
    for key in ("Alt", "Shift"):
        page.page.keyboard.down(key)
    page.page.mouse.wheel(0, -600)
    expect(page.frame.locator("rg-toolbar")).to_contain_text("timesteps 10 to 29, channels 3 to 4")
    for key in ("Alt", "Shift"):
        page.page.keyboard.up(key)
    box = page.box(page.canvas("alpha"))
    mouse = page.page.mouse
    page.page.keyboard.down("Shift")
    mouse.move(box["x"] + box["width"] * 12.5 / 20, box["y"] + box["height"] / 4)
    mouse.down()
    for share in (1 / 2, 3 / 4):  # five timesteps to the left, one channel down
        across = 12.5 - 5 * (share * 4 - 1) / 2
        mouse.move(box["x"] + box["width"] * across / 20, box["y"] + box["height"] * share)
        page.rest()
    mouse.up()
    page.page.keyboard.up("Shift")
    assert window(page) == [2, 4, 15, 35]
    picture = logged("alpha", 30)[0].T
    seen = page.cells("alpha", 2, 20)
    assert_colours(seen, symlog_places(picture, *automatic_scale([picture]))[2:4, 15:35], "vik")
    page.canvas("alpha").dblclick()
    assert window(page) is None


def test_norms_are_drawn_beside_rows_and_columns(tab: OpenTab) -> None:
    page = tab(ONLY_ALPHA, 'tags=["lstm"]')
    page.at_step("alpha", 30)
    picture = logged("alpha", 30)[0].T.astype(np.float64)
    shown = page.card("alpha").locator("rg-heatmap svg text.small").all_text_contents()
    columns, rows = np.linalg.norm(picture, axis=0), np.linalg.norm(picture, axis=1)
    parts = " ".join(shown).replace("‖·‖ ", "").replace("to ", "").replace("−", "-").split()
    said = [float(part) for part in parts]
    # The axes span at least a decade.
    ends = [f(n) for n in (columns, rows) for f in (lambda n: min(n.min(), n.max() / 10), np.max)]
    assert said == pytest.approx([ends[1], ends[0], ends[2], ends[3]], rel=0.01)


def test_a_large_record_is_pooled_by_magnitude_and_exact_when_zoomed(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    timesteps, channels = 6000, 800
    data = np.random.default_rng(3).uniform(0.1, 0.2, (1, timesteps, channels))
    data[0, 4321, 567] = -1
    with tb_rnngrad.SummaryWriter(tmp_path / "large") as writer:
        writer.add_sequence("g", data.astype(np.float32), 0)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: "large" in tags)
    opened = Tab.open(page, server.url, "scale=linear", "map=bwr")
    spike = opened.canvas("large").evaluate(
        """canvas => {
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          let blue = 0;
          for (let i = 0; i < pixels.length; i += 4)
            blue += pixels[i] === 0 && pixels[i + 2] === 255;
          return blue;
        }"""
    )
    assert spike >= 1, "one spike among millions of cells is seen"
    opened.hover("large", 567, 4321, (channels, timesteps))
    readout = opened.card("large").locator(".readout")
    expect(readout).to_contain_text("largest of")
    expect(readout.locator("b")).to_have_text("−1")
    keys = ("scale=linear", "map=bwr", "window=560,570,4300,4340", "order=norm@0@0")
    opened = Tab.open(page, server.url, *keys)
    opened.hover("large", 7, 20, (10, 40))
    readout = opened.card("large").locator(".readout")
    expect(readout).not_to_contain_text("largest of")
    text = readout.locator("b").inner_text()
    assert np.float32(text) == np.float32(data[0, 4320, 567])
    words = "Channels by their numbers: this record is too large to order"
    expect(opened.card("large")).to_contain_text(words)


# A scatter's canvas extends beyond its axis by this many pixels, to show points at the ends whole.
MARGIN = 5


def test_a_record_without_a_time_axis_is_drawn_as_points(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    page.expected_problems.append("willReadFrequently")  # type: ignore[attr-defined]
    data = np.random.default_rng(5).standard_normal((6, 3)).astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path / "last") as writer:
        writer.add_sequence("h", data, 0, max_outputs=6)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: "last" in tags)
    opened = Tab.open(page, server.url, "scale=linear", "limit=4")
    canvas = opened.frame.locator("rg-scatter canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile("^Values of 6 samples"))
    box = opened.box(canvas)
    for sample, channel in ((0, 0), (4, 2)):
        share = float(1 - (data[sample, channel] / 4 + 1) / 2)
        at = {
            "x": (sample + 0.5) / 6 * box["width"],
            "y": MARGIN + share * (box["height"] - 2 * MARGIN),
        }
        colour = canvas.evaluate(
            """(canvas, { x, y }) => {
              const ratio = canvas.width / canvas.getBoundingClientRect().width;
              return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data];
            }""",
            at,
        )
        assert colour[3] > 100, "a point is where the value says"
        of_channel = colour_map("viridis")[int(channel / data.shape[1] * 256)].astype(int)
        assert np.abs(colour[:3] - of_channel).max() < 8
        canvas.hover(position=at)
        readout = opened.frame.locator("rg-scatter .readout")
        expect(readout).to_contain_text(f"sample {sample}, channel {channel}")
        said = np.float32(readout.locator("b").inner_text().replace("−", "-"))
        assert said == data[sample, channel]
    card = opened.frame.locator("rg-scatter")
    np.testing.assert_array_equal(copied(opened, card), data)
    columns = table(saved_from(opened, card, "CSV")[1])
    np.testing.assert_array_equal(np.array(columns["channel 2"], np.float32), data[:, 2])
    zero = opened.box(opened.frame.locator("rg-scatter line.zero"))
    assert zero["y"] + zero["height"] / 2 == pytest.approx(box["y"] + box["height"] / 2, abs=1)


def test_a_state_jacobian_is_drawn_as_a_matrix_of_logarithms(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    rows, columns = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    data = np.where(columns > rows, -np.inf, (columns - rows) * 30.0).astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        writer.add_sequence("jacobian", data, 0, quantity="state_jacobian")
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: "run" in tags)
    opened = Tab.open(page, server.url)
    seen = opened.cells("run", 10, 10)
    future = np.isneginf(data.T)
    assert (seen[future][:, :3] == ZERO).all(), "what does not depend on it is an exact 0"
    places = np.where(future, 0, data.T / 270 + 1)
    assert_colours(seen[~future], places[~future], "viridis")
    expect(opened.card("run").locator("rg-health")).to_contain_text("45 exact 0")


def test_itemised_gradients_are_unsigned_rows_named_by_timestep(
    page: Page, tmp_path: Path, tensorboard_server: Callable[..., object]
) -> None:
    at, s = np.array([0, 24, 39]), np.arange(40)[:, np.newaxis]
    data = np.where(s <= at, 0.7 ** (at - s), 0)[np.newaxis].astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path / "run") as writer:
        names = {f"t = {t}": 1 for t in at}
        writer.add_sequence("i", data, 0, quantity="itemized_gradient", channel_groups=names)
    server = tensorboard_server(tmp_path)
    server.wait_for(lambda tags: "run" in tags)
    opened = Tab.open(page, server.url, "threshold=0.0001")
    seen = opened.cells("run", 3, 40)
    future = data[0].T == 0
    assert (seen[future][:, :3] == ZERO).all()
    places = symlog_places(data[0].T, 1.0, 1e-4, signed=False)
    assert_colours(seen[~future], places[~future], "viridis")
    for name in names:
        expect(opened.card("run").locator("rg-heatmap svg")).to_contain_text(name)
    opened.hover("run", 1, 3, (3, 40))
    expect(opened.card("run").locator(".readout")).to_contain_text("chosen loss 1 (t = 24)")
