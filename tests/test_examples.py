"""Every example runs and logs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tb_rnngrad

EXAMPLES = Path(__file__).parent.parent / "examples"
TESTED_BELOW = {"adding_and_copying", "without_a_framework"}


def run(name, directory, *arguments):
    """Run an example in its own directory; return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=directory,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert any(path.stat().st_size > 1000 for path in directory.rglob("*tfevents*"))
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "name", sorted({path.stem for path in EXAMPLES.glob("*.py")} - TESTED_BELOW)
)
def test_an_example_runs_and_logs(name, tmp_path):
    assert run(name, tmp_path)


def test_the_recurrences_fade_stay_and_explode_as_they_should(tmp_path):
    assert run("without_a_framework", tmp_path) == [
        "fades: a = 0.9, half-life 6.6 timesteps",
        "stays: a = 1.0, half-life inf timesteps",
        "explodes: a = 1.05, half-life -14.2 timesteps",
    ]
    series = tb_rnngrad.read(tmp_path / "logs" / "recurrences", run="explodes")
    assert len(series) == 20


def test_the_horizon_of_an_lstm_that_learns_adding_is_the_whole_sequence(tmp_path):
    said = run("adding_and_copying", tmp_path, "--short", "--figure", "figure.svg")
    line = next(line for line in said if line.startswith("adding, LSTM"))
    loss, without_memory = map(float, re.findall(r"0\.\d+", line))
    assert loss < without_memory / 10
    assert line.endswith("-> 9 of 9")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    logs = tmp_path / "logs" / "adding_and_copying"
    for task, timesteps, epochs in (("adding", 10, 12), ("copying", 12, 2)):
        for cell in ("SimpleRNN", "LSTM"):
            series = tb_rnngrad.read(logs, run=f"{task}/{cell}", tag="rnn/hidden_state")
            assert series.steps.tolist() == [50 * epoch for epoch in range(epochs + 1)]
            assert series[-1].shape[1:] == (timesteps, 32)
