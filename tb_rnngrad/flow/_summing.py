"""The single pass over the values of batches that gives their sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64, timestep_of_lag
from tb_rnngrad.flow._sums import Cells, Counts, Lags, Moments, Sums, starts_of

_PIECE_CELLS: Final = 2**18

# A difference of two float64 numbers that is this fraction of them still has float32's precision.
_CANCELLED: Final = 1e-4

# With this many channels, rounding errors average out: sums in float32 are as precise as the
# float32 in which statistics are stored, and take half the time. Two cases need float64: sums near
# the limits of float32's range, and differences smaller than this fraction of the numbers
# subtracted.
_MANY_CHANNELS: Final = 64
_SQUARES_OF_FLOAT32: Final = 1e-30, 1e30
_LEFT_OF_FLOAT32: Final = 0.03


def sums_of_each(
    batches: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[np.bool_] | None],
    direction: str,
) -> Sums:
    """Return the sums of several batches, much faster than one by one if they are small.

    Args:
        batches: each [samples, timesteps, channels]; all have the same samples and channels.
        masks: for each batch [samples, timesteps] of bool, or None if all timesteps are real.
        direction: the order in which timesteps are processed, "forward" or "backward". With "both"
            there is no single order, so nothing is summed by lag.
    """
    data, mask = _side_by_side(batches, masks)
    lengths = [batch.shape[1] for batch in batches]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        summed = [(_moments_of(piece), _cells_of(piece)) for piece in _pieces(data, mask)]
        of_moments, of_cells = zip(*summed, strict=True)
        moments, cells = _concatenated(of_moments), _concatenated(of_cells)
        _make_exact(moments, data, mask)
        by_lag = None
        if direction != "both":
            by_lag = _by_lag(data, mask, lengths, moments, direction)
    return Sums(lengths, moments, cells, by_lag, mask)


def _side_by_side(
    batches: Sequence[NDArray[Any]], masks: Sequence[NDArray[np.bool_] | None]
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return data and mask of the batches, concatenated along timesteps."""
    if len(batches) == 1:
        return batches[0], masks[0]
    data = np.concatenate(batches, axis=1)
    if all(mask is None for mask in masks):
        return data, None
    pairs = zip(batches, masks, strict=True)
    whole = [np.ones(b.shape[:2], np.bool_) if mask is None else mask for b, mask in pairs]
    return data, np.concatenate(whole, axis=1)


def _by_lag(
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    lengths: Sequence[int],
    by_timestep: Moments,
    direction: str,
) -> Lags:
    starts = starts_of(lengths)
    if mask is None:
        back = 1 if direction == "backward" else -1
        orders = [np.arange(length)[::back] for length in lengths]
        order = np.concatenate(orders) + np.repeat(starts, lengths)
        return Lags(**vars(by_timestep.at(order)), known=np.ones(data.shape[:2], np.bool_))
    masks = np.split(mask, starts[1:], axis=1)
    timesteps, are_known = zip(*(timestep_of_lag(one, direction) for one in masks), strict=True)
    timestep = np.concatenate(timesteps, axis=1) + np.repeat(starts, lengths)
    known = np.concatenate(are_known, axis=1)
    if (timestep == timestep[0]).all() and known.any(axis=0).all():  # samples end together
        return Lags(**vars(by_timestep.at(timestep[0])), known=known)
    aligned = data[np.arange(len(data))[:, np.newaxis], timestep]
    moments = _concatenated([_moments_of(piece) for piece in _pieces(aligned, known)])
    _make_exact(moments, aligned, known)
    return Lags(**vars(moments), known=known)


@dataclass(frozen=True)
class _Piece:
    """Some timesteps of a batch.

    Attributes:
        at: the slice of these timesteps.
        values: [samples, timesteps, channels], float32 or float64. Padding is 0, so that it adds
            nothing to a sum.
        mask: [samples, timesteps]; None if all are real.
        samples: [timesteps]: number of samples that are real there.
    """

    at: slice
    values: NDArray[Any]
    mask: NDArray[np.bool_] | None
    samples: Counts


def _pieces(
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    marked: NDArray[np.bool_] | None = None,
) -> Iterator[_Piece]:
    """Yield the batch in pieces that fit the CPU cache, which halves the time for long batches.

    Args:
        data: [samples, timesteps, channels].
        mask: [samples, timesteps]; None if all are real.
        marked: [timesteps]: yield only pieces with a marked timestep; None for all pieces.
    """
    samples, timesteps, channels = data.shape
    dtype = np.float64 if data.dtype.itemsize > 4 else np.float32
    stride = max(1, _PIECE_CELLS // (samples * channels))
    for start in range(0, timesteps, stride):
        at = slice(start, start + stride)
        if marked is not None and not marked[at].any():
            continue
        values = data[:, at].astype(dtype, copy=False)
        if mask is None:
            yield _Piece(at, values, None, np.full(values.shape[1], samples))
            continue
        real = mask[:, at]
        values = np.where(real[..., np.newaxis], values, values.dtype.type(0))
        yield _Piece(at, values, real, real.sum(axis=0))


_Summed = TypeVar("_Summed", Moments, Cells)


def _concatenated(pieces: Sequence[_Summed]) -> _Summed:
    if len(pieces) == 1:
        return pieces[0]
    kind = type(pieces[0])
    arrays = {
        field.name: np.concatenate([getattr(one, field.name) for one in pieces])
        for field in fields(kind)
    }
    return kind(**arrays)


def _moments_of(piece: _Piece) -> Moments:
    """Return the moments, in float32 if there are many channels; `_make_exact` checks them."""
    values = piece.values
    if values.shape[2] < _MANY_CHANNELS:
        values = values.astype(np.float64, copy=False)
    return _products(values, piece.samples)


def _products(values: NDArray[Any], samples: Counts) -> Moments:
    """Return the moments, computed in the precision of `values`."""
    mean = _mean(values, samples)
    squares = _dots(values, values).T
    squared_mean = _dots(mean, mean)
    variance = (squares.sum(axis=1) / samples - squared_mean) * (samples > 1)  # exactly 0 for one
    return Moments(samples, squares, squared_mean, variance, _dots(values, mean).T)


def _mean(values: NDArray[Any], samples: Counts) -> NDArray[Any]:
    """Return [timesteps, channels], the mean over samples."""
    mean: NDArray[Any] = values.sum(axis=0)
    mean /= samples[:, np.newaxis].astype(values.dtype)
    return mean


def _make_exact(moments: Moments, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
    """Recompute, in place, the moments whose precision was too low."""
    samples = moments.samples
    if data.dtype.itemsize <= 4 and data.shape[2] >= _MANY_CHANNELS:
        for piece in _pieces(data, mask, ~_are_exact_in_float32(moments, mask)):
            exact = _products(piece.values.astype(np.float64), piece.samples)
            for field in fields(Moments):
                getattr(moments, field.name)[piece.at] = getattr(exact, field.name)
    mean_squares = moments.squares.sum(axis=1) / samples
    # Where the difference nearly cancels or is not finite, compute the variance from deviations.
    near = ~(moments.variance > _CANCELLED * mean_squares) & (mean_squares != 0) & (samples > 1)
    for piece in _pieces(data, mask, near):
        values = piece.values.astype(np.float64, copy=False)
        deviation = values - _mean(values, piece.samples)
        if piece.mask is not None:
            deviation[~piece.mask] = 0
        variance = _dots(deviation, deviation).sum(axis=0) / piece.samples
        moments.variance[piece.at] = np.where(near[piece.at], variance, moments.variance[piece.at])


def _dots(one: NDArray[Any], other: NDArray[Any]) -> Float64:
    """Return the scalar products along the last axis, computed in the arguments' precision."""
    if one.shape[-1] < _MANY_CHANNELS:
        products = np.einsum("...c,...c->...", one, other)
    else:
        products = (one[..., np.newaxis, :] @ other[..., np.newaxis])[..., 0, 0]
    return products.astype(np.float64, copy=False)


def _are_exact_in_float32(moments: Moments, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return [positions]: whether the float32 moments are as precise as rounded float64 ones."""
    least, most = _SQUARES_OF_FLOAT32
    is_in_range = (moments.squares > least) & (moments.squares < most)
    if mask is not None:
        is_in_range |= ~mask.T
    mean_squares = moments.squares.sum(axis=1) / moments.samples
    # Random signs of the samples leave `samples * squared_mean` about as large as the mean square,
    # so only stronger cancellation counts.
    left = np.minimum(moments.variance, moments.samples * moments.squared_mean)
    is_left = (left > _LEFT_OF_FLOAT32 * mean_squares) | (moments.samples < 2)
    return is_in_range.all(axis=1) & is_left


def _cells_of(piece: _Piece) -> Cells:
    values = piece.values
    samples, timesteps, channels = values.shape
    magnitudes = np.abs(values)
    max_abs = magnitudes.max(axis=0).max(axis=1)
    none = np.zeros(timesteps, np.int64)
    is_finite = np.isfinite(max_abs).all()
    nan, inf = none, none
    if not is_finite:
        nan, inf = np.isnan(values).sum(axis=(0, 2)), np.isinf(values).sum(axis=(0, 2))
    elif magnitudes.min() > 0:
        return Cells(max_abs, none, np.ones((timesteps, channels), np.bool_), none, none)
    few = samples <= np.iinfo(np.uint8).max  # counting in bytes takes less than half the time
    found = (values == 0).view(np.uint8).sum(axis=0, dtype=np.uint8 if few else np.int64)
    zeros = found.sum(axis=1, dtype=np.int64) - (samples - piece.samples) * channels
    return Cells(max_abs, zeros, found < samples, nan, inf)
