"""Small batches whose gradients add up to one update, as the one batch that they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.captured import Captured


def merged(batches: Sequence[Sequence[Captured]]) -> list[Captured]:
    """Return the same quantities of several batches as those of one batch."""
    return [_merged(alike) for alike in zip(*batches, strict=True)]


def _merged(alike: Sequence[Captured]) -> Captured:
    first = alike[0]
    if len(alike) == 1:
        return first
    if first.is_matrix:
        is_gradient = first.quantity == "weight_gradient"
        return replace(first, data=sum(one.data for one in alike)) if is_gradient else first
    timesteps = max(one.data.shape[1] for one in alike)
    mask = None
    if any(one.mask is not None or one.data.shape[1] < timesteps for one in alike):
        mask = np.concatenate([_padded(_mask(one), timesteps) for one in alike])
    data = np.concatenate([_padded(one.data, timesteps) for one in alike])
    passes = [one.passes for one in alike if one.passes is not None]
    return replace(first, data=data, mask=mask, passes=max(passes) if passes else None)


def _mask(one: Captured) -> NDArray[np.bool_]:
    return np.ones(one.data.shape[:2], bool) if one.mask is None else one.mask


def _padded(data: NDArray[Any], timesteps: int) -> NDArray[Any]:
    """Return [samples, timesteps, ...] with zeros behind."""
    behind = [(0, timesteps - size if axis == 1 else 0) for axis, size in enumerate(data.shape)]
    return np.pad(data, behind)
