"""Curves of every channel and sample: colours, axes, bands, cursor, pins."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

import tb_rnngrad

from .reading import NAN, POSITIVE, ZERO, Tab
from .test_export import copied, saved_from, table

COLOURS = Path(__file__).parents[2] / "frontend" / "src" / "colour" / "samples.ts"
SAMPLES, TIMESTEPS, CHANNELS = 3, 24, 6
LENGTHS = (24, 20, 12)
GROUPS = {"forward": 3, "backward": 3}
MANY = 25
FIXED = ("view=curves", "scale=linear", "limit=1", "pins=[]")
OpenTab = Callable[..., Tab]


def few() -> np.ndarray:
    """Return curves that never meet, with each sample at its own level, [S, T, C]."""
    random = np.random.default_rng(11)
    levels = np.array([-0.7, 0.1, 0.75])[:, np.newaxis, np.newaxis]
    sizes = np.linspace(0.4, 1, CHANNELS)
    noise = random.uniform(-0.15, 0.15, (SAMPLES, TIMESTEPS, CHANNELS))
    return ((levels + noise) * sizes).astype(np.float32)


def many() -> np.ndarray:
    """Return more samples than are drawn individually, [S, T, C]."""
    return np.random.default_rng(12).normal(0, 0.3, (MANY, 12, 2)).astype(np.float32)


def odd() -> np.ndarray:
    data = np.full((1, 20, 2), 0.5, np.float32)
    data[0, 4, 0], data[0, 8, 0], data[0, 12, 0] = np.nan, np.inf, 0
    return data


@pytest.fixture(scope="module")
def open_tab(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., object]
) -> OpenTab:
    """Open a tab with one of the records: `open_tab(page, "few", "range=each", ...)`."""
    logdir = tmp_path_factory.mktemp("curves")
    with tb_rnngrad.SummaryWriter(logdir / "run") as writer:
        writer.add_sequence("few", few(), 7, mask=LENGTHS, channel_groups=GROUPS)
        writer.add_sequence("many", many(), 7, max_outputs=MANY)
        writer.add_sequence("odd", odd(), 7)
        writer.add_sequence("points", few()[:, 0], 7)
        wide = np.random.default_rng(13).normal(size=(1, 6, 300)).astype(np.float32)
        writer.add_sequence("wide", wide, 7)
    server = tensorboard_server(logdir)
    server.wait_for(lambda tags: "wide" in tags.get("run", {}))
    return lambda page, tag, *keys: Tab.open(page, server.url, *FIXED, f'tags=["{tag}"]', *keys)


def plot(tab: Tab, channel: int) -> Locator:
    """The small plot of a channel, once it is drawn."""
    found = tab.frame.locator(".grid rg-curves-plot").filter(
        has=tab.frame.locator(f'b[title^="channel {channel} "], b[title="channel {channel}"]')
    )
    expect(found).to_have_attribute("aria-label", re.compile(" over "))
    return found


def pixels(of: Locator) -> np.ndarray:
    """Return the RGBA pixels of a plot's canvas, [height, width, 4]."""
    address = of.locator("canvas").evaluate(
        "async (canvas) => { await atRest(); return canvas.toDataURL(); }"
    )
    content = base64.b64decode(address.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def sample_colours() -> np.ndarray:
    """Return the colours of samples in light mode, [N, 3]."""
    found = re.search(r'LIGHT =\s+"([^"]+)"', COLOURS.read_text())
    assert found
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in found[1].split()])


def place(t: int, value: float, size: tuple[int, ...], span: int = TIMESTEPS) -> tuple[int, int]:
    """Return row and column of a point, on a linear scale from -1 to 1."""
    return (
        int((1 - value) / 2 * size[0]),
        int((t + 0.5) / span * size[1]),
    )


def near(picture: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return the pixels at most one away that are more than a fringe, [N, 3]."""
    part = picture[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].reshape(-1, 4)
    return part[part[:, 3] > 100, :3].astype(int)


def nearest_sample(colours: np.ndarray, known: np.ndarray) -> int:
    """Return the sample whose colour is nearest to the pixels."""
    distance = np.abs(colours[:, np.newaxis] - known).max(axis=-1)
    assert distance.min() < 60
    return int(distance.min(axis=0).argmin())


def test_each_sample_has_the_same_colour_in_every_plot(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few")
    known = sample_colours()[:SAMPLES]
    for channel in range(CHANNELS):
        picture = pixels(plot(tab, channel))
        for sample, length in enumerate(LENGTHS):
            for t in range(length):
                row, column = place(t, few()[sample, t, channel], picture.shape)
                assert nearest_sample(near(picture, row, column), known) == sample
            beyond = picture[:, int((length + 0.5) / TIMESTEPS * picture.shape[1]) :]
            drawn = beyond[beyond[..., 3] > 100][:, :3].astype(int)
            assert (np.abs(drawn - known[sample]).max(axis=1) > 60).all()


def test_one_request_for_each_sample_draws_all_plots(page: Page, open_tab: OpenTab) -> None:
    asked: list[str] = []
    page.on("request", lambda request: "/tensor?" in request.url and asked.append(request.url))
    tab = open_tab(page, "few")
    pixels(plot(tab, CHANNELS - 1))
    assert len(asked) == SAMPLES


def test_axes_are_shared_or_separate(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few")
    plot(tab, 0)
    expect(tab.frame.locator("h4", has_text="Each channel")).to_contain_text("all from −1 to 1")
    tab.frame.get_by_label("y axes").select_option("each")
    data = few()
    for channel in range(CHANNELS):
        own = np.concatenate([data[s, :n, channel] for s, n in enumerate(LENGTHS)])
        ends = plot(tab, channel).locator(".range").inner_text()
        low, high = (float(end) for end in ends.replace("−", "-").split(" to "))
        assert (low, high) == pytest.approx((own.min(), own.max()), rel=6e-3)
        picture = pixels(plot(tab, channel))
        real = np.arange(TIMESTEPS) < np.array(LENGTHS)[:, np.newaxis]
        sample, t = divmod(int(np.where(real, data[..., channel], -9).argmax()), TIMESTEPS)
        colours = near(picture, 0, place(t, 0, picture.shape)[1])
        assert nearest_sample(colours, sample_colours()[:SAMPLES]) == sample
    assert tab.key("range") == "each"


def test_only_the_first_timesteps_are_drawn_on_request(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few", "more=true")
    plot(tab, 0)
    tab.frame.get_by_label("First").fill("8")
    tab.frame.get_by_label("First").press("Enter")
    for channel in (0, CHANNELS - 1):
        expect(plot(tab, channel).locator(".ends span")).to_have_text(["0", "7"])
        picture = pixels(plot(tab, channel))
        for sample in range(SAMPLES):
            row, column = place(7, few()[sample, 7, channel], picture.shape, span=8)
            assert nearest_sample(near(picture, row, column), sample_colours()[:SAMPLES]) == sample
    assert tab.key("firstTimesteps") == "8"


def hover(of: Locator, t: int, value: float, span: int) -> None:
    """Point at a value of a plot with a linear scale from -1 to 1."""
    canvas = of.locator("canvas")
    canvas.scroll_into_view_if_needed()
    canvas.evaluate("() => atRest()")
    box = canvas.bounding_box()
    assert box
    x, y = (t + 0.5) / span * box["width"], (1 - value) / 2 * box["height"]
    of.page.mouse.move(box["x"] + x, box["y"] + y)
    canvas.evaluate("() => atRest()")


def numbers(text: str) -> list[float]:
    return [float(n.replace("−", "-")) for n in re.findall(r"(?<= % )[−\d.e]+", text)]


def test_bands_above_twenty_samples_are_numpys_quantiles(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "many")
    data = many()
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    small = plot(tab, 1)
    picture = pixels(small)
    for t in (0, 5, 11):
        expected = np.quantile(data[:, t, 1].astype(np.float64), levels)
        rows = [place(t, q, picture.shape, span=12)[0] for q in expected]
        column = place(t, 0, picture.shape, span=12)[1]
        alpha = picture[:, column, 3]
        middle = (rows[1] + rows[2]) // 2
        assert 0 < alpha[rows[4] + 2 : rows[3] - 1].max() < 100  # the outer band
        assert alpha[middle] > alpha[rows[4] + 2]  # the inner band
        assert alpha[: rows[4] - 2].max() == 0
        around = picture[rows[2] - 2 : rows[2] + 3, column - 1 : column + 2, 3]
        assert around.max() > 150  # the median
        hover(small, t, float(data[3, t, 1]), 12)
        found = tab.frame.locator(".quantiles")
        expect(found).to_contain_text(f"of {MANY} samples")
        assert numbers(found.inner_text()) == pytest.approx(expected.astype(np.float32), rel=1e-6)


def test_the_hovered_curve_is_drawn_over_the_bands(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "many")
    data = many()
    hover(plot(tab, 0), 4, float(data[9, 4, 0]), 12)
    readout = tab.frame.locator(".readout")
    expect(readout).to_contain_text(f"run run, step 7, sample 9 of {MANY}, timestep 4, channel 0")
    path = plot(tab, 1).locator("path:not(.halo)").get_attribute("d") or ""
    points = np.array(
        [[float(x) for x in p.split(",")] for p in re.findall(r"[-\d.]+,[-\d.]+", path)]
    )
    points = points[np.sort(np.unique(points[:, 0], return_index=True)[1])]
    height = pixels(plot(tab, 1)).shape[0]
    assert 1 - 2 * points[:, 1] / height == pytest.approx(data[9, :, 1], abs=2 / height)


def value_of(tab: Tab) -> float:
    text = tab.frame.locator(".readout b").first.inner_text()
    return float(text.replace("−", "-"))


def test_the_cursor_marks_the_same_place_in_every_plot(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few", "pins=[1]")
    data = few()
    hover(plot(tab, 3), 10, float(data[1, 10, 3]), TIMESTEPS)
    readout = tab.frame.locator(".readout")
    expect(readout).to_contain_text("sample 1 of 3, timestep 10, channel 3 (backward 0)")
    assert np.float32(value_of(tab)) == data[1, 10, 3]
    shown = [tab.frame.locator("rg-curves-plot[large]"), *(plot(tab, c) for c in range(CHANNELS))]
    for channel, one in zip([1, *range(CHANNELS)], shown, strict=True):
        width, height = one.locator("canvas").evaluate("(c) => [c.clientWidth, c.clientHeight]")
        x = float(one.locator("line.cursor").get_attribute("x1") or "nan")
        assert x == pytest.approx((10.5 / TIMESTEPS) * width, abs=1)
        y = float(one.locator("circle").get_attribute("cy") or "nan")
        assert 1 - 2 * y / height == pytest.approx(float(data[1, 10, channel]), abs=2 / height)
    expect(tab.frame.locator(".legend .on")).to_contain_text("sample 1")
    values = tab.frame.locator(".legend b").all_inner_texts()
    assert [np.float32(v.replace("−", "-")) for v in values] == list(data[:, 10, 3])


def test_keys_read_and_pin_and_move_the_heatmaps_cursor(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few", "show=2")
    page.mouse.move(0, 0)
    plot(tab, 0).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(plot(tab, 2)).to_be_focused()
    for key in ("Home", "ArrowRight", "ArrowRight", "n", "n"):
        page.keyboard.press(key)
    expect(tab.frame.locator(".readout")).to_contain_text(
        "sample 2 of 3, timestep 2, channel 2 (forward 2)"
    )
    assert np.float32(value_of(tab)) == few()[2, 2, 2]
    page.keyboard.press("Enter")
    expect(plot(tab, 2)).to_have_attribute("aria-pressed", "true")
    assert tab.key("pins") == "%5B2%5D"
    tab.frame.get_by_role("tab", name="Heatmap").press("Enter")
    readout = tab.card("run").locator(".readout")
    expect(readout).to_contain_text("sample 2 of 3, timestep 2, channel 2 (forward 2)")
    assert np.float32(value_of(tab)) == few()[2, 2, 2]


def test_a_click_pins_a_channel_into_the_large_plot(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few")
    expect(tab.frame.locator("rg-curves-plot[large]")).to_have_count(0)
    plot(tab, 4).click()
    picture = pixels(tab.frame.locator("rg-curves-plot[large]"))
    for sample in range(SAMPLES):
        row, column = place(3, few()[sample, 3, 4], picture.shape)
        assert nearest_sample(near(picture, row, column), sample_colours()[:SAMPLES]) == sample
    assert tab.key("pins") == "%5B4%5D"
    tab.frame.get_by_role("button", name="Unpin channel 4 (backward 1)").click()
    expect(tab.frame.locator("rg-curves-plot[large]")).to_have_count(0)


def test_wheel_and_keys_zoom_into_timesteps_and_other_tabs_keep_the_zoom(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, "few", "firstPlot=0")
    hover(plot(tab, 3), 6, 0.0, TIMESTEPS)
    page.mouse.wheel(0, -600)
    assert tab.key("window") is None, "without Alt the wheel scrolls the page"
    hover(plot(tab, 3), 6, 0.0, TIMESTEPS)
    page.keyboard.down("Alt")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Alt")
    expect(tab.frame.locator("rg-toolbar")).to_contain_text("channels 0 to 5")
    c0, c1, t0, t1 = json.loads(f"[{tab.decoded('window')}]")
    assert (c0, c1) == (0, CHANNELS) and t0 < 6 < t1 and 10 < t1 - t0 < 20
    expect(plot(tab, 3).locator(".ends span")).to_have_text([str(t0), str(t1 - 1)])
    picture = pixels(plot(tab, 0))
    for sample in range(SAMPLES):
        row, column = place(6 - t0, few()[sample, 6, 0], picture.shape, span=t1 - t0)
        assert nearest_sample(near(picture, row, column), sample_colours()[:SAMPLES]) == sample
    tab.frame.get_by_role("tab", name="Heatmap").click()
    expect(tab.frame.locator("rg-toolbar")).to_contain_text(f"timesteps {t0} to {t1 - 1}")
    tab.frame.get_by_role("tab", name="Curves").click()
    plot(tab, 0).press("0")
    assert tab.key("window") is None
    plot(tab, 0).press("Home")
    plot(tab, 0).press("+")
    assert tab.decoded("window") == f"0,{CHANNELS},0,{round(0.7 * TIMESTEPS)}"
    plot(tab, 0).press("-")
    assert tab.key("window") is None


def drag(
    tab: Tab, over: Locator, start: int, end: int, timesteps: range, is_shifted: bool = False
) -> None:
    """Drag from the middle of one timestep to that of another, in a plot that shows `timesteps`."""
    box = tab.box(over.locator("canvas"))
    across = [(t - timesteps[0] + 0.5) * box["width"] / len(timesteps) for t in (start, end)]
    y = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + across[0], y)
    tab.page.mouse.down()
    for share in (0.5, 1):
        tab.page.mouse.move(box["x"] + across[0] + share * (across[1] - across[0]), y)
    if not is_shifted:
        expect(over.locator("rect.marked")).to_be_visible()
    tab.page.mouse.up()
    expect(over.locator("rect.marked")).to_have_count(0)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_dragging_zooms_into_timesteps_and_pans_with_shift(
    page: Page, open_tab: OpenTab, large: bool
) -> None:
    tab = open_tab(page, "few", "firstPlot=0", "pins=[2]")
    over = tab.frame.locator("rg-curves-plot[large]") if large else plot(tab, 3)
    drag(tab, over, 14, 5, range(TIMESTEPS))
    assert tab.decoded("window") == f"0,{CHANNELS},5,15"
    expect(plot(tab, 3).locator(".ends span")).to_have_text(["5", "14"])
    page.keyboard.down("Shift")
    drag(tab, over, 10, 8, range(5, 15), is_shifted=True)
    page.keyboard.up("Shift")
    assert tab.decoded("window") == f"0,{CHANNELS},7,17"
    assert tab.decoded("pins") == "[2]", "a drag is no click"
    tab.frame.locator("rg-curves-plot[large] canvas").dblclick()
    assert tab.key("window") is None


def test_nonfinite_values_are_gaps_with_a_mark(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "odd")
    small = plot(tab, 0)
    expect(small).to_have_attribute("aria-label", re.compile("1 NaN, 1 \\+Inf"))
    picture = pixels(small)
    height = picture.shape[0]
    for t, colour in ((4, NAN), (8, POSITIVE)):
        column = place(t, 0, picture.shape, span=20)[1]
        assert tuple(picture[2, column, :3]) == colour
        assert picture[int(0.25 * height) - 2 : int(0.25 * height) + 3, column, 3].max() == 0
    tab.frame.get_by_label("Scale").select_option("log")
    expect(small).to_have_attribute("aria-label", re.compile("1 exact 0"))
    picture = pixels(small)
    assert tuple(picture[height - 3, place(12, 0, picture.shape, span=20)[1], :3]) == ZERO


def test_plots_follow_lags_and_the_order_of_channels(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few", "time=lag", "order=norm@7@0")
    norms = np.linalg.norm(few()[0].astype(np.float64), axis=0)
    expected = [*np.argsort(-norms[:3]), *(3 + np.argsort(-norms[3:]))]
    names = tab.frame.locator(".grid .name b")
    expect(names).to_have_text([re.compile(rf"^{c} ") for c in expected])
    expect(plot(tab, 0).locator(".ends span")).to_have_text(["23", "0"])
    picture = pixels(plot(tab, 0))
    for sample, length in enumerate(LENGTHS):
        row, column = place(TIMESTEPS - 1 - 5, few()[sample, length - 1 - 5, 0], picture.shape)
        assert nearest_sample(near(picture, row, column), sample_colours()[:SAMPLES]) == sample


def test_plots_are_drawn_when_they_come_into_view(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "wide", "plots=256")
    plots = tab.frame.locator(".grid rg-curves-plot")
    expect(plots).to_have_count(256)
    plot(tab, 0)
    drawn = tab.frame.locator('.grid rg-curves-plot[aria-label*=" over "]')
    assert drawn.count() < 128
    plots.last.scroll_into_view_if_needed()
    assert pixels(plot(tab, 255))[..., 3].max() == 255
    tab.frame.get_by_role("button", name="Page of plots after").click()
    expect(plots).to_have_count(44)
    plots.last.scroll_into_view_if_needed()
    assert pixels(plot(tab, 299))[..., 3].max() == 255
    assert tab.key("firstPlot") == "256"


def test_a_sample_that_fails_to_load_can_be_retried(page: Page, open_tab: OpenTab) -> None:
    page.expected_problems.append("500")  # type: ignore[attr-defined]
    failing = lambda route: route.fulfill(status=500, body="out of luck")  # noqa: E731
    page.route(re.compile("/tensor.*sample=2"), failing)
    tab = open_tab(page, "few")
    message = tab.frame.locator("rg-message", has_text="Sample 2 of step 7 could not be loaded")
    expect(message).to_contain_text("out of luck")
    page.unroute(re.compile("/tensor.*sample=2"), failing)
    message.get_by_role("button", name="Retry").click()
    assert pixels(plot(tab, 0))[..., 3].max() == 255


def test_plots_are_saved_as_pictures_and_numbers(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "few", "pins=[1]")
    plot(tab, 0)
    card = tab.frame.locator("rg-curves-card")
    name, content = saved_from(tab, card, "SVG")
    assert name == "run_few_step7_curves.svg"
    colours = ["#{:02x}{:02x}{:02x}".format(*c) for c in sample_colours()[:SAMPLES]]
    paths = re.findall(r'<path[^>]* stroke="(#\w+)"', content.decode())
    assert paths == colours * (1 + CHANNELS)  # the large plot, then the small ones
    assert "run, few, hidden-state gradient, step 7" in content.decode()
    picture = np.asarray(Image.open(io.BytesIO(saved_from(tab, card, "PNG")[1])).convert("RGB"))
    for colour in sample_colours()[:SAMPLES]:
        assert (np.abs(picture.astype(int) - colour).max(axis=-1) < 20).sum() > 100
    columns = table(saved_from(tab, card, "CSV")[1])
    assert columns["timestep"] == [str(t) for t in range(TIMESTEPS)]
    for channel in range(CHANNELS):
        for sample, length in enumerate(LENGTHS):
            cells = columns[f"channel {channel} sample {sample}"]
            assert [np.float32(c) for c in cells[:length]] == list(few()[sample, :length, channel])
            assert set(cells[length:]) <= {""}
    view = copied(tab, card)
    for sample, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(view[sample, :length], few()[sample, :length])
        assert view.mask[sample, length:].all()


def test_a_record_of_one_timestep_explains_why_it_has_no_curves(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, "points")
    message = tab.frame.locator("rg-message", has_text="One timestep makes no curve")
    expect(message).to_contain_text("Heatmap shows its values as points")
