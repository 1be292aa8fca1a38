"""Time and memory of a long layer's state Jacobian: all 1,403 rows, 200 units, Embedding of 100.

Measures two kinds of layer. As initialised, every direction gets through all timesteps, so nothing
can be dropped; with saturated units, only few directions do. Prints seconds, and CPU seconds, which
hardly depend on other work on the machine. Budget: minutes on two cores, 4 GB.

    python benchmarks/jacobian.py [--samples 1] [--keras keras | tf_keras]
"""

from __future__ import annotations

import argparse
import importlib
import resource
import time

import numpy as np

import tb_rnngrad.keras


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--keras", default="keras", choices=["keras", "tf_keras"])
    given = parser.parse_args()
    k = importlib.import_module(given.keras)
    tokens = np.random.default_rng(0).integers(0, 1000, size=(given.samples, 1403))
    for kind, scale in (("every direction gets through", 0.05), ("few do", 1.0)):
        embedding = k.layers.Embedding(
            1000,
            100,
            trainable=False,
            embeddings_initializer=k.initializers.RandomUniform(-scale, scale),
        )
        model = k.Sequential(
            [k.layers.Input((1403,), dtype="int32"), embedding, k.layers.SimpleRNN(200, name="rnn")]
        )
        model(tokens[:1])
        start, busy = time.perf_counter(), time.process_time()
        found = tb_rnngrad.keras.state_jacobian(model, tokens, "rnn", verbose=0)["rnn"].data
        taken, busy = time.perf_counter() - start, time.process_time() - busy
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{given.samples} x 1403 x 200, {kind}: {taken:.0f} s, {busy:.0f} processor-seconds, "
            f"{memory:.1f} GB at most, from 1e{found[np.isfinite(found)].min():.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
