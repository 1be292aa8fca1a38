"""Recurrent networks unrolled by hand, twice: forward in NumPy, and in PyTorch with autograd.

Both know nothing of PyTorch's fused functions. Arrays are float64; samples come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def weights_of(module, layer, direction):
    """Return a layer's weights by name, without the suffix."""
    suffix = f"_l{layer}" + ("_reverse" if direction else "")
    return {
        name.removesuffix(suffix): weight
        for name, weight in module.named_parameters()
        if name.endswith(suffix)
    }


def order_of(length, direction):
    return range(length)[:: -1 if direction else 1]


# --- NumPy, forward, one sample and timestep after the other ---


@dataclass(frozen=True)
class Nudge:
    """A change of one state where it is computed."""

    state: str  # "h" or "c"
    layer: int
    direction: int
    sample: int
    timestep: int
    unit: int
    by: float = 0.0


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def step(module, w, x, h, c, nudge):
    """Return h_t and c_t; nudge(state, values) changes them where they are computed."""
    zx, zh = w["weight_ih"] @ x, w["weight_hh"] @ h
    if module.bias:
        zx, zh = zx + w["bias_ih"], zh + w["bias_hh"]
    if module.mode == "LSTM":
        i, f, g, o = np.split(zx + zh, 4)
        c = nudge("c", sigmoid(f) * c + sigmoid(i) * np.tanh(g))
        h = sigmoid(o) * np.tanh(c)
        if module.proj_size:
            h = w["weight_hr"] @ h
    elif module.mode == "GRU":
        (rx, zx, nx), (rh, zh, nh) = np.split(zx, 3), np.split(zh, 3)
        z = sigmoid(zx + zh)
        h = (1 - z) * np.tanh(nx + sigmoid(rx + rh) * nh) + z * h
    else:
        h = np.tanh(zx + zh) if module.mode == "RNN_TANH" else np.maximum(zx + zh, 0)
    return nudge("h", h), c


def in_numpy(module, x, lengths, initial, change: Nudge | None = None):
    """Return y [samples, timesteps, channels] and the final states [layers * directions, ...]."""
    directions = 2 if module.bidirectional else 1
    outputs = module.proj_size or module.hidden_size
    finals = {
        "h": np.zeros((module.num_layers * directions, len(x), outputs)),
        "c": np.zeros((module.num_layers * directions, len(x), module.hidden_size)),
    }
    for layer in range(module.num_layers):
        y = np.zeros((*x.shape[:2], directions * outputs))
        for direction in range(directions):
            weights = weights_of(module, layer, direction)
            w = {name: weight.detach().numpy() for name, weight in weights.items()}
            index = layer * directions + direction
            for sample, length in enumerate(lengths):
                h, c = (np.array(initial[state][index][sample]) for state in ("h", "c"))
                for t in order_of(length, direction):

                    def nudge(state, values, here=(layer, direction, sample, t)):
                        if change is not None and change.state == state:
                            there = change.layer, change.direction, change.sample, change.timestep
                            if there == here:
                                values = values + change.by * np.eye(len(values))[change.unit]
                        return values

                    h, c = step(module, w, x[sample, t], h, c, nudge)
                    y[sample, t, direction * outputs : (direction + 1) * outputs] = h
                finals["h"][index, sample], finals["c"][index, sample] = h, c
        x = y
    return y, finals["h"], finals["c"]


# --- PyTorch, with zeros added wherever a gradient is wanted ---


@dataclass
class Probes:
    """Zeros by (quantity, layer, direction), [samples, timesteps, channels]."""

    zeros: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)

    def at(self, name, layer, direction, t, values, is_real=None):
        """Return `values` with the zeros of one timestep added; t is None for a whole sequence."""
        where = name, layer, direction
        zeros = torch.zeros_like(values, requires_grad=True)
        self.zeros.setdefault(where, {})[t] = zeros
        kept = values if is_real is None else torch.where(is_real, values, 0.0)
        self.seen.setdefault(where, {})[t] = kept.detach()
        return values + zeros

    def joined(self, steps):
        """Return a sequence from its timesteps."""
        if None in steps:
            return steps[None]
        return torch.stack([steps[t] for t in sorted(steps)], dim=1)

    @property
    def values(self):
        """What the zeros were added to, by (quantity, layer, direction)."""
        return {where: self.joined(steps) for where, steps in self.seen.items()}

    def gradients(self, loss, others: Mapping):
        """Return the gradients of all probes, and of other tensors, by name."""
        leaves = {(where, t): z for where, steps in self.zeros.items() for t, z in steps.items()}
        leaves |= {(name, None): tensor for name, tensor in others.items()}
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        found = {
            key: torch.zeros_like(leaf) if gradient is None else gradient
            for (key, leaf), gradient in zip(leaves.items(), found, strict=True)
        }
        result = {name: found[name, None] for name in others}
        for where, steps in self.zeros.items():
            result[where] = self.joined({t: found[where, t] for t in steps})
        return result


def in_torch(module, x, lengths, initial, probes, dropped=None):
    """Return the same as `in_numpy`, with a graph.

    `dropped` multiplies what goes from each layer to the next.
    """
    directions = 2 if module.bidirectional else 1
    lengths = torch.as_tensor(lengths)
    h_n, c_n = [], []
    for layer in range(module.num_layers):
        x = probes.at("input", layer, 0, None, x)
        each = []
        for direction in range(directions):
            w = weights_of(module, layer, direction)
            index = layer * directions + direction
            h, c = initial["h"][index], initial["c"][index]
            hs = {}
            for t in order_of(x.shape[1], direction):
                is_real = (t < lengths).unsqueeze(1)
                at = partial(probes.at, layer=layer, direction=direction, t=t, is_real=is_real)
                new_h, new_c = torch_step(module, w, x[:, t], h, c, at)
                h, c = torch.where(is_real, new_h, h), torch.where(is_real, new_c, c)
                hs[t] = torch.where(is_real, new_h, 0.0)
            each.append(torch.stack([hs[t] for t in range(x.shape[1])], dim=1))
            h_n.append(h)
            c_n.append(c)
        x = y = probes.at("output", layer, 0, None, torch.cat(each, dim=2))
        if dropped is not None and layer < module.num_layers - 1:
            x = x * dropped[layer]
    return y, torch.stack(h_n), torch.stack(c_n)


def torch_step(module, w, x, h, c, at):
    bias_ih, bias_hh = w.get("bias_ih"), w.get("bias_hh")
    zx = torch.nn.functional.linear(x, w["weight_ih"], bias_ih)
    zh = torch.nn.functional.linear(h, w["weight_hh"], bias_hh)
    zx = at("gates", values=zx)
    if module.mode == "LSTM":
        i, f, g, o = (zx + zh).chunk(4, dim=1)
        c = at("cell_state", values=f.sigmoid() * c + i.sigmoid() * g.tanh())
        h = o.sigmoid() * c.tanh()
        if module.proj_size:
            h = h @ w["weight_hr"].T
    elif module.mode == "GRU":
        (rx, zx, nx), (rh, zh, nh) = zx.chunk(3, dim=1), zh.chunk(3, dim=1)
        z = (zx + zh).sigmoid()
        h = (1 - z) * (nx + (rx + rh).sigmoid() * nh).tanh() + z * h
    else:
        h = torch.tanh(zx + zh) if module.mode == "RNN_TANH" else torch.relu(zx + zh)
    return at("hidden_state", values=h), c
