"""The thresholds beyond which a flag is up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

# name -> smallest and largest value, and whether the smallest one is allowed
_RANGES: Final[Mapping[str, tuple[float, float, bool]]] = MappingProxyType(
    {
        "eps": (0, 1, False),
        "vanishing": (0, 1, True),
        "exploding": (1, np.inf, True),
        "nonfinite": (0, 1, True),
        "dead": (0, 1, True),
        "cut": (0, 1, True),
    }
)


@dataclass(frozen=True)
class Thresholds:
    """The thresholds beyond which a flag is up; docs/how-to/log_from_fit.md describes the flags.

    Attributes:
        eps: the share of a sample's largest norm that its norm must keep at a lag for the memory
            horizon to reach it.
        vanishing: the share of its timesteps that a sample's memory horizon has to reach. With 0
            the flag is never up.
        exploding: the factor by which a sample's norm may grow on its way back. With infinity the
            flag is never up.
        nonfinite: the share of NaN and Inf allowed at a timestep. With 1 the flag is never up.
        dead: the share of channels that may have no gradient at all. With 1 the flag is never up.
        cut: the share of its timesteps that the gradient has to reach before exact zeros begin
            (`reach`). With 0 the flag is never up.

    Raises:
        ValueError: If a threshold is out of range.

    Example:
        >>> tb_rnngrad.flow.Thresholds(vanishing=0.5).exploding
        1000.0
    """

    eps: float = 0.01
    vanishing: float = 0.1
    exploding: float = 1e3
    nonfinite: float = 0.0
    dead: float = 0.1
    cut: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, (least, greatest, closed) in _RANGES.items():
            value = getattr(self, name)
            if not (least <= value <= greatest and (closed or value > least)):
                start = "at least" if closed else "above"
                end = "" if np.isinf(greatest) else f" and at most {greatest}"
                raise ValueError(f"{name} is {value}; expected {start} {least}{end}")


DEFAULT_THRESHOLDS: Final = Thresholds()
