"""`tb-rnngrad inspect`: what a log directory holds."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tb_rnngrad import flow
from tb_rnngrad.cli.errors import told_in_a_sentence
from tb_rnngrad.cli.progress import progress
from tb_rnngrad.events.logdir import files_of
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.places import scan
from tb_rnngrad.events.reader import Flow, Series
from tb_rnngrad.events.several_runs import series_of

if TYPE_CHECKING:
    from tb_rnngrad.cli.types import Commands

# Logarithms of norms are -inf where they should be; rows of itemized gradients are no timesteps.
_UNJUDGED: Final = ("state_jacobian", "itemized_gradient")
_COLUMNS: Final = ("run", "tag", "quantity", "steps", "shape", "horizon", "flags")


def add_to(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "inspect",
        help="list runs and tags with their steps, memory horizon and flags",
        description="List the runs and tags of a log directory: training steps with tensors, the "
        "shape of the last one, how far back its gradient reaches (the median sample's memory "
        "horizon), and the flags that are up at the last step.",
    )
    parser.add_argument("logdir", help="the directory that you would pass to TensorBoard")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(call=_run)


def _run(given: argparse.Namespace) -> None:
    with told_in_a_sentence():
        found = [*entries(given.logdir)]
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(table(found)))


def entries(logdir: str) -> Iterator[dict[str, Any]]:
    """Yield one entry for each tag and each part, run by run, as `--json` prints them.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If it holds no record.
    """
    files = files_of(logdir)
    if not files:
        raise ValueError(
            f"{logdir} holds no event files; expected the directory that you would pass to "
            "TensorBoard"
        )
    is_empty = True
    for run, paths in progress(files.items(), len(files), "reading", "run"):
        for series in series_of(run, scan(paths)).values():
            is_empty = False
            yield entry(series)
            yield from map(entry, series.parts.values())
    if is_empty:
        names = ", ".join(map(repr, files))
        raise ValueError(f"the event files in {logdir} hold no records of tb_rnngrad: {names}")


def entry(series: Series) -> dict[str, Any]:
    """Return what `inspect` says of one series."""
    meta, logged = series.metadata, series.flow
    last = logged.values[-1] if len(logged.steps) else None
    record, error = None, None
    try:
        record = series[-1] if len(series) else None
    except FormatError as damage:
        error = f"the last step cannot be read: {damage}"
    return {
        "run": series.run,
        "tag": series.tag,
        "part_of": meta.part_of,
        "quantity": meta.quantity,
        "layer": meta.layer,
        "framework": meta.framework,
        "steps": series.steps.tolist(),
        "flow_steps": len(logged.steps),
        "shape": None if record is None else [*record.shape],
        "batch": None if record is None else record.batch_size,
        "error": error,
        **_horizon(last if meta.quantity in flow.THROUGH_TIME else None, logged.statistics),
        **_flags(logged, meta.quantity),
    }


def _horizon(rows: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the last step's horizon, its spread and its largest lag; None where undefined."""
    if rows is None or "norm_mean" not in names:
        return {"horizon": None, "horizon_p05": None, "horizon_p95": None, "lags": None}
    low, middle, high = flow.horizons_of(rows, names=names)
    lags = rows[0, names.index("lags_p50")] if "lags_p50" in names else np.nan
    values = {"horizon": middle, "horizon_p05": low, "horizon_p95": high, "lags": lags}
    return {name: None if math.isnan(value) else int(value) for name, value in values.items()}


def _flags(logged: Flow, quantity: str) -> dict[str, list[Any]]:
    """Return the flags of the last step, and those that were up at earlier steps alone."""
    last: list[dict[str, Any]] = []
    earlier: dict[str, int] = {}
    for step, rows in zip(logged.steps.tolist(), logged.values, strict=True):
        if quantity in _UNJUDGED:
            break
        up = flow.flags(rows, quantity, names=logged.statistics)
        last = [{"name": flag.name, "sentence": flag.sentence} for flag in up]
        earlier |= {flag.name: step for flag in up}
    now = {flag["name"] for flag in last}
    before = [{"name": n, "last_step": s} for n, s in earlier.items() if n not in now]
    return {"flags": last, "earlier_flags": before}


def table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    rows = [_COLUMNS, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    steps = one["steps"]
    if not steps:
        span = f"flow of {one['flow_steps']}"
    else:
        span = f"{len(steps)}: {steps[0]} to {steps[-1]}" if len(steps) > 1 else f"1: {steps[0]}"
    shape = "" if one["shape"] is None else " x ".join(map(str, one["shape"]))
    horizon = ""
    if one["horizon"] is not None:
        of = "" if one["lags"] is None else f" of {one['lags']}"
        horizon = f"{one['horizon']}{of}"
    flags = [flag["name"] for flag in one["flags"]]
    flags += [f"({flag['name']} until {flag['last_step']})" for flag in one["earlier_flags"]]
    if one["error"]:
        flags.append(one["error"])
    return one["run"], one["tag"], one["quantity"], span, shape, horizon, ", ".join(flags)
