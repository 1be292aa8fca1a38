"""Finds the event files of a log directory, on this machine or on another that fsspec reaches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from tb_rnngrad.events.places import event_files


@dataclass(frozen=True)
class RemoteFile:
    """A file of an fsspec file system; it opens as a `Path` does.

    Attributes:
        system: an `fsspec.AbstractFileSystem`.
        path: the file's path in that system.
    """

    system: Any
    path: str

    def open(self, mode: str) -> BinaryIO:
        """Open the file for reading."""
        return cast("BinaryIO", self.system.open(self.path, mode))

    def __str__(self) -> str:
        """Return the file's path."""
        return self.path


LogFile: TypeAlias = Path | RemoteFile
LogDirectory: TypeAlias = str | os.PathLike[str]


def is_remote(logdir: LogDirectory) -> bool:
    """Return whether a directory is a URL, such as "s3://bucket/logs"."""
    return "://" in os.fspath(logdir)


def files_of(logdir: LogDirectory) -> dict[str, list[LogFile]]:
    """Return run -> its event files, oldest first.

    Args:
        logdir: a directory, or a URL that fsspec knows ("s3://bucket/logs", "gs://...").

    Raises:
        FileNotFoundError: If there is no such directory.
        ImportError: If it is a URL and fsspec, or its package for that protocol, is not installed.
        ValueError: If fsspec does not know the URL's protocol.
    """
    if is_remote(logdir):
        return _remote_files(os.fspath(logdir))
    path = Path(logdir)
    if not path.is_dir():
        raise FileNotFoundError(f"no directory {os.fspath(logdir)}")
    return {run: [*files] for run, files in event_files(path).items()}


def _remote_files(url: str) -> dict[str, list[LogFile]]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ImportError(
            f"{url} needs fsspec: pip install 'tb_rnngrad[remote]' brings it"
        ) from None
    system, root = url_to_fs(url)
    system.invalidate_cache(root)  # a training may have written since the last listing
    if not system.isdir(root):
        raise FileNotFoundError(f"no directory {url}")
    found: dict[str, list[LogFile]] = {}
    for folder, _, names in system.walk(root):
        files = sorted(f"{folder}/{name}" for name in names if "tfevents" in name)
        if files:
            run = folder.removeprefix(root).strip("/") or "."
            found[run] = [RemoteFile(system, path) for path in files]
    return dict(sorted(found.items()))
