"""A pytest fixture: logs of one test, and alarms about them.

Put this line into your conftest.py:

    pytest_plugins = ["tb_rnngrad.testing.fixtures"]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tb_rnngrad.testing._alarms import assert_no_flags, assert_reaches


@dataclass(frozen=True)
class GradientLog:
    """A directory to log into, and alarms about it.

    Attributes:
        logdir: an empty directory of this test.
    """

    logdir: Path

    def __fspath__(self) -> str:
        """Return the directory, for functions that take a path."""
        return str(self.logdir)

    def assert_reaches(self, lag: int, eps: float = 0.01, **options: Any) -> None:
        """Fail unless the logged gradients reach so far; see `assert_reaches`."""
        assert_reaches(self.logdir, lag, eps, **options)

    def assert_no_flags(self, *thresholds: Any, **options: Any) -> None:
        """Fail if a logged gradient has a flag; see `assert_no_flags`."""
        assert_no_flags(self.logdir, *thresholds, **options)


@pytest.fixture
def gradient_log(tmp_path: Path) -> GradientLog:
    """A directory for the logs of this test, with alarms about them."""
    return GradientLog(tmp_path / "gradients")
