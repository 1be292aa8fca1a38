"""The norm of every sample at every timestep: which sample is it, without its tensor."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_CELLS: Final = 2**16
"""Larger tables are not kept: they would outweigh the samples."""


def norm_table(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return [samples, timesteps]: the L2 norm over channels; NaN at padding.

    Args:
        data: [samples, timesteps, channels].
        mask: [samples, timesteps], or None if all timesteps are real.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.einsum("stc,stc->st", data, data, dtype=np.float64, casting="unsafe"))
        table = norms.astype(np.float32)
    if mask is not None:
        table[~mask] = np.nan
    return table


def as_norms(norms: ArrayLike, samples: int, timesteps: int) -> NDArray[np.float32]:
    """Return a table of norms as float32; ValueError unless it is [samples, timesteps]."""
    table = np.asarray(norms, np.float32)
    if table.shape != (samples, timesteps):
        raise ValueError(f"norms has shape {table.shape}; expected {(samples, timesteps)}")
    return table


def check_cells(samples: int, timesteps: int) -> None:
    """Raise ValueError if a table of this size is not kept."""
    if samples * timesteps > MOST_CELLS:
        raise ValueError(
            f"norms of {samples} samples of {timesteps} timesteps are {samples * timesteps} "
            f"numbers; expected at most {MOST_CELLS}"
        )
