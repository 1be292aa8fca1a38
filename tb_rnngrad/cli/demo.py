"""`tb-rnngrad demo`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tb_rnngrad.cli.types import positive

if TYPE_CHECKING:
    from tb_rnngrad.cli.types import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        help="train four recurrent networks and show their gradients",
        description="Train two SimpleRNNs, an LSTM and a GRU to read handwritten digits pixel by "
        "pixel, log how their gradients travel through time, and show it in TensorBoard.",
    )
    parser.add_argument(
        "--logdir",
        type=Path,
        help="where to log; default: a new folder in rnngrad_demo/",
    )
    parser.add_argument(
        "--framework",
        choices=["keras", "torch"],
        default="keras",
        help="what to train with; default: %(default)s",
    )
    parser.add_argument("--epochs", type=positive, default=60, help="default: %(default)s")
    parser.add_argument(
        "--no-serve", action="store_true", help="log only; do not start TensorBoard"
    )
    parser.add_argument(
        "--port", type=int, help="TensorBoard's port, 0 for a free one; default: 6006 or the next"
    )
    parser.set_defaults(call=_run)


def _run(given: argparse.Namespace) -> None:
    from tb_rnngrad import demo

    logdir = demo.train(given.logdir, given.epochs, given.framework)
    if not given.no_serve:
        demo.serve(logdir, given.port)
