"""Scales as Matplotlib draws them: of colours (`ScaleNorm`) and of axes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tb_rnngrad import scales
from tb_rnngrad.scales import Extent, Scale
from tb_rnngrad.views.view import QUANTILES, View

PERCENTILES: Final = (100, 99.5, 99, 95)
BAR_GAP: Final = 0.07  # between two numbers, as a share of a colour bar or an axis
_MARGIN: Final = 0.03  # beyond both ends of an axis, as a share of it
_ROUNDING: Final = 1e-6  # a place this close to an end is at the end


class ScaleNorm(Normalize):
    """One of the page's scales as a Matplotlib norm.

    `vmin` and `vmax` can be set, as those of any norm.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale.low, scale.high)
        self._formula = scale

    @property
    def scale(self) -> Scale:
        """The scale, with the current ends."""
        return replace(self._formula, low=float(self.vmin or 0), high=float(self.vmax or 0))

    def __call__(self, value: Any, clip: bool | None = None) -> Any:
        """Return the places of values: 0 at `vmin`, 1 at `vmax`."""
        places = self.scale.place(np.ma.getdata(value))
        for end in (0.0, 1.0):
            places = np.where(np.abs(places - end) < _ROUNDING, end, places)
        if clip:
            places = np.clip(places, 0, 1)
        return np.ma.array(places, mask=np.ma.getmask(value))

    def inverse(self, value: Any) -> Any:
        """Return the values at places."""
        return self.scale.value_at(value)


@dataclass(frozen=True)
class RangeOptions:
    """The options of a scale, under Matplotlib's names.

    Attributes:
        norm: one of `scales.SCALES`; None for the one that suits the quantity.
        vmin: the lower end; None for an automatic one.
        vmax: the upper end; None for an automatic one.
        linthresh: symlog's threshold, or the least magnitude of log; None for an automatic one.
        percentile: the percentile of the magnitudes at which an automatic scale ends.
    """

    norm: str | None = None
    vmin: float | None = None
    vmax: float | None = None
    linthresh: float | None = None
    percentile: float = 100

    def scale(self, views: Iterable[View], quantity: str, signed: bool) -> Scale:
        """Return the scale that views of one quantity share.

        Raises:
            ValueError: If an option is invalid.
        """
        extent = scales.union(self._extent(view) for view in views)
        given = (self.norm, self.vmin, self.vmax, self.linthresh)
        if quantity == "state_jacobian" and self.norm is None:
            raw = scales.make_raw_scale(extent)
            low = raw.low if self.vmin is None else self.vmin
            high = raw.high if self.vmax is None else self.vmax
            if not low < high:
                raise ValueError(f"vmin is {low} and vmax is {high}; expected vmin below vmax")
            return replace(raw, low=low, high=high)
        name, low_end, high_end, threshold = given
        return scales.make_scale(
            extent,
            name or scales.scale_of_quantity(quantity),
            signed=signed,
            low=low_end,
            high=high_end,
            threshold=threshold,
        )

    def _extent(self, view: View) -> Extent:
        if self.percentile not in PERCENTILES:
            expected = ", ".join(map(str, PERCENTILES))
            raise ValueError(f"percentile is {self.percentile}; expected one of {expected}")
        found = view.statistics
        magnitude = max(abs(found.least), abs(found.greatest))
        if self.percentile < 100:
            magnitude = found.quantiles[QUANTILES.index(self.percentile / 100)]
        return Extent(found.least, found.greatest, magnitude, found.quantiles[0])


def norm_of(scale: Scale, given: str | Normalize | None) -> Normalize:
    """Return the norm that the user gave, or that of the scale."""
    return given if isinstance(given, Normalize) else ScaleNorm(scale)


def name_of(norm: str | Normalize | None, *ends: float | None) -> str | None:
    """Return the name of a scale; None for a norm of Matplotlib's, which has its own formula.

    Raises:
        ValueError: If ends are given beside such a norm, which has its own.
    """
    if not isinstance(norm, Normalize):
        return norm
    if any(end is not None for end in ends):
        raise ValueError(
            f"norm is a {type(norm).__name__}, which has its own ends; expected no vmin or vmax"
        )
    return None


def map_for(norm: str | Normalize | None, cmap: str | Colormap | None) -> str | Colormap | None:
    """Return the map given, or the one that suits a norm of Matplotlib's; None for the scale's."""
    if cmap is not None or not isinstance(norm, Normalize):
        return cmap
    is_symmetric = norm.vmin is not None and norm.vmax is not None and norm.vmin == -norm.vmax
    return "vik" if is_symmetric else "viridis"


def set_axis(axes: Axes, which: Literal["x", "y"], scale: Scale) -> None:
    """Give the x or y axis of `axes` a scale, with the page's ends and numbers."""
    if scale.name in ("symlog", "log"):
        set_scale = axes.set_xscale if which == "x" else axes.set_yscale
        set_scale("function", functions=(scale.height, scale.value_of_height))
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    set_limits(*_limits(scale))
    set_numbers(axes.xaxis if which == "x" else axes.yaxis, scale)


def _limits(scale: Scale) -> tuple[float, float]:
    """Return the ends of an axis, with a margin beyond those of the scale."""
    low, high = scale.value_at([-_MARGIN, 1 + _MARGIN])
    return float(low), float(high)


def drawn_on(scale: Scale, values: Any) -> Any:
    """Return values as the scale draws them: some scales draw magnitudes, and log has no 0."""
    if not scale.of_magnitudes:
        return values
    magnitudes = np.abs(values)
    return np.where(magnitudes == 0, np.nan, magnitudes) if scale.name == "log" else magnitudes


def set_numbers(axis: Axis, scale: Scale) -> None:
    """Put the page's numbers on an axis."""
    axis.set_major_locator(FixedLocator(scales.ticks(scale, BAR_GAP)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: scales.short(value)))
    axis.set_minor_locator(NullLocator())
