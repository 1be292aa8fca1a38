"""Test helpers that read and write event files with TensorBoard's own reader and writer."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def events(logdir: Path) -> list[Event]:
    """Return the events of every event file under `logdir`, file by file."""
    return [
        Event.FromString(raw)
        for path in sorted(logdir.rglob("*tfevents*"))
        for raw in RawEventFileLoader(str(path)).Load()
    ]


def values(logdir: Path) -> dict[tuple[str, int], Summary.Value]:
    """Return (tag, step) -> summary value."""
    return {(v.tag, e.step): v for e in events(logdir) for v in e.summary.value}


def write(logdir: Path, *logged: Event) -> None:
    """Write events with TensorBoard's own writer."""
    writer = EventFileWriter(str(logdir))
    for event in logged:
        writer.add_event(event)
    writer.close()


def event(step: int, *values: Summary.Value | Summary, wall_time: float | None = None) -> Event:
    """Return an event with these values."""
    whole = Event(step=step, wall_time=1.0 + step if wall_time is None else wall_time)
    for value in values:
        whole.summary.MergeFrom(value if isinstance(value, Summary) else Summary(value=[value]))
    return whole


def with_content(summary: Summary, content: bytes) -> Summary:
    """Return a copy of the summary with `content` as its plugin metadata."""
    changed = Summary.FromString(summary.SerializeToString())
    for value in changed.value:
        value.metadata.plugin_data.content = content
    return changed
