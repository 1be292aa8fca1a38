"""Timesteps that were computed one after the other, as rows of one record.

A sample of the record is one uninterrupted sequence. Where the state of some samples is replaced
(an episode ends), another row begins; both keep the timesteps that they have in the loop, and the
mask tells which are their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


class Placed:
    """Where parts of sequences belong in a record. Rows are ordered by sample, then by time.

    Args:
        begins: for each part, which of its samples begin another row; bool [samples]. A part may
            have fewer samples than the one before: the first ones. The first part's are not read.
        timesteps: the number of timesteps of each part.
        masks: for each part, which timesteps are real, bool [samples, timesteps].
    """

    def __init__(
        self, begins: Sequence[Flags], timesteps: Sequence[int], masks: Sequence[Flags]
    ) -> None:
        counts = np.zeros(len(begins[0]), np.intp)
        nth = [counts.copy()]
        for flags in begins[1:]:
            counts[: len(flags)] += flags
            nth.append(counts[: len(flags)].copy())
        first = np.concatenate([[0], np.cumsum(counts + 1)])
        self._rows = [first[: len(own)] + own for own in nth]
        starts = np.concatenate([[0], np.cumsum(timesteps)])
        self._spans = [slice(*span) for span in pairwise(starts)]
        self._shape = int(first[-1]), int(starts[-1])
        mask = np.zeros(self._shape, bool)
        for rows, span, own in zip(self._rows, self._spans, masks, strict=True):
            mask[rows, span] = own
        self._is_real = mask
        self.mask = None if mask.all() else mask

    def __call__(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return [rows, timesteps, channels] from each part's [samples, timesteps, channels]."""
        data = np.zeros((*self._shape, parts[0].shape[2]), parts[0].dtype)
        for rows, span, part in zip(self._rows, self._spans, parts, strict=True):
            data[rows, span] = part
        data[~self._is_real] = 0
        return data
