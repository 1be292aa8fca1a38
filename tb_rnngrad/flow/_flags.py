"""Flags: problems in one step's flow, judged by thresholds that the user sets.

The page uses the same definitions. A flag is neither up nor down if its statistic was not logged or
is undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tb_rnngrad.flow._definitions import STATISTICS, as_rows
from tb_rnngrad.flow._judged_step import JudgedStep, largest
from tb_rnngrad.flow._reach import cut_share
from tb_rnngrad.flow._thresholds import DEFAULT_THRESHOLDS, Thresholds


@dataclass(frozen=True)
class Beyond:
    """How many samples are individually beyond a flag's threshold.

    Attributes:
        samples: number of samples beyond the threshold.
        of: number of samples that could be judged.
        worst: index in the batch of the sample furthest beyond the threshold; None if unknown.
    """

    samples: int
    of: int
    worst: int | None = None


@dataclass(frozen=True)
class Flag:
    """One flag at one step.

    Attributes:
        name: a key of `FLAGS`.
        is_up: whether `value` is beyond `threshold`.
        value: the judged value, in the threshold's unit. Flags that judge each sample (vanishing,
            exploding) give the median sample's value.
        threshold: the threshold that `value` is compared with.
        sentence: value and threshold in words.
        beyond: how many samples are beyond the threshold, whether or not the median sample is. None
            if the flag does not judge each sample, or if samples were counted by other thresholds.
    """

    name: str
    is_up: bool
    value: float
    threshold: float
    sentence: str
    beyond: Beyond | None = None


def _non_finite(step: JudgedStep) -> float:
    """Return the largest share of NaN and Inf at any timestep: is the gradient broken?"""
    nan, inf = step.column("nan_share"), step.column("inf_share")
    return np.nan if nan is None or inf is None else largest(nan + inf)


def _exploding(step: JudgedStep) -> float:
    """Return the factor by which the median sample's norm grows on its way back: does it explode?

    A sample's growth starts at the first lag that has a gradient. From one lag to the next it
    counts as tenfold at most: a larger jump means that a loss enters at that timestep. Undefined if
    no sample has a gradient at two or more lags. Pascanu, Mikolov and Bengio 2013, "On the
    difficulty of training recurrent neural networks".
    """
    return step.of_batch("growth_p50") if step.passes_through_time else np.nan


def _vanishing(step: JudgedStep) -> float:
    """Return the memory horizon divided by the largest lag: does the gradient fade early?

    Both are those of the median sample. Undefined if no sample has a gradient at two or more lags.
    Hochreiter, Bengio, Frasconi and Schmidhuber 2001, "Gradient flow in recurrent nets: the
    difficulty of learning long-term dependencies".
    """
    if not step.passes_through_time or not step.lags > 0:
        return np.nan
    return min(step.horizon / step.lags, 1.0)


def _dead_channels(step: JudgedStep) -> float:
    """Return the share of channels that are 0 at every timestep: is part of the layer unused?

    Undefined for matrices, which may have columns of 0 by design, such as the initial bias of three
    gates.

    Named after the dying ReLU: Lu, Shin, Su and Karniadakis 2020, "Dying ReLU and initialization:
    theory and numerical examples".
    """
    return step.of_batch("dead_share") if step.has_time_axis else np.nan


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _times(ratio: float) -> str:
    return f"{ratio:.4g}"


def _say_non_finite(value: float, step: JudgedStep) -> str:
    return f"{_percent(value)} of a timestep's values are NaN or Inf"


def _say_exploding(value: float, step: JudgedStep) -> str:
    return f"the median sample's norm grows {_times(value)} times on its way back"


def _say_vanishing(value: float, step: JudgedStep) -> str:
    sentence = f"the median sample's horizon reaches {_percent(value)} of {step.lags:.0f} timesteps"
    left = step.of_batch("far_end_p50")
    if value < 1 or np.isnan(left):
        return sentence
    return f"{sentence}, where {_percent(left)} of its largest norm is left"


def _say_cut(value: float, step: JudgedStep) -> str:
    if value == 1:
        return "the gradient reaches the far end of every sample"
    lag, length = step.of_batch("stop_lag"), step.of_batch("stop_length")
    samples = step.of_batch("stop_samples")
    return (
        f"the gradient stops at exactly {lag:.0f} of {length:.0f} timesteps in all {samples:.0f} "
        f"samples that are longer: it reaches {_percent(value)}"
    )


def _say_dead(value: float, step: JudgedStep) -> str:
    return f"{_percent(value)} of the channels are 0 throughout"


def _exploding_samples(step: JudgedStep) -> Beyond | None:
    if step.thresholds.exploding != step.counted_by.exploding:
        return None
    count, worst = step.of_batch("exploding_samples"), step.of_batch("growth_sample")
    if np.isnan(count):
        return None
    return Beyond(int(count), step.judged_samples, int(worst) if count else None)


def _vanishing_samples(step: JudgedStep) -> Beyond | None:
    asked, counted = step.thresholds, step.counted_by
    count = step.of_batch("vanishing_samples")
    if (asked.eps, asked.vanishing) != (counted.eps, counted.vanishing) or np.isnan(count):
        return None
    return Beyond(int(count), step.judged_samples)


def _not_by_sample(step: JudgedStep) -> None:
    return None


def _say_worst(step: JudgedStep) -> str:
    growth, lag = step.of_batch("growth_max"), step.of_batch("growth_lag")
    return f", {_times(growth)} times by lag {lag:.0f}"


@dataclass(frozen=True)
class _Definition:
    """How a flag is judged and put into words."""

    value: Callable[[JudgedStep], float]
    threshold: str
    is_up_below: bool
    says: Callable[[float, JudgedStep], str]
    unit: Callable[[float], str]
    beyond: Callable[[JudgedStep], Beyond | None] = _not_by_sample
    verb: tuple[str, str] = ("", "")  # singular, plural

    def flag(self, name: str, value: float, step: JudgedStep) -> Flag:
        threshold = getattr(step.thresholds, self.threshold)
        is_up = value < threshold if self.is_up_below else value > threshold
        beyond = self.beyond(step)
        compared = ("" if is_up else "not ") + ("below" if self.is_up_below else "above")
        sentence = f"{self.says(value, step)} ({compared} {self.unit(threshold)})"
        if beyond is not None and beyond.samples:
            verb = self.verb[beyond.samples > 1]
            sentence += f"; {beyond.samples} of {beyond.of} samples {verb}"
            if beyond.worst is not None:
                sentence += f", worst sample {beyond.worst}{_say_worst(step)}"
        return Flag(name, is_up, value, threshold, sentence, beyond)


# Worst first.
_DEFINITIONS: Final[Mapping[str, _Definition]] = MappingProxyType(
    {
        "non_finite": _Definition(_non_finite, "nonfinite", False, _say_non_finite, _percent),
        "exploding": _Definition(
            _exploding,
            "exploding",
            False,
            _say_exploding,
            _times,
            _exploding_samples,
            ("explodes", "explode"),
        ),
        "cut": _Definition(cut_share, "cut", True, _say_cut, _percent),
        "vanishing": _Definition(
            _vanishing,
            "vanishing",
            True,
            _say_vanishing,
            _percent,
            _vanishing_samples,
            ("vanishes", "vanish"),
        ),
        "dead_channels": _Definition(_dead_channels, "dead", False, _say_dead, _percent),
    }
)

FLAGS: Final[tuple[str, ...]] = tuple(_DEFINITIONS)


def judged(
    rows: ArrayLike,
    quantity: str = "hidden_state_gradient",
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    names: Sequence[str] = STATISTICS,
    counted_by: Thresholds = DEFAULT_THRESHOLDS,
) -> tuple[Flag, ...]:
    """Return every flag that can be judged at one step, worst first.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them. If a record has parts, judge
            the rows of each part.
        quantity: what they are statistics of, a key of `tb_rnngrad.QUANTITIES`. Vanishing and
            exploding are judged only for gradients through time, so is cut; dead channels only if
            there is a time axis.
        thresholds: the thresholds beyond which a flag is up.
        names: the names of the columns; a reader's `Flow.statistics`.
        counted_by: the thresholds that were passed to `statistics`, by which it counted samples.

    Raises:
        ValueError: If `rows` does not have one column for each name.

    Example:
        >>> rows = tb_rnngrad.flow.statistics(np.ones((4, 10, 3)))
        >>> [(flag.name, flag.is_up) for flag in tb_rnngrad.flow.judged(rows)][:2]
        [('non_finite', False), ('exploding', False)]
    """
    step = JudgedStep(as_rows(rows, names), names, quantity, thresholds, counted_by)
    values = {name: definition.value(step) for name, definition in _DEFINITIONS.items()}
    return tuple(
        _DEFINITIONS[name].flag(name, value, step)
        for name, value in values.items()
        if not np.isnan(value)
    )


def flags(
    rows: ArrayLike,
    quantity: str = "hidden_state_gradient",
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    names: Sequence[str] = STATISTICS,
    counted_by: Thresholds = DEFAULT_THRESHOLDS,
) -> tuple[Flag, ...]:
    """Return the flags that are up at one step, worst first.

    Takes the arguments of `judged` and raises the same errors.

    Example:
        >>> fading = np.ones((4, 1, 3)) * 0.1 ** np.arange(29, -1, -1.0).reshape(1, 30, 1)
        >>> (flag,) = tb_rnngrad.flow.flags(tb_rnngrad.flow.statistics(fading))
        >>> flag.name
        'vanishing'
        >>> flag.sentence.split(";")[0]
        "the median sample's horizon reaches 6.9% of 29 timesteps (below 10%)"
    """
    every = judged(rows, quantity, thresholds, names, counted_by)
    return tuple(flag for flag in every if flag.is_up)
