"""A tap: a custom-gradient identity.

It passes its tensors on unchanged. When the user's own backward pass reaches it, it hands on the
incoming gradients and passes them on unchanged too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._tensorflow import (
    new_variable,
)


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
