"""The demo with PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch

import tb_rnngrad

# As where only PyTorch is installed.
WITHOUT_TENSORFLOW = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "tf_keras"]))
from tb_rnngrad.cli import main
main()
"""


def test_the_demo_trains_four_networks_with_pytorch_and_without_tensorflow(tmp_path):
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, "demo", "--framework", "torch"]
    done = subprocess.run(
        [*command, "--logdir", tmp_path, "--epochs", "1", "--no-serve"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "1/1" in done.stderr
    far_ends = {}
    for name in ("simple_rnn", "lstm", "gru", "sigmoid_rnn"):
        assert f"{name}: reads " in done.stdout
        hidden = tb_rnngrad.read(tmp_path, run=name, tag="recurrent/hidden_state")
        output = tb_rnngrad.read(tmp_path, run=name, tag="recurrent/output")
        assert hidden.steps.tolist() == [0]
        assert hidden[-1].batch_size == 64
        np.testing.assert_array_equal(hidden[-1].data[:, -1], output[-1].data[:, -1])
        far_ends[name] = tb_rnngrad.flow.scalars(hidden.flow.values[-1])["far_end"]
        tag = "recurrent/weights/weight_hh"
        assert tb_rnngrad.read(tmp_path, run=name, tag=tag)[-1].shape[0] == 24
        jacobian = tb_rnngrad.read(tmp_path, run=name, tag="recurrent/jacobian")
        assert jacobian.steps.tolist() == [24]
        assert jacobian[-1].shape == (64, 64)
        assert list((tmp_path / name / "train").iterdir())
    assert far_ends["sigmoid_rnn"] < 1e-20 < 1e-4 < far_ends["simple_rnn"]


def test_the_network_of_sigmoid_units_is_one():
    pytest.importorskip("sklearn")
    from tb_rnngrad.demo import torch as demo

    torch.manual_seed(1)
    rnn = demo._sigmoid_rnn()
    raw = {name: one.original for name, one in rnn.parametrizations.items()}
    torch.nn.init.normal_(raw["bias_ih_l0"])
    x = torch.randn(2, 9, 1)
    h, expected = torch.full((2, demo.UNITS), 0.5), []
    for t in range(9):
        z = x[:, t] @ raw["weight_ih_l0"].T + h @ raw["weight_hh_l0"].T + raw["bias_ih_l0"]
        h = torch.sigmoid(z)
        expected.append(h)
    torch.testing.assert_close((1 + rnn(x)[0]) / 2, torch.stack(expected, dim=1))
    assert not rnn.bias_hh_l0.any()
