"""What TensorBoard keeps of ours, asked in one way of each of its loaders.

`ProviderStore` asks a data provider, as plugins are meant to; it serves the fast loader. The data
provider of TensorBoard's Python loader hands out the first of several values of a step, which after
a restart is the killed training's. `MultiplexerStore` therefore asks what lies behind it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from tensorboard import errors
from tensorboard.compat.proto import summary_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.data import provider as tb_provider
from tensorboard.util import tensor_util

from tb_rnngrad import record
from tb_rnngrad._restarts import resumed
from tb_rnngrad.plugin import _grpc_tensors
from tb_rnngrad.plugin.histograms import evenly_spaced

# Not the user's --samples_per_plugin, of which 0 would mean "none" here: everything kept.
_EVERYTHING: Final = 2**31 - 1
# The data server answers in one message of at most 256 MiB; 200 records of 4 samples take 200 kB.
_TAGS_AT_ONCE: Final = 256
# Flows are asked for in ever larger numbers, as their sizes are not known before.
_FIRST_FLOWS: Final = 64
_MORE_FLOWS: Final = 8

_MULTIPLEXER_METHODS: Final = ("AllSummaryMetadata", "SummaryMetadata", "Tensors")

Key = tuple[str, str]  # run, tag


@dataclass(frozen=True)
class Source:
    """Whose data to read: the request's context and experiment."""

    context: Any
    experiment: str

    @property
    def query(self) -> dict[str, Any]:
        """The same as a data provider's arguments."""
        return {"ctx": self.context, "experiment_id": self.experiment}


@dataclass(frozen=True)
class Series:
    """All that is kept of a tag, as far as it is known without reading it.

    Attributes:
        content: the metadata's bytes.
        description: Markdown.
        step: the last.
        wall_time: of the last.
        count: how many values are kept; None: not known. What is equal did not change.
    """

    content: bytes
    description: str
    step: int
    wall_time: float
    count: int | None = None


@dataclass(frozen=True)
class Kept:
    """A record that is kept: where it stands, and the keys of its blobs."""

    step: int
    wall_time: float
    keys: tuple[Hashable, ...]


@dataclass(frozen=True)
class KeptFlow:
    """A flow that is kept; its tensor is as it was logged, and not to be trusted."""

    step: int
    wall_time: float
    tensor: TensorProto


class Store(Protocol):
    """What TensorBoard keeps. Where nothing is kept of a key, it is missing in the answer."""

    def series(self, source: Source, plugin: str, key: Key | None = None) -> dict[Key, Series]:
        """Return what is kept of one tag, or of all tags, of a plugin of ours."""

    def records(self, source: Source, keys: Iterable[Key]) -> dict[Key, list[Kept]]:
        """Return the records kept of each tag, by step."""

    def blob(self, source: Source, key: Hashable) -> bytes:
        """Return one of a record's blobs."""

    def flows(self, source: Source, key: Key, most_bytes: int) -> tuple[list[KeptFlow], bool]:
        """Return the flows of a record's tag by step, and whether they are all that are kept.

        They take `most_bytes` or little more; of more than that it is a sample, with the last.
        """

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """Return those of the keys that belong to other plugins."""

    def why_unreachable(self, tag: str) -> str | None:
        """Return why a tag's records cannot be read, a sentence; None where they can."""


class ProviderStore:
    """What a data provider gives. Its calls wait side by side in `pool`."""

    def __init__(self, provider: tb_provider.DataProvider, pool: Executor) -> None:
        self._provider = provider
        self._pool = pool

    def series(self, source: Source, plugin: str, key: Key | None = None) -> dict[Key, Series]:
        """See `Store`."""
        is_record = plugin == record.PLUGIN_NAME
        listing = self._provider.list_blob_sequences if is_record else self._provider.list_tensors
        listed = listing(
            plugin_name=plugin,
            run_tag_filter=None if key is None else _filter([key]),
            **source.query,
        )
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
            plugin_name=record.PLUGIN_NAME,
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

    def flows(self, source: Source, key: Key, most_bytes: int) -> tuple[list[KeptFlow], bool]:
        """See `Store`."""
        number = _FIRST_FLOWS
        found = self._flows(source, key, number)
        while len(found) == number:
            size = sum(one.tensor.ByteSize() for one in found) / number
            fitting = int(most_bytes / size)
            if fitting <= number:
                return _thinned(found, most_bytes), False
            number = min(number * _MORE_FLOWS, fitting)
            try:
                found = self._flows(source, key, number)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                # What was not read yet is larger than what was: too large for one message.
                return _thinned(found, most_bytes), False
        thinned = _thinned(found, most_bytes)
        return thinned, len(thinned) == len(found)

    def _flows(self, source: Source, key: Key, number: int) -> list[KeptFlow]:
        query = {
            "plugin_name": record.FLOW_PLUGIN_NAME,
            "downsample": number,
            "run_tag_filter": _filter([key]),
            **source.query,
        }
        tensors = _grpc_tensors.read(self._provider, **query)
        if tensors is None:
            data = self._provider.read_tensors(**query).get(key[0], {}).get(key[1], [])
            tensors = [
                (one.step, one.wall_time, tensor_util.make_tensor_proto(one.numpy)) for one in data
            ]
        return resumed(KeptFlow(*one) for one in tensors)

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """See `Store`."""
        wanted = set(keys)
        names = set(self._provider.list_plugins(**source.query))
        listings = [
            self._pool.submit(
                listing, plugin_name=name, run_tag_filter=_filter(wanted), **source.query
            )
            for name in names - {record.PLUGIN_NAME, record.FLOW_PLUGIN_NAME}
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
        """See `Store`: the data server writes such names into its keys as they are."""
        character = re.search(record.UNREACHABLE, tag)
        if character is None:
            return None
        return (
            f"the tag's name holds {character[0]!r}, and TensorBoard's fast loader cannot fetch "
            "such names: start TensorBoard with --load_fast=false, or log under another name"
        )


def _filter(keys: Iterable[Key]) -> tb_provider.RunTagFilter:
    """Return a filter that lets at least these tags pass."""
    runs, tags = zip(*keys, strict=True)
    return tb_provider.RunTagFilter(runs=set(runs), tags=set(tags))


class MultiplexerStore:
    """What TensorBoard's Python loader keeps, in the order in which it was logged."""

    def __init__(self, multiplexer: Any) -> None:
        self._multiplexer = multiplexer

    def series(self, source: Source, plugin: str, key: Key | None = None) -> dict[Key, Series]:
        """See `Store`."""
        is_record = plugin == record.PLUGIN_NAME
        data_class = (
            summary_pb2.DATA_CLASS_BLOB_SEQUENCE if is_record else summary_pb2.DATA_CLASS_TENSOR
        )
        found = {}
        for one, metadata in self._metadata(key):
            data = metadata.plugin_data
            if data.plugin_name != plugin or metadata.data_class != data_class:
                continue
            events = self._events(one)
            if events:
                last = events[-1]
                found[one] = Series(
                    data.content,
                    metadata.summary_description,
                    last.step,
                    last.wall_time,
                    len(events),
                )
        return found

    def _metadata(self, key: Key | None) -> Iterator[tuple[Key, Any]]:
        if key is None:
            for run, tags in self._multiplexer.AllSummaryMetadata().items():
                for tag, metadata in tags.items():
                    yield (run, tag), metadata
            return
        try:
            metadata = self._multiplexer.SummaryMetadata(*key)
        except KeyError:
            return
        yield key, metadata

    def _events(self, key: Key) -> list[Any]:
        """Return what was logged of a tag; nothing where it is not there, or not yet."""
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

    def flows(self, source: Source, key: Key, most_bytes: int) -> tuple[list[KeptFlow], bool]:
        """See `Store`."""
        found = [
            KeptFlow(event.step, event.wall_time, event.tensor_proto)
            for event in resumed(self._events(key))
        ]
        thinned = _thinned(found, most_bytes)
        return thinned, len(thinned) == len(found)

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """See `Store`."""
        ours = (record.PLUGIN_NAME, record.FLOW_PLUGIN_NAME)
        return {
            one
            for key in keys
            for one, metadata in self._metadata(key)
            if metadata.plugin_data.plugin_name not in ours
        }

    def why_unreachable(self, tag: str) -> str | None:
        """See `Store`: every name can be read."""
        return None


def _thinned(flows: list[KeptFlow], most_bytes: int) -> list[KeptFlow]:
    """Return as many flows, evenly spaced and with the last, as take about so many bytes."""
    size = sum(flow.tensor.ByteSize() for flow in flows)
    return thinned(flows, len(flows) * most_bytes // max(size, 1))


def thinned(items: list[Any], most: int) -> list[Any]:
    """Return at most `most` items, or the last, evenly spaced and with the last."""
    if most < 2:
        return items[-1:]
    return [items[i] for i in evenly_spaced(len(items), most)]


def store_of(provider: tb_provider.DataProvider, multiplexer: Any, pool: Executor) -> Store:
    """Return the store of TensorBoard's loader.

    Args:
        provider: its data provider.
        multiplexer: its event multiplexer; None where the fast loader, or another, is in use.
        pool: where calls to a data provider wait side by side.
    """
    if all(callable(getattr(multiplexer, name, None)) for name in _MULTIPLEXER_METHODS):
        return MultiplexerStore(multiplexer)
    return ProviderStore(provider, pool)
