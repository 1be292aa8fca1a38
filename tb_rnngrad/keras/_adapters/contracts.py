"""What must hold of a Keras for its layers to be tapped, checked at first use."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter, CellKind
from tb_rnngrad.keras._contracts import apart
from tb_rnngrad.keras._versions import unsupported

_NAME = "tb_rnngrad"  # or Keras would number the user's later layers differently


@functools.cache
def check_layers(adapter: Adapter) -> None:
    """Check once what every tap relies on; takes some milliseconds.

    Raises:
        RuntimeError: if it no longer holds; the message names the versions and what does not work.
    """
    layer = apart(lambda: adapter.layer_class(name=_NAME))
    missing = [name for name in adapter.private_names if not hasattr(layer, name)]
    if missing:
        raise unsupported(adapter.name, f"A layer no longer has {', '.join(missing)}")
    called = []

    def call(inputs: tf.Tensor, **_: Any) -> tf.Tensor:
        called.append(inputs)
        return inputs

    vars(layer)["call"] = call
    apart(lambda: layer(tf.zeros([1])))
    if not called:
        raise unsupported(
            adapter.name,
            "A layer no longer runs the call that was set on it, so no tap would be reached",
        )


@functools.cache
def check_activations(adapter: Adapter, own: type, kind: CellKind) -> None:
    """Check once that a built-in cell calls its activation functions in the order of its gates.

    A cell with a bias of 1, 2, ... and all other weights 0 calls them with 1, 2, ... An LSTM then
    calls one more with its new cell state, which is i * c where f meets a cell state of 0.

    Args:
        adapter: the adapter of the cell's Keras.
        own: the cell's class.
        kind: what is known about it.

    Raises:
        RuntimeError: if it does not; the message names the versions and what does not work.
    """
    found: list[float] = []

    def noting(value: Any) -> Any:
        found.append(float(np.ravel(value)[0]))
        return value

    numbers = [float(number) for number in range(1, len(kind.gates) + 1)]

    def run() -> None:
        cell, state, kernel = _tiny(adapter, own, len(numbers))
        bias = [numbers, [0.0] * len(numbers)] if getattr(cell, "reset_after", False) else numbers
        vars(cell).update(
            kernel=kernel,
            recurrent_kernel=kernel,
            bias=tf.constant(bias),
            activation=noting,
            recurrent_activation=noting,
        )
        with tf.device("CPU:0"):
            cell.call(state, [state, state] if kind.squashes_cell_state else [state])

    apart(run)
    expected = [*numbers, numbers[0] * numbers[2]] if kind.squashes_cell_state else numbers
    if found != expected:
        raise unsupported(
            adapter.name,
            f"{own.__name__} no longer calls its activation functions in the order "
            f"{', '.join(kind.gates)}, so its gates and cell state could not be told apart",
        )


def _tiny(adapter: Adapter, own: Any, gates: int) -> tuple[Any, tf.Tensor, tf.Tensor]:
    """Return a cell of one unit that draws no random number, a state of 0 and a kernel of 0."""
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    options = {"name": _NAME, "seed": 0, **zeros}
    if own is adapter.conv_cell_class:
        cell = own(2, 1, 1, data_format="channels_last", **options)
        return cell, tf.zeros([1, 1, 1, 1]), tf.zeros([1, 1, 1, gates])
    return own(1, **options), tf.zeros([1, 1]), tf.zeros([1, gates])
