"""One pass of a recurrent layer through a batch: its states and per-step Jacobians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# Timesteps differentiated at once: enough to keep the CPU busy, few enough to fit in memory.
_CHUNK: Final = 64


@dataclass
class Run:
    """One recurrent layer's pass through one batch, in the order of its loop.

    Attributes:
        step: (x_t, flat states) -> flat new states; x_t [n, features], each state [n, size].
        inputs: [samples, timesteps, features].
        first: the states before the first timestep, each [samples, size].
        real: bool [samples, timesteps].
        hidden: which of all states, side by side, make up the hidden state that the layer returns.
        is_reversed: whether the loop runs from the last timestep to the first.
    """

    step: Callable[[tf.Tensor, Sequence[tf.Tensor]], Sequence[tf.Tensor]]
    inputs: tf.Tensor
    first: Sequence[tf.Tensor]
    real: NDArray[np.bool_]
    hidden: NDArray[np.intp]
    is_reversed: bool

    def __post_init__(self) -> None:
        self._differentiating: dict[bool, Callable[..., list[tf.Tensor]]] = {}

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.inputs.shape[0])

    @property
    def timesteps(self) -> int:
        """Number of timesteps."""
        return int(self.inputs.shape[1])

    @property
    def states(self) -> int:
        """Size of all states together."""
        return sum(int(state.shape[-1]) for state in self.first)

    @property
    def order(self) -> NDArray[np.intp]:
        """The timestep of the input that each timestep of the loop reads, [samples, timesteps]."""
        forward = np.broadcast_to(np.arange(self.timesteps), self.real.shape)
        return forward[:, ::-1] if self.is_reversed else forward

    @functools.cached_property
    def trajectory(self) -> Sequence[tf.Tensor]:
        """The states before each timestep, each [timesteps, samples, size]."""

        def advanced(states: Sequence[tf.Tensor], now: Timestep) -> list[tf.Tensor]:
            return now.where_real(self.step(now.x, states), states)

        after = self.scanned(advanced, list(self.first))
        return [
            tf.concat([first[tf.newaxis], states[:-1]], axis=0)
            for first, states in zip(self.first, after, strict=True)
        ]

    def scanned(self, advanced: Callable[[Any, Timestep], Any], initial: Any) -> Any:
        """Return what `advanced` gives at each timestep, stacked; it gets its previous result."""
        timesteps = tf.transpose(self.inputs, [1, 0, 2]), tf.constant(self.real.T[..., np.newaxis])
        return as_graph(
            lambda: tf.scan(
                lambda carried, now: advanced(carried, Timestep(*now)), timesteps, initial
            )
        )

    def jacobians(
        self, sample: int, with_entries: bool
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return ds_t/ds_t-1 [timesteps, states, states], ds_t/dx_t [timesteps, states, features].

        A padded timestep passes the state on unchanged.
        """
        differentiate = self._differentiate(with_entries)
        states = tf.concat([state[:, sample] for state in self.trajectory], axis=-1)
        pieces = [
            differentiate(
                self.inputs[sample, start : start + _CHUNK], states[start : start + _CHUNK]
            )
            for start in range(0, self.timesteps, _CHUNK)
        ]
        padding = ~self.real[sample]
        transitions = np.concatenate([piece[0].numpy() for piece in pieces])
        transitions[padding] = np.eye(self.states)
        if not with_entries:
            return transitions, None
        entries = np.concatenate([piece[1].numpy() for piece in pieces])
        entries[padding] = 0
        return transitions, entries

    def _differentiate(self, with_entries: bool) -> Callable[..., list[tf.Tensor]]:
        """Return the graph of `_jacobians` for any number of timesteps."""
        if with_entries not in self._differentiating:
            function = tf.function(self._jacobians, autograph=False)
            self._differentiating[with_entries] = function.get_concrete_function(
                tf.TensorSpec([None, self.inputs.shape[-1]], self.inputs.dtype),
                tf.TensorSpec([None, self.states], self.first[0].dtype),
                with_entries,
            )
        return self._differentiating[with_entries]

    def _jacobians(self, x: tf.Tensor, states: tf.Tensor, with_entries: bool) -> list[tf.Tensor]:
        sizes = [state.shape[-1] for state in self.first]
        sources = [states, x] if with_entries else [states]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(sources)
            after = tf.concat(self.step(x, tf.split(states, sizes, axis=-1)), axis=-1)
        return [
            tape.batch_jacobian(after, source, unconnected_gradients="zero") for source in sources
        ]


@dataclass(frozen=True)
class Timestep:
    """One timestep of a batch.

    Attributes:
        x: [samples, features].
        real: bool [samples, 1].
    """

    x: tf.Tensor
    real: tf.Tensor

    def where_real(self, new: Sequence[tf.Tensor], old: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return `new` for samples whose timestep is real, `old` for the others."""
        return [tf.where(self.real, one, before) for one, before in zip(new, old, strict=True)]


def as_graph(function: Callable[[], Any]) -> Any:
    """Return what `function` returns, run once as a graph: eager loops take seconds longer."""
    return tf.function(function, autograph=False).get_concrete_function()()
