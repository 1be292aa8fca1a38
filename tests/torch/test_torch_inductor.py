"""Networks that PyTorch compiles to machine code."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import data_parallel
import torch

from tb_rnngrad.torch import capture, gradients


@pytest.mark.soak  # the compiler takes 20 seconds
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler: no g++")
def test_a_network_compiled_to_machine_code_is_seen():
    torch.manual_seed(1)
    net = data_parallel.Net()
    x = torch.randn(4, 5, 2)
    expected = gradients(net, lambda: net(x))["encoder.0"]
    compiled = torch.compile(net)
    with capture(compiled) as captured:
        compiled(x).backward()
    np.testing.assert_allclose(captured["encoder.0"], expected, rtol=1e-5, atol=1e-8)
