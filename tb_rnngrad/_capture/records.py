"""From what was captured to records and statistics, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad._capture.batch_names import BatchNames
from tb_rnngrad._capture.captured import Captured
from tb_rnngrad.flow import Statistics, Thresholds
from tb_rnngrad.labels import kept_samples, labels_at
from tb_rnngrad.norm_table import MOST_CELLS, norm_table
from tb_rnngrad.record import SequenceRecord

NO_NAMES: Final = BatchNames()

Records = SequenceRecord | dict[str, SequenceRecord]
"""A layer's record, or its records by quantity."""


class CapturedRecords(Mapping[str, Records]):
    """The records of one step by layer; the base of every framework's `capture`.

    A subclass calls `__init__` and sets `_records` to what `records_of` returns when its block
    ends.
    """

    def __init__(self) -> None:
        self._records: Mapping[str, Records] = {}

    def __getitem__(self, layer: str) -> Records:
        """Return what was captured from a layer.

        Raises:
            KeyError: if nothing was, with the names of those of which something was.
        """
        if layer not in self._records:
            names = ", ".join(self._records) or "none before the block ends"
            raise KeyError(f"{layer!r} was not captured; captured layers: {names}")
        return self._records[layer]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the layers."""
        return iter(self._records)

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self._records)


def records_of(captured: Sequence[Captured], framework: str, single: bool) -> dict[str, Records]:
    """Return layer name -> record, or layer name -> dict of records by quantity.

    Args:
        captured: what was captured.
        framework: the records' framework.
        single: whether one quantity was asked for by its name, not in a list. Then layers map to
            records, unless some layer has several (a weight of each name, a state of each name).
    """
    by_layer: dict[str, dict[str, SequenceRecord]] = {}
    for one in captured:
        by_layer.setdefault(one.layer, {})[one.name] = record_of(one, framework)
    if single and all(len(named) == 1 for named in by_layer.values()):
        return {name: next(iter(named.values())) for name, named in by_layer.items()}
    return dict(by_layer)


def record_of(one: Captured, framework: str) -> SequenceRecord:
    """Return a record of all samples."""
    data, mask = np.asarray(one.data), None if one.mask is None else np.asarray(one.mask)
    return _record(one, framework, data, mask)


def short_record_of(
    one: Captured,
    framework: str,
    max_outputs: int,
    statistics: Statistics,
    keep: str = "first",
    names: BatchNames = NO_NAMES,
    step: int = 0,
    norms: bool = False,
) -> SequenceRecord:
    """Return a record of `max_outputs` samples with the statistics of all samples.

    Args:
        one: what was captured.
        framework: the record's framework.
        max_outputs: how many samples to keep.
        statistics: the statistics of all samples.
        keep: which samples to keep.
        names: the batch's ids and labels; those that do not fit this record are left out.
        step: the training step, which seeds the choice of random samples.
        norms: whether to keep the norms of all samples, if they are few enough.
    """
    samples, timesteps = size_of(one)
    places = table = None
    norms = norms and samples * timesteps <= MOST_CELLS
    if keep != "first" or norms:  # all samples are needed
        data, mask = np.asarray(one.data), None if one.mask is None else np.asarray(one.mask)
        sequences = data if data.ndim == 3 else data[:, np.newaxis]
        places = kept_samples(sequences, mask, keep, max_outputs, step)
        table = norm_table(sequences, mask) if norms else None
    if places is None:
        data = np.asarray(one.data[:max_outputs])
        mask = None if one.mask is None else np.asarray(one.mask[:max_outputs])
    else:
        data, mask = data[places], None if mask is None else mask[places]
    labels = names.labels_of(samples, timesteps)
    if labels is not None:
        labels = labels_at(labels, range(len(data)) if places is None else places)
    record = _record(one, framework, data, mask, statistics, batch_size=samples)
    ids = names.ids_of(samples)
    if all(one is None for one in (ids, labels, places, table)):
        return record
    at = None if places is None else tuple(places)
    return replace(record, ids=ids, labels=labels, samples=at, norms=table)


def size_of(one: Captured) -> tuple[int, int]:
    """Return the number of samples and timesteps of a sequence."""
    samples, *rest = one.data.shape
    return int(samples), int(rest[0]) if len(rest) == 2 else 1


def _record(
    one: Captured,
    framework: str,
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    statistics: Statistics | None = None,
    batch_size: int | None = None,
) -> SequenceRecord:
    return SequenceRecord(
        data,
        mask,
        one.groups,
        quantity=one.quantity,
        layer=one.layer,
        framework=framework,
        flow=None if statistics is None else statistics.rows,
        part_flows=None if statistics is None else statistics.parts,
        batch_size=batch_size,
        direction=one.direction,
        details=one.details,
        backward_passes=one.passes,
    )


def statistics_of(captured: Sequence[Captured], thresholds: Thresholds) -> list[Statistics]:
    """Return the statistics over all samples of each sequence; its data is in NumPy.

    Sequences of the same kind and width are computed together, of however many steps they are.
    """
    alike: dict[Any, list[int]] = {}
    for index, one in enumerate(captured):
        samples, *_, channels = one.data.shape
        groups = None if one.groups is None else tuple(one.groups.items())
        key = one.data.dtype, samples, channels, one.mask is None, groups, one.direction
        alike.setdefault(key, []).append(index)
    each: dict[int, Statistics] = {}
    for indices in alike.values():
        own = _statistics_of([captured[index] for index in indices], thresholds)
        each.update(zip(indices, own, strict=True))
    return [each[index] for index in range(len(captured))]


def _statistics_of(alike: Sequence[Captured], thresholds: Thresholds) -> list[Statistics]:
    groups, direction = alike[0].groups, alike[0].direction
    sequences = [one.data if one.data.ndim == 3 else one.data[:, np.newaxis] for one in alike]
    masks = [one.mask for one in alike]
    return flow.statistics_of_each(sequences, masks, groups, direction, thresholds)
