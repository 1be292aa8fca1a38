"""Histograms of a record's values, by channel group. Pure NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.views.view import View

# Counted apart from the bins: finite nonzero values outside their range, zeros, non-finite values
# and padding.
APART: Final = ("below", "above", "zero", "nan", "posinf", "neginf", "padding")


@dataclass(frozen=True)
class Binning:
    """The bins of a histogram.

    Attributes:
        edges: ascending bin edges, for each channel group or once for all groups. Every group has
            the same number of bins. All bins but the last are half-open, [a, b).
        magnitudes: whether to bin the values' magnitudes.
    """

    edges: tuple[tuple[float, ...], ...]
    magnitudes: bool


@dataclass(frozen=True, eq=False)
class Histogram:
    """Numbers of cells: `counts` [groups, bins] and `apart` [groups, len(APART)]."""

    counts: NDArray[np.int64]
    apart: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes, for the cache's budget."""
        return self.counts.nbytes + self.apart.nbytes


def histogram(samples: Iterable[View], sizes: Sequence[int], binning: Binning) -> Histogram:
    """Return a histogram of all samples' real cells for each channel group.

    Args:
        samples: views [channels, timesteps] of the samples of one record.
        sizes: number of channels of each group, in the order of the channels.
        binning: the bins.

    Raises:
        ValueError: If `binning` has edges for a different number of groups.
    """
    given = np.asarray(binning.edges, np.float64)
    edges = np.broadcast_to(given, (len(sizes), given.shape[1]))
    ends = np.cumsum([0, *sizes])
    counts = np.zeros((len(sizes), edges.shape[1] - 1), np.int64)
    apart = np.zeros((len(sizes), len(APART)), np.int64)
    for sample in samples:
        real = slice(None) if sample.real is None else sample.real
        for group, (start, end) in enumerate(pairwise(ends)):
            whole = sample.values[start:end]
            cells = whole[:, real]
            finite = cells[np.isfinite(cells)]
            values = finite[finite != 0].astype(np.float64)
            binned = np.abs(values) if binning.magnitudes else values
            below, inside, above = _count(binned, edges[group])
            counts[group] += inside
            apart[group] += (
                below,
                above,
                finite.size - values.size,
                np.isnan(cells).sum(),
                np.isposinf(cells).sum(),
                np.isneginf(cells).sum(),
                whole.size - cells.size,
            )
    return Histogram(counts, apart)


def _count(
    values: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[int, NDArray[np.int64], int]:
    """Return the numbers of values below the first edge, in each bin, and above the last edge."""
    places = np.bincount(np.searchsorted(edges, values, side="right"), minlength=edges.size + 1)
    at_the_end = int((values == edges[-1]).sum())  # the last bin is closed, as in NumPy
    places[-2] += at_the_end
    places[-1] -= at_the_end
    return int(places[0]), places[1:-1], int(places[-1])


def evenly_spaced(count: int, most: int) -> list[int]:
    """Return at most `most` indices below `count`, about evenly spaced, with both ends.

    If `most` is 1, return only the last index.
    """
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count - 1]
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
