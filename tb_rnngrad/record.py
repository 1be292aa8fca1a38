"""The record: what one logged value holds, and its form on disk.

This is the one place that knows the format; docs/record_format.md describes it for other readers.
A record is a list of blobs: a header, then one blob a kept sample. All blobs share one layout::

    offset  bytes
    0       4      magic "RNNG"
    4       4      CRC32C (uint32, little-endian) of every byte from offset 8 on
    8       4      n, the length of the JSON (uint32, little-endian)
    12      n      JSON, UTF-8, padded with spaces so that 12 + n is a multiple of 8
    12 + n  ...    the arrays that the JSON's "arrays" lists, raw, little-endian, in its order

The checksum is there because TensorBoard's data server hands out a blob with a flipped bit as if
it were whole.
"""

from __future__ import annotations

import json
import math
import reprlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

import google_crc32c
import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tb_rnngrad import _schema, _tfrecord
from tb_rnngrad._tfrecord import Buffer

PLUGIN_NAME: Final = "rnngrad"
FLOW_PLUGIN_NAME: Final = "rnngrad_flow"
FLOW_SUFFIX: Final = "/flow"
# Characters of a tag that TensorBoard's data server writes into its keys as they are, in vain.
UNREACHABLE: Final = r'["\\\x00-\x1f\x7f]'
# The last columns of a flow on disk; see `_flow_tensor`.
CHECKSUM_COLUMNS: Final = ("checksum_high", "checksum_low")

VERSION: Final = "1.0"
_MAGIC: Final = b"RNNG"
_PREFIX: Final = struct.Struct("<4sII")
_ALIGNMENT: Final = 8

FLOAT32: Final = np.dtype(np.float32)
BFLOAT16: Final = np.dtype(ml_dtypes.bfloat16)
STORED_DTYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {"float32": FLOAT32, "bfloat16": BFLOAT16}
)
_BLOB_DTYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {**STORED_DTYPES, "uint8": np.dtype(np.uint8)}
)


DIRECTIONS: Final = ("forward", "backward", "both")


class FormatError(ValueError):
    """Bytes that are no record, a damaged one, or one of a version this reader does not know."""


@dataclass(frozen=True)
class Quantity:
    """What a record's numbers are.

    Attributes:
        title: how the page names it.
        symbol: how a formula names it.
        is_matrix: whether one record is one matrix [rows, channels] without a samples axis
            (weights, Jacobians), not a batch of sequences.
    """

    title: str
    symbol: str
    is_matrix: bool = False


QUANTITIES: Final[Mapping[str, Quantity]] = MappingProxyType(
    {
        "hidden_state_gradient": Quantity("hidden-state gradient", "dL/dh_t"),
        "cell_state_gradient": Quantity("cell-state gradient", "dL/dc_t"),
        "output_gradient": Quantity("output gradient", "dL/dy_t"),
        "input_gradient": Quantity("input gradient", "dL/dx_t"),
        "gate_gradient": Quantity("gate gradient", "dL/da_t"),
        "itemized_gradient": Quantity("itemized gradient", "|dL_t/dh_s|"),
        "weight_gradient": Quantity("weight gradient", "dL/dW", is_matrix=True),
        "hidden_state": Quantity("hidden state", "h_t"),
        "cell_state": Quantity("cell state", "c_t"),
        "activation": Quantity("activation", "y_t"),
        "weight": Quantity("weight", "W", is_matrix=True),
        "state_jacobian": Quantity("state Jacobian", "log10 |dh_t/dx_s|", is_matrix=True),
        "other": Quantity("sequence", "value"),
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class SequenceRecord:
    """One quantity of one layer at one training step; `np.asarray(record)` is its data.

    Attributes:
        data: [samples, timesteps, channels], or [samples, channels] where the layer emits no
            sequence, or [rows, channels] for a quantity that is a matrix. Floating point; NaN and
            Inf are kept. In input time order.
        mask: [samples, timesteps] of bool, True where a timestep is real; None: all are. May be
            given as lengths, [samples] of integers: the first `length` timesteps are real.
        channel_groups: name -> number of channels, in the order of the channels (gates,
            directions); None: one group.
        quantity: a key of `QUANTITIES`.
        layer: the layer's name, or None.
        framework: "keras", "tf_keras", "torch", or None for data from elsewhere.
        flow: [timesteps, len(flow.STATISTICS)] statistics over the whole batch, where they were
            computed before `data` was cut to a few samples; None: computed from `data`.
        batch_size: samples in the whole batch; None: as many as `data` has.
        part_flows: the same of each part's channels (`parts_of`), by its name; None likewise.
        direction: the order in which the layer processes its timesteps: "forward", from the first
            to the last, or "backward" (`go_backwards=True`). Statistics by lag count from where
            the layer ends. The two halves of a Bidirectional layer, told by the channel groups
            "forward" and "backward", have an order each: "backward" then swaps both. "both": the
            sum of two such halves (their input gradient), of which nothing counts by lag.
        details: what else is needed to read the numbers, the same at every step of a tag: JSON
            values by name, such as a Jacobian's "wrt" and "norm" or the "state" that counts as
            hidden.
        backward_passes: how many backward passes of one training step there were: the gradient is
            their plain sum, or that of the last alone where the details have "backward_pass":
            "last".
            None: not known, or not a gradient.

    Raises:
        ValueError: a shape does not fit, the data is empty, the quantity or the direction is
            unknown, or the details cannot be written as JSON.
        TypeError: the data or the mask is of a type that cannot be one.
    """

    data: NDArray[Any]
    mask: NDArray[np.bool_] | None = None
    channel_groups: Mapping[str, int] | None = None
    quantity: str = "hidden_state_gradient"
    layer: str | None = None
    framework: str | None = None
    flow: NDArray[np.float32] | None = None
    batch_size: int | None = None
    direction: str = "forward"
    part_flows: Mapping[str, NDArray[np.float32]] | None = None
    details: Mapping[str, Any] | None = None
    backward_passes: int | None = None

    def __post_init__(self) -> None:
        """Validate, and bring every field to its canonical type."""
        check_quantity(self.quantity)
        check_direction(self.direction)
        check_details(self.details)
        data = as_data(self.data, self.quantity)
        object.__setattr__(self, "data", data)
        if self.mask is not None:
            object.__setattr__(self, "mask", as_mask(self.mask, data.shape))
        if self.channel_groups is not None:
            groups = check_channel_groups(self.channel_groups, data.shape[-1])
            object.__setattr__(self, "channel_groups", groups)

    def __repr__(self) -> str:
        """Return what it is, in one line: no values."""
        axes = "rows x channels" if is_matrix(self.quantity) else "samples x timesteps x channels"
        if self.data.ndim == 2 and not is_matrix(self.quantity):
            axes = "samples x channels"
        size = " x ".join(map(str, self.shape))
        said = [f"{size} ({axes}) {self.data.dtype}"]
        if self.mask is not None:
            said.append(f"{np.count_nonzero(~self.mask)} of {self.mask.size} timesteps padding")
        if self.batch_size not in (None, self.shape[0]) and not is_matrix(self.quantity):
            said.append(f"of a batch of {self.batch_size}")
        if self.channel_groups is not None:
            groups = (f"{name} {count}" for name, count in self.channel_groups.items())
            said.append(f"channels {' + '.join(groups)}")
        if self.direction != "forward":
            said.append(self.direction)
        if self.details is not None:
            said += (f"{name}={reprlib.repr(value)}" for name, value in self.details.items())
        layer = "" if self.layer is None else f" of {self.layer!r}"
        return f"<SequenceRecord {self.quantity}{layer}: {', '.join(said)}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the data alone, for NumPy functions."""
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def sequences(self) -> NDArray[Any]:
        """The data as [samples, timesteps, channels], whatever its rank.

        A matrix is one sample; a record without a time axis has one timestep.
        """
        if self.data.ndim == 3:
            return self.data
        return self.data[np.newaxis] if is_matrix(self.quantity) else self.data[:, np.newaxis]


_WRT: Final[Mapping[str, str]] = MappingProxyType({"input": "dx_s", "state": "dh_s"})
_NORMED: Final[Mapping[str, str]] = MappingProxyType(
    {"fro": "|dh_t/{}|_F", "sum": "|d sum(h_t)/{}|", "spectral": "|dh_t/{}|_2"}
)


def symbol_of(quantity: str, details: Mapping[str, Any] | None) -> str:
    """Return how a formula names a record's numbers; of a Jacobian, as its details say."""
    symbol = QUANTITIES.get(quantity, QUANTITIES["other"]).symbol
    if quantity != "state_jacobian" or not isinstance(details, Mapping):
        return symbol
    by, normed = _WRT.get(str(details.get("wrt"))), _NORMED.get(str(details.get("norm")))
    return symbol if by is None or normed is None else f"log10 {normed.format(by)}"


def is_matrix(quantity: str) -> bool:
    """Whether a record of `quantity` is one matrix, without a samples axis."""
    return QUANTITIES[quantity].is_matrix


def check_quantity(quantity: str) -> None:
    """Raise ValueError unless `quantity` is known."""
    if quantity not in QUANTITIES:
        raise ValueError(f"unknown quantity {quantity!r}; expected one of {', '.join(QUANTITIES)}")


def check_direction(direction: str) -> None:
    """Raise ValueError unless `direction` is one of `DIRECTIONS`."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {direction!r}; expected one of {', '.join(DIRECTIONS)}")


def check_details(details: Mapping[str, Any] | None) -> None:
    """Raise ValueError unless `details` can be written as JSON."""
    if details is None:
        return
    try:
        json.dumps(details, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"details are {details!r}; expected JSON values by name: {error}"
        ) from error


def check_rank(rank: int | None, quantity: str) -> None:
    """Raise ValueError unless data of this rank can be a record of `quantity`."""
    if is_matrix(quantity):
        if rank != 2:
            raise ValueError(
                f"data of quantity {quantity!r} has rank {rank}; expected [rows, channels]"
            )
    elif rank not in (2, 3):
        raise ValueError(
            f"data has rank {rank}; expected [samples, timesteps, channels], "
            "or [samples, channels] where the layer emits no sequence"
        )


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether `dtype` is real floating point, ml_dtypes' bfloat16 included."""
    return bool(np.issubdtype(dtype, np.floating)) or dtype == BFLOAT16


def as_data(data: ArrayLike, quantity: str) -> NDArray[Any]:
    """Return `data` as an array that can be a record's, or say why it cannot."""
    array = np.asarray(data)
    if not is_floating(array.dtype):
        raise TypeError(
            f"data has dtype {array.dtype}; expected floating point "
            "(float16, bfloat16, float32 or float64)"
        )
    check_rank(array.ndim, quantity)
    if array.size == 0:
        raise ValueError(f"data has shape {array.shape}, which holds no value; expected at least 1")
    return array


def as_mask(mask: ArrayLike, data_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return `mask` as [samples, timesteps] of bool; lengths [samples] become such a mask."""
    if len(data_shape) != 3:
        raise ValueError(
            f"data of shape {data_shape} has no time axis, so it takes no mask; "
            "a mask marks the real timesteps of [samples, timesteps, channels]"
        )
    samples, timesteps = data_shape[:2]
    array = np.asarray(mask)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        if array.shape != (samples,):
            raise ValueError(f"mask gives {array.size} lengths; data has {samples} samples")
        if array.min() < 0 or array.max() > timesteps:
            wrong = array[(array < 0) | (array > timesteps)][0]
            raise ValueError(f"mask gives the length {wrong}; expected 0 to {timesteps} timesteps")
        return np.arange(timesteps) < array[:, np.newaxis]
    if array.shape != (samples, timesteps):
        raise ValueError(
            f"mask has shape {array.shape}; expected [samples, timesteps] = "
            f"({samples}, {timesteps}), or lengths [samples] = ({samples},) of integers"
        )
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise TypeError(
            f"mask has dtype {array.dtype} and values other than 0 and 1; expected bool"
        )
    return array.astype(np.bool_, copy=False)


def check_channel_groups(groups: Mapping[str, int], channels: int) -> dict[str, int]:
    """Return the groups as a plain dict, or say why they do not divide `channels`."""
    checked = {str(name): int(size) for name, size in groups.items()}
    empty = [name for name, size in checked.items() if size < 1]
    if empty:
        raise ValueError(
            f"channel group {empty[0]!r} has {checked[empty[0]]} channels; expected 1+"
        )
    if sum(checked.values()) != channels:
        raise ValueError(
            f"channel_groups {checked} name {sum(checked.values())} channels; data has {channels}"
        )
    return checked


def check_stored_dtype(dtype: str) -> np.dtype[Any]:
    """Return the NumPy dtype to store in, or say why it is not offered."""
    if dtype not in STORED_DTYPES:
        why = " (float16 turns gradients under 6e-8 into 0)" if str(dtype) == "float16" else ""
        raise ValueError(f"dtype is {dtype!r}{why}; expected 'float32' or 'bfloat16'")
    return STORED_DTYPES[dtype]


def check_max_outputs(max_outputs: int) -> None:
    """Raise ValueError unless at least one sample is kept."""
    if max_outputs < 1:
        raise ValueError(f"max_outputs is {max_outputs}; expected at least 1 sample to keep")


# --- plugin_data.content: what a tag is ----------------------------------------------------------


@dataclass(frozen=True)
class Metadata:
    """What a tag's records are; the same at every step, since TensorBoard keeps only the first.

    Attributes:
        quantity: as in a `SequenceRecord`, as are the next three, `direction` and `details`.
        layer: the layer's name.
        framework: what it was captured from.
        channel_groups: name -> number of channels.
        statistics: the names of the columns of the tag's flow.
        direction: the order in which the layer processes its timesteps.
        details: what else is needed to read the numbers.
        part_of: the record's tag, where this is the flow of one of its directions or stacked
            cells alone.
    """

    quantity: str
    layer: str | None = None
    framework: str | None = None
    channel_groups: Mapping[str, int] | None = None
    statistics: tuple[str, ...] = ()
    direction: str = "forward"
    details: Mapping[str, Any] | None = None
    part_of: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of `/tags`' "metadata": `plugin_data.content` as users see it."""
        fields: dict[str, Any] = json.loads(self.to_content())
        del fields["checksum"]
        return fields | {"statistics": list(self.statistics)}

    def to_content(self) -> bytes:
        """Return the bytes of `plugin_data.content`.

        Raises:
            FormatError: a field is of a type or size that no reader would take.
        """
        groups = None if self.channel_groups is None else tuple(self.channel_groups.items())
        details = None if self.details is None else json.dumps(self.details)
        return _content(
            self.quantity,
            self.layer,
            self.framework,
            groups,
            self.statistics,
            self.direction,
            details,
            self.part_of,
        )

    @classmethod
    def from_content(cls, content: bytes) -> Metadata:
        """Read `plugin_data.content`.

        Raises:
            FormatError: it is no such content, damaged, or of a major version this reader does not
                know.
        """
        version = _decoded(content, _schema.VersionField).version
        if version.split(".")[0] != VERSION.split(".")[0]:
            raise FormatError(
                f"written in record format {version}; this tb_rnngrad reads {VERSION}: "
                "upgrade tb_rnngrad where TensorBoard runs"
            )
        fields = _decoded(content, _schema.MetadataFields)
        actual = _checksum_of(content)
        if fields.checksum not in (None, actual):
            raise FormatError(
                f"the tag's metadata are damaged: their checksum is {actual}, "
                f"expected {fields.checksum}"
            )
        groups = fields.channel_groups
        names = fields.statistics
        if names[-len(CHECKSUM_COLUMNS) :] == CHECKSUM_COLUMNS:
            names = names[: -len(CHECKSUM_COLUMNS)]
        return cls(
            quantity=fields.quantity,
            layer=fields.layer,
            framework=fields.framework,
            channel_groups=None if groups is None else dict(groups),
            statistics=names,
            direction=fields.direction,
            details=fields.details,
            part_of=fields.part_of,
        )


_Fields = TypeVar("_Fields", _schema.VersionField, _schema.MetadataFields)


def _decoded(content: bytes, fields: type[_Fields]) -> _Fields:
    try:
        return _schema.decode(content, fields)
    except ValueError as error:
        raise FormatError(
            f"plugin content is not tb_rnngrad's: {error}; it starts with {content[:80]!r}"
        ) from error


def _checksum_of(content: bytes) -> str:
    """Return the CRC32C of a JSON object but its checksum, however it is laid out."""
    fields = json.loads(content)
    fields.pop("checksum", None)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{google_crc32c.value(text.encode()):08x}"


@lru_cache(maxsize=1024)  # it is the same at every step
def _content(
    quantity: str,
    layer: str | None,
    framework: str | None,
    channel_groups: tuple[tuple[str, int], ...] | None,
    statistics: tuple[str, ...],
    direction: str,
    details: str | None,
    part_of: str | None,
) -> bytes:
    on_disk = (*statistics, *CHECKSUM_COLUMNS) if statistics else ()
    fields: dict[str, Any] = {
        "version": VERSION,
        "quantity": quantity,
        "layer": layer,
        "framework": framework,
        "channel_groups": channel_groups,
        "time_order": "input",
        "direction": direction,
        "statistics": on_disk,
    }
    if details is not None:
        fields["details"] = json.loads(details)
    if part_of is not None:
        fields["part_of"] = part_of
    fields["checksum"] = _checksum_of(_to_json(fields))
    content = _to_json(fields)
    Metadata.from_content(content)  # nothing is written that would not be read
    return content


# --- blobs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Logged:
    """The event that a value was logged in, which the value repeats: one says if the other lies.

    TensorBoard's data server does not notice a flipped bit in an event's step, say.

    Attributes:
        tag: the value's.
        step: the event's; None: not known to the writer.
        wall_time: likewise.
    """

    tag: str | None = None
    step: int | None = None
    wall_time: float | None = None

    def check(self, found: Logged) -> None:
        """Raise FormatError where the value was found in another event."""
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
        shape: of the whole batch, before samples were dropped.
        batch: samples in the whole batch; 1 where the record is a matrix.
        dtype: that the samples are stored in.
        kept: number of samples that follow.
        mask: [kept, timesteps] of bool, or None where every timestep is real.
        extremes: [kept, 2] float32, the least and the greatest finite value of each kept sample
            at real timesteps; NaN where it has none.
        flushed: values that were not 0 and are 0 in the stored dtype, over the kept samples.
        overflowed: finite values that are infinite in the stored dtype, likewise.
        backward_passes: as in a `SequenceRecord`.
        logged: the event that it was written into, as far as the writer knew it.
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
        """Bytes its arrays hold."""
        return self.extremes.nbytes + (0 if self.mask is None else self.mask.nbytes)

    @property
    def sample_shape(self) -> tuple[int, int]:
        """[timesteps, channels] of each sample; [rows, channels] of a matrix."""
        *leading, channels = self.shape
        whole_matrix = len(leading) == 1 and self.batch == 1
        return (leading[-1] if len(leading) == 2 or whole_matrix else 1), channels

    def check(self, metadata: Metadata, blobs: int, logged: Logged) -> None:
        """Raise FormatError where the header contradicts what is said of the record elsewhere.

        Args:
            metadata: of the tag.
            blobs: the number of the record's blobs, this one included.
            logged: the event that the record was found in.
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
        """Return whether it can only be a matrix, or only a batch; `expected` where either."""
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
        record: what to write.
        max_outputs: samples to keep.
        dtype: "float32" or "bfloat16".
        logged: the event that it will be in, as far as it is known.

    Raises:
        ValueError: `max_outputs` is below 1, or `dtype` is neither "float32" nor "bfloat16".
    """
    return [_tfrecord.whole(parts) for parts in encode_in_parts(record, max_outputs, dtype, logged)]


def encode_in_parts(
    record: SequenceRecord,
    max_outputs: int = 4,
    dtype: str = "float32",
    logged: Logged | None = None,
) -> list[list[Buffer]]:
    """Return what `encode` returns, each blob in parts that may be views of the record's data.

    A copy of a large record costs as much as all its checksums.
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
    header = _describe(text[:-1] + b"," + _to_json(own)[1:] if own else text)
    sample = _sample_description(data.dtype, data.shape[1:])
    return [_pack(header, arrays), *(_pack(sample, [one]) for one in _little_endian(data))]


def decode_header(blob: bytes) -> Header:
    """Read a record's first blob.

    Raises:
        FormatError: it is damaged or no header.
    """
    arrays = _unpack(blob)
    if "extremes" not in arrays:
        raise FormatError("the blob is a sample, not a record's header")
    fields = _fields(blob, _schema.HeaderFields)
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
    """Read one sample, [timesteps, channels], in its stored dtype; the array is read-only.

    Args:
        blob: the sample's.
        header: of the record that it should belong to; None: unknown.

    Raises:
        FormatError: it is damaged, no sample, or not of such a record.
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
    """Raise FormatError where the parts of a header contradict each other."""
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
    """Return [samples, 2]: the least and greatest finite real value of each sample."""
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
    """Return [rows, 2]: the least and the greatest of each row, NaN where it holds one."""
    bounds = np.empty((len(values), 2), np.float32)
    with np.errstate(invalid="ignore"):  # NaN among them is an answer, not a mishap
        bounds[:, 0] = values.min(axis=1)
        bounds[:, 1] = values.max(axis=1)
    return bounds


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _to_json(fields: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(fields).encode()


# Descriptions are mostly the same from step to step: made once.


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
    return _to_json(
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
    return _describe(_to_json({"arrays": {"data": {"dtype": dtype.name, "shape": shape}}}))


def _describe(text: bytes) -> bytes:
    """Return a blob's JSON with its length before it and padding after it."""
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
    """Return a blob's arrays by name, its checksum and its description verified."""
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
    for name, array in _fields(blob, _schema.BlobFields).arrays.items():
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


_Blob = TypeVar("_Blob", _schema.BlobFields, _schema.HeaderFields)


def _fields(blob: bytes, fields: type[_Blob]) -> _Blob:
    """Return a blob's JSON."""
    length = _PREFIX.unpack_from(blob)[2]
    try:
        return _schema.decode(blob[_PREFIX.size : _PREFIX.size + length], fields)
    except ValueError as error:
        raise FormatError(f"the blob's description cannot be read: {error}") from error
