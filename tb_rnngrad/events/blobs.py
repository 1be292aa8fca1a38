"""Encodes a record as bytes and decodes it again.

A record is a list of blobs: a header, then one blob for each sample that is kept. Only this module,
`header` and `blob_layout` know the format; docs/reference/record_format.md describes it for other
readers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events import schema, tfrecord
from tb_rnngrad.events.blob_layout import describe, fields_of, little_endian, pack, unpack
from tb_rnngrad.events.header import Header, Logged
from tb_rnngrad.events.metadata import FormatError, to_json
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.labels import Ids, Labels, check_keep, kept_samples, labels_at
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import BFLOAT16, SequenceRecord, check_max_outputs, check_stored_dtype


def encode(
    record: SequenceRecord,
    max_outputs: int = 4,
    dtype: str = "float32",
    logged: Logged | None = None,
    keep: str = "first",
) -> list[bytes]:
    """Return the record's blobs: a header, then `max_outputs` samples.

    Args:
        record: the record to encode.
        max_outputs: number of samples to keep.
        dtype: "float32" or "bfloat16".
        logged: the event that will hold the record; unknown fields are None.
        keep: which samples to keep: "first", "largest" or "random".

    Raises:
        ValueError: If `max_outputs` is below 1, `dtype` is neither "float32" nor "bfloat16", or
            `keep` is unknown.
    """
    parts = encode_in_parts(record, max_outputs, dtype, logged, keep)
    return [tfrecord.whole(one) for one in parts]


def encode_in_parts(
    record: SequenceRecord,
    max_outputs: int = 4,
    dtype: str = "float32",
    logged: Logged | None = None,
    keep: str = "first",
) -> list[list[Buffer]]:
    """Return the blobs of `encode` as lists of parts, which may be views of the record's data.

    This avoids a copy: copying a large record takes as long as computing all its checksums.
    """
    stored = check_stored_dtype(dtype)
    check_max_outputs(max_outputs)
    check_keep(keep)
    record = _kept(record, max_outputs, keep, None if logged is None else logged.step)
    source = record.sequences
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(source.astype(stored, copy=False))
    kept = data.shape[0]
    mask = record.mask
    shape, batch = list(record.shape), 1
    if not is_matrix(record.quantity):
        shape[0] = batch = record.batch_size or shape[0]
    narrowed = source.dtype.itemsize > stored.itemsize
    flushed = int(np.sum((data == 0) & (source != 0))) if narrowed else 0
    overflowed = int(np.sum(np.isinf(data) & np.isfinite(source))) if narrowed else 0
    arrays: list[NDArray[Any]] = [little_endian(_extremes(data, mask))]
    if mask is not None:
        arrays.append(mask.astype(np.uint8))
    named = {
        name: _json_array(names)
        for name, names in (("ids", record.ids), ("labels", record.labels))
        if names is not None
    }
    if record.norms is not None:
        with np.errstate(over="ignore"):
            arrays.append(little_endian(record.norms.astype(BFLOAT16)))
    arrays += named.values()
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
        record.samples,
        None if record.norms is None else record.norms.shape,
        tuple((name, array.size) for name, array in named.items()),
    )
    own = {} if logged is None else {k: v for k, v in vars(logged).items() if v is not None}
    header = describe(text[:-1] + b"," + to_json(own)[1:] if own else text)
    sample = _sample_description(data.dtype, data.shape[1:])
    return [pack(header, arrays), *(pack(sample, [one]) for one in little_endian(data))]


def _kept(record: SequenceRecord, count: int, keep: str, step: int | None) -> SequenceRecord:
    """Return the record of the samples to keep, whose `samples` says which they are."""
    if is_matrix(record.quantity):
        return record
    chosen = kept_samples(record.sequences, record.mask, keep, count, step)
    if chosen is None and count >= len(record.data):
        return record
    at = slice(count) if chosen is None else chosen
    places = range(count) if chosen is None else chosen
    before = record.samples
    samples = chosen if before is None else [before[place] for place in places]
    return replace(
        record,
        data=record.data[at],
        mask=None if record.mask is None else record.mask[at],
        labels=None if record.labels is None else labels_at(record.labels, places),
        samples=None if samples is None else tuple(samples),
        batch_size=record.batch_size or len(record.data),
    )


def _json_array(names: Ids | Labels) -> NDArray[np.uint8]:
    return np.frombuffer(msgspec.json.encode(names), np.uint8)


def _names(array: NDArray[Any] | None, fields: Any, what: str) -> Any:
    """Return the names that one of a header's arrays holds as JSON; None if it has no such array.

    Raises:
        FormatError: If they are something else.
    """
    if array is None:
        return None
    try:
        return msgspec.json.decode(array.tobytes(), type=fields)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"the header's {what} cannot be read: {error}") from error


def decode_header(blob: bytes) -> Header:
    """Return the header that a record's first blob holds.

    Raises:
        FormatError: If the blob is damaged or is not a header.
    """
    arrays = unpack(blob)
    if "extremes" not in arrays:
        raise FormatError("the blob is a sample, not a record's header")
    fields = fields_of(blob, schema.HeaderFields)
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
        ids=_names(arrays.get("ids"), schema.NamedSamples, "ids"),
        labels=_names(arrays.get("labels"), schema.NamedTimesteps, "labels"),
        samples=fields.samples,
        norms=arrays.get("norms"),
    )
    header.check_own_agreement()
    return header


def decode_sample(blob: bytes, header: Header | None = None) -> NDArray[Any]:
    """Return one sample, [timesteps, channels], in its stored dtype; the array is read-only.

    Args:
        blob: the sample's blob.
        header: the header of the record that the sample should belong to; None to skip the check.

    Raises:
        FormatError: If the blob is damaged, is not a sample, or does not fit `header`.
    """
    arrays = unpack(blob)
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
    samples: tuple[int, ...] | None,
    norms: tuple[int, ...] | None,
    named: tuple[tuple[str, int], ...],
) -> bytes:
    arrays: dict[str, Any] = {"extremes": {"dtype": "float32", "shape": [kept, 2]}}
    if is_masked:
        arrays["mask"] = {"dtype": "uint8", "shape": [kept, timesteps]}
    if norms is not None:
        arrays["norms"] = {"dtype": "bfloat16", "shape": norms}
    for name, size in named:
        arrays[name] = {"dtype": "uint8", "shape": [size]}
    more = {} if samples is None else {"samples": samples}
    return to_json(
        more
        | {
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
    return describe(to_json({"arrays": {"data": {"dtype": dtype.name, "shape": shape}}}))
