"""`tb-rnngrad check`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from tb_rnngrad.cli.types import positive

if TYPE_CHECKING:
    from tb_rnngrad.cli.types import Commands


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="say what is wrong with logged gradients, and fail if they do not reach far enough",
        description="Print the diagnosis of every gradient in a directory of logs. With --reaches "
        "or --no-flags, end with exit code 1 and a sentence if the last step does not fulfil that.",
    )
    parser.add_argument("logdir", help="the directory that you would pass to TensorBoard")
    parser.add_argument("--run", dest="of_run", help="only this run")
    parser.add_argument("--tag", help="only this tag")
    parser.add_argument(
        "--reaches",
        type=positive,
        metavar="LAG",
        help="fail unless the median sample's gradient reaches so many timesteps back",
    )
    parser.add_argument(
        "--eps",
        type=float,
        default=0.01,
        help="the share of a sample's largest norm that counts as reached; default: %(default)s",
    )
    parser.add_argument("--no-flags", action="store_true", help="fail if a flag is up")
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")
    parser.set_defaults(call=_run)


def _run(given: argparse.Namespace) -> None:
    from tb_rnngrad.diagnosis import diagnose
    from tb_rnngrad.testing import assert_no_flags, assert_reaches

    try:
        found = diagnose(given.logdir, given.of_run, given.tag)
        if given.json:
            print(json.dumps([one.to_json() for one in found], indent=2))
        else:
            for one in found:
                for claim in one.claims:
                    where = f"{one.run} {one.tag} ({one.direction})"
                    print(f"{where}: {claim.name}: {claim.sentence}")
        if given.reaches is not None:
            assert_reaches(given.logdir, given.reaches, given.eps, run=given.of_run, tag=given.tag)
        if given.no_flags:
            assert_no_flags(given.logdir, run=given.of_run, tag=given.tag)
    except (ValueError, OSError, ImportError) as error:
        print(f"tb-rnngrad: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except AssertionError as failure:
        print(failure, file=sys.stderr)
        raise SystemExit(1) from failure
