"""Sums over the cells of batches: the one pass over values that all statistics are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64, timestep_of_lag

Counts = NDArray[np.int64]

_PIECE_CELLS: Final = 2**18

# A difference of two numbers in float64 that is this small a part of them is still good to float32.
_CANCELLED: Final = 1e-4

# From so many channels on, whose rounding averages out, sums in float32 are as good as the float32
# that statistics are kept in, and take half the time: unless they come near the limits of its range
# or are what is left of larger numbers, of which they must be this part or more.
_MANY_CHANNELS: Final = 64
_SQUARES_OF_FLOAT32: Final = 1e-30, 1e30
_LEFT_OF_FLOAT32: Final = 0.03


@dataclass(frozen=True)
class Moments:
    """What the norms over channels and samples are computed from, along timesteps or lags.

    Attributes:
        samples: [positions]: samples that are real there.
        squares: [positions, samples]: sum of squares over channels.
        squared_mean: [positions]: sum of squares over channels of the mean over samples.
        variance: [positions]: sum over channels of the variance over samples.
        along_mean: [positions, samples]: product of a sample and the mean over samples.
    """

    samples: Counts
    squares: Float64
    squared_mean: Float64
    variance: Float64
    along_mean: Float64

    @property
    def norms(self) -> Float64:
        """[positions, samples]: L2 norm over channels."""
        return np.sqrt(self.squares)

    @property
    def squared_noise(self) -> Float64:
        """[positions, samples]: squared norm of a sample's deviation from the mean over samples."""
        return self.squares - 2 * self.along_mean + self.squared_mean[:, np.newaxis]

    def at(self, positions: NDArray[np.intp]) -> Moments:
        """Return those of some positions, in that order."""
        return Moments(
            **{field.name: getattr(self, field.name)[positions] for field in fields(self)}
        )


@dataclass(frozen=True)
class Cells:
    """What is counted over the real cells of a timestep.

    Attributes:
        max_abs: [timesteps]: the largest magnitude.
        zeros: [timesteps]: cells that are exactly 0.
        alive: [timesteps, channels]: whether a sample is not exactly 0 there.
        nan: [timesteps]: cells that are NaN.
        inf: [timesteps]: cells that are +Inf or -Inf.
    """

    max_abs: NDArray[Any]
    zeros: Counts
    alive: NDArray[np.bool_]
    nan: Counts
    inf: Counts


@dataclass(frozen=True)
class Lags(Moments):
    """Moments by lag.

    Attributes:
        known: [samples, lags]: whether a sample has that lag, and it is not padding.
    """

    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Sums:
    """The sums of batches, or of one part of their channels.

    Timesteps, and lags, of all batches follow each other.

    Attributes:
        lengths: the number of timesteps of each batch.
        moments: by timestep.
        cells: by timestep.
        by_lag: the moments by lag; None where timesteps have no one order.
        mask: [samples, timesteps] of bool; None: all is real.
    """

    lengths: Sequence[int]
    moments: Moments
    cells: Cells
    by_lag: Lags | None
    mask: NDArray[np.bool_] | None

    @property
    def starts(self) -> NDArray[np.intp]:
        """The first timestep of each batch."""
        return _starts(self.lengths)


def joined(parts: Sequence[Sums]) -> Sums:
    """Return the sums by timestep over the channels of all parts."""
    moments, cells = [part.moments for part in parts], [part.cells for part in parts]

    def total(name: str, of: Sequence[Moments] | Sequence[Cells]) -> Any:
        return sum(getattr(one, name) for one in of)

    return Sums(
        parts[0].lengths,
        Moments(
            moments[0].samples,
            *(
                total(name, moments)
                for name in ("squares", "squared_mean", "variance", "along_mean")
            ),
        ),
        Cells(
            np.maximum.reduce([one.max_abs for one in cells]),
            total("zeros", cells),
            np.concatenate([one.alive for one in cells], axis=1),
            total("nan", cells),
            total("inf", cells),
        ),
        None,
        parts[0].mask,
    )


def sums_of_each(
    batches: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[np.bool_] | None],
    direction: str,
) -> Sums:
    """Return the sums of several batches; together, small ones take a fraction of the time.

    Args:
        batches: each [samples, timesteps, channels], with as many samples and channels in all.
        masks: of each batch [samples, timesteps] of bool, or None for all.
        direction: in which timesteps are processed, "forward" or "backward"; "both": in no one
            order, so that nothing is summed up by lag.
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
    """Return the batches as one, their timesteps one after the other."""
    if len(batches) == 1:
        return batches[0], masks[0]
    data = np.concatenate(batches, axis=1)
    if all(mask is None for mask in masks):
        return data, None
    pairs = zip(batches, masks, strict=True)
    whole = [np.ones(b.shape[:2], np.bool_) if mask is None else mask for b, mask in pairs]
    return data, np.concatenate(whole, axis=1)


def _starts(lengths: Sequence[int]) -> NDArray[np.intp]:
    return np.cumsum([0, *lengths[:-1]])


def _by_lag(
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    lengths: Sequence[int],
    by_timestep: Moments,
    direction: str,
) -> Lags:
    starts = _starts(lengths)
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
        at: which they are.
        values: [samples, timesteps, channels], float32 or float64. Padding is 0, so that it adds
            nothing to a sum.
        mask: [samples, timesteps]; None: all is real.
        samples: [timesteps]: samples that are real there.
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
    """Give the batch in pieces that stay in the processor's cache: half the time if it is long.

    Args:
        data: [samples, timesteps, channels].
        mask: [samples, timesteps]; None: all is real.
        marked: [timesteps]: only pieces that hold one of these; None: all.
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
    """Return the moments, in float32 where there are many channels; `_make_exact` checks them."""
    values = piece.values
    if values.shape[2] < _MANY_CHANNELS:
        values = values.astype(np.float64, copy=False)
    return _products(values, piece.samples)


def _products(values: NDArray[Any], samples: Counts) -> Moments:
    """Return the moments in the values' precision."""
    mean = _mean(values, samples)
    squares = _dots(values, values).T
    squared_mean = _dots(mean, mean)
    variance = (squares.sum(axis=1) / samples - squared_mean) * (samples > 1)  # exactly 0 of one
    return Moments(samples, squares, squared_mean, variance, _dots(values, mean).T)


def _mean(values: NDArray[Any], samples: Counts) -> NDArray[Any]:
    """Return [timesteps, channels], the mean over samples."""
    mean: NDArray[Any] = values.sum(axis=0)
    mean /= samples[:, np.newaxis].astype(values.dtype)
    return mean


def _make_exact(moments: Moments, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
    """Compute anew what was computed in too low a precision."""
    samples = moments.samples
    if data.dtype.itemsize <= 4 and data.shape[2] >= _MANY_CHANNELS:
        for piece in _pieces(data, mask, ~_are_exact_in_float32(moments, mask)):
            exact = _products(piece.values.astype(np.float64), piece.samples)
            for field in fields(Moments):
                getattr(moments, field.name)[piece.at] = getattr(exact, field.name)
    mean_squares = moments.squares.sum(axis=1) / samples
    # Where the difference nearly cancels, or is not finite, deviations tell.
    near = ~(moments.variance > _CANCELLED * mean_squares) & (mean_squares != 0) & (samples > 1)
    for piece in _pieces(data, mask, near):
        values = piece.values.astype(np.float64, copy=False)
        deviation = values - _mean(values, piece.samples)
        if piece.mask is not None:
            deviation[~piece.mask] = 0
        variance = _dots(deviation, deviation).sum(axis=0) / piece.samples
        moments.variance[piece.at] = np.where(near[piece.at], variance, moments.variance[piece.at])


def _dots(one: NDArray[Any], other: NDArray[Any]) -> Float64:
    """Return the scalar products along the last axis, computed in the precision of both."""
    if one.shape[-1] < _MANY_CHANNELS:
        products = np.einsum("...c,...c->...", one, other)
    else:
        products = (one[..., np.newaxis, :] @ other[..., np.newaxis])[..., 0, 0]
    return products.astype(np.float64, copy=False)


def _are_exact_in_float32(moments: Moments, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return [positions]: whether what float32 gives is as good as what float64 rounds to."""
    least, most = _SQUARES_OF_FLOAT32
    is_in_range = (moments.squares > least) & (moments.squares < most)
    if mask is not None:
        is_in_range |= ~mask.T
    mean_squares = moments.squares.sum(axis=1) / moments.samples
    # As much as is left of the mean where samples have random signs, or more.
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
    few = samples <= np.iinfo(np.uint8).max  # counted in bytes, in less than half the time
    found = (values == 0).view(np.uint8).sum(axis=0, dtype=np.uint8 if few else np.int64)
    zeros = found.sum(axis=1, dtype=np.int64) - (samples - piece.samples) * channels
    return Cells(max_abs, zeros, found < samples, nan, inf)
