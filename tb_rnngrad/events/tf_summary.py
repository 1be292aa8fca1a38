"""`summary.sequence` as a TensorFlow op. Only this module in `events/` imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import flow, quantities, record
from tb_rnngrad.events import metadata
from tb_rnngrad.events.blobs import encode
from tb_rnngrad.events.flow_tensor import with_checksum
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.messages import (
    as_record,
    check_step,
    check_tag,
    flow_metadata,
    metadata_of,
    parts_metadata,
    statistics_of,
    summary_metadata,
    with_norms,
)
from tb_rnngrad.events.metadata import Metadata
from tb_rnngrad.labels import check_keep
from tb_rnngrad.record import SequenceRecord


@tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
def sequence(
    name: str,
    data: Any,
    step: Any,
    quantity: str,
    mask: Any,
    max_outputs: int,
    channel_groups: Mapping[str, int] | None,
    dtype: str,
    description: str | None,
    ids: Any,
    labels: Any,
    keep: str,
    window: int | None,
    norms: bool,
) -> tf.Tensor:
    """Write a record to the default writer; see `tb_rnngrad.summary.sequence`."""
    record.check_max_outputs(max_outputs)
    record.check_stored_dtype(dtype)
    check_keep(keep)
    _check_step(tf.summary.experimental.get_step() if step is None else step)
    tensors: list[Any] = []
    beside: list[str] = []
    if isinstance(data, SequenceRecord):
        whole = as_record(data, quantity, mask, channel_groups, ids, labels, window)
        meta = metadata_of(whole)
    else:
        data = tf.convert_to_tensor(data)
        meta = _metadata_of_tensor(data, quantity, channel_groups, window)
        named = {"mask": mask, "ids": ids, "labels": labels}
        beside = [name for name, value in named.items() if value is not None]
        tensors = [data, *(_as_tensor(named[name]) for name in beside)]

    def rebuild(data: NDArray[Any], *arrays: NDArray[Any]) -> SequenceRecord:
        given = dict(zip(beside, arrays, strict=True))
        return as_record(data, quantity, channel_groups=channel_groups, window=window, **given)

    with tf.summary.experimental.summary_scope(name, "rnngrad", values=tensors) as (tag, _):
        check_tag(tag)
        flows = {tag: meta, **_parts(tag, meta, data)}

        def blobs_and_flows(step: NDArray[np.int64], *arrays: NDArray[Any]) -> list[NDArray[Any]]:
            given = rebuild(*arrays) if tensors else whole
            if norms:
                given = with_norms(given)
            blobs = encode(given, max_outputs, dtype, Logged(tag, int(step)), keep)
            found = statistics_of(given)
            rows = zip(flows, [found.rows, *found.parts.values()], strict=True)
            checked = [with_checksum(own, Logged(name, int(step))) for name, own in rows]
            return [np.array(blobs, dtype=object), *checked]

        def write() -> tf.Tensor:
            at = tf.summary.experimental.get_step() if step is None else step
            if at is None:  # writes nothing without a writer; otherwise TensorFlow raises
                return tf.summary.write(tag, 0, at)
            arguments = [tf.cast(at, tf.int64), *tensors]
            if tf.executing_eagerly():  # so that a bad value raises our error, not TensorFlow's
                # `np.asarray`, since `numpy()` would copy.
                blobs, *statistics = blobs_and_flows(*map(np.asarray, arguments))
            else:
                types = (tf.string, *[tf.float32] * len(flows))
                blobs, *statistics = tf.numpy_function(blobs_and_flows, arguments, types)
            written = tf.summary.write(tag, blobs, at, summary_metadata(meta, description))
            for (name, own), rows in zip(flows.items(), statistics, strict=True):
                flow_tag = name + metadata.FLOW_SUFFIX
                also = tf.summary.write(flow_tag, rows, at, flow_metadata(own))
                written = tf.logical_and(written, also)
            return written

        return tf.cond(tf.summary.should_record_summaries(), write, lambda: tf.constant(False))


def _as_tensor(values: Any) -> tf.Tensor:
    """Return a mask, ids or labels as a tensor; lists of labels may have different lengths."""
    if tf.is_tensor(values) or isinstance(values, np.ndarray) or not _is_ragged(values):
        return tf.convert_to_tensor(values)
    longest = max(map(len, values))
    return tf.constant([[*map(str, one), *[""] * (longest - len(one))] for one in values])


def _is_ragged(values: Any) -> bool:
    lists = [one for one in values if isinstance(one, (list, tuple))]
    return len({len(one) for one in lists}) > 1


def _parts(tag: str, meta: Metadata, data: Any) -> dict[str, Metadata]:
    """Return tag -> metadata for the flow of each part."""
    if len(data.shape) != 3 or data.shape[1] == 1:
        return {}
    return {f"{tag}/{name}": own for name, own in parts_metadata(tag, meta).items()}


def _check_step(step: Any) -> None:
    """Raise unless `step` is an integer, an integer tensor, or None (TensorFlow checks None)."""
    if not tf.is_tensor(step):
        if step is not None:
            check_step("step", step)
    elif not step.dtype.is_integer:
        raise TypeError(
            f"step is a tensor of {step.dtype.name}; expected an integer, the number of training "
            "steps so far"
        )
    elif (known := tf.get_static_value(tf.convert_to_tensor(step))) is not None:  # not in a graph
        check_step("step", known)


def _metadata_of_tensor(
    data: tf.Tensor,
    quantity: str,
    channel_groups: Mapping[str, int] | None,
    window: int | None,
) -> Metadata:
    """Return the metadata of a tensor's tag, using only what is known while a graph is traced."""
    quantities.check_quantity(quantity)
    record.check_rank(data.shape.rank, quantity)
    if not data.dtype.is_floating:
        raise TypeError(f"data has dtype {data.dtype.name}; expected floating point")
    channels = data.shape[-1]
    if channel_groups is not None and channels is not None:
        channel_groups = record.check_channel_groups(channel_groups, channels)
    return Metadata(
        quantity, channel_groups=channel_groups, statistics=flow.STATISTICS, window=window
    )
