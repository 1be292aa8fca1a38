"""Reorders the timesteps of each sample before samples are reduced. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tb_rnngrad.views.view import View


@dataclass(frozen=True)
class Arrangement:
    """How to arrange the timesteps of each sample.

    Attributes:
        by_lag: if True, column k holds the timestep that is k before the sample's own last real
            one. Samples of different lengths are then aligned at their ends.
        reversed: half-open ranges of channels whose real timesteps are reversed. For a layer's
            backward direction, this gives the order in which it processed them. Applied before
            `by_lag`, so that lags count from the timestep processed last.
    """

    by_lag: bool = False
    reversed: tuple[tuple[int, int], ...] = ()

    def of(self, view: View) -> View:
        """Return the rearranged view of a sample; it keeps all values and all padding."""
        arranged = _reversed(view, self.reversed) if self.reversed else view
        return _by_lag(arranged) if self.by_lag else arranged


AS_RECORDED: Final = Arrangement()


def _reversed(view: View, ranges: tuple[tuple[int, int], ...]) -> View:
    timesteps = view.values.shape[1]
    real = np.arange(timesteps) if view.real is None else np.flatnonzero(view.real)
    values = view.values.copy()
    for start, stop in ranges:
        values[start:stop, real] = view.values[start:stop, real[::-1]]
    return View(values, view.real)


def _by_lag(view: View) -> View:
    timesteps = view.values.shape[1]
    after = 0 if view.real is None else int(view.real[::-1].argmax())  # padding after the last
    # The padding after the last real timestep moves to the largest lags, before the first timestep.
    columns = (timesteps - 1 - after - np.arange(timesteps)) % timesteps
    values = np.ascontiguousarray(view.values[:, columns])
    return View(values, None if view.real is None else view.real[columns])
