"""The matrix of recurrent modules, inputs and losses that gradients are checked on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

SAMPLES, TIMESTEPS, FEATURES, UNITS = 3, 6, 2, 4
LENGTHS = [4, 6, 1]  # unsorted


@dataclass
class Case:
    """One module with its input and its loss.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        options: of its constructor.
        reads: what the loss reads: every output, the last one, or the final states.
        layout: how the input is given: "dense", "packed" or "unbatched".
        has_initial: whether initial states are given.
        is_frozen: whether no weight requires a gradient.
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    reads: str = "all"
    layout: str = "dense"
    has_initial: bool = False
    is_frozen: bool = False

    def __str__(self):
        parts = [self.kind, *(f"{name}={value}" for name, value in self.options.items())]
        parts += [self.reads, self.layout]
        parts += ["initial"] * self.has_initial + ["frozen"] * self.is_frozen
        return "-".join(parts)

    def build(self, dtype=torch.float64):
        return Built(self, dtype)


class Built:
    """A case with its tensors."""

    def __init__(self, case, dtype):
        torch.manual_seed(5)
        self.case = case
        self.module = getattr(nn, case.kind)(FEATURES, UNITS, **case.options).to(dtype)
        with torch.no_grad():
            for weight in self.module.parameters():
                weight.normal_(std=0.5)
        self.module.requires_grad_(not case.is_frozen)
        self.layers = case.options.get("num_layers", 1)
        self.directions = 2 if case.options.get("bidirectional") else 1
        self.batch_first = case.options.get("batch_first", False)
        self.samples = 1 if case.layout == "unbatched" else SAMPLES
        self.lengths = LENGTHS if case.layout == "packed" else [TIMESTEPS] * self.samples
        self.x = torch.randn(self.samples, TIMESTEPS, FEATURES, dtype=dtype)
        self.x.requires_grad_(case.is_frozen)
        outputs = case.options.get("proj_size") or UNITS
        scale = 1.0 if case.has_initial else 0.0
        self.initial = {
            name: scale
            * torch.randn(self.layers * self.directions, self.samples, size, dtype=dtype)
            for name, size in (("h", outputs), ("c", UNITS))
        }
        self.reading = [
            torch.randn(self.samples, TIMESTEPS, self.directions * outputs, dtype=dtype),
            *(torch.randn(state.shape, dtype=dtype) for state in self.initial.values()),
        ]

    @property
    def names(self):
        """The names of the layers."""
        name = self.case.kind.lower()
        return [name] if self.layers == 1 else [f"{name}.l{n}" for n in range(self.layers)]

    @property
    def leaves(self):
        """What gets a `.grad`."""
        return [one for one in (self.x, *self.module.parameters()) if one.requires_grad]

    def like(self, other):
        """Take the values of the same case in another dtype."""
        self.module.load_state_dict(other.module.state_dict())
        self.x.data.copy_(other.x.data)
        pairs = zip(self.reading, other.reading, strict=True)
        for own, value in [*pairs, *((self.initial[n], other.initial[n]) for n in self.initial)]:
            own.copy_(value)

    def loss_of(self, y, h_n, c_n):
        """Return the loss from the outputs, samples first, and the final states."""
        by_y, by_h, by_c = self.reading
        real = torch.arange(TIMESTEPS) < torch.tensor(self.lengths).unsqueeze(1)
        y = y.tanh() * by_y * real.unsqueeze(2)
        match self.case.reads:
            case "all":
                return y.sum() + (h_n.sin() * by_h).sum() + (c_n.sin() * by_c).sum()
            case "last":
                return y[:, -1].sum()
            case "final":
                return (h_n[-1].sin() * by_h[-1]).sum()

    def outputs(self):
        """Run the module as its user does; return y, samples first, and the final states."""
        x = self.x
        initial = tuple(self.initial.values())
        if self.case.layout == "unbatched":
            x, initial = x[0], tuple(state[:, 0] for state in initial)
        elif self.case.layout == "packed":
            x = pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
        elif not self.batch_first:
            x = x.transpose(0, 1)
        if self.case.kind != "LSTM":
            initial = initial[0]
        y, states = self.module(x, initial) if self.case.has_initial else self.module(x)
        h_n, c_n = states if self.case.kind == "LSTM" else (states, torch.zeros_like(states))
        if self.case.layout == "unbatched":
            return y.unsqueeze(0), h_n.unsqueeze(1), c_n.unsqueeze(1)
        if self.case.layout == "packed":
            y = pad_packed_sequence(y, batch_first=True, total_length=TIMESTEPS)[0]
        elif not self.batch_first:
            y = y.transpose(0, 1)
        return y, h_n, c_n

    def loss(self):
        return self.loss_of(*self.outputs())


KINDS = (
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 3}),
    ("GRU", {}),
)
CASES = [
    Case(kind, own | options, **more)
    for kind, own in KINDS
    for options, more in (
        ({}, {}),
        ({"bias": False, "batch_first": True}, {"reads": "last", "has_initial": True}),
        ({"bidirectional": True}, {"layout": "packed", "has_initial": True}),
        ({"num_layers": 3, "bidirectional": True, "batch_first": True}, {"has_initial": True}),
        ({"num_layers": 2, "bidirectional": True}, {"layout": "packed"}),
        ({"num_layers": 2, "bias": False}, {"layout": "packed"}),
        ({"num_layers": 2, "bidirectional": True}, {"layout": "unbatched", "has_initial": True}),
        ({"batch_first": True}, {"reads": "final", "layout": "packed"}),
        ({"num_layers": 2, "batch_first": True}, {"reads": "final", "is_frozen": True}),
    )
]
