"""Was there ever a direction? The cosine between the weight gradients of successive steps.

The cosine of two batches' gradients at the same weights is on average 1 / (1 + n), where n is the
gradient noise scale as a multiple of the batch size (from McCandlish, Kaplan, Amodei et al. 2018,
"An empirical model of large-batch training"). Late in a sound training noise outweighs the signal,
too, so the claim is made only if it did from the first steps on: it needs a hundred pairs of weight
gradients that were logged at successive steps, from the beginning of the training. Hidden-state
gradients cannot tell: their mean over samples is near 0 in a sound training, too, once the outputs
are right on average.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from tb_rnngrad.diagnosis._claim import Claim
from tb_rnngrad.diagnosis._evidence import Evidence
from tb_rnngrad.events.metadata import FormatError
from tb_rnngrad.events.reader import Series

LEAST_COSINE: Final = 0.1
"""Below this mean cosine, noise is more than nine times the batch size."""

LEAST_PAIRS: Final = 100
_LATEST_START: Final = 10


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim, if none of the layer's weights ever had a direction."""
    if not evidence.passes_through_time:
        return None
    found = [
        (_largest_mean(cosines), len(cosines), one.tag)
        for one in evidence.siblings("weight_gradient")
        if len(cosines := _cosines(one)) >= LEAST_PAIRS
    ]
    if not found:
        return None
    cosine, pairs, tag = max(found)
    if not abs(cosine) < LEAST_COSINE:
        return None
    sentence = (
        f"the gradients {tag!r} of {pairs} pairs of successive steps have a mean cosine of "
        f"{cosine:.2g} at most, also in their first third (below {LEAST_COSINE:g}): noise "
        "outweighs the signal"
    )
    return Claim("noisy", sentence, cosine, LEAST_COSINE)


def _largest_mean(cosines: list[float]) -> float:
    """Return the larger mean, of all pairs or of their first third."""
    return max(float(np.mean(cosines)), float(np.mean(cosines[: len(cosines) // 3])))


def _cosines(series: Series) -> list[float]:
    """Return the cosine of each two gradients at successive steps, if logged from the start."""
    if len(series) <= LEAST_PAIRS or series.steps[0] > _LATEST_START:
        return []
    cosines, before = [], None
    for index, step in enumerate(series.steps):
        try:
            data = series[index].data.astype(np.float64).ravel()
        except FormatError:
            before = None
            continue
        if before is not None and step == before[0] + 1:
            norms = np.linalg.norm(data) * np.linalg.norm(before[1])
            if np.isfinite(norms) and norms > 0:
                cosines.append(float(data @ before[1] / norms))
        before = (step, data)
    return cosines
