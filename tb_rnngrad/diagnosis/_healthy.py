"""Is it healthy? Nothing else is claimed, and the median sample's horizon is long.

A horizon of nine tenths of the lags or more is long, as on the page. Between that and the threshold
of vanishing, it depends on the task, which the log does not hold: then nothing can be said.
"""

from __future__ import annotations

from typing import Final

from tb_rnngrad.diagnosis._claim import Claim, percent
from tb_rnngrad.diagnosis._evidence import Evidence

LONG: Final = 0.9


def claim(evidence: Evidence) -> Claim:
    """Return that it is healthy, or why nothing can be said, given that nothing is wrong."""
    why = _why_unknown(evidence)
    if why is not None:
        return Claim("cannot_say", why)
    judged = evidence.last("vanishing")
    if judged is None:
        return Claim("cannot_say", "no horizon can be judged")
    index, flag = judged
    when = f"at step {evidence.flow.steps[index]}, {flag.sentence.split(' (')[0]}"
    if flag.value < LONG:
        return Claim(
            "cannot_say",
            f"{when}: neither short (below {percent(flag.threshold)}) nor long (at least "
            f"{percent(LONG)})",
        )
    sentence = f"{when} (at least {percent(LONG)}), and nothing is wrong"
    return Claim("healthy", sentence, flag.value, LONG)


def doubt_of_mask(evidence: Evidence) -> Claim | None:
    """Return that the mask may be the wrong way round, if it leaves samples without a timestep.

    In a batch that is padded to its longest sequence, the opposite of the mask leaves that sequence
    without a real timestep.
    """
    record, steps = evidence.last_record, evidence.flow.steps
    if record is None or record.batch_size is None or record.mask is None or not len(steps):
        return None
    empty = record.batch_size - evidence.statistic(len(steps) - 1, "lag_real_samples")
    if not empty > 0:
        return None
    return Claim(
        "cannot_say",
        f"at step {steps[-1]}, {empty:.0f} of {record.batch_size} samples have no real timestep: "
        "the mask may be the wrong way round",
    )


def _why_unknown(evidence: Evidence) -> str | None:
    if not evidence.passes_through_time:
        return "the recurrence does not carry this quantity back; log hidden-state gradients"
    if not len(evidence.flow.steps):
        return "no flow statistics were logged"
    if evidence.last_judged is None:
        return "no sample has finite norms that are not all 0, at two lags or more"
    found = evidence.reach
    if found is not None and found.verdict not in ("whole", "cut"):
        return found.sentence
    return None
