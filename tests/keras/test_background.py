"""Background writing: everything is written in order, and each failure is reported once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf
import tf_keras

import tb_rnngrad
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._background import _MOST_WAITING, Background
from tb_rnngrad.keras._taps.layout import Captured
from tb_rnngrad.keras._taps.taps import taps_of


@pytest.fixture(scope="module")
def taps():
    model = tf_keras.Sequential([tf_keras.layers.Input((3, 2)), tf_keras.layers.GRU(2)])
    return taps_of(adapter_of(model), model, None, ("output",))


def found(value, timesteps=3):
    data = tf.fill([2, timesteps, 2], float(value))
    return [Captured("gru", "output", "output_gradient", data, None, None)]


def background(logdir, watches_flags=False):
    return Background(logdir, 4, "float32", Thresholds(), watches_flags)


def steps_and_values(logdir):
    series = tb_rnngrad.read(logdir)
    return [(int(step), float(series[i].data[0, 0, 0])) for i, step in enumerate(series.steps)]


def is_written(logdir):
    try:
        return len(tb_rnngrad.read(logdir).steps) == 1
    except ValueError:  # nothing is there yet
        return False


@pytest.mark.parametrize("pause", [0, 0.001], ids=["at once", "in a trickle"])
@pytest.mark.parametrize("watches_flags", [False, True], ids=["no flags", "flags"])
def test_steps_are_written_in_order_however_fast_they_come(taps, tmp_path, pause, watches_flags):
    writing = background(tmp_path, watches_flags)
    for step in range(200):
        writing.write(found(step), taps, step, flow_only=False)
        time.sleep(pause)
    writing.finish()
    writing.close()
    assert steps_and_values(tmp_path) == [(step, float(step)) for step in range(200)]


def test_a_step_is_soon_in_the_file_without_a_flush(taps, tmp_path):
    writing = background(tmp_path)
    writing.write(found(1), taps, 0, flow_only=False)
    deadline = time.monotonic() + 60
    while not is_written(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writing.close()


def test_large_steps_do_not_pile_up(taps, tmp_path):
    writing = background(tmp_path)
    large = found(1, timesteps=_MOST_WAITING // 4 + 1)  # two samples and two channels
    waiting = []
    for step in range(4):
        writing.write(large, taps, step, flow_only=False)
        waiting.append(len(writing._waiting))
    writing.finish()
    writing.close()
    assert max(waiting) <= 1
    assert len(tb_rnngrad.read(tmp_path).steps) == 4


def test_a_step_that_cannot_be_written_is_reported_and_loses_no_other(taps, tmp_path):
    writing = background(tmp_path)
    for step in range(4):
        (one,) = found(step)
        is_refused = step in (1, 2)
        writing.write(
            [replace(one, name="flow") if is_refused else one], taps, step, flow_only=False
        )
    writing.finish()
    writing.close()
    told, lost = writing.messages
    assert told.startswith("GradientLogger could not write step 1: the tag 'gru/flow' ends in")
    assert lost == "GradientLogger ends; 2 logged steps between 1 and 2 were lost"
    assert steps_and_values(tmp_path) == [(0, 0.0), (3, 3.0)]


def test_a_file_in_the_way_is_reported_once_for_many_steps(taps, tmp_path):
    (tmp_path / "file").write_text("in the way")
    writing = background(tmp_path / "file" / "logs")
    for step in range(3):
        writing.write(found(step), taps, step, flow_only=False)
        writing.finish()
    writing.close()
    told, lost = writing.messages
    assert "could not write step 0: [Errno 20] Not a directory" in told
    assert lost == "GradientLogger ends; 3 logged steps between 0 and 2 were lost"


def test_a_deleted_directory_is_created_again(taps, tmp_path):
    writing = background(tmp_path / "run")
    for step in range(4):
        writing.write(found(step), taps, step, flow_only=False)
        writing.finish()
        if step == 1:
            shutil.rmtree(tmp_path / "run")
    writing.close()
    (told,) = writing.messages
    assert f"the event file in {tmp_path / 'run'} was deleted" in told
    assert steps_and_values(tmp_path / "run") == [(2, 2.0), (3, 3.0)]


def test_what_waits_is_written_before_the_interpreter_ends(tmp_path):
    script = f"""
import tensorflow as tf, tf_keras
from test_background import background, found
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._taps.taps import taps_of
model = tf_keras.Sequential([tf_keras.layers.Input((3, 2)), tf_keras.layers.GRU(2)])
taps = taps_of(adapter_of(model), model, None, ("output",))
writing = background({str(tmp_path)!r})
for step in range(20):
    writing.write(found(step), taps, step, flow_only=False)
raise SystemExit(3)
"""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 3
    assert [step for step, _ in steps_and_values(tmp_path)] == list(range(20))


def test_a_disk_that_has_room_again_is_written_to_again(tmp_path):
    """Runs in a process of its own, whose files may not exceed 100 kB for a while."""
    script = f"""
import resource, signal, tensorflow as tf, tf_keras
from test_background import background, found
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._taps.taps import taps_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
model = tf_keras.Sequential([tf_keras.layers.Input((3, 2)), tf_keras.layers.GRU(2)])
taps = taps_of(adapter_of(model), model, None, ("output",))
writing = background({str(tmp_path)!r})
for step in range(8):
    if step == 0:
        limit(0)  # full at the start
    elif step == 2:
        limit(100_000)
    elif step == 6:
        limit(resource.RLIM_INFINITY)
    timesteps = 10_000 if 3 < step < 6 else 3
    writing.write(found(step, timesteps), taps, step, flow_only=False)
    writing.finish()
writing.close()
print(*writing.messages, sep="\\n")
"""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    full, again, full_again, and_again = done.stdout.splitlines()
    assert full.startswith("GradientLogger could not write step 0: [Errno 27] File too large")
    assert again == "GradientLogger writes again; 2 logged steps between 0 and 1 were lost"
    assert full_again.startswith("GradientLogger could not write step 4: [Errno 27]")
    assert and_again == "GradientLogger writes again; 2 logged steps between 4 and 5 were lost"
    assert [step for step, _ in steps_and_values(tmp_path)] == [2, 3, 6, 7]
    assert len(list(tmp_path.iterdir())) == 1
