"""Serialises records, flows and scalars as protobuf summaries, in parts that need no copying."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_BLOB_SEQUENCE,
    DATA_CLASS_SCALAR,
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING

from tb_rnngrad import flow, quantities
from tb_rnngrad.events import protobuf
from tb_rnngrad.events.blobs import encode_in_parts
from tb_rnngrad.events.flow_tensor import with_checksum
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import (
    FLOW_PLUGIN_NAME,
    FLOW_SUFFIX,
    PLUGIN_NAME,
    UNREACHABLE,
    Metadata,
)
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.flow import Statistics
from tb_rnngrad.norm_table import check_cells, norm_table
from tb_rnngrad.parts import parts_of
from tb_rnngrad.record import SequenceRecord

DEFAULT_QUANTITY = "hidden_state_gradient"
_SCALAR_METADATA: Final = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"), data_class=DATA_CLASS_SCALAR
)


def serialised(
    whole: SequenceRecord,
    max_outputs: int,
    dtype: str,
    description: str | None,
    logged: Logged,
    keep: str = "first",
) -> tuple[Metadata, list[Buffer]]:
    """Return the metadata of the record's tag, and the bytes of its `Summary` in parts.

    The parts may be views of the record's data. They save copies: the protobuf library copies all
    samples into every enclosing message. `logged` holds the tag and what is known about the event.
    """
    tag = logged.tag or ""
    check_tag(tag)
    meta = metadata_of(whole)
    blobs = encode_in_parts(whole, max_outputs, dtype, logged, keep)
    number = TensorProto.STRING_VAL_FIELD_NUMBER
    strings = [part for blob in blobs for part in protobuf.field(number, blob)]
    head = _record_head(tag, meta.to_content(), description or "", len(blobs))
    return meta, [*_value(head, strings), *serialised_flows(statistics_of(whole), meta, logged)]


def serialised_flows(found: Statistics, meta: Metadata, logged: Logged) -> list[Buffer]:
    """Return the bytes, in parts, of a `Summary` of a record's flow and the flow of each part.

    Args:
        found: the statistics of the record and its parts.
        meta: the record's metadata.
        logged: the record's tag, and what is known about the event.
    """
    serialised = serialised_flow(found.rows, meta, logged)
    tag = logged.tag or ""
    metas = parts_metadata(tag, meta)
    for name, rows in found.parts.items():
        serialised += serialised_flow(rows, metas[name], replace(logged, tag=f"{tag}/{name}"))
    return serialised


def parts_metadata(tag: str, meta: Metadata) -> dict[str, Metadata]:
    """Return name of a part -> metadata of its flow."""
    return {
        part.name: replace(
            meta, channel_groups=part.channel_groups, direction=part.direction, part_of=tag
        )
        for part in parts_of(meta.channel_groups, meta.direction)
    }


def serialised_flow(rows: ArrayLike, meta: Metadata, logged: Logged) -> list[Buffer]:
    """Return the bytes, in parts, of a `Summary` of flow statistics, [timesteps, statistics].

    `logged` holds the tag of the record or the part, and what is known about the event.
    """
    statistics = with_checksum(rows, logged)
    tag = f"{logged.tag}{FLOW_SUFFIX}"
    head = _flow_head(tag, meta.to_content(), statistics.shape)
    content = protobuf.field(TensorProto.TENSOR_CONTENT_FIELD_NUMBER, [statistics.tobytes()])
    return _value(head, content)


def _value(head: bytes, tensor: Sequence[Buffer]) -> list[Buffer]:
    """Return the parts of a summary value: its head, then the rest of its tensor."""
    more = protobuf.field(Summary.Value.TENSOR_FIELD_NUMBER, tensor)
    return protobuf.field(Summary.VALUE_FIELD_NUMBER, [head, *more])


@lru_cache(maxsize=1024)
def _record_head(tag: str, content: bytes, description: str, blobs: int) -> bytes:
    value = Summary.Value(
        tag=tag,
        metadata=_summary_metadata(PLUGIN_NAME, content, description, DATA_CLASS_BLOB_SEQUENCE),
    )
    value.tensor.dtype = DT_STRING
    value.tensor.tensor_shape.dim.add(size=blobs)
    return value.SerializeToString()


@lru_cache(maxsize=1024)
def _flow_head(tag: str, content: bytes, shape: tuple[int, ...]) -> bytes:
    metadata = _summary_metadata(FLOW_PLUGIN_NAME, content, "", DATA_CLASS_TENSOR)
    value = Summary.Value(tag=tag, metadata=metadata)
    value.tensor.dtype = DT_FLOAT
    for size in shape:
        value.tensor.tensor_shape.dim.add(size=size)
    return value.SerializeToString()


def serialised_scalar(tag: str, value: float) -> list[Buffer]:
    """Return the bytes, in parts, of a `Summary` of one scalar in TensorBoard's own format."""
    return _value(_scalar_head(tag), [TensorProto(float_val=[value]).SerializeToString()])


@lru_cache(maxsize=1024)
def _scalar_head(tag: str) -> bytes:
    value = Summary.Value(tag=tag, metadata=_SCALAR_METADATA)
    value.tensor.dtype = DT_FLOAT
    head: bytes = value.SerializeToString()
    return head


def as_record(
    data: ArrayLike | SequenceRecord,
    quantity: str = DEFAULT_QUANTITY,
    mask: ArrayLike | None = None,
    channel_groups: Mapping[str, int] | None = None,
    ids: Any = None,
    labels: Any = None,
    window: int | None = None,
) -> SequenceRecord:
    """Return `data` as a record; the other arguments are for a bare array only.

    Raises:
        ValueError, TypeError: If the record would be invalid (see `SequenceRecord`), or if `data`
            is a record and another argument is given too.
    """
    if isinstance(data, SequenceRecord):
        beside = {"mask": mask, "channel_groups": channel_groups}
        beside |= {"ids": ids, "labels": labels, "window": window}
        _check_record_alone(data, quantity, beside)
        return data
    return SequenceRecord(
        cast("NDArray[Any]", data),
        cast("Any", mask),
        channel_groups,
        quantity=quantity,
        ids=ids,
        labels=labels,
        window=window,
    )


def with_norms(whole: SequenceRecord) -> SequenceRecord:
    """Return the record with the norms of all of its samples.

    Raises:
        ValueError: If the record is a matrix or was cut to a few samples before, or if its table is
            too large.
    """
    if quantities.is_matrix(whole.quantity) or whole.batch_size not in (None, len(whole.data)):
        raise ValueError(f"norms need all samples of a batch of sequences; got {whole!r}")
    sequences = whole.sequences
    check_cells(*sequences.shape[:2])
    return replace(whole, norms=norm_table(sequences, whole.mask))


def metadata_of(whole: SequenceRecord) -> Metadata:
    """Return the metadata of the tag of `whole`."""
    return Metadata(
        whole.quantity,
        whole.layer,
        whole.framework,
        whole.channel_groups,
        flow.STATISTICS,
        whole.direction,
        whole.details,
        window=whole.window,
    )


def statistics_of(whole: SequenceRecord) -> Statistics:
    """Return the flow statistics that `whole` brings, or else those of its data."""
    if whole.flow is not None:
        return Statistics(np.asarray(flow.as_rows(whole.flow), np.float32), whole.part_flows or {})
    has_parts = whole.data.ndim == 3 and not quantities.is_matrix(whole.quantity)
    groups = whole.channel_groups if has_parts else None
    return flow.statistics_of_each([whole.sequences], [whole.mask], groups, whole.direction)[0]


def _check_record_alone(whole: SequenceRecord, quantity: str, beside: Mapping[str, Any]) -> None:
    given = {"quantity": quantity if quantity != DEFAULT_QUANTITY else None, **beside}
    for argument, value in given.items():
        if value is not None:
            raise ValueError(
                f"{argument} was given beside a SequenceRecord, which brings its own "
                f"(quantity {whole.quantity!r}); pass {argument} with a bare array only"
            )


def check_step(argument: str, step: object) -> int:
    """Return the training step as an integer.

    Args:
        argument: the caller's name for the step, used in error messages.
        step: any integer: a Python int, a NumPy integer, or a tensor that holds one.

    Raises:
        TypeError: If `step` is not an integer. A float is refused even if its value is whole.
        ValueError: If `step` is negative or exceeds int64.
    """
    try:
        number = operator.index(step)  # type: ignore[arg-type]  # this is what it is asked for
    except TypeError:
        raise TypeError(
            f"{argument} is {step!r} ({type(step).__name__}); expected an integer, the number of "
            "training steps so far"
        ) from None
    if not 0 <= number < 2**63:
        raise ValueError(f"{argument} is {number}; expected 0 or more, as an int64")
    return number


def check_tag(tag: str) -> None:
    """Raise ValueError unless `tag` can name a record."""
    if not tag:
        raise ValueError("the tag is empty; expected a name such as 'lstm_1'")
    unreachable = re.search(UNREACHABLE, tag)
    if unreachable:
        raise ValueError(
            f"the tag {tag!r} holds {unreachable[0]!r}; expected a name without quotes, "
            "backslashes and control characters, which TensorBoard's fast loader cannot fetch"
        )
    if tag.endswith(FLOW_SUFFIX):
        raise ValueError(
            f"the tag {tag!r} ends in {FLOW_SUFFIX!r}, which is kept for the statistics of "
            f"the tag {tag.removesuffix(FLOW_SUFFIX)!r}; expected another name"
        )


def summary_metadata(meta: Metadata, description: str | None) -> SummaryMetadata:
    """Return the summary metadata of a record.

    Write it on every event: TensorBoard reads only the tag's first event, whichever that is.
    """
    return _summary_metadata(
        PLUGIN_NAME, meta.to_content(), description or "", DATA_CLASS_BLOB_SEQUENCE
    )


def flow_metadata(meta: Metadata) -> SummaryMetadata:
    """Return the summary metadata of a record's flow."""
    return _summary_metadata(FLOW_PLUGIN_NAME, meta.to_content(), "", DATA_CLASS_TENSOR)


def _summary_metadata(
    plugin: str, content: bytes, description: str, data_class: int
) -> SummaryMetadata:
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content),
        summary_description=description,
        data_class=data_class,
    )
