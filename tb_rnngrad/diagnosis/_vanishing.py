"""Does the gradient vanish? The median sample's memory horizon, as a share of its largest lag.

Judged at the last step that can be judged: many networks start with a short horizon and learn a
long one (Hochreiter, Bengio, Frasconi and Schmidhuber 2001, "Gradient flow in recurrent nets: the
difficulty of learning long-term dependencies"). It also vanishes where 95 % of the samples have
less than a millionth of their largest norm left at the far end: float32 hardly tells that beside
the rest. Where the gradient is cut, only the lags before the cut count, since no horizon can reach
beyond it; where it stops for an unknown reason, nothing is claimed.
"""

from __future__ import annotations

from typing import Final

from tb_rnngrad import flow
from tb_rnngrad.diagnosis._claim import Claim, percent
from tb_rnngrad.diagnosis._evidence import Evidence
from tb_rnngrad.flow import Reach

NOTHING_LEFT: Final = 1e-6
"""Less than this share of the largest norm is nothing."""


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim, if the horizon is short."""
    judged, found = evidence.last("vanishing"), evidence.reach
    if judged is None:
        return None
    index, flag = judged
    step = int(evidence.flow.steps[index])
    if found is not None and found.verdict not in ("whole", "fades"):
        return _before_the_cut(evidence, index, found)
    if flag.is_up:
        sentence = f"at step {step}, {flag.sentence}; {evidence.count('vanishing')}"
        return Claim("vanishing", sentence, flag.value, flag.threshold)
    left = evidence.statistic(index, "far_end_p95")
    if not left < NOTHING_LEFT:
        return None
    sentence = (
        f"at step {step}, 95% of the samples have at most {left:.3g} of their largest norm left at "
        f"the far end (below {NOTHING_LEFT:g}); the median sample's horizon reaches "
        f"{percent(flag.value)} of the timesteps"
    )
    return Claim("vanishing", sentence, left, NOTHING_LEFT)


def _before_the_cut(evidence: Evidence, index: int, found: Reach) -> Claim | None:
    lags = found.timesteps - 1
    if not lags >= 1:
        return None
    step, threshold = int(evidence.flow.steps[index]), evidence.thresholds.vanishing
    rows, names = evidence.flow.values[index], evidence.flow.statistics
    horizon = flow.horizons_of(rows, evidence.thresholds.eps, names)[1]
    share = horizon / lags
    if not share < threshold:
        return None
    sentence = (
        f"at step {step}, the median sample's horizon reaches {percent(share)} of the {lags:.0f} "
        f"lags before the cut (below {percent(threshold)})"
    )
    return Claim("vanishing", sentence, share, threshold)
