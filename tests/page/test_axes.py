"""Heatmaps in both orientations, by timestep or lag, with channels by number or in an order."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import tb_rnngrad

from .reading import Tab, assert_colours, symlog_places
from .test_export import saved

SAMPLES, TIMESTEPS, CHANNELS = 3, 24, 8
LENGTHS = (24, 17, 9)
HALF = CHANNELS // 2
STEPS = (0, 10)
LIMIT, THRESHOLD = 1.0, 1e-4
FIXED = ("pins=[]", f"limit={LIMIT}", f"threshold={THRESHOLD}")
OpenTab = Callable[..., Tab]


def logged(step: int) -> np.ndarray:
    """Return data whose channels differ in norm and in the lag of their peak, [S, T, C]."""
    random = np.random.default_rng([3, step])
    data = np.zeros((SAMPLES, TIMESTEPS, CHANNELS))
    for sample, length in enumerate(LENGTHS):
        lag = length - 1 - np.arange(length)[:, np.newaxis]
        peaks = random.permutation(CHANNELS)
        sizes = 10.0 ** random.permutation(np.linspace(-3, 0, CHANNELS))
        values = sizes * np.exp(-(((lag - peaks) / 2) ** 2)) * random.choice([-1, 1], CHANNELS)
        data[sample, :length] = values + 1e-6 * random.standard_normal((length, CHANNELS))
    return data.astype(np.float32)


def by_lag(data: np.ndarray) -> np.ndarray:
    """Return `data` by lag, with NaN as padding."""
    out = np.full(data.shape, np.nan, data.dtype)
    for sample, length in enumerate(LENGTHS):
        for lag in range(length):
            out[sample, lag] = data[sample, length - 1 - lag]
    return out


@pytest.fixture(scope="module")
def open_tab(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., object]
) -> Callable[..., Tab]:
    """Open a tab with a bidirectional layer's record: `open_tab(page, "axes=timesteps", ...)`."""
    logdir = tmp_path_factory.mktemp("axes")
    groups = {"forward": HALF, "backward": HALF}
    with tb_rnngrad.SummaryWriter(logdir / "run") as writer:
        for step in STEPS:
            writer.add_sequence("h", logged(step), step, mask=LENGTHS, channel_groups=groups)
    server = tensorboard_server(logdir)
    server.wait_for(lambda tags: len(tags.get("run", {}).get("h", {"steps": ()})["steps"]) == 2)
    return lambda page, *keys: Tab.open(page, server.url, *FIXED, *keys)


def norm_order(picture: np.ndarray) -> list[int]:
    """Return the channels of [C, T] by norm within each direction, largest first."""
    norms = np.linalg.norm(np.nan_to_num(picture.astype(np.float64)), axis=1)
    return [*np.argsort(-norms[:HALF]), *(HALF + np.argsort(-norms[HALF:]))]


def chain(rows: np.ndarray) -> list[int]:
    """Return the rows as a chain, built by linking the best correlated ends repeatedly."""
    alike = np.corrcoef(rows)
    chains = [[row] for row in range(len(rows))]
    for i, j in sorted(itertools.combinations(range(len(rows)), 2), key=lambda p: -alike[p]):
        one, other = (next(c for c in chains if row in c) for row in (i, j))
        if one is other or i not in (one[0], one[-1]) or j not in (other[0], other[-1]):
            continue
        chains = [c for c in chains if c not in (one, other)]
        start = one if one[-1] == i else one[::-1]
        chains.append(start + (other if other[0] == j else other[::-1]))
    (line,) = chains
    return min(line, line[::-1])


def choose(tab: Tab, label: str, value: str) -> None:
    """Choose from one of the bar's lists."""
    tab.frame.get_by_label(label, exact=True).select_option(value)


def assert_picture(tab: Tab, picture: np.ndarray) -> None:
    """Compare the run's heatmap with the expected [rows, columns]; NaN is padding."""
    expect(tab.card("run").locator(".step")).not_to_contain_text("loading")
    seen = tab.cells("run", *picture.shape)
    real = ~np.isnan(picture)
    assert (seen[..., 3][~real] == 0).all(), "padding is transparent"
    places = symlog_places(picture[real], LIMIT, THRESHOLD)
    assert_colours(seen[real], places, "vik")


@pytest.mark.parametrize("orientation", ["channels", "timesteps"])
def test_cells_are_where_the_chosen_axes_put_them(
    page: Page, open_tab: OpenTab, orientation: str
) -> None:
    tab = open_tab(page, "show=1", f"axes={orientation}")
    masked = logged(10)[1]
    lags = by_lag(logged(10))[1][::-1]  # lag 0 at the end
    masked[LENGTHS[1] :] = np.nan
    turned = (lambda picture: picture) if orientation == "channels" else np.transpose
    for time, values in (("timestep", masked), ("lag", lags)):
        choose(tab, "Time as", time)
        for order in ("", "norm"):
            choose(tab, "Channels", order)
            rows = norm_order(values.T) if order else list(range(CHANNELS))
            assert_picture(tab, turned(values.T[rows]))


def test_the_controls_set_the_url(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "more=true")
    tab.at_step("run", 10)
    tab.frame.get_by_label("Vertical axis", exact=True).select_option("timesteps")
    tab.frame.get_by_label("Time as", exact=True).select_option("lag")
    tab.frame.get_by_label("Channels", exact=True).select_option("lag")
    tab.frame.get_by_label("Backward half").select_option("processed")
    assert [tab.key(name) for name in ("axes", "time", "order", "backward")] == [
        "timesteps",
        "lag",
        "lag%4010%400",
        "processed",
    ]
    for name in ("Vertical axis", "Time as", "Channels", "Backward half"):
        tab.frame.get_by_label(name, exact=True).select_option(index=0)
    assert [tab.key(name) for name in ("axes", "time", "order", "backward")] == [None] * 4


def test_samples_of_different_lengths_are_aligned_by_lag(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "show=mean", "time=lag")
    mean = np.nanmean(by_lag(logged(10)).astype(np.float64), axis=0)[::-1].T
    assert_picture(tab, mean.astype(np.float32))


def test_an_order_stays_while_stepping_until_it_is_renewed(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "step=0")
    tab.at_step("run", 0)
    tab.frame.get_by_label("Channels", exact=True).select_option("norm")
    bar = tab.frame.locator("rg-heatmap-bar")
    expect(bar).to_contain_text("of step 0, sample 0")
    first = norm_order(logged(0)[0].T)
    assert_picture(tab, logged(0)[0].T[first])
    tab.slider().press("End")
    tab.at_step("run", 10)
    latest = logged(10)[0].T
    assert norm_order(latest) != first
    assert_picture(tab, latest[first])
    bar.get_by_role("button", name="Order anew at step 10").click()
    expect(bar).to_contain_text("of step 10, sample 0")
    assert_picture(tab, latest[norm_order(latest)])
    expect(bar.get_by_role("button", name="Order anew")).to_have_count(0)


def test_orders_by_peak_and_by_correlation_keep_directions_apart(
    page: Page, open_tab: OpenTab
) -> None:
    picture = logged(10)[0].T
    peaks = [TIMESTEPS - 1 - int(np.abs(row).argmax()) for row in picture]
    by_peak = [*sorted(range(HALF), key=peaks.__getitem__)]
    by_peak += sorted(range(HALF, CHANNELS), key=peaks.__getitem__)
    tab = open_tab(page, "order=lag@10@0")
    assert_picture(tab, picture[by_peak])

    choose(tab, "Channels", "correlation")
    alike = [*chain(picture[:HALF]), *(HALF + channel for channel in chain(picture[HALF:]))]
    assert_picture(tab, picture[alike])


def test_samples_side_by_side_share_one_order(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "show=samples", "order=norm@10@rms")
    data = logged(10)
    rms = np.sqrt(np.nanmean(by_lag(data).astype(np.float64) ** 2, axis=0)).T
    order = norm_order(rms)
    canvases = tab.frame.locator("rg-heatmap canvas")
    expect(canvases).to_have_count(SAMPLES)
    for sample in range(SAMPLES):
        picture = data[sample].T[order]
        seen = tab.read_cells(canvases.nth(sample), CHANNELS, TIMESTEPS)
        real = np.arange(TIMESTEPS) < LENGTHS[sample]
        places = symlog_places(picture[:, real], LIMIT, THRESHOLD)
        assert_colours(seen[:, real], places, "vik")


def test_a_backward_direction_can_be_shown_as_it_was_processed(
    page: Page, open_tab: OpenTab
) -> None:
    expected = logged(10)[1].copy()
    expected[LENGTHS[1] :] = np.nan
    expected[: LENGTHS[1], HALF:] = expected[: LENGTHS[1], HALF:][::-1]
    tab = open_tab(page, "show=1", "backward=processed")
    assert_picture(tab, expected.T)
    tab.hover("run", CHANNELS - 1, 3, (CHANNELS, TIMESTEPS))
    readout = tab.card("run").locator(".readout")
    expect(readout).to_contain_text("timestep 3 as processed, channel 7 (backward 3)")
    assert np.float32(readout.locator("b").inner_text().replace("−", "-")) == expected[3, 7]


@pytest.mark.parametrize("orientation", ["channels", "timesteps"])
def test_pointing_reads_the_cell_under_the_pointer(
    page: Page, open_tab: OpenTab, orientation: str
) -> None:
    tab = open_tab(page, "show=1", f"axes={orientation}", "time=lag", "order=norm@10@1")
    lags = by_lag(logged(10))[1]
    order = norm_order(lags.T)
    expect(tab.frame.locator("rg-heatmap-bar")).to_contain_text("of step 10")
    place, lag = 5, 3
    position, shape = (place, TIMESTEPS - 1 - lag), (CHANNELS, TIMESTEPS)
    if orientation == "timesteps":
        position, shape = position[::-1], shape[::-1]
    tab.hover("run", *position, shape)
    channel = order[place]
    readout = tab.card("run").locator(".readout")
    expect(readout).to_contain_text(f"lag {lag}, channel {channel} (backward {channel - HALF})")
    said = np.float32(readout.locator("b").inner_text().replace("−", "-"))
    assert said == lags[lag, channel]
    tab.page.mouse.down()
    tab.page.mouse.up()
    assert json.loads((tab.key("pins") or "").replace("%5B", "[").replace("%5D", "]")) == [channel]
    curve = tab.frame.locator("rg-curve")
    expect(curve).to_contain_text(f"channel {channel} (backward")
    expect(curve).to_contain_text(f"at lag {lag}")
    plot = tab.box(curve.locator(".u-over"))
    at_end = {"x": plot["width"] - 1, "y": plot["height"] / 2}
    curve.locator(".u-over").hover(position=at_end)
    expect(readout).to_contain_text(f"lag 0, channel {channel}")
    # One step to the right on the screen is a later timestep, or the next channel in the order.
    canvas = tab.canvas("run")
    tab.hover("run", *position, shape)
    canvas.press("ArrowRight" if orientation == "channels" else "ArrowDown")
    expect(readout).to_contain_text(f"lag {lag - 1}, channel {channel}")
    canvas.press("ArrowDown" if orientation == "channels" else "ArrowRight")
    expect(readout).to_contain_text(f"lag {lag - 1}, channel {order[place + 1]}")


@pytest.mark.parametrize("orientation", ["channels", "timesteps"])
def test_a_box_and_keys_zoom_into_the_cells_shown(
    page: Page, open_tab: OpenTab, orientation: str
) -> None:
    tab = open_tab(page, f"axes={orientation}", "time=lag", "order=norm@10@0")
    expect(tab.frame.locator("rg-heatmap-bar")).to_contain_text("of step 10")
    box = tab.box(tab.canvas("run"))
    # From place 2 and lag 19 to place 6 and lag 10; both ends of the box are inside cells.
    ends = [
        ((TIMESTEPS - 1 - lag + 0.5) / TIMESTEPS, (place + 0.5) / CHANNELS)
        for place, lag in ((2, 19), (6, 10))
    ]
    for i, end in enumerate(ends):
        x, y = end if orientation == "channels" else end[::-1]
        tab.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if i == 0:
            tab.page.mouse.down()
    tab.page.mouse.up()
    assert tab.key("window") == "2%2C7%2C10%2C20"
    picture = logged(10)[0].T
    expected = picture[norm_order(picture)][2:7, ::-1][:, 10:20][:, ::-1]
    tab.at_step("run", 10)
    seen = tab.cells(
        "run", *(expected.shape if orientation == "channels" else expected.shape[::-1])
    )
    places = symlog_places(expected, LIMIT, THRESHOLD)
    assert_colours(seen, places if orientation == "channels" else places.T, "vik")
    # Shift and the arrow toward earlier timesteps moves to larger lags.
    tab.canvas("run").press("Shift+ArrowLeft" if orientation == "channels" else "Shift+ArrowUp")
    assert tab.key("window") == "2%2C7%2C12%2C22"
    tab.frame.get_by_label("Time as", exact=True).select_option("timestep")
    assert tab.key("window") == "2%2C7%2C2%2C12", "the same part of the record"


def test_exports_hold_lags_and_ordered_channels(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "show=1", "time=lag", "order=norm@10@1", "window=1,5,2,20")
    expect(tab.frame.locator("rg-heatmap-bar")).to_contain_text("of step 10")
    tab.at_step("run", 10)
    lags = by_lag(logged(10))[1]
    channels = norm_order(lags.T)[1:5]
    name, content = saved(tab, "run", "CSV")
    assert name == "run_h_step10_sample1_lag.csv"
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[0] == ["lag", *(f"channel {c}" for c in channels)]
    for lag, row in zip(range(2, 20), rows[1:], strict=True):
        assert row[0] == str(lag)
        values = np.array([cell or "nan" for cell in row[1:]], np.float32)
        np.testing.assert_array_equal(values, lags[lag, channels])
    _, content = saved(tab, "run", "NPY")
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), lags[2:20, channels])


@pytest.mark.parametrize("show", ["1", "mean", "std"])
def test_the_copied_python_gives_the_same_lags(page: Page, open_tab: OpenTab, show: str) -> None:
    keys = (f"show={show}", "time=lag", "order=norm@10@1", "window=1,7,2,24", "backward=processed")
    tab = open_tab(page, *keys)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.at_step("run", 10)
    expect(tab.frame.locator("rg-heatmap-bar")).to_contain_text("of step 10")
    tab.rest()
    card = tab.card("run")
    card.get_by_text("Export", exact=True).click()
    card.get_by_role("button", name="Copy as Python").click()
    expect(card.get_by_text("Copied.")).to_be_visible()
    names: dict[str, np.ma.MaskedArray] = {}
    exec(page.evaluate("navigator.clipboard.readText()"), names)
    page.keyboard.press("Escape")
    data = logged(10)
    for sample, length in enumerate(LENGTHS):
        data[sample, :length, HALF:] = data[sample, :length, HALF:][::-1]
    lags = by_lag(data).astype(np.float64)
    channels = norm_order(lags[1].T)[1:7]
    formulas = {
        "1": lambda x: x[1],
        "mean": lambda x: np.nanmean(x, 0),
        "std": lambda x: np.nanstd(x, 0),
    }
    expected = formulas[show](lags)[2:24, channels]
    np.testing.assert_allclose(np.ma.filled(names["view"], np.nan), expected, rtol=1e-6)


def test_two_steps_are_compared_in_one_order(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "view=compare", "stepB=0", "time=lag", "order=norm@10@0", "axes=timesteps")
    difference = tab.frame.locator("rg-difference")
    expect(difference).to_contain_text("step 10 against 0")
    a, b = (by_lag(logged(step))[0] for step in (10, 0))
    expected = (a - b)[::-1][:, norm_order(a.T)]
    seen = tab.read_cells(difference.locator("rg-heatmap canvas"), *expected.shape)
    limit = float(np.abs(expected).max())
    places = symlog_places(expected, limit, limit * 1e-3)
    assert_colours(seen, places, "vik")
