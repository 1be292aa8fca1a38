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

# Quiet NaNs; their upper 16 bits are the same NaN in bfloat16.
NAN_BITS: Final = 0x7FC00000
PADDING_BITS: Final = 0x7FC10000
_INFINITY_BITS: Final = 0x7F800000

# A cache line holds so many float32: transposed in strips of them, each line is written once.
_LINE: Final = 16


@dataclass(frozen=True)
class Statistics:
    """What a whole view holds, padding left out; see docs/http_api.md for the fields."""

    least: float
    greatest: float
    quantiles: tuple[float, ...]
    counts: tuple[int, int, int, int, int, int]


@dataclass(frozen=True, eq=False)
class View:
    """One picture's numbers.

    Attributes:
        values: [channels, timesteps].
        real: [timesteps], False where padding; None: all are real.
    """

    values: Float32
    real: Mask | None

    @property
    def nbytes(self) -> int:
        """Bytes held, for the cache's budget."""
        return self.values.nbytes + (0 if self.real is None else self.real.nbytes)

    @cached_property
    def statistics(self) -> Statistics:
        """Range, quantiles of the magnitude, and counts, over the whole view."""
        values = self.values if self.real is None else self.values[:, self.real]
        # Bits of magnitudes are in the order of the magnitudes: 0, finite, infinite, NaN.
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
    """Return those of `bits` [n] that would stand at the places `at` if they were sorted.

    Exact, in a fraction of the time of `np.partition`: the upper halves are counted, and only what
    shares its upper half with a wanted one is looked through.
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
    """Return the view of one sample [timesteps, channels], or [channels] without a time axis.

    `real` is its mask, [timesteps].
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


# Each takes values [samples, channels, timesteps], 0 where padding; real [samples, 1, timesteps];
# and count [timesteps], the real samples; and gives [channels, timesteps].
REDUCTIONS: Final[Mapping[str, Callable[[Float64, Mask, Float64], Float64]]] = MappingProxyType(
    {"mean": _mean, "mean_abs": _mean_abs, "rms": _rms, "max_abs": _max_abs, "std": _std}
)


def reduce_samples(views: Sequence[View], reduction: str) -> View:
    """Return one view from all samples' views by a key of `REDUCTIONS`.

    Only samples that are real at a timestep count there. Where none is, the result is padding.
    In float64, as the squares of small gradients are 0 in float32.
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

    Each block becomes its value of greatest magnitude, sign kept, so that no spike is lost; NaN
    where it holds one.
    """
    if values.shape[0] <= height and values.shape[1] <= width:
        return values
    # As integers with the sign last, numbers are in the order of their magnitude, NaN above all.
    bits = values.view(np.uint32)
    keys = bits << np.uint32(1) | bits >> np.uint32(31) ^ np.uint32(1)
    # Along the rows first: there the cells of a block lie side by side in memory.
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
        view: what to show.
        window: slices of channels and timesteps, within the view.
        height: most channels of the answer.
        width: most timesteps of the answer.
        dtype: "float32" or "bfloat16".
        mark_padding: write padding as the NaN `PADDING_BITS`, every other NaN as `NAN_BITS`.
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
    """Round float32 bits to bfloat16 bits, to nearest, ties to even.

    NaN and infinities keep their upper bits. What is not 0 does not become 0, and what is finite
    stays finite: it would look vanished or exploded. The page rounds alike.
    """
    upper = bits >> 16
    magnitude = bits & 0x7FFFFFFF
    finite = magnitude < _INFINITY_BITS
    rounded = np.where(finite, (bits + 0x7FFF + (upper & 1)) >> 16, upper)
    exploded = ((rounded & 0x7FFF) == _INFINITY_BITS >> 16) & finite
    vanished = ((rounded & 0x7FFF) == 0) & (magnitude != 0)
    return ((rounded - exploded) | vanished).astype("<u2")
