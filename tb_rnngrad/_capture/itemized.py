"""Itemized gradients, for all frameworks: from the gradients of single losses to records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.timesteps import resolved
from tb_rnngrad.record import SequenceRecord


def check_not_empty(at: Sequence[int]) -> None:
    """Raise ValueError if `at` names no timestep."""
    if not len(at):
        raise ValueError("at is empty; expected at least one timestep of the loss")


def each_once(at: Sequence[int], timesteps: int) -> list[int]:
    """Return the timesteps of the loss in `at`, with negative ones counted from the end.

    Raises:
        ValueError: if one does not exist, or is named twice.
    """
    chosen = resolved(at, timesteps, "the loss")
    twice = [t for t in chosen if chosen.count(t) > 1]
    if twice:
        raise ValueError(f"at names the timestep {twice[0]} twice; expected each once")
    return chosen


class ItemizedRecords:
    """Collects the hidden-state gradients of one loss after the other, as norms.

    Args:
        framework: the records' framework.
    """

    def __init__(self, framework: str) -> None:
        self._framework = framework
        self._norms: dict[str, list[NDArray[Any]]] = {}
        self._last: dict[str, Captured] = {}

    def add(self, found: Sequence[Captured]) -> None:
        """Add the hidden-state gradients of the loss at the next timestep, one of each layer."""
        for one in found:
            self._norms.setdefault(one.layer, []).append(_norms(np.asarray(one.data)))
            self._last[one.layer] = one

    def records(self, at: Sequence[int]) -> dict[str, SequenceRecord]:
        """Return layer name -> record [samples, timesteps s, len(at)].

        Args:
            at: the timesteps of the loss, in the order in which they were added.
        """
        groups = dict.fromkeys((f"t = {t}" for t in at), 1)
        return {
            layer: SequenceRecord(
                np.stack(norms, axis=2),
                None if (one := self._last[layer]).mask is None else np.asarray(one.mask),
                groups,
                quantity="itemized_gradient",
                layer=layer,
                framework=self._framework,
                details=one.details,
            )
            for layer, norms in self._norms.items()
        }


def _norms(data: NDArray[Any]) -> NDArray[Any]:
    """Return [samples, timesteps]; float64 in between, as squares underflow before gradients do."""
    return np.linalg.norm(data.astype(np.float64), axis=2).astype(data.dtype)
