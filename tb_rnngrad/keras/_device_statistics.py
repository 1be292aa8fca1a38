"""Sums behind `tb_rnngrad.flow`'s statistics, computed on the device that holds the gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.flow import Cells, Lags, Moments, Sums, Thresholds


def statistics(
    data: tf.Tensor,
    mask: tf.Tensor | None,
    channel_groups: Mapping[str, int] | None,
    direction: str,
    thresholds: Thresholds,
) -> flow.Statistics:
    """Return the same as `flow.statistics_of_each` for one batch; only sums leave the device.

    Args:
        data: [samples, timesteps, channels], or [samples, channels] for a single timestep.
        mask: bool [samples, timesteps], True where a timestep is real; None: all are.
        channel_groups: see `flow.statistics_of_each`.
        direction: see `flow.statistics_of_each`.
        thresholds: see `flow.statistics_of_each`.
    """
    if data.shape.rank == 2:
        data = data[:, tf.newaxis]
    real = tf.ones(data.shape[:2], tf.bool) if mask is None else mask
    parts = flow.parts_or_whole(int(data.shape[1]), channel_groups, direction)
    sums = {part.name: _sums(data[:, :, part.channels], real, part.direction) for part in parts}
    return flow.statistics_of_sums(sums, thresholds)[0]


def _sums(data: tf.Tensor, mask: tf.Tensor, direction: str) -> Sums:
    by_lag = None
    if direction != "both":
        aligned, known = _aligned_by_lag(data, mask, direction)
        by_lag = Lags(**_in_numpy(_moments(aligned, known)), known=np.asarray(known))
    return Sums(
        [int(data.shape[1])],
        Moments(**_in_numpy(_moments(data, mask))),
        Cells(**_in_numpy(_cells(data, mask))),
        by_lag,
        np.asarray(mask),
    )


def _in_numpy(named: Mapping[str, tf.Tensor]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(tensor) for name, tensor in named.items()}


def _aligned_by_lag(
    data: tf.Tensor, mask: tf.Tensor, direction: str
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return data and mask ordered by lag: each sample's end first, then backward from there."""
    timesteps = tf.shape(mask)[1]
    if direction == "backward":
        timestep = tf.argmax(mask, 1, tf.int32)[:, tf.newaxis] + tf.range(timesteps)
    else:
        last = timesteps - 1 - tf.argmax(tf.reverse(mask, [1]), 1, tf.int32)
        timestep = last[:, tf.newaxis] - tf.range(timesteps)
    at = tf.clip_by_value(timestep, 0, timesteps - 1)
    known = tf.logical_and(timestep == at, tf.gather(mask, at, batch_dims=1))
    return tf.gather(data, at, batch_dims=1), known


@tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
def _moments(data: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the fields of `flow.Moments`."""
    # The squares of gradients overflow or underflow float32 long before the gradients do.
    data = tf.cast(data, tf.float64)
    real = tf.cast(mask, tf.float64)[..., tf.newaxis]
    data = tf.where(mask[..., tf.newaxis], data, tf.zeros([], tf.float64))
    samples = tf.reduce_sum(tf.cast(mask, tf.int64), 0)
    number = tf.cast(samples, tf.float64)
    mean = tf.reduce_sum(data, 0) / number[:, tf.newaxis]
    deviation = (data - mean) * real
    return {
        "samples": samples,
        "squares": tf.transpose(tf.reduce_sum(data**2, 2)),
        "squared_mean": tf.reduce_sum(mean**2, 1),
        "variance": tf.reduce_sum(deviation**2, [0, 2]) / number,
        "along_mean": tf.transpose(tf.reduce_sum(data * mean, 2)),
    }


@tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
def _cells(data: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the fields of `flow.Cells`."""
    mask = mask[..., tf.newaxis]
    data = tf.where(mask, data, tf.zeros([], data.dtype))

    def count(found: tf.Tensor, axes: list[int]) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(tf.logical_and(found, mask), tf.int64), axes)

    return {
        "max_abs": tf.reduce_max(tf.abs(tf.cast(data, tf.float64)), [0, 2]),
        "zeros": count(data == 0, [0, 2]),
        "alive": tf.reduce_any(data != 0, 0),
        "nan": count(tf.math.is_nan(data), [0, 2]),
        "inf": count(tf.math.is_inf(data), [0, 2]),
    }
