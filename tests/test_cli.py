"""The command line, run as users run it."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import tb_rnngrad

COMMAND = [str(Path(sys.executable).parent / "tb-rnngrad")]
RUNS = ("gru", "lstm", "sigmoid_rnn", "simple_rnn")
DEMO_LOGS = Path(__file__).parent.parent / "demo_logs"


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("demo") / "logs"
    done = run("demo", "--logdir", str(logdir), "--epochs", "2", "--no-serve")
    assert done.returncode == 0, done.stderr
    return logdir, done.stdout


def test_the_demo_trains_and_logs_four_runs(trained):
    logdir, said = trained
    for name in RUNS:
        assert re.search(rf"{name}: reads \d+% of the digits that it has not seen", said)
        hidden = tb_rnngrad.read(logdir, run=name, tag="recurrent/hidden_state")
        output = tb_rnngrad.read(logdir, run=name, tag="recurrent/output")
        assert hidden[-1].shape == (4, 64, 24)
        assert hidden[-1].batch_size == 64
        assert len(hidden) >= 2
        kernel = tb_rnngrad.read(logdir, run=name, tag="recurrent/weights/recurrent_kernel")
        gradient = tb_rnngrad.read(
            logdir, run=name, tag="recurrent/weight_gradients/recurrent_kernel"
        )
        assert kernel[-1].shape == gradient[-1].shape
        assert kernel[-1].shape[0] == 24
        # At the last timestep no recurrence follows, so both gradients are equal.
        np.testing.assert_allclose(hidden[-1].data[:, -1], output[-1].data, rtol=1e-5)
        if name != "sigmoid_rnn":  # whose gradient vanishes
            assert (np.abs(hidden[-1].data).max(axis=(0, 2)) > 0).all()


def test_the_demo_shows_its_progress(trained):
    _, said = trained
    assert "2/2" in said
    assert "accuracy" in said


def test_the_demo_overwrites_nothing(trained):
    logdir, _ = trained
    done = run("demo", "--logdir", str(logdir), "--no-serve")
    assert done.returncode == 1
    assert "exists already; give another --logdir" in done.stderr


def test_the_demo_starts_tensorboard_and_prints_its_address(tmp_path):
    command = [*COMMAND, "demo", "--logdir", str(tmp_path / "logs"), "--epochs", "1", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            address = re.search(r"RNN Gradients is at (http://\S+)#rnngrad", line)
            if address:
                break
        assert address
        tags = f"{address[1]}data/plugin/rnngrad/tags"
        deadline = 60
        for _ in range(deadline):
            found = json.loads(urllib.request.urlopen(tags).read())
            if set(found) == set(RUNS):
                break
            signal.sigtimedwait([], 1)
        assert set(found) == set(RUNS)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command"),
        (["train"], "invalid choice: 'train'"),
        (["demo", "--epochs", "0"], "0 is too few; expected at least 1"),
        (["demo", "--port", "x"], "argument --port: invalid int value: 'x'"),
    ],
)
def test_a_wrong_command_is_refused_with_the_reason(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_demo_logs_hold_one_training_and_stay_small():
    assert sum(path.stat().st_size for path in DEMO_LOGS.rglob("*")) <= 7.5e6
    for name in RUNS:
        series = tb_rnngrad.read(DEMO_LOGS, run=name, tag="recurrent/hidden_state")
        assert len(series) >= 20
        assert series.steps[-1] > 1000
