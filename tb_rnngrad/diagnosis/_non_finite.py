"""Is the gradient broken? The largest share of NaN and Inf at any timestep of any logged step.

One such value makes the next update NaN, unless the step is skipped, as loss scaling does
(Micikevicius et al. 2018, "Mixed precision training").
"""

from __future__ import annotations

from tb_rnngrad.diagnosis._claim import Claim
from tb_rnngrad.diagnosis._evidence import Evidence


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim, if a value of any logged step is NaN or Inf beyond the threshold."""
    judged = [
        (flags["non_finite"], int(step))
        for flags, step in zip(evidence.flags, evidence.flow.steps, strict=True)
        if "non_finite" in flags
    ]
    up = [(flag, step) for flag, step in judged if flag.is_up]
    if not up:
        return None
    flag, step = max(up, key=lambda one: one[0].value)
    sentence = (
        f"at step {step}, {flag.sentence}; NaN or Inf at {len(up)} of {len(judged)} logged steps, "
        f"first at step {up[0][1]}"
    )
    return Claim("non_finite", sentence, flag.value, flag.threshold)
