"""Small float64 models that use recurrent layers in every supported way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

T = 5
SAMPLES = 3


@dataclass
class Case:
    """A model with a batch, and the layers in it that loop over time.

    Attributes:
        leaves: record name -> the layers in it that loop over time (two for a Bidirectional).
        calls: record name -> the number of the call, if the layer is called several times.
        reset: restores the layer states.
    """

    model: Any
    x: Any
    y: Any
    leaves: dict[str, list[Any]]
    calls: dict[str, int] = field(default_factory=dict)
    sample_weight: Any = None
    reset: Callable[[], None] = lambda: None


def showing(k, watch):
    """Return a layer that passes its inputs on, and calls `watch` with them at every run."""

    class Showing(k.layers.Layer):
        def call(self, inputs):
            passed = tf.numpy_function(watch, [inputs], inputs.dtype)
            return inputs + tf.stop_gradient(0 * tf.ensure_shape(passed, inputs.shape))

    return Showing()


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def _done(k, inputs, outputs, leaves, x=None, **options):
    """Return a compiled functional model with random inputs and targets."""
    model = k.Model(inputs, outputs)
    loss = ["mse"] * len(outputs) if isinstance(outputs, list) else "mse"
    model.compile("sgd", loss)
    if x is None:
        x = _random(SAMPLES, T, 3)
    y_pred = model(x)
    if isinstance(outputs, list):
        y = [_random(*one.shape, seed=i + 1) for i, one in enumerate(y_pred)]
    else:
        y = _random(*y_pred.shape, seed=1)
    return Case(model, x, y, leaves, **options)


def _one(k, layer, x=None, shape=(T, 3), name="rnn", head=True):
    """Return a model with one recurrent layer between an input and a Dense."""
    inputs = k.Input(shape)
    outputs = layer(inputs)
    if head:
        outputs = k.layers.Dense(2)(outputs)
    return _done(k, inputs, outputs, {name: [layer]}, x)


# --- kinds of models ---------------------------------------------------------------------------


def functional_stack(k):
    first = k.layers.GRU(3, return_sequences=True, name="one")
    second = k.layers.LSTM(4, name="two")
    inputs = k.Input((T, 3))
    return _done(
        k, inputs, k.layers.Dense(2)(second(first(inputs))), {"one": [first], "two": [second]}
    )


def sequential(k):
    layer = k.layers.LSTM(4, name="rnn")
    model = k.Sequential([k.layers.Input((T, 3)), layer, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    return Case(model, _random(SAMPLES, T, 3), _random(SAMPLES, 2, seed=1), {"rnn": [layer]})


def sequential_deferred(k):
    layer = k.layers.LSTM(4, name="rnn")
    model = k.Sequential([layer, k.layers.Dense(2)])
    model.compile("sgd", "mse")
    return Case(model, _random(SAMPLES, T, 3), _random(SAMPLES, 2, seed=1), {"rnn": [layer]})


def subclassed(k):
    class Subclassed(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [k.layers.GRU(4, return_sequences=True, name="one")]
            self.rnn = k.layers.LSTM(3, name="two")
            self.head = k.layers.Dense(2)

        def call(self, inputs, training=False):
            for block in self.blocks:
                inputs = block(inputs, training=training)
            return self.head(self.rnn(inputs))

    model = Subclassed()
    model.compile("sgd", "mse")
    leaves = {"one": [model.blocks[0]], "two": [model.rnn]}
    return Case(model, _random(SAMPLES, T, 3), _random(SAMPLES, 2, seed=1), leaves)


def nested(k):
    def encoder(name):
        inputs = k.Input((T, 3))
        layer = k.layers.LSTM(3, return_sequences=True, name="rnn")
        return k.Model(inputs, layer(inputs), name=name), layer

    inputs = k.Input((T, 3))
    first, one = encoder("first")
    second, two = encoder("second")
    outputs = k.layers.Dense(2)(second(first(inputs)))
    return _done(k, inputs, outputs, {"rnn": [one], "second/rnn": [two]})


def residual(k):
    layer = k.layers.GRU(3, return_sequences=True, name="rnn")
    inputs = k.Input((T, 3))
    return _done(k, inputs, k.layers.Add()([inputs, layer(inputs)]), {"rnn": [layer]})


def multi_input_multi_output(k):
    one, two = k.layers.LSTM(3, name="one"), k.layers.GRU(4, return_sequences=True, name="two")
    inputs = [k.Input((T, 3)), k.Input((T, 2))]
    a, b = one(inputs[0]), two(inputs[1])
    outputs = [k.layers.Dense(2)(k.layers.Concatenate()([a, b[:, -1]])), k.layers.Dense(1)(b)]
    x = [_random(SAMPLES, T, 3), _random(SAMPLES, T, 2, seed=5)]
    case = _done(k, inputs, outputs, {"one": [one], "two": [two]}, x)
    case.model.compile("sgd", ["mse", "mae"], loss_weights=[0.3, 2.0])
    return case


def sample_weight(k):
    case = _one(k, k.layers.LSTM(4, name="rnn"))
    case.sample_weight = np.array([0.5, 2.0, 0.0])
    return case


# --- kinds of layers ---------------------------------------------------------------------------


def bidirectional(merge_mode, return_sequences):
    def build(k):
        layer = k.layers.Bidirectional(
            k.layers.LSTM(3, return_sequences=return_sequences), merge_mode=merge_mode, name="both"
        )
        inputs = k.Input((T, 3))
        outputs = layer(inputs)
        if merge_mode is None:
            outputs = k.layers.Concatenate()(list(outputs))
        leaves = {"both": [layer.forward_layer, layer.backward_layer]}
        return _done(k, inputs, k.layers.Dense(2)(outputs), leaves)

    return build


def bidirectional_masked(k):
    layer = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True), name="both")
    inputs = k.Input((T, 3))
    outputs = k.layers.Dense(2)(layer(k.layers.Masking()(inputs)))
    x = _random(SAMPLES, T, 3)
    x[0, 3:] = 0
    return _done(k, inputs, outputs, {"both": [layer.forward_layer, layer.backward_layer]}, x)


def stacked_cells(k):
    cells = [k.layers.LSTMCell(3), k.layers.GRUCell(4), k.layers.SimpleRNNCell(2)]
    return _one(k, k.layers.RNN(cells, return_sequences=True, name="rnn"))


def custom_cell(k):
    class Minimal(k.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = units
            self.state_size = units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            h = inputs @ self.kernel + states[0] @ self.recurrent
            return h, [h]

    return _one(k, k.layers.RNN(Minimal(4), return_sequences=True, name="rnn"))


def cell_whose_output_is_no_state(k):
    class Projecting(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.state_size = 4
            self.output_size = 2

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")
            self.recurrent = self.add_weight(shape=(4, 4), name="recurrent")
            self.projection = self.add_weight(shape=(4, 2), name="projection")

        def call(self, inputs, states):
            h = inputs @ self.kernel + states[0] @ self.recurrent
            return self.read_out(h), [h]

        def read_out(self, h):
            return h @ self.projection

    return _one(k, k.layers.RNN(Projecting(), return_sequences=True, name="rnn"))


def convolutional(k):
    layer = k.layers.ConvLSTM2D(2, 2, padding="same", return_sequences=True, name="rnn")
    inputs = k.Input((T, 3, 3, 1))
    outputs = k.layers.GlobalAveragePooling3D()(layer(inputs))
    return _done(k, inputs, outputs, {"rnn": [layer]}, _random(SAMPLES, T, 3, 3, 1))


def convolutional_masked(k):
    layer = k.layers.ConvLSTM2D(2, 2, padding="same", return_sequences=True, name="rnn")
    inputs = [k.Input((T, 2, 2, 1)), k.Input((T,), dtype="bool")]
    outputs = k.layers.GlobalAveragePooling3D()(layer(inputs[0], mask=inputs[1]))
    real = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]], bool)
    return _done(k, inputs, outputs, {"rnn": [layer]}, [_random(SAMPLES, T, 2, 2, 1), real])


def shared(k):
    layer = k.layers.LSTM(3, name="rnn")
    inputs = k.Input((T, 3))
    outputs = k.layers.Dense(2)(k.layers.Concatenate()([layer(inputs), layer(2 * inputs)]))
    case = _done(k, inputs, outputs, {"rnn": [layer], "rnn.call2": [layer]})
    case.calls = {"rnn.call2": 1}
    return case


# --- options of layers -------------------------------------------------------------------------


def option(kind, **options):
    def build(k):
        return _one(k, getattr(k.layers, kind)(4, name="rnn", **options))

    return build


def return_state(k):
    layer = k.layers.LSTM(3, return_sequences=True, return_state=True, name="rnn")
    inputs = k.Input((T, 3))
    sequence, h, c = layer(inputs)
    outputs = k.layers.Concatenate()([k.layers.Flatten()(sequence), h, c])
    return _done(k, inputs, k.layers.Dense(2)(outputs), {"rnn": [layer]})


def encoder_decoder(k):
    encoder = k.layers.LSTM(3, return_state=True, name="encoder")
    decoder = k.layers.LSTM(3, return_sequences=True, name="decoder")
    inputs = [k.Input((T, 3)), k.Input((T, 2))]
    _, h, c = encoder(inputs[0])
    outputs = k.layers.Dense(2)(decoder(inputs[1], initial_state=[h, c]))
    x = [_random(SAMPLES, T, 3), _random(SAMPLES, T, 2, seed=5)]
    return _done(k, inputs, outputs, {"encoder": [encoder], "decoder": [decoder]}, x)


def stateful(k):
    layer = k.layers.GRU(4, stateful=True, return_sequences=True, name="rnn")
    inputs = k.Input(batch_shape=(SAMPLES, T, 3))
    case = _done(k, inputs, k.layers.Dense(2)(layer(inputs)), {"rnn": [layer]})
    state = layer.states[0]
    before = np.array(state)
    assert before.any()

    def reset():
        state.assign(before)

    case.reset = reset
    return case


def masked(*real: Sequence[int], **options):
    def build(k):
        layer = k.layers.LSTM(4, return_sequences=True, name="rnn", **options)
        inputs = k.Input((T, 3))
        outputs = k.layers.Dense(2)(layer(k.layers.Masking()(inputs)))
        x = _random(SAMPLES, T, 3)
        x[0] *= np.array(real)[:, None]
        return _done(k, inputs, outputs, {"rnn": [layer]}, x)

    return build


def masked_unrolled(k):
    layer = k.layers.GRU(4, unroll=True, name="rnn")
    inputs = k.Input((T, 3))
    x = _random(SAMPLES, T, 3)
    x[0, 3:] = 0
    outputs = k.layers.Dense(2)(layer(k.layers.Masking()(inputs)))
    return _done(k, inputs, outputs, {"rnn": [layer]}, x)


def tokens(k, trainable=False):
    layer = k.layers.LSTM(4, name="rnn")
    embedding = k.layers.Embedding(7, 3, mask_zero=True, trainable=trainable)
    inputs = k.Input((T,), dtype="int32")
    x = np.array([[1, 2, 3, 4, 5], [6, 5, 0, 0, 0], [3, 3, 3, 0, 0]], "int32")
    return _done(k, inputs, k.layers.Dense(2)(layer(embedding(inputs))), {"rnn": [layer]}, x)


def frozen(k):
    layer = k.layers.LSTM(4, return_sequences=True, name="rnn")
    layer.trainable = False
    embedding = k.layers.Embedding(7, 3, trainable=False)
    inputs = k.Input((T,), dtype="int32")
    x = np.random.default_rng(0).integers(1, 7, size=(SAMPLES, T)).astype("int32")
    return _done(k, inputs, k.layers.Dense(2)(layer(embedding(inputs))), {"rnn": [layer]}, x)


CASES = {
    "functional stack": functional_stack,
    "sequential": sequential,
    "sequential deferred": sequential_deferred,
    "subclassed": subclassed,
    "nested": nested,
    "residual": residual,
    "multi input, multi output": multi_input_multi_output,
    "sample_weight": sample_weight,
    **{
        f"bidirectional {mode} {'sequence' if sequence else 'last'}": bidirectional(mode, sequence)
        for mode in ("concat", "sum", "mul", "ave", None)
        for sequence in (True, False)
        if sequence or mode not in ("sum", "ave")
    },
    "bidirectional masked": bidirectional_masked,
    "stacked cells": stacked_cells,
    "custom cell": custom_cell,
    "cell whose output is no state": cell_whose_output_is_no_state,
    "ConvLSTM2D": convolutional,
    "ConvLSTM2D masked": convolutional_masked,
    "shared layer": shared,
    "return_state": return_state,
    "encoder-decoder": encoder_decoder,
    "stateful": stateful,
    "go_backwards": option("LSTM", go_backwards=True, return_sequences=True),
    "unroll": option("GRU", unroll=True),
    "implementation 1": option("LSTM", implementation=1),
    "masked right": masked(1, 1, 1, 0, 0),
    "masked left": masked(0, 0, 1, 1, 1),
    "masked holes": masked(1, 0, 1, 0, 1),
    "masked holes, go_backwards": masked(1, 0, 1, 1, 0, go_backwards=True),
    "masked, unrolled": masked_unrolled,
    "mask_zero, frozen Embedding": tokens,
    "all frozen but the head": frozen,
}
