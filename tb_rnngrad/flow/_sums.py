"""Sums over the cells of batches, from which all statistics are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.flow._lags import Float64

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """The moments from which norms over channels and samples are computed, by timestep or lag.

    Attributes:
        samples: [positions]: number of samples that are real there.
        squares: [positions, samples]: sum of squares over channels.
        squared_mean: [positions]: sum of squares over channels of the mean over samples.
        variance: [positions]: sum over channels of the variance over samples.
        along_mean: [positions, samples]: scalar product of a sample with the mean over samples.
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
        """Return the moments at the given positions, in that order."""
        return Moments(
            **{field.name: getattr(self, field.name)[positions] for field in fields(self)}
        )


@dataclass(frozen=True)
class Cells:
    """Counts over the real cells of each timestep.

    Attributes:
        max_abs: [timesteps]: the largest magnitude.
        zeros: [timesteps]: number of cells that are exactly 0.
        alive: [timesteps, channels]: whether any sample is not exactly 0 there.
        nan: [timesteps]: number of cells that are NaN.
        inf: [timesteps]: number of cells that are +Inf or -Inf.
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
        known: [samples, lags]: whether a sample has that lag and it is not padding.
    """

    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Sums:
    """The sums of several batches, or of one part of their channels.

    The timesteps (and lags) of all batches are concatenated.

    Attributes:
        lengths: the number of timesteps of each batch.
        moments: the moments by timestep.
        cells: the counts by timestep.
        by_lag: the moments by lag; None if the timesteps have no single order.
        mask: [samples, timesteps] of bool; None if all are real.
    """

    lengths: Sequence[int]
    moments: Moments
    cells: Cells
    by_lag: Lags | None
    mask: NDArray[np.bool_] | None

    @property
    def starts(self) -> NDArray[np.intp]:
        """The first timestep of each batch."""
        return starts_of(self.lengths)


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


def starts_of(lengths: Sequence[int]) -> NDArray[np.intp]:
    """Return where each batch starts among the timesteps of all."""
    return np.cumsum([0, *lengths[:-1]])
