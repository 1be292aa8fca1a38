"""What a log holds of one tag and direction: the evidence that claims rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.events.logdir import LogDirectory, files_of
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.places import FoundTag, scan
from tb_rnngrad.events.reader import Flow, Series
from tb_rnngrad.events.several_runs import series_of
from tb_rnngrad.flow import Flag, Reach, Thresholds
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import SequenceRecord


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a log holds of one tag, of one of its directions or stacked cells if it has those.

    Attributes:
        series: the tag's series.
        part: the name of the direction or stacked cell; "" if the tag has none.
        direction: the order in which this part processes timesteps.
        of_layer: the other series of the same layer.
        thresholds: the thresholds of flags.
    """

    series: Series
    part: str
    direction: str
    of_layer: tuple[Series, ...]
    thresholds: Thresholds

    @property
    def quantity(self) -> str:
        """What the tag holds."""
        return self.series.metadata.quantity

    @property
    def passes_through_time(self) -> bool:
        """Whether the recurrence carries this quantity back."""
        return self.quantity in flow.THROUGH_TIME

    @cached_property
    def flow(self) -> Flow:
        """The statistics of every step."""
        return self._part_of(self.series).flow

    @cached_property
    def flags(self) -> list[dict[str, Flag]]:
        """For each step, the flags that can be judged, by name."""
        names = self.flow.statistics
        judged = (
            flow.judged(rows, self.quantity, self.thresholds, names) for rows in self.flow.values
        )
        return [{flag.name: flag for flag in flags} for flags in judged]

    def last(self, name: str) -> tuple[int, Flag] | None:
        """Return the last step at which a flag can be judged, by index, and the flag there."""
        for index in range(len(self.flags) - 1, -1, -1):
            if name in self.flags[index]:
                return index, self.flags[index][name]
        return None

    def count(self, name: str) -> str:
        """Return at how many of the steps at which it can be judged a flag is up, in words."""
        judged = [flags[name] for flags in self.flags if name in flags]
        up = sum(flag.is_up for flag in judged)
        return f"so at {up} of {len(judged)} judged steps"

    def statistic(self, index: int, name: str) -> float:
        """Return a statistic of the whole batch at a step; NaN if it was not logged."""
        names = self.flow.statistics
        if name not in names:
            return float("nan")
        return float(self.flow.values[index, 0, names.index(name)])

    @cached_property
    def last_judged(self) -> int | None:
        """The index of the last step at which some sample has a gradient that can be judged."""
        for index in range(len(self.flow.steps) - 1, -1, -1):
            if self.statistic(index, "horizon_samples") > 0:
                return index
        return None

    @cached_property
    def reach(self) -> Reach | None:
        """How far any gradient reaches at the last step that can be judged; None if none can."""
        if self.last_judged is None or "stop_samples" not in self.flow.statistics:
            return None
        states = self._rows_of("hidden_state", int(self.flow.steps[self.last_judged]))
        return flow.reach(
            self.flow.values[self.last_judged],
            self.quantity,
            self.flow.statistics,
            states=states,
            jacobian=self._jacobian(),
        )

    @cached_property
    def last_record(self) -> SequenceRecord | None:
        """The last record that can be read."""
        return last_record(self.series)

    def siblings(self, *quantities: str) -> Iterator[Series]:
        """Yield the series of the same layer that hold one of these quantities."""
        return (one for one in self.of_layer if one.metadata.quantity in quantities)

    def part_of_sibling(self, sibling: Series) -> Series | None:
        """Return the series of this part of a sibling; None if it has no such part."""
        if not self.part:
            return sibling
        return sibling.parts.get(self.part)

    def _part_of(self, series: Series) -> Series:
        return series.parts[self.part] if self.part else series

    def _rows_of(self, quantity: str, step: int) -> NDArray[np.float32] | None:
        """Return the layer's statistics of another quantity at a step, with the same columns."""
        for sibling in self.siblings(quantity):
            part = self.part_of_sibling(sibling)
            if part is None or not part.has(step):
                continue
            of_sibling = part.flow
            if of_sibling.statistics == self.flow.statistics:
                return of_sibling.values[list(of_sibling.steps).index(step)]
        return None

    def _jacobian(self) -> NDArray[Any] | None:
        """Return the layer's last state Jacobian, if it has this flow's timesteps."""
        for sibling in self.siblings("state_jacobian"):
            record = last_record(sibling)
            timesteps = self.flow.values.shape[1]
            if record is not None and record.shape == (timesteps, timesteps):
                return record.data
        return None


def last_record(series: Series) -> SequenceRecord | None:
    """Return a series' last record; None if it has none, or if it is damaged."""
    try:
        return series[-1] if len(series) else None
    except FormatError:
        return None


def evidence_in(
    logdir: LogDirectory, run: str | None, tag: str | None, thresholds: Thresholds
) -> list[Evidence]:
    """Return the evidence of all tags that hold gradients along time, run by run.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If there is no such run or tag, or no gradient along time at all.
    """
    files = files_of(logdir)
    if run is not None and run not in files:
        known = ", ".join(map(repr, files)) or "none"
        raise ValueError(f"no run {run!r} in {logdir}; there are: {known}")
    found = [
        one
        for name, paths in files.items()
        if run in (None, name)
        for one in _of_run(name, scan(paths), thresholds)
        if tag in (None, one.series.tag)
    ]
    if not found:
        wanted = "tag with a gradient along time" if tag is None else f"such tag {tag!r}"
        raise ValueError(f"no {wanted} in {logdir}" + ("" if run is None else f", run {run!r}"))
    return found


def _of_run(run: str, tags: Mapping[str, FoundTag], thresholds: Thresholds) -> Iterator[Evidence]:
    series = [*series_of(run, tags).values()]
    for one in series:
        quantity = one.metadata.quantity
        if not quantity.endswith("_gradient") or _has_no_timesteps(quantity):
            continue
        layer = _layer_of(one)
        others = tuple(
            other for other in series if other is not one and _layer_of(other) == layer is not None
        )
        parts = {name: part.metadata.direction for name, part in one.parts.items()}
        for part, direction in (parts or {"": one.metadata.direction}).items():
            yield Evidence(one, part, direction, others, thresholds)


def _has_no_timesteps(quantity: str) -> bool:
    return quantity == "itemized_gradient" or is_matrix(quantity)


def _layer_of(series: Series) -> str | None:
    """Return the layer's name; if the log does not name it, the tag up to its last slash."""
    return series.metadata.layer or series.tag.rpartition("/")[0] or None
