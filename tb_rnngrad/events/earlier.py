"""Finds the steps that a run's directory already holds, without decoding the records."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

from tb_rnngrad.events.metadata import FLOW_PLUGIN_NAME, FLOW_SUFFIX, PLUGIN_NAME

_LENGTH: Final = struct.Struct("<Q")
_BEFORE: Final = 12  # bytes before a TFRecord's payload: the length and its CRC
_AFTER: Final = 4  # the payload's CRC

Span = tuple[int, int]
"""The first and the last step of a tag."""


def earlier_steps(logdir: Path, besides: Path | None = None) -> dict[str, Span]:
    """Return the first and the last step of each record's tag in a directory's event files.

    Args:
        logdir: the run's directory; it may be missing.
        besides: a file to skip, or None.

    Raises:
        OSError: If a file cannot be read.
    """
    spans: dict[str, Span] = {}
    if not logdir.is_dir():
        return spans
    for path in sorted(logdir.iterdir()):
        if ".tfevents." not in path.name or path.resolve() == besides:
            continue
        status = path.stat()
        for tag, (first, last) in _steps_of(path, status.st_size, status.st_mtime_ns).items():
            known = spans.get(tag, (first, last))
            spans[tag] = min(first, known[0]), max(last, known[1])
    return spans


@lru_cache(maxsize=4096)  # a training loop may open a writer in every epoch
def _steps_of(path: Path, size: int, changed: int) -> dict[str, Span]:
    """Return the span of each tag in one file; `size` and `changed` are there for the cache key."""
    spans: dict[str, Span] = {}
    if not size:
        return spans
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(PLUGIN_NAME.encode()) < 0:  # another plugin's file, such as TensorFlow's
            return spans
        for tag, step in _logged(content):
            first, last = spans.get(tag, (step, step))
            spans[tag] = min(first, step), max(last, step)
    return spans


def _logged(content: mmap.mmap) -> Iterator[tuple[str, int]]:
    """Yield the tag and the step of each record and each flow; stop at damage."""
    start = 0
    while start + _BEFORE <= len(content):
        (length,) = _LENGTH.unpack_from(content, start)
        end = start + _BEFORE + length
        if end + _AFTER > len(content):
            return
        try:
            yield from _logged_in(content, slice(start + _BEFORE, end))
        except (IndexError, UnicodeDecodeError):  # a damaged length points outside the file
            return
        start = end + _AFTER


def _logged_in(content: mmap.mmap, event: slice) -> Iterator[tuple[str, int]]:
    step = 0
    for number, value in _fields(content, event):
        if number == Event.STEP_FIELD_NUMBER and isinstance(value, int):
            step = value - (value >> 63 << 64)  # protobuf encodes an int64 as a uint64
        elif number == Event.SUMMARY_FIELD_NUMBER and isinstance(value, slice):
            for _, one in _fields(content, value):
                tag = _tag_of(content, one) if isinstance(one, slice) else None
                if tag is not None:
                    yield tag, step


def _tag_of(content: mmap.mmap, value: slice) -> str | None:
    """Return the tag of the record that a summary value belongs to; None for other plugins."""
    parts = dict(_fields(content, value))
    place: int | slice | None = parts.get(Summary.Value.METADATA_FIELD_NUMBER)
    for number in (
        SummaryMetadata.PLUGIN_DATA_FIELD_NUMBER,
        SummaryMetadata.PluginData.PLUGIN_NAME_FIELD_NUMBER,
    ):
        place = dict(_fields(content, place)).get(number) if isinstance(place, slice) else None
    tag = parts.get(Summary.Value.TAG_FIELD_NUMBER)
    if not isinstance(place, slice) or not isinstance(tag, slice):
        return None
    plugin, name = content[place].decode(), content[tag].decode()
    if plugin == FLOW_PLUGIN_NAME:
        return name.removesuffix(FLOW_SUFFIX)
    return name if plugin == PLUGIN_NAME else None


def _fields(content: mmap.mmap, message: slice) -> Iterator[tuple[int, int | slice]]:
    """Yield each field's number and value: an integer, or the slice that holds its bytes."""
    at, end = message.start, message.stop
    while at < end:
        key, at = _varint(content, at)
        match key & 7:
            case 0:
                value, at = _varint(content, at)
                yield key >> 3, value
            case 1:
                at += 8
            case 2:
                size, at = _varint(content, at)
                yield key >> 3, slice(at, at + size)
                at += size
            case 5:
                at += 4
            case _:
                return


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
