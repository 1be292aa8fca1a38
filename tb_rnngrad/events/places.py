"""Finds where in a directory's event files each tag's values lie."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from tb_rnngrad.events import metadata, tfrecord
from tb_rnngrad.events.metadata import FormatError, Metadata
from tb_rnngrad.events.restarts import resumed, without_leftovers
from tb_rnngrad.events.tfrecord import Readable


@dataclass(frozen=True)
class Place:
    """The position of a summary value in an event file, and its event's step and wall time."""

    path: Readable
    offset: int
    step: int
    wall_time: float


@dataclass
class FoundTag:
    """One tag: the plugin content of its first event, and the places of its values as logged.

    `records` and `flow` leave out the values that a resumed training superseded.
    """

    content: bytes
    all_records: list[Place] = field(default_factory=list)
    all_flow: list[Place] = field(default_factory=list)

    @property
    def metadata(self) -> Metadata:
        """The tag's metadata.

        Raises:
            FormatError: If the metadata cannot be read.
        """
        return Metadata.from_content(self.content)

    @property
    def flow(self) -> dict[int, Place]:
        """Step -> the place of its statistics."""
        return {place.step: place for place in resumed(self.all_flow)}

    @property
    def records(self) -> dict[int, Place]:
        """Step -> the place of its record."""
        flow = resumed(self.all_flow)
        kept = without_leftovers(resumed(self.all_records), flow[-1] if flow else None)
        return {place.step: place for place in kept}

    @property
    def part_of(self) -> str | None:
        """The record's tag, if this is the flow of only a part of that record."""
        try:
            return self.metadata.part_of
        except FormatError:
            return None


def event_files(logdir: Path) -> dict[str, list[Path]]:
    """Return run -> its event files, oldest first.

    Follows symbolic links, except those that lead back to a directory above them.
    """
    found: dict[str, list[Path]] = {}
    for folder, folders, names in os.walk(logdir, followlinks=True):
        here = Path(folder)
        resolved = here.resolve()
        around = {resolved, *resolved.parents}
        folders[:] = [name for name in folders if (here / name).resolve() not in around]
        files = sorted(here / name for name in names if "tfevents" in name)
        if files:
            found[here.relative_to(logdir).as_posix()] = files
    return dict(sorted(found.items()))


def scan(paths: Iterable[Readable]) -> dict[str, FoundTag]:
    """Return tag -> the places of our plugins' values, with flows under their record's tag."""
    found: dict[str, FoundTag] = {}
    for path in paths:
        for offset, payload in tfrecord.payloads(path):
            try:
                event = Event.FromString(payload)
            except DecodeError:
                warnings.warn(f"{path}: what lies at byte {offset} is no event", stacklevel=3)
                continue
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name not in (metadata.PLUGIN_NAME, metadata.FLOW_PLUGIN_NAME):
                    continue
                is_flow = plugin.plugin_name == metadata.FLOW_PLUGIN_NAME
                tag = value.tag.removesuffix(metadata.FLOW_SUFFIX) if is_flow else value.tag
                if tag not in found:
                    found[tag] = FoundTag(plugin.content)
                places = found[tag].all_flow if is_flow else found[tag].all_records
                places.append(Place(path, offset, event.step, event.wall_time))
    return found


def read_value(place: Place, tag: str) -> Summary.Value:
    """Return a tag's value, read from the disk."""
    event = Event.FromString(tfrecord.payload_at(place.path, place.offset))
    return next(value for value in event.summary.value if value.tag == tag)
