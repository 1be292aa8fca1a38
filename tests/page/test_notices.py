"""Notices beside a picture name what its flow leaves out: damaged steps, too many steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from events import event, write
from playwright.sync_api import Locator, Page, expect
from tensorboard.compat.proto.summary_pb2 import Summary

from tb_rnngrad import SummaryWriter, flow
from tb_rnngrad.events import messages
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import Metadata
from tb_rnngrad.summary import sequence_pb

from .reading import Tab

DATA = np.random.default_rng(3).standard_normal((2, 12, 4)).astype(np.float32)
DAMAGED = "2 steps are damaged and not drawn: 10, 20."
# With 27 such flows the statistics that the maps ask for would exceed /flow's 128 MiB.
LONG, LONG_STEPS = 100_000, 60


def logged(damaged: bool) -> Summary:
    """Return a record; if it should be damaged, a bit of its flow is flipped."""
    whole = sequence_pb("lstm", DATA)
    if damaged:
        tensor = whole.value[1].tensor
        content = bytearray(tensor.tensor_content)
        content[40] ^= 16
        tensor.tensor_content = bytes(content)
    return whole


def of_few_statistics() -> Summary:
    """Return a flow that has only the mean norms."""
    names = ("norm_mean", "lag_norm_mean")
    columns = [flow.STATISTICS.index(name) for name in names]
    rows = np.ascontiguousarray(flow.statistics(DATA)[:, columns])
    metadata = Metadata("hidden_state_gradient", statistics=names)
    parts = messages.serialised_flow(rows, metadata, Logged("lstm", 0))
    return Summary.FromString(b"".join(parts))


def write_logs(logdir: Path) -> None:
    """Write flows: some with two of four steps damaged, some with few statistics, some too long."""
    write(logdir / "few", event(0, of_few_statistics()))
    write(logdir / "bad", *(event(step, logged(0 < step < 30)) for step in (0, 10, 20, 30)))
    with SummaryWriter(logdir / "long") as writer:
        for step in range(LONG_STEPS + 1):
            timesteps = LONG if step == LONG_STEPS else 1
            rows = flow.statistics(np.ones((1, timesteps, 1), np.float32))
            writer.add_flow("lstm", rows, step)


@pytest.fixture(scope="module", params=["true", "false"], ids=["rust", "python"])
def notice_url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tensorboard_server: Callable[..., Any],
) -> str:
    """The address of a TensorBoard for these logs, with each of its loaders."""
    logdir = tmp_path_factory.mktemp("notices")
    write_logs(logdir)
    server = tensorboard_server(logdir, f"--load_fast={request.param}")
    server.wait_for(
        lambda tags: (
            tags.get("bad", {}).get("lstm", {}).get("last_flow", [0])[0] == 30
            and "few" in tags
            and tags.get("long", {}).get("lstm", {}).get("last_flow", [0])[0] == LONG_STEPS
        )
    )
    return str(server.url)


def notices(tab: Tab) -> Locator:
    return tab.frame.locator("[role=tabpanel] [role=status]")


def test_a_damaged_step_is_named_and_not_drawn(page: Page, notice_url: str) -> None:
    tab = Tab.open(page, notice_url, "view=flow", 'runs=["bad"]')
    expect(tab.frame.locator("rg-flow-card [role=status]")).to_have_text(DAMAGED)
    steps = "({ history }) => history.flow.steps.map(([step]) => step)"
    assert tab.frame.locator("rg-flow-map").first.evaluate(steps) == [0, 30]
    for keys in (("view=overview",), ("view=heatmap", "range=steps")):
        tab = Tab.open(page, notice_url, *keys, 'runs=["bad"]')
        expect(notices(tab)).to_have_text(re.compile(f"bad, lstm: {DAMAGED}"))
    tab = Tab.open(page, notice_url, "view=heatmap", 'runs=["bad"]')  # a view without flow
    expect(notices(tab)).to_have_count(0)


@pytest.mark.parametrize(
    ("of", "said"),
    [("norm", None), ("agreement", "mean_norm, std_norm"), ("nonfinite", "nan_share, inf_share")],
)
def test_a_statistic_that_was_not_logged_is_named(
    page: Page, notice_url: str, of: str, said: str | None
) -> None:
    tab = Tab.open(page, notice_url, "view=flow", f"flowOf={of}", 'runs=["few"]')
    maps = tab.frame.locator("rg-flow-map")
    if said is None:
        expect(maps).to_have_count(1)
    else:
        expect(tab.frame.get_by_text(f"The log does not hold {said}.")).to_be_visible()
        expect(maps).to_have_count(0)
    tab = Tab.open(page, notice_url, "view=overview", 'runs=["few"]')
    expect(tab.frame.locator("rg-overview-brief .answer")).to_have_text("cannot say")


def test_the_page_says_how_many_of_too_many_steps_are_drawn(page: Page, notice_url: str) -> None:
    tab = Tab.open(page, notice_url, "view=flow", 'runs=["long"]')
    said = tab.frame.locator("rg-flow-card [role=status]")
    expect(said).to_contain_text("All logged steps would be too large to send")
    drawn = tab.frame.locator("rg-flow-map").first.evaluate("({ history }) => history.flow.steps")
    assert 1 < len(drawn) <= LONG_STEPS
    expect(said).to_contain_text(f"{len(drawn)} of them, evenly spaced, are drawn")
    assert drawn[-1][0] == LONG_STEPS
