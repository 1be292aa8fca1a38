"""Reads records and flows from what TensorBoard keeps, checks them and caches them."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from cachetools import LRUCache, TTLCache
from numpy.typing import NDArray
from tensorboard import errors
from tensorboard.data import provider as tb_provider

from tb_rnngrad.events import blobs
from tb_rnngrad.events.flow_tensor import checked, rows_of
from tb_rnngrad.events.header import Header, Logged
from tb_rnngrad.events.metadata import (
    FLOW_PLUGIN_NAME,
    FLOW_SUFFIX,
    PLUGIN_NAME,
    FormatError,
    Metadata,
)
from tb_rnngrad.events.restarts import without_leftovers
from tb_rnngrad.plugin import histograms, views
from tb_rnngrad.plugin.arrangement import AS_RECORDED, Arrangement
from tb_rnngrad.plugin.histograms import Binning, Histogram
from tb_rnngrad.plugin.listing import Answer, Listing, wall_time_of
from tb_rnngrad.plugin.sources import KeptFlow, Source, store_of
from tb_rnngrad.plugin.views import View

_CACHE_BYTES: Final = 64 * 2**20
_LISTING_SECONDS: Final = 1.0
# The largest answer of /flow.
_FLOW_BYTES: Final = 128 * 2**20
# A small call to the data server can wait 44 ms for a delayed acknowledgement. In parallel, these
# waits overlap.
_PARALLEL_READS: Final = 8
# A histogram over steps reads as many steps as together hold this many values, within these bounds.
_COURSE_VALUES: Final = 2**25
_FEWEST_STEPS: Final = 4
_MOST_STEPS: Final = 100

_Loaded = TypeVar("_Loaded", Header, View, Histogram)


@dataclass(frozen=True)
class FlowSeries:
    """The flow of several steps of one tag.

    Attributes:
        values: [steps, timesteps, statistics] float32; shorter steps are padded with NaN.
        steps: (step, wall time), ascending.
        statistics: the names along the last axis.
        complete: whether `values` holds every step that was logged.
        sampled: whether steps were left out because all of them would have been too large.
        damaged: the steps left out because they cannot be read, each with the reason.
    """

    values: NDArray[np.float32]
    steps: list[tuple[int, float]]
    statistics: tuple[str, ...]
    complete: bool
    sampled: bool
    damaged: list[tuple[int, str]]


@dataclass(frozen=True)
class Entry:
    """One kept record: its position, its tag's metadata and the keys of its blobs."""

    run: str
    tag: str
    step: int
    wall_time: float
    keys: tuple[Hashable, ...]
    metadata: Metadata


class Records:
    """Lists and reads records; safe to use from several threads.

    Args:
        data_provider: TensorBoard's data provider.
        multiplexer: the multiplexer of TensorBoard's Python loader; None with the fast loader.
        limits: TensorBoard's `--samples_per_plugin`: plugin name -> number of steps kept per tag.
    """

    def __init__(
        self,
        data_provider: tb_provider.DataProvider,
        multiplexer: Any,
        limits: Mapping[str, int],
    ) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="rnngrad")
        self._store = store_of(data_provider, multiplexer, self._pool)
        self._tags = Listing(self._store, functools.partial(self._is_full, PLUGIN_NAME))
        self._lock = threading.Lock()
        self._cache: LRUCache[tuple[Any, ...], Header | View | Histogram] = LRUCache(
            _CACHE_BYTES, getsizeof=lambda item: item.nbytes
        )
        self._listings: TTLCache[tuple[str, str, str], Mapping[int, Entry]] = TTLCache(
            maxsize=64, ttl=_LISTING_SECONDS
        )

    # --- /tags ---

    def tags(self, source: Source) -> Answer:
        """Return the answer of `/tags`: run -> tag -> its metadata and the steps that are kept."""
        return self._tags.answer(source)

    # --- /tensor ---

    def entry(
        self, source: Source, run: str, tag: str, step: int, wall_time: float | None
    ) -> Entry:
        """Return the entry of the record at `step`.

        Raises:
            NotFoundError: If no such run, tag or step is kept, if `step` was logged again since
                `wall_time`, or if the record or its tag cannot be read.
        """
        listing = self._listing(source, run, tag, refresh=False)
        if step not in listing:
            listing = self._listing(source, run, tag, refresh=True)
        if not listing:
            raise _no_record(run, tag)
        if step not in listing:
            raise errors.NotFoundError(
                f"no step {step} of {tag!r} in the run {run!r}; {len(listing)} steps are kept, "
                f"from {min(listing)} to {max(listing)}"
            )
        entry = listing[step]
        if not entry.keys:
            raise _unreadable(entry, "it has no header")
        if wall_time is not None and entry.wall_time != wall_time:
            raise errors.NotFoundError(
                f"step {step} of {tag!r} in the run {run!r} has the wall time "
                f"{entry.wall_time!r}, not {wall_time!r}: it was logged again"
            )
        return entry

    def header(self, source: Source, entry: Entry) -> Header:
        """Return the record's header."""

        def load() -> Header:
            header = blobs.decode_header(self._blob(source, entry, 0))
            logged = Logged(entry.tag, entry.step, entry.wall_time)
            header.check(entry.metadata, len(entry.keys), logged)
            return header

        return self._load(source, entry, "header", load)

    def sample(self, source: Source, entry: Entry, index: int, arrangement: Arrangement) -> View:
        """Return the rearranged view of one kept sample."""

        header = self._pool.submit(self.header, source, entry)
        if arrangement == AS_RECORDED:
            return self._sample(source, entry, index, header.result)

        def load() -> View:
            return arrangement.of(self._sample(source, entry, index, header.result))

        return self._load(source, entry, (index, arrangement), load)

    def reduction(
        self, source: Source, entry: Entry, reduction: str, arrangement: Arrangement
    ) -> View:
        """Return the view of a reduction over all kept samples, which are rearranged first.

        `reduction` is a key of `views.REDUCTIONS`.
        """

        def load() -> View:
            header = self.header(source, entry)
            samples = range(len(entry.keys) - 1)
            each = self._pool.map(
                lambda index: self._sample(source, entry, index, lambda: header), samples
            )
            return views.reduce_samples([arrangement.of(view) for view in each], reduction)

        return self._load(source, entry, (reduction, arrangement), load)

    # --- /histogram ---

    def course(self, source: Source, run: str, tag: str) -> tuple[list[Entry], int]:
        """Return evenly spaced records of a tag, and the number of records they were chosen from.

        The records are few enough to be read at once.

        Raises:
            NotFoundError: If no such run or tag is kept, or it cannot be read.
        """
        listing = self._listing(source, run, tag, refresh=False)
        if not listing:
            raise _no_record(run, tag)
        entries = [listing[step] for step in sorted(listing) if listing[step].keys]
        if not entries:
            raise _unreadable(next(iter(listing.values())), "it has no header")
        most = self._values(source, entries[-1])
        fitting = min(_MOST_STEPS, max(_FEWEST_STEPS, _COURSE_VALUES // most))
        return [entries[i] for i in histograms.evenly_spaced(len(entries), fitting)], len(entries)

    def histograms(
        self,
        source: Source,
        entries: Sequence[Entry],
        binning: Binning,
    ) -> list[Histogram]:
        """Return the histogram of each record over all of its kept samples."""
        held = 4 * self._values(source, entries[-1]) * len(entries)
        # Do not cache samples that would push everything else out of the cache.
        read = self._sample if held <= _CACHE_BYTES // 2 else self._uncached_sample

        def load(entry: Entry) -> Histogram:
            header = self.header(source, entry)
            groups = entry.metadata.channel_groups
            sizes = [header.shape[-1]] if groups is None else list(groups.values())
            if len(binning.edges) not in (1, len(sizes)):
                raise errors.InvalidArgumentError(
                    f"edges are given for {len(binning.edges)} groups; expected them once, or for "
                    f"each of the {len(sizes)} channel groups of {entry.tag!r}"
                )
            indices = range(len(entry.keys) - 1)
            samples = (read(source, entry, index, lambda: header) for index in indices)
            return histograms.histogram(samples, sizes, binning)

        def cached(entry: Entry) -> Histogram:
            return self._load(source, entry, binning, lambda: load(entry))

        return list(self._pool.map(cached, entries))

    def _values(self, source: Source, entry: Entry) -> int:
        """Return how many values the kept samples of a record hold."""
        header = self.header(source, entry)
        return header.kept * (math.prod(header.shape) // header.batch)

    # --- /flow ---

    def flow(
        self,
        source: Source,
        run: str,
        tag: str,
        statistics: Sequence[str] | None,
        window: Callable[[int], slice],
    ) -> FlowSeries:
        """Return statistics of every kept step of the record's tag.

        Args:
            source: whose data to read.
            run: the run.
            tag: the tag of the record or of one of its parts.
            statistics: the names of the statistics; None for all.
            window: takes the number of timesteps and returns the slice of those wanted.

        Raises:
            NotFoundError: If the run has no flow of this tag, or none that can be read.
            InvalidArgumentError: If a statistic does not exist or is named twice.
        """
        key = run, tag + FLOW_SUFFIX
        series = self._store.series(source, FLOW_PLUGIN_NAME, key)
        kept, are_all = self._store.flows(source, key)
        if series is None or not kept:
            raise errors.NotFoundError(f"no flow of the tag {tag!r} in the run {run!r}")
        names = _metadata(series.content).statistics
        columns = _columns(names, statistics)
        is_full = self._is_full(FLOW_PLUGIN_NAME, series.count or len(kept))
        rows = window(max(map(_timesteps, kept)))
        most = max(1, _FLOW_BYTES // max(1, 4 * (rows.stop - rows.start) * len(columns)))
        are_all = are_all and len(kept) <= most
        chosen = [kept[i] for i in histograms.evenly_spaced(len(kept), most)]
        return _flow_series(chosen, tag, names, columns, rows, are_all and not is_full, not are_all)

    # --- inside ---

    def _is_full(self, plugin_name: str, kept: int) -> bool:
        limit = self._limits.get(plugin_name)
        return limit is None or 0 < limit <= kept  # 0: everything is kept

    def _listing(self, source: Source, run: str, tag: str, refresh: bool) -> Mapping[int, Entry]:
        key = (source.experiment, run, tag)
        with self._lock:
            known = None if refresh else self._listings.get(key)
        if known is not None:
            return known
        listing = self._read_listing(source, run, tag)
        with self._lock:
            self._listings[key] = listing
        return listing

    def _read_listing(self, source: Source, run: str, tag: str) -> Mapping[int, Entry]:
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
        metadata = _metadata(series.content)
        return {
            one.step: Entry(run, tag, one.step, wall_time_of(one.wall_time), one.keys, metadata)
            for one in without_leftovers(kept, flows.result())
        }

    def _sample(
        self, source: Source, entry: Entry, index: int, header: Callable[[], Header]
    ) -> View:
        """Return the view of a sample.

        If this runs in the pool, `header` must not wait for the pool.
        """
        return self._load(
            source, entry, index, lambda: self._uncached_sample(source, entry, index, header)
        )

    def _uncached_sample(
        self, source: Source, entry: Entry, index: int, header: Callable[[], Header]
    ) -> View:
        blob = self._blob(source, entry, 1 + index)
        found = header()
        values, mask = blobs.decode_sample(blob, found), found.mask
        return views.view_of_sample(values, None if mask is None else mask[index])

    def _blob(self, source: Source, entry: Entry, index: int) -> bytes:
        return self._store.blob(source, entry.keys[index])

    def _load(
        self, source: Source, entry: Entry, part: Hashable, load: Callable[[], _Loaded]
    ) -> _Loaded:
        key = (source.experiment, entry.run, entry.tag, entry.step, entry.wall_time, part)
        with self._lock:
            known = self._cache.get(key)
        if known is not None:
            return known  # type: ignore[return-value]
        try:
            loaded = load()
        except FormatError as error:
            raise _unreadable(entry, error) from error
        if loaded.nbytes <= _CACHE_BYTES:
            with self._lock:
                self._cache[key] = loaded
        return loaded


def _metadata(content: bytes) -> Metadata:
    try:
        return Metadata.from_content(content)
    except FormatError as error:
        raise errors.NotFoundError(str(error)) from error


def _unreadable(entry: Entry, why: object) -> errors.NotFoundError:
    return errors.NotFoundError(
        f"step {entry.step} of {entry.tag!r} in the run {entry.run!r} cannot be read: {why}"
    )


def _no_record(run: str, tag: str) -> errors.NotFoundError:
    return errors.NotFoundError(f"no record of the tag {tag!r} in the run {run!r}")


# --- flow ---


def _columns(names: tuple[str, ...], chosen: Sequence[str] | None) -> list[int]:
    """Return the indices in `names` of the chosen columns, in the chosen order."""
    if chosen is None:
        return list(range(len(names)))
    for name in chosen:
        if name not in names:
            raise errors.InvalidArgumentError(
                f"statistics names {name!r}; expected some of {', '.join(names)}"
            )
    if len(set(chosen)) < len(chosen):
        twice = next(name for name in chosen if chosen.count(name) > 1)
        raise errors.InvalidArgumentError(
            f"statistics names {twice!r} twice; expected each at most once"
        )
    return [names.index(name) for name in chosen]


def _timesteps(kept: KeptFlow) -> int:
    """Return how many timesteps a flow actually holds; 1 if its tensor cannot be read."""
    try:
        return len(rows_of(kept.tensor))
    except FormatError:
        return 1


def _flow_series(
    kept: Sequence[KeptFlow],
    tag: str,
    names: tuple[str, ...],
    columns: list[int],
    window: slice,
    complete: bool,
    sampled: bool,
) -> FlowSeries:
    """Return the chosen columns and timesteps of all readable flows, as one array."""
    shape = len(kept), window.stop - window.start, len(columns)
    values = np.full(shape, np.nan, np.float32)
    steps: list[tuple[int, float]] = []
    damaged = []
    for one in kept:
        try:
            rows = checked(rows_of(one.tensor), names, Logged(tag, one.step, one.wall_time))
        except FormatError as error:
            damaged.append((one.step, str(error)))
        else:
            rows = rows[window]
            values[len(steps), : len(rows)] = rows[:, columns]
            steps.append((one.step, wall_time_of(one.wall_time)))
    if not steps:
        step, why = damaged[-1]
        raise errors.NotFoundError(f"no flow of the tag {tag!r} can be read; of step {step}: {why}")
    chosen = tuple(names[column] for column in columns)
    found = values[: len(steps)]
    return FlowSeries(found, steps, chosen, complete and not damaged, sampled, damaged)
