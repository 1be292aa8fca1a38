"""Every example runs and logs."""

import subprocess
import sys
from pathlib import Path

import pytest

import tb_rnngrad

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_logs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert any(path.stat().st_size > 1000 for path in tmp_path.rglob("*tfevents*"))


def test_the_recurrences_fade_stay_and_explode_as_they_should(tmp_path):
    (example,) = (path for path in EXAMPLES if path.stem == "without_a_framework")
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "fades: a = 0.9, half-life 6.6 timesteps",
        "stays: a = 1.0, half-life inf timesteps",
        "explodes: a = 1.05, half-life -14.2 timesteps",
    ]
    series = tb_rnngrad.read(tmp_path / "logs" / "recurrences", run="explodes")
    assert len(series) == 20
