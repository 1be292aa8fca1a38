"""Reads our plugins' data from a data provider, as plugins are meant to: with the fast loader."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from concurrent.futures import Executor
from typing import Any, Final

import grpc
from tensorboard.data import provider as tb_provider
from tensorboard.util import tensor_util

from tb_rnngrad.events.metadata import FLOW_PLUGIN_NAME, PLUGIN_NAME, UNREACHABLE
from tb_rnngrad.events.restarts import resumed
from tb_rnngrad.plugin import _grpc
from tb_rnngrad.plugin.sources import Kept, KeptFlow, Key, Listed, Series, Source

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
