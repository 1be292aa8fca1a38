"""Where tapped values go: custom-gradient identities ("taps") and the sinks that they fill.

A tap passes its tensors on unchanged. When the user's own backward pass comes by, it hands the
gradients that arrive to a sink and passes them on unchanged too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from tb_rnngrad.keras._variables import read


class Sink:
    """Holds the value last written to it, whether eagerly, in a tf.function or in a v1 graph.

    Attributes:
        symbolic: the tensor written while a graph of `tf.compat.v1` was built, or None.
    """

    def __init__(self) -> None:
        self.symbolic: tf.Tensor | None = None
        self._eager: tf.Tensor | None = None
        self._eager_writes = 0
        self._variable: tf.Variable | None = None
        self._count: tf.Variable | None = None
        self._count_before = 0
        self._count_now: int | None = None

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
                self._count = ResourceVariable(0, trainable=False, dtype=tf.int64)
        assert self._count is not None
        return [
            self._variable.assign(value, read_value=False),
            self._count.assign_add(1, read_value=False),
        ]

    def reset(self) -> None:
        """Forget the value and the number of writes."""
        self._eager, self._eager_writes = None, 0
        self._count_before = self._counted()
        self._count_now = None

    def _counted(self) -> int:
        # Read once between two resets, as each reading waits for the device.
        if self._count is None:
            return 0
        if self._count_now is None:
            self._count_now = int(read(self._count))
        return self._count_now

    @property
    def writes(self) -> int:
        """How often it was written since the last reset, as of the first time this was asked."""
        traced = self._counted() - self._count_before
        return self._eager_writes + traced + (self.symbolic is not None)

    @property
    def value(self) -> tf.Tensor:
        """The value last written."""
        if self.symbolic is not None:
            return self.symbolic
        return self._eager if self._eager_writes else read(self._variable)


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
