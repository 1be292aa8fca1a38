"""Alarms for tests and CI: they fail with the evidence, and only then."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import SequenceRecord
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.testing import assert_no_flags, assert_reaches

pytest_plugins = ["tb_rnngrad.testing.fixtures"]

COMMAND = str(Path(sys.executable).parent / "tb-rnngrad")


def gradient(a=0.9, timesteps=100):
    """Reaches 43 timesteps back with a = 0.9: 0.9 ** 43 is 0.0108, 0.9 ** 44 is 0.0097."""
    return np.ones((4, 1, 3)) * a ** np.arange(timesteps - 1, -1, -1.0).reshape(1, -1, 1)


def record(*args, layer="lstm", **fields):
    return SequenceRecord(gradient(*args), layer=layer, **fields)


@pytest.fixture
def logs(gradient_log):
    """Two runs of two steps; the last reaches 43 timesteps in "short", all 99 in "long"."""
    for run, rates in {"short": (0.99, 0.9), "long": (0.9, 0.99)}.items():
        with tb_rnngrad.SummaryWriter(gradient_log.logdir / run) as writer:
            for step, a in enumerate(rates):
                writer.add_sequence("lstm/hidden_state", record(a), step)
                writer.add_sequence("lstm/input", record(0.1, quantity="input_gradient"), step)
                writer.add_sequence("lstm/output", record(0.1, quantity="output_gradient"), step)
    return gradient_log


def test_a_gradient_that_reaches_far_enough_passes(logs):
    logs.assert_reaches(43)
    assert_reaches(logs.logdir, 99, run="long")
    assert_reaches(logs.logdir, 60, eps=0.001)
    assert_reaches(tb_rnngrad.read(logs.logdir, run="long", tag="lstm/hidden_state"), 99)


def test_one_that_does_not_fails_with_its_numbers(logs):
    said = (
        "run 'short', tag 'lstm/hidden_state', step 1: the gradient of the median sample reaches "
        "43 of 99 timesteps back at 0.01 of its largest norm; expected at least 44"
    )
    with pytest.raises(AssertionError, match=f"^{re.escape(said)}$"):
        logs.assert_reaches(44)


def test_a_named_tag_is_checked_whatever_it_holds(logs):
    with pytest.raises(AssertionError, match="tag 'lstm/input', step 1: .* reaches 2 of 99"):
        assert_reaches(logs.logdir, 3, run="long", tag="lstm/input")
    with pytest.raises(ValueError, match="no gradient through time in .*, tag 'lstm/output'"):
        assert_reaches(logs.logdir, 3, tag="lstm/output")


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: [r], lambda r: {"lstm": r}])
def test_records_are_checked_alone_in_lists_and_by_name(wrap):
    assert_reaches(wrap(record()), 43)
    with pytest.raises(
        AssertionError, match=r"^\S+: the gradient of the median sample reaches 43 of 99"
    ):
        assert_reaches(wrap(record()), 44)


def test_what_a_capture_returns_can_be_checked():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 8, batch_first=True)
    x = torch.randn(4, 30, 3)
    found = tb_rnngrad.torch.gradients(module, lambda: module(x)[0][:, -1].sum())
    assert_reaches(found, 1)
    with pytest.raises(AssertionError, match=r"timesteps back at 0.01 .* expected at least 29"):
        assert_reaches(found, 29)
    several = tb_rnngrad.torch.gradients(
        module, lambda: module(x)[0][:, -1].sum(), of=["hidden_state", "states"]
    )
    assert_reaches(several, 1)


def test_each_direction_has_to_reach_so_far():
    data = np.concatenate([gradient(0.99), gradient(0.9)[:, ::-1]], axis=2)
    both = SequenceRecord(data, channel_groups={"forward": 3, "backward": 3}, layer="bi")
    assert_reaches(both, 43)
    with pytest.raises(AssertionError, match=r"^bi \(backward\): [^;]*; expected at least 44$"):
        assert_reaches(both, 44)


def test_the_quantile_says_how_many_samples_have_to():
    data = np.concatenate([gradient(0.99)] * 9 + [gradient(0.5)])[4:]  # 4 of 36 reach 6
    assert_reaches(SequenceRecord(data), 99)
    with pytest.raises(AssertionError, match="the gradient of 95% of the samples reaches 6 of 99"):
        assert_reaches(SequenceRecord(data), 7, quantile="p05")


def test_what_cannot_be_judged_does_not_pass():
    with pytest.raises(AssertionError, match="no sample has finite norms"):
        assert_reaches(SequenceRecord(np.full((2, 9, 3), np.nan)), 1)
    with pytest.raises(AssertionError, match="the median sample has 9 lags; expected at least 50"):
        assert_reaches(record(1.0, 10), 50)
    for empty in ([], {}, SequenceRecord(gradient(), quantity="output_gradient")):
        with pytest.raises(ValueError, match="there is no gradient through time; expected one of"):
            assert_reaches(empty, 1)
    with pytest.raises(TypeError, match="got float; expected a directory of logs, a series"):
        assert_reaches([1.5], 1)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"lag": 0}, "lag is 0; expected at least 1"),
        ({"lag": 1, "eps": 2}, "eps is 2; expected above 0 and at most 1"),
        ({"lag": 1, "quantile": "p99"}, "quantile is 'p99'; expected one of p05, p50, p95"),
    ],
)
def test_an_argument_out_of_range_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        assert_reaches(record(), **options)


def test_flags_fail_with_their_sentence(logs):
    assert_no_flags(record())
    logs.assert_no_flags()
    with pytest.raises(AssertionError, match=r"^lstm: exploding: the median sample's norm grows"):
        assert_no_flags(record(1.1))
    assert_no_flags(record(1.1), Thresholds(exploding=1e6))
    with tb_rnngrad.SummaryWriter(logs.logdir / "mended") as writer:
        for step, a in enumerate((0.1, 0.99)):
            writer.add_sequence("lstm/hidden_state", record(a), step)
    logs.assert_no_flags()
    with pytest.raises(AssertionError, match="run 'mended', .* step 0: vanishing: "):
        logs.assert_no_flags(at_every_step=True)


def check(*arguments):
    return subprocess.run([COMMAND, "check", *arguments], capture_output=True, text=True)


def test_the_command_prints_the_diagnosis_and_ends_by_what_was_asked(logs):
    logdir = str(logs.logdir)
    passed = check(logdir, "--reaches", "43", "--json")
    assert (passed.returncode, passed.stderr) == (0, "")
    found = json.loads(passed.stdout)
    assert [set(one) for one in found] == [{"run", "tag", "direction", "step", "diagnosis"}] * 6
    assert found[0]["diagnosis"][0]["name"] == "healthy"
    failed = check(logdir, "--reaches", "44", "--run", "short", "--tag", "lstm/hidden_state")
    assert failed.returncode == 1
    assert failed.stdout.startswith("short lstm/hidden_state (forward): cannot_say: at step 1, ")
    assert failed.stderr == (
        "run 'short', tag 'lstm/hidden_state', step 1: the gradient of the median sample reaches "
        "43 of 99 timesteps back at 0.01 of its largest norm; expected at least 44\n"
    )


def test_the_command_can_fail_for_flags(logs):
    with tb_rnngrad.SummaryWriter(logs.logdir / "growing") as writer:
        writer.add_sequence("lstm/hidden_state", record(1.1), 0)
    done = check(str(logs.logdir), "--no-flags")
    assert done.returncode == 1
    assert done.stderr.startswith("run 'growing', tag 'lstm/hidden_state', step 0: exploding: ")


def test_a_directory_without_logs_is_an_error_of_its_own(tmp_path):
    done = check(str(tmp_path), "--reaches", "5")
    assert done.returncode == 2
    assert done.stderr == f"tb-rnngrad: no tag with a gradient along time in {tmp_path}\n"
