"""Where tapped values go: custom-gradient identities ("taps") and the sinks that they fill.

A tap passes its tensors on unchanged. When the user's own backward pass comes by, it hands the
gradients that arrive to a sink and passes them on unchanged too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_v2_func_graphs import (
    CondBranchFuncGraph,
    WhileBodyFuncGraph,
)
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from tb_rnngrad.keras._variables import read

ValueOf = Callable[[tf.Variable], tf.Tensor]
"""How a variable is read: `read`, or a look at what a graph read already."""


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
        self._before = self._total(read)
        self._now = None

    def _total(self, value_of: ValueOf) -> int:
        # Read once between two resets, as each reading waits for the device.
        if self._variable is None:
            return 0
        if self._now is None:
            self._now = int(value_of(self._variable))
        return self._now

    def count(self, value_of: ValueOf) -> int:
        """Return how often that ran since the last reset, as of the first time this was asked."""
        return self._total(value_of) - self._before

    @property
    def variables(self) -> list[tf.Variable]:
        """Where it counts, if it has begun to."""
        return [] if self._variable is None else [self._variable]


class Runs(_Counter):
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


class Sink:
    """Holds the value last written to it, whether eagerly, in a tf.function or in a v1 graph.

    Args:
        runs: of the graph that is being built, or None.

    Attributes:
        symbolic: the tensor written while a graph of `tf.compat.v1` was built, or None.
    """

    def __init__(self, runs: Runs | None) -> None:
        self.symbolic: tf.Tensor | None = None
        self._eager: tf.Tensor | None = None
        self._eager_writes = 0
        self._variable: tf.Variable | None = None
        self._runs = runs
        self._writes_a_run = 0
        self._other_writes = _Counter()

    def write(self, value: tf.Tensor) -> list[tf.Operation]:
        """Keep `value`; called in the forward or in the backward pass.

        Returns:
            What a graph has to run for it.
        """
        if tf.executing_eagerly():
            self._eager = value
            self._eager_writes += 1
        elif tf.compat.v1.executing_eagerly_outside_functions():
            return self._write_in_function(value)
        else:
            self.symbolic = value
        return []

    def _write_in_function(self, value: tf.Tensor) -> list[tf.Operation]:
        if self._variable is None:
            # XLA wants the final shape at creation; what is unknown while tracing stays open.
            known = [size or 0 for size in value.shape]
            # The class itself, as a tf.Variable made inside a tf.function counts as the function's
            # own, and a function may make those on its first call only.
            with tf.init_scope():
                self._variable = ResourceVariable(
                    tf.zeros(known, value.dtype), trainable=False, shape=value.shape
                )
        assignment = tf.raw_ops.AssignVariableOp(resource=_handle_here(self._variable), value=value)
        if self._runs is None or not self._runs.include():
            return [assignment, self._other_writes.add()]
        self._writes_a_run += 1
        return [assignment]

    def reset(self) -> None:
        """Forget the value and the number of writes; its `runs` are reset for themselves."""
        self._eager, self._eager_writes = None, 0
        self._other_writes.reset()

    @property
    def variables(self) -> list[tf.Variable]:
        """All that `writes` and `value` depend on."""
        counters = [self._other_writes] if self._runs is None else [self._runs, self._other_writes]
        own = [] if self._variable is None else [self._variable]
        return [*own, *(variable for one in counters for variable in one.variables)]

    def writes(self, value_of: ValueOf) -> int:
        """Return how often it was written since the last reset, as of the first time of asking."""
        traced = self._other_writes.count(value_of)
        if self._writes_a_run and self._runs is not None:
            traced += self._runs.count(value_of) * self._writes_a_run
        return self._eager_writes + traced + (self.symbolic is not None)

    def value(self, value_of: ValueOf) -> tf.Tensor:
        """Return the value last written."""
        if self.symbolic is not None:
            return self.symbolic
        return self._eager if self._eager_writes else value_of(self._variable)


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
