"""What the taps captured in one training step, as a logger's session takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from tb_rnngrad._capture import records
from tb_rnngrad._capture.captured import Captured
from tb_rnngrad.flow import Statistics, Thresholds
from tb_rnngrad.keras import _device_statistics
from tb_rnngrad.keras._records import check_reached
from tb_rnngrad.keras._taps.layout import Found, doubts, size_of, to_layout
from tb_rnngrad.keras._taps.taps import Taps


@dataclass(frozen=True)
class KerasCapture:
    """See `StepCapture`.

    Raises:
        ValueError: if nothing of a layer was captured.
    """

    found: Found
    taps: Taps

    def __post_init__(self) -> None:
        """Check that every layer was reached."""
        check_reached(self.found, self.taps)

    @property
    def framework(self) -> str:
        """See `StepCapture`."""
        return self.taps.adapter.name

    @property
    def size(self) -> int:
        """See `StepCapture`."""
        return size_of(self.found)

    def doubts(self) -> Mapping[str, str]:
        """See `StepCapture`."""
        return doubts(self.found)

    def to_layout(self) -> Sequence[Captured]:
        """See `StepCapture`; what is in host memory comes as NumPy arrays.

        Slicing through TensorFlow would cost 0.2 ms a slice. Tensors on an accelerator stay there,
        so that only the samples kept are copied.
        """
        return [
            one
            if _is_on_accelerator(one.data)
            else replace(
                one,
                data=np.asarray(one.data),
                mask=None if one.mask is None else np.asarray(one.mask),
            )
            for one in to_layout(self.found)
        ]


def statistics_of(captured: Sequence[Captured], thresholds: Thresholds) -> list[Statistics]:
    """Return the statistics over all samples of each sequence, computed where its data is."""
    on_host = [one for one in captured if not _is_on_accelerator(one.data)]
    of_host = iter(records.statistics_of(on_host, thresholds))
    return [
        _device_statistics.statistics(one.data, one.mask, one.groups, one.direction, thresholds)
        if _is_on_accelerator(one.data)
        else next(of_host)
        for one in captured
    ]


def _is_on_accelerator(data: Any) -> bool:
    return isinstance(data, tf.Tensor) and "CPU" not in data.device
