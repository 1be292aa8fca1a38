"""Which records of a tag TensorBoard keeps."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from cachetools import TTLCache
from tensorboard import errors

from tb_rnngrad.events.metadata import (
    FLOW_PLUGIN_NAME,
    FLOW_SUFFIX,
    PLUGIN_NAME,
    FormatError,
    Metadata,
)
from tb_rnngrad.events.restarts import without_leftovers
from tb_rnngrad.plugin.listing import wall_time_of
from tb_rnngrad.plugin.sources import Source, Store

_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Entry:
    """One kept record: its position, its tag's metadata and the keys of its blobs."""

    run: str
    tag: str
    step: int
    wall_time: float
    keys: tuple[Hashable, ...]
    metadata: Metadata


class Entries:
    """The kept records of each tag, listed anew after a second; safe to use from several threads.

    Args:
        store: where to read from.
        pool: in which calls to the store wait in parallel.
    """

    def __init__(self, store: Store, pool: Executor) -> None:
        self._store = store
        self._pool = pool
        self._lock = threading.Lock()
        self._known: TTLCache[tuple[str, str, str], Mapping[int, Entry]] = TTLCache(
            maxsize=64, ttl=_SECONDS
        )

    def of(self, source: Source, run: str, tag: str) -> Mapping[int, Entry]:
        """Return step -> entry of a tag's records, of which there is at least one.

        Raises:
            NotFoundError: If no such run or tag is kept, or it cannot be read.
        """
        entries = self._listed(source, run, tag, refresh=False)
        if not entries:
            raise _no_record(run, tag)
        return entries

    def at(self, source: Source, run: str, tag: str, step: int, wall_time: float | None) -> Entry:
        """Return the entry of the record at `step`.

        Raises:
            NotFoundError: If no such run, tag or step is kept, if `step` was logged again since
                `wall_time`, or if the record or its tag cannot be read.
        """
        entries = self._listed(source, run, tag, refresh=False)
        if step not in entries:
            entries = self._listed(source, run, tag, refresh=True)
        if not entries:
            raise _no_record(run, tag)
        if step not in entries:
            raise errors.NotFoundError(
                f"no step {step} of {tag!r} in the run {run!r}; {len(entries)} steps are kept, "
                f"from {min(entries)} to {max(entries)}"
            )
        entry = entries[step]
        if not entry.keys:
            raise unreadable(entry, "it has no header")
        if wall_time is not None and entry.wall_time != wall_time:
            raise errors.NotFoundError(
                f"step {step} of {tag!r} in the run {run!r} has the wall time "
                f"{entry.wall_time!r}, not {wall_time!r}: it was logged again"
            )
        return entry

    def _listed(self, source: Source, run: str, tag: str, refresh: bool) -> Mapping[int, Entry]:
        key = (source.experiment, run, tag)
        with self._lock:
            known = None if refresh else self._known.get(key)
        if known is not None:
            return known
        entries = self._read(source, run, tag)
        with self._lock:
            self._known[key] = entries
        return entries

    def _read(self, source: Source, run: str, tag: str) -> Mapping[int, Entry]:
        key, flow_key = (run, tag), (run, tag + FLOW_SUFFIX)
        flows = self._pool.submit(self._store.series, source, FLOW_PLUGIN_NAME, flow_key)
        records = self._pool.submit(self._store.series, source, PLUGIN_NAME, key)
        kept = self._store.records(source, [key]).get(key, [])
        series = records.result()
        if series is None:
            return {}
        why = self._store.why_unreachable(tag)
        if why is not None:
            raise errors.NotFoundError(why)
        metadata = metadata_of(series.content)
        return {
            one.step: Entry(run, tag, one.step, wall_time_of(one.wall_time), one.keys, metadata)
            for one in without_leftovers(kept, flows.result())
        }


def metadata_of(content: bytes) -> Metadata:
    """Return a tag's metadata.

    Raises:
        NotFoundError: If it cannot be read.
    """
    try:
        return Metadata.from_content(content)
    except FormatError as error:
        raise errors.NotFoundError(str(error)) from error


def unreadable(entry: Entry, why: object) -> errors.NotFoundError:
    """Return the error of a record that cannot be read."""
    return errors.NotFoundError(
        f"step {entry.step} of {entry.tag!r} in the run {entry.run!r} cannot be read: {why}"
    )


def _no_record(run: str, tag: str) -> errors.NotFoundError:
    return errors.NotFoundError(f"no record of the tag {tag!r} in the run {run!r}")
