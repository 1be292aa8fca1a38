"""One event file on disk: what is appended is there whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
import socket
import time
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Final, cast

from tensorboard.compat.proto.event_pb2 import Event

from tb_rnngrad.events import tfrecord
from tb_rnngrad.events.tfrecord import Buffer

_PREFIX: Final = "events.out.tfevents."
_SUFFIX: Final = ".rnngrad"
_uid = itertools.count()
_open_files: set[Path] = set()


class EventFile:
    """A new event file in a directory; both are created again if they are deleted meanwhile.

    Args:
        directory: an absolute path; created if missing.

    Attributes:
        path: where the file is.

    Raises:
        OSError: If either cannot be created. No file is left open or behind.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = self._open()

    def append(self, parts: Sequence[Buffer]) -> bool:
        """Append all parts, or none of them; return whether the file had been deleted.

        Raises:
            OSError: If writing fails. The file is left as it was.
        """
        is_deleted = not self._is_in_place()
        if is_deleted:
            self.close()
            self._file = self._open()
        _write_whole(self._file, parts)
        return is_deleted

    def sync(self) -> None:
        """Force what is written onto the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        _open_files.discard(self.path)

    def _open(self) -> FileIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self.path = self._directory / _file_name(self._directory, now)
        file = self.path.open("xb", buffering=0)
        version = Event(wall_time=now, file_version="brain.Event:2").SerializeToString()
        try:
            _write_whole(file, tfrecord.frame([version]))
        except BaseException:
            file.close()
            self.path.unlink(missing_ok=True)
            raise
        _open_files.add(self.path)
        return file

    def _is_in_place(self) -> bool:
        """Return whether the open file is still the one at its path.

        Writes to a deleted file raise no error, but the data is lost.
        """
        if self._file.closed:
            return False
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False


def other_file(logdir: Path) -> Path | None:
    """Return an event file that this process may have open in `logdir`."""
    ours = re.compile(rf"\.tfevents\.\d+\.{re.escape(socket.gethostname())}\.{os.getpid()}\.")
    for path in sorted(logdir.iterdir()):
        closed = path.name.endswith(_SUFFIX) and path.resolve() not in _open_files
        if ours.search(path.name) and not closed:
            return path
    return None


def _write_whole(file: FileIO, parts: Sequence[Buffer]) -> None:
    """Write all parts, or leave the file as it was."""
    start = file.tell()
    try:
        for part in tfrecord.joined(parts):
            rest = memoryview(cast("bytes", part))
            while rest:
                rest = rest[file.write(rest) :]
    except BaseException:
        # Half a record would hide every later record from TensorBoard.
        file.truncate(start)
        file.seek(start)
        raise


def _file_name(logdir: Path, now: float) -> str:
    """Return a name for a new event file that sorts after the existing ones.

    TensorBoard reads files in the order of their names, and its Python loader never goes back to a
    file that sorts before the current one. So the 10th file of a second must not sort before the
    9th. Nor may the file of a resumed training sort before the first one if the clock was set back.
    """
    own = f"{socket.gethostname()}.{os.getpid()}.{next(_uid):06d}{_SUFFIX}"
    name = f"{_PREFIX}{int(now):010d}.{own}"
    others = [path.name for path in logdir.glob(f"{_PREFIX}*")]
    if max(others, default="") < name:
        return name
    seconds = [found for other in others if (found := re.match(r"\d+", other[len(_PREFIX) :]))]
    latest = max((int(found[0]) for found in seconds), default=int(now))
    return f"{_PREFIX}{latest + 1:010d}.{own}"
