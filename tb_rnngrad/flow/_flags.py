"""What of a step's flow deserves the user's eye: flags, with thresholds that the user sets.

The page judges by the same definitions. A flag that cannot be judged, since what it asks for was
not logged or is undefined, is neither up nor down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tb_rnngrad.flow._metrics import memory_horizon
from tb_rnngrad.flow._statistics import STATISTICS, Float64, as_rows

# The gradients that pass through the recurrence. Others vanish or explode for reasons of their own:
# the output gradient under a head that reads the last timestep is 0 before it, whatever is learned.
THROUGH_TIME: Final = frozenset(
    {"hidden_state_gradient", "cell_state_gradient", "gate_gradient", "input_gradient"}
)

# Their rows are no timesteps, or their columns no channels of a layer.
_NOT_OVER_TIME: Final = frozenset(
    {"weight", "weight_gradient", "state_jacobian", "itemized_gradient"}
)

# name -> least and greatest value, and whether the least one is allowed
_RANGES: Final[Mapping[str, tuple[float, float, bool]]] = MappingProxyType(
    {
        "eps": (0, 1, False),
        "vanishing": (0, 1, True),
        "exploding": (1, np.inf, True),
        "nonfinite": (0, 1, True),
        "dead": (0, 1, True),
    }
)


@dataclass(frozen=True)
class Thresholds:
    """From where on a flag is up. What each flag is, `docs/capture.md` says.

    Attributes:
        eps: of the memory horizon: the share of the largest norm that still counts as reaching.
        vanishing: the share of the timesteps that the memory horizon has to reach; 0: never up.
        exploding: the growth of the norm on its way back in time; infinite: never up.
        nonfinite: the share of NaN and Inf at a timestep; 1: never up.
        dead: the share of channels without any gradient; 1: never up.

    Raises:
        ValueError: one is out of its range.
    """

    eps: float = 0.01
    vanishing: float = 0.1
    exploding: float = 1e3
    nonfinite: float = 0.0
    dead: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, (least, greatest, closed) in _RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= greatest and (closed or value > least)):
                start = "at least" if closed else "above"
                end = "" if np.isinf(greatest) else f" and at most {greatest}"
                raise ValueError(f"{name} is {value}; expected {start} {least}{end}")


@dataclass(frozen=True)
class Flag:
    """One flag at one step.

    Attributes:
        name: a key of `FLAGS`.
        is_up: whether `value` is beyond `threshold`.
        value: what is judged, in the threshold's unit.
        threshold: what it is judged against.
        sentence: the same for people.
    """

    name: str
    is_up: bool
    value: float
    threshold: float
    sentence: str


class _Step:
    """What the flags share: one step's statistics, by name; None where one was not logged."""

    def __init__(self, rows: NDArray[Any], names: Sequence[str], quantity: str, eps: float) -> None:
        self._rows = rows
        self._names = names
        self._quantity = quantity
        self.eps = eps

    def column(self, name: str) -> Float64 | None:
        """[timesteps]: one statistic."""
        if name not in self._names:
            return None
        return np.asarray(self._rows[:, self._names.index(name)], np.float64)

    @property
    def has_time_axis(self) -> bool:
        """Whether these are channels over timesteps."""
        return len(self._rows) > 1 and self._quantity not in _NOT_OVER_TIME

    @cached_property
    def norms(self) -> Float64 | None:
        """[lags]: the norms through time, up to the largest lag that is real in any sample.

        None where the quantity does not pass through time, or one norm is not finite.
        """
        norms, samples = self.column("lag_norm_mean"), self.column("lag_real_samples")
        if self._quantity not in THROUGH_TIME or norms is None or samples is None:
            return None
        lags = np.flatnonzero(samples > 0)
        if not lags.size or not np.isfinite(norms[lags]).all():
            return None
        return norms[: lags[-1] + 1]


def _non_finite(step: _Step) -> float:
    """Is it broken: the largest share of NaN and Inf at any timestep."""
    nan, inf = step.column("nan_share"), step.column("inf_share")
    return np.nan if nan is None or inf is None else _largest(nan + inf)


def _exploding(step: _Step) -> float:
    """Does the gradient blow up on its way back: its largest norm over its norm at lag 0.

    Undefined where the norm at lag 0 is 0. Pascanu, Mikolov and Bengio 2013, "On the difficulty of
    training recurrent neural networks".
    """
    if step.norms is None or not step.norms[0] > 0:
        return np.nan
    return _largest(step.norms) / float(step.norms[0])


def _vanishing(step: _Step) -> float:
    """Does the gradient fade before it gets far: the memory horizon over the largest real lag.

    Undefined where there is but one lag, or no gradient at all. Hochreiter, Bengio, Frasconi and
    Schmidhuber 2001, "Gradient flow in recurrent nets: the difficulty of learning long-term
    dependencies".
    """
    if step.norms is None or len(step.norms) < 2:
        return np.nan
    return memory_horizon(step.norms, step.eps) / (len(step.norms) - 1)


def _dead_channels(step: _Step) -> float:
    """Does a part of the layer take no part: the share of channels that are 0 throughout.

    Of time: a matrix has columns of 0 by design, such as the bias of three gates at the start.

    After the dying ReLU: Lu, Shin, Su and Karniadakis 2020, "Dying ReLU and initialization: theory
    and numerical examples".
    """
    dead = step.column("dead_share")
    return np.nan if dead is None or not step.has_time_axis else _largest(dead)


def _largest(values: Float64) -> float:
    """Return the largest value; NaN where there is none."""
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else np.nan


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _times(ratio: float) -> str:
    return f"{ratio:.4g}"


@dataclass(frozen=True)
class _Definition:
    """How a flag is judged; `says` and `unit` put it into words."""

    value: Callable[[_Step], float]
    threshold: str
    is_up_below: bool
    says: str
    unit: Callable[[float], str]

    def sentence(self, value: float, threshold: float, is_up: bool, step: _Step) -> str:
        lags = 0 if step.norms is None else len(step.norms) - 1
        found = self.says.format(self.unit(value), lags)
        compared = {
            (True, True): "below",
            (True, False): "not below",
            (False, True): "above",
            (False, False): "not above",
        }[self.is_up_below, is_up]
        return f"{found} ({compared} {self.unit(threshold)})"


# Worst first.
_DEFINITIONS: Final[Mapping[str, _Definition]] = MappingProxyType(
    {
        "non_finite": _Definition(
            _non_finite, "nonfinite", False, "{} of a timestep's values are NaN or Inf", _percent
        ),
        "exploding": _Definition(
            _exploding, "exploding", False, "norm grows {} times on its way back", _times
        ),
        "vanishing": _Definition(
            _vanishing, "vanishing", True, "horizon reaches {} of {} timesteps", _percent
        ),
        "dead_channels": _Definition(
            _dead_channels, "dead", False, "{} of the channels are 0 throughout", _percent
        ),
    }
)

FLAGS: Final[tuple[str, ...]] = tuple(_DEFINITIONS)


def judged(
    rows: ArrayLike,
    quantity: str = "hidden_state_gradient",
    thresholds: Thresholds = Thresholds(),
    names: Sequence[str] = STATISTICS,
) -> tuple[Flag, ...]:
    """Return every flag that can be judged at one step, worst first.

    Args:
        rows: [timesteps, statistics], as `statistics` returns them.
        quantity: what they are statistics of, a key of `tb_rnngrad.QUANTITIES`. Vanishing and
            exploding are judged for gradients through time alone, dead channels where there is a
            time axis.
        thresholds: from where on a flag is up.
        names: what the columns are; a reader's `Flow.statistics`.

    Raises:
        ValueError: there is not one column a name.
    """
    step = _Step(as_rows(rows, names), names, quantity, thresholds.eps)
    found = []
    for name, definition in _DEFINITIONS.items():
        value = definition.value(step)
        if np.isnan(value):
            continue
        threshold = getattr(thresholds, definition.threshold)
        is_up = value < threshold if definition.is_up_below else value > threshold
        sentence = definition.sentence(value, threshold, is_up, step)
        found.append(Flag(name, is_up, value, threshold, sentence))
    return tuple(found)


def flags(
    rows: ArrayLike,
    quantity: str = "hidden_state_gradient",
    thresholds: Thresholds = Thresholds(),
    names: Sequence[str] = STATISTICS,
) -> tuple[Flag, ...]:
    """Return the flags that are up at one step, worst first; arguments are those of `judged`."""
    return tuple(flag for flag in judged(rows, quantity, thresholds, names) if flag.is_up)
