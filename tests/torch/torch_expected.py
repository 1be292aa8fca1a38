"""What gradients of a case are: finite differences in NumPy, a network unrolled by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from unrolled import Probes, in_numpy, in_torch, weights_of

GRADIENTS = ("hidden_state", "output", "input", "gates", "weight_gradients")
VALUES = ("activations", "states", "weights")
DIRECTIONS = ("forward", "backward")
STEP = 1e-5


def quantities(case):
    return (*GRADIENTS, *VALUES, *(["cell_state"] if case.kind == "LSTM" else []))


def assert_close(found, expected, tolerance):
    """Compare within a share of the largest value."""
    expected = np.asarray(expected)
    atol = tolerance * max(np.abs(expected).max(), 1e-3)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=atol)


def difference(built, change):
    """Return the central difference of the loss by one state, in NumPy."""
    x, initial = built.x.detach().numpy(), {n: one.numpy() for n, one in built.initial.items()}
    losses = []
    for by in (STEP, -STEP):
        results = in_numpy(built.module, x, built.lengths, initial, replace(change, by=by))
        losses.append(built.loss_of(*map(torch.as_tensor, results)).item())
    return (losses[0] - losses[1]) / (2 * STEP)


def expected_of(built, dropped=None):
    """Return every quantity by layer and name, from a network unrolled by hand."""
    built.module.requires_grad_(True)
    probes = Probes()
    y, h_n, c_n = in_torch(built.module, built.x, built.lengths, built.initial, probes, dropped)
    at_end = torch.zeros_like(h_n, requires_grad=True)
    loss = built.loss_of(y, h_n + at_end, c_n)
    found = probes.gradients(loss, {"h_n": at_end, **dict(built.module.named_parameters())})
    each = range(built.directions)
    expected = {}
    for layer, name in enumerate(built.names):
        own = expected[name] = {}
        for of in ("hidden_state", "cell_state", "gates"):
            if (of, layer, 0) in found:
                own[of] = torch.cat([found[of, layer, direction] for direction in each], dim=2)
        own["input"] = found["input", layer, 0]
        own["output"] = found["output", layer, 0].clone()
        for direction, half in enumerate(own["output"].chunk(built.directions, dim=2)):
            final = found["h_n"][layer * built.directions + direction]
            for sample, length in enumerate(built.lengths):
                half[sample, 0 if direction else length - 1] += final[sample]
        for direction in each:
            where = f"{DIRECTIONS[direction]}/" if built.directions > 1 else ""
            suffix = f"_l{layer}" + ("_reverse" if direction else "")
            for weight, value in weights_of(built.module, layer, direction).items():
                columns = {"weights": value.detach(), "weight_gradients": found[weight + suffix]}
                for of, values in columns.items():
                    matrix = values.T if values.ndim == 2 else values[None]
                    own[f"{of}/{where}{weight}"] = matrix
        values = {"states/h": "hidden_state", "states/c": "cell_state"}
        for of, state in values.items():
            if (state, layer, 0) in found:
                own[of] = torch.cat([probes.values[state, layer, one] for one in each], dim=2)
        own["activations"] = probes.values["output", layer, 0]
    return expected
