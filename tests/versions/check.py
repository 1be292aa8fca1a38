"""Writes, reads and serves with the versions of the Python that runs it; `run.py` chooses those.

    python tests/versions/check.py [keras] [tf_keras] [torch]

Prints the versions as JSON.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import tb_rnngrad

sys.path.insert(0, str(Path(__file__).parents[1] / "keras"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from servers import Server, tensorboard

PACKAGES = ("tensorboard", "numpy", "tensorflow", "keras", "tf_keras", "torch", "setuptools")
RNG = np.random.default_rng(4)
STEPS = 3
TAG = "rnn/hidden_state"


def write(logdir: Path) -> None:
    """Log by hand; what comes back is what was logged."""
    data = RNG.normal(size=(STEPS, 4, 5, 3)).astype(np.float32)
    mask = np.arange(5) < np.array([[5], [4], [2], [5]])
    with tb_rnngrad.SummaryWriter(logdir) as writer:
        for step in range(STEPS):
            writer.add_sequence(TAG, data[step], step, mask=mask)
    series = tb_rnngrad.read(logdir, tag=TAG)
    for step in range(STEPS):
        np.testing.assert_array_equal(series.at(step), data[step])
        np.testing.assert_array_equal(
            series.flow.values[step], tb_rnngrad.flow.statistics(data[step], mask)
        )


def fit(keras: Any, logdir: Path) -> None:
    """Log from a fit of a linear network, whose gradients are products of its weights."""
    from tb_rnngrad.keras import GradientLogger

    x = RNG.normal(size=(4, 5, 3)).astype(np.float32)
    y = RNG.normal(size=(4, 2)).astype(np.float32)
    rnn = keras.layers.SimpleRNN(3, activation="linear", name="rnn")
    head = keras.layers.Dense(2)
    model = keras.Sequential([keras.layers.Input((5, 3)), rnn, head])
    model.compile("sgd", "mse")
    error = 2 * (model.predict(x, verbose=0) - y) / y.size
    gradient = error @ head.get_weights()[0].T
    recurrent = rnn.get_weights()[1]
    expected = [gradient]
    for _ in range(4):
        expected.insert(0, expected[0] @ recurrent.T)
    logger = GradientLogger(logdir, update_freq=1)
    model.fit(x, y, epochs=STEPS, shuffle=False, verbose=0, callbacks=[logger])
    np.testing.assert_allclose(
        tb_rnngrad.read(logdir, tag=TAG).at(0), np.stack(expected, axis=1), rtol=1e-4, atol=1e-6
    )


def train(logdir: Path) -> None:
    """Log from a PyTorch loop whose gradients are products of the recurrent weights."""
    import torch

    from tb_rnngrad.torch import GradientLogger, capture

    rnn = torch.nn.RNN(3, 3, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        for weight in rnn.parameters():
            weight.abs_()  # every unit is above 0, where relu is linear
    x = torch.from_numpy(np.abs(RNG.normal(size=(4, 5, 3))).astype(np.float32))
    recurrent = rnn.weight_hh_l0.detach().numpy().copy()
    expected = [np.ones((4, 3), np.float32)]
    for _ in range(4):
        expected.insert(0, expected[0] @ recurrent)
    net = torch.nn.ModuleDict({"rnn": rnn})
    optimizer = torch.optim.SGD(net.parameters(), 1e-4)
    with GradientLogger(logdir, net, optimizer, update_freq=1):
        for _ in range(STEPS):
            with capture(net) as captured:
                optimizer.zero_grad()
                rnn(x)[0][:, -1].sum().backward()
            optimizer.step()
    series = tb_rnngrad.read(logdir, tag=TAG)
    np.testing.assert_allclose(series.at(0), np.stack(expected, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(series.at(STEPS - 1), captured["rnn"])


def check_contracts(kerases: list[Any]) -> None:
    """Check what each private name must still do."""
    import contracts

    for holds in contracts.OF_TENSORFLOW:
        holds()
    for keras in kerases:
        for holds in contracts.OF_BOTH_KERASES:
            holds(keras)


def check_served(server: Server, logdir: Path, runs: list[str]) -> None:
    """Fetch the page, and of each run `/tags`, the flow and a sample."""
    assert b"render" in server.get("/static/index.js").body

    def are_whole(tags: Any) -> bool:
        listed = [tags.get(run, {}).get(TAG, {}).get("steps", ()) for run in runs]
        return all(len(steps) == STEPS for steps in listed)

    server.wait_for(are_whole)
    for run in runs:
        series = tb_rnngrad.read(logdir, run=run, tag=TAG)
        sample = server.get("/tensor", run=run, tag=TAG, step=STEPS - 1, sample=3).body
        np.testing.assert_array_equal(
            np.frombuffer(sample, "<f4").reshape(3, 5), series[-1].data[3].T
        )
        flow = server.get("/flow", run=run, tag=TAG).body
        np.testing.assert_array_equal(
            np.frombuffer(flow, "<f4").reshape(series.flow.values.shape), series.flow.values
        )


def versions() -> dict[str, str]:
    """Return what is installed here."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Check, and print the versions."""
    frameworks = sys.argv[1:]
    kerases = [name for name in frameworks if name != "torch"]
    with tempfile.TemporaryDirectory() as folder:
        logdir = Path(folder) / "logs"
        write(logdir / "by_hand")
        for name in kerases:
            fit(importlib.import_module(name), logdir / name)
        if "torch" in frameworks:
            train(logdir / "torch")
        if kerases:
            check_contracts([importlib.import_module(name) for name in kerases])
        for load_fast in ("true", "false"):
            log = Path(folder) / f"{load_fast}.txt"
            flag = f"--load_fast={load_fast}"
            with tensorboard(logdir, log, flag, tensorflow=bool(kerases)) as server:
                check_served(server, logdir, ["by_hand", *frameworks])
    print(json.dumps(versions()))


if __name__ == "__main__":
    main()
