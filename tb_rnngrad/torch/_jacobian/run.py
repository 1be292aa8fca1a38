"""One pass of one layer, in one direction, through a batch: its per-step Jacobians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_rnngrad.torch._jacobian.steps import Steps, steps_of
from tb_rnngrad.torch._recurrences import gates_of
from tb_rnngrad.torch._unrolled import Direction, exactly

# Timesteps differentiated at once: enough to keep the CPU busy, few enough to stay in its cache.
_CHUNK: Final = 16


class Run:
    """One layer's pass through one batch in one direction; see `_capture.jacobians.Run`.

    Args:
        direction: the layer in this direction; its sequences end with padding.
        real: which timesteps are real, [samples, timesteps], samples in the user's order; None:
            all. Every sample's real timesteps come first.
        samples: where in `direction` each sample of the user's order is; None: in the same order.
        is_reversed: whether the loop runs from each sample's last real timestep to its first.
    """

    def __init__(
        self,
        direction: Direction,
        real: NDArray[np.bool_] | None,
        samples: Tensor | None,
        is_reversed: bool,
    ) -> None:
        self._direction = direction
        timesteps, count = direction.h.shape[:2]
        self.timesteps = timesteps
        self.samples = count
        self.real = np.ones((count, timesteps), np.bool_) if real is None else real
        self._samples = np.arange(count) if samples is None else samples.numpy(force=True)
        self._is_reversed = is_reversed
        self._sizes = [state.shape[1] for state in direction.initial]

    @property
    def states(self) -> int:
        """Size of all states together."""
        return sum(self._sizes)

    @property
    def hidden(self) -> NDArray[np.intp]:
        """Where the hidden state is among all states: first."""
        return np.arange(self._sizes[0])

    @property
    def order(self) -> NDArray[np.intp]:
        """The timestep of the input that each timestep of the loop reads, [samples, timesteps]."""
        forward = np.broadcast_to(np.arange(self.timesteps), self.real.shape)
        if not self._is_reversed:
            return forward
        lengths = self.real.sum(axis=1, keepdims=True)
        return np.where(self.real, lengths - 1 - forward, forward)

    def jacobians(
        self, sample: int, with_entries: bool
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return ds_t/ds_t-1 [timesteps, states, states], ds_t/dx_t [timesteps, states, features].

        A padded timestep passes the state on unchanged. Without `with_entries`, the second is None.
        """
        with exactly(self._direction.h.device.type):
            transitions = self._filled(sample, self.states, self._by_states)
            entries = None
            if with_entries:
                features = self._direction.input.shape[2]
                entries = self._filled(sample, features, self._by_input)
        padding = ~self.real[sample]
        transitions[padding] = np.eye(self.states)
        if entries is not None:
            entries[padding] = 0
        return transitions, entries

    def moved_with_input(self) -> NDArray[Any]:
        """Return the derivative of h_t as all inputs up to t rise together.

        [samples, timesteps, units], in the order of the loop.
        """
        weights, h = self._direction.weights, self._direction.h
        with exactly(h.device.type):
            by_x = self._by_gate(weights.weight_ih.sum(1, keepdim=True).unsqueeze(0))
            states = [h.new_zeros(self.samples, size, 1) for size in self._sizes]
            moved = torch.empty_like(h)
            for t in range(self.timesteps):
                by_h = self._by_gate(weights.weight_hh @ states[0])
                states = self._steps.moved(t, by_x, by_h, states)
                moved[t] = states[0].squeeze(2)
        return moved.transpose(0, 1).numpy(force=True)[self._samples]

    @functools.cached_property
    def _steps(self) -> Steps:
        return steps_of(self._direction.recurrence, self._direction.weights.weight_hr)

    def _filled(
        self, sample: int, columns: int, fill: Callable[[Tensor, Any], None]
    ) -> NDArray[Any]:
        """Return [timesteps, states, columns], filled a few timesteps at a time."""
        result = self._direction.h.new_empty(self.timesteps, self.states, columns)
        for start in range(0, self.timesteps, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            fill(result[chunk], (chunk, int(self._samples[sample])))
        return result.numpy(force=True)

    def _by_input(self, result: Tensor, where: Any) -> None:
        by_x = self._by_gate(self._direction.weights.weight_ih.unsqueeze(0))
        still = [by_x.new_zeros(1, size, 1) for size in self._sizes]
        self._put(result, self._steps.moved(where, by_x, torch.zeros_like(by_x[..., :1]), still))

    def _by_states(self, result: Tensor, where: Any) -> None:
        """Move the hidden state, then an LSTM's cell state, which no pre-activation reads."""
        by_h = self._by_gate(self._direction.weights.weight_hh.unsqueeze(0))
        none = torch.zeros_like(by_h[..., :1])
        columns = result.split(self._sizes, dim=2)
        for number, size in enumerate(self._sizes):
            states = [by_h.new_zeros(1, one, 1) for one in self._sizes]
            states[number] = torch.eye(size, dtype=by_h.dtype, device=by_h.device).unsqueeze(0)
            moved = self._steps.moved(where, none, none if number else by_h, states)
            self._put(columns[number], moved)

    def _put(self, result: Tensor, moved: Sequence[Tensor]) -> None:
        for rows, one in zip(result.split(self._sizes, dim=1), moved, strict=True):
            rows.copy_(one)

    def _by_gate(self, z: Tensor) -> Tensor:
        """Return [n, gates * units, k] as [n, gates, units, k]."""
        return z.unflatten(1, (len(gates_of(self._direction.kind)), -1))
