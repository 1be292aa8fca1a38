"""In which order the timesteps of a sample stand, before samples are reduced. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tb_rnngrad.plugin.views import View


@dataclass(frozen=True)
class Arrangement:
    """How to arrange the timesteps of each sample.

    Attributes:
        by_lag: column k holds the timestep k before the sample's own last real one, so that what
            samples of different lengths did equally long before their ends meets in one column.
        reversed: half-open ranges of channels whose real timesteps stand last to first: of a
            layer's backward direction that is the order in which it processed them. Comes before
            the lag, which then counts from the timestep processed last.
    """

    by_lag: bool = False
    reversed: tuple[tuple[int, int], ...] = ()

    def of(self, view: View) -> View:
        """Return the view of a sample, arranged. Padding stays padding, and no value is lost."""
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
    after = 0 if view.real is None else int(view.real[::-1].argmax())  # timesteps past the last
    # What lies past the last real timestep comes round to where lags reach before the first.
    columns = (timesteps - 1 - after - np.arange(timesteps)) % timesteps
    values = np.ascontiguousarray(view.values[:, columns])
    return View(values, None if view.real is None else view.real[columns])
