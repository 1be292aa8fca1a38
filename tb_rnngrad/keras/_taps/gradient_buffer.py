"""Holds what a tap writes, eagerly, in a tf.function or in a v1 graph."""

from __future__ import annotations

import tensorflow as tf

from tb_rnngrad.keras._taps.writes import Counter, GraphOutputs, Readings, RunCounter, Write, key_of
from tb_rnngrad.keras._tensorflow import (
    Loop,
    handle_here,
    new_variable,
    read,
)


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
        counter = Counter()
        self._writes.append(Write(None, variable, counter, self._loop))
        return [assignment, counter.add()]

    def reset(self) -> None:
        """Forget what was written; counters of whole graphs are reset separately."""
        self._writes = [one for one in self._writes if one.eager is None]
        for one in self._writes:
            one.reset()

    def readings(self) -> Readings:
        """Read, in the graph being built, the variables that `counts` and `value` depend on."""
        return {key_of(one): read(one) for write in self._writes for one in write.variables}

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
