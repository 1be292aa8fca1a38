"""Two processes that train one network with DistributedDataParallel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import data_parallel
import torch

import tb_rnngrad
from tb_rnngrad.torch import gradients


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What both processes left."""
    if not torch.distributed.is_available():
        pytest.skip("this build of PyTorch has no torch.distributed")
    folder = tmp_path_factory.mktemp("parallel")
    script = Path(__file__).with_name("data_parallel.py")
    commands = [[sys.executable, script, folder, str(rank)] for rank in (0, 1)]
    processes = [subprocess.Popen(one, stderr=subprocess.PIPE, text=True) for one in commands]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    return folder


@pytest.mark.parametrize("rank", [0, 1])
def test_each_process_captures_the_gradients_of_its_own_loss(folder, rank):
    found = torch.load(folder / f"{rank}.pt")["found"]
    net, (x, *_) = data_parallel.net(), data_parallel.batches(rank)
    expected = gradients(net, lambda: net(x))
    assert list(found) == list(expected) == ["encoder.0"]
    np.testing.assert_array_equal(found["encoder.0"], expected["encoder.0"])


def test_a_parallel_training_stays_bit_for_bit_the_same(folder):
    plain = [torch.load(folder / f"{rank}.pt")["plain"] for rank in (0, 1)]
    logged = [torch.load(folder / f"{rank}.pt")["logged"] for rank in (0, 1)]
    for name, weight in plain[0].items():
        assert all(torch.equal(weight, one[name]) for one in [plain[1], *logged])


def test_the_first_process_alone_logs(folder):
    series = tb_rnngrad.read(folder / "logs/0", tag="encoder.0/hidden_state")
    assert series.steps.tolist() == [*range(data_parallel.STEPS)]
    net, (x, *_) = data_parallel.net(), data_parallel.batches(0)
    np.testing.assert_array_equal(series[0], gradients(net, lambda: net(x))["encoder.0"])
    assert not (folder / "logs/1").exists()
