"""From what a user gives to what a figure draws: a record, and views of its samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.events.reader import Series
from tb_rnngrad.quantities import QUANTITIES, is_matrix, symbol_of
from tb_rnngrad.record import SequenceRecord, is_floating
from tb_rnngrad.views.arrangement import Arrangement
from tb_rnngrad.views.view import View, reduce_samples, view_of_sample

Given: TypeAlias = SequenceRecord | Series | ArrayLike


@dataclass(frozen=True)
class Shown:
    """What a figure draws.

    Attributes:
        record: the record.
        title: what it is, in words; empty for a plain array.
    """

    record: SequenceRecord
    title: str

    @property
    def label(self) -> str:
        """The symbol of the values, for colour bars and axes."""
        if self.record.quantity == "other":
            return "value"
        return typeset(symbol_of(self.record.quantity, self.record.details))

    @property
    def signed(self) -> bool:
        """Whether the values have a sign. Norms have none."""
        return self.record.quantity != "itemized_gradient"


def typeset(symbol: str) -> str:
    """Return a symbol with Matplotlib's subscripts: dL/dh_t."""
    return re.sub(r"_(\w)", r"$_{\1}$", symbol.replace("log10", "log_{10}")).replace(
        "log_{10}", "log$_{10}$"
    )


def shown_of(given: Given, step: int | None, quantity: str = "other") -> Shown:
    """Return the record to draw.

    Args:
        given: a record, a series, or an array, which becomes a record of `quantity`.
        step: the training step of a series; None for its last one.
        quantity: what a plain array holds.

    Raises:
        ValueError: If something else than a series has a step, or a series has no tensor.
        KeyError: If the series has no tensor at `step`.
    """
    if isinstance(given, Series):
        if not len(given):
            raise ValueError(f"{given.tag!r} has flow statistics alone; plot.flow draws them")
        at = int(given.steps[-1]) if step is None else step
        return Shown(given.at(at), f"{given.run}, {given.tag}, step {at}")
    if step is not None:
        raise ValueError(f"step is {step}, but only a series has steps; expected None")
    if isinstance(given, SequenceRecord):
        title = QUANTITIES[given.quantity].title
        return Shown(given, title if given.layer is None else f"{title} of {given.layer}")
    return Shown(SequenceRecord(_floating(given), quantity=quantity), "")


def _floating(given: ArrayLike) -> NDArray[Any]:
    array = np.asarray(given)
    return array if is_floating(array.dtype) else array.astype(np.float64)


def sequences_of(given: Given, step: int | None, figure: str) -> Shown:
    """Return a record of sequences; a plain array [timesteps, channels] is a single sample.

    Raises:
        ValueError: If it has no time axis; see also `shown_of`.
    """
    if not isinstance(given, (Series, SequenceRecord)) and np.ndim(given) == 2:
        given = _floating(given)[np.newaxis]
    shown = shown_of(given, step)
    if shown.record.data.ndim != 3:
        has = _why_no_time_axis(shown.record)
        raise ValueError(f"{shown.title or 'the array'} {has}; plot.{figure} needs timesteps")
    return shown


def _why_no_time_axis(record: SequenceRecord) -> str:
    if record.quantity == "state_jacobian":
        return "is a matrix [t, s], which plot.jacobian draws"
    if is_matrix(record.quantity):
        return "is a matrix without a time axis, which plot.weights draws"
    return f"has no time axis (shape {list(record.shape)}); plot.scatter draws it"


@dataclass(frozen=True)
class TimeOptions:
    """How a figure lays out timesteps.

    Attributes:
        lags: whether to count timesteps back from each sample's last real one.
        as_processed: whether to draw backward directions in the order in which they process time.
        max_timesteps: draw only so many timesteps or lags; None for all.
    """

    lags: bool = False
    as_processed: bool = False
    max_timesteps: int | None = None

    @property
    def axis(self) -> str:
        """The label of the time axis."""
        return "lag" if self.lags else "timestep"

    def views(self, record: SequenceRecord, samples: Sequence[int]) -> list[View]:
        """Return [channels, timesteps] for each of `samples`."""
        arrangement = Arrangement(self.lags, _backward(record) if self.as_processed else ())
        return [self._cut(arrangement.of(_view(record, sample))) for sample in samples]

    def _cut(self, view: View) -> View:
        most = self.max_timesteps
        if most is None:
            return view
        if most < 1:
            raise ValueError(f"max_timesteps is {most}; expected at least 1")
        real = None if view.real is None else view.real[:most]
        return View(view.values[:, :most], real)


def _view(record: SequenceRecord, sample: int) -> View:
    mask = None if record.mask is None else record.mask[sample]
    return view_of_sample(record.sequences[sample], mask)


def _backward(record: SequenceRecord) -> tuple[tuple[int, int], ...]:
    """Return the ranges of channels that belong to backward directions."""
    found, start = [], 0
    for name, size in (record.channel_groups or {}).items():
        if name.split("/")[0] == "backward":
            found.append((start, start + size))
        start += size
    if not found:
        groups = record.channel_groups and [*record.channel_groups]
        raise ValueError(
            f"as_processed needs a channel group 'backward'; the record's groups are {groups}"
        )
    return tuple(found)


def chosen(wanted: Sequence[int] | int | None, count: int, what: str) -> list[int]:
    """Return indices from 0 to `count`; all if `wanted` is None.

    Raises:
        ValueError: If an index is out of range, or there is none.
    """
    if wanted is None:
        return [*range(count)]
    indices = [wanted] if isinstance(wanted, (int, np.integer)) else [*wanted]
    for index in indices:
        if not -count <= index < count:
            raise ValueError(f"{what} {index} is none; expected 0 to {count - 1}")
    if not indices:
        raise ValueError(f"{what}s are empty; expected at least one of 0 to {count - 1}")
    return [int(index) % count for index in indices]


def order_view(record: SequenceRecord, samples: Sequence[int], as_processed: bool) -> View:
    """Return the view by lag that an order of channels is made from: of a sample, or their RMS."""
    views = TimeOptions(lags=True, as_processed=as_processed).views(record, samples)
    return views[0] if len(views) == 1 else reduce_samples(views, "rms")
