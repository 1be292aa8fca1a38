"""Which calls of a module go on from each other, by the state that is handed on.

A loop over a cell calls it once a timestep; other loops call a fused module with one timestep or
some. The state that a call starts from tells which call came before it, and of which samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_rnngrad.torch._arrivals import Recorded
from tb_rnngrad.torch._intercept import Call

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Link:
    """One call of a chain.

    Attributes:
        call: the call.
        begins: which samples start from another state than the one handed on; bool [samples].
        is_changed: whether the state of another sample was changed in between, as by dropout.
    """

    call: Call
    begins: Flags
    is_changed: bool


@dataclass(frozen=True)
class Chain:
    """Calls in order, each of which starts from the state of the one before.

    A later call may have fewer samples: the first ones.

    Attributes:
        links: the calls.
        discarded: for each call, of which samples the result was thrown away: the next call starts
            from the state that this one started from. So loops handle padding.
    """

    links: list[Link]
    discarded: list[Flags] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        """The calls in order."""
        return [link.call for link in self.links]

    @property
    def is_reached(self) -> bool:
        """Whether a backward pass came to any of it."""
        return any(call.passes for call in self.calls)

    @property
    def is_changed(self) -> bool:
        """Whether states were changed between calls."""
        return any(link.is_changed for link in self.links)

    @property
    def is_whole(self) -> bool:
        """Whether all samples go through all calls, in one sequence each."""
        samples = len(self.links[0].begins)
        is_broken = any(link.begins.any() or len(link.begins) < samples for link in self.links)
        is_padded = any(discarded.any() for discarded in self.discarded)
        return not (self.is_changed or is_broken or is_padded)


def chains_of(calls: Sequence[Call]) -> list[Chain]:
    """Return the calls of one module as chains, in the order of their first calls."""
    chains: list[_Growing] = []
    for call in calls:
        state = _States(call)
        if not any(chain.takes(state) for chain in _nearest_first(chains, call)):
            chains.append(_Growing(state))
    return [chain.ended() for chain in chains]


class _States:
    """The states that a call starts and ends with, [samples, values] in the user's order."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.first = _in_numpy(call.arguments.initial, call.order)
        self.last = _in_numpy(call.final, call.order)
        # A backward direction hands its state to what lies before it in time.
        is_bidirectional = len(call.arguments.weights[0]) > 1
        self.is_continued = call.is_continued and not is_bidirectional

    def reached(self) -> Flags:
        """Return to which samples' results a nonzero gradient came."""
        arguments, found = self.call.arguments, np.zeros(len(self.first), bool)
        for position, gradient in self.call.arrived.items():
            if arguments.batch_sizes is not None:
                return ~found
            axis = 0 if arguments.batch_first and position == 0 else 1
            found |= gradient.movedim(axis, 0).flatten(1).ne(0).any(1).numpy(force=True)
        return found


class _Growing:
    """A chain that further calls may continue."""

    def __init__(self, state: _States) -> None:
        self._first, self._tail = state, state
        self._links = [Link(state.call, np.zeros(len(state.first), bool), False)]
        self._discarded: list[Flags] = []
        self._members = {id(state.call)}

    def has(self, call: Recorded | None) -> bool:
        """Return whether a call belongs to it."""
        return call is not None and id(call) in self._members

    def takes(self, state: _States) -> bool:
        """Append a call if it goes on from the last one; return whether it does."""
        tail, new, samples = self._tail, state.first, len(state.first)
        if not state.is_continued or tail.last.shape[1] != new.shape[1] or len(tail.last) < samples:
            return False
        old = tail.last[:samples]
        same = _equal(new, old).all(1)
        discarded: Flags = np.zeros(samples, bool)
        if not same.all():
            discarded |= ~same & _equal(new, tail.first[:samples]).all(1)
        if discarded.any():
            discarded &= ~tail.reached()[:samples]  # or two calls start from one state
        by_graph = state.call.before is tail.call
        if self.has(state.call.before):
            by_graph |= bool(discarded.any())
        # States of zeros are equal wherever they come from.
        if not (same & (new != 0).any(1)).any() and not by_graph:
            return False
        rest = ~same & ~discarded
        begins = self._begins(state, rest) if rest.any() else rest
        self._links.append(Link(state.call, begins, bool((rest & ~begins).any())))
        self._discarded.append(np.pad(discarded, (0, len(tail.last) - samples)))
        self._members.add(id(state.call))
        self._tail = state
        return True

    def _begins(self, state: _States, rest: Flags) -> Flags:
        """Return which of the samples with another state begin anew; in others it was changed."""
        new, samples = state.first, len(rest)
        begins = rest & ((new == 0).all(1) | _equal(new, self._first.first[:samples]).all(1))
        if not rest.all():
            # Whatever changes the state changes that of all samples, and seldom all of its units.
            old = self._tail.last[:samples]
            begins |= rest & ~(_equal(new, old) & (old != 0)).any(1)
        return begins

    def ended(self) -> Chain:
        """Return the chain, whose last call hands its state to none."""
        last = np.zeros(len(self._tail.last), bool)
        if self._discarded and (before := self._discarded[-1][: len(last)]).any():
            last = before & ~self._tail.reached()  # padding goes on to the end
        return Chain(self._links, [*self._discarded, last])


def _nearest_first(chains: Sequence[_Growing], call: Call) -> list[_Growing]:
    """Return the chain that the graph leads to, then the others, the latest first."""
    own = [chain for chain in chains if chain.has(call.before)]
    return own + [chain for chain in reversed(chains) if not chain.has(call.before)]


def _in_numpy(states: Sequence[Tensor], order: Tensor | None) -> NDArray[Any]:
    """Return states, [layers, samples, units] each, as [samples, values] in the user's order."""
    each = [state.transpose(0, 1).flatten(1) for state in states]
    joined = torch.cat(each, 1)
    if joined.dtype in (torch.bfloat16, torch.float16):
        joined = joined.float()
    found = joined.numpy(force=True)
    return found if order is None else found[order.numpy(force=True)]


def _equal(new: NDArray[Any], old: NDArray[Any]) -> Flags:
    """Return where two states are the same; NaN is itself."""
    return (new == old) | ((new != new) & (old != old))
