"""Time and memory of a long layer's state Jacobian: all 1,403 rows, 200 units, Embedding of 100.

Measures two kinds of layer. As initialised, every direction gets through all timesteps, so nothing
can be dropped; with saturated units, only few directions do. Prints seconds, and CPU seconds, which
hardly depend on other work on the machine. Budget: minutes on two cores, 4 GB.

    python benchmarks/jacobian.py [--samples 1] [--framework keras | tf_keras | torch]
"""

from __future__ import annotations

import argparse
import importlib
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TIMESTEPS, TOKENS, FEATURES, UNITS = 1403, 1000, 100, 200


def in_keras(name: str, tokens: np.ndarray, scale: float) -> Callable[[], dict[str, Any]]:
    import tb_rnngrad.keras

    k = importlib.import_module(name)
    embedding = k.layers.Embedding(
        TOKENS,
        FEATURES,
        trainable=False,
        embeddings_initializer=k.initializers.RandomUniform(-scale, scale),
    )
    inputs = k.layers.Input((TIMESTEPS,), dtype="int32")
    model = k.Sequential([inputs, embedding, k.layers.SimpleRNN(UNITS, name="rnn")])
    model(tokens[:1])
    return lambda: tb_rnngrad.keras.state_jacobian(model, tokens, "rnn", verbose=0)


def in_torch(tokens: np.ndarray, scale: float) -> Callable[[], dict[str, Any]]:
    import torch
    from torch import nn

    import tb_rnngrad.torch

    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(TOKENS, FEATURES), nn.RNN(FEATURES, UNITS, batch_first=True))
    nn.init.uniform_(model[0].weight, -scale, scale)
    # As Keras initialises it.
    nn.init.xavier_uniform_(model[1].weight_ih_l0)
    nn.init.orthogonal_(model[1].weight_hh_l0)
    for bias in (model[1].bias_ih_l0, model[1].bias_hh_l0):
        nn.init.zeros_(bias)
    return lambda: tb_rnngrad.torch.state_jacobian(model, torch.as_tensor(tokens), verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--framework", default="keras", choices=["keras", "tf_keras", "torch"])
    given = parser.parse_args()
    tokens = np.random.default_rng(0).integers(0, TOKENS, size=(given.samples, TIMESTEPS))
    for kind, scale in (("every direction gets through", 0.05), ("few do", 1.0)):
        if given.framework == "torch":
            run = in_torch(tokens, scale)
        else:
            run = in_keras(given.framework, tokens, scale)
        start, busy = time.perf_counter(), time.process_time()
        (record,) = run().values()
        taken, busy = time.perf_counter() - start, time.process_time() - busy
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{given.samples} x {TIMESTEPS} x {UNITS}, {kind}: {taken:.0f} s, {busy:.0f} "
            f"processor-seconds, {memory:.1f} GB at most, from "
            f"1e{record.data[np.isfinite(record.data)].min():.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
