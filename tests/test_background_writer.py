"""Background writing: everything is written in order, and each failure is reported once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad._capture.background_writer import MOST_VALUES, BackgroundWriter
from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.records import statistics_of
from tb_rnngrad._capture.step_writer import CapturedStep, Step


def captured(value, timesteps=3, name="output"):
    data = np.full([2, timesteps, 2], value, np.float32)
    return Captured("gru", name, "output_gradient", data, None, None)


def step(number, timesteps=3, name="output"):
    """Return a step in which every value is its number."""
    return Step(number, CapturedStep("keras", [captured(number, timesteps, name)]))


def background(logdir, on_flag=None):
    return BackgroundWriter(LogOptions(logdir, on_flag=on_flag))


def steps_and_values(logdir):
    series = tb_rnngrad.read(logdir)
    return [(int(step), float(series[i].data[0, 0, 0])) for i, step in enumerate(series.steps)]


def is_written(logdir):
    try:
        return len(tb_rnngrad.read(logdir).steps) == 1
    except ValueError:  # nothing is there yet
        return False


@pytest.mark.parametrize("pause", [0, 0.001], ids=["at once", "in a trickle"])
@pytest.mark.parametrize("on_flag", [None, print], ids=["no flags", "flags"])
def test_steps_are_written_in_order_however_fast_they_come(tmp_path, pause, on_flag):
    writing = background(tmp_path, on_flag)
    for number in range(200):
        writing.write(step(number))
        time.sleep(pause)
    writing.finish()
    writing.close()
    assert steps_and_values(tmp_path) == [(number, float(number)) for number in range(200)]


def test_a_step_is_soon_in_the_file_without_a_flush(tmp_path):
    writing = background(tmp_path)
    writing.write(step(0))
    deadline = time.monotonic() + 60
    while not is_written(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writing.close()


def test_large_steps_do_not_pile_up(tmp_path):
    writing = background(tmp_path)
    timesteps = MOST_VALUES // 4 + 1  # of two samples and two channels
    waiting = []
    for number in range(4):
        writing.write(step(number, timesteps))
        waiting.append(writing._queue.unfinished_tasks)
    writing.finish()
    writing.close()
    assert max(waiting) <= 1
    assert len(tb_rnngrad.read(tmp_path).steps) == 4


def test_training_waits_where_writing_takes_longer(tmp_path):
    def slow(sequences, thresholds):
        time.sleep(0.5)
        return statistics_of(sequences, thresholds)

    writing = BackgroundWriter(LogOptions(tmp_path), slow)
    waiting = []
    for number in range(200):
        writing.write(step(number))
        waiting.append(writing._queue.unfinished_tasks)
        time.sleep(0.01)
    writing.close()
    assert max(waiting) < 100  # a quarter of a second in the queue, and as much being written
    assert [number for number, _ in steps_and_values(tmp_path)] == [*range(200)]


def test_the_thread_ends_once_nothing_waits(tmp_path):
    writing = background(tmp_path)
    for number in range(2):
        writing.write(step(number))
        worker = writing._worker
        writing.finish()
        worker.join(60)
        assert not worker.is_alive()
    writing.close()
    assert len(tb_rnngrad.read(tmp_path).steps) == 2


def test_a_step_that_cannot_be_written_is_reported_and_loses_no_other(tmp_path):
    writing = background(tmp_path)
    for number in range(4):
        writing.write(step(number, name="flow" if number in (1, 2) else "output"))
    writing.finish()
    writing.close()
    told, lost = writing.messages
    assert told.startswith("GradientLogger could not write step 1: the tag 'gru/flow' ends in")
    assert lost == "GradientLogger ends; 2 logged steps between 1 and 2 were lost"
    assert steps_and_values(tmp_path) == [(0, 0.0), (3, 3.0)]


def test_a_file_in_the_way_is_reported_once_for_many_steps(tmp_path):
    (tmp_path / "file").write_text("in the way")
    writing = background(tmp_path / "file" / "logs")
    for number in range(3):
        writing.write(step(number))
        writing.finish()
    writing.close()
    told, lost = writing.messages
    assert "could not write step 0: [Errno 20] Not a directory" in told
    assert lost == "GradientLogger ends; 3 logged steps between 0 and 2 were lost"


def test_a_deleted_directory_is_created_again(tmp_path):
    writing = background(tmp_path / "run")
    for number in range(4):
        writing.write(step(number))
        writing.finish()
        if number == 1:
            shutil.rmtree(tmp_path / "run")
    writing.close()
    (told,) = writing.messages
    assert f"the event file in {tmp_path / 'run'} was deleted" in told
    assert steps_and_values(tmp_path / "run") == [(2, 2.0), (3, 3.0)]


def test_what_waits_is_written_before_the_interpreter_ends(tmp_path):
    script = f"""
from test_background_writer import background, step
writing = background({str(tmp_path)!r})
for number in range(20):
    writing.write(step(number))
raise SystemExit(3)
"""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 3
    assert [number for number, _ in steps_and_values(tmp_path)] == list(range(20))


def test_a_disk_that_has_room_again_is_written_to_again(tmp_path):
    """Runs in a process of its own, whose files may not exceed 100 kB for a while."""
    script = f"""
import resource, signal
from test_background_writer import background, step
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
writing = background({str(tmp_path)!r})
for number in range(8):
    if number == 0:
        limit(0)  # full at the start
    elif number == 2:
        limit(100_000)
    elif number == 6:
        limit(resource.RLIM_INFINITY)
    timesteps = 10_000 if 3 < number < 6 else 3
    writing.write(step(number, timesteps))
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
    assert [number for number, _ in steps_and_values(tmp_path)] == [2, 3, 6, 7]
    assert len(list(tmp_path.iterdir())) == 1
