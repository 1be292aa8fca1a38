"""Turns captured tensors into records."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.flow import Statistics, Thresholds
from tb_rnngrad.keras._device_statistics import statistics
from tb_rnngrad.keras._taps.layout import (
    Captured,
    Found,
    doubts,
    layers_of,
    single_timesteps,
    to_layout,
)
from tb_rnngrad.keras._taps.taps import Taps
from tb_rnngrad.record import SequenceRecord

Records = SequenceRecord | dict[str, SequenceRecord]


def record_of(one: Captured, taps: Taps) -> SequenceRecord:
    """Return a record of all samples."""
    data, mask = np.asarray(one.data), None if one.mask is None else np.asarray(one.mask)
    return _record(one, taps, data, mask)


def to_numpy(found: Found) -> list[Captured]:
    """Return what was captured, in its layout, as NumPy arrays if it is in host memory.

    Slicing through TensorFlow would cost 0.2 ms a slice. Tensors on an accelerator stay there, so
    that only the samples kept are copied.
    """
    return [
        one
        if _is_on_accelerator(one.data)
        else replace(
            one,
            data=np.asarray(one.data),
            mask=None if one.mask is None else np.asarray(one.mask),
        )
        for one in to_layout(found)
    ]


def short_record_of(
    one: Captured, taps: Taps, max_outputs: int, found: Statistics
) -> SequenceRecord:
    """Return a record of the first `max_outputs` samples with the statistics of all samples."""
    kept = None if one.mask is None else np.asarray(one.mask[:max_outputs])
    data, samples = np.asarray(one.data[:max_outputs]), int(one.data.shape[0])
    return _record(one, taps, data, kept, found, batch_size=samples)


def _record(
    one: Captured,
    taps: Taps,
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    found: Statistics | None = None,
    batch_size: int | None = None,
) -> SequenceRecord:
    return SequenceRecord(
        data,
        mask,
        one.groups,
        quantity=one.quantity,
        layer=one.layer,
        framework=taps.adapter.name,
        flow=None if found is None else found.rows,
        part_flows=None if found is None else found.parts,
        batch_size=batch_size,
        direction=one.direction,
        details=one.details,
        backward_passes=one.passes,
    )


def statistics_of(found: Sequence[Captured], thresholds: Thresholds) -> list[Statistics]:
    """Return the statistics over all samples for each tensor of `to_numpy`.

    They are computed where the data is; tensors of the same kind and width are computed together.
    """
    alike: dict[Any, list[int]] = {}
    for index, one in enumerate(found):
        samples, *_, channels = one.data.shape
        groups = None if one.groups is None else tuple(one.groups.items())
        place = index if _is_on_accelerator(one.data) else one.data.dtype
        key = place, samples, channels, one.mask is None, groups, one.direction
        alike.setdefault(key, []).append(index)
    each: dict[int, Statistics] = {}
    for indices in alike.values():
        own = _statistics_of([found[index] for index in indices], thresholds)
        each.update(zip(indices, own, strict=True))
    return [each[index] for index in range(len(found))]


def _statistics_of(alike: Sequence[Captured], thresholds: Thresholds) -> list[Statistics]:
    groups, direction = alike[0].groups, alike[0].direction
    if _is_on_accelerator(alike[0].data):
        return [statistics(one.data, one.mask, groups, direction, thresholds) for one in alike]
    sequences = [one.data if one.data.ndim == 3 else one.data[:, np.newaxis] for one in alike]
    masks = [one.mask for one in alike]
    return flow.statistics_of_each(sequences, masks, groups, direction, thresholds)


def _is_on_accelerator(data: Any) -> bool:
    return isinstance(data, tf.Tensor) and "CPU" not in data.device


def records_of(found: Sequence[Captured], taps: Taps, single: bool) -> dict[str, Records]:
    """Return layer name -> record, or layer name -> dict of records by quantity.

    Raises:
        ValueError: if nothing of a layer was captured.
    """
    check_reached(found, taps)
    warn_of_doubts(found, stacklevel=4)
    by_layer: dict[str, dict[str, SequenceRecord]] = {}
    for one in found:
        by_layer.setdefault(one.layer, {})[one.name] = record_of(one, taps)
    if single and all(len(named) == 1 for named in by_layer.values()):
        return {name: next(iter(named.values())) for name, named in by_layer.items()}
    return dict(by_layer)


def warn_of_doubts(found: Sequence[Captured], stacklevel: int) -> None:
    """Warn about records that are less than a whole sequence or gradient."""
    sentence = single_timesteps(found)
    for told in filter(None, (sentence, *doubts(found).values())):
        warnings.warn(told, stacklevel=stacklevel)


def check_reached(found: Found, taps: Taps) -> None:
    """Raise ValueError if nothing of a layer was captured."""
    seen = layers_of(found)
    for view, of in taps.asked:
        if view.name not in seen:
            reason = "the loss does not depend on it, or it was not called"
            if any(id(part.layer) in taps.unrecorded for part in view.parts):
                reason = (
                    "it was called where no tape records, as under keras.remat or "
                    "tf.recompute_grad, which run it once more in the backward pass; expected to "
                    "be asked about a model without them"
                )
            raise ValueError(f"nothing of layer {view.name!r} was seen ({', '.join(of)}): {reason}")
