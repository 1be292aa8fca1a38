"""Lags: timesteps counted from the one at which a layer ends, against its direction.

A forward layer ends at a sample's last real timestep, a backward layer at its first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.quantities import check_direction
from tb_rnngrad.record import as_mask

Float64 = NDArray[np.float64]


def by_lag(
    values: ArrayLike, mask: ArrayLike | None = None, *, direction: str = "forward"
) -> Float64:
    """Return values by lag, counted from each sample's own end.

    Args:
        values: [samples, timesteps], one value per timestep, such as a gradient's norm.
        mask: [samples, timesteps] of bool, True where a timestep is real, or lengths [samples];
            None if all are real. Padding between real timesteps counts as lags too, since time
            passes there.
        direction: "forward" if a sample ends at its last real timestep, "backward" if at its first.

    Returns:
        [samples, lags], with as many lags as timesteps; NaN at padding and beyond the other end.

    Raises:
        ValueError: If the direction is unknown, or the mask does not fit the values.

    Example:
        >>> tb_rnngrad.flow.by_lag([[1.0, 2.0, 3.0]], mask=[2])
        array([[ 2.,  1., nan]])
    """
    check_direction(direction)
    given = np.asarray(values, np.float64)
    if mask is None:
        return given if direction == "backward" else given[:, ::-1]
    timestep, known = timestep_of_lag(as_mask(mask, (*given.shape, 1)), direction)
    return np.where(known, np.take_along_axis(given, timestep, axis=1), np.nan)


def timestep_of_lag(
    mask: NDArray[np.bool_], direction: str = "forward"
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return each lag's timestep and whether that timestep is real, each as [samples, lags]."""
    timesteps = mask.shape[1]
    if direction == "backward":
        timestep = np.argmax(mask, axis=1)[:, np.newaxis] + np.arange(timesteps)
    else:
        last = timesteps - 1 - np.argmax(mask[:, ::-1], axis=1)
        timestep = last[:, np.newaxis] - np.arange(timesteps)
    at = np.clip(timestep, 0, timesteps - 1)
    return at, (timestep == at) & np.take_along_axis(mask, at, axis=1)
