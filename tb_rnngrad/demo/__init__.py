"""The demo: four recurrent networks read handwritten digits pixel by pixel.

A digit is a sequence of 64 timesteps of one pixel each, and only the last timestep classifies, so
the gradient has to travel back through all of them. It does in an LSTM, a GRU and a SimpleRNN. It
does not in a SimpleRNN with a sigmoid in place of its tanh: the sigmoid's slope is at most a
quarter, so every timestep back shrinks the gradient.
"""

from __future__ import annotations

import importlib
import threading
import time
from pathlib import Path
from typing import Final

EXTRAS: Final = {"keras": "demo", "torch": "demo-torch"}
"""The frameworks that the demo trains with, and the extras of this package that bring them."""

_RUNS: Final = ("simple_rnn", "lstm", "gru", "sigmoid_rnn")


def train(logdir: Path | None, epochs: int, framework: str = "keras") -> Path:
    """Train all networks, log each as a run, and return the directory of the runs.

    Raises:
        SystemExit: If a package that the demo needs is not installed, or if `logdir` already holds
            runs of the demo.
    """
    if logdir is None:
        logdir = Path("rnngrad_demo") / time.strftime("%Y%m%d-%H%M%S")
    taken = [name for name in _RUNS if (logdir / name).exists()]
    if taken:
        raise SystemExit(f"{logdir / taken[0]} exists already; give another --logdir.")
    try:
        networks = importlib.import_module(f"tb_rnngrad.demo.{framework}")
    except ImportError as error:
        raise SystemExit(
            f"The demo needs {error.name}: pip install 'tb_rnngrad[{EXTRAS[framework]}]' brings it."
        ) from None
    for name in _RUNS:
        accuracy = networks.train(name, logdir / name, epochs)
        print(f"{name}: reads {accuracy:.0%} of the digits that it has not seen")
    print(f"logged to {logdir}")
    return logdir


def serve(logdir: Path, port: int | None) -> None:
    """Start TensorBoard over `logdir`, print its address, and wait for Ctrl-C."""
    from tensorboard import program

    tensorboard = program.TensorBoard()
    ports = [] if port is None else [f"--port={port}"]
    tensorboard.configure(argv=["tensorboard", f"--logdir={logdir}", *ports])
    url = tensorboard.launch()
    print(f"RNN Gradients is at {url}#rnngrad (Ctrl-C to stop)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopped")
