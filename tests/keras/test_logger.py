"""`GradientLogger` in real `fit` runs: what it writes, and that training does not change."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from cases import showing
from differences import ALL, use_dtype
from events import values
from tensorboard.util.tensor_util import make_ndarray

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.events import blobs
from tb_rnngrad.keras import GradientLogger, gradients


@pytest.fixture(autouse=True)
def float32(k):
    use_dtype(k, "float32")


@pytest.fixture
def data(rng):
    return rng.normal(size=(16, 6, 3)).astype("f"), rng.normal(size=(16, 2)).astype("f")


def make(k, kind="LSTM", optimizer="adam", seed=1, **options):
    k.utils.set_random_seed(seed)
    layer = getattr(k.layers, kind)
    # tf_keras' dropout generators belong to one trace; Keras 3 keeps its seeds in the model.
    dropout = 0.0 if k is tf_keras else 0.2
    model = k.Sequential(
        [
            k.layers.Input((6, 3)),
            layer(4, return_sequences=True, dropout=dropout, name="one"),
            k.layers.BatchNormalization(),
            layer(3, name="two"),
            k.layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"], **options)
    return model


def fit(model, data, *callbacks, epochs=2, **options):
    return model.fit(
        *data,
        batch_size=4,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        **options,
    )


def everything(model):
    weights = [np.asarray(weight) for weight in model.weights]
    optimizer = model.optimizer
    variables = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    return weights + [np.asarray(variable) for variable in variables]


def steps_of(logdir, tag):
    return tb_rnngrad.read(logdir, ".", tag).steps.tolist()


@pytest.mark.parametrize(
    "kind, mode, of",
    [
        ("SimpleRNN", "graph", ALL),
        ("LSTM", "graph", ALL),
        ("GRU", "graph", ("hidden_state", "gates")),
        ("LSTM", "eager", ALL),
        ("LSTM", "jit", ALL),
    ],
)
def test_training_ends_bit_identical(k, data, tmp_path, kind, mode, of):
    options = {"graph": {}, "eager": {"run_eagerly": True}, "jit": {"jit_compile": True}}[mode]
    plain = make(k, kind, **options)
    expected = fit(plain, data, epochs=1)
    logged = make(k, kind, **options)
    history = fit(logged, data, GradientLogger(tmp_path, of=of, update_freq=2), epochs=1)
    rewritten_by_xla = mode == "jit"
    for ours, theirs in zip(everything(logged), everything(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 if rewritten_by_xla else 0)
    if not rewritten_by_xla:
        assert history.history == expected.history
    assert steps_of(tmp_path, "two/hidden_state") == [0, 2]


def test_records_come_from_the_live_batch(k, data, tmp_path):
    """Without updates all batches see the same weights, so each record can be checked."""
    k.utils.set_random_seed(1)
    model = k.Sequential(
        [
            k.layers.Input((6, 3)),
            k.layers.GRU(4, return_sequences=True, name="one"),
            k.layers.Bidirectional(k.layers.LSTM(3), name="two"),
            k.layers.Dense(2),
        ]
    )
    model.compile(k.optimizers.SGD(0.0), "mse")
    logger = GradientLogger(tmp_path, of=("hidden_state", "output"), update_freq=1, max_outputs=2)
    fit(model, data, logger, epochs=1)
    for tag in ("one/hidden_state", "two/hidden_state", "one/output"):
        layer, of = tag.split("/")
        series = tb_rnngrad.read(tmp_path, tag=tag)
        assert series.steps.tolist() == [0, 1, 2, 3]
        for step in range(4):
            batch = slice(4 * step, 4 * step + 4)
            expected = gradients(model, data[0][batch], data[1][batch], layer=layer, of=of)[layer]
            kept = series[step]
            np.testing.assert_allclose(kept.data, expected.data[:2], rtol=1e-5, atol=1e-9)
            (whole,) = flow.statistics_of_each(
                [expected.sequences], [None], expected.channel_groups
            )
            np.testing.assert_allclose(series.flow.values[step], whole.rows, rtol=1e-4, atol=1e-9)
            assert [*series.parts] == [*whole.parts]
            for name, rows in whole.parts.items():
                of_part = series.parts[name].flow.values[step]
                np.testing.assert_allclose(of_part, rows, rtol=1e-4, atol=1e-9)


def test_probe_batch_is_the_same_at_every_step(k, data, tmp_path):
    model = make(k, optimizer="sgd")
    plain = make(k, optimizer="sgd")
    probe = (data[0][:3], data[1][:3])
    fit(model, data, GradientLogger(tmp_path, data=probe))
    fit(plain, data)
    for ours, theirs in zip(everything(model), everything(plain), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    series = tb_rnngrad.read(tmp_path, tag="two/hidden_state")
    assert series.steps.tolist() == [0, 4, 8]  # the start of each epoch, and the end of training
    expected = gradients(model, *probe)["two"]
    np.testing.assert_allclose(series[-1].data, expected.data, rtol=1e-6)


def test_steps_continue_where_training_stood(k, data, tmp_path):
    model = make(k)
    logger = GradientLogger(tmp_path, update_freq=3)
    fit(model, data, logger, epochs=1)
    fit(model, data, logger, epochs=1)
    assert steps_of(tmp_path, "two/hidden_state") == [0, 3, 6]


def test_steps_are_the_optimizers_even_if_a_callback_sets_them(k, data, tmp_path):
    class SetOn(k.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.iterations.assign(100)

    model = make(k)
    fit(model, data, SetOn(), GradientLogger(tmp_path, update_freq=1), epochs=2)
    assert steps_of(tmp_path, "two/hidden_state") == [0, 1, 2, 3, 100, 101, 102, 103]


def test_the_logger_shares_a_directory_with_kerases_tensorboard_callback(k, data, tmp_path):
    model = make(k)
    board = k.callbacks.TensorBoard(str(tmp_path), update_freq=1)
    fit(model, data, board, GradientLogger(tmp_path, update_freq=2), epochs=2)
    assert steps_of(tmp_path, "two/hidden_state") == [0, 2, 4, 6]
    assert list((tmp_path / "train").glob("events.out.tfevents.*"))


def test_the_last_of_several_steps_in_one_execution_is_logged(k, data, tmp_path):
    model = make(k, steps_per_execution=2)
    fit(model, data, GradientLogger(tmp_path, update_freq=1), epochs=1)
    assert steps_of(tmp_path, "two/hidden_state") == [1, 3]


def test_custom_train_steps_and_class_weights_are_logged(k, rng, tmp_path):
    class Custom(k.Model):
        def train_step(self, batch):
            x, y, sample_weight = (*batch, None)[:3]
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            gradient = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradient, self.trainable_variables, strict=True))
            return {"loss": loss}

    k.utils.set_random_seed(0)
    inputs = k.Input((6, 3))
    outputs = k.layers.Dense(2, activation="softmax")(k.layers.GRU(4, name="rnn")(inputs))
    model = Custom(inputs, outputs)
    model.compile(k.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(4, 6, 3)).astype("f"), np.array([0, 1, 1, 0])
    logger = GradientLogger(tmp_path, max_outputs=4)
    model.fit(
        x, y, batch_size=4, shuffle=False, verbose=0, class_weight={0: 1, 1: 3}, callbacks=[logger]
    )
    logged = tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")[0].data
    weighted = gradients(model, x, y, sample_weight=np.array([1.0, 3, 3, 1], "f"))["rnn"].data
    np.testing.assert_allclose(logged, weighted, rtol=1e-5, atol=1e-9)


def test_steps_that_are_not_logged_run_the_untouched_function(k, data, tmp_path):
    model = make(k)
    seen = []

    class Spy(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.train_function)

    logger = GradientLogger(tmp_path, update_freq=3)
    fit(model, data, Spy(), logger, epochs=1)
    assert len(set(map(id, seen))) == 1
    assert model.train_function is seen[0]


def test_other_callbacks_see_only_kerases_logs(k, data, tmp_path):
    given = []

    class Spy(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            given.append(set(logs))

    logger = GradientLogger(tmp_path, of=ALL, update_freq=2)
    history = fit(make(k), data, logger, Spy(), epochs=1)
    assert given == [{"loss", "mae"}] * 4
    assert set(history.history) == {"loss", "mae"}


def logged(logdir):
    """Return (tag, step) -> the bytes of everything logged except wall times and checksums."""
    found = {}
    for (tag, step), value in values(logdir).items():
        if value.metadata.plugin_data.plugin_name == "rnngrad":
            found[tag, step] = [
                blobs.decode_sample(b).tobytes() for b in value.tensor.string_val[1:]
            ]
        elif value.metadata.plugin_data.plugin_name == "rnngrad_flow":
            found[tag, step] = make_ndarray(value.tensor)[:, : len(flow.STATISTICS)].tobytes()
        else:
            found[tag, step] = value.SerializeToString()
    return found


def test_a_users_own_train_function_keeps_running(k, data, tmp_path):
    class Own(k.Sequential):
        def make_train_function(self, force=False):
            if self.train_function is not None and not force:
                return self.train_function
            super().make_train_function(force=True)
            kerases, self.runs = self.train_function, 0

            def train_function(iterator):
                self.runs += 1
                return {name: tf.identity(value) for name, value in kerases(iterator).items()}

            self.train_function = train_function
            return train_function

    model = make(k)
    own = Own(k.models.clone_model(model).layers)
    own.build((None, 6, 3))
    for its, whose in zip(own.variables, model.variables, strict=True):  # also dropout's seeds
        its.assign(whose)
    own.compile("adam", "mse", metrics=["mae"])
    for one, folder in ((model, "kerases"), (own, "own")):
        fit(one, data, GradientLogger(tmp_path / folder, of=ALL, update_freq=1), epochs=1)
    assert own.runs == 4
    kerases, users = logged(tmp_path / "kerases"), logged(tmp_path / "own")
    assert ("two/hidden_state", 3) in kerases
    assert kerases.keys() == users.keys()
    assert [key for key in kerases if kerases[key] != users[key]] == []


def test_each_of_two_loggers_logs_what_it_would_log_alone(k, data, tmp_path):
    asked = {"often": ("hidden_state", 1), "rarely": ("output", 2)}
    for name, (of, update_freq) in asked.items():
        alone = GradientLogger(tmp_path / "alone" / name, of=of, update_freq=update_freq)
        fit(make(k), data, alone)
    loggers = [
        GradientLogger(tmp_path / "both" / name, of=of, update_freq=update_freq)
        for name, (of, update_freq) in asked.items()
    ]
    model = make(k)
    fit(model, data, *loggers)
    plain = make(k)
    fit(plain, data)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name, (of, update_freq) in asked.items():
        alone, both = (logged(tmp_path / folder / name) for folder in ("alone", "both"))
        assert (f"two/{of}", 8 - update_freq) in both
        assert alone.keys() == both.keys()
        assert [key for key in alone if alone[key] != both[key]] == []


def test_a_second_fit_retraces_nothing(k, data, tmp_path):
    class Traced(k.layers.Layer):
        def call(self, inputs):
            traces.append(self)
            return inputs

    traces = []
    inputs = k.Input((6, 3))
    model = k.Model(inputs, k.layers.Dense(2)(k.layers.GRU(3)(Traced()(inputs))))
    model.compile("adam", "mse")
    logger = GradientLogger(tmp_path, update_freq=2)
    fit(model, data, logger, epochs=1)
    before = len(traces)
    fit(model, data, logger, epochs=2)
    assert len(traces) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_step_leaves_nothing_behind(k, data, tmp_path, error):
    class Breaking(k.layers.Layer):
        def call(self, inputs):
            if armed:
                raise error("broken off")
            return inputs

    armed = False
    inputs = k.Input((6, 3))
    layer = k.layers.LSTM(3, name="rnn")
    model = k.Model(inputs, k.layers.Dense(2)(layer(Breaking()(inputs))))
    model.compile("adam", "mse", run_eagerly=True)
    before = {id(one): set(vars(one)) for one in (layer, layer.cell, model.optimizer)}
    armed = True
    with pytest.raises(error), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, data, GradientLogger(tmp_path), epochs=1)
    armed = False
    for one in (layer, layer.cell):
        assert set(vars(one)) == before[id(one)]
        assert "call" not in vars(one)
    assert "scale_loss" not in vars(model.optimizer)
    fit(model, data, epochs=1)


def test_a_model_without_recurrent_layers_still_trains(k, data, tmp_path):
    model = k.Sequential([k.layers.Input((6, 3)), k.layers.Flatten(), k.layers.Dense(2, name="d")])
    model.compile("sgd", "mse")
    with pytest.warns(RuntimeWarning, match=r"no recurrent layer .* d \(Dense\)") as caught:
        history = fit(model, data, GradientLogger(tmp_path))
    assert len([one for one in caught if "GradientLogger" in str(one.message)]) == 1
    assert len(history.history["loss"]) == 2


def test_a_copied_logger_logs_too(k, data, tmp_path):
    """Tuners give every trial a copy of the callbacks."""
    for logger in [copy.deepcopy(GradientLogger(tmp_path)) for _ in range(2)]:
        fit(make(k, "SimpleRNN"), data, logger, epochs=1)
    assert steps_of(tmp_path, "two/hidden_state") == [0]


def test_an_error_in_the_users_own_step_ends_training(k, data, tmp_path):
    """If it were taken for a failure of logging, only a warning would come, and a batch be lost."""
    calls = []

    def check(value):
        calls.append(value)
        if len(calls) == 3:
            raise ArithmeticError("of the user's own")
        return value

    inputs = k.Input((6, 3))
    hidden = k.layers.LSTM(4, name="rnn")(showing(k, check)(inputs))
    model = k.Model(inputs, k.layers.Dense(2)(hidden))
    model.compile("sgd", "mse")
    logger = GradientLogger(tmp_path, update_freq=1)
    with warnings.catch_warnings(), pytest.raises(tf.errors.OpError, match="of the user's own"):
        warnings.simplefilter("error", RuntimeWarning)
        fit(model, data, logger)
    assert len(calls) == 3
    logger._session.finish()
    assert steps_of(tmp_path, "rnn/hidden_state") == [0, 1]


def test_a_fit_interrupted_by_another_callback_does_not_affect_the_next(k, data, tmp_path):
    class Fails(k.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise ArithmeticError("broken off")

    model = make(k, "SimpleRNN")
    with pytest.raises(ArithmeticError):
        fit(model, data, GradientLogger(tmp_path / "before"), Fails())
    fit(model, data, GradientLogger(tmp_path / "after", update_freq=1), epochs=1)
    assert steps_of(tmp_path / "after", "two/hidden_state") == [0, 1, 2, 3]
    assert not (tmp_path / "before").exists()
    train_function = model.train_function
    fit(model, data, epochs=1)
    assert model.train_function is train_function


def test_a_full_disk_does_not_end_training(k, data, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.warns(RuntimeWarning, match="Training goes on"):
        history = fit(make(k), data, GradientLogger(blocked / "logs"))
    assert len(history.history["loss"]) == 2


def test_the_logger_has_every_hook_of_a_callback(k, tmp_path):
    logger = GradientLogger(tmp_path)
    for name in dir(k.callbacks.Callback):
        if name.startswith("on_"):
            assert callable(getattr(logger, name)), name
    assert not hasattr(logger, "on_epoch_beginning")


def test_bad_arguments():
    for arguments, message in (
        ({"update_freq": 0}, "update_freq is 0"),
        ({"update_freq": "batch"}, "update_freq is 'batch'"),
        ({"of": "hidden"}, "of is 'hidden'"),
        ({"max_outputs": 0}, "max_outputs is 0"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"data": (1,)}, "data has 1 elements"),
    ):
        with pytest.raises(ValueError, match=message):
            GradientLogger("logs", **arguments)


def test_a_new_logger_on_the_same_model_retraces_nothing(k, data, tmp_path):
    traced = []

    class Traced(k.Sequential):
        def train_step(self, batch):
            traced.append(batch)
            return super().train_step(batch)

    model = Traced([k.layers.Input((6, 3)), k.layers.SimpleRNN(2, name="rnn"), k.layers.Dense(2)])
    model.compile("sgd", "mse")
    fit(model, data, GradientLogger(tmp_path))
    times = len(traced)
    fit(model, data, GradientLogger(tmp_path), epochs=1)
    assert len(traced) == times
    fit(model, data, GradientLogger(tmp_path, of="output"), epochs=1)
    assert len(traced) == times + 1
    assert len(tb_rnngrad.read(tmp_path, tag="rnn/hidden_state")) == 3
