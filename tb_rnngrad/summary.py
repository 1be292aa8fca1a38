"""Write one record: as a TensorFlow op, or as a protobuf that any event writer takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike
from tensorboard.compat.proto.summary_pb2 import (
    Summary,
)

from tb_rnngrad.events import tfrecord
from tb_rnngrad.events.blobs import Logged
from tb_rnngrad.events.messages import DEFAULT_QUANTITY, as_record, serialised
from tb_rnngrad.record import SequenceRecord

if TYPE_CHECKING:
    import tensorflow as tf


def sequence(
    name: str,
    data: Any,
    step: Any = None,
    *,
    quantity: str = DEFAULT_QUANTITY,
    mask: Any = None,
    max_outputs: int = 4,
    channel_groups: Mapping[str, int] | None = None,
    dtype: str = "float32",
    description: str | None = None,
) -> tf.Tensor:
    """Write a per-timestep tensor to the default `tf.summary` writer, eagerly or in a tf.function.

    Args:
        name: the tag, prefixed by the name scopes around; must not end in "/flow".
        data: tensor or array [samples, timesteps, channels], or [samples, channels] where the layer
            emits no sequence, floating point, in input time order; or a `SequenceRecord`, which
            brings its own quantity, mask and channel groups.
        step: int64 training step; None: `tf.summary.experimental.get_step()`.
        quantity: what the numbers are, a key of `tb_rnngrad.QUANTITIES`.
        mask: [samples, timesteps] of bool, True where real; or lengths [samples] of integers.
        max_outputs: samples to keep, at least 1; the flow statistics are over all of them.
        channel_groups: name -> number of channels, in order (gates, directions).
        dtype: "float32", or "bfloat16" for half the bytes at three significant digits.
        description: Markdown for the page.

    Returns:
        A bool tensor: whether something was written.

    Raises:
        ValueError, TypeError: an argument cannot be; the message names it and what was expected.
            In a tf.function what depends on values alone (lengths out of range) is found when the
            function runs.
    """
    from tb_rnngrad.events import tf_summary

    return tf_summary.sequence(
        name, data, step, quantity, mask, max_outputs, channel_groups, dtype, description
    )


def sequence_pb(
    name: str,
    data: ArrayLike | SequenceRecord,
    *,
    quantity: str = DEFAULT_QUANTITY,
    mask: ArrayLike | None = None,
    max_outputs: int = 4,
    channel_groups: Mapping[str, int] | None = None,
    dtype: str = "float32",
    description: str | None = None,
) -> Summary:
    """Return the same record as `sequence`, as a protobuf that any event writer takes.

    Needs no framework. Arguments and errors are `sequence`'s.

    Example with PyTorch's own writer::

        writer._get_file_writer().add_summary(sequence_pb("lstm", gradient), global_step)
    """
    whole = as_record(data, quantity, mask, channel_groups)
    _, parts = serialised(whole, max_outputs, dtype, description, Logged(name))
    return cast("Summary", Summary.FromString(tfrecord.whole(parts)))
