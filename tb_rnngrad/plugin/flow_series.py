"""The flow of several steps as one array, for `/flow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorboard import errors

from tb_rnngrad.events.flow_tensor import checked, rows_of
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.plugin.listing import wall_time_of
from tb_rnngrad.plugin.sources import KeptFlow


@dataclass(frozen=True)
class FlowSeries:
    """The flow of several steps of one tag.

    Attributes:
        values: [steps, timesteps, statistics] float32; shorter steps are padded with NaN.
        steps: (step, wall time), ascending.
        statistics: the names along the last axis.
        complete: whether `values` holds every step that was logged.
        sampled: whether steps were left out because all of them would have been too large.
        damaged: the steps left out because they cannot be read, each with the reason.
    """

    values: NDArray[np.float32]
    steps: list[tuple[int, float]]
    statistics: tuple[str, ...]
    complete: bool
    sampled: bool
    damaged: list[tuple[int, str]]


def columns_of(names: tuple[str, ...], chosen: Sequence[str] | None) -> list[int]:
    """Return the indices in `names` of the chosen columns, in the chosen order."""
    if chosen is None:
        return list(range(len(names)))
    for name in chosen:
        if name not in names:
            raise errors.InvalidArgumentError(
                f"statistics names {name!r}; expected some of {', '.join(names)}"
            )
    if len(set(chosen)) < len(chosen):
        twice = next(name for name in chosen if chosen.count(name) > 1)
        raise errors.InvalidArgumentError(
            f"statistics names {twice!r} twice; expected each at most once"
        )
    return [names.index(name) for name in chosen]


def timesteps_of(kept: KeptFlow) -> int:
    """Return how many timesteps a flow actually holds; 1 if its tensor cannot be read."""
    try:
        return len(rows_of(kept.tensor))
    except FormatError:
        return 1


def flow_series(
    kept: Sequence[KeptFlow],
    tag: str,
    names: tuple[str, ...],
    columns: list[int],
    window: slice,
    complete: bool,
    sampled: bool,
) -> FlowSeries:
    """Return the chosen columns and timesteps of all readable flows, as one array."""
    shape = len(kept), window.stop - window.start, len(columns)
    values = np.full(shape, np.nan, np.float32)
    steps: list[tuple[int, float]] = []
    damaged = []
    for one in kept:
        try:
            rows = checked(rows_of(one.tensor), names, Logged(tag, one.step, one.wall_time))
        except FormatError as error:
            damaged.append((one.step, str(error)))
        else:
            rows = rows[window]
            values[len(steps), : len(rows)] = rows[:, columns]
            steps.append((one.step, wall_time_of(one.wall_time)))
    if not steps:
        step, why = damaged[-1]
        raise errors.NotFoundError(f"no flow of the tag {tag!r} can be read; of step {step}: {why}")
    chosen = tuple(names[column] for column in columns)
    found = values[: len(steps)]
    return FlowSeries(found, steps, chosen, complete and not damaged, sampled, damaged)
