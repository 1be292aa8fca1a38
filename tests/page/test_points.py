"""Records without a time axis: one scatter plot of every sample, whatever other views choose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import tb_rnngrad

from .reading import Tab
from .test_export import copied, saved_from, table

SAMPLES, CHANNELS = 6, 3
OpenTab = Callable[..., Tab]


def values(run: str) -> np.ndarray:
    """Return what a run logged, [S, C]."""
    random = np.random.default_rng(len(run))
    return random.standard_normal((SAMPLES, CHANNELS)).astype(np.float32)


@pytest.fixture(scope="module")
def open_tab(
    tmp_path_factory: pytest.TempPathFactory, tensorboard_server: Callable[..., object]
) -> OpenTab:
    logdir = tmp_path_factory.mktemp("points")
    for run in ("one", "other"):
        with tb_rnngrad.SummaryWriter(logdir / run) as writer:
            writer.add_sequence("last", values(run), 0, max_outputs=SAMPLES)
    with tb_rnngrad.SummaryWriter(logdir / "sequence") as writer:
        writer.add_sequence("all", np.ones((2, 5, 3), np.float32), 0)
    server = tensorboard_server(logdir)
    server.wait_for(lambda tags: len(tags) == 3)
    return lambda page, *keys: Tab.open(page, server.url, *keys)


def test_each_sample_of_points_has_its_scatter_plot(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, 'runs=["one"]', "show=samples")
    expect(tab.frame.locator("rg-scatter")).to_have_count(1)
    expect(tab.frame.locator("rg-scatter")).to_contain_text(f"all {SAMPLES} kept samples")
    expect(tab.frame.locator("rg-card")).to_have_count(0)


def test_samples_can_be_chosen_only_for_pictures_that_show_them(
    page: Page, open_tab: OpenTab
) -> None:
    show = open_tab(page, 'runs=["one"]').frame.get_by_label("Show", exact=True)
    expect(show).to_have_count(0)
    tab = open_tab(page, 'runs=["one","sequence"]')
    show = tab.frame.get_by_label("Show", exact=True)
    expect(show.locator("option", has_text="sample")).to_have_count(
        2 + 2
    )  # each sample, and one channel of each


def test_points_at_the_ends_of_the_scale_are_not_cut_off(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, 'runs=["one"]', "scale=linear")
    data = values("one")
    canvas = tab.frame.locator("rg-scatter canvas")
    tab.rest()
    sample, channel = np.unravel_index(np.abs(data).argmax(), data.shape)
    alpha = canvas.evaluate(
        """(canvas, share) => {
          const picture = canvas.getContext("2d");
          const { data } = picture.getImageData(share * canvas.width - 1, 0, 3, canvas.height);
          return [...data].filter((_, i) => i % 12 === 7);
        }""",
        (sample + 0.5) / SAMPLES,
    )
    covered = np.flatnonzero(np.array(alpha) > 100)
    top, bottom = covered.min(), len(alpha) - 1 - covered.max()
    assert (top if data[sample, channel] > 0 else bottom) >= 1


def test_points_of_two_runs_are_compared_sample_by_sample(page: Page, open_tab: OpenTab) -> None:
    tab = open_tab(page, "view=compare", 'runs=["one","other"]')
    scatters = tab.frame.locator("rg-scatter")
    expect(scatters).to_have_count(3)
    expect(scatters.locator("h3")).to_have_text(["A one", "B other", "A − B"])
    difference = scatters.nth(2)
    expected = values("one") - values("other")
    np.testing.assert_array_equal(copied(tab, difference), expected)
    columns = table(saved_from(tab, difference, "CSV")[1])
    np.testing.assert_array_equal(np.array(columns["channel 1"], np.float32), expected[:, 1])
    tab.frame.locator("#comparison").select_option("swipe")
    expect(scatters).to_have_count(3)
