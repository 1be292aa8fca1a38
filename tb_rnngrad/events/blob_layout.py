"""One blob: arrays, a JSON that describes them, and a checksum.

All blobs share one layout::

    offset  bytes
    0       4      magic "RNNG"
    4       4      CRC32C (uint32, little-endian) of every byte from offset 8 on
    8       4      n, the length of the JSON (uint32, little-endian)
    12      n      JSON, UTF-8, padded with spaces so that 12 + n is a multiple of 8
    12 + n  ...    the arrays that the JSON's "arrays" lists, raw, little-endian, in its order

Blobs have a checksum because TensorBoard's data server serves a blob with a flipped bit without an
error.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events import schema
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.record import STORED_DTYPES

_MAGIC: Final = b"RNNG"
_PREFIX: Final = struct.Struct("<4sII")
_ALIGNMENT: Final = 8
_BLOB_DTYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {**STORED_DTYPES, "uint8": np.dtype(np.uint8)}
)


def describe(text: bytes) -> bytes:
    """Return a blob's JSON, preceded by its length and followed by padding."""
    text += b" " * (-(_PREFIX.size + len(text)) % _ALIGNMENT)
    return struct.pack("<I", len(text)) + text


def pack(description: bytes, arrays: Iterable[NDArray[np.uint8]]) -> list[Buffer]:
    """Return a blob in parts.

    Args:
        description: what `describe` returned.
        arrays: its arrays, by `little_endian`.
    """
    flat = [array.reshape(-1) for array in arrays]
    checksum = google_crc32c.value(description)
    for array in flat:
        checksum = google_crc32c.extend(checksum, array)
    return [_MAGIC + struct.pack("<I", checksum) + description, *flat]


def little_endian(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the array's bytes as a blob holds them."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).view(np.uint8)


def unpack(blob: bytes) -> dict[str, NDArray[Any]]:
    """Return a blob's arrays by name; they are read-only.

    Raises:
        FormatError: If its checksum or its description is wrong.
    """
    if len(blob) < _PREFIX.size or blob[:4] != _MAGIC:
        raise FormatError(f"not a tb_rnngrad blob: it starts with {bytes(blob[:8])!r}")
    _, checksum, length = _PREFIX.unpack_from(blob)
    actual = google_crc32c.value(bytes(blob[8:]))
    if actual != checksum:
        raise FormatError(
            f"the blob is damaged: its checksum is {actual:#010x}, expected {checksum:#010x}"
        )
    arrays = {}
    offset = _PREFIX.size + length
    for name, array in fields_of(blob, schema.BlobFields).arrays.items():
        dtype = _BLOB_DTYPES[array.dtype].newbyteorder("<")
        count = math.prod(array.shape)
        if count * dtype.itemsize > len(blob) - offset:
            raise FormatError(
                f"the blob's array {name!r} should be {array.dtype} {list(array.shape)}; "
                f"{max(0, len(blob) - offset)} bytes are left for it"
            )
        arrays[name] = np.frombuffer(blob, dtype, count, offset).reshape(array.shape)
        offset += arrays[name].nbytes
    return arrays


_Blob = TypeVar("_Blob", schema.BlobFields, schema.HeaderFields)


def fields_of(blob: bytes, fields: type[_Blob]) -> _Blob:
    """Return the fields of a blob's JSON.

    Raises:
        FormatError: If they are not those of `fields`.
    """
    length = _PREFIX.unpack_from(blob)[2]
    try:
        return schema.decode(blob[_PREFIX.size : _PREFIX.size + length], fields)
    except ValueError as error:
        raise FormatError(f"the blob's description cannot be read: {error}") from error
