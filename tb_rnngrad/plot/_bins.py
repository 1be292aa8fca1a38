"""Histograms on the page's bins, as outlines in axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tb_rnngrad import scales
from tb_rnngrad.plot._scale import RangeOptions, set_axis
from tb_rnngrad.scales import Scale
from tb_rnngrad.views.histograms import Binning, histogram
from tb_rnngrad.views.view import View

BINS: Final = 64  # even, so that 0 is an edge of a symmetric axis
_LOG_MARGIN: Final = 3  # decades below log's threshold
_LEAST: Final = 2.0**-149  # the smallest positive float32


@dataclass(frozen=True, eq=False)
class Counts:
    """Bins of equal width on a scale.

    Attributes:
        axis: the scale, from end to end of the values.
        edges: [bins + 1].
        shares: name of a channel group -> [bins], the share of its real cells in each bin.
    """

    axis: Scale
    edges: NDArray[np.float64]
    shares: Mapping[str, NDArray[np.float64]]


def counted(
    views: Sequence[View],
    groups: Mapping[str, int] | None,
    bins: int,
    options: RangeOptions,
    quantity: str,
    signed: bool,
) -> Counts:
    """Return the bins of every channel group.

    The axis runs from end to end of the values, whatever the range of the colours; given ends cut
    it.

    Raises:
        ValueError: If there are fewer than 2 bins, or an option is invalid.
    """
    if bins < 2:
        raise ValueError(f"bins is {bins}; expected at least 2")
    axis = _axis_of(options.scale(views, quantity, signed))
    edges = axis.value_at(np.arange(bins + 1) / bins)
    edges[[0, -1]] = axis.low, axis.high
    sizes = groups or {"": views[0].values.shape[0]}
    found = histogram(views, [*sizes.values()], Binning((tuple(edges),), axis.of_magnitudes))
    padding = found.apart[:, -1]
    cells = found.counts.sum(axis=1) + found.apart.sum(axis=1) - padding
    shares = found.counts / np.maximum(cells, 1)[:, np.newaxis]
    return Counts(axis, edges, dict(zip(sizes, shares, strict=True)))


def _axis_of(scale: Scale) -> Scale:
    if scale.name != "log":
        return scale
    low = max(_LEAST, min(scale.threshold, scale.high / 10) * 10.0**-_LOG_MARGIN)
    return replace(scale, low=low, threshold=low)


def draw_bins(axes: Axes, counts: Counts, shares: NDArray[np.float64], **look: Any) -> None:
    """Draw one histogram: shares of cells over the scale."""
    axes.stairs(shares, counts.edges, **look)


def set_bins_axes(axes: Axes, counts: Counts, most: float) -> None:
    """Give the axes the scale of the bins, and heights in per cent up to `most`."""
    set_axis(axes, "x", counts.axis)
    axes.xaxis.set_ticks(scales.ticks(counts.axis, 0.24))
    axes.set_ylim(0, 1.05 * (most or 1))
    axes.yaxis.set_major_formatter(lambda share, _: f"{scales.short(100 * share)}%")
