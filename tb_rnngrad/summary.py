"""Write one record as a TensorFlow op, or as a protobuf that any event writer accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike
from tensorboard.compat.proto.summary_pb2 import (
    Summary,
)

from tb_rnngrad.events import tfrecord
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.messages import DEFAULT_QUANTITY, as_record, serialised, with_norms
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
    ids: Any = None,
    labels: Any = None,
    keep: str = "first",
    window: int | None = None,
    norms: bool = False,
) -> tf.Tensor:
    """Write a per-timestep tensor to the default `tf.summary` writer, eagerly or in a tf.function.

    Args:
        name: the tag; enclosing name scopes are prefixed to it. It must not end in "/flow".
        data: floating-point tensor or array [samples, timesteps, channels], or [samples, channels]
            if the layer emits no sequence, in input time order; or a `SequenceRecord`, which
            brings its own quantity, mask and channel groups.
        step: int64 training step. If None, `tf.summary.experimental.get_step()`.
        quantity: what the numbers are, a key of `tb_rnngrad.QUANTITIES`.
        mask: [samples, timesteps] of bool, True where a timestep is real; or lengths [samples] of
            integers.
        max_outputs: number of samples to keep, at least 1. The flow statistics always cover the
            whole batch.
        channel_groups: name -> number of channels, in the order of the channels (gates,
            directions).
        dtype: "float32", or "bfloat16" for half the bytes at three significant digits.
        description: Markdown for the page.
        ids: [samples] strings or integers that name the samples of the batch.
        labels: what stands along the time axis, such as tokens: [timesteps] for all samples, or
            [samples, timesteps].
        keep: which samples to keep: the "first"; the "largest", by the norm of all their real
            values; or "random" ones, the same for all tags of a step.
        window: the number of timesteps after which backpropagation through time is truncated.
        norms: whether to write the norm of every sample of the batch at every timestep, too, in
            bfloat16; up to 65,536 numbers.

    Returns:
        A bool tensor: whether anything was written.

    Raises:
        ValueError, TypeError: If an argument is invalid; the message names it and what was
            expected. In a tf.function, errors that depend on values (lengths out of range) are
            raised when the function runs.

    Example::

        with tf.summary.create_file_writer("logs/my_run").as_default():
            tb_rnngrad.summary.sequence("lstm_1", gradient, step=step)
    """
    from tb_rnngrad.events import tf_summary

    return tf_summary.sequence(
        name,
        data,
        step,
        quantity,
        mask,
        max_outputs,
        channel_groups,
        dtype,
        description,
        ids,
        labels,
        keep,
        window,
        norms,
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
    ids: Any = None,
    labels: Any = None,
    keep: str = "first",
    window: int | None = None,
    norms: bool = False,
) -> Summary:
    """Return the record that `sequence` writes, as a protobuf that any event writer accepts.

    Needs no framework. Takes the arguments of `sequence` and raises the same errors.

    Example with PyTorch's own writer::

        writer._get_file_writer().add_summary(sequence_pb("lstm", gradient), global_step)
    """
    whole = as_record(data, quantity, mask, channel_groups, ids, labels, window)
    if norms:
        whole = with_norms(whole)
    _, parts = serialised(whole, max_outputs, dtype, description, Logged(name), keep)
    return cast("Summary", Summary.FromString(tfrecord.whole(parts)))
