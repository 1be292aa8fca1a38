"""Reads event files with TensorBoard's own reader, for tests."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary


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
