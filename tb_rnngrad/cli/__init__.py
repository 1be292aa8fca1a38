"""The command line, `tb-rnngrad`: one module a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tb_rnngrad.cli import check, demo, export, inspect


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser. Each command's defaults have the function to `call`."""
    parser = argparse.ArgumentParser(
        prog="tb-rnngrad", description="Gradients through time in recurrent networks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (demo, inspect, export, check):
        command.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = parser().parse_args(arguments)
    given.call(given)
