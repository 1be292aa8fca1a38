"""What was captured, handed to the user as records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import flow
from tb_rnngrad.keras._assemble import Captured
from tb_rnngrad.keras._statistics import statistics
from tb_rnngrad.keras._taps import Taps
from tb_rnngrad.record import SequenceRecord, is_matrix

Records = SequenceRecord | dict[str, SequenceRecord]


def record_of(one: Captured, taps: Taps, max_outputs: int | None = None) -> SequenceRecord:
    """Return a record of all samples, or of the first `max_outputs` with the statistics of all."""
    data, mask, rows, batch_size = _at_hand(one.data), _at_hand(one.mask), None, None
    if max_outputs is not None and not is_matrix(one.quantity):
        rows = flow_of(one)
        batch_size = int(data.shape[0])
        data = data[:max_outputs]
        mask = None if mask is None else mask[:max_outputs]
    return SequenceRecord(
        np.asarray(data),
        None if mask is None else np.asarray(mask),
        one.groups,
        quantity=one.quantity,
        layer=one.layer,
        framework=taps.adapter.name,
        flow=rows,
        batch_size=batch_size,
    )


def flow_of(one: Captured) -> NDArray[np.float32]:
    """Return the statistics over all samples, [timesteps, statistics], computed where these are."""
    if _is_on_accelerator(one.data):
        return np.asarray(statistics(one.data, one.mask))
    data, mask = _at_hand(one.data), _at_hand(one.mask)
    return flow.statistics(data if data.ndim == 3 else data[:, np.newaxis], mask)


def _at_hand(data: Any) -> Any:
    """Return NumPy's view of what lies in this memory: cut by TensorFlow, each slice costs 0.2 ms.

    What is on an accelerator stays there, so that only the samples kept are copied.
    """
    return data if data is None or _is_on_accelerator(data) else np.asarray(data)


def _is_on_accelerator(data: Any) -> bool:
    return isinstance(data, tf.Tensor) and "CPU" not in data.device


def records_of(found: Sequence[Captured], taps: Taps, single: bool) -> dict[str, Records]:
    """Return layer name -> record, or layer name -> dict of records by quantity.

    Raises:
        ValueError: nothing of a layer was seen.
    """
    check_reached(found, taps)
    by_layer: dict[str, dict[str, SequenceRecord]] = {}
    for one in found:
        by_layer.setdefault(one.layer, {})[one.name] = record_of(one, taps)
    if single and all(len(named) == 1 for named in by_layer.values()):
        return {name: next(iter(named.values())) for name, named in by_layer.items()}
    return dict(by_layer)


def check_reached(found: Sequence[Captured], taps: Taps) -> None:
    """Raise ValueError where nothing of a layer was seen."""
    seen = {one.layer for one in found}
    for view, of in taps.asked:
        if view.name not in seen:
            raise ValueError(
                f"nothing of layer {view.name!r} was seen ({', '.join(of)}): "
                "the loss does not depend on it, or it was not called"
            )
