"""Tiny versions of the models in the public Keras and TensorFlow tutorials.

They have no dropout: tf_keras draws it from generators that belong to one trace, so there capture
alone changes the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

SAMPLES = 4
BATCHES = 2


@dataclass
class Recurrent:
    """The expected record of a recurrent layer.

    Attributes:
        loops: the layers in it that loop over time (two for a Bidirectional).
        shape: the shape of its hidden-state gradient, [samples, timesteps, units].
        mask: [samples, timesteps]; None: all timesteps are real.
        foretells: whether its output at t affects only the predictions at t.
        calls: how many calls make up the record, all calls of a sample in a row.
    """

    loops: list[Any]
    shape: tuple[int, ...]
    mask: Any = None
    foretells: bool = False
    calls: int = 1


@dataclass
class Tutorial:
    """A compiled model and its training.

    Attributes:
        fit: trains it as the tutorial does, with these callbacks.
        steps: the number of training steps in that.
        x, y: the first batch of that training.
        layers: record name -> its expected record.
        is_loss_exact: whether the loss is in float64; TensorFlow's CTC loss is in float32.
    """

    model: Any
    fit: Callable[[Sequence[Any]], None]
    steps: int
    x: Any
    y: Any
    layers: dict[str, Recurrent]
    is_loss_exact: bool = True

    def reset(self) -> None:
        """Reset the states that persist between batches to 0."""
        for layer in (loop for one in self.layers.values() for loop in one.loops):
            if layer.stateful:
                layer.reset_states()


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def _tokens(vocabulary: int, *shape: int) -> Any:
    """Return tokens from 1 up; 0 is padding."""
    return np.random.default_rng(sum(shape)).integers(1, vocabulary, size=shape).astype("int32")


def _padded(tokens: Any, lengths: Sequence[int]) -> Any:
    """Zero them beyond each sample's length, like `pad_sequences(padding="post")`."""
    real = np.arange(tokens.shape[1]) < np.resize(lengths, len(tokens))[:, None]
    return np.where(real, tokens, 0).astype("int32")


def _first(structure: Any) -> Any:
    return tf.nest.map_structure(lambda one: one[:SAMPLES], structure)


def _fitted_on_a_dataset(model: Any, x: Any, y: Any, layers: dict[str, Recurrent]) -> Tutorial:
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(SAMPLES, drop_remainder=True)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)

    def fit(callbacks: Sequence[Any]) -> None:
        model.fit(dataset, epochs=2, shuffle=False, verbose=0, callbacks=list(callbacks))

    return Tutorial(model, fit, 2 * BATCHES, _first(x), _first(y), layers)


def _fitted_on_arrays(model: Any, x: Any, y: Any, layers: dict[str, Recurrent]) -> Tutorial:
    def fit(callbacks: Sequence[Any]) -> None:
        model.fit(
            x,
            y,
            batch_size=SAMPLES,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )

    return Tutorial(model, fit, 2 * BATCHES, _first(x), _first(y), layers)


# --- text generation -----------------------------------------------------------------------------


def text_generation(k: Any) -> Tutorial:
    """Predicts the next character; `train_step` is the tutorial's own, itself a tf.function."""
    vocabulary, timesteps, units = 9, 8, 6

    class TextModel(k.Model):
        def __init__(self):
            super().__init__()
            self.embedding = k.layers.Embedding(vocabulary, 4)
            self.gru = k.layers.GRU(units, return_sequences=True, return_state=True, name="gru")
            self.dense = k.layers.Dense(vocabulary)

        def call(self, inputs, states=None, return_state=False, training=False):
            x = self.embedding(inputs, training=training)
            if states is None:
                # tf_keras wants the inputs themselves, Keras 3 the size of their batch.
                of = x if k.__name__ == "tf_keras" else tf.shape(x)[0]
                states = self.gru.get_initial_state(of)
            x, states = self.gru(x, initial_state=states, training=training)
            x = self.dense(x, training=training)
            return (x, states) if return_state else x

    class CustomTraining(TextModel):
        @tf.function
        def train_step(self, inputs):
            inputs, labels = inputs
            with tf.GradientTape() as tape:
                predictions = self(inputs, training=True)
                loss = self.loss(labels, predictions)
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
            return {"loss": loss}

    text = _tokens(vocabulary, SAMPLES * BATCHES, timesteps + 1)
    model = CustomTraining()
    model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True))
    model(text[:1, :-1])
    gru = Recurrent([model.gru], (SAMPLES, timesteps, units), foretells=True)
    return _fitted_on_a_dataset(model, text[:, :-1], text[:, 1:], {"gru": gru})


# --- translation ---------------------------------------------------------------------------------


def translation_with_attention(k: Any) -> Tutorial:
    """An encoder, a decoder with teacher forcing and Bahdanau attention, and a masked loss."""
    source, target = 8, 6
    vocabulary, units = 11, 5

    class BahdanauAttention(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.W1 = k.layers.Dense(units, use_bias=False)
            self.W2 = k.layers.Dense(units, use_bias=False)
            self.attention = k.layers.AdditiveAttention()

        def call(self, query, value, mask):
            query_mask = tf.ones(tf.shape(query)[:-1], dtype=bool)
            return self.attention([self.W1(query), value, self.W2(value)], mask=[query_mask, mask])

    class Translator(k.Model):
        def __init__(self):
            super().__init__()
            self.embed_source = k.layers.Embedding(vocabulary, 4)
            self.encoder = k.layers.GRU(
                units, return_sequences=True, return_state=True, name="encoder"
            )
            self.embed_target = k.layers.Embedding(vocabulary, 4)
            self.decoder = k.layers.GRU(
                units, return_sequences=True, return_state=True, name="decoder"
            )
            self.attention = BahdanauAttention()
            self.Wc = k.layers.Dense(units, activation="tanh", use_bias=False)
            self.fc = k.layers.Dense(vocabulary)

        def encode(self, tokens):
            mask = tokens != 0
            output, state = self.encoder(self.embed_source(tokens), mask=mask)
            return output, mask, state

        def decode(self, tokens, output, mask, state):
            """Decode any number of tokens, so that they can also be given one at a time."""
            vectors, state = self.decoder(self.embed_target(tokens), initial_state=state)
            context = self.attention(vectors, output, mask)
            return self.fc(self.Wc(tf.concat([context, vectors], axis=-1))), state

        def call(self, inputs, training=False):
            inp, targ = inputs
            return self.decode(targ, *self.encode(inp))[0]

        def train_step(self, data):
            inputs, targ = data
            with tf.GradientTape() as tape:
                predictions = self(inputs, training=True)
                loss = self.loss(targ, predictions)
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return {"batch_loss": loss}

    class MaskedLoss(k.losses.Loss):
        def __init__(self):
            super().__init__(name="masked_loss")
            self.loss = k.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")

        def __call__(self, y_true, y_pred, sample_weight=None):
            loss = self.loss(y_true, y_pred)
            return tf.reduce_sum(loss * tf.cast(y_true != 0, loss.dtype))

    inp = _padded(_tokens(vocabulary, SAMPLES * BATCHES, source), [8, 5, 3, 7])
    targ = _padded(_tokens(vocabulary, SAMPLES * BATCHES, target + 1), [7, 4, 5, 6])
    model = Translator()
    model.compile("adam", MaskedLoss())
    x = inp, targ[:, :-1]
    model(_first(x))
    encoder = Recurrent([model.encoder], (SAMPLES, source, units), _first(inp) != 0)
    decoder = Recurrent([model.decoder], (SAMPLES, target, units), foretells=True)
    layers = {"encoder": encoder, "decoder": decoder}
    return _fitted_on_a_dataset(model, x, targ[:, 1:], layers)


# --- video ---------------------------------------------------------------------------------------


def convolutional_video(k: Any) -> Tutorial:
    """Next-frame prediction: a stack of ConvLSTM2D, then a Conv3D."""
    frames, size = 5, 4
    layers = k.layers
    wide, narrow = (
        layers.ConvLSTM2D(
            filters, kernel, padding="same", return_sequences=True, activation="relu", name=name
        )
        for filters, kernel, name in ((2, 3, "wide"), (3, 1, "narrow"))
    )
    inputs = layers.Input((None, size, size, 1))
    x = narrow(layers.BatchNormalization()(wide(inputs)))
    outputs = layers.Conv3D(1, 3, activation="sigmoid", padding="same")(x)
    model = k.Model(inputs, outputs)
    model.compile(k.optimizers.Adam(), k.losses.BinaryCrossentropy())
    video = 1 / (1 + np.exp(-_random(SAMPLES * BATCHES, frames + 1, size, size, 1)))
    return _fitted_on_arrays(
        model,
        video[:, :-1],
        video[:, 1:],
        {
            "wide": Recurrent([wide], (SAMPLES, frames, size * size * 2)),
            "narrow": Recurrent([narrow], (SAMPLES, frames, size * size * 3)),
        },
    )


# --- speech --------------------------------------------------------------------------------------


def ctc_speech(k: Any) -> Tutorial:
    """Deep Speech: a convolution that halves time, a BiLSTM, the CTC loss."""
    frames, bands, characters, units = 12, 6, 4, 4
    layers = k.layers

    def ctc(y_true, y_pred):
        samples, timesteps = tf.unstack(tf.shape(y_pred)[:2])
        input_length = tf.fill([samples], timesteps)
        label_length = tf.reduce_sum(tf.cast(y_true != 0, tf.int32), axis=1)
        if k.__name__ == "tf_keras":
            return k.backend.ctc_batch_cost(
                y_true, y_pred, input_length[:, None], label_length[:, None]
            )
        logits = k.ops.log(y_pred + k.config.epsilon())
        return k.ops.ctc_loss(tf.cast(y_true, tf.int32), logits, label_length, input_length)

    inputs = layers.Input((None, bands), name="input")
    x = layers.Reshape((-1, bands, 1))(inputs)
    x = layers.Conv2D(2, [3, 3], strides=[2, 2], padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Reshape((-1, x.shape[-2] * x.shape[-1]))(x)
    both = layers.Bidirectional(layers.LSTM(units, return_sequences=True), name="both")
    x = layers.ReLU()(layers.Dense(8)(both(x)))
    model = k.Model(inputs, layers.Dense(characters + 1, activation="softmax")(x))
    model.compile(k.optimizers.Adam(), ctc)
    loops = [both.forward_layer, both.backward_layer]
    speech = Recurrent(loops, (SAMPLES, frames // 2, 2 * units))
    tutorial = _fitted_on_a_dataset(
        model,
        _random(SAMPLES * BATCHES, frames, bands),
        _padded(_tokens(characters, SAMPLES * BATCHES, 3), [3, 2, 1, 3]),
        {"both": speech},
    )
    return replace(tutorial, is_loss_exact=False)


# --- autoencoder ---------------------------------------------------------------------------------


def autoencoder(k: Any) -> Tutorial:
    """One LSTM encodes a sequence into a vector, and another decodes it."""
    timesteps, features = 6, 2
    encoder = k.layers.LSTM(5, name="encoder")
    decoder = k.layers.LSTM(4, return_sequences=True, name="decoder")
    model = k.Sequential(
        [
            k.layers.Input((timesteps, features)),
            encoder,
            k.layers.RepeatVector(timesteps),
            decoder,
            k.layers.TimeDistributed(k.layers.Dense(features)),
        ]
    )
    model.compile("adam", "mse")
    x = _random(SAMPLES * BATCHES, timesteps, features)
    layers = {
        "encoder": Recurrent([encoder], (SAMPLES, timesteps, 5)),
        "decoder": Recurrent([decoder], (SAMPLES, timesteps, 4), foretells=True),
    }
    return _fitted_on_arrays(model, x, x, layers)


# --- stateful ------------------------------------------------------------------------------------


def stateful(k: Any) -> Tutorial:
    """One long sequence in pieces; states persist between batches and are reset each epoch."""
    epochs, timesteps = 2, 7
    lstm = k.layers.LSTM(5, stateful=True, name="lstm")
    inputs = k.layers.Input(batch_shape=(SAMPLES, timesteps, 1))
    model = k.Model(inputs, k.layers.Dense(1)(lstm(inputs)))
    model.compile("adam", "mse")
    x, y = _random(SAMPLES * BATCHES, timesteps, 1), _random(SAMPLES * BATCHES, 1)
    options: dict[str, Any] = {"batch_size": SAMPLES, "epochs": 1, "shuffle": False, "verbose": 0}

    def fit(callbacks: Sequence[Any]) -> None:
        for _ in range(epochs):
            model.fit(x, y, callbacks=list(callbacks), **options)
            lstm.reset_states()

    layers = {"lstm": Recurrent([lstm], (SAMPLES, timesteps, 5))}
    return Tutorial(model, fit, epochs * BATCHES, _first(x), _first(y), layers)


# --- tagging -------------------------------------------------------------------------------------


def multi_task_tagging(k: Any) -> Tutorial:
    """Padded tokens, a BiLSTM, and two tags for each token."""
    timesteps, units = 8, 4
    layers = k.layers
    inputs = layers.Input((timesteps,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 5, mask_zero=True)(inputs)
    both = layers.Bidirectional(layers.LSTM(units, return_sequences=True), name="both")
    x = both(x)
    outputs = {
        name: layers.TimeDistributed(layers.Dense(tags, activation="softmax"), name=name)(x)
        for name, tags in (("part_of_speech", 5), ("entity", 3))
    }
    model = k.Model(inputs, outputs)
    model.compile(
        "adam",
        dict.fromkeys(outputs, "sparse_categorical_crossentropy"),
        loss_weights={"part_of_speech": 1.0, "entity": 0.5},
    )
    x = _padded(_tokens(20, SAMPLES * BATCHES, timesteps), [8, 3, 6, 5])
    y = {"part_of_speech": x % 5, "entity": x % 3}
    loops = [both.forward_layer, both.backward_layer]
    tagger = Recurrent(loops, (SAMPLES, timesteps, 2 * units), _first(x) != 0)
    return _fitted_on_arrays(model, x, y, {"both": tagger})


# --- time series ---------------------------------------------------------------------------------


def time_series(k: Any) -> Tutorial:
    """Weather: windows of one long series, each predicting the value that follows it."""
    timesteps, units = 6, 5
    series = _random(SAMPLES * BATCHES + timesteps, 3)
    dataset = k.utils.timeseries_dataset_from_array(
        series[:-1], series[timesteps:, :1], sequence_length=timesteps, batch_size=SAMPLES
    )
    x, y = next(iter(dataset))
    lstm = k.layers.LSTM(units, name="lstm")
    inputs = k.layers.Input((x.shape[1], x.shape[2]))
    model = k.Model(inputs, k.layers.Dense(1)(lstm(inputs)))
    model.compile(k.optimizers.Adam(), "mse")

    def fit(callbacks: Sequence[Any]) -> None:
        model.fit(dataset, epochs=2, shuffle=False, verbose=0, callbacks=list(callbacks))

    layers = {"lstm": Recurrent([lstm], (SAMPLES, timesteps, units))}
    return Tutorial(model, fit, 2 * len(dataset), x.numpy(), y.numpy(), layers)


# --- documents -----------------------------------------------------------------------------------


def hierarchical_documents(k: Any) -> Tutorial:
    """Words form sentences, sentences a document: a model in TimeDistributed below an LSTM."""
    sentences, words, units = 3, 5, 4
    layers = k.layers
    sentence = layers.Input((words,), dtype="int32")
    word_level = layers.LSTM(units, name="words")
    encoder = k.Model(sentence, word_level(layers.Embedding(15, 4)(sentence)), name="sentence")
    document = layers.Input((sentences, words), dtype="int32")
    sentence_level = layers.LSTM(units, name="sentences")
    x = sentence_level(layers.TimeDistributed(encoder)(document))
    model = k.Model(document, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    x = _tokens(15, SAMPLES * BATCHES, sentences, words)
    calls = 1 if k.__name__ == "tf_keras" else sentences  # Keras 3 calls it once a sentence
    return _fitted_on_arrays(
        model,
        x,
        x.sum(axis=(1, 2)) % 3,
        {
            "words": Recurrent([word_level], (SAMPLES * sentences, words, units), calls=calls),
            "sentences": Recurrent([sentence_level], (SAMPLES, sentences, units)),
        },
    )


TUTORIALS: dict[str, Callable[[Any], Tutorial]] = {
    "text generation": text_generation,
    "translation with attention": translation_with_attention,
    "convolutional video": convolutional_video,
    "CTC speech": ctc_speech,
    "autoencoder": autoencoder,
    "stateful": stateful,
    "multi-task tagging": multi_task_tagging,
    "time series": time_series,
    "hierarchical documents": hierarchical_documents,
}
