"""Reads records and flows from what TensorBoard keeps, checks them and caches them."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from cachetools import LRUCache
from tensorboard import errors
from tensorboard.data import provider as tb_provider

from tb_rnngrad.events import blobs
from tb_rnngrad.events.header import Header, Logged
from tb_rnngrad.events.metadata import FLOW_PLUGIN_NAME, FLOW_SUFFIX, PLUGIN_NAME, FormatError
from tb_rnngrad.plugin.entries import Entries, Entry, metadata_of, unreadable
from tb_rnngrad.plugin.flow_series import FlowSeries, columns_of, flow_series, timesteps_of
from tb_rnngrad.plugin.listing import Answer, Listing
from tb_rnngrad.plugin.select_store import store_of
from tb_rnngrad.plugin.sources import Source
from tb_rnngrad.views import histograms
from tb_rnngrad.views import view as views
from tb_rnngrad.views.arrangement import AS_RECORDED, Arrangement
from tb_rnngrad.views.histograms import Binning, Histogram
from tb_rnngrad.views.view import View

_CACHE_BYTES: Final = 64 * 2**20
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
        self._entries = Entries(self._store, self._pool)
        self._lock = threading.Lock()
        self._cache: LRUCache[tuple[Any, ...], Header | View | Histogram] = LRUCache(
            _CACHE_BYTES, getsizeof=lambda item: item.nbytes
        )

    # --- /tags ---

    def tags(self, source: Source) -> Answer:
        """Return the answer of `/tags`: run -> tag -> its metadata and the steps that are kept."""
        return self._tags.answer(source)

    # --- /tensor ---

    def entry(
        self, source: Source, run: str, tag: str, step: int, wall_time: float | None
    ) -> Entry:
        """Return the entry of the record at `step`; see `Entries.at`."""
        return self._entries.at(source, run, tag, step, wall_time)

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
        listing = self._entries.of(source, run, tag)
        entries = [listing[step] for step in sorted(listing) if listing[step].keys]
        if not entries:
            raise unreadable(next(iter(listing.values())), "it has no header")
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
        names = metadata_of(series.content).statistics
        columns = columns_of(names, statistics)
        is_full = self._is_full(FLOW_PLUGIN_NAME, series.count or len(kept))
        rows = window(max(map(timesteps_of, kept)))
        most = max(1, _FLOW_BYTES // max(1, 4 * (rows.stop - rows.start) * len(columns)))
        are_all = are_all and len(kept) <= most
        chosen = [kept[i] for i in histograms.evenly_spaced(len(kept), most)]
        return flow_series(chosen, tag, names, columns, rows, are_all and not is_full, not are_all)

    # --- inside ---

    def _is_full(self, plugin_name: str, kept: int) -> bool:
        limit = self._limits.get(plugin_name)
        return limit is None or 0 < limit <= kept  # 0: everything is kept

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
            raise unreadable(entry, error) from error
        if loaded.nbytes <= _CACHE_BYTES:
            with self._lock:
                self._cache[key] = loaded
        return loaded
