"""Records as the plugin sees them: what TensorBoard keeps, listed, read by key, and cached.

All reading goes through TensorBoard's data provider, so that both of its loading modes serve.
"""

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

from tb_rnngrad import record
from tb_rnngrad.plugin import histograms, views
from tb_rnngrad.plugin.arrangement import AS_RECORDED, Arrangement
from tb_rnngrad.plugin.histograms import Binning, Histogram
from tb_rnngrad.plugin.listing import EVERYTHING, Source, Tag, by_step, list_tags, wall_time_of
from tb_rnngrad.plugin.views import View
from tb_rnngrad.record import FormatError, Header, Metadata

_CACHE_BYTES: Final = 64 * 2**20
_LISTING_SECONDS: Final = 1.0
# The data server answers in one message of at most 256 MiB; a float32 takes 4 bytes of it.
_FLOW_BYTES: Final = 192 * 2**20
# A small call to the data server can wait 44 ms for a delayed acknowledgement; side by side these
# waits hide each other.
_PARALLEL_READS: Final = 8
# A histogram over steps reads as many of them as hold so many values, within these bounds.
_COURSE_VALUES: Final = 2**25
_FEWEST_STEPS: Final = 4
_MOST_STEPS: Final = 100

_Loaded = TypeVar("_Loaded", Header, View, Histogram)


@dataclass(frozen=True)
class FlowSeries:
    """`values` [steps, timesteps, statistics] float32, and what its axes are.

    `complete` says that it holds every step that was logged.
    """

    values: NDArray[np.float32]
    steps: list[tuple[int, float]]
    statistics: tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class Entry:
    """One kept record: where it stands and the keys of its blobs."""

    run: str
    tag: str
    step: int
    wall_time: float
    keys: tuple[str, ...]


class Records:
    """Lists and reads records; safe to use from several threads.

    `limits` is TensorBoard's `--samples_per_plugin`: the steps kept of a tag, by plugin name.
    """

    def __init__(self, data_provider: tb_provider.DataProvider, limits: Mapping[str, int]) -> None:
        self._provider = data_provider
        self._limits = limits
        self._pool = ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="rnngrad")
        self._lock = threading.Lock()
        self._cache: LRUCache[tuple[Any, ...], Header | View | Histogram] = LRUCache(
            _CACHE_BYTES, getsizeof=lambda item: item.nbytes
        )
        self._groups: TTLCache[tuple[str, str, str], Mapping[str, int] | None] = TTLCache(
            maxsize=64, ttl=_LISTING_SECONDS
        )
        self._listings: TTLCache[tuple[str, str, str], Mapping[int, Entry]] = TTLCache(
            maxsize=64, ttl=_LISTING_SECONDS
        )

    # --- /tags ---

    def tags(self, source: Source) -> dict[str, dict[str, Tag]]:
        """Return run -> tag -> what it is and which steps of it are kept."""
        is_full = functools.partial(self._is_full, record.PLUGIN_NAME)
        return list_tags(self._provider, self._pool, source, is_full)

    # --- /tensor ---

    def entry(
        self, source: Source, run: str, tag: str, step: int, wall_time: float | None
    ) -> Entry:
        """Return where the record of `step` is.

        Raises:
            NotFoundError: no such run, tag or step is kept, or `step` was logged anew since
                `wall_time`.
        """
        listing = self._listing(source, run, tag, refresh=False)
        if step not in listing:
            listing = self._listing(source, run, tag, refresh=True)
        if not listing:
            raise errors.NotFoundError(f"no record of the tag {tag!r} in the run {run!r}")
        if step not in listing:
            raise errors.NotFoundError(
                f"no step {step} of {tag!r} in the run {run!r}; {len(listing)} steps are kept, "
                f"from {min(listing)} to {max(listing)}"
            )
        entry = listing[step]
        if wall_time is not None and entry.wall_time != wall_time:
            raise errors.NotFoundError(
                f"step {step} of {tag!r} in the run {run!r} has the wall time "
                f"{entry.wall_time!r}, not {wall_time!r}: it was logged again"
            )
        return entry

    def header(self, source: Source, entry: Entry) -> Header:
        """Return the record's header."""
        return self._load(
            source, entry, "header", lambda: record.decode_header(self._blob(source, entry, 0))
        )

    def sample(self, source: Source, entry: Entry, index: int, arrangement: Arrangement) -> View:
        """Return the view of one kept sample, arranged."""

        header = self._pool.submit(self.header, source, entry)
        if arrangement == AS_RECORDED:
            return self._sample(source, entry, index, header.result)

        def load() -> View:
            return arrangement.of(self._sample(source, entry, index, header.result))

        return self._load(source, entry, (index, arrangement), load)

    def reduction(
        self, source: Source, entry: Entry, reduction: str, arrangement: Arrangement
    ) -> View:
        """Return the view of a reduction over all kept samples, each arranged before.

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

    def groups(self, source: Source, run: str, tag: str) -> Mapping[str, int] | None:
        """Return the sizes of the tag's channel groups by name, or None where there is one alone.

        Raises:
            NotFoundError: no such run or tag is kept, or none that can be read.
        """
        key = (source.experiment, run, tag)
        with self._lock:
            if key in self._groups:
                return self._groups[key]
        listed = self._provider.list_blob_sequences(
            source.context,
            experiment_id=source.experiment,
            plugin_name=record.PLUGIN_NAME,
            run_tag_filter=tb_provider.RunTagFilter(runs=[run], tags=[tag]),
        )
        series = listed.get(run, {}).get(tag)
        if series is None:
            raise errors.NotFoundError(f"no record of the tag {tag!r} in the run {run!r}")
        groups = _metadata(series.plugin_content).channel_groups
        with self._lock:
            self._groups[key] = groups
        return groups

    def course(self, source: Source, run: str, tag: str) -> tuple[list[Entry], int]:
        """Return evenly spaced records of a tag, few enough to be read in one go, and of how many.

        Raises:
            NotFoundError: no such run or tag is kept.
        """
        listing = self._listing(source, run, tag, refresh=False)
        if not listing:
            raise errors.NotFoundError(f"no record of the tag {tag!r} in the run {run!r}")
        entries = [listing[step] for step in sorted(listing)]
        most = self._values(source, entries[-1])
        fitting = min(_MOST_STEPS, max(_FEWEST_STEPS, _COURSE_VALUES // most))
        return [entries[i] for i in histograms.evenly_spaced(len(entries), fitting)], len(entries)

    def histograms(
        self,
        source: Source,
        entries: Sequence[Entry],
        groups: Mapping[str, int] | None,
        binning: Binning,
    ) -> list[Histogram]:
        """Return the histogram of each record, over all of its kept samples."""
        held = 4 * self._values(source, entries[-1]) * len(entries)
        # What does not fit the cache would only drive everything else out of it.
        read = self._sample if held <= _CACHE_BYTES // 2 else self._uncached_sample

        def load(entry: Entry) -> Histogram:
            header = self.header(source, entry)
            sizes = [header.shape[-1]] if groups is None else list(groups.values())
            indices = range(len(entry.keys) - 1)
            samples = (read(source, entry, index, lambda: header) for index in indices)
            return histograms.histogram(samples, sizes, binning)

        def cached(entry: Entry) -> Histogram:
            return self._load(source, entry, binning, lambda: load(entry))

        return list(self._pool.map(cached, entries))

    def _values(self, source: Source, entry: Entry) -> int:
        """Return how many values a record holds."""
        header = self.header(source, entry)
        return header.kept * (math.prod(header.shape) // header.batch)

    # --- /flow ---

    def flow(self, source: Source, run: str, tag: str) -> FlowSeries:
        """Return the statistics of every kept step of the record's tag.

        Raises:
            NotFoundError: the run holds no flow of this tag.
        """
        flow_tag = tag + record.FLOW_SUFFIX
        query = {
            "ctx": source.context,
            "experiment_id": source.experiment,
            "plugin_name": record.FLOW_PLUGIN_NAME,
            "run_tag_filter": tb_provider.RunTagFilter(runs=[run], tags=[flow_tag]),
        }
        listed = self._provider.list_tensors(**query).get(run, {}).get(flow_tag)
        last = self._provider.read_tensors(downsample=1, **query).get(run, {}).get(flow_tag)
        if listed is None or not last:
            raise errors.NotFoundError(f"no flow of the tag {tag!r} in the run {run!r}")
        metadata = _metadata(listed.plugin_content)
        most = max(1, _FLOW_BYTES // max(1, last[-1].numpy.nbytes))
        data = self._provider.read_tensors(downsample=most, **query)[run][flow_tag]
        arrays = [datum.numpy for datum in data]
        timesteps = max(array.shape[0] for array in arrays)
        values = np.full((len(arrays), timesteps, len(metadata.statistics)), np.nan, np.float32)
        for row, array in zip(values, arrays, strict=True):
            row[: array.shape[0]] = array
        complete = len(data) < most and not self._is_full(record.FLOW_PLUGIN_NAME, len(data))
        steps = [(d.step, wall_time_of(d.wall_time)) for d in data]
        return FlowSeries(values, steps, metadata.statistics, complete)

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
        found = self._provider.read_blob_sequences(
            source.context,
            experiment_id=source.experiment,
            plugin_name=record.PLUGIN_NAME,
            downsample=EVERYTHING,
            run_tag_filter=tb_provider.RunTagFilter(runs=[run], tags=[tag]),
        )
        data = found.get(run, {}).get(tag, [])
        listing = {
            step: Entry(
                run,
                tag,
                step,
                wall_time_of(datum.wall_time),
                tuple(v.blob_key for v in datum.values),
            )
            for step, datum in by_step(data).items()
        }
        with self._lock:
            self._listings[key] = listing
        return listing

    def _sample(
        self, source: Source, entry: Entry, index: int, header: Callable[[], Header]
    ) -> View:
        """Return the view of a sample. In the pool `header` must not wait for the pool."""
        return self._load(
            source, entry, index, lambda: self._uncached_sample(source, entry, index, header)
        )

    def _uncached_sample(
        self, source: Source, entry: Entry, index: int, header: Callable[[], Header]
    ) -> View:
        values = record.decode_sample(self._blob(source, entry, 1 + index))
        mask = header().mask
        return views.view_of_sample(values, None if mask is None else mask[index])

    def _blob(self, source: Source, entry: Entry, index: int) -> bytes:
        blob: bytes = self._provider.read_blob(source.context, blob_key=entry.keys[index])
        return blob

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
            raise errors.NotFoundError(
                f"step {entry.step} of {entry.tag!r} in the run {entry.run!r} cannot be read: "
                f"{error}"
            ) from error
        if loaded.nbytes <= _CACHE_BYTES:
            with self._lock:
                self._cache[key] = loaded
        return loaded


def _metadata(content: bytes) -> Metadata:
    try:
        return Metadata.from_content(content)
    except FormatError as error:
        raise errors.NotFoundError(str(error)) from error
