"""The overview: one line per run and layer, and the answer in sentences."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tb_rnngrad import flow

from . import courses
from .reading import Tab

OpenTab = Callable[..., Tab]
OVERVIEW = ("view=overview",)
SERIES = (("growing", "lstm_1"), ("growing", "lstm_2"), ("failing", "lstm_1"))


def line(page: Tab, run: str, tag: str) -> Locator:
    """The line of a run's layer."""
    named = page.frame.get_by_role("button", name=f"Open the maps of {run}, {tag}")
    return page.frame.locator("rg-overview-table tbody tr", has=named)


@pytest.mark.parametrize("step", [10, 24])
def test_each_run_and_layer_has_a_line_of_what_python_says(
    tab: OpenTab, course_url: str, course_logs: Path, step: int
) -> None:
    page = tab(*OVERVIEW, f"step={step}", at=course_url)
    expect(page.frame.locator("rg-overview-table tbody tr")).to_have_count(len(SERIES))
    for run, tag in SERIES:
        said = courses.python_says(course_logs, run, tag, flow.Thresholds())
        at = said["steps"].index(step)
        cells = line(page, run, tag).locator("td")
        expect(cells.nth(2)).to_have_text(f"{said['horizon'][at]:.0f} of {courses.TIMESTEPS - 1}")
        change = np.sign(said["horizon"][at] - said["horizon"][0])
        expect(cells.nth(3)).to_contain_text({1: "↑", 0: "→", -1: "↓"}[int(change)])
        expect(cells.nth(3)).to_contain_text(f"from {said['horizon'][0]:.0f}")
        half_life = said["halfLife"][at]
        expect(cells.nth(4)).to_contain_text(
            f"{half_life:.3g} R²" if half_life > 0 else "does not fade"
        )
        worst = next(flag for flag in flow.FLAGS if any(flag in up for up in said["flags"]))
        first = next(s for s, up in zip(said["steps"], said["flags"], strict=True) if worst in up)
        expect(cells.nth(5)).to_contain_text(f"{worst.replace('non_', 'non-')} from step {first}")
        expect(cells.nth(6)).to_have_text("25 %" if run == "failing" else "0 %")


def test_the_first_sentence_names_the_run_that_reaches_furthest_and_since_when(
    tab: OpenTab, course_url: str, course_logs: Path
) -> None:
    page = tab(*OVERVIEW, "step=12", at=course_url)
    horizon = {
        run: courses.python_says(course_logs, run, "lstm_1", flow.Thresholds())
        for run in ("growing", "failing")
    }
    far = horizon["failing"]["horizon"][horizon["failing"]["steps"].index(12)]
    assert far > horizon["growing"]["horizon"][12]
    brief = page.frame.locator("rg-overview-brief")
    expect(brief.locator("h2")).to_have_text(
        f"failing reaches furthest back: {far:.0f} of 39 timesteps"
    )
    expect(brief.locator("li").first).to_contain_text("at least half as far since step 10;")
    page.slider().press("End")  # where it is not finite, and grew
    expect(brief.locator("h2")).to_have_text("growing reaches furthest back: 39 of 39 timesteps")
    expect(brief.locator("li").nth(1)).to_contain_text("non-finite")


def test_the_table_is_sorted_by_any_column_and_the_url_says_which(
    tab: OpenTab, course_url: str
) -> None:
    page = tab(*OVERVIEW, "step=12", at=course_url)
    runs = page.frame.locator("rg-overview-table tbody tr td:first-child")
    expect(runs).to_have_text(["failing", "growing", "growing"])  # the horizon, falling
    head = page.frame.get_by_role("columnheader", name="Dead channels")
    page.frame.get_by_role("button", name="Dead channels").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(runs.first).to_have_text("failing")
    page.frame.get_by_role("button", name="Dead channels").press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(runs.last).to_have_text("failing")
    assert page.key("sort") == "dead"


def test_a_line_opens_its_maps(tab: OpenTab, course_url: str) -> None:
    page = tab(*OVERVIEW, at=course_url)
    line(page, "growing", "lstm_2").locator("td").nth(2).click()
    expect(page.frame.locator("rg-flow-map")).to_have_count(1)
    expect(page.frame.locator("rg-flow-view article")).to_contain_text("lstm_2")
    chosen = [json.loads(urllib.parse.unquote(page.key(name) or "")) for name in ("runs", "tags")]
    assert (page.key("view"), *chosen) == ("flow", ["growing"], ["lstm_2"])
    page.frame.get_by_role("tab", name="Overview").click()
    page.frame.get_by_role("button", name="choose automatically").press("Enter")
    expect(page.frame.locator("rg-overview-table tbody tr")).to_have_count(len(SERIES))


def test_thresholds_flag_the_table_anew(tab: OpenTab, course_url: str) -> None:
    page = tab(*OVERVIEW, 'runs=["growing"]', 'tags=["lstm_1"]', at=course_url)
    worst = line(page, "growing", "lstm_1").locator("td").nth(5)
    expect(worst).to_contain_text("vanishing from step 0, not now")
    page.frame.get_by_label("Vanishing <").fill("0")
    page.frame.get_by_label("Vanishing <").press("Enter")
    expect(worst).to_have_text("none")
