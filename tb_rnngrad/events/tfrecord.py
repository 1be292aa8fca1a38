"""The framing of event files: TFRecord, with google-crc32c for speed.

A record is its length (uint64) and that length's CRC, then the payload and its CRC (uint32 each),
all little-endian.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Buffer = bytes | NDArray[np.uint8]
"""Bytes that need not be copied to be written: an array of them is flat and contiguous."""

_HEAD: Final = struct.Struct("<QI")
_LENGTH: Final = struct.Struct("<Q")
_CRC: Final = struct.Struct("<I")
_CRC_DELTA: Final = 0xA282EAD8
_COPIED_TOGETHER: Final = 2**18  # bytes up to which one copy costs less than further calls to write


def _masked_crc(*parts: Buffer) -> int:
    """Return the format's CRC: rotated and shifted, so that CRCs of CRCs stay sound."""
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return ((crc >> 15 | crc << 17) + _CRC_DELTA) & 0xFFFFFFFF


def frame(payload: Sequence[Buffer]) -> list[Buffer]:
    """Return the parts of one record, to be written one after the other.

    Args:
        payload: in parts, so that large ones need not be copied together.
    """
    length = _LENGTH.pack(sum(map(len, payload)))
    head = length + _CRC.pack(_masked_crc(length))
    parts = joined(payload)
    return [head, *parts, _CRC.pack(_masked_crc(*parts))]


def joined(parts: Sequence[Buffer]) -> Sequence[Buffer]:
    """Return the same bytes in as many parts as are read and written fastest."""
    if sum(map(len, parts)) <= _COPIED_TOGETHER:
        return [whole(parts)]
    batched: list[list[Buffer]] = [[]]
    size = 0
    for part in parts:
        if size + len(part) > _COPIED_TOGETHER:
            batched.append([])
            size = 0
        batched[-1].append(part)
        size += len(part)
    return [some[0] if len(some) == 1 else whole(some) for some in batched if some]


def whole(parts: Sequence[Buffer]) -> bytes:
    """Return the same bytes as one."""
    return b"".join(cast("Sequence[bytes]", parts))  # NumPy's types say so from Python 3.12 on


def payloads(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the payload of every record of a file.

    A half-written last record ends it, as the file may still be growing. A damaged payload is left
    out with a warning; a damaged length hides what follows it, with a warning.
    """
    with path.open("rb") as file:
        while True:
            offset = file.tell()
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            length, crc = _HEAD.unpack(head)
            if _masked_crc(head[: _LENGTH.size]) != crc:
                warnings.warn(f"{path} is damaged from byte {offset} on", stacklevel=2)
                return
            payload = _checked(file, length)
            if payload is None:
                return
            if payload:
                yield offset, payload
            else:
                warnings.warn(f"{path}: the event at byte {offset} is damaged", stacklevel=2)


def payload_at(path: Path, offset: int) -> bytes:
    """Return the payload of the record at `offset`, its checksum verified when it was listed."""
    with path.open("rb") as file:
        file.seek(offset)
        length, _ = _HEAD.unpack(file.read(_HEAD.size))
        return file.read(length)


def _checked(file: BinaryIO, length: int) -> bytes | None:
    """Return the payload; empty where its CRC does not fit, None where the file ends before it."""
    payload, crc = file.read(length), file.read(_CRC.size)
    if len(payload) < length or len(crc) < _CRC.size:
        return None
    return payload if _CRC.unpack(crc)[0] == _masked_crc(payload) else b""
