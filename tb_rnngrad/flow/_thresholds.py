"""From where on a flag is up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

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
    """From where on a flag is up. `docs/capture.md` says what each flag is.

    Attributes:
        eps: of the memory horizon: the share of a sample's largest norm that counts as reaching.
        vanishing: the share of its timesteps that a sample's memory horizon has to reach; 0: the
            flag is never up.
        exploding: how many times a sample's norm may grow on its way back; infinite: never up.
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


DEFAULT_THRESHOLDS: Final = Thresholds()
