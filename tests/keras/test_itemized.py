"""Itemised gradients, of single timesteps' losses and of their sum, in both Kerases."""

import differences
import numpy as np
import pytest
import tensorflow as tf

import tb_rnngrad
import tb_rnngrad.keras

B, T, D, U = 2, 5, 3, 3
LAYERS = {
    "SimpleRNN": lambda k: k.layers.SimpleRNN(U, return_sequences=True, name="rnn"),
    "LSTM": lambda k: k.layers.LSTM(U, return_sequences=True, name="rnn"),
    "GRU": lambda k: k.layers.GRU(U, return_sequences=True, name="rnn"),
    "going backwards": lambda k: k.layers.GRU(
        U, go_backwards=True, return_sequences=True, name="rnn"
    ),
}


def model_of(k, *layers, loss="mse", shape=(T, D), **options):
    model = k.Sequential([k.layers.Input(shape), *layers])
    model.compile("sgd", loss, **options)
    return model


def batch(rng, features=2):
    return rng.normal(size=(B, T, D)), rng.normal(size=(B, T, features))


def by_differences(model, layer, x, y, t, weight=1.0):
    """Return ||dL_t/dh_s|| [samples, s], where L_t weights the loss with 0 except at timestep t."""
    alone = weight * np.broadcast_to(np.arange(T) == t, (B, T)).astype(float)
    gradient = np.zeros((B, T, U))
    for index in np.ndindex(gradient.shape):
        gradient[index] = differences.hidden_state_gradient(
            lambda: differences.loss_of(model, x, y, alone), [layer], gradient.shape, index
        )
    return np.linalg.norm(gradient, axis=2)


@pytest.mark.parametrize("name", LAYERS)
def test_itemised_gradients_are_those_of_a_loss_weighted_1_at_t_and_0_elsewhere(k, rng, name):
    layer = LAYERS[name](k)
    model = model_of(k, layer, k.layers.Dense(2))
    x, y = batch(rng)
    weight = rng.uniform(0.2, 2, size=(B, T))
    record = tb_rnngrad.keras.itemized_gradients(model, x, y, at=[2, -1], sample_weight=weight)[
        "rnn"
    ]
    assert record.shape == (B, T, 2)
    assert record.data.dtype == np.float64
    assert record.quantity == "itemized_gradient"
    assert record.channel_groups == {"t = 2": 1, "t = 4": 1}
    for channel, t in enumerate((2, 4)):
        expected = by_differences(model, layer, x, y, t, weight)
        # A layer that goes backwards returns in loop order: t = 0 is what it processed last.
        reach = np.arange(T) >= T - 1 - t if layer.go_backwards else np.arange(T) <= t
        np.testing.assert_allclose(record.data[:, :, channel], expected, rtol=1e-6, atol=1e-9)
        assert (record.data[:, reach, channel] > 0).all()
        assert (record.data[:, ~reach, channel] == 0).all()


def positive(k, **options):
    """Return a one-unit layer through which all hidden-state gradients keep their sign."""
    return k.layers.SimpleRNN(
        1, recurrent_initializer="ones", return_sequences=True, name="rnn", **options
    )


def assert_shares_add_up(model, x, y, layer="rnn", timesteps=T, **options):
    """Check the sum over t. If all gradients are positive, one unit's norms add up as they do."""
    whole = tb_rnngrad.keras.gradients(model, x, y, layer, **options)[layer]
    shares = tb_rnngrad.keras.itemized_gradients(model, x, y, range(timesteps), layer, **options)[
        layer
    ]
    assert whole.data.min() >= 0
    assert whole.data.max() > 0
    np.testing.assert_allclose(shares.data.sum(axis=2), whole.data[:, :, 0], rtol=1e-12)
    return shares


LOSSES = {
    "mean": lambda k: k.losses.MeanSquaredError(),
    "sum": lambda k: k.losses.MeanSquaredError(reduction="sum"),
    "log cosh": lambda k: k.losses.LogCosh(),
    "mean with sample weight": lambda k: k.losses.MeanSquaredError(
        reduction="mean_with_sample_weight"
    ),
}


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        ("mean", "none"),
        ("mean", "by timestep"),
        ("sum", "by sample"),
        ("log cosh", "by timestep"),
        ("mean with sample weight", "by timestep"),
    ],
)
def test_the_shares_of_all_timesteps_add_up_to_the_full_loss(k, rng, loss, weights):
    if loss == "mean with sample weight" and k.__name__ == "tf_keras":
        pytest.skip("tf_keras has no such reduction")
    model = model_of(
        k, positive(k), k.layers.Dense(1, kernel_initializer="ones"), loss=LOSSES[loss](k)
    )
    x, _ = batch(rng)
    given = {
        "none": None,
        "by sample": np.array([[0.5], [3.0]]),  # Keras 3 rejects [samples] here
        "by timestep": rng.uniform(0, 2, size=(B, T)),
    }
    assert_shares_add_up(model, x, np.full((B, T, 1), -9.0), sample_weight=given[weights])


def tensorflows(k, function):
    """Return a layer that applies TensorFlow's own function, to which Keras attaches no logits."""

    class Applying(k.layers.Layer):
        def call(self, inputs):
            return function(inputs)

    return Applying()


def dense(activation):
    return lambda k: [k.layers.Dense(3, activation)]


HEADS = {
    "softmax": dense("softmax"),
    "sigmoid": dense("sigmoid"),
    "logits": dense(None),
    "Softmax layer": lambda k: [k.layers.Dense(3), k.layers.Softmax()],
    "Activation layer": lambda k: [k.layers.Dense(3), k.layers.Activation("sigmoid")],
    "TimeDistributed": lambda k: [k.layers.TimeDistributed(k.layers.Dense(3, "softmax"))],
    "TensorFlow's softmax": lambda k: [k.layers.Dense(3), tensorflows(k, tf.nn.softmax)],
    "TensorFlow's sigmoid": lambda k: [k.layers.Dense(3), tensorflows(k, tf.nn.sigmoid)],
    "scaled softmax": lambda k: [k.layers.Dense(3, "softmax"), k.layers.Rescaling(0.5)],
}
CROSS_ENTROPIES = [
    ("softmax", lambda k: "categorical_crossentropy"),
    ("softmax", lambda k: "sparse_categorical_crossentropy"),
    ("softmax", lambda k: k.losses.categorical_crossentropy),
    ("softmax", lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.1)),
    ("softmax", lambda k: k.losses.CategoricalCrossentropy(from_logits=True)),
    ("softmax", lambda k: k.losses.CategoricalFocalCrossentropy()),
    ("softmax", lambda k: k.losses.KLDivergence()),
    ("softmax", lambda k: lambda y, p: k.losses.categorical_crossentropy(y + 0.1, p[..., ::-1])),
    ("sigmoid", lambda k: "binary_crossentropy"),
    ("sigmoid", lambda k: k.losses.BinaryCrossentropy(from_logits=True)),
    ("sigmoid", lambda k: k.losses.BinaryFocalCrossentropy(apply_class_balancing=True)),
    ("logits", lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True)),
    ("logits", lambda k: k.losses.BinaryCrossentropy(from_logits=True)),
    ("Softmax layer", lambda k: "sparse_categorical_crossentropy"),
    ("Activation layer", lambda k: "binary_crossentropy"),
    ("TimeDistributed", lambda k: k.losses.SparseCategoricalCrossentropy()),
    ("TensorFlow's softmax", lambda k: "categorical_crossentropy"),
    ("TensorFlow's sigmoid", lambda k: "binary_crossentropy"),
    ("scaled softmax", lambda k: "categorical_crossentropy"),
]


@pytest.mark.filterwarnings("ignore:.*from_logits=True")  # Keras asks whether it is intended
@pytest.mark.parametrize(("head", "loss"), CROSS_ENTROPIES)
def test_a_loss_computed_from_logits_is_itemised_like_any_other(k, rng, head, loss):
    layer = LAYERS["SimpleRNN"](k)
    loss = loss(k)
    model = model_of(k, layer, *HEADS[head](k), loss=loss)
    x, _ = batch(rng)
    classes = rng.integers(0, 3, size=(B, T))
    is_sparse = "sparse" in str(getattr(loss, "name", loss))
    y = classes if is_sparse else np.eye(3)[classes]
    weight = rng.uniform(0.2, 2, size=(B, T))
    found = tb_rnngrad.keras.itemized_gradients(model, x, y, at=[2], sample_weight=weight)["rnn"]
    expected = by_differences(model, layer, x, y, 2, weight)
    np.testing.assert_allclose(found.data[:, :, 0], expected, rtol=1e-6, atol=1e-9)
    assert (found.data[:, :3] > 0).all()
    assert not found.data[:, 3:].any()


def test_logits_that_are_also_an_output_count_once(k, rng):
    inputs = k.Input((T, D))
    layer = LAYERS["SimpleRNN"](k)
    logits = k.layers.Dense(3, name="logits")(layer(inputs))
    classes = k.layers.Activation("softmax", name="classes")(logits)
    tags = k.layers.Dense(2, "sigmoid", name="tags")(logits)
    model = k.Model(inputs, [logits, classes, tags])
    losses = ["mse", "sparse_categorical_crossentropy", "binary_crossentropy"]
    model.compile("sgd", losses, loss_weights=[0.3, 2.0, 0.7])
    x, _ = batch(rng)
    y = [rng.normal(size=(B, T, 3)), rng.integers(0, 3, (B, T)), rng.integers(0, 2, (B, T, 2))]
    found = tb_rnngrad.keras.itemized_gradients(model, x, y, at=[1])["rnn"]
    alone = [np.broadcast_to(np.arange(T) == 1, (B, T)).astype(float)] * 3
    expected = np.zeros((B, T, U))
    for index in np.ndindex(expected.shape):
        expected[index] = differences.hidden_state_gradient(
            lambda: differences.loss_of(model, x, y, alone), [layer], expected.shape, index
        )
    np.testing.assert_allclose(
        found.data[:, :, 0], np.linalg.norm(expected, axis=2), rtol=1e-6, atol=1e-9
    )


def test_padding_counts_as_in_the_full_loss(k, rng):
    model = model_of(
        k, k.layers.Masking(), positive(k), k.layers.Dense(1, kernel_initializer="ones")
    )
    x, _ = batch(rng)
    x[1, 3:] = 0
    shares = assert_shares_add_up(model, x, np.full((B, T, 1), -9.0))
    np.testing.assert_array_equal(shares.mask, [[1] * 5, [1, 1, 1, 0, 0]])
    assert not shares.data[1, :, 3:].any()
    assert not shares.data[1, 3:].any()


def test_the_share_of_a_timestep_sums_all_outputs(k, rng):
    inputs = k.Input((T, D))
    h = positive(k)(inputs)
    outputs = [k.layers.Dense(n, kernel_initializer="ones", name=f"out{n}")(h) for n in (1, 2)]
    model = k.Model(inputs, outputs)
    model.compile("sgd", ["mse", LOSSES["log cosh"](k)], loss_weights=[0.3, 2.0])
    x, _ = batch(rng)
    y = [np.full((B, T, n), -9.0) for n in (1, 2)]
    assert_shares_add_up(model, x, y)


def test_a_decoders_timesteps_are_not_the_encoders(k, rng):
    inputs = k.Input((T, D))
    h = k.layers.SimpleRNN(1, recurrent_initializer="ones", name="encoder")(inputs)
    h = positive(k, kernel_initializer="ones")(k.layers.RepeatVector(3)(h))
    model = k.Model(inputs, k.layers.Dense(1, kernel_initializer="ones")(h))
    model.compile("sgd", "mse")
    x, _ = batch(rng)
    y = np.full((B, 3, 1), -9.0)
    shares = assert_shares_add_up(model, x, y, "encoder", timesteps=3)
    assert shares.shape == (B, T, 3)
    assert (shares.data > 0).all()


def test_losses_that_layers_add_belong_to_no_timestep(k, rng):
    x, y = batch(rng)
    found = []
    for regularizer in (None, "l2"):
        k.utils.set_random_seed(3)
        layer = k.layers.GRU(U, return_sequences=True, activity_regularizer=regularizer, name="rnn")
        model = model_of(k, layer, k.layers.Dense(2))
        found.append(tb_rnngrad.keras.itemized_gradients(model, x, y, at=[1])["rnn"].data)
    np.testing.assert_array_equal(*found)


def test_norms_whose_squares_underflow_stay_above_0(k, rng):
    differences.use_dtype(k, "float32")
    layer = k.layers.SimpleRNN(1, "linear", return_sequences=True, use_bias=False, name="rnn")
    model = model_of(k, layer)
    layer.set_weights([np.ones((D, 1)), np.full((1, 1), 1e-7)])
    x, _ = batch(rng)
    norms = tb_rnngrad.keras.itemized_gradients(model, x, np.full((B, T, 1), 9.0), at=[-1])["rnn"]
    assert norms.data.dtype == np.float32
    np.testing.assert_allclose(np.diff(np.log10(norms.data), axis=1), 7, rtol=1e-5)


def test_one_trace_serves_every_timestep_and_every_call(k, rng):
    traces = []

    class Counted(k.layers.Layer):
        def call(self, inputs):
            traces.append(tf.executing_eagerly())
            return inputs * 1.0

    model = model_of(k, Counted(), LAYERS["GRU"](k), k.layers.Dense(2))
    x, y = batch(rng)
    traces.clear()
    tb_rnngrad.keras.itemized_gradients(model, x, y, at=[0, 1, 2])
    tb_rnngrad.keras.itemized_gradients(model, x, y, at=[3, -1])
    assert traces == [False]


def test_itemised_gradients_leave_the_model_as_it_was(k, rng):
    layer = k.layers.LSTM(U, return_sequences=True, dropout=0.5, name="rnn")
    model = model_of(k, layer, k.layers.BatchNormalization(), k.layers.Dense(2), metrics=["mae"])
    x, y = batch(rng)
    model.train_on_batch(x, y)
    variables = [*model.weights, *model.metrics[0].variables]
    before = [tf.convert_to_tensor(one).numpy() for one in variables]
    tb_rnngrad.keras.itemized_gradients(model, x, y, at=[0, 2])
    for old, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(old, tf.convert_to_tensor(variable))
    assert "call" not in vars(layer)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ([1, 5], "at names the timestep 5; the loss has 5: expected -5 to 4"),
        ([-6], "at names the timestep -6; the loss has 5: expected -5 to 4"),
        ([1, -4], "at names the timestep 1 twice; expected each once"),
        ([], "at is empty; expected at least one timestep of the loss"),
    ],
)
def test_an_invalid_timestep_is_named(k, rng, at, message):
    model = model_of(k, LAYERS["GRU"](k), k.layers.Dense(2))
    with pytest.raises(ValueError, match=message):
        tb_rnngrad.keras.itemized_gradients(model, *batch(rng), at=at)


def test_predictions_without_timesteps_are_refused(k, rng):
    model = model_of(k, k.layers.GRU(U, name="rnn"), k.layers.Dense(2))
    x, y = batch(rng)
    message = r"predicts \(.*2\), so its loss has no timesteps to choose from; expected \[samples"
    with pytest.raises(ValueError, match=message):
        tb_rnngrad.keras.itemized_gradients(model, x, y[:, 0], at=[-1])


def test_outputs_of_different_lengths_are_refused(k, rng):
    inputs = k.Input((T, D))
    h = LAYERS["GRU"](k)(inputs)
    model = k.Model(inputs, [h, k.layers.AveragePooling1D(2)(h)])
    model.compile("sgd", ["mse", "mse"])
    y = [np.zeros((B, T, U)), np.zeros((B, T // 2, U))]
    with pytest.raises(ValueError, match=r"predicts .*5, 3\) and .*2, 3\); expected outputs with"):
        tb_rnngrad.keras.itemized_gradients(model, batch(rng)[0], y, at=[-1])


def test_an_output_without_a_loss_needs_neither_timesteps_nor_equal_lengths(k, rng):
    inputs = k.Input((None, D))
    layer = LAYERS["GRU"](k)
    h = layer(inputs)
    outputs = {"all": k.layers.Dense(2, name="all")(h), "last": k.layers.GRU(2, name="last")(h)}
    model = k.Model(inputs, outputs)
    model.compile("sgd", {"all": "mse"})
    x, y = batch(rng)
    for timesteps in (T, T - 2):
        found = tb_rnngrad.keras.itemized_gradients(
            model, x[:, :timesteps], {"all": y[:, :timesteps]}, at=[-1], layer="rnn"
        )
        assert found["rnn"].channel_groups == {f"t = {timesteps - 1}": 1}
        assert (found["rnn"].data > 0).all()


def test_a_loss_independent_of_the_predictions_is_refused(k, rng):
    layer = k.layers.GRU(U, return_sequences=True, activity_regularizer="l2", name="rnn")
    model = model_of(k, layer, loss=None)
    with pytest.raises(ValueError, match="compiled loss of model .* does not depend on its pred"):
        tb_rnngrad.keras.itemized_gradients(model, *batch(rng, U), at=[-1])


def test_a_model_without_a_loss_is_refused(k, rng):
    model = k.Sequential([k.layers.Input((T, D)), LAYERS["GRU"](k)])
    with pytest.raises(RuntimeError, match="is not compiled"):
        tb_rnngrad.keras.itemized_gradients(model, *batch(rng, U), at=[-1])


def test_itemised_gradients_are_logged_and_read_back(k, rng, tmp_path):
    model = model_of(k, LAYERS["LSTM"](k), k.layers.Dense(2))
    found = tb_rnngrad.keras.itemized_gradients(model, *batch(rng), at=[1, -1])["rnn"]
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("rnn/itemized", found, 3)
    with tf.summary.create_file_writer(str(tmp_path / "tf")).as_default():
        tb_rnngrad.summary.sequence("rnn/itemized", found, step=3)
    for run in (".", "tf"):
        series = tb_rnngrad.read(tmp_path, run=run)
        assert series.metadata.quantity == "itemized_gradient"
        assert series.metadata.channel_groups == {"t = 1": 1, "t = 4": 1}
        np.testing.assert_array_equal(series[-1], found.data.astype(np.float32))
