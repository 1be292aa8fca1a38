"""The part of protocol buffers' wire format that puts a large message together from parts.

The protobuf library copies a message's bytes into every enclosing message, and once more to
serialise it. This module relies on two rules of the wire format instead: serialised parts written
one after the other form one message, and a nested message that is set at several places is merged
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from tb_rnngrad.events.tfrecord import Buffer

_LENGTH_DELIMITED: Final = 2


def field(number: int, parts: Sequence[Buffer]) -> list[Buffer]:
    """Return the parts of a field whose value (bytes, text or a message) consists of `parts`."""
    return [_head(number, sum(map(len, parts))), *parts]


@lru_cache(maxsize=1024)  # lengths repeat from step to step
def _head(number: int, length: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(value: int) -> bytes:
    """Return `value` in 7 bits per byte, lowest first; the top bit is set if more bytes follow."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
