"""A module as somebody trains it, and everything in it that a look might change."""

from __future__ import annotations

import torch
from torch import nn

SAMPLES, TIMESTEPS, FEATURES, UNITS = 3, 7, 2, 4


class Net(nn.Module):
    """Recurrent layers in a container, a loss at the last timestep, and a state that is kept."""

    def __init__(self, kind=nn.LSTM, **options):
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.encoder = nn.ModuleDict({"low": kind(FEATURES, UNITS, batch_first=True, **options)})
        self.encoder["high"] = nn.GRU(UNITS, UNITS, batch_first=True)
        self.noise = nn.Dropout(0.5)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x):
        x = self.norm(x.flatten(0, 1)).view(x.shape)
        low, _ = self.encoder["low"](x)
        high, self.last_state = self.encoder["high"](self.noise(low))
        return self.head(high[:, -1])


def state_of(net):
    """Return everything that a look might change."""
    return {
        "grad": [None if one.grad is None else one.grad.clone() for one in net.parameters()],
        "tensors": [one.clone() for one in net.state_dict().values()],
        "random": torch.get_rng_state(),
        "attributes": {name: set(vars(one)) for name, one in net.named_modules()},
        "training": net.training,
        "state": getattr(net, "last_state", None),
    }


def assert_same(one, other):
    for name in ("grad", "tensors"):
        for own, expected in zip(one[name], other[name], strict=True):
            assert own is expected if own is None else torch.equal(own, expected)
    assert torch.equal(one["random"], other["random"])
    assert one["attributes"] == other["attributes"]
    assert one["training"] == other["training"]
    assert one["state"] is other["state"]
