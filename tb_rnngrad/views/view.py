"""Views of sequences: reduce over samples, cut a window, pool it, encode it. Pure NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.record import BFLOAT16, STORED_DTYPES

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995)

# Quiet NaNs. Their upper 16 bits are the same NaNs in bfloat16.
NAN_BITS: Final = 0x7FC00000
PADDING_BITS: Final = 0x7FC10000
_INFINITY_BITS: Final = 0x7F800000

# The number of float32 in a cache line. Transposing in strips of this width writes each line once.
_LINE: Final = 16


@dataclass(frozen=True)
class Statistics:
    """Statistics of a view without its padding; docs/reference/http_api.md describes the fields."""

    least: float
    greatest: float
    quantiles: tuple[float, ...]
    counts: tuple[int, int, int, int, int, int]


@dataclass(frozen=True, eq=False)
class View:
    """The numbers of one picture.

    Attributes:
        values: [channels, timesteps].
        real: [timesteps], False at padding; None if all are real.
    """

    values: Float32
    real: Mask | None

    @property
    def nbytes(self) -> int:
        """The size of the arrays in bytes, for the cache's budget."""
        return self.values.nbytes + (0 if self.real is None else self.real.nbytes)

    @cached_property
    def statistics(self) -> Statistics:
        """Range, quantiles of the magnitude, and counts over the whole view."""
        values = self.values if self.real is None else self.values[:, self.real]
        # The bits of magnitudes sort as the magnitudes do: 0, finite, infinite, NaN.
        bits = (values.view(np.uint32) & np.uint32(0x7FFFFFFF)).ravel(order="K")
        zero = int(np.count_nonzero(bits == 0))
        nan = int(np.count_nonzero(bits > _INFINITY_BITS))
        posinf = int(np.count_nonzero(values == np.inf))
        neginf = int(np.count_nonzero(values == -np.inf))
        ordinary = bits.size - zero - nan - posinf - neginf
        finite = values if ordinary + zero == bits.size else values[np.isfinite(values)]
        quantiles = np.full(len(QUANTILES), np.nan)
        if ordinary:
            at = np.array([zero + round(p * (ordinary - 1)) for p in QUANTILES])
            quantiles = ranked(bits, at).view(np.float32)
        return Statistics(
            least=float(finite.min(initial=np.inf)) if finite.size else np.nan,
            greatest=float(finite.max(initial=-np.inf)) if finite.size else np.nan,
            quantiles=tuple(map(float, quantiles)),
            counts=(values.size, self.values.size - values.size, zero, nan, posinf, neginf),
        )


def ranked(bits: NDArray[np.uint32], at: NDArray[np.intp]) -> NDArray[np.uint32]:
    """Return `np.sort(bits)[at]`.

    Exact, in a fraction of the time of `np.partition`: it counts the upper halves, and partitions
    only the elements that share their upper half with a wanted one.
    """
    upper = (bits >> np.uint32(16)).astype(np.uint16)
    ends = np.cumsum(np.bincount(upper))
    halves = np.searchsorted(ends, at, side="right")
    found = np.empty(at.size, np.uint32)
    for half in np.unique(halves):
        members = bits[upper == half]
        wanted = halves == half
        places = at[wanted] - (ends[half] - members.size)
        found[wanted] = np.partition(members, places)[places]
    return found


def view_of_sample(sample: NDArray[Any], real: Mask | None) -> View:
    """Return the view of one sample [timesteps, channels], or [channels] if it has no time axis.

    `real` is the sample's mask, [timesteps].
    """
    rows = np.atleast_2d(sample)
    values = np.empty(rows.shape[::-1], np.float32)
    for t in range(0, len(rows), _LINE):
        values[:, t : t + _LINE] = rows[t : t + _LINE].T
    return View(values, None if real is None or real.all() else real)


# --- reductions over samples ---------------------------------------------------------------------


def _mean(values: Float64, real: Mask, count: Float64) -> Float64:
    return values.sum(axis=0) / count


def _mean_abs(values: Float64, real: Mask, count: Float64) -> Float64:
    return np.abs(values).sum(axis=0) / count


def _rms(values: Float64, real: Mask, count: Float64) -> Float64:
    return np.sqrt((values**2).sum(axis=0) / count)


def _max_abs(values: Float64, real: Mask, count: Float64) -> Float64:
    largest: Float64 = np.abs(values).max(axis=0)
    return largest


def _std(values: Float64, real: Mask, count: Float64) -> Float64:
    deviation = np.where(real, values - _mean(values, real, count), 0)
    return np.sqrt((deviation**2).sum(axis=0) / count)


# Each function takes values [samples, channels, timesteps], 0 at padding; real [samples, 1,
# timesteps]; and count [timesteps], the number of real samples. It returns [channels, timesteps].
REDUCTIONS: Final[Mapping[str, Callable[[Float64, Mask, Float64], Float64]]] = MappingProxyType(
    {"mean": _mean, "mean_abs": _mean_abs, "rms": _rms, "max_abs": _max_abs, "std": _std}
)


def reduce_samples(views: Sequence[View], reduction: str) -> View:
    """Return all samples' views reduced to one; `reduction` is a key of `REDUCTIONS`.

    At each timestep only the samples that are real there count; if there are none, the result is
    padding. Computes in float64, since the squares of small gradients are 0 in float32.
    """
    values = np.stack([view.values for view in views]).astype(np.float64)
    timesteps = values.shape[2]
    real = np.stack(
        [np.ones(timesteps, np.bool_) if view.real is None else view.real for view in views]
    )
    values[np.broadcast_to(~real[:, np.newaxis], values.shape)] = 0
    count = real.sum(axis=0)
    with np.errstate(invalid="ignore"):
        reduced = REDUCTIONS[reduction](values, real[:, np.newaxis], np.maximum(count, 1))
    return View(reduced.astype(np.float32), None if count.all() else count > 0)


# --- windows, pooling, bytes ---------------------------------------------------------------------


def pool(values: Float32, height: int, width: int) -> Float32:
    """Return `values` [channels, timesteps] pooled to at most [height, width].

    Each block becomes its value of largest magnitude, with its sign, so that no spike is lost. A
    block that holds a NaN becomes NaN.
    """
    if values.shape[0] <= height and values.shape[1] <= width:
        return values
    # As integers with the sign bit last, numbers sort by magnitude, with NaN above all.
    bits = values.view(np.uint32)
    keys = bits << np.uint32(1) | bits >> np.uint32(31) ^ np.uint32(1)
    # Pool along the rows first: there the cells of a block are adjacent in memory.
    keys = _pool_axis(_pool_axis(keys, 1, width), 0, height)
    pooled = keys >> np.uint32(1) | ~keys << np.uint32(31)
    return pooled.view(np.float32)


def _pool_axis(keys: NDArray[np.uint32], axis: int, size: int) -> NDArray[np.uint32]:
    if keys.shape[axis] <= size:
        return keys
    return np.maximum.reduceat(keys, _edges(keys.shape[axis], size), axis)


def _edges(cells: int, blocks: int) -> NDArray[np.intp]:
    """Return the first cell of each block."""
    return np.arange(blocks) * cells // blocks


def body(
    view: View,
    window: tuple[slice, slice],
    height: int,
    width: int,
    dtype: str,
    mark_padding: bool,
) -> tuple[tuple[int, int], bytes]:
    """Return the shape and the little-endian bytes of a window of a view, pooled.

    Args:
        view: the view.
        window: slices of channels and timesteps, within the view.
        height: the largest number of channels to return.
        width: the largest number of timesteps to return.
        dtype: "float32" or "bfloat16".
        mark_padding: whether to write padding as the NaN `PADDING_BITS` and every other NaN as
            `NAN_BITS`.
    """
    values = view.values[window]
    real = None if view.real is None or not mark_padding else view.real[window[1]]
    if real is not None:
        values = np.where(real, values, np.float32(0))
    values = pool(values, height, width)
    bits = values.astype("<f4", copy=False).view("<u4")
    if mark_padding:
        bits = np.where(np.isnan(values), np.uint32(NAN_BITS), bits)
    if real is not None:
        if real.size > width:
            real = np.logical_or.reduceat(real, _edges(real.size, width))
        bits = np.where(real, bits, np.uint32(PADDING_BITS))
    if STORED_DTYPES[dtype] == BFLOAT16:
        bits = _bfloat16_bits(bits)
    return (bits.shape[0], bits.shape[1]), bits.tobytes()


def _bfloat16_bits(bits: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Return float32 bits rounded to bfloat16 bits, to nearest, ties to even.

    NaN and infinities keep their upper bits. Nonzero values do not become 0 and finite values do
    not become infinite, since they would look vanished or exploded. The page rounds in the same
    way.
    """
    upper = bits >> 16
    magnitude = bits & 0x7FFFFFFF
    finite = magnitude < _INFINITY_BITS
    rounded = np.where(finite, (bits + 0x7FFF + (upper & 1)) >> 16, upper)
    exploded = ((rounded & 0x7FFF) == _INFINITY_BITS >> 16) & finite
    vanished = ((rounded & 0x7FFF) == 0) & (magnitude != 0)
    return ((rounded - exploded) | vanished).astype("<u2")
