"""The code in the documentation of capture from PyTorch works as printed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from pages import example_of, snippets
from torch import nn

import tb_rnngrad
import tb_rnngrad.torch


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"lstm": nn.LSTM(2, 4, batch_first=True)})
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.encoder["lstm"](x)[0][:, -1])


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The variables of somebody who trains a model."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = Model()
    x, y = torch.randn(6, 5, 2), torch.randn(6, 1)
    tagger = nn.ModuleDict({"lstm": nn.LSTM(2, 4, batch_first=True)})
    tagger.forward = lambda x: tagger["lstm"](x)[0]
    tags = torch.randn(6, 5, 4)
    names = {"model": model, "criterion": nn.MSELoss(), "batches": [(x, y)] * 101, "x": x, "y": y}
    names |= {"torch": torch, "np": np, "tagger": tagger, "tags": tags}
    return names | {"optimizer": torch.optim.Adam(model.parameters())}


def test_the_line_of_the_readme_logs_a_loop_that_does_not_know_of_it(
    names, tmp_path, tensorboard_server
):
    (code,) = [code for code in snippets("README.md") if "tb_rnngrad.torch" in code]
    exec(code, names)
    for x, y in names["batches"]:
        names["optimizer"].zero_grad()
        names["criterion"](names["model"](x), y).backward()
        names["optimizer"].step()
    names["logger"].close()
    tag = "encoder.lstm/hidden_state"
    series = tb_rnngrad.read("logs", run="my_run", tag=tag)
    assert series.steps.tolist() == [0, 100]
    server = tensorboard_server(tmp_path / "logs", "--load_fast=false")
    server.wait_for(lambda tags: len(tags.get("my_run", {}).get(tag, {}).get("steps", [])) == 2)
    body = server.get("/tensor", run="my_run", tag=tag, step=100).body
    np.testing.assert_array_equal(np.frombuffer(body, "<f4").reshape(4, 5), series[-1].data[0].T)


def test_the_code_of_the_page_runs(names):
    first, *others = snippets("docs/reference/capture_pytorch.md")
    exec(first, names)
    names["logger"].close()
    for snippet in others:
        exec(snippet, names)
    assert names["itemized"].shape == (6, 5, 2)
    assert names["jacobian"].shape == (5, 5)
    assert names["exponents"].shape == (6, 8)
    assert names["slope"].shape == (5,)
    assert names["found"]["encoder.lstm"].shape == (6, 5, 4)
    assert names["watched"]["memory"].shape == (6, 5, 4)
    series = tb_rnngrad.read("logs", run="my_run", tag="encoder.lstm/gates")
    assert series.steps.tolist() == [0, 100]
    assert series[-1].channel_groups == dict.fromkeys("ifgo", 4)


RESULTS = {
    "itemized_gradients": ("of_last", (3, 12)),
    "state_jacobian": ("decades", (12,)),
    "lyapunov_exponents": ("forgets", (3,)),
    "input_sensitivity": ("slope", (12,)),
    "watch": ("h", (3, 2)),
}


@pytest.mark.parametrize("name", RESULTS)
def test_the_example_of_a_function_runs(name):
    torch.manual_seed(0)
    model = nn.ModuleDict({"lstm": nn.LSTM(2, 4, batch_first=True)})
    model.forward = lambda x: model["lstm"](x)[0]
    names = {"tb_rnngrad": tb_rnngrad, "torch": torch, "model": model}
    names |= {"x": torch.randn(3, 12, 2), "y": torch.randn(3, 12, 4)}
    exec(example_of(getattr(tb_rnngrad.torch, name)), names)
    variable, shape = RESULTS[name]
    assert names[variable].shape == shape
