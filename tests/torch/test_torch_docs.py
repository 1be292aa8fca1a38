"""The code in the documentation of capture from PyTorch works as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn

import tb_rnngrad

PAGE = Path(__file__).parents[2] / "docs/reference/capture_pytorch.md"


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"lstm": nn.LSTM(2, 4, batch_first=True)})
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.encoder["lstm"](x)[0][:, -1])


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = Model()
    x, y = torch.randn(3, 5, 2), torch.randn(3, 1)
    names = {"model": model, "criterion": nn.MSELoss(), "batches": [(x, y)] * 101, "x": x, "y": y}
    names["optimizer"] = torch.optim.Adam(model.parameters())
    for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(snippet, names)
    assert names["found"]["encoder.lstm"].shape == (3, 5, 4)
    series = tb_rnngrad.read("logs", run="my_run", tag="encoder.lstm/gates")
    assert series.steps.tolist() == [0, 100]
    assert series[-1].channel_groups == dict.fromkeys("ifgo", 4)
