"""Sums over the cells of a batch: the one pass over its values that all statistics are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64, timestep_of_lag

Counts = NDArray[np.int64]

# A difference of two numbers in float64 that is this small a part of them is still good to float32.
_CANCELLED: Final = 1e-4

_PIECE_CELLS: Final = 2**18


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
    def noise(self) -> Float64:
        """[positions, samples]: norm of a sample's deviation from the mean over samples."""
        squares = self.squares - 2 * self.along_mean + self.squared_mean[:, np.newaxis]
        return np.sqrt(np.maximum(squares, 0))

    def at(self, positions: slice | NDArray[np.intp]) -> Moments:
        """Return those of some positions, in that order."""
        return Moments(
            **{field.name: getattr(self, field.name)[positions] for field in fields(self)}
        )


@dataclass(frozen=True)
class Cells:
    """What is counted over the real cells of a timestep.

    Attributes:
        max_abs: [timesteps]: the largest magnitude.
        zeros: [timesteps, channels]: samples that are exactly 0 there.
        nan: [timesteps]: cells that are NaN.
        inf: [timesteps]: cells that are +Inf or -Inf.
    """

    max_abs: NDArray[Any]
    zeros: Counts
    nan: Counts
    inf: Counts

    def at(self, timesteps: slice) -> Cells:
        """Return those of some timesteps."""
        return Cells(**{name: getattr(self, name)[timesteps] for name in _CELLS})


@dataclass(frozen=True)
class Lags(Moments):
    """Moments by lag.

    Attributes:
        known: [samples, lags]: whether a sample has that lag, and it is not padding.
    """

    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Sums:
    """The sums of one batch, or of one part of its channels.

    Attributes:
        moments: by timestep.
        cells: by timestep.
        by_lag: the moments by lag; None where timesteps have no one order.
        mask: [samples, timesteps] of bool; None: all is real.
    """

    moments: Moments
    cells: Cells
    by_lag: Lags | None
    mask: NDArray[np.bool_] | None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.cells.zeros.shape[1]


def joined(parts: Sequence[Sums]) -> tuple[Moments, Cells]:
    """Return the sums by timestep over the channels of all parts."""
    moments, cells = [part.moments for part in parts], [part.cells for part in parts]

    def total(name: str, of: Sequence[Moments] | Sequence[Cells]) -> Any:
        return sum(getattr(one, name) for one in of)

    return (
        Moments(
            moments[0].samples,
            *(
                total(name, moments)
                for name in ("squares", "squared_mean", "variance", "along_mean")
            ),
        ),
        Cells(
            np.maximum.reduce([one.max_abs for one in cells]),
            np.concatenate([one.zeros for one in cells], axis=1),
            total("nan", cells),
            total("inf", cells),
        ),
    )


def sums_of_each(
    batches: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[np.bool_] | None],
    direction: str,
) -> list[Sums]:
    """Return the sums of several batches; together, small ones take a fraction of the time.

    Args:
        batches: each [samples, timesteps, channels], with as many samples and channels in all.
        masks: of each batch [samples, timesteps] of bool, or None for all.
        direction: in which timesteps are processed, "forward" or "backward".
    """
    data, mask = _side_by_side(batches, masks)
    summed = _summed_up(data, mask, (*_MOMENTS, *_CELLS))
    moments = Moments(**{name: summed[name] for name in _MOMENTS})
    cells = Cells(**{name: summed[name] for name in _CELLS})
    found, start = [], 0
    for batch, own_mask in zip(batches, masks, strict=True):
        at = slice(start, start + batch.shape[1])
        start = at.stop
        own = moments.at(at)
        by_lag = None if direction == "both" else _by_lag(batch, own_mask, own, direction)
        found.append(Sums(own, cells.at(at), by_lag, own_mask))
    return found


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


def _by_lag(
    data: NDArray[Any], mask: NDArray[np.bool_] | None, by_timestep: Moments, direction: str
) -> Lags:
    if mask is None:
        order = slice(None) if direction == "backward" else slice(None, None, -1)
        return Lags(**vars(by_timestep.at(order)), known=np.ones(data.shape[:2], np.bool_))
    timestep, known = timestep_of_lag(mask, direction)
    if (timestep == timestep[0]).all() and known.any(axis=0).all():  # samples end together
        return Lags(**vars(by_timestep.at(timestep[0])), known=known)
    aligned = data[np.arange(len(data))[:, np.newaxis], timestep]
    return Lags(**_summed_up(aligned, known, _MOMENTS), known=known)


_MOMENTS: Final = tuple(field.name for field in fields(Moments))
_CELLS: Final = tuple(field.name for field in fields(Cells))


def _summed_up(
    data: NDArray[Any], mask: NDArray[np.bool_] | None, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Return properties of a `_Piece` by name, over all timesteps."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        pieces = [[getattr(piece, name) for name in names] for piece in _pieces(data, mask)]
    return {
        name: np.concatenate(arrays)
        for name, arrays in zip(names, zip(*pieces, strict=True), strict=True)
    }


def _pieces(data: NDArray[Any], mask: NDArray[np.bool_] | None) -> Iterator[_Piece]:
    """Give the batch in pieces that stay in the processor's cache: half the time if it is long."""
    samples, timesteps, channels = data.shape
    stride = max(1, _PIECE_CELLS // (samples * channels))
    for start in range(0, timesteps, stride):
        at = slice(start, start + stride)
        yield _Piece(data[:, at], None if mask is None else mask[:, at])


class _Piece:
    """Some timesteps of a batch, [samples, timesteps, channels].

    Padding is 0 here, so that it adds nothing to a sum.
    """

    def __init__(self, data: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
        self.mask = mask
        self.size, _, self.channels = data.shape
        # As given where it is only compared: half the bytes.
        self.given = data.astype(np.float64 if data.dtype.itemsize > 4 else np.float32, copy=False)
        if mask is not None:
            self.given = self.given.copy()
            self.given[~mask] = 0
        self.samples: Counts = (
            np.full(data.shape[1], len(data)) if mask is None else mask.sum(axis=0)
        )

    @cached_property
    def data(self) -> Float64:
        """The values in float64: their squares leave float32's range long before they do."""
        return self.given.astype(np.float64, copy=False)

    @cached_property
    def squares(self) -> Float64:
        """[timesteps, samples]: sum of squares over channels."""
        return np.einsum("stc,stc->ts", self.data, self.data)

    @cached_property
    def mean(self) -> Float64:
        """[timesteps, channels]: mean over samples."""
        sums = np.ones(self.size) @ self.data.reshape(self.size, -1)
        return sums.reshape(-1, self.channels) / self.samples[:, np.newaxis]

    @cached_property
    def squared_mean(self) -> Float64:
        """[timesteps]: sum of squares over channels of the mean over samples."""
        return np.einsum("tc,tc->t", self.mean, self.mean)

    @property
    def along_mean(self) -> Float64:
        """[timesteps, samples]: product of a sample and the mean over samples."""
        return np.einsum("stc,tc->ts", self.data, self.mean)

    @property
    def variance(self) -> Float64:
        """[timesteps]: sum over channels of the variance over samples."""
        mean_squares = self.squares.sum(axis=1) / self.samples
        variance = mean_squares - self.squared_mean
        # Where they nearly cancel, or are not finite, deviations tell.
        near = ~(variance > _CANCELLED * mean_squares) & (mean_squares != 0)
        if near.any():
            deviation = self.data[:, near] - self.mean[near]
            squares = np.einsum("stc,stc->st", deviation, deviation)
            if self.mask is not None:
                squares[~self.mask[:, near]] = 0
            variance[near] = squares.sum(axis=0) / self.samples[near]
        return variance

    @cached_property
    def max_abs(self) -> NDArray[Any]:
        """[timesteps]: the largest magnitude."""
        return np.asarray(np.abs(self.given).max(axis=0).max(axis=1))

    @property
    def zeros(self) -> Counts:
        """[timesteps, channels]: how many samples are exactly 0 there, padding not counted."""
        found = self.given == 0
        if not found.any():
            return np.zeros(found.shape[1:], np.int64)
        few = self.size <= np.iinfo(np.uint8).max  # counted in bytes, in less than half the time
        counted = found.view(np.uint8).sum(axis=0, dtype=np.uint8 if few else np.int64)
        return counted - (self.size - self.samples)[:, np.newaxis]

    @property
    def nan(self) -> Counts:
        """[timesteps]: number of NaN."""
        return self._count(np.isnan)

    @property
    def inf(self) -> Counts:
        """[timesteps]: number of +Inf and -Inf."""
        return self._count(np.isinf)

    def _count(self, is_found: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> Counts:
        """Count cells of a kind that is never finite; if there is none, the largest tells."""
        if np.isfinite(self.max_abs).all():
            return np.zeros(len(self.samples), np.int64)
        return np.asarray(is_found(self.given).sum(axis=(0, 2)))
