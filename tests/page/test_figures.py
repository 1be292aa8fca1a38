"""Figures as in publications (samples, one channel, norms), and how they are saved."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import tb_rnngrad

from .reading import Tab, assert_colours, automatic_scale, symlog_places
from .test_export import copied, saved_from, table

SAMPLES, TIMESTEPS, CHANNELS = 5, 12, 4
LENGTHS = [12, 9, 12, 7, 12]
GATES = {"i": 2, "f": 2}
STEPS = (0, 10, 20)
OpenTab = Callable[..., Tab]


def values() -> np.ndarray:
    """Return gradients whose channel 2 is the largest, [S, T, C]."""
    random = np.random.default_rng(3)
    sizes = np.array([1, 0.5, 4, 2])
    return (random.standard_normal((SAMPLES, TIMESTEPS, CHANNELS)) * sizes).astype(np.float32)


def weights(step: int) -> np.ndarray:
    return np.random.default_rng(step).standard_normal((3, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def open_tab(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., object]
) -> OpenTab:
    logdir = tmp_path_factory.mktemp("figures")
    with tb_rnngrad.SummaryWriter(logdir / "run") as writer:
        writer.add_sequence("h", values(), 0, mask=LENGTHS, max_outputs=SAMPLES)
        writer.add_sequence("last", values()[:, 0], 0, max_outputs=SAMPLES)
        gates = values() * np.array([1, 1, 100, 100], np.float32)
        writer.add_sequence("gates", gates, 0, max_outputs=SAMPLES, channel_groups=GATES)
        for step in STEPS:
            tag = "lstm/kernels/kernel"
            writer.add_sequence(tag, weights(step), step, quantity="weight", channel_groups=GATES)
    server = tensorboard_server(logdir)
    server.wait_for(
        lambda tags: (
            len(tags.get("run", {}).get("lstm/kernels/kernel", {"steps": ()})["steps"]) == 3
        )
    )
    return lambda page, *keys: Tab.open(page, server.url, *keys)


def real() -> np.ndarray:
    return np.arange(TIMESTEPS) < np.array(LENGTHS)[:, np.newaxis]


def test_one_channel_is_shown_as_a_map_of_samples_by_timesteps(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, 'tags=["h"]')
    tab.frame.get_by_label("Show", exact=True).select_option("channel")
    card = tab.frame.locator("rg-sample-map")
    expect(card).to_contain_text("channel 2 of each kept sample")  # the one of the largest norm
    data = np.where(real()[..., np.newaxis], values(), np.nan)
    tab.frame.get_by_label("Channel", exact=True).fill("1")
    tab.frame.get_by_label("Channel", exact=True).press("Enter")
    expect(card).to_contain_text("channel 1 of each kept sample")
    canvas = card.locator("canvas")
    seen = tab.read_cells(canvas, SAMPLES, TIMESTEPS)
    places = symlog_places(values()[..., 1], *automatic_scale([data]))
    assert_colours(seen[real()], places[real()], "vik")
    assert (seen[~real()][:, 3] == 0).all()
    box = tab.box(canvas)
    canvas.hover(position={"x": 6.5 / TIMESTEPS * box["width"], "y": 2.5 / SAMPLES * box["height"]})
    readout = card.locator(".readout")
    expect(readout).to_contain_text("sample 2, timestep 6, channel 1")
    assert np.float32(readout.locator("b").inner_text().replace("−", "-")) == values()[2, 6, 1]
    columns = table(saved_from(tab, card, "CSV")[1])
    assert [np.float32(c) for c in columns["sample 3"][:7]] == list(values()[3, :7, 1])
    assert set(columns["sample 3"][7:]) == {""}
    view = copied(tab, card)
    np.testing.assert_array_equal(view.mask, ~real())
    np.testing.assert_array_equal(view.data[real()], values()[..., 1][real()])


def test_the_samples_of_a_batch_form_one_figure_in_the_chosen_columns(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, 'tags=["h"]', "show=samples")
    tab.frame.get_by_label("Columns", exact=True).fill("2")
    tab.frame.get_by_label("Columns", exact=True).press("Enter")
    cards = tab.frame.locator("rg-multiples rg-card")
    expect(cards.locator("h3")).to_have_text([f"sample {sample}" for sample in range(SAMPLES)])
    boxes = [tab.box(cards.nth(sample)) for sample in range(SAMPLES)]
    assert len({box["x"] for box in boxes}) == 2
    assert len({box["y"] for box in boxes}) == 3
    name, content = saved_from(tab, tab.frame.locator("rg-multiples rg-export-menu").first, "SVG")
    assert name == "run_h_step0_samples.svg"
    figure = content.decode()
    assert figure.count("<image") == SAMPLES
    for sample in range(SAMPLES):
        assert f"sample {sample}</text>" in figure
    assert figure.count('class="bar"') == 1, "all share one colour bar"


def test_curves_show_every_sample_or_one(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "view=curves", 'tags=["h"]')
    large = tab.frame.locator("rg-curves-plot[large]")
    expect(large).to_have_attribute("aria-label", "Curves of channels 2 over timesteps")
    expect(tab.frame.locator("rg-curves-card h4").first).to_contain_text("of the largest norm")
    tab.frame.get_by_label("Curves of", exact=True).select_option("3")
    expect(tab.frame.locator("rg-curves-card .samples")).to_have_text(
        re.compile(r"^\s*sample 3\s*$")
    )
    card = tab.frame.locator("rg-curves-card")
    columns = table(saved_from(tab, card, "CSV")[1])
    assert [np.float32(c) for c in columns["channel 2 sample 3"][:7]] == list(values()[3, :7, 2])
    assert len(columns) == 1 + CHANNELS
    assert copied(tab, card).shape == (1, TIMESTEPS, CHANNELS)


def test_norms_of_weights_over_training_are_drawn_for_each_gate(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, "view=weights")
    tab.frame.get_by_label("Show", exact=True).select_option("norms")
    plot = tab.frame.locator("rg-curve")
    expect(plot.locator("h3")).to_have_text("kernel, weight")
    columns = table(saved_from(tab, plot, "CSV")[1])
    assert columns["step"] == [str(step) for step in STEPS]
    for gate, name in enumerate(GATES):
        parts = [weights(step)[:, 2 * gate : 2 * gate + 2].astype(float) for step in STEPS]
        expected = [np.linalg.norm(part) for part in parts]
        assert [float(cell) for cell in columns[name]] == pytest.approx(expected)


def test_curves_and_points_are_saved_as_paths_and_circles(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, 'tags=["h"]')
    curve = saved_from(tab, tab.frame.locator("rg-curve").first, "SVG")[1].decode()
    assert "<image" not in curve
    assert len(re.findall(r'<path d="M', curve)) == 1
    tab = open_tab(page, 'tags=["last"]')
    points = saved_from(tab, tab.frame.locator("rg-scatter"), "SVG")[1].decode()
    assert "<image" not in points
    assert len(re.findall(r'<circle [^>]*fill="rgb', points)) == SAMPLES * CHANNELS


def test_a_saved_figure_has_the_chosen_title_size_bar_and_ticks(
    page: Page, open_tab: OpenTab
) -> None:
    tab = open_tab(page, 'tags=["h"]')
    card = tab.card("run")
    shown = saved_from(tab, card, "SVG")[1].decode()
    assert 'class="bar"' in shown and 'class="tick"' in shown
    card.get_by_text("Export", exact=True).click()
    card.get_by_text("Figure …").click()
    card.get_by_label("Title").fill("My figure")
    card.get_by_label("Width").fill("1000")
    card.get_by_label("colour bar").uncheck()
    card.get_by_label("ticks").uncheck()
    with page.expect_download() as download:
        card.get_by_role("button", name="SVG", exact=True).click()
    figure = download.value.path().read_text()
    assert re.match(r'<svg[^>]* width="1000"', figure)
    assert "My figure</text>" in figure
    assert 'class="bar"' not in figure and 'class="tick"' not in figure


def test_each_gate_can_have_its_own_axes(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "view=distribution", 'tags=["gates"]', "more=true", "scale=linear")
    histograms = tab.frame.locator("rg-histogram")
    tab.frame.get_by_label("Axes", exact=True).select_option("gate")
    tab.rest()
    assert tab.key("binAxes") == "gate"
    cells = values().astype(np.float64)
    for group, channels in enumerate((slice(0, 2), slice(2, 4))):
        of = cells[..., channels].ravel() * (1, 100)[group]
        found, edges, most = histograms.nth(group).evaluate(
            "(one) => [one.bins.counts, one.edges, one.most]"
        )
        np.testing.assert_array_equal(found, np.histogram(of, edges)[0])
        assert sum(found) == of.size
        widest = np.abs(cells[..., 2:]).max() * 100 / 128  # the bins that set the axis
        assert np.abs(of).max() <= edges[-1] <= np.abs(of).max() + widest
        assert most == max(found) / of.size
    card = tab.frame.locator("rg-distribution-card")
    columns = table(saved_from(tab, card, "CSV")[1])
    assert list(columns) == ["bin", "i from", "i to", "i", "f from", "f to", "f"]
    np.testing.assert_allclose(np.array(columns["f from"], float), edges[:-1], rtol=1e-6)
    counted = np.array([[columns["i"], columns["f"]]], int)
    np.testing.assert_array_equal(copied(tab, card), counted)


def test_bins_peaks_and_axes_of_histograms_can_be_chosen(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "view=distribution", 'tags=["h"]', "more=true")
    histogram = tab.frame.locator("rg-histogram")
    tab.frame.get_by_label("Bins", exact=True).select_option("16")
    tab.rest()
    counts, edges = histogram.evaluate("(one) => [one.bins.counts, one.edges]")
    cells = values()[real()].astype(np.float64)
    np.testing.assert_array_equal(counts, np.histogram(cells, edges)[0])
    assert len(counts) == 16
    tab.frame.get_by_label("Peaks", exact=True).select_option("0.5")
    tab.rest()
    most = max(counts) / cells.size
    assert histogram.evaluate("(one) => one.most") == pytest.approx(most / 2)
    cut = histogram.locator("path.cut").get_attribute("d") or ""
    assert cut.count("M") == sum(count > max(counts) / 2 for count in counts)
