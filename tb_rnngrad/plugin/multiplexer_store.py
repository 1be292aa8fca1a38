"""Reads our plugins' data from the multiplexer of TensorBoard's Python loader.

If a step has several values, that loader's data provider returns the first, which after a restart
is the killed training's. The multiplexer behind it has all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final

from tensorboard import errors
from tensorboard.compat.proto import summary_pb2

from tb_rnngrad.events.metadata import FLOW_PLUGIN_NAME, PLUGIN_NAME
from tb_rnngrad.events.restarts import resumed
from tb_rnngrad.plugin.sources import Kept, KeptFlow, Key, Listed, Series, Source

_METHODS: Final = ("AllSummaryMetadata", "SummaryMetadata", "Tensors")

_DATA_CLASSES: Final = {
    PLUGIN_NAME: summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    FLOW_PLUGIN_NAME: summary_pb2.DATA_CLASS_TENSOR,
}


def is_multiplexer(candidate: Any) -> bool:
    """Return whether it has the methods that `MultiplexerStore` calls."""
    return all(callable(getattr(candidate, name, None)) for name in _METHODS)


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
