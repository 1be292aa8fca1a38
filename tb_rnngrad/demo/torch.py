"""The demo's networks in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from tqdm import tqdm

import tb_rnngrad.torch
from tb_rnngrad.demo.digits import (
    BATCH,
    JACOBIAN,
    LEARNING_RATE,
    OF,
    SEED,
    UNITS,
    UPDATE_FREQ,
    digits,
)


class _OfSigmoid(nn.Module):  # type: ignore[misc]
    """Gives a tanh layer the weights of a sigmoid layer: a parametrization.

    As sigmoid(z) = (1 + tanh(z / 2)) / 2, the sigmoid layer's state h is (1 + g) / 2 with

        g_t = tanh(W x_t / 2 + U g_t-1 / 4 + (b + U 1 / 2) / 2).

    Args:
        factor: what the weights are multiplied with.
        shift: U, if it is the bias.
    """

    def __init__(self, factor: float, shift: nn.Parameter | None = None) -> None:
        super().__init__()
        self.factor = factor
        self.shift = shift

    def forward(self, weight: Tensor) -> Tensor:
        shift = 0 if self.shift is None else self.shift.sum(dim=1) / 2
        return self.factor * (weight + shift)


def _sigmoid_rnn() -> nn.Module:
    """Return an RNN of sigmoid units, which PyTorch itself does not have."""
    rnn = _initialized(nn.RNN)
    recurrent = rnn.weight_hh_l0
    parametrize.register_parametrization(rnn, "weight_ih_l0", _OfSigmoid(1 / 2))
    parametrize.register_parametrization(rnn, "weight_hh_l0", _OfSigmoid(1 / 4))
    parametrize.register_parametrization(rnn, "bias_ih_l0", _OfSigmoid(1 / 2, recurrent))
    rnn.bias_hh_l0.requires_grad_(False)
    return rnn


def _initialized(kind: type[nn.RNNBase]) -> nn.RNNBase:
    """Return a layer whose first weights neither shrink nor blow up what passes, as in Keras."""
    layer = kind(1, UNITS, batch_first=True)
    nn.init.xavier_uniform_(layer.weight_ih_l0)
    nn.init.orthogonal_(layer.weight_hh_l0)
    nn.init.zeros_(layer.bias_ih_l0)
    nn.init.zeros_(layer.bias_hh_l0)
    if kind is nn.LSTM:
        nn.init.ones_(layer.bias_ih_l0[UNITS : 2 * UNITS])  # an open forget gate
    return layer


_LAYERS: Final = {
    "simple_rnn": lambda: _initialized(nn.RNN),
    "lstm": lambda: _initialized(nn.LSTM),
    "gru": lambda: _initialized(nn.GRU),
    "sigmoid_rnn": _sigmoid_rnn,
}


class _Reader(nn.Module):  # type: ignore[misc]
    """Reads a digit pixel by pixel; the last timestep classifies."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.digit = nn.Linear(UNITS, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.digit(self.recurrent(x)[0][:, -1])


def train(name: str, log_dir: Path, epochs: int) -> float:
    """Train and log a network; return its accuracy on what it has not seen."""
    train_x, train_y, test_x, test_y = map(torch.from_numpy, digits())
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # matrices as small as these gain nothing from more
    model = _Reader(_LAYERS[name]())
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    weights = sum(weight.numel() for weight in model.parameters())
    print(f"{name}: {weights:,} weights, {epochs} epochs")
    logger = tb_rnngrad.torch.GradientLogger(
        log_dir, model, optimizer, of=OF, update_freq=UPDATE_FREQ
    )
    # Loss and accuracy go to NAME/train; the page draws them above the gradient's reach.
    with logger, tb_rnngrad.SummaryWriter(log_dir / "train") as curves:
        step = 0
        for _ in (bar := tqdm(range(epochs), unit="epoch")):
            for batch in torch.randperm(len(train_x)).split(BATCH):
                answers = model(train_x[batch])
                loss = nn.functional.cross_entropy(answers, train_y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if step % UPDATE_FREQ == 0:
                    said = {"loss": loss.item(), "accuracy": _accuracy(answers, train_y[batch])}
                    curves.add_scalars(said, step)
                    bar.set_postfix(said)
                step += 1
    _log_jacobian(log_dir, model, test_x[:JACOBIAN], step)
    with torch.no_grad():
        return _accuracy(model(test_x), test_y)


def _accuracy(answers: Tensor, digits: Tensor) -> float:
    return float((answers.argmax(dim=1) == digits).float().mean())


def _log_jacobian(log_dir: Path, model: nn.Module, x: Any, step: int) -> None:
    """Log how the trained network's state at each timestep depends on every pixel."""
    jacobian = tb_rnngrad.torch.state_jacobian(model, x, verbose=0)["recurrent"]
    with tb_rnngrad.SummaryWriter(log_dir) as writer:
        writer.add_sequence("recurrent/jacobian", jacobian, step)
