"""Scales of colours and axes: where a value lies between two ends. Pure NumPy.

The page has the same scales (`frontend/src/colour/scale.ts` and `ticks.ts`); both are tested on the
answers of `frontend/test/scales.json`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCALES: Final = ("symlog", "linear", "log", "abs")

DECADES: Final = 8  # the most that log spans with an automatic threshold
SYMLOG_DECADES: Final = 3

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A scale with its ends.

    Attributes:
        name: one of `SCALES`. "log" and "abs" (linear) show magnitudes.
        low: the lower end; `-high` makes the scale symmetric about 0.
        high: the upper end.
        threshold: the magnitude below which symlog is about linear, and the least magnitude that
            log distinguishes.
        logarithms: whether the values are logarithms, in which -inf stands for an exact 0.

    Example:
        >>> from tb_rnngrad.scales import Scale
        >>> Scale("symlog", -1.0, 1.0, 1e-3).place([-1.0, 0.0, 1.0])
        array([0. , 0.5, 1. ])
    """

    name: str
    low: float
    high: float
    threshold: float
    logarithms: bool = False

    @property
    def of_magnitudes(self) -> bool:
        """Whether the scale drops the sign."""
        return self.name in ("log", "abs")

    @property
    def is_diverging(self) -> bool:
        """Whether the scale has a middle that a diverging colour map should show."""
        return self.low < 0 and self.low == -self.high

    def height(self, values: ArrayLike) -> Float64:
        """Return the formula's results, in which the scale is linear."""
        numbers = np.asarray(values, np.float64)
        with np.errstate(invalid="ignore"):
            return _FORMULAS[self.name](numbers, self.threshold)

    def place(self, values: ArrayLike) -> Float64:
        """Return the places of values: 0 at the low end, 1 at the high end, beyond them outside."""
        bottom, top = self.height([self.low, self.high])
        return (self.height(values) - bottom) / (top - bottom)

    def value_at(self, places: ArrayLike) -> Float64:
        """Return the values at places; for log, magnitudes."""
        bottom, top = self.height([self.low, self.high])
        return self.value_of_height(bottom + np.asarray(places, np.float64) * (top - bottom))

    def value_of_height(self, heights: ArrayLike) -> Float64:
        """Return the values whose `height` is given."""
        return _INVERSES[self.name](np.asarray(heights, np.float64), self.threshold)


_FORMULAS: Final[dict[str, Callable[[Float64, float], Float64]]] = {
    "linear": lambda values, _: values,
    "symlog": lambda values, threshold: np.sign(values) * np.log1p(np.abs(values) / threshold),
    "log": lambda values, threshold: np.log(np.maximum(np.abs(values), threshold)),
    "abs": lambda values, _: np.abs(values),
}
_INVERSES: Final[dict[str, Callable[[Float64, float], Float64]]] = {
    "linear": lambda heights, _: heights,
    "symlog": lambda heights, threshold: np.sign(heights) * np.expm1(np.abs(heights)) * threshold,
    "log": lambda heights, _: np.exp(heights),
    "abs": lambda heights, _: heights,
}


@dataclass(frozen=True)
class Extent:
    """What the scale of a set of pictures is made from.

    Attributes:
        least: the least finite value; NaN if there is none.
        greatest: the greatest finite value; NaN if there is none.
        magnitude: the greatest magnitude that the scale distinguishes.
        small: the magnitude below which few values lie (the 1st percentile); NaN if there is none.
    """

    least: float
    greatest: float
    magnitude: float
    small: float


def union(extents: Iterable[Extent]) -> Extent:
    """Return the extent that covers all of `extents`."""
    table = np.array([(e.least, e.greatest, e.magnitude, e.small) for e in extents]).reshape(-1, 4)
    table[~np.isfinite(table)] = np.nan
    least, small = (float(np.fmin.reduce(table[:, i], initial=np.nan)) for i in (0, 3))
    greatest, magnitude = (float(np.fmax.reduce(table[:, i], initial=np.nan)) for i in (1, 2))
    return Extent(least, greatest, magnitude, small)


def scale_of_quantity(quantity: str) -> str:
    """Return the name of the scale that suits a quantity: gradients span many decades."""
    return "symlog" if "gradient" in quantity else "linear"


def make_scale(
    extent: Extent,
    name: str,
    *,
    signed: bool,
    low: float | None = None,
    high: float | None = None,
    threshold: float | None = None,
) -> Scale:
    """Return the scale for an extent.

    Args:
        extent: what it has to show. If all finite values are 0, the scale goes to 1.
        name: one of `SCALES`.
        signed: whether the sign of values has a meaning; the scale is then symmetric about 0.
        low: the lower end; None for an automatic one. "log" starts at its threshold.
        high: the upper end; None for the extent's magnitude.
        threshold: None for three decades below the end (symlog), or the 1st percentile (log).

    Raises:
        ValueError: If `name` is unknown, or an end or the threshold cannot be one.
    """
    if name not in SCALES:
        raise ValueError(f"norm is {name!r}; expected one of {', '.join(map(repr, SCALES))}")
    if high is not None and not 0 < high < math.inf:
        raise ValueError(f"vmax is {high}; expected a finite number above 0")
    if threshold is not None and not 0 < threshold < math.inf:
        raise ValueError(f"linthresh is {threshold}; expected a finite number above 0")
    top = high if high is not None else extent.magnitude if extent.magnitude > 0 else 1.0
    if low is not None and not -math.inf < low < top:
        raise ValueError(f"vmin is {low}; expected a finite number below vmax, which is {top:g}")
    automatic = top * 10**-SYMLOG_DECADES
    if name == "log":
        automatic = max(0 if np.isnan(extent.small) else extent.small, top * 10**-DECADES)
        threshold = low if low is not None and low > 0 else threshold
    threshold = min(automatic if threshold is None else threshold, top / 2)
    if name == "log":
        return Scale(name, threshold, top, threshold)
    bottom = low if low is not None else -top if signed and name != "abs" else 0.0
    return Scale(name, bottom, top, threshold)


def make_raw_scale(extent: Extent) -> Scale:
    """Return the scale for logarithms, as a Jacobian's: from the least to the greatest."""
    low = extent.least if math.isfinite(extent.least) else 0.0
    high = extent.greatest if extent.greatest > low else low + 1
    return Scale("linear", low, high, (high - low) / 2, logarithms=True)


def free_scale(shared: Scale, values: ArrayLike) -> Scale:
    """Return `shared` for some values alone.

    It goes from end to end of them and 0, over as many decades.
    """
    finite = np.asarray(values)[np.isfinite(values)]
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    magnitude = max(-low, high)
    if magnitude == 0:
        return shared
    threshold = shared.threshold / max(shared.high, -shared.low) * magnitude
    if shared.name == "log":
        return replace(shared, low=threshold, high=magnitude, threshold=threshold)
    return replace(shared, low=low, high=high, threshold=threshold)


# --- the numbers on axes and colour bars ----------------------------------------------------------

_LINEAR_TICKS: Final = 6


def ticks(scale: Scale, gap: float) -> list[float]:
    """Return the numbers of a colour bar or an axis, ascending by place.

    These are its ends, 0, and powers of ten or round steps between, at least `gap` apart (a share
    of the bar).
    """
    found = [scale.low, scale.high]
    zero = [0.0] if scale.low < 0 < scale.high else []
    for tick in [*zero, *_between(scale)]:
        places = scale.place([*found, tick])
        if (np.abs(places[:-1] - places[-1]) >= gap).all():
            found.append(tick)
    return sorted(found, key=lambda tick: float(scale.place(tick)))


def _between(scale: Scale) -> Sequence[float]:
    if scale.name in ("linear", "abs"):
        step = nice_step(scale.high - scale.low, _LINEAR_TICKS)
        first, last = math.ceil(scale.low / step), math.floor(scale.high / step)
        return [step * i for i in range(first, last + 1)]
    top = math.floor(math.log10(scale.high))
    powers: list[float] = []
    power = top
    while 10.0**power >= scale.threshold:
        powers.append(10.0**power)
        if scale.low < 0:
            powers.append(-(10.0**power))
        power -= 1
    inner: list[float] = []
    if scale.name == "log" and scale.high < 100 * scale.low:
        inner = [f * 10.0**power for f in (2, 5) for power in (top - 2, top - 1, top)]
    return [*powers, *(tick for tick in inner if scale.low < tick < scale.high)]


def nice_step(span: float, most: int) -> float:
    """Return the least step of 1, 2, 5, 10, ... that gives at most `most` ticks over `span`."""
    raw = span / max(1, most)
    decade: float = 10.0 ** math.floor(math.log10(raw))
    return next(f * decade for f in (1, 2, 5, 10) if f * decade >= raw * (1 - 1e-9))


def short(value: Any) -> str:
    """Return a number in few characters, with a real minus sign.

    Example:
        >>> from tb_rnngrad.scales import short
        >>> [short(value) for value in (12345, -0.01234, 1.5e-7)]
        ['12345', '−0.0123', '1.5e−7']
    """
    number = float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    size = abs(number)
    if size == 0 or 1e-3 <= size < 1e5:
        text = str(int(number)) if number.is_integer() else _digits(number)
    else:
        mantissa, power = f"{number:.2e}".split("e")
        text = f"{float(mantissa):g}e{int(power)}"
    return text.replace("-", "−")


def _digits(number: float) -> str:
    """Return 3 significant digits without trailing zeros, never in exponential form."""
    rounded = float(f"{number:.2e}")
    return str(int(rounded)) if rounded.is_integer() else repr(rounded)
