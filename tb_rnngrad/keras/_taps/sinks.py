"""Where tapped values go: custom-gradient identities ("taps") and the buffers that they fill.

A tap passes its tensors on unchanged. When the user's own backward pass reaches it, it writes the
incoming gradients to a buffer and passes them on unchanged too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

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


class _Counter:
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


class RunCounter(_Counter):
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
        self._values[_key(write)] = value
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
        runs: _Counter | None = None,
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
        return int(self.eager is not None or _key(self) in readings)

    def value(self, readings: Readings) -> tf.Tensor:
        """Return the value of the last time it ran."""
        if self.eager is not None:
            return self.eager
        if self._variable is not None:
            return _value_of(self._variable, readings)
        return readings[_key(self)]


class GradientBuffer:
    """Holds what is written to it, whether eagerly, in a tf.function or in a v1 graph.

    A value written in one of our own graphs becomes a result of that graph; a value written in any
    other tf.function is held in a variable.

    Args:
        runs: the run counter of the graph that is being built, or None.
        results: the outputs of the graph that is being built, or None.
        loop: the body of the loop that is being built, or None.

    Attributes:
        symbolic: the tensor written while a graph of `tf.compat.v1` was built, or None.
    """

    def __init__(
        self, runs: RunCounter | None, results: GraphOutputs | None, loop: Loop | None = None
    ) -> None:
        self.symbolic: tf.Tensor | None = None
        self._writes: list[Write] = []
        self._runs = runs
        self._results = results
        self._loop = loop

    def write(self, value: tf.Tensor) -> list[tf.Operation]:
        """Keep `value`; called in the forward or backward pass.

        Returns:
            The operations that a graph must run for it.
        """
        if tf.executing_eagerly():
            self._writes.append(Write(eager=value))
            return []
        result = Write()
        if self._results is not None and self._results.offer(result, value):
            self._writes.append(result)
        elif tf.compat.v1.executing_eagerly_outside_functions():
            return self._write_in_function(value)
        else:
            self.symbolic = value
        return []

    def _write_in_function(self, value: tf.Tensor) -> list[tf.Operation]:
        # XLA wants the final shape at creation; sizes unknown during tracing stay open.
        known = [size or 0 for size in value.shape]
        with tf.init_scope():
            variable = new_variable(tf.zeros(known, value.dtype), value.dtype, value.shape)
        assignment = tf.raw_ops.AssignVariableOp(resource=handle_here(variable), value=value)
        if self._runs is not None and self._runs.include():
            self._writes.append(Write(None, variable, self._runs, self._loop))
            return [assignment]
        counter = _Counter()
        self._writes.append(Write(None, variable, counter, self._loop))
        return [assignment, counter.add()]

    def reset(self) -> None:
        """Forget what was written; counters of whole graphs are reset separately."""
        self._writes = [one for one in self._writes if one.eager is None]
        for one in self._writes:
            one.reset()

    def readings(self) -> Readings:
        """Read, in the graph being built, the variables that `counts` and `value` depend on."""
        return {_key(one): read(one) for write in self._writes for one in write.variables}

    def counts(self, readings: Readings) -> list[int]:
        """Return how often each place has written since the last reset.

        The first call after a reset fixes the answer.

        Args:
            readings: what the graph that ran has returned.
        """
        if self.symbolic is not None:
            return [1]
        return [count for one in self._writes if (count := one.count(readings))]

    def passes(self, readings: Readings) -> list[int]:
        """Return how many backward passes wrote, if it is a gradient."""
        if self.symbolic is not None:
            return [1]
        counts = ((one.count(readings), one.is_of_loop) for one in self._writes)
        return [1 if is_of_loop else count for count, is_of_loop in counts if count]

    def is_of_loop(self, readings: Readings) -> bool:
        """Return whether one backward pass wrote several times."""
        return any(one.is_of_loop and one.count(readings) > 1 for one in self._writes)

    def is_watched(self, readings: Readings) -> bool:
        """Return whether a tape could record any of the written values."""
        return any(one.is_watched for one in self._writes if one.count(readings))

    def value(self, readings: Readings) -> tf.Tensor:
        """Return the last value written; arguments as for `counts`."""
        if self.symbolic is not None:
            return self.symbolic
        last = next(one for one in reversed(self._writes) if one.count(readings))
        return last.value(readings)

    def total(self, readings: Readings) -> tf.Tensor:
        """Return the sum of the last value from each place; arguments as for `counts`."""
        written = [one.value(readings) for one in self._writes if one.count(readings)]
        return written[0] if len(written) == 1 else tf.add_n(written)


def _key(of: Write | tf.Variable) -> str:
    return str(id(of))


def _value_of(variable: tf.Variable, readings: Readings) -> tf.Tensor:
    known = readings.get(_key(variable))
    return read(variable) if known is None else known


def new_anchor() -> tf.Variable:
    """Return an empty variable that taps depend on when the tape is ours; see `tap`.

    A backward pass toward it goes no further down than the taps. It is a variable, because the
    user's own tf.functions, whose traces outlive ours, could not read a tensor.
    """
    return new_variable(tf.zeros([0]), tf.float32)


def tap(
    tensors: Sequence[tf.Tensor],
    anchor: tf.Tensor,
    receive: Callable[[Sequence[tf.Tensor]], Sequence[tf.Operation]],
) -> list[tf.Tensor]:
    """Return copies of `tensors`; `receive` gets the gradients that arrive at them.

    Args:
        tensors: tensors of any shapes. If a gradient reaches one of them, that of the others is 0
            instead of None.
        anchor: an empty tensor that depends on something the user's tape watches, so that the tape
            records the tap even if it watches none of `tensors`. Its own gradient is empty too.
        receive: called once in every backward pass (once during tracing); returns the operations
            that a graph must run for it.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def identity(anchor: tf.Tensor, *tensors: tf.Tensor) -> tuple[Any, Any]:
        def backward(*gradients: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # The backward function of a tf.function runs only what its results need.
            with tf.control_dependencies(receive(gradients)):
                passed = tuple(tf.identity(gradient) for gradient in gradients)
                return (tf.identity(tf.zeros_like(anchor)), *passed)

        return tuple(tf.identity(tensor) for tensor in tensors), backward

    return list(identity(anchor, *tensors))
