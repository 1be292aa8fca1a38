"""`summary.sequence` in terms of TensorFlow; the one module here that imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import flow, record
from tb_rnngrad.record import Metadata, SequenceRecord
from tb_rnngrad.summary import (
    as_record,
    check_tag,
    flow_metadata,
    metadata_of,
    statistics_of,
    summary_metadata,
)


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
) -> tf.Tensor:
    """Write a record to the default writer; see `tb_rnngrad.summary.sequence`."""
    record.check_max_outputs(max_outputs)
    record.check_stored_dtype(dtype)
    tensors: list[Any] = []
    if isinstance(data, SequenceRecord):
        whole = as_record(data, quantity, mask, channel_groups)
        meta = metadata_of(whole)
    else:
        data = tf.convert_to_tensor(data)
        meta = _metadata_of_tensor(data, quantity, channel_groups)
        tensors = [data] if mask is None else [data, tf.convert_to_tensor(mask)]

    def rebuild(data: NDArray[Any], mask: NDArray[Any] | None = None) -> SequenceRecord:
        return as_record(data, quantity, mask, channel_groups)

    def blobs_and_flow(*arrays: NDArray[Any]) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
        logged = rebuild(*arrays) if tensors else whole
        blobs = record.encode(logged, max_outputs, dtype)
        return np.array(blobs, dtype=object), statistics_of(logged)

    with tf.summary.experimental.summary_scope(name, "rnngrad", values=tensors) as (tag, _):
        check_tag(tag)

        def write() -> tf.Tensor:
            if tf.executing_eagerly():  # a bad value raises its own message, not TensorFlow's
                blobs, statistics = blobs_and_flow(*(tensor.numpy() for tensor in tensors))
            else:
                blobs, statistics = tf.numpy_function(
                    blobs_and_flow, tensors, (tf.string, tf.float32)
                )
            flow_tag = tag + record.FLOW_SUFFIX
            return tf.logical_and(
                tf.summary.write(tag, blobs, step, summary_metadata(meta, description)),
                tf.summary.write(flow_tag, statistics, step, flow_metadata(meta)),
            )

        return tf.cond(tf.summary.should_record_summaries(), write, lambda: tf.constant(False))


def _metadata_of_tensor(
    data: tf.Tensor, quantity: str, channel_groups: Mapping[str, int] | None
) -> Metadata:
    """Return what a tensor's tag is, from what is known of it while a tf.function is traced."""
    record.check_quantity(quantity)
    record.check_rank(data.shape.rank, quantity)
    if not data.dtype.is_floating:
        raise TypeError(f"data has dtype {data.dtype.name}; expected floating point")
    channels = data.shape[-1]
    if channel_groups is not None and channels is not None:
        channel_groups = record.check_channel_groups(channel_groups, channels)
    return Metadata(quantity, channel_groups=channel_groups, statistics=flow.STATISTICS)
