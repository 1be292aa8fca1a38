"""The weights view: matrices with their gates, and a histogram for each gate."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

import tb_rnngrad

from .reading import ABOVE, BELOW, NAN, Tab, assert_colours, automatic_scale, symlog_places

OpenTab = Callable[..., Tab]
GATES = {"i": 4, "f": 4, "c": 4, "o": 4}
SHAPES = {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (1, 16)}
QUANTITIES = {"weights": "weight", "weight_gradients": "weight_gradient"}


def weights(kind: str, part: str, step: int) -> np.ndarray:
    """Return what was logged; the gradient of the recurrent kernel has NaN in its gate f."""
    random = np.random.default_rng([step, *f"{kind}{part}".encode()])
    values = random.standard_normal(SHAPES[part]).astype(np.float32)
    if kind == "weight_gradients":
        values *= np.float32(1e-3)
    if (kind, part) == ("weight_gradients", "recurrent_kernel"):
        values[1, 5:7] = np.nan
    return values


@pytest.fixture(scope="module")
def weights_url(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., object]
) -> str:
    """The address of a TensorBoard with one run that has weights of two layers."""
    logdir = tmp_path_factory.mktemp("weights")
    with tb_rnngrad.SummaryWriter(logdir / "run") as writer:
        for step in (0, 5):
            for kind, quantity in QUANTITIES.items():
                for part in SHAPES:
                    data = weights(kind, part, step)
                    tag = f"lstm/{kind}/{part}"
                    writer.add_sequence(tag, data, step, quantity=quantity, channel_groups=GATES)
            writer.add_sequence("lstm/output", np.ones((2, 5, 4)), step, quantity="output_gradient")
        writer.add_sequence("rnn/weights/kernel", np.eye(3), 0, quantity="weight")
    with tb_rnngrad.SummaryWriter(logdir / "without") as writer:
        writer.add_sequence("lstm/hidden_state", np.ones((2, 5, 4)), 0)
    server = tensorboard_server(logdir)
    server.wait_for(  # type: ignore[attr-defined]
        lambda tags: (
            len(tags.get("run", {})) == 8
            and "without" in tags
            and len(tags["run"]["lstm/weight_gradients/bias"]["steps"]) == 2
        )
    )
    return server.url  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def open_weights(tab: OpenTab, weights_url: str) -> Callable[..., Tab]:
    def open_tab(*keys: str) -> Tab:
        return tab("view=weights", 'runs=["run"]', *keys, at=weights_url)

    return open_tab


def part_of(page: Tab, kind: str, part: str) -> tuple[Locator, Locator]:
    """Return the matrix' card and that of the histograms below it."""
    name = re.compile(rf"^{part}, {QUANTITIES[kind].replace('_', ' ')}$")
    matrix = page.frame.locator("rg-card", has=page.frame.locator("h3", has_text=name))
    expect(matrix.locator("canvas")).to_be_visible()
    histograms = matrix.locator("xpath=following-sibling::*[1]")
    expect(histograms.locator("rg-histogram")).to_have_count(4)
    page.rest()
    return matrix, histograms


def test_the_parts_of_a_layer_are_side_by_side_with_values_above_gradients(
    open_weights: OpenTab,
) -> None:
    page = open_weights()
    expect(page.frame.locator("rg-card")).to_have_count(6)
    boxes = {}
    for kind in QUANTITIES:
        for part in SHAPES:
            box = page.box(part_of(page, kind, part)[0])
            boxes[kind, part] = box
    left = [boxes["weights", part]["x"] for part in ("kernel", "recurrent_kernel", "bias")]
    assert left == sorted(set(left))
    for part in SHAPES:
        assert boxes["weights", part]["x"] == boxes["weight_gradients", part]["x"]
        assert boxes["weights", part]["y"] < boxes["weight_gradients", part]["y"]
    expect(page.frame.get_by_role("heading", name="run, layer lstm")).to_be_visible()


@pytest.mark.parametrize("kind", list(QUANTITIES))
def test_a_matrix_is_drawn_with_its_gates_between_separators(
    open_weights: OpenTab, kind: str
) -> None:
    threshold = {"weights": 0.01, "weight_gradients": 1e-5}[kind]
    # The choice of samples does not apply to matrices.
    page = open_weights("show=mean_abs", "scale=symlog", f"threshold={threshold}")
    matrix, _ = part_of(page, kind, "recurrent_kernel")
    expect(matrix.locator("line.separator")).to_have_count(3)
    for gate in GATES:
        expect(matrix.locator("svg text", has_text=re.compile(f"^{gate}$"))).to_have_count(1)
    for part in SHAPES:
        part_of(page, kind, part)
    limit, _ = automatic_scale([weights(kind, part, 5) for part in SHAPES])
    values = weights(kind, "recurrent_kernel", 5).T
    seen = page.read_cells(matrix.locator("canvas"), *values.shape)
    ordinary = np.isfinite(values)
    assert_colours(seen[ordinary], symlog_places(values[ordinary], limit, threshold), "vik")
    assert (seen[~ordinary][:, :3] == NAN).all()


@pytest.mark.parametrize("kind", list(QUANTITIES))
def test_histograms_of_each_gate_are_numpys(open_weights: OpenTab, kind: str) -> None:
    page = open_weights("step=5")
    for part in SHAPES:
        _, histograms = part_of(page, kind, part)
        for gate, name in enumerate(GATES):
            expect(histograms.locator("h4").nth(gate)).to_have_text(name)
            found, edges = (
                histograms.locator("rg-histogram")
                .nth(gate)
                .evaluate("(one) => [one.bins.counts, one.edges]")
            )
            values = weights(kind, part, 5)[:, 4 * gate : 4 * gate + 4].astype(np.float64)
            finite = values[np.isfinite(values)]
            np.testing.assert_array_equal(found, np.histogram(finite, edges)[0])
            assert sum(found) == finite.size


def test_bins_peaks_and_axes_can_be_chosen_for_each_gate(open_weights: OpenTab) -> None:
    page = open_weights("step=5", "more=true")
    for name, choice in (("Bins", "16"), ("Peaks", "0.5"), ("Axes", "gate")):
        page.frame.get_by_label(name, exact=True).select_option(choice)
    assert (page.key("bins"), page.key("peaks"), page.key("binAxes")) == ("16", "0.5", "gate")
    _, histograms = part_of(page, "weights", "bias")
    ends = []
    for gate in range(len(GATES)):
        counts, edges, most = (
            histograms.locator("rg-histogram")
            .nth(gate)
            .evaluate("(one) => [one.bins.counts, one.edges, one.most]")
        )
        steps = [weights("weights", "bias", step)[0, 4 * gate : 4 * gate + 4] for step in (0, 5)]
        np.testing.assert_array_equal(counts, np.histogram(steps[1].astype(float), edges)[0])
        assert (len(counts), most) == (16, max(counts) / 4 / 2)
        ends.append(edges[-1])
        assert edges[-1] >= np.abs(steps).max()
    assert len(set(ends)) == len(GATES)


def test_a_matrix_can_be_resized_and_fill_the_page(open_weights: OpenTab) -> None:
    page = open_weights()
    matrix, _ = part_of(page, "weights", "kernel")
    stack, canvas = matrix.locator("xpath=.."), matrix.locator("canvas")
    height, width = page.box(canvas)["height"], page.box(stack)["width"]
    corner = matrix.get_by_role("separator", name="Height of the picture")
    corner.press("ArrowDown")
    corner.press("ArrowRight")
    assert page.box(canvas)["height"] == height + 20
    assert page.box(stack)["width"] > 2 * width
    matrix.get_by_role("button", name="Full page").click()
    assert page.box(canvas)["height"] > height + 20
    page.page.keyboard.press("Escape")
    assert page.box(canvas)["height"] == height + 20


def test_the_share_of_nan_is_shown_at_its_gate(open_weights: OpenTab) -> None:
    page = open_weights()
    matrix, histograms = part_of(page, "weight_gradients", "recurrent_kernel")
    expect(matrix.locator("rg-health").first).to_contain_text("2 NaN (3.1%)")
    told = histograms.locator("rg-health")
    expect(told.nth(1)).to_contain_text("2 NaN (12.5%)")
    for clean in (0, 2, 3):
        expect(told.nth(clean)).to_contain_text("16 finite, no zero, NaN, Inf or padding")


def test_dragging_the_range_on_a_histogram_changes_the_matrices(open_weights: OpenTab) -> None:
    page = open_weights("step=5", "scale=linear")
    matrix, histograms = part_of(page, "weights", "kernel")
    thumb = histograms.get_by_role("slider", name="Colour limit").first
    thumb.press("ArrowLeft")
    limit = float(page.key("limit") or 0)
    parts = [weights("weights", part, 5) for part in SHAPES]
    most = max(float(np.abs(part).max()) for part in parts)
    assert limit == pytest.approx(most / 2**0.25, rel=0.01)
    values = weights("weights", "kernel", 5).T
    seen = page.read_cells(matrix.locator("canvas"), *values.shape)
    within = np.abs(values) <= limit
    assert_colours(seen[within], (values[within] / limit + 1) / 2, "vik")
    assert not within.all() and np.isin(seen[~within][:, :3], [ABOVE, BELOW]).all()


def test_tab_stops_at_one_histogram_of_a_matrix_and_arrow_keys_reach_the_others(
    open_weights: OpenTab,
) -> None:
    page = open_weights("step=5", "scale=symlog")
    _, histograms = part_of(page, "weights", "kernel")
    plots, thumbs = (histograms.locator(css) for css in ("svg[tabindex='0']", ".thumb"))
    stops = histograms.locator("[tabindex='0']")
    each = int(stops.count())
    assert 4 * each == histograms.locator("[tabindex]").count()
    histograms.locator("rg-histogram svg").first.focus()
    for key, gate in (("ArrowDown", "f"), ("ArrowDown", "c"), ("ArrowUp", "f"), ("ArrowUp", "i")):
        page.page.keyboard.press(key)
        focused = histograms.locator("rg-histogram svg:focus")
        expect(focused).to_have_attribute("aria-label", re.compile(f"kernel, {gate}, from"))
        expect(plots).to_have_count(1)
    page.page.keyboard.press("ArrowUp")  # there is none above
    expect(focused).to_have_attribute("aria-label", re.compile("kernel, i, from"))
    thumbs.nth(each).focus()  # in the second gate
    expect(plots).to_have_attribute("aria-label", re.compile("kernel, f, from"))
    expect(stops).to_have_count(each)


def test_a_tag_that_the_view_cannot_draw_is_not_silently_replaced(open_weights: OpenTab) -> None:
    page = open_weights('tags=["lstm/output"]')
    note = page.frame.get_by_text("This view cannot draw lstm/output")
    expect(note).to_contain_text(
        "it shows lstm/weight_gradients/bias, lstm/weight_gradients/kernel"
    )
    page.frame.get_by_role("tab", name="Heatmap").click()
    expect(note).to_have_count(0)


def test_other_tabs_do_not_select_weights_first(open_weights: OpenTab) -> None:
    page = open_weights("view=heatmap")
    expect(page.frame.locator("rg-card p").first).to_contain_text("lstm/output")
    expect(page.frame.locator("rg-card")).to_have_count(1)


def test_without_weights_the_page_says_how_to_log_them(tab: OpenTab, weights_url: str) -> None:
    page = tab("view=weights", 'runs=["without"]', at=weights_url)
    main = page.frame.locator("main")
    expect(main).to_contain_text("No weights are logged here")
    expect(main).to_contain_text('of=("hidden_state", "weights", "weight_gradients")')
