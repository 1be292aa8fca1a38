"""Adapter for legacy Keras (tf_keras)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import tensorflow as tf
import tf_keras

from tb_rnngrad.keras._adapters.base import GRU, LSTM, SIMPLE, CellKind, Rnn, ancestry
from tb_rnngrad.keras._adapters.patches import Patch, ThreadFunction, patched
from tb_rnngrad.keras._tensorflow import as_autograph_would, read
from tb_rnngrad.keras._versions import unsupported

try:
    from tf_keras.src import backend as keras_backend  # `tf_keras.backend` only copies the names
    from tf_keras.src.layers.rnn.base_conv_lstm import ConvLSTMCell
    from tf_keras.src.mixed_precision.autocast_variable import AutoCastVariable
except ImportError as error:
    raise unsupported("tf_keras", f"A private part of it is gone: {error}") from error

_RNN: Final = ThreadFunction(vars(keras_backend), "rnn")


@functools.cache
def adapter() -> TfKeras:
    """Return the adapter."""
    return TfKeras()


class TfKeras:
    """See `Adapter`."""

    name = "tf_keras"
    layer_class: Any = tf_keras.layers.Layer
    rnn_class: Any = tf_keras.layers.RNN
    bidirectional_class: Any = tf_keras.layers.Bidirectional
    time_distributed_class: Any = tf_keras.layers.TimeDistributed
    conv_cell_class: Any = ConvLSTMCell
    private_names: tuple[str, ...] = (
        "_flatten_layers",
        "_non_trainable_weights",
        "_should_use_autograph",
    )
    cell_kinds: Mapping[type, CellKind] = MappingProxyType(
        {
            tf_keras.layers.SimpleRNNCell: SIMPLE,
            tf_keras.layers.GRUCell: GRU,
            tf_keras.layers.LSTMCell: LSTM,
            ConvLSTMCell: LSTM,
        }
    )

    def children(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        return list(layer._flatten_layers(include_self=False, recursive=False))

    def refusal(self, layer: Any) -> str | None:
        """See `Adapter`."""
        kind = type(layer).__name__
        if hasattr(layer.cell, "call"):
            if ancestry(self, layer.cell).known or not self.reads_weights_once(layer):
                return None
            return (
                f"layer {layer.name!r} is a {kind} with a {type(layer.cell).__name__}, whose call "
                "it never comes to, as it computes by the formulas of its own cell; give the cell "
                "to RNN"
            )
        return (
            f"layer {layer.name!r} is a {kind}, whose loop over timesteps runs inside one fused "
            f"kernel; use {kind.removeprefix('CuDNN')}, which takes the same weights"
        )

    def cells(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        stacked = isinstance(layer.cell, tf_keras.layers.StackedRNNCells)
        return list(layer.cell.cells) if stacked else [layer.cell]

    def reverses_states(self, layer: Any) -> bool:
        """See `Adapter`."""
        return bool(getattr(layer.cell, "reverse_state_order", False))

    def moving_variables(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        return list(layer._non_trainable_weights)

    def weights(self, layer: Any) -> Sequence[Any]:
        """See `Adapter`."""
        return [*layer.trainable_weights, *layer.non_trainable_weights]

    def raw(self, variable: Any) -> tf.Variable:
        """See `Adapter`."""
        return variable._variable if isinstance(variable, AutoCastVariable) else variable

    def is_time_major(self, layer: Any) -> bool:
        """See `Adapter`."""
        return bool(getattr(layer, "time_major", False))

    def reads_weights_once(self, layer: Any) -> bool:
        """See `Adapter`."""
        return bool(getattr(layer, "_could_use_gpu_kernel", False))

    def standing_patches(self, layer: Any) -> Sequence[Patch]:
        """See `Adapter`."""
        return []

    def original_call(self, layer: Any) -> Callable[..., Any]:
        """See `Adapter`."""
        original: Callable[..., Any] = layer.call
        if not layer._should_use_autograph():
            return original

        @functools.wraps(original)
        def converted(*args: Any, **kwargs: Any) -> Any:
            return as_autograph_would(original)(*args, **kwargs)

        return converted

    @contextlib.contextmanager
    def recurrence(
        self, layer: Any, inputs: Any, training: Any, wrap: Callable[[Rnn], Rnn]
    ) -> Iterator[Any]:
        """See `Adapter`."""
        patches: list[Patch] = []
        if getattr(layer, "_could_use_gpu_kernel", False):
            patches.append((vars(layer), "_could_use_gpu_kernel", False))
            # The fused path never calls the cell, so undo what the cell notes at its first call.
            noted = ("_called", "_saved_model_inputs_spec", "_saved_model_arg_spec")
            cell = vars(layer.cell)
            patches += [(cell, name, cell[name]) for name in noted if name in cell]
            if layer.cell.dropout:
                # The fused path itself drops inputs, anew for every timestep; the cell would drop
                # the same ones at all timesteps.
                inputs = self._dropped_out(layer, inputs, training)
                patches.append((vars(layer.cell), "dropout", 0.0))
        # `wrap` asks the layer how it reads its weights, so it comes before the patches.
        with _RNN.wrapped(wrap), patched(patches):
            yield inputs

    def _dropped_out(self, layer: Any, inputs: Any, training: Any) -> Any:
        first, *rest = inputs if isinstance(inputs, list) else [inputs]
        layer.reset_dropout_mask()
        gates = ancestry(self, layer.cell).known
        count = len(gates.gates) if gates else 1
        masks = layer.get_dropout_mask_for_cell(first, training, count=count)
        return [first * masks[0], *rest] if rest else first * masks[0]

    def scaling_patches(
        self, optimizer: Any, note_scale: Callable[[tf.Tensor], None]
    ) -> Sequence[Patch]:
        """See `Adapter`."""
        original = getattr(optimizer, "get_scaled_loss", None)
        if original is None:
            return []

        def get_scaled_loss(loss: Any) -> Any:
            note_scale(tf.convert_to_tensor(original(tf.ones([], tf.float32))))
            return original(loss)

        return [(vars(optimizer), "get_scaled_loss", get_scaled_loss)]

    def forward(self, model: Any, x: Any, training: bool) -> Any:
        """See `Adapter`."""
        return model(x, training=training)

    def loss(self, model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> tf.Tensor:
        """See `Adapter`."""
        if not getattr(model, "_is_compiled", False):
            raise RuntimeError(
                f"model {model.name!r} is not compiled, so it has no loss to take gradients of; "
                "call model.compile(loss=...) first, or use capture(...) around your own step"
            )
        return tf.convert_to_tensor(model.compute_loss(x, y, y_pred, sample_weight))

    def passing_state(self, model: Any) -> Sequence[Any]:
        """See `Adapter`."""
        layers = list(model._flatten_layers(include_self=True, recursive=True))
        states = [
            state
            for layer in layers
            if isinstance(layer, self.rnn_class) and layer.stateful
            for state in tf.nest.flatten(layer.states)
            if state is not None
        ]
        generators = [getattr(layer, "_random_generator", None) for layer in layers]
        inner = [getattr(generator, "_generator", None) for generator in generators]
        seeds = [generator.state for generator in inner if generator is not None]
        metrics = [variable for metric in model.metrics for variable in metric.variables]
        # A lookup table (of a TextVectorization, say) is listed as a variable but is none.
        own = [one for one in model.non_trainable_variables if isinstance(one, tf.Variable)]
        return [*own, *metrics, *states, *seeds]

    def runs_one_step(self, model: Any) -> bool:
        """See `Adapter`."""
        steps = getattr(model, "_steps_per_execution", None)
        is_one = steps is None or int(keras_backend.get_value(steps)) == 1
        return is_one and not self._tunes_steps(model)

    def _tunes_steps(self, model: Any) -> bool:
        """Return whether Keras changes the number of batches in an execution during training."""
        return bool(getattr(model, "autotune_steps_per_execution", False))

    def counts_batches(self, model: Any) -> bool:
        """See `Adapter`."""
        counter = self.counter_of(getattr(model, "optimizer", None))
        return counter is not None and not self._tunes_steps(model)

    def counter_of(self, optimizer: Any) -> tf.Variable | None:
        """See `Adapter`."""
        counter = getattr(optimizer, "iterations", None)
        return None if counter is None else self.raw(counter)

    def train_step(self, model: Any) -> int | None:
        """See `Adapter`."""
        counter = self.counter_of(getattr(model, "optimizer", None))
        if counter is None:
            return None
        # `get_value` takes almost twice as long outside legacy graph mode.
        return int(read(counter) if tf.executing_eagerly() else keras_backend.get_value(counter))
