"""Protocol buffers' wire format, as far as a large message is put together from parts.

The library copies a message's bytes into every message around it, and once more to serialise it.
Written one after the other, the parts of a message are that message, and what is set of a nested
message at several places is merged (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from tb_rnngrad.events.tfrecord import Buffer

_LENGTH_DELIMITED: Final = 2


def field(number: int, parts: Sequence[Buffer]) -> list[Buffer]:
    """Return the parts of a field of bytes, text or a message that consists of `parts`."""
    return [_head(number, sum(map(len, parts))), *parts]


@lru_cache(maxsize=1024)  # lengths are the same from step to step
def _head(number: int, length: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(value: int) -> bytes:
    """Return seven bits a byte, the lowest first, the top bit set where more follow."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
