"""Does the gradient explode? The factor by which a sample's norm grows on its way back in time.

The median sample is judged at every logged step, since one step with an exploded gradient is enough
to ruin the weights; where it does not explode, the worst single sample is (Pascanu, Mikolov and
Bengio 2013, "On the difficulty of training recurrent neural networks").
"""

from __future__ import annotations

import numpy as np

from tb_rnngrad.diagnosis._claim import Claim
from tb_rnngrad.diagnosis._evidence import Evidence


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim, if the median or else a single sample explodes at any logged step."""
    up = [
        (flags["exploding"], int(step))
        for flags, step in zip(evidence.flags, evidence.flow.steps, strict=True)
        if "exploding" in flags and flags["exploding"].is_up
    ]
    if not up:
        return _single_sample(evidence)
    flag, step = max(up, key=lambda one: one[0].value)
    sentence = f"at step {step}, {flag.sentence}; {evidence.count('exploding')}"
    return Claim("exploding", sentence, flag.value, flag.threshold)


def _single_sample(evidence: Evidence) -> Claim | None:
    if not evidence.passes_through_time or not len(evidence.flow.steps):
        return None
    growths = np.array(
        [evidence.statistic(index, "growth_max") for index in range(len(evidence.flow.steps))]
    )
    threshold = evidence.thresholds.exploding
    above = np.flatnonzero(growths > threshold)
    if not above.size:
        return None
    index = int(above[np.argmax(growths[above])])

    def at_step(name: str) -> float:
        return evidence.statistic(index, name)

    sentence = (
        f"at step {evidence.flow.steps[index]}, sample {at_step('growth_sample'):.0f} grows "
        f"{growths[index]:.4g} times by lag {at_step('growth_lag'):.0f} (above {threshold:.4g}), "
        f"the median sample {at_step('growth_p50'):.4g} times; {at_step('exploding_samples'):.0f} "
        f"of {at_step('horizon_samples'):.0f} samples explode there, and some sample at "
        f"{above.size} of {len(growths)} logged steps"
    )
    return Claim("exploding", sentence, float(growths[index]), threshold)
