"""The flow statistics of `tb_rnngrad.flow`, computed where the gradients are."""

from __future__ import annotations

import tensorflow as tf

from tb_rnngrad import flow


def statistics(data: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Return what `flow.statistics` returns, as a tensor.

    Args:
        data: [samples, timesteps, channels], or [samples, channels] as one timestep.
        mask: [samples, timesteps] of bool, True where real; None: all are.

    Returns:
        [timesteps, len(flow.STATISTICS)] float32.
    """
    if data.shape.rank == 2:
        data = data[:, tf.newaxis]
    columns = [flow.STATISTICS.index(name) for name in flow.BY_LAG[1:]]
    if mask is None:
        mask = tf.ones(data.shape[:2], tf.bool)
        by_timestep = _statistics(data, mask)
        of_lags = tf.reverse(by_timestep, [0])
        norms = of_lags[:, flow.STATISTICS.index("norm_mean")]
    else:
        by_timestep = _statistics(data, mask)
        aligned, known = _aligned_by_lag(data, mask)
        of_lags = _statistics(aligned, known)
        norms = _linked_mean(aligned, known)
    dead = tf.fill([tf.shape(by_timestep)[0], 1], _dead_share(data, mask))
    by_lag = tf.gather(of_lags, columns, axis=1)
    return tf.concat([by_timestep, norms[:, tf.newaxis], by_lag, dead], 1)


def _aligned_by_lag(data: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return data and mask with each sample's last real timestep first, then back in time."""
    timesteps = tf.shape(mask)[1]
    last = timesteps - 1 - tf.argmax(tf.reverse(mask, [1]), 1, tf.int32)
    timestep = last[:, tf.newaxis] - tf.range(timesteps)
    at = tf.maximum(timestep, 0)
    known = tf.logical_and(timestep >= 0, tf.gather(mask, at, batch_dims=1))
    return tf.gather(data, at, batch_dims=1), known


@tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
def _statistics(data: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    # The squares of gradients leave float32's range long before the gradients do.
    data = tf.cast(data, tf.float64)
    real = tf.cast(mask, tf.float64)
    data = tf.where(mask[..., tf.newaxis], data, tf.zeros([], tf.float64))
    samples = tf.reduce_sum(real, 0)
    cells = samples * tf.cast(tf.shape(data)[2], tf.float64)

    squares = tf.reduce_sum(data**2, 2)
    norms = tf.sqrt(squares)
    mean = tf.reduce_sum(data, 0) / samples[:, tf.newaxis]
    deviation = (data - mean) * real[..., tf.newaxis]
    unseen = samples == 0

    def share(found: tf.Tensor) -> tf.Tensor:
        counted = tf.logical_and(found, mask[..., tf.newaxis])
        return tf.reduce_sum(tf.cast(counted, tf.float64), [0, 2]) / cells

    values = {
        "norm_mean": tf.reduce_sum(norms, 0) / samples,
        **_quantiles(norms, mask, samples),
        "rms": tf.sqrt(tf.reduce_sum(squares, 0) / cells),
        "max_abs": _nan_where(unseen, tf.reduce_max(tf.abs(data), [0, 2])),
        "mean_norm": tf.sqrt(tf.reduce_sum(mean**2, 1)),
        "std_norm": tf.sqrt(tf.reduce_sum(deviation**2, [0, 2]) / samples),
        "zero_share": share(data == 0),
        "nan_share": share(tf.math.is_nan(data)),
        "inf_share": share(tf.math.is_inf(data)),
        "real_samples": samples,
    }
    return tf.cast(tf.stack(list(values.values()), 1), tf.float32)


def _linked_mean(data: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Return the mean norm by lag as `flow.statistics` links it.

    Args:
        data: [samples, lags, channels].
        known: [samples, lags] of bool, whether the sample has that lag.
    """
    norms = tf.sqrt(tf.reduce_sum(tf.cast(data, tf.float64) ** 2, 2))
    zero, lags = tf.zeros([], tf.float64), tf.shape(norms)[1]
    both = tf.logical_and(known[:, 1:], known[:, :-1])
    samples = tf.reduce_sum(tf.cast(known, tf.float64), 0)
    means = tf.reduce_sum(tf.where(known, norms, zero), 0) / samples
    before = tf.reduce_sum(tf.where(both, norms[:, :-1], zero), 0)
    after = tf.reduce_sum(tf.where(both, norms[:, 1:], zero), 0)
    sizes = tf.stack([means[:-1], before, after])
    linked = tf.reduce_all(tf.logical_and(sizes > 0, sizes < float("inf")), 0)
    steps = tf.where(linked, tf.math.log(after / before), zero)
    logs = tf.concat([[zero], tf.cumsum(steps)], 0)
    starts = tf.concat([[True], tf.logical_not(linked)], 0)
    stretch = tf.cumsum(tf.cast(starts, tf.int32)) - 1
    start = tf.math.unsorted_segment_min(tf.range(lags), stretch, lags)
    at = tf.gather(start, stretch)
    return tf.cast(tf.gather(means, at) * tf.exp(logs - tf.gather(logs, at)), tf.float32)


def _dead_share(data: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Return the share of channels that are exactly 0 at every real cell; NaN without such."""
    alive = tf.reduce_any(tf.logical_and(data != 0, mask[..., tf.newaxis]), [0, 1])
    share = tf.reduce_mean(tf.cast(tf.logical_not(alive), tf.float32))
    return _nan_where(tf.logical_not(tf.reduce_any(mask)), share)


def _quantiles(norms: tf.Tensor, mask: tf.Tensor, samples: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return quantiles over real samples, linear between order statistics."""
    infinity = tf.constant(float("inf"), tf.float64)
    ranked = tf.transpose(tf.sort(tf.where(mask, norms, infinity), axis=0))
    last = tf.maximum(samples - 1, 0)
    no_number = tf.logical_or(tf.reduce_any(tf.math.is_nan(norms), 0), samples == 0)

    def quantile(probability: float) -> tf.Tensor:
        position = probability * last
        below = tf.floor(position)
        above = tf.minimum(below + 1, last)
        low, high = (
            tf.gather(ranked, tf.cast(rank, tf.int32), batch_dims=1) for rank in (below, above)
        )
        weight = position - below
        between = tf.where(weight == 0, low, low + weight * (high - low))
        return _nan_where(no_number, between)

    return {f"norm_p{percent:02}": quantile(percent / 100) for percent in (5, 50, 95)}


def _nan_where(found: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.where(found, tf.constant(float("nan"), values.dtype), values)
