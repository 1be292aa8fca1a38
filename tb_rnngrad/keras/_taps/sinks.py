"""Where tapped values go: custom-gradient identities ("taps") and the sinks that they fill.

A tap passes its tensors on unchanged. When the user's own backward pass comes by, it hands the
gradients that arrive to a sink and passes them on unchanged too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import tensorflow as tf
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.ops.control_flow_v2_func_graphs import (
    CondBranchFuncGraph,
    WhileBodyFuncGraph,
)
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from tb_rnngrad.keras._variables import read

Readings = Mapping[str, tf.Tensor]
"""What a graph has returned: what was written, and the variables of sinks, by their `id`."""

NOTHING_READ: Final[Readings] = MappingProxyType({})

Loop = weakref.ref[WhileBodyFuncGraph]
"""The graph of a loop's body."""


def _handle_here(variable: tf.Variable) -> tf.Tensor:
    """Return the variable's handle for the graph being built.

    Built backwards, a branch or a loop's body takes from outside only what a graph around it holds.
    """
    handle, around = variable.handle, []
    graph = tf.compat.v1.get_default_graph()
    while isinstance(graph, (CondBranchFuncGraph, WhileBodyFuncGraph)):
        graph = graph.outer_graph
        around.append(graph)
    for graph in reversed(around):
        handle = graph.capture(handle)
    return handle


def loops_around() -> Iterator[WhileBodyFuncGraph]:
    """Give the bodies of TensorFlow's loops that are being built, innermost first."""
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if isinstance(graph, WhileBodyFuncGraph):
            yield graph
        graph = getattr(graph, "outer_graph", None)


class _Counter:
    """Counts in a variable, from within a tf.function."""

    def __init__(self) -> None:
        self._variable: tf.Variable | None = None
        self._before = 0
        self._now: int | None = None

    def add(self) -> tf.Operation:
        """Build what adds 1 whenever it runs."""
        if self._variable is None:
            with tf.init_scope():
                self._variable = ResourceVariable(0, trainable=False, dtype=tf.int64)
        return tf.raw_ops.AssignAddVariableOp(
            resource=_handle_here(self._variable), value=tf.constant(1, tf.int64)
        )

    def reset(self) -> None:
        """Count from 0 again."""
        self._before = self._total(NOTHING_READ)
        self._now = None

    def _total(self, readings: Readings) -> int:
        # Read once between two resets, as each reading waits for the device.
        if self._variable is None:
            return 0
        if self._now is None:
            self._now = int(_value_of(self._variable, readings))
        return self._now

    def count(self, readings: Readings) -> int:
        """Return how often that ran since the last reset, as of the first time this was asked."""
        return self._total(readings) - self._before

    @property
    def variables(self) -> list[tf.Variable]:
        """Where it counts, if it has begun to."""
        return [] if self._variable is None else [self._variable]


class RunCounter(_Counter):
    """Counts how often a function's graph runs, for all sinks that are written at every run."""

    def __init__(self, graph: tf.Graph) -> None:
        super().__init__()
        self._graph = weakref.ref(graph)
        self._is_counted = False

    def are_of(self, graph: tf.Graph) -> bool:
        """Return whether it is this graph's runs that are counted."""
        return self._graph() is graph

    def include(self) -> bool:
        """Return whether the graph being built is this one, and runs whatever has an effect.

        A tf.function's does. That of its backward function runs only what its results depend on.
        """
        graph = tf.compat.v1.get_default_graph()
        runs_all = getattr(graph, "_add_control_dependencies", False)
        if not runs_all or not self.are_of(graph):
            return False
        if not self._is_counted:
            self.add()
            self._is_counted = True
        return True


class GraphOutputs:
    """What a graph of ours, while it is being built, has to return of the sinks that it fills.

    What is written in a graph below it, such as that of a branch or of a tf.function of the user's
    own, is not its to return.
    """

    def __init__(self, graph: tf.Graph) -> None:
        self._graph = weakref.ref(graph)
        self._values: dict[str, tf.Tensor] = {}

    def offer(self, write: Write, value: tf.Tensor) -> bool:
        """Return whether the graph being built is this one, and so will return the value."""
        if self._graph() is not tf.compat.v1.get_default_graph():
            return False
        self._values[_key(write)] = value
        return True

    def take(self) -> Readings:
        """Return the values; from then on they are not kept, so that their graph can go."""
        values, self._values = self._values, {}
        return values


class Write:
    """One place of a program at which a value is written, eagerly or whenever a graph runs.

    Args:
        eager: the value where it was written eagerly.
        variable: where a graph writes it.
        runs: counts how often that is; None: the graph returns it, so once.
        loop: the body of the loop that the layer is called in, or None.

    Attributes:
        is_watched: whether a tape could see it, as the inside of a gradient of a gradient.
        is_of_loop: whether it is written outside of that body, as in the gradient of the loop:
            once a call, in one backward pass.
    """

    def __init__(
        self,
        eager: tf.Tensor | None = None,
        variable: tf.Variable | None = None,
        runs: _Counter | None = None,
        loop: Loop | None = None,
    ) -> None:
        self.eager = eager
        self.is_watched: bool = could_possibly_record()
        body = None if loop is None else loop()
        self.is_of_loop = body is not None and all(one is not body for one in loops_around())
        self._variable = variable
        self._runs = runs

    def reset(self) -> None:
        """Count from 0 again; a whole graph's runs are reset for themselves."""
        if self._runs is not None and not isinstance(self._runs, RunCounter):
            self._runs.reset()

    @property
    def variables(self) -> list[tf.Variable]:
        """What `count` and `value` depend on."""
        own = [] if self._variable is None else [self._variable]
        return own if self._runs is None else [*own, *self._runs.variables]

    def count(self, readings: Readings) -> int:
        """Return how often it ran since the last reset; see `Sink.counts`."""
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

    In a tf.function it is a result where that is a graph of ours, or else it lies in a variable.

    Args:
        runs: of the graph that is being built, or None.
        results: of the graph that is being built, or None.
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
        """Keep `value`; called in the forward or in the backward pass.

        Returns:
            What a graph has to run for it.
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
        # XLA wants the final shape at creation; what is unknown while tracing stays open.
        known = [size or 0 for size in value.shape]
        # The class itself, as a tf.Variable made inside a tf.function counts as the function's
        # own, and a function may make those on its first call only.
        with tf.init_scope():
            variable = ResourceVariable(
                tf.zeros(known, value.dtype), trainable=False, shape=value.shape
            )
        assignment = tf.raw_ops.AssignVariableOp(resource=_handle_here(variable), value=value)
        if self._runs is not None and self._runs.include():
            self._writes.append(Write(None, variable, self._runs, self._loop))
            return [assignment]
        counter = _Counter()
        self._writes.append(Write(None, variable, counter, self._loop))
        return [assignment, counter.add()]

    def reset(self) -> None:
        """Forget what was written; the runs of a whole graph are reset for themselves."""
        self._writes = [one for one in self._writes if one.eager is None]
        for one in self._writes:
            one.reset()

    def readings(self) -> Readings:
        """Read, in the graph being built, the variables that `counts` and `value` depend on."""
        return {_key(one): read(one) for write in self._writes for one in write.variables}

    def counts(self, readings: Readings) -> list[int]:
        """Return how often each place that wrote to it did since the last reset.

        It stays as it was when it was first asked for.

        Args:
            readings: what the graph that ran has returned.
        """
        if self.symbolic is not None:
            return [1]
        return [count for one in self._writes if (count := one.count(readings))]

    def passes(self, readings: Readings) -> list[int]:
        """Return how many backward passes those were, where it is a gradient."""
        if self.symbolic is not None:
            return [1]
        counts = ((one.count(readings), one.is_of_loop) for one in self._writes)
        return [1 if is_of_loop else count for count, is_of_loop in counts if count]

    def is_of_loop(self, readings: Readings) -> bool:
        """Return whether one backward pass wrote to it again and again."""
        return any(one.is_of_loop and one.count(readings) > 1 for one in self._writes)

    def is_watched(self, readings: Readings) -> bool:
        """Return whether a tape could see anything that was written."""
        return any(one.is_watched for one in self._writes if one.count(readings))

    def value(self, readings: Readings) -> tf.Tensor:
        """Return the value last written; arguments as for `counts`."""
        if self.symbolic is not None:
            return self.symbolic
        last = next(one for one in reversed(self._writes) if one.count(readings))
        return last.value(readings)

    def total(self, readings: Readings) -> tf.Tensor:
        """Return the sum of what was last written at each place; arguments as for `counts`."""
        written = [one.value(readings) for one in self._writes if one.count(readings)]
        return written[0] if len(written) == 1 else tf.add_n(written)


def _key(of: Write | tf.Variable) -> str:
    return str(id(of))


def _value_of(variable: tf.Variable, readings: Readings) -> tf.Tensor:
    known = readings.get(_key(variable))
    return read(variable) if known is None else known


def new_anchor() -> tf.Variable:
    """Return an empty variable for taps to ride on, where the tape is ours; see `tap`.

    A backward pass to it goes no further down than the taps. It is a variable as a tensor could not
    be read from inside the user's own tf.functions, whose traces outlive ours.
    """
    return ResourceVariable(tf.zeros([0]), trainable=False)


def tap(
    tensors: Sequence[tf.Tensor],
    anchor: tf.Tensor,
    receive: Callable[[Sequence[tf.Tensor]], Sequence[tf.Operation]],
) -> list[tf.Tensor]:
    """Return copies of `tensors`; `receive` gets the gradients that arrive at them.

    Args:
        tensors: of any shapes. Where a gradient reaches one of them, the others' is 0, not None.
        anchor: an empty tensor that depends on something the user's tape watches, so that the tape
            records the tap even where none of `tensors` does. Its own gradient is empty too.
        receive: called once in every backward pass (once while tracing); returns what a graph has
            to run for it.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def identity(anchor: tf.Tensor, *tensors: tf.Tensor) -> tuple[Any, Any]:
        def backward(*gradients: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # The backward function of a tf.function runs only what its results depend on.
            with tf.control_dependencies(receive(gradients)):
                passed = tuple(tf.identity(gradient) for gradient in gradients)
                return (tf.identity(tf.zeros_like(anchor)), *passed)

        return tuple(tf.identity(tensor) for tensor in tensors), backward

    return list(identity(anchor, *tensors))
