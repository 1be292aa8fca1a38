"""What every test needs: Ctrl-C that works, and fixtures that start real TensorBoards."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import hypothesis
import pytest
from servers import Server, tensorboards

# A shell ignores Ctrl-C for what it runs in the background. Python and its processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` tries few examples; `make soak` tries many.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("soak", max_examples=1000, deadline=None)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="module")
def tensorboard_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start real TensorBoards: `tensorboard_server(logdir, *flags, tensorflow=False)`.

    They end with the module: each reads its directory again every second.
    """
    with tensorboards(tmp_path_factory.mktemp("tensorboards")) as start:
        yield start


@pytest.fixture(scope="session")
def lasting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start real TensorBoards, likewise, that several modules share."""
    with tensorboards(tmp_path_factory.mktemp("tensorboards")) as start:
        yield start


@pytest.fixture(
    scope="session",
    params=[("true", False), ("false", False), ("true", True), ("false", True)],
    ids=["rust", "python", "rust-tensorflow", "python-tensorflow"],
)
def loading_mode(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """The value of --load_fast, and whether TensorBoard can import TensorFlow."""
    mode: tuple[str, bool] = request.param
    return mode
