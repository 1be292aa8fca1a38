"""Tests that take too long for every run (`make soak`); other tests have small versions of them."""

import concurrent.futures
import itertools
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from servers import tensorboards

import tb_rnngrad
from tb_rnngrad import SummaryWriter, flow
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.tfrecord import frame
from tb_rnngrad.events.tfrecord import payloads as payloads_of

pytestmark = pytest.mark.soak

DATA = np.random.default_rng(8).normal(size=(3, 2, 3, 2)).astype(np.float32)
KILLS = 70
FLIPPED_RUNS = 1000
CLIENTS = 50
CLIENT_SECONDS = 60


@pytest.fixture
def tensorboard_server(tmp_path):
    """Starts TensorBoards that stop with their test, since they keep reading thousands of files."""
    logs = tmp_path / "tensorboards"
    logs.mkdir()
    with tensorboards(logs) as start:
        yield start


def log(logdir, steps=range(3)):
    """Log small records; return their event file."""
    with SummaryWriter(logdir) as writer:
        for step in steps:
            writer.add_sequence("lstm", DATA[step], step, wall_time=1.0 + step)
    return next(logdir.glob("*tfevents*"))


def check_what_can_be_read(logdir):
    """Check that everything that can be read is as it was logged; return the number of records."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            series = tb_rnngrad.read(logdir)
        except (ValueError, FormatError):
            return 0
        read = 0
        for step in series.steps.tolist():
            try:
                found = series.at(step)
            except FormatError:
                continue
            assert 0 <= step < 3
            np.testing.assert_array_equal(found, DATA[step])
            if found.flow is not None:  # it may be lost, but not wrong
                np.testing.assert_array_equal(found.flow, flow.statistics(DATA[step]))
            read += 1
        for step, values in zip(series.flow.steps.tolist(), series.flow.values, strict=True):
            np.testing.assert_array_equal(values, flow.statistics(DATA[step]))
    return read


def test_a_truncated_file_is_read_up_to_the_cut(tmp_path):
    content = log(tmp_path / "whole").read_bytes()
    ends = [offset for offset, _ in payloads_of(next((tmp_path / "whole").iterdir()))][2:]
    ends.append(len(content))
    cut = tmp_path / "cut" / "events.out.tfevents.1"
    cut.parent.mkdir()
    for size in range(len(content)):
        cut.write_bytes(content[:size])
        assert check_what_can_be_read(cut.parent) == sum(size >= end for end in ends)


def test_no_flipped_bit_in_a_file_goes_unnoticed(tmp_path):
    path = log(tmp_path / "whole", steps=[0])
    content = bytearray(path.read_bytes())
    first = [offset for offset, _ in payloads_of(path)][1]
    flipped = tmp_path / "flipped" / "events.out.tfevents.1"
    flipped.parent.mkdir()
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(content)
        # The first event only holds the file's version, so damage to it need not be noticed.
        assert check_what_can_be_read(flipped.parent) < 1 or bit < 8 * first
        content[bit // 8] ^= 1 << bit % 8


def test_no_flipped_bit_under_a_valid_file_checksum_gives_wrong_values(tmp_path):
    """The fast loader does not check the file's own checksums, so these must not be needed."""
    path = log(tmp_path / "whole", steps=[0])
    payloads = [payload for _, payload in payloads_of(path)]
    start, event = payloads[0], bytearray(payloads[1])
    path = tmp_path / "flipped" / "events.out.tfevents.1"
    path.parent.mkdir()
    for bit in range(8 * len(event)):
        event[bit // 8] ^= 1 << bit % 8
        path.write_bytes(b"".join([*frame([start]), *frame([bytes(event)])]))
        check_what_can_be_read(path.parent)
        event[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_no_wrong_values_are_served_after_a_flipped_bit(tmp_path, tensorboard_server, load_fast):
    content = bytearray(log(tmp_path / "whole").read_bytes())
    bits = random.Random(0).sample(range(8 * len(content)), FLIPPED_RUNS)
    for bit in bits:
        run = tmp_path / "logs" / f"{bit:06}"
        run.mkdir(parents=True)
        flipped = content.copy()
        flipped[bit // 8] ^= 1 << bit % 8
        (run / "events.out.tfevents.1").write_bytes(flipped)
    log(tmp_path / "logs" / "zz_whole")
    server = tensorboard_server(tmp_path / "logs", f"--load_fast={load_fast}")
    server.wait_for(lambda tags: "zz_whole" in tags, seconds=300)
    time.sleep(10)  # unreadable runs never appear, so there is nothing else to wait for
    for run, tags in server.tags().items():
        for tag, entry in tags.items():
            check_what_is_served(server, run, tag, [step for step, _ in entry["steps"]])


def check_what_is_served(server, run, tag, steps):
    for step in steps:
        for sample in range(2):
            answer = server.get("/tensor", run=run, tag=tag, step=step, sample=sample)
            assert answer.code in (200, 404), answer.text
            if answer.code == 200:
                values = np.frombuffer(answer.body, "<f4").reshape(2, 3)
                np.testing.assert_array_equal(values, DATA[step, sample].T)
    answer = server.get("/flow", run=run, tag=tag, append="steps")
    assert answer.code in (200, 404), answer.text
    if answer.code == 200:
        shape = [int(size) for size in answer.headers["X-RnnGrad-Shape"].split(",")]
        values = np.frombuffer(answer.body, "<f4", np.prod(shape)).reshape(shape)
        listed = np.frombuffer(answer.body[values.nbytes :], "<f8").reshape(-1, 2)
        for (step, _), rows in zip(listed, values, strict=True):
            np.testing.assert_array_equal(rows, flow.statistics(DATA[int(step)]))


WRITING = """
import sys, numpy as np, tb_rnngrad
data = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
with tb_rnngrad.SummaryWriter(sys.argv[1]) as writer:
    for step in range(10**9):
        writer.add_sequence("lstm", data + step, step)
        print(step, flush=True)
"""


def test_a_kill_loses_nothing_that_was_written(tmp_path):
    rng = random.Random(1)
    for kill in range(KILLS):
        logdir = tmp_path / str(kill)
        command = [sys.executable, "-c", WRITING, str(logdir)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(rng.random() / 4)
            process.send_signal(signal.SIGKILL)
            written = [0, *map(int, process.stdout.read().split("\n")[:-1])]
        series = tb_rnngrad.read(logdir)
        assert series.steps.tolist()[: written[-1] + 1] == list(range(written[-1] + 1))
        assert len(series) <= written[-1] + 2
        data = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
        for step in series.steps.tolist():
            np.testing.assert_array_equal(series.at(step), data + step)


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_many_clients_beside_a_writer_read_only_what_was_logged(
    tmp_path, tensorboard_server, load_fast
):
    server = tensorboard_server(tmp_path, f"--load_fast={load_fast}")
    base = np.arange(240, dtype=np.float32).reshape(4, 10, 6)
    stop = time.monotonic() + CLIENT_SECONDS

    def write():
        with SummaryWriter(tmp_path / "run") as writer:
            for step in itertools.takewhile(lambda _: time.monotonic() < stop, itertools.count()):
                writer.add_sequence("lstm", base + step, step)
                time.sleep(0.02)

    def read(seed):
        rng = random.Random(seed)
        right = 0
        while time.monotonic() < stop:
            steps = server.tags().get("run", {}).get("lstm", {"steps": []})["steps"]
            if not steps:
                time.sleep(0.2)
                continue
            step, wall_time = rng.choice(steps)
            sample = rng.randrange(4)
            where = {"run": "run", "tag": "lstm", "step": step, "wall_time": wall_time}
            answer = server.get("/tensor", sample=sample, **where)
            if answer.code == 404:  # TensorBoard has dropped the step since
                assert "no step" in answer.text or "kept no longer" in answer.text, answer.text
                continue
            values = np.frombuffer(answer.body, "<f4").reshape(6, 10)
            np.testing.assert_array_equal(values, base[sample].T + step)
            right += 1
        return right

    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 1) as pool:
        writing = pool.submit(write)
        assert sum(pool.map(read, range(CLIENTS))) > CLIENTS
        writing.result()


FLOWS = {  # the number of timesteps in the flow of each step
    "lengths vary, the last is short": [*range(1500, 2000), *range(1500, 2000), 20],
    "one is long": [*[1] * 8999, 100_000],
    "as many as are kept": [100] * 9999,
}


class Peak:
    """Measures by how many bytes a process's memory grows at most while the block runs."""

    def __init__(self, pid):
        self._process = Path("/proc") / str(pid)

    def __enter__(self):
        (self._process / "clear_refs").write_text("5")  # resets the peak
        self._before = self._kilobytes("VmRSS")
        return self

    def __exit__(self, *_):
        self.grown = 1024 * (self._kilobytes("VmHWM") - self._before)

    def _kilobytes(self, name):
        return int(re.search(rf"{name}:\s*(\d+)", (self._process / "status").read_text())[1])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("load_fast", ["true", "false"])
@pytest.mark.parametrize("lengths", FLOWS.values(), ids=FLOWS.keys())
def test_a_flow_of_any_lengths_takes_less_than_500_mb(
    tmp_path, tensorboard_server, load_fast, lengths
):
    longest = np.full((max(lengths), len(flow.STATISTICS)), 0.5, np.float32)
    with SummaryWriter(tmp_path / "run") as writer:
        for step, length in enumerate(lengths):
            writer.add_flow("lstm", longest[:length], step)
    server = tensorboard_server(tmp_path, f"--load_fast={load_fast}")
    last = len(lengths) - 1
    server.wait_for(
        lambda tags: tags.get("run", {}).get("lstm", {}).get("last_flow", [0])[0] == last, 300
    )
    with Peak(server.pid) as memory:
        answer = server.get("/flow", run="run", tag="lstm")
    assert answer.code == 200, answer.text
    print(f"{len(answer.body) / 2**20:.0f} MiB, {memory.grown / 1e6:.0f} MB")
    assert len(answer.body) < 192 * 2**20
    assert memory.grown < 500e6
