"""The calls of tapped layers: those that ran eagerly, and those in graphs that run again."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._taps.layer_call import LayerCall
from tb_rnngrad.keras._taps.writes import GraphOutputs, Readings, RunCounter
from tb_rnngrad.keras._tensorflow import loops_around, outermost_graph


class CallLog:
    """All calls that carry one model's taps, each with its owner: the `id` of a layer."""

    def __init__(self) -> None:
        self._eager: list[tuple[int, LayerCall]] = []
        # A buffer must live as long as the trace that writes to it. (A WeakKeyDictionary would take
        # a tenth of a millisecond; a list takes no time.)
        self._traced: list[tuple[weakref.ref[Any], int, LayerCall]] = []

    def __iter__(self) -> Iterator[tuple[int, LayerCall]]:
        """Iterate over owners and their calls."""
        yield from self._eager
        yield from ((owner, call) for _, owner, call in self._traced)

    def open(self, owner: int, of: frozenset[str], results: GraphOutputs | None) -> LayerCall:
        """Return a new call that captures the quantities `of`.

        Args:
            owner: whose call it is.
            of: the quantities.
            results: the outputs of our own graph that is being built, or None.
        """
        context = tf.distribute.get_replica_context()
        replica = tf.get_static_value(context.replica_id_in_sync_group) if context else None
        if tf.executing_eagerly():
            call = LayerCall(of, int(replica or 0))
            self._eager.append((owner, call))
        else:
            runs = self._runs_of(tf.compat.v1.get_default_graph())
            loop = next(map(weakref.ref, loops_around()), None)
            call = LayerCall(of, int(replica or 0), runs, results, loop)
            trace = weakref.ref(outermost_graph(), self._forget)
            self._traced.append((trace, owner, call))
        return call

    def reset(self) -> None:
        """Forget what was captured."""
        self._eager.clear()
        for runs in {call.runs for _, _, call in self._traced if call.runs is not None}:
            runs.reset()
        for _, call in self:
            for buffer in call.buffers.values():
                buffer.reset()

    def readings(self) -> Readings:
        """Read, at the end of the graph being built, what its calls will have captured."""
        graph = outermost_graph()
        readings: dict[str, tf.Tensor] = {}
        for trace, _, call in self._traced:
            if trace() is graph:
                for buffer in call.buffers.values():
                    readings |= buffer.readings()
        return readings

    def _forget(self, trace: weakref.ref[Any]) -> None:
        self._traced = [entry for entry in self._traced if entry[0] is not trace]

    def _runs_of(self, graph: tf.Graph) -> RunCounter:
        known = (call.runs for _, _, call in self._traced if call.runs is not None)
        return next((runs for runs in known if runs.are_of(graph)), None) or RunCounter(graph)
