"""The answer of `/tags`: lists what there is to show, and rebuilds only what changed."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import TTLCache
from tensorboard import plugin_util

from tb_rnngrad import quantities
from tb_rnngrad.events.metadata import FLOW_SUFFIX, FormatError, Metadata
from tb_rnngrad.events.restarts import without_leftovers
from tb_rnngrad.plugin.sources import Kept, Key, Series, Source, Store

# Maliciously written Markdown takes a time that grows with the square of its length.
_LONGEST_DESCRIPTION: Final = 2000
# If a tag has only flow of ours, another plugin may own the tag. This is how long we cache whether.
_FOREIGN_SECONDS: Final = 10


@dataclass(frozen=True, eq=False)
class Answer:
    """The compressed body of `/tags` and its ETag."""

    gzipped: bytes
    etag: str


@dataclass(frozen=True)
class _Entry:
    """One tag's part of the answer, and its inputs: while `made_of` is equal, `text` is valid."""

    made_of: tuple[Series | None, Series | None, bool]
    text: str


@dataclass
class _Known:
    """The last answer for one experiment.

    `alone` are the tags that have flow but no record, and are not part of a record. `foreign` are
    the tags among them that another plugin owns.
    """

    mark: object = None
    alone: frozenset[Key] = frozenset()
    foreign: set[Key] = field(default_factory=set)
    entries: dict[Key, _Entry] = field(default_factory=dict)
    answer: Answer | None = None
    asked: float = -math.inf


class Listing:
    """Lists the tags; safe to use from several threads.

    Args:
        store: reads what TensorBoard keeps.
        is_full: returns whether a number of records of one tag reaches TensorBoard's limit.
    """

    def __init__(self, store: Store, is_full: Callable[[int], bool]) -> None:
        self._store = store
        self._is_full = is_full
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._foreign: TTLCache[tuple[str, frozenset[Key]], set[Key]] = TTLCache(
            maxsize=8, ttl=_FOREIGN_SECONDS
        )

    def answer(self, source: Source) -> Answer:
        """Return the answer of `/tags`, at least as recent as the call.

        Requests that wait for each other share one answer.
        """
        called = time.monotonic()
        with self._lock:
            known = self._known.setdefault(source.experiment, _Known())
            if known.answer is None or known.asked < called:
                known.asked = time.monotonic()
                self._refresh(source, known)
            assert known.answer is not None
            return known.answer

    def _refresh(self, source: Source, known: _Known) -> None:
        listed = self._store.listed(source)
        if known.answer is not None and listed.mark == known.mark:
            foreign = self._foreign_of(source, known.alone)
            if foreign == known.foreign:
                return
        records, own_flows = listed.series()
        flows = {(run, tag.removesuffix(FLOW_SUFFIX)): one for (run, tag), one in own_flows.items()}
        known.mark = listed.mark
        known.alone = frozenset(
            key for key in flows.keys() - records.keys() if _part_of(flows[key].content) is None
        )
        known.foreign = self._foreign_of(source, known.alone)
        entries = self._entries(source, records, flows, known)
        if known.answer is None or entries != known.entries:
            known.answer = _answer(entries)
        known.entries = entries

    def _entries(
        self,
        source: Source,
        records: Mapping[Key, Series],
        flows: Mapping[Key, Series],
        before: _Known,
    ) -> dict[Key, _Entry]:
        """Return every tag's part of the answer; read and rebuild only what changed."""
        known, foreign = before.entries, before.foreign
        made_of = {
            key: (records.get(key), flows.get(key), key in foreign) for key in {**records, **flows}
        }
        changed = {
            key for key, of in made_of.items() if key not in known or known[key].made_of != of
        }
        kept = self._store.records(source, changed & records.keys())
        return {
            key: _Entry(of, self._text(key, *of, kept.get(key, [])))
            if key in changed
            else known[key]
            for key, of in made_of.items()
        }

    def _foreign_of(self, source: Source, alone: frozenset[Key]) -> set[Key]:
        """Return the tags in `alone` whose record is hidden by another plugin's summary."""
        if not alone:
            return set()
        asked = source.experiment, alone
        found = self._foreign.get(asked)
        if found is None:
            found = self._foreign[asked] = self._store.foreign(source, alone)
        return found

    def _text(
        self,
        key: Key,
        series: Series | None,
        flow: Series | None,
        is_foreign: bool,
        kept: list[Kept],
    ) -> str:
        """Return, as JSON, the entry for a record, its flow, or both."""
        _, tag = key
        shown = series or flow
        assert shown is not None
        stored = len(kept) if series is None or series.count is None else series.count
        answer: dict[str, Any] = {
            "metadata": {"description": _description(shown.description)},
            "steps": [],
            "full": bool(kept) and self._is_full(stored),
            "samples": 0,
            "last_flow": flow and (flow.step, wall_time_of(flow.wall_time)),
        }
        error = self._store.why_unreachable(tag)
        try:
            metadata = _metadata_of(shown.content)
        except FormatError as why:
            error = str(why)
        else:
            answer["metadata"] = metadata | answer["metadata"]
        if is_foreign:
            error = (
                f"another summary in this run is also named {tag!r}, and TensorBoard shows only "
                f"one of them: log under another name, such as {f'rnngrad/{tag}'!r}"
            )
        if error is None:
            counting = without_leftovers(kept, flow)
            answer["steps"] = [(one.step, wall_time_of(one.wall_time)) for one in counting]
            answer["samples"] = max((len(one.keys) - 1 for one in counting), default=0)
        else:
            answer["error"] = error
        return json.dumps(answer, allow_nan=False)


@functools.lru_cache(maxsize=1024)
def _part_of(content: bytes) -> str | None:
    """Return the tag of the record that the flow belongs to as a part; None if there is none."""
    try:
        return Metadata.from_content(content).part_of
    except FormatError:
        return None


@functools.lru_cache(maxsize=1024)
def _metadata_of(content: bytes) -> dict[str, Any]:
    metadata = Metadata.from_content(content)
    quantity = quantities.QUANTITIES.get(metadata.quantity, quantities.QUANTITIES["other"])
    symbol = quantities.symbol_of(metadata.quantity, metadata.details)
    return metadata.to_json() | {"title": quantity.title, "symbol": symbol}


@functools.lru_cache(maxsize=1024)
def _description(markdown: str) -> str:
    """Return Markdown as safe HTML; cut it if it is too long."""
    if len(markdown) > _LONGEST_DESCRIPTION:
        markdown = markdown[:_LONGEST_DESCRIPTION] + " …"
    html: str = plugin_util.markdown_to_safe_html(markdown)
    return html


def _answer(entries: Mapping[Key, _Entry]) -> Answer:
    parts: dict[Key, dict[str, str]] = {}
    for (run, tag), entry in entries.items():
        whole = _whole_of(entry)
        record_entry = None if whole is None else entries.get((run, whole))
        if whole is not None and record_entry is not None and _whole_of(record_entry) is None:
            parts.setdefault((run, whole), {})[tag] = entry.text
    within = {(run, tag) for (run, _), named in parts.items() for tag in named}
    runs: dict[str, dict[str, str]] = {}
    for (run, tag), entry in entries.items():
        if (run, tag) not in within:
            text = entry.text
            if (run, tag) in parts:
                text = f'{text[:-1]}, "parts": {_object(parts[run, tag])}}}'
            runs.setdefault(run, {})[tag] = text
    body = _object({run: _object(tags) for run, tags in runs.items()}).encode()
    # Compress as TensorBoard does, but only once, not for every request.
    return Answer(gzip.compress(body, 3, mtime=0), hashlib.sha256(body).hexdigest()[:32])


def _whole_of(entry: _Entry) -> str | None:
    """Return the tag of the record that an entry with flow only is a part of, or None."""
    series, flow, _ = entry.made_of
    return _part_of(flow.content) if flow is not None and series is None else None


def _object(members: Mapping[str, str]) -> str:
    """Return a JSON object whose members are given as JSON."""
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in members.items())}}}"


def wall_time_of(seconds: float) -> float:
    """Return a wall time; 0 if it is NaN or infinite, which JSON cannot represent."""
    return float(seconds) if math.isfinite(seconds) else 0.0
