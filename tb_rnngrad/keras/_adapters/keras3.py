"""Adapter for Keras 3 with its TensorFlow backend."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import keras
import tensorflow as tf

from tb_rnngrad.keras._adapters.base import GRU, LSTM, SIMPLE, CellKind, Rnn
from tb_rnngrad.keras._adapters.patches import Patch, ThreadFunction
from tb_rnngrad.keras._tensorflow import read
from tb_rnngrad.keras._versions import unsupported

try:
    from keras.src import backend as keras_backend  # holds the loop that layers call
    from keras.src.layers.rnn.conv_lstm import ConvLSTMCell
except ImportError as error:
    raise unsupported("keras", f"A private part of it is gone: {error}") from error

_RNN: Final = ThreadFunction(vars(keras_backend), "rnn")


@functools.cache
def adapter() -> Keras3:
    """Return the adapter.

    Raises:
        RuntimeError: if Keras runs on a backend other than TensorFlow.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(
            f"Keras 3 runs on its {keras.config.backend()!r} backend; expected 'tensorflow' "
            "(set KERAS_BACKEND=tensorflow before Keras is imported)"
        )
    return Keras3()


class Keras3:
    """See `Adapter`."""

    name = "keras"
    layer_class: Any = keras.layers.Layer
    rnn_class: Any = keras.layers.RNN
    bidirectional_class: Any = keras.layers.Bidirectional
    time_distributed_class: Any = keras.layers.TimeDistributed
    conv_cell_class: Any = ConvLSTMCell
    private_names: tuple[str, ...] = ("_flatten_layers", "_non_trainable_variables", "_remat_mode")
    cell_kinds: Mapping[type, CellKind] = MappingProxyType(
        {
            keras.layers.SimpleRNNCell: SIMPLE,
            keras.layers.GRUCell: GRU,
            keras.layers.LSTMCell: LSTM,
            ConvLSTMCell: LSTM,
        }
    )

    def children(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        children: list[Any] = layer._flatten_layers(include_self=False, recursive=False)
        return children

    def refusal(self, layer: Any) -> str | None:
        """See `Adapter`."""
        mode = layer._remat_mode
        if mode is None or mode.mode == "activations":
            return None
        if mode.mode == "list_of_layers" and layer.name not in mode.layer_names:
            return None
        return (
            f"layer {layer.name!r} was made in a keras.RematScope, so that it runs once more in "
            "the backward pass, out of the taps' reach; expected a layer made outside of one"
        )

    def cells(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        stacked = isinstance(layer.cell, keras.layers.StackedRNNCells)
        return list(layer.cell.cells) if stacked else [layer.cell]

    def reverses_states(self, layer: Any) -> bool:
        """See `Adapter`."""
        return False

    def moving_variables(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        return list(layer._non_trainable_variables)

    def weights(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        return [*layer.trainable_weights, *layer.non_trainable_weights]

    def raw(self, variable: Any) -> tf.Variable:
        """See `Adapter`."""
        if isinstance(variable, tf.Variable):  # from a cell that is a plain Python object
            return variable
        raw: tf.Variable = variable._value  # `.value` is cast under autocast
        return raw

    def is_time_major(self, layer: Any) -> bool:
        """See `Adapter`."""
        return False

    def reads_weights_once(self, layer: Any) -> bool:
        """See `Adapter`."""
        return False

    def standing_patches(self, layer: Any) -> Sequence[Patch]:
        """See `Adapter`."""
        names = vars(layer)
        return [(names, "use_cudnn", False)] if "use_cudnn" in names else []

    def original_call(self, layer: Any) -> Callable[..., Any]:
        """See `Adapter`."""
        call: Callable[..., Any] = layer.call
        return call

    @contextlib.contextmanager
    def recurrence(
        self, layer: Any, inputs: Any, training: Any, wrap: Callable[[Rnn], Rnn]
    ) -> Iterator[Any]:
        """See `Adapter`."""
        with _RNN.wrapped(wrap):
            yield inputs

    def scaling_patches(
        self, optimizer: Any, note_scale: Callable[[tf.Tensor], None]
    ) -> Sequence[Patch]:
        """See `Adapter`."""
        if optimizer is None:
            return []
        original = optimizer.scale_loss

        def scale_loss(loss: Any) -> Any:
            note_scale(tf.convert_to_tensor(original(tf.ones([], tf.float32))))
            return original(loss)

        return [(vars(optimizer), "scale_loss", scale_loss)]

    def forward(self, model: Any, x: Any, training: bool) -> Any:
        """See `Adapter`."""
        return model(x, training=training) if model._call_has_training_arg else model(x)

    def loss(self, model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> tf.Tensor:
        """See `Adapter`."""
        if not getattr(model, "compiled", False):
            raise RuntimeError(
                f"model {model.name!r} is not compiled, so it has no loss to take gradients of; "
                "call model.compile(loss=...) first, or use capture(...) around your own step"
            )
        return tf.convert_to_tensor(
            model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        )

    def passing_state(self, model: Any) -> Sequence[Any]:
        """See `Adapter`."""
        layers = model._flatten_layers(include_self=True, recursive=True)
        states = [
            state
            for layer in layers
            if isinstance(layer, keras.layers.RNN) and layer.stateful
            for state in keras.tree.flatten(layer.states)
        ]
        metrics = getattr(model, "metrics_variables", [])
        return [*model.non_trainable_variables, *metrics, *states]

    def runs_one_step(self, model: Any) -> bool:
        """See `Adapter`."""
        return bool(getattr(model, "steps_per_execution", 1) == 1)

    def counts_batches(self, model: Any) -> bool:
        """See `Adapter`."""
        return self.counter_of(getattr(model, "optimizer", None)) is not None

    def counter_of(self, optimizer: Any) -> tf.Variable | None:
        """See `Adapter`."""
        counter = getattr(optimizer, "iterations", None)
        # If the optimizer accumulates gradients, `iterations` is a tensor that counts updates.
        return self.raw(counter) if isinstance(counter, keras.Variable) else None

    def train_step(self, model: Any) -> int | None:
        """See `Adapter`."""
        optimizer: Any = getattr(model, "optimizer", None)
        counter = self.counter_of(optimizer)
        if counter is not None:
            return int(read(counter))
        batches = getattr(optimizer, "gradient_accumulation_steps", None)
        return int(optimizer.iterations) * batches if batches else None
