"""One claim of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

NAMES: Final = (
    "non_finite",
    "exploding",
    "cut",
    "vanishing",
    "dead",
    "saturated",
    "noisy",
    "healthy",
    "cannot_say",
)
"""The names of claims, worst first."""


@dataclass(frozen=True)
class Claim:
    """One claim, with the numbers from which it follows.

    Attributes:
        name: one of `NAMES`.
        sentence: the claim in words: its step, its value, its threshold.
        value: the judged value, in the threshold's unit; None for "cannot_say".
        threshold: the threshold that `value` is compared with; None for "cannot_say".
    """

    name: str
    sentence: str
    value: float | None = None
    threshold: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the claim for JSON, which has no infinity: such a value is null."""
        return {
            "name": self.name,
            "sentence": self.sentence,
            "value": _finite(self.value),
            "threshold": _finite(self.threshold),
        }


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def percent(share: float) -> str:
    """Return a share in percent, with three digits."""
    return f"{100 * share:.3g}%"
