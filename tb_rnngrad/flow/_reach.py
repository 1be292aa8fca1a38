"""Whether the gradient stops although the sequence goes on, and why: was it cut?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tb_rnngrad.flow._definitions import STATISTICS, as_rows
from tb_rnngrad.flow._judged_step import JudgedStep
from tb_rnngrad.flow._thresholds import DEFAULT_THRESHOLDS

LEAST_SAMPLES: Final = 2
"""One sample alone may stop because all its units are dead at a timestep."""

LEAST_SPAN: Final = 2
"""A gradient at one lag alone may stop because all units are dead or saturated everywhere."""

LEAST_MARGIN: Final = 1e3
"""Values may be so many times smaller than their norm, so near the dtype's end they underflow."""


@dataclass(frozen=True)
class Reach:
    """How many timesteps of the sequence have any gradient, and why the others have none.

    Attributes:
        verdict: "whole" (there is gradient at the far end of every sample), "cut" (something
            detaches or truncates), "fades" (it falls below the smallest number of its dtype),
            "dead" (the layer's units are dead or saturated), or "cannot_say".
        timesteps: number of timesteps, counted from the sample's end, before the exact zeros; NaN
            if that is unknown or differs between samples.
        of: number of timesteps of the longest sample that stops; of the sample of median length if
            none stops.
        samples: number of samples whose gradient stops.
        sentence: the verdict in words, with its numbers.
    """

    verdict: str
    timesteps: float
    of: float
    samples: int
    sentence: str


def reach(
    rows: ArrayLike,
    quantity: str = "hidden_state_gradient",
    names: Sequence[str] = STATISTICS,
    *,
    states: ArrayLike | None = None,
    jacobian: ArrayLike | None = None,
) -> Reach:
    """Return how far any gradient reaches: is it truncated, and after how many timesteps?

    A gradient is cut if it is exactly 0 in every channel from one lag on, at the same lag in every
    sample that is long enough, although those timesteps are real. Zeros that start at different
    lags are dead units, or padding without a mask. Zeros after norms near the smallest number of
    the dtype are underflow. One sample alone, or a gradient at a single lag, proves nothing: dead
    or saturated units look the same. Williams and Peng 1990, "An efficient gradient-based algorithm
    for on-line training of recurrent network trajectories", describe truncation.

    Args:
        rows: [timesteps, statistics] of a gradient, as `statistics` returns them. If a record has
            parts, the rows of a part.
        quantity: what they are statistics of.
        names: the names of the columns; a reader's `Flow.statistics`.
        states: [timesteps, statistics] of the layer's hidden states at the same step, with the same
            columns. They tell dead units from a cut after one timestep.
        jacobian: [timesteps, timesteps], a state Jacobian's log10 norms, -inf where exactly 0. The
            gradient counts as cut only if some state depends on more timesteps than it reaches.

    Raises:
        ValueError: If `rows` or `states` does not have one column for each name, or the Jacobian is
            no square matrix.

    Example:
        >>> gradient = np.ones((4, 128, 3)) * 0.9 ** np.arange(127, -1, -1.0).reshape(1, 128, 1)
        >>> gradient[:, :96] = 0
        >>> found = tb_rnngrad.flow.reach(tb_rnngrad.flow.statistics(gradient))
        >>> found.verdict, found.timesteps
        ('cut', 32.0)
        >>> found.sentence
        'the gradient stops at exactly 32 of 128 timesteps in all 4 samples that are longer'
    """
    step = JudgedStep(as_rows(rows, names), names, quantity, DEFAULT_THRESHOLDS, DEFAULT_THRESHOLDS)
    of_states = None
    if states is not None:
        of_states = JudgedStep(
            as_rows(states, names), names, "hidden_state", DEFAULT_THRESHOLDS, DEFAULT_THRESHOLDS
        )
    depends_on = None if jacobian is None else _dependence(jacobian)
    return _judged(step, of_states, depends_on)


def _judged(step: JudgedStep, states: JudgedStep | None, depends_on: int | None) -> Reach:
    samples = step.of_batch("stop_samples")
    number = 0 if np.isnan(samples) else int(samples)

    def cannot_say(why: str) -> Reach:
        return Reach("cannot_say", np.nan, step.of_batch("stop_length"), number, why)

    if not step.passes_through_time:
        return cannot_say("the recurrence does not carry this quantity back")
    if np.isnan(samples):
        return cannot_say("the log does not hold where each sample's gradient stops")
    if step.judged_samples == 0:
        return cannot_say("no sample has finite norms that are not all 0, at two lags or more")
    if number == 0:
        length = step.lags + 1
        sentence = f"the gradient reaches the far end of all {step.judged_samples} samples"
        return Reach("whole", length, length, 0, sentence)
    lag, length = step.of_batch("stop_lag"), step.of_batch("stop_length")
    if not step.of_batch("stop_margin") > LEAST_MARGIN:
        sentence = (
            f"the gradient of {number} samples fades below the smallest number of its dtype "
            "before the far end"
        )
        return Reach("fades", lag, length, number, sentence)
    if np.isnan(lag):
        return cannot_say(
            f"the gradient of {number} samples stops at different timesteps, as dead units or "
            "padding without a mask would make it"
        )
    if depends_on is not None and depends_on <= lag:
        return cannot_say(
            f"the gradient stops at {lag:.0f} of {length:.0f} timesteps, and no state depends on "
            f"more than {depends_on}"
        )
    if step.of_batch("stop_span") < LEAST_SPAN:
        if states is None:
            return cannot_say(
                "the gradient stops one timestep after it enters: the state is detached at every "
                "timestep, or all units are dead or saturated; hidden states would tell"
            )
        dead = _why_dead(states)
        if dead:
            return Reach("dead", lag, length, number, dead)
    if number < LEAST_SAMPLES:
        return cannot_say(
            f"the gradient stops at {lag:.0f} of {length:.0f} timesteps in one sample alone, which "
            "dead units would explain too"
        )
    sentence = (
        f"the gradient stops at exactly {lag:.0f} of {length:.0f} timesteps in all {number} "
        "samples that are longer"
    )
    return Reach("cut", lag, length, number, sentence)


def _why_dead(states: JudgedStep) -> str | None:
    """Return why no gradient can pass through these states; None if it can."""
    if states.of_batch("dead_share") == 1:
        return "all units are dead: every hidden state is exactly 0"
    rms, largest = states.column("rms"), states.of_batch("max_abs")
    least = np.nan if rms is None else float(np.nanmin(rms, initial=np.inf))
    if largest <= 1 and least > 0.999:
        return f"all units are saturated: hidden states have a root mean square of {least:.6g}"
    return None


def _dependence(jacobian: ArrayLike) -> int:
    """Return the largest number of timesteps that any state depends on."""
    logs = np.asarray(jacobian, np.float64)
    if logs.ndim != 2 or logs.shape[0] != logs.shape[1]:
        raise ValueError(f"jacobian has shape {logs.shape}; expected [timesteps, timesteps]")
    return int((logs > -np.inf).sum(axis=1).max(initial=0))


def cut_share(step: JudgedStep) -> float:
    """Return the share of the timesteps that the gradient reaches before it is cut: is it cut?

    1 if it reaches the far end; NaN if it stops for another or an unknown reason.
    """
    found = _judged(step, None, None)
    return found.timesteps / found.of if found.verdict in ("cut", "whole") else np.nan
