"""Encodes a record as bytes and decodes it again.

Only this module knows the format; docs/reference/record_format.md describes it for other readers.
A record is a list of blobs: a header, then one blob for each sample that is kept. All blobs share
one layout::

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
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events import schema, tfrecord
from tb_rnngrad.events.metadata import FormatError, Metadata, to_json
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.quantities import QUANTITIES, is_matrix
from tb_rnngrad.record import (
    FLOAT32,
    STORED_DTYPES,
    SequenceRecord,
    check_max_outputs,
    check_stored_dtype,
)

_MAGIC: Final = b"RNNG"
_PREFIX: Final = struct.Struct("<4sII")
_ALIGNMENT: Final = 8
_BLOB_DTYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {**STORED_DTYPES, "uint8": np.dtype(np.uint8)}
)


@dataclass(frozen=True)
class Logged:
    """The tag, step and wall time of the event in which a value was logged.

    The value repeats them, so that a reader notices when either copy is damaged. TensorBoard's data
    server does not notice a flipped bit in an event's step, for example.

    Attributes:
        tag: the value's tag.
        step: the event's step; None if the writer did not know it.
        wall_time: the event's wall time; None if the writer did not know it.
    """

    tag: str | None = None
    step: int | None = None
    wall_time: float | None = None

    def check(self, found: Logged) -> None:
        """Raise FormatError if the value was found in another event."""
        for what, own in vars(self).items():
            listed = getattr(found, what)
            if own is not None and listed is not None and own != listed:
                raise FormatError(
                    f"it was logged with the {what.replace('_', ' ')} {own!r}, but its event says "
                    f"{listed!r}: one of them is damaged"
                )


@dataclass(frozen=True, eq=False)
class Header:
    """A record's first blob.

    Attributes:
        shape: shape of the whole batch, before samples were dropped.
        batch: number of samples in the whole batch; 1 if the record is a matrix.
        dtype: the dtype in which the samples are stored.
        kept: number of samples that follow.
        mask: [kept, timesteps] of bool, or None if every timestep is real.
        extremes: [kept, 2] float32, the smallest and the largest finite value of each kept sample
            at real timesteps; NaN if a sample has none.
        flushed: number of nonzero values in the kept samples that became 0 in the stored dtype.
        overflowed: number of finite values in the kept samples that became infinite in it.
        backward_passes: as in a `SequenceRecord`.
        logged: the event that holds the record; fields that the writer did not know are None.
    """

    shape: tuple[int, ...]
    batch: int
    dtype: str
    kept: int
    mask: NDArray[np.bool_] | None
    extremes: NDArray[np.float32]
    flushed: int
    overflowed: int
    backward_passes: int | None = None
    logged: Logged = Logged()

    @property
    def nbytes(self) -> int:
        """The size of its arrays in bytes."""
        return self.extremes.nbytes + (0 if self.mask is None else self.mask.nbytes)

    @property
    def sample_shape(self) -> tuple[int, int]:
        """[timesteps, channels] of each sample; [rows, channels] for a matrix."""
        *leading, channels = self.shape
        whole_matrix = len(leading) == 1 and self.batch == 1
        return (leading[-1] if len(leading) == 2 or whole_matrix else 1), channels

    def check(self, metadata: Metadata, blobs: int, logged: Logged) -> None:
        """Raise FormatError if the header contradicts the tag's metadata, the blobs or the event.

        Args:
            metadata: the tag's metadata.
            blobs: the number of the record's blobs, including this one.
            logged: the event in which the record was found.
        """
        if blobs != self.kept + 1:
            raise FormatError(
                f"its header says that it keeps {self.kept} samples; it has {blobs - 1}"
            )
        quantity = QUANTITIES.get(metadata.quantity)
        if quantity is not None and quantity.is_matrix != self._is_matrix(quantity.is_matrix):
            raise FormatError(
                f"its tag is of the quantity {metadata.quantity!r}; its header gives the shape "
                f"{list(self.shape)} and a batch of {self.batch}"
            )
        groups = metadata.channel_groups
        if groups is not None and sum(groups.values()) != self.shape[-1]:
            raise FormatError(
                f"its tag's channel groups have {sum(groups.values())} channels; its header says "
                f"{self.shape[-1]}"
            )
        self.logged.check(logged)

    def _is_matrix(self, expected: bool) -> bool:
        """Return whether the shape is a matrix's; `expected` if it could also be a batch's."""
        if len(self.shape) == 3 or self.batch != 1:
            return False
        return expected if self.shape[0] == 1 else True


def encode(
    record: SequenceRecord,
    max_outputs: int = 4,
    dtype: str = "float32",
    logged: Logged | None = None,
) -> list[bytes]:
    """Return the record's blobs: a header, then the first `max_outputs` samples.

    Args:
        record: the record to encode.
        max_outputs: number of samples to keep.
        dtype: "float32" or "bfloat16".
        logged: the event that will hold the record; unknown fields are None.

    Raises:
        ValueError: If `max_outputs` is below 1, or `dtype` is neither "float32" nor "bfloat16".
    """
    return [tfrecord.whole(parts) for parts in encode_in_parts(record, max_outputs, dtype, logged)]


def encode_in_parts(
    record: SequenceRecord,
    max_outputs: int = 4,
    dtype: str = "float32",
    logged: Logged | None = None,
) -> list[list[Buffer]]:
    """Return the blobs of `encode` as lists of parts, which may be views of the record's data.

    This avoids a copy: copying a large record takes as long as computing all its checksums.
    """
    stored = check_stored_dtype(dtype)
    check_max_outputs(max_outputs)
    source = record.sequences[:max_outputs]
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(source.astype(stored, copy=False))
    kept = data.shape[0]
    mask = None if record.mask is None else record.mask[:kept]
    shape, batch = list(record.shape), 1
    if not is_matrix(record.quantity):
        shape[0] = batch = record.batch_size or shape[0]
    narrowed = source.dtype.itemsize > stored.itemsize
    flushed = int(np.sum((data == 0) & (source != 0))) if narrowed else 0
    overflowed = int(np.sum(np.isinf(data) & np.isfinite(source))) if narrowed else 0
    arrays: list[NDArray[Any]] = [_little_endian(_extremes(data, mask))]
    if mask is not None:
        arrays.append(mask.astype(np.uint8))
    text = _header_json(
        tuple(shape),
        batch,
        dtype,
        kept,
        flushed,
        overflowed,
        record.backward_passes,
        mask is not None,
        data.shape[1],
    )
    own = {} if logged is None else {k: v for k, v in vars(logged).items() if v is not None}
    header = _describe(text[:-1] + b"," + to_json(own)[1:] if own else text)
    sample = _sample_description(data.dtype, data.shape[1:])
    return [_pack(header, arrays), *(_pack(sample, [one]) for one in _little_endian(data))]


def decode_header(blob: bytes) -> Header:
    """Return the header that a record's first blob holds.

    Raises:
        FormatError: If the blob is damaged or is not a header.
    """
    arrays = _unpack(blob)
    if "extremes" not in arrays:
        raise FormatError("the blob is a sample, not a record's header")
    fields = _fields(blob, schema.HeaderFields)
    header = Header(
        shape=fields.shape,
        batch=fields.batch,
        dtype=fields.dtype,
        kept=fields.kept,
        mask=arrays["mask"].astype(np.bool_) if "mask" in arrays else None,
        extremes=arrays["extremes"],
        flushed=fields.flushed,
        overflowed=fields.overflowed,
        backward_passes=fields.backward_passes,
        logged=Logged(fields.tag, fields.step, fields.wall_time),
    )
    _check_own_agreement(header)
    return header


def decode_sample(blob: bytes, header: Header | None = None) -> NDArray[Any]:
    """Return one sample, [timesteps, channels], in its stored dtype; the array is read-only.

    Args:
        blob: the sample's blob.
        header: the header of the record that the sample should belong to; None to skip the check.

    Raises:
        FormatError: If the blob is damaged, is not a sample, or does not fit `header`.
    """
    arrays = _unpack(blob)
    if "data" not in arrays:
        raise FormatError("the blob is a record's header, not a sample")
    data = arrays["data"]
    if data.ndim != 2 or 0 in data.shape:
        raise FormatError(f"the sample has shape {data.shape}; expected [timesteps, channels]")
    if header is not None and (data.shape, data.dtype.name) != (header.sample_shape, header.dtype):
        raise FormatError(
            f"the sample is {data.dtype.name} {list(data.shape)}; its record's header says "
            f"{header.dtype} {list(header.sample_shape)}"
        )
    return data


def _check_own_agreement(header: Header) -> None:
    """Raise FormatError if the fields of a header contradict each other."""
    *leading, _ = header.shape
    if header.batch != leading[0] and (len(leading) == 2 or header.batch != 1):
        raise FormatError(
            f"the header says that a batch of shape {list(header.shape)} has {header.batch} samples"
        )
    if header.kept > header.batch:
        raise FormatError(f"the header says that {header.kept} of {header.batch} samples are kept")
    if header.extremes.shape != (header.kept, 2) or header.extremes.dtype != FLOAT32:
        raise FormatError(
            f"the header's extremes are {header.extremes.dtype} {list(header.extremes.shape)}; "
            f"expected float32 {[header.kept, 2]}"
        )
    if header.mask is not None:
        expected = (header.kept, header.shape[1])
        if len(leading) != 2 or header.mask.shape != expected:
            raise FormatError(
                f"the header's mask has shape {list(header.mask.shape)}; expected {list(expected)} "
                "or none without a time axis"
            )


def _extremes(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return [samples, 2]: each sample's smallest and largest finite value at real timesteps."""
    extremes = _bounds(data.reshape(len(data), -1))
    if mask is None and np.isfinite(extremes).all():
        return extremes
    is_padded = False if mask is None else ~mask.all(axis=1)
    for index in np.flatnonzero(is_padded | ~np.isfinite(extremes).all(axis=1)):
        real = data[index] if mask is None else data[index][mask[index]]
        real = real[np.isfinite(real)]
        extremes[index] = _bounds(real[np.newaxis])[0] if real.size else np.nan
    return extremes


def _bounds(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return [rows, 2]: the smallest and the largest value of each row; NaN if it holds a NaN."""
    bounds = np.empty((len(values), 2), np.float32)
    with np.errstate(invalid="ignore"):  # NaN is a valid result here
        bounds[:, 0] = values.min(axis=1)
        bounds[:, 1] = values.max(axis=1)
    return bounds


@lru_cache(maxsize=1024)
def _header_json(
    shape: tuple[int, ...],
    batch: int,
    dtype: str,
    kept: int,
    flushed: int,
    overflowed: int,
    backward_passes: int | None,
    is_masked: bool,
    timesteps: int,
) -> bytes:
    arrays: dict[str, Any] = {"extremes": {"dtype": "float32", "shape": [kept, 2]}}
    if is_masked:
        arrays["mask"] = {"dtype": "uint8", "shape": [kept, timesteps]}
    return to_json(
        {
            "shape": shape,
            "batch": batch,
            "dtype": dtype,
            "kept": kept,
            "flushed": flushed,
            "overflowed": overflowed,
            "backward_passes": backward_passes,
            "arrays": arrays,
        }
    )


@lru_cache(maxsize=1024)
def _sample_description(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return _describe(to_json({"arrays": {"data": {"dtype": dtype.name, "shape": shape}}}))


def _describe(text: bytes) -> bytes:
    """Return a blob's JSON, preceded by its length and followed by padding."""
    text += b" " * (-(_PREFIX.size + len(text)) % _ALIGNMENT)
    return struct.pack("<I", len(text)) + text


def _pack(description: bytes, arrays: Iterable[NDArray[np.uint8]]) -> list[Buffer]:
    flat = [array.reshape(-1) for array in arrays]
    checksum = google_crc32c.value(description)
    for array in flat:
        checksum = google_crc32c.extend(checksum, array)
    return [_MAGIC + struct.pack("<I", checksum) + description, *flat]


def _little_endian(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).view(np.uint8)


def _unpack(blob: bytes) -> dict[str, NDArray[Any]]:
    """Verify a blob's checksum and description, and return its arrays by name."""
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
    for name, array in _fields(blob, schema.BlobFields).arrays.items():
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


def _fields(blob: bytes, fields: type[_Blob]) -> _Blob:
    """Return the fields of a blob's JSON."""
    length = _PREFIX.unpack_from(blob)[2]
    try:
        return schema.decode(blob[_PREFIX.size : _PREFIX.size + length], fields)
    except ValueError as error:
        raise FormatError(f"the blob's description cannot be read: {error}") from error
