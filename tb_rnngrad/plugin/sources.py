"""One interface to our plugins' data in each of TensorBoard's loaders.

`ProviderStore` reads from a data provider, as plugins are meant to; it is used with the fast
loader. If a step has several values, the data provider of TensorBoard's Python loader returns the
first, which after a restart is the killed training's. `MultiplexerStore` therefore reads from the
multiplexer behind that provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from tensorboard import errors
from tensorboard.compat.proto import summary_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.data import provider as tb_provider
from tensorboard.util import tensor_util

from tb_rnngrad.events.metadata import FLOW_PLUGIN_NAME, PLUGIN_NAME, UNREACHABLE
from tb_rnngrad.events.restarts import resumed
from tb_rnngrad.plugin import _grpc

# Ask for everything that is kept. The user's --samples_per_plugin cannot be passed on: its 0 means
# "all", but here 0 would mean "none".
_EVERYTHING: Final = 2**31 - 1
# The data server answers in one message of at most 256 MiB; 200 records of 4 samples take 200 kB.
_TAGS_AT_ONCE: Final = 256
# The sizes of flows are unknown before they are read, so they are requested in growing numbers, up
# to this many bytes. While they are received, they are in memory four times.
_MESSAGE_BYTES: Final = 96 * 2**20
_FIRST_FLOWS: Final = 64
_MORE_FLOWS: Final = 8

_MULTIPLEXER_METHODS: Final = ("AllSummaryMetadata", "SummaryMetadata", "Tensors")

_DATA_CLASSES: Final = {
    PLUGIN_NAME: summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    FLOW_PLUGIN_NAME: summary_pb2.DATA_CLASS_TENSOR,
}

Key = tuple[str, str]  # run, tag


@dataclass(frozen=True)
class Source:
    """The request's context and experiment, which say whose data to read."""

    context: Any
    experiment: str

    @property
    def query(self) -> dict[str, Any]:
        """The same values as keyword arguments for a data provider."""
        return {"ctx": self.context, "experiment_id": self.experiment}


@dataclass(frozen=True)
class Series:
    """What is known about a tag's values without reading them; equal means unchanged.

    Attributes:
        content: the bytes of the tag's metadata.
        description: Markdown.
        step: the last step.
        wall_time: the last step's wall time.
        count: how many values are kept; None if unknown.
    """

    content: bytes
    description: str
    step: int
    wall_time: float
    count: int | None = None


@dataclass(frozen=True)
class Kept:
    """A record that TensorBoard keeps: its step, its wall time and the keys of its blobs."""

    step: int
    wall_time: float
    keys: tuple[Hashable, ...]


@dataclass(frozen=True)
class KeptFlow:
    """A flow that TensorBoard keeps; its tensor is unchecked, as logged."""

    step: int
    wall_time: float
    tensor: TensorProto


@dataclass(frozen=True, eq=False)
class Listed:
    """A listing of all our tags.

    Attributes:
        mark: equal to an earlier listing's mark if nothing has changed since.
        series: returns the series of the records and of the flows, by run and tag.
    """

    mark: object
    series: Callable[[], tuple[dict[Key, Series], dict[Key, Series]]]


class Store(Protocol):
    """Reads what TensorBoard keeps. Answers leave out keys of which nothing is kept."""

    def listed(self, source: Source) -> Listed:
        """Return the listing of all our tags."""

    def series(self, source: Source, plugin: str, key: Key) -> Series | None:
        """Return the series of one tag of one of our plugins."""

    def records(self, source: Source, keys: Iterable[Key]) -> dict[Key, list[Kept]]:
        """Return tag -> the records that are kept, with ascending steps."""

    def blob(self, source: Source, key: Hashable) -> bytes:
        """Return one blob of a record."""

    def flows(self, source: Source, key: Key) -> tuple[list[KeptFlow], bool]:
        """Return a tag's flows with ascending steps, and whether they are all that are kept.

        If reading all of them would take too much memory, return a sample of the steps that
        includes the last.
        """

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """Return the keys that belong to other plugins."""

    def why_unreachable(self, tag: str) -> str | None:
        """Return a sentence that says why a tag's records cannot be read; None if they can."""


class ProviderStore:
    """Reads from a data provider. Its calls wait in parallel in `pool`."""

    def __init__(self, provider: tb_provider.DataProvider, pool: Executor) -> None:
        self._provider = provider
        self._stub = _grpc.stub_of(provider)
        self._pool = pool

    def listed(self, source: Source) -> Listed:
        """See `Store`."""
        if self._stub is None:
            records = self._pool.submit(self._series, source, PLUGIN_NAME, None)
            flows = self._series(source, FLOW_PLUGIN_NAME, None)
            both = records.result(), flows
            return Listed(both, lambda: both)
        of_records = self._pool.submit(
            _grpc.list_blob_sequences, self._stub, source.experiment, PLUGIN_NAME
        )
        of_flows = _grpc.list_tensors(self._stub, source.experiment, FLOW_PLUGIN_NAME)
        answers = of_records.result(), of_flows
        return Listed(answers, lambda: (_series_of(answers[0]), _series_of(answers[1])))

    def series(self, source: Source, plugin: str, key: Key) -> Series | None:
        """See `Store`."""
        return self._series(source, plugin, _filter([key])).get(key)

    def _series(
        self, source: Source, plugin: str, which: tb_provider.RunTagFilter | None
    ) -> dict[Key, Series]:
        is_record = plugin == PLUGIN_NAME
        listing = self._provider.list_blob_sequences if is_record else self._provider.list_tensors
        listed = listing(plugin_name=plugin, run_tag_filter=which, **source.query)
        return {
            (run, tag): Series(one.plugin_content, one.description, one.max_step, one.max_wall_time)
            for run, tags in listed.items()
            for tag, one in tags.items()
        }

    def records(self, source: Source, keys: Iterable[Key]) -> dict[Key, list[Kept]]:
        """See `Store`."""
        wanted = sorted(keys)
        chunks = [wanted[i : i + _TAGS_AT_ONCE] for i in range(0, len(wanted), _TAGS_AT_ONCE)]
        found: dict[Key, list[Kept]] = {}
        for read in self._pool.map(lambda chunk: self._records(source, chunk), chunks):
            found |= read
        return found

    def _records(self, source: Source, keys: list[Key]) -> dict[Key, list[Kept]]:
        read = self._provider.read_blob_sequences(
            plugin_name=PLUGIN_NAME,
            downsample=_EVERYTHING,
            run_tag_filter=_filter(keys),
            **source.query,
        )
        return {
            (run, tag): resumed(
                Kept(one.step, one.wall_time, tuple(v.blob_key for v in one.values)) for one in data
            )
            for run, tags in read.items()
            for tag, data in tags.items()
        }

    def blob(self, source: Source, key: Hashable) -> bytes:
        """See `Store`."""
        blob: bytes = self._provider.read_blob(source.context, blob_key=key)
        return blob

    def flows(self, source: Source, key: Key) -> tuple[list[KeptFlow], bool]:
        """See `Store`."""
        number = _FIRST_FLOWS
        while True:
            found = self._flows(source, key, number)
            if len(found) < number:
                return found, True
            fitting = int(_MESSAGE_BYTES * number / sum(one.tensor.ByteSize() for one in found))
            if fitting <= number:
                return found, False
            number = min(number * _MORE_FLOWS, fitting)
            del found  # do not hold two answers in memory

    def _flows(self, source: Source, key: Key, number: int) -> list[KeptFlow]:
        plugin = FLOW_PLUGIN_NAME
        if self._stub is None:
            read = self._provider.read_tensors(
                plugin_name=plugin, downsample=number, run_tag_filter=_filter([key]), **source.query
            )
            return resumed(
                KeptFlow(one.step, one.wall_time, tensor_util.make_tensor_proto(one.numpy))
                for one in read.get(key[0], {}).get(key[1], [])
            )
        try:
            tensors = _grpc.read_tensors(self._stub, source.experiment, plugin, *key, number)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED or number == 1:
                raise
            # The flows not read before are larger than the earlier ones: too large for one message.
            return self._flows(source, key, number // 2)
        return resumed(KeptFlow(*one) for one in tensors)

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """See `Store`."""
        wanted = set(keys)
        names = set(self._provider.list_plugins(**source.query))
        listings = [
            self._pool.submit(
                listing, plugin_name=name, run_tag_filter=_filter(wanted), **source.query
            )
            for name in names - {PLUGIN_NAME, FLOW_PLUGIN_NAME}
            for listing in (
                self._provider.list_scalars,
                self._provider.list_tensors,
                self._provider.list_blob_sequences,
            )
        ]
        return wanted & {
            (run, tag)
            for listing in listings
            for run, tags in listing.result().items()
            for tag in tags
        }

    def why_unreachable(self, tag: str) -> str | None:
        """See `Store`. The data server does not escape these characters in its keys."""
        character = re.search(UNREACHABLE, tag)
        if character is None:
            return None
        return (
            f"the tag's name holds {character[0]!r}, and TensorBoard's fast loader cannot fetch "
            "such names: start TensorBoard with --load_fast=false, or log under another name"
        )


def _series_of(listing: Any) -> dict[Key, Series]:
    """Return the series of all tags in a listing of the data server."""
    return {
        (run.run_name, tag.tag_name): Series(
            tag.metadata.summary_metadata.plugin_data.content,
            tag.metadata.summary_metadata.summary_description,
            tag.metadata.max_step,
            tag.metadata.max_wall_time,
        )
        for run in listing.runs
        for tag in run.tags
    }


def _filter(keys: Iterable[Key]) -> tb_provider.RunTagFilter:
    """Return a filter that selects at least these tags; it may select more."""
    runs, tags = zip(*keys, strict=True)
    return tb_provider.RunTagFilter(runs=set(runs), tags=set(tags))


class MultiplexerStore:
    """Reads what TensorBoard's Python loader keeps, in the order in which it was logged."""

    def __init__(self, multiplexer: Any) -> None:
        self._multiplexer = multiplexer

    def listed(self, source: Source) -> Listed:
        """See `Store`."""
        found: dict[str, dict[Key, Series]] = {name: {} for name in _DATA_CLASSES}
        for run, tags in self._multiplexer.AllSummaryMetadata().items():
            for tag, metadata in tags.items():
                plugin = metadata.plugin_data.plugin_name
                if plugin in found:
                    one = self._series(plugin, (run, tag), metadata)
                    if one is not None:
                        found[plugin][run, tag] = one
        both = found[PLUGIN_NAME], found[FLOW_PLUGIN_NAME]
        return Listed(both, lambda: both)

    def series(self, source: Source, plugin: str, key: Key) -> Series | None:
        """See `Store`."""
        metadata = self._metadata(key)
        return None if metadata is None else self._series(plugin, key, metadata)

    def _series(self, plugin: str, key: Key, metadata: Any) -> Series | None:
        data = metadata.plugin_data
        if (data.plugin_name, metadata.data_class) != (plugin, _DATA_CLASSES[plugin]):
            return None
        events = self._events(key)
        if not events:
            return None
        last = events[-1]
        return Series(
            data.content, metadata.summary_description, last.step, last.wall_time, len(events)
        )

    def _metadata(self, key: Key) -> Any | None:
        try:
            return self._multiplexer.SummaryMetadata(*key)
        except KeyError:
            return None

    def _events(self, key: Key) -> list[Any]:
        """Return a tag's events; an empty list if the tag is not there, or not yet."""
        try:
            events: list[Any] = self._multiplexer.Tensors(*key)
        except KeyError:
            return []
        return events

    def records(self, source: Source, keys: Iterable[Key]) -> dict[Key, list[Kept]]:
        """See `Store`."""
        return {
            key: [
                Kept(
                    event.step,
                    event.wall_time,
                    tuple(
                        (*key, event.step, event.wall_time, index)
                        for index in range(len(event.tensor_proto.string_val))
                    ),
                )
                for event in resumed(self._events(key))
            ]
            for key in keys
        }

    def blob(self, source: Source, key: Hashable) -> bytes:
        """See `Store`."""
        assert isinstance(key, tuple)
        run, tag, step, wall_time, index = key
        for event in reversed(self._events((run, tag))):
            if (event.step, event.wall_time) == (step, wall_time):
                blob: bytes = event.tensor_proto.string_val[index]
                return blob
        raise errors.NotFoundError(f"step {step} of {tag!r} in the run {run!r} is kept no longer")

    def flows(self, source: Source, key: Key) -> tuple[list[KeptFlow], bool]:
        """See `Store`. All of them are in memory already."""
        events = resumed(self._events(key))
        return [KeptFlow(one.step, one.wall_time, one.tensor_proto) for one in events], True

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """See `Store`."""
        metadata = {key: self._metadata(key) for key in keys}
        return {
            key
            for key, of in metadata.items()
            if of is not None and of.plugin_data.plugin_name not in _DATA_CLASSES
        }

    def why_unreachable(self, tag: str) -> str | None:
        """See `Store`. Every name can be read."""
        return None


def store_of(provider: tb_provider.DataProvider, multiplexer: Any, pool: Executor) -> Store:
    """Return the store that fits TensorBoard's loader.

    Args:
        provider: the loader's data provider.
        multiplexer: the Python loader's event multiplexer; None with any other loader.
        pool: in which calls to a data provider wait in parallel.
    """
    if all(callable(getattr(multiplexer, name, None)) for name in _MULTIPLEXER_METHODS):
        return MultiplexerStore(multiplexer)
    return ProviderStore(provider, pool)
