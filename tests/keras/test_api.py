"""What all functions share: the choice of layers, the batch, and names."""

import inspect
import re

import numpy as np
import pytest
import tensorflow as tf

import tb_rnngrad
import tb_rnngrad.keras
from tb_rnngrad.keras import (
    GradientLogger,
    capture,
    gradients,
    input_sensitivity,
    itemized_gradients,
    lyapunov_exponents,
    state_jacobian,
)

B, T, D = 4, 5, 3
FUNCTIONS = (gradients, itemized_gradients, state_jacobian, lyapunov_exponents)


def model_of(k, compiled=True):
    model = k.Sequential(
        [
            k.Input((T, D)),
            k.layers.LSTM(3, return_sequences=True, name="low"),
            k.layers.GRU(3, return_sequences=True, name="high"),
            k.layers.Dense(2),
        ],
        name="model",
    )
    if compiled:
        model.compile("sgd", "mse")
    return model


@pytest.fixture
def batch(rng):
    return rng.normal(size=(B, T, D)), rng.normal(size=(B, T, 2))


def answer(function, model, x, y, **choice):
    """Return a function's result for a batch."""
    if function is itemized_gradients:
        return function(model, x, y, at=[1], **choice)
    if function is gradients:
        return function(model, x, y, **choice)
    return function(model, x, **choice)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(expected[name]))


def test_every_function_has_a_layers_argument():
    every = (*FUNCTIONS, input_sensitivity, capture, GradientLogger)
    assert all("layers" in inspect.signature(one).parameters for one in every)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_layer_is_an_alias_of_layers(k, batch, function):
    model = model_of(k)
    chosen = answer(function, model, *batch, layers="high")
    assert set(chosen) == {"high"}
    assert_same(answer(function, model, *batch, layer="high"), chosen)
    with pytest.raises(ValueError, match="layers and layer are both given"):
        answer(function, model, *batch, layers="high", layer="low")


class Batches:
    """A dataset of two batches, of either kind."""

    def __init__(self, k, x, y):
        class Sequence(k.utils.Sequence):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return x[2 * index : 2 * index + 2], y[2 * index : 2 * index + 2]

        self.kinds = {
            "tf.data": tf.data.Dataset.from_tensor_slices((x, y)).batch(2),
            "Sequence": Sequence(),
        }


@pytest.mark.parametrize(
    ("function", "kind"),
    [(gradients, "Sequence"), *((one, "tf.data") for one in (*FUNCTIONS, input_sensitivity))],
)
def test_the_first_batch_of_a_dataset_is_used_with_a_warning(k, batch, function, kind):
    model = model_of(k)
    x, y = batch
    dataset = Batches(k, x, y).kinds[kind]
    with pytest.warns(UserWarning, match="x is a dataset of 2 batches; its first batch") as warned:
        found = answer(function, model, dataset, None)
    assert warned[0].filename == __file__
    assert_same(found, answer(function, model, x[:2], y[:2]))


def test_a_dataset_of_one_batch_is_used_without_a_warning(k, batch, recwarn):
    x, y = batch
    weights = np.arange(1.0, B + 1)[:, np.newaxis]
    dataset = tf.data.Dataset.from_tensors((x, y, weights))
    model = model_of(k)
    assert_same(gradients(model, dataset), gradients(model, x, y, sample_weight=weights))
    assert not [one for one in recwarn if "dataset" in str(one.message)]


def test_a_probe_batch_may_be_the_first_of_a_dataset(k, batch, tmp_path):
    x, y = batch
    with pytest.warns(UserWarning, match="first batch"):
        logger = GradientLogger(tmp_path, data=Batches(k, x, y).kinds["tf.data"])
    model = model_of(k)
    expected = gradients(model, x[:2], y[:2])
    model.fit(x, y, verbose=0, callbacks=[logger])
    logged = tb_rnngrad.read(tmp_path, tag="low/hidden_state")[0]
    np.testing.assert_allclose(logged, expected["low"], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x, y: (x, y[:3]), "y has 3 samples where x has 4; expected as many"),
        (
            lambda x, y: (x, y, None, "gates", np.ones((5, T))),
            "sample_weight has 5 samples where x",
        ),
        (lambda x, y: ([x, x[:1]], y), "x has 1 samples where x has 4"),
        (
            lambda x, y: (tf.data.Dataset.from_tensors((x, y)), y),
            "y is given beside a dataset, which holds its own",
        ),
        (lambda x, y: (tf.data.Dataset.from_tensors((x, y)).take(0),), "the dataset is empty"),
        (
            lambda x, y: (tf.data.Dataset.from_tensors((x, y, y, y)),),
            r"a batch of the dataset has 4 elements; expected \(x,\), \(x, y\) or",
        ),
        (
            lambda x, y: (x,),
            "y is None, and the compiled loss of model 'model' compares predictions with targets",
        ),
        (lambda x, y: (x, y, None, "hidden"), "of is 'hidden'; expected one or more of hidden_st"),
    ],
)
def test_an_invalid_batch_raises_a_plain_error(k, batch, arguments, message):
    with pytest.raises(ValueError, match=message):
        gradients(model_of(k), *arguments(*batch))


def test_itemised_gradients_without_targets_raise_a_plain_error(k, batch):
    with pytest.raises(ValueError, match="y is None, and the compiled loss of model"):
        itemized_gradients(model_of(k), batch[0], at=[0])


def test_an_iterator_does_not_lose_a_batch(k, batch):
    iterator = iter([batch])
    with pytest.raises(TypeError, match="x is a list_iterator, which would lose the batch"):
        gradients(model_of(k), iterator)
    assert next(iterator) is batch


def test_creating_a_logger_refuses_a_probe_batch_of_different_lengths(batch, tmp_path):
    x, y = batch
    with pytest.raises(ValueError, match="y has 3 samples where x has 4"):
        GradientLogger(tmp_path, data=(x, y[:3]))


def test_values_need_neither_a_compiled_loss_nor_targets(k, batch):
    x, y = batch
    of = ("activations", "states", "weights")
    model = model_of(k, compiled=False)
    found = gradients(model, x, of=of)
    model.compile("sgd", "mse")
    with_loss = gradients(model, x, y, of=of)
    assert {*found["low"]} == {*found["high"], "states/c"}
    for layer, records in with_loss.items():
        assert_same(found[layer], records)
    np.testing.assert_array_equal(found["low"]["weights/kernel"], model.layers[0].get_weights()[0])
    model = model_of(k, compiled=False)
    with pytest.raises(RuntimeError, match="model 'model' is not compiled"):
        gradients(model, x, of=("activations", "hidden_state"))


def test_a_model_whose_only_losses_are_its_layers_needs_no_targets(k, batch):
    layer = k.layers.LSTM(3, return_sequences=True, activity_regularizer="l2", name="rnn")
    model = k.Sequential([k.Input((T, D)), layer])
    model.compile("sgd")
    assert np.asarray(gradients(model, batch[0])["rnn"]).any()


def test_weights_are_values_and_weight_gradients_are_gradients(k, batch):
    found = gradients(model_of(k), *batch, "low", of=("weights", "weight_gradients"))["low"]
    assert {name: record.quantity for name, record in found.items()} == {
        f"{of}/{part}": quantity
        for of, quantity in (("weights", "weight"), ("weight_gradients", "weight_gradient"))
        for part in ("kernel", "recurrent_kernel", "bias")
    }


def test_the_name_kernels_is_deprecated_and_names_its_successor(k, batch, tmp_path):
    model = model_of(k)
    message = re.escape("of='kernels' is deprecated; use 'weights'")
    with pytest.warns(DeprecationWarning, match=message) as warned:
        found = gradients(model, batch[0], layers="low", of=("kernels", "weights"))["low"]
    assert warned[0].filename == __file__
    assert set(found) == {f"weights/{part}" for part in ("kernel", "recurrent_kernel", "bias")}
    for make in (
        lambda: capture(model, of="kernels"),
        lambda: GradientLogger(tmp_path, of="kernels"),
    ):
        with pytest.warns(DeprecationWarning, match=message) as warned:
            make()
        assert warned[0].filename == __file__
