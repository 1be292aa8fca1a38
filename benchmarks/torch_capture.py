"""What capture from PyTorch adds to the time of a training step, compared with the plain step.

One layer and a Linear, trained with Adam on one thread. A cell is called in a loop over timesteps.
Budgets of fused modules: idle logger 1.02 x; output gradients at every step 1.05 x; hidden-state
gradients at every step 2 x for the two large sizes. The small size has no budget: a loop over its
timesteps in Python takes longer than its step.

    python benchmarks/torch_capture.py [small | long | wide] [--cells RNN LSTM GRU LSTMCell]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from timing import compare
from torch import nn

from tb_rnngrad.torch import GradientLogger, capture

# Samples, timesteps, features, units; rounds.
SIZES = {
    "small": (16, 100, 6, 6, 50),
    "long": (32, 500, 64, 128, 9),
    "wide": (32, 200, 256, 512, 5),
}


class Model(nn.Module):
    def __init__(self, cell: str, features: int, units: int) -> None:
        super().__init__()
        options = {} if cell.endswith("Cell") else {"batch_first": True}
        self.rnn = getattr(nn, cell)(features, units, **options)
        self.head = nn.Linear(units, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.outputs(x).relu())

    def outputs(self, x: torch.Tensor) -> torch.Tensor:
        if isinstance(self.rnn, nn.RNNBase):
            return self.rnn(x)[0]
        state, outputs = None, []
        for x_t in x.unbind(1):
            state = self.rnn(x_t, state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(outputs, 1)


def step_of(model: Model, x: torch.Tensor, logger_of: Callable[..., object]) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters())
    logger_of(model, optimizer)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    return step


def captured(model: Model, step: Callable[[], None], of: str) -> Callable[[], None]:
    def run() -> None:
        with capture(model, of=of):
            step()

    return run


def measure(cell: str, size: str, folder: str) -> None:
    samples, timesteps, features, units, rounds = SIZES[size]
    x = torch.randn(samples, timesteps, features)

    def model() -> Model:
        torch.manual_seed(0)
        return Model(cell, features, units)

    def idle(model: Model, optimizer: torch.optim.Optimizer) -> GradientLogger:
        return GradientLogger(f"{folder}/idle", model, optimizer, update_freq=10**9)

    def logging(model: Model, optimizer: torch.optim.Optimizer) -> GradientLogger:
        return GradientLogger(f"{folder}/logging", model, optimizer, update_freq=1)

    read = model()
    plain = step_of(read, x, lambda *_: None)
    Path(folder).mkdir()
    print(f"\n{cell} {samples} x {timesteps} x {features} -> {units}")
    compare(
        {
            "plain step": plain,
            "logger idle": step_of(model(), x, idle),
            "capture of output gradients": captured(read, plain, "output"),
            "capture of hidden-state gradients": captured(read, plain, "hidden_state"),
            "logger at every step": step_of(model(), x, logging),
        },
        rounds,
        folder,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--cells", nargs="*", default=["RNN", "LSTM", "GRU", "LSTMCell"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for size, cell in itertools.product(given.sizes, given.cells):
            measure(cell, size, f"{folder}/{size}_{cell}")


if __name__ == "__main__":
    main()
