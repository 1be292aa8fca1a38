"""Places in a program that write a tapped value, and how often each ran."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import tensorflow as tf

from tb_rnngrad.keras._tensorflow import (
    Loop,
    handle_here,
    loops_around,
    may_be_recorded,
    new_variable,
    read,
    runs_every_effect,
)

Readings = Mapping[str, tf.Tensor]
"""What a graph has returned: written values, and the variables of buffers, by their `id`."""


NOTHING_READ: Final[Readings] = MappingProxyType({})


class Counter:
    """Counts in a variable, from within a tf.function."""

    def __init__(self) -> None:
        self._variable: tf.Variable | None = None
        self._before = 0
        self._now: int | None = None

    def add(self) -> tf.Operation:
        """Build the operation that adds 1 whenever it runs."""
        if self._variable is None:
            with tf.init_scope():
                self._variable = new_variable(0, tf.int64)
        return tf.raw_ops.AssignAddVariableOp(
            resource=handle_here(self._variable), value=tf.constant(1, tf.int64)
        )

    def reset(self) -> None:
        """Set the count to 0."""
        self._before = self._total(NOTHING_READ)
        self._now = None

    def _total(self, readings: Readings) -> int:
        # Read only once between two resets, as each reading waits for the device.
        if self._variable is None:
            return 0
        if self._now is None:
            self._now = int(_value_of(self._variable, readings))
        return self._now

    def count(self, readings: Readings) -> int:
        """Return how often it ran since the last reset, as of the first call after that reset."""
        return self._total(readings) - self._before

    @property
    def variables(self) -> list[tf.Variable]:
        """The variable that holds the count, once there is one."""
        return [] if self._variable is None else [self._variable]


class RunCounter(Counter):
    """Counts how often a function's graph runs, for all buffers that every run writes to."""

    def __init__(self, graph: tf.Graph) -> None:
        super().__init__()
        self._graph = weakref.ref(graph)
        self._is_counted = False

    def are_of(self, graph: tf.Graph) -> bool:
        """Return whether it counts the runs of this graph."""
        return self._graph() is graph

    def include(self) -> bool:
        """Return whether the graph being built is this one and runs every effect in it."""
        graph = tf.compat.v1.get_default_graph()
        if not runs_every_effect(graph) or not self.are_of(graph):
            return False
        if not self._is_counted:
            self.add()
            self._is_counted = True
        return True


class GraphOutputs:
    """The buffered values that one of our own graphs must return, collected while it is built.

    It cannot return values written in a graph nested in it, such as a branch or a tf.function of
    the user.
    """

    def __init__(self, graph: tf.Graph) -> None:
        self._graph = weakref.ref(graph)
        self._values: dict[str, tf.Tensor] = {}

    def offer(self, write: Write, value: tf.Tensor) -> bool:
        """Take the value if the graph being built is this one; return whether it was taken."""
        if self._graph() is not tf.compat.v1.get_default_graph():
            return False
        self._values[key_of(write)] = value
        return True

    def take(self) -> Readings:
        """Return the values and drop them, so that their graph can be freed."""
        values, self._values = self._values, {}
        return values


class Write:
    """One place in a program that writes a value, eagerly or whenever a graph runs.

    Args:
        eager: the value, if it was written eagerly.
        variable: where a graph writes it.
        runs: counts the writes; None: the graph returns the value, so there is one write.
        loop: the body of the loop that the layer is called in, or None.

    Attributes:
        is_watched: whether a tape could record it, as inside a gradient of a gradient.
        is_of_loop: whether it is written outside of the loop's body, as in the loop's gradient:
            then one backward pass writes once for each call.
    """

    def __init__(
        self,
        eager: tf.Tensor | None = None,
        variable: tf.Variable | None = None,
        runs: Counter | None = None,
        loop: Loop | None = None,
    ) -> None:
        self.eager = eager
        self.is_watched: bool = may_be_recorded()
        body = None if loop is None else loop()
        self.is_of_loop = body is not None and all(one is not body for one in loops_around())
        self._variable = variable
        self._runs = runs

    def reset(self) -> None:
        """Set the count to 0, unless the whole graph's counter does that."""
        if self._runs is not None and not isinstance(self._runs, RunCounter):
            self._runs.reset()

    @property
    def variables(self) -> list[tf.Variable]:
        """The variables that `count` and `value` depend on."""
        own = [] if self._variable is None else [self._variable]
        return own if self._runs is None else [*own, *self._runs.variables]

    def count(self, readings: Readings) -> int:
        """Return how often it ran since the last reset; see `GradientBuffer.counts`."""
        if self._runs is not None:
            return self._runs.count(readings)
        return int(self.eager is not None or key_of(self) in readings)

    def value(self, readings: Readings) -> tf.Tensor:
        """Return the value of the last time it ran."""
        if self.eager is not None:
            return self.eager
        if self._variable is not None:
            return _value_of(self._variable, readings)
        return readings[key_of(self)]


def key_of(of: Write | tf.Variable) -> str:
    return str(id(of))


def _value_of(variable: tf.Variable, readings: Readings) -> tf.Tensor:
    known = readings.get(key_of(variable))
    return read(variable) if known is None else known
