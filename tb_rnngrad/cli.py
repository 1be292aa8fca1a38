"""The command line: `tb-rnngrad demo`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few; expected at least 1")
    return number


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(prog="tb-rnngrad", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="train four recurrent networks and show their gradients",
        description="Train two SimpleRNNs, an LSTM and a GRU to read handwritten digits pixel by "
        "pixel, log how their gradients travel through time, and show it in TensorBoard.",
    )
    demo.add_argument(
        "--logdir",
        type=Path,
        help="where to log; default: a new folder in rnngrad_demo/",
    )
    demo.add_argument("--epochs", type=_positive, default=60, help="default: %(default)s")
    demo.add_argument("--no-serve", action="store_true", help="log only; do not start TensorBoard")
    demo.add_argument(
        "--port", type=int, help="TensorBoard's port, 0 for a free one; default: 6006 or the next"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = parser().parse_args(arguments)
    from tb_rnngrad import demo

    logdir = demo.train(given.logdir, given.epochs)
    if not given.no_serve:
        demo.serve(logdir, given.port)
