"""Are units stuck at the ends of their range? The share of activations beyond 0.05 and 0.95.

Judged by the last logged gate activations, and by hidden states and outputs that stay within -1
and 1, where +-0.95 counts: the tails of sigmoid and tanh have hardly any slope, so little gradient
passes (Karpathy, Johnson and Fei-Fei 2015, "Visualizing and understanding recurrent networks",
measure gates likewise). An open forget gate (f), or a GRU's z near 1, is how a memory is kept, so
of those only values below 0.05 count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.diagnosis._claim import Claim, percent
from tb_rnngrad.diagnosis._evidence import Evidence, last_record
from tb_rnngrad.quantities import QUANTITIES
from tb_rnngrad.record import SequenceRecord

LOW: Final = 0.05
HIGH: Final = 0.95
MOST: Final = 0.9
"""The share of saturated activations above which the claim is made."""

_KEEPING: Final = ("f", "z")


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim about the most saturated gate or state, if it is beyond the threshold."""
    if not evidence.passes_through_time:
        return None
    share, sentence = max(_shares(evidence), default=(0.0, ""))
    return Claim("saturated", sentence, share, MOST) if share > MOST else None


def _shares(evidence: Evidence) -> Iterator[tuple[float, str]]:
    for series in evidence.siblings("gate_activation", "hidden_state", "activation"):
        record = last_record(series)
        if record is None or record.data.ndim != 3:
            continue
        step, title = int(series.steps[-1]), QUANTITIES[record.quantity].title
        for name, values in _groups(record, evidence.part):
            if not np.isfinite(values).all() or not values.size or np.abs(values).max() > 1:
                continue
            of = (
                f"{title}s of gate {name!r}"
                if record.quantity == "gate_activation"
                else f"{title}s"
            )
            yield _share(values, name, f"at step {step}", of)


def _share(values: NDArray[Any], name: str, when: str, of: str) -> tuple[float, str]:
    low_end, high_end = (LOW, HIGH) if values.min() >= 0 and " of gate" in of else (-HIGH, HIGH)
    low, high = float((values < low_end).mean()), float((values > high_end).mean())
    share = low if name in _KEEPING else low + high
    sentence = (
        f"{when}, {percent(low)} of the {of} are below {low_end} and {percent(high)} above "
        f"{high_end} (above {percent(MOST)})"
    )
    return share, sentence


def _groups(record: SequenceRecord, part: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield each channel group of a part, by the last word of its name, with its real values."""
    start = 0
    groups = record.channel_groups or {"": record.shape[-1]}
    for name, size in groups.items():
        channels = slice(start, start := start + size)
        if part and name != part and not name.startswith(f"{part}/"):
            continue
        values = record.data[:, :, channels]
        yield name.split("/")[-1], values if record.mask is None else values[record.mask]
