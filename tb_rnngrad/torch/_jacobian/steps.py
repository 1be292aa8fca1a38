"""The derivatives of single timesteps, forward: how the states move with what they are made of.

A derivative is linear in the movements of x_t and of the states before, so the same formulas give a
Jacobian (each column is the movement of one of these) and the movement along one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from tb_rnngrad.torch._recurrences import Gru, Lstm, Recurrence, Rnn


class Steps(Protocol):
    """The timesteps of one layer in one direction, each ready to be differentiated."""

    def moved(
        self, where: Any, by_x: Tensor, by_h: Tensor, states: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return how the states after some timesteps move, each [n, units, k].

        Args:
            where: an index into [timesteps, samples] that leaves n steps: a timestep, or timesteps
                of one sample.
            by_x: how the pre-activations move with the input, [n, gates, units, k].
            by_h: how they move with the hidden state before, likewise.
            states: how the states before move, each [n, units, k].

        All sizes but `units` of the states may be 1, which then stands for all.
        """


class _Rnn:
    """h_t = f(z_t)."""

    def __init__(self, recurrence: Rnn) -> None:
        self._slope = recurrence.slope.unsqueeze(3)

    def moved(
        self, where: Any, by_x: Tensor, by_h: Tensor, states: Sequence[Tensor]
    ) -> list[Tensor]:
        return [self._slope[where] * (by_x + by_h)[:, 0]]


class _Lstm:
    """c_t = f c_t-1 + i g, and h_t = o tanh(c_t), which `weight_hr` may project."""

    def __init__(self, recurrence: Lstm, weight_hr: Tensor | None) -> None:
        slopes, to_c = recurrence.slopes()
        self._slopes, self._to_c = slopes.unsqueeze(4), to_c.unsqueeze(3)
        self._forget = recurrence.f.unsqueeze(3)
        self._weight_hr = weight_hr

    def moved(
        self, where: Any, by_x: Tensor, by_h: Tensor, states: Sequence[Tensor]
    ) -> list[Tensor]:
        slopes, by_z = self._slopes[where], by_x + by_h
        c = _weighted(slopes[:, :3], by_z[:, :3]) + self._forget[where] * states[1]
        h = slopes[:, 3] * by_z[:, 3] + self._to_c[where] * c
        return [h if self._weight_hr is None else self._weight_hr @ h, c]


class _Gru:
    """h_t = (1 - z) n + z h_t-1, where r multiplies the share of n that comes from h_t-1."""

    def __init__(self, recurrence: Gru) -> None:
        slopes, to_n = recurrence.slopes()
        self._slopes, self._to_n = slopes.unsqueeze(4), to_n.unsqueeze(3)
        self._update = recurrence.z.unsqueeze(3)

    def moved(
        self, where: Any, by_x: Tensor, by_h: Tensor, states: Sequence[Tensor]
    ) -> list[Tensor]:
        slopes = self._slopes[where]
        by_gates = _weighted(slopes, by_h) + _weighted(slopes[:, :2], by_x[:, :2])
        return [by_gates + self._to_n[where] * by_x[:, 2] + self._update[where] * states[0]]


def steps_of(recurrence: Recurrence, weight_hr: Tensor | None) -> Steps:
    """Return the timesteps of a layer in one direction, after its forward pass."""
    if isinstance(recurrence, Lstm):
        return _Lstm(recurrence, weight_hr)
    if isinstance(recurrence, Gru):
        return _Gru(recurrence)
    assert isinstance(recurrence, Rnn)
    return _Rnn(recurrence)


def _weighted(slopes: Tensor, moved: Tensor) -> Tensor:
    """Return the sum over gates; one product after the other, as all at once would not fit."""
    total = slopes[:, 0] * moved[:, 0]
    for gate in range(1, slopes.shape[1]):
        total += slopes[:, gate] * moved[:, gate]
    return total
