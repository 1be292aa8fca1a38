"""TFRecord, the framing of event files, with google-crc32c for speed.

A record is the payload's length (uint64) and the length's CRC (uint32), then the payload and its
CRC (uint32), all little-endian.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final, Protocol, cast

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Buffer = bytes | NDArray[np.uint8]
"""Bytes that can be written without a copy; an array must be flat and contiguous."""


class Readable(Protocol):
    """A file that can be opened, such as a `Path`."""

    def open(self, mode: str, /) -> Any:
        """Open the file; "rb" gives its bytes."""


_HEAD: Final = struct.Struct("<QI")
_LENGTH: Final = struct.Struct("<Q")
_CRC: Final = struct.Struct("<I")
_CRC_DELTA: Final = 0xA282EAD8
_COPIED_TOGETHER: Final = 2**18  # up to this many bytes, a copy costs less than more write calls


def _masked_crc(*parts: Buffer) -> int:
    """Return TFRecord's masked CRC: rotated and offset, so that CRCs of CRCs are sound."""
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return ((crc >> 15 | crc << 17) + _CRC_DELTA) & 0xFFFFFFFF


def frame(payload: Sequence[Buffer]) -> list[Buffer]:
    """Return the parts of one record, to be written one after the other.

    Args:
        payload: the payload in parts, so that large ones need not be copied together.
    """
    length = _LENGTH.pack(sum(map(len, payload)))
    head = length + _CRC.pack(_masked_crc(length))
    parts = joined(payload)
    return [head, *parts, _CRC.pack(_masked_crc(*parts))]


def joined(parts: Sequence[Buffer]) -> Sequence[Buffer]:
    """Return the same bytes in fewer parts: small neighbours are merged, for fast writing."""
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
    """Return all parts as one bytes object."""
    return b"".join(cast("Sequence[bytes]", parts))  # NumPy types arrays as buffers from 3.12 on


def payloads(path: Readable) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the payload of every record of a file.

    Stops without a warning at a half-written last record, since the file may still be growing.
    Skips a damaged payload with a warning. Stops with a warning at a damaged length, because what
    follows cannot be found.
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


def payload_at(path: Readable, offset: int) -> bytes:
    """Return the payload of the record at `offset`; `payloads` has verified its checksum."""
    with path.open("rb") as file:
        file.seek(offset)
        length, _ = _HEAD.unpack(file.read(_HEAD.size))
        return file.read(length)


def _checked(file: BinaryIO, length: int) -> bytes | None:
    """Return the payload; empty if its CRC does not match, None if the file ends too early."""
    payload, crc = file.read(length), file.read(_CRC.size)
    if len(payload) < length or len(crc) < _CRC.size:
        return None
    return payload if _CRC.unpack(crc)[0] == _masked_crc(payload) else b""
