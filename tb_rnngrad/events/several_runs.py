"""Reads the series of several runs at once."""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections.abc import Mapping

from tb_rnngrad.events.choice import nothing
from tb_rnngrad.events.logdir import LogDirectory, files_of
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.places import FoundTag, scan
from tb_rnngrad.events.reader import Series


def read_all(
    logdir: LogDirectory, runs: str = "*", tags: str = "*"
) -> dict[str, dict[str, Series]]:
    """Return the series of several runs: run -> tag -> series.

    Every file is scanned once; tensors are read from the disk at access. A tag whose metadata
    cannot be read is left out with a warning.

    Args:
        logdir: the directory that you would pass to TensorBoard, or a URL that fsspec reads.
        runs: a pattern of the runs' names, with `*`, `?` and `[...]`.
        tags: a pattern of the tags. Flows of parts (`TAG/forward`) are in the `parts` of their
            series.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If no run has a matching tag; the message lists what there is.

    Example::

        every = tb_rnngrad.read_all("logs", runs="lstm*")
        last = {run: series["lstm_1"][-1] for run, series in every.items()}
    """
    files = files_of(logdir)
    found: dict[str, dict[str, Series]] = {}
    seen: dict[str, list[str]] = {}
    for run in fnmatch.filter(files, runs):
        series = series_of(run, scan(files[run]))
        seen[run] = [*series]
        matching = {tag: series[tag] for tag in fnmatch.filter(series, tags)}
        if matching:
            found[run] = matching
    if not found:
        where = f"in {os.fspath(logdir)}"
        if not any(seen.values()):
            raise ValueError(nothing("run", f"like {runs!r} ", where, [*files]))
        known = sorted({tag for of in seen.values() for tag in of})
        raise ValueError(nothing("tag", f"like {tags!r} ", where, known))
    return found


def series_of(run: str, tags: Mapping[str, FoundTag]) -> dict[str, Series]:
    """Return tag -> series of what a scan of a run found; unreadable tags are left out."""
    found: dict[str, Series] = {}
    for tag in sorted(tags):
        if tags[tag].part_of in tags:
            continue
        try:
            found[tag] = Series(run, tag, tags)
        except FormatError as error:
            warnings.warn(f"{tag!r} of run {run!r} is left out: {error}", stacklevel=3)
    return found
