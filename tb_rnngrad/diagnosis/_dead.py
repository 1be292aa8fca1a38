"""Is part of the layer dead? The share of channels that are exactly 0 throughout.

Channels of the gradient itself, and of the layer's states, outputs and gate gradients where they
were logged: a dead ReLU has states of 0, though a gradient may still reach it (Lu, Shin, Su and
Karniadakis 2020, "Dying ReLU and initialization: theory and numerical examples").
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tb_rnngrad.diagnosis._claim import Claim, percent
from tb_rnngrad.diagnosis._evidence import Evidence
from tb_rnngrad.events.reader import Series
from tb_rnngrad.quantities import QUANTITIES


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim with the largest share of dead channels, if it is beyond the threshold."""
    threshold = evidence.thresholds.dead
    judged = [*_shares(evidence)]
    share, step, title = max(judged, default=(np.nan, 0, ""))
    if not share > threshold:
        return None
    sentence = (
        f"at step {step}, {percent(share)} of the channels of the {title} are 0 throughout (above "
        f"{percent(threshold)})"
    )
    if share == 1 and title == _title(evidence.series) and _padding_has_values(evidence):
        sentence += "; only padding has values: the mask may be the wrong way round"
    return Claim("dead", sentence, share, threshold)


def _shares(evidence: Evidence) -> Iterator[tuple[float, int, str]]:
    """Yield the share of dead channels, its step and what it is of, at each series' last step."""
    flag = evidence.last("dead_channels")
    if flag is not None:
        yield flag[1].value, int(evidence.flow.steps[flag[0]]), _title(evidence.series)
    if not evidence.passes_through_time:
        return
    for sibling in evidence.siblings("hidden_state", "activation", "gate_gradient"):
        part = evidence.part_of_sibling(sibling)
        rows = None if part is None else part.flow
        if rows is None or "dead_share" not in rows.statistics or not len(rows.steps):
            continue
        shares = rows.values[:, 0, rows.statistics.index("dead_share")]
        known = np.flatnonzero(~np.isnan(shares))
        if known.size and rows.values.shape[1] > 1:
            yield float(shares[known[-1]]), int(rows.steps[known[-1]]), _title(sibling)


def _title(series: Series) -> str:
    return QUANTITIES[series.metadata.quantity].title


def _padding_has_values(evidence: Evidence) -> bool:
    record = evidence.last_record
    return record is not None and record.mask is not None and bool(record.data[~record.mask].any())
