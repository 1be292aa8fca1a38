"""Is backpropagation cut off? How many timesteps have any gradient, of how many.

Judged at the last step that can be judged, by `tb_rnngrad.flow.reach`, with the layer's hidden
states and its state Jacobian where they were logged (Williams and Peng 1990, "An efficient
gradient-based algorithm for on-line training of recurrent network trajectories").
"""

from __future__ import annotations

from tb_rnngrad.diagnosis._claim import Claim
from tb_rnngrad.diagnosis._evidence import Evidence


def claim(evidence: Evidence) -> Claim | None:
    """Return the claim, if something cuts the gradient."""
    found, index = evidence.reach, evidence.last_judged
    if found is None or index is None or found.verdict != "cut":
        return None
    threshold = evidence.thresholds.cut * found.of
    if not found.timesteps < threshold:
        return None
    steps = len(evidence.flow.steps)
    same = sum(evidence.statistic(one, "stop_lag") == found.timesteps for one in range(steps))
    sentence = (
        f"at step {evidence.flow.steps[index]}, {found.sentence} (below {threshold:.4g}); so at "
        f"{same} of {steps} logged steps: something detaches the state or truncates backpropagation"
    )
    return Claim("cut", sentence, found.timesteps, threshold)
