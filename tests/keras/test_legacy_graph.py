"""tf_keras in the graphs of `tf.compat.v1`, a mode that a process keeps until it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import tb_rnngrad


def run_alone(script, **environment):
    root = Path(tb_rnngrad.__file__).parents[1]
    variables = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_legacy_graph_mode_gives_the_eager_numbers(tmp_path):
    """Numbers equal the eager ones; training ends the same with and without capture."""
    script = """
import sys, warnings
import numpy as np, tensorflow as tf, tf_keras as k
where = {where!r}
if {in_graph}:
    tf.compat.v1.disable_eager_execution()
import tb_rnngrad
from tb_rnngrad.keras import GradientLogger, capture, gradients
from tb_rnngrad.keras import (
    input_sensitivity, itemized_gradients, lyapunov_exponents, state_jacobian
)
k.backend.set_floatx("float64")
rng = np.random.default_rng(0)
draw = lambda: k.initializers.RandomNormal(stddev=0.5, seed=3)
same = dict(kernel_initializer=draw(), recurrent_initializer=draw())
from_seed = dict(kernel_initializer=draw())

def functional():
    inputs = k.Input((5, 3))
    one = k.layers.LSTM(4, return_sequences=True, name="one", **same)
    two = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True, **same), name="two")
    both = two(one(k.layers.Masking()(inputs)))
    last = k.layers.SimpleRNN(3, name="three", **same)
    return k.Model(inputs, [k.layers.Dense(2, **from_seed)(both), last(both)])

def sequential():
    one = k.layers.LSTM(4, name="one", input_shape=(5, 3), **same)
    return k.Sequential([one, k.layers.Dense(2, **from_seed)])

x = rng.normal(size=(4, 5, 3)); x[0, 3:] = 0
for make, y in (
    (functional, [rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 3))]),
    (sequential, rng.normal(size=(4, 2))),
):
    model = make()
    model.compile("sgd", "mse")
    weight = np.array([1.0, 2, 0, 1])
    weights = [weight, 2 * weight] if make is functional else weight
    of = ("hidden_state", "output", "gates", "weight_gradients", "states")
    values = gradients(model, x, of="activations")
    found = gradients(model, x, y, of=of) | {{"values": values}}
    for sample_weight in (None, weights):
        found["weighted"] = gradients(model, x, y, sample_weight=sample_weight)
        flat = {{
            f"{{a}}:{{b}}": np.asarray(r.get("hidden_state") if isinstance(r, dict) else r)
            for a, one in found.items() for b, r in one.items()
        }}
        np.savez(f"{{where}}/{{make.__name__}}{{sample_weight is not None}}.npz", **flat)
    logger = GradientLogger(f"{{where}}/{{make.__name__}}", data=(x, y))
    model.fit(x, y, epochs=2, verbose=0, shuffle=False, callbacks=[logger])
    np.savez(f"{{where}}/{{make.__name__}}_weights.npz", *model.get_weights())
if {in_graph}:
    for ask in (
        lambda: input_sensitivity(model, x),
        lambda: itemized_gradients(model, x, y, at=[0]),
        lambda: state_jacobian(model, x),
        lambda: lyapunov_exponents(model, x),
    ):
        try:
            ask()
        except NotImplementedError as error:
            print(error)
"""
    for mode in ("graph", "eager"):
        (tmp_path / mode).mkdir()
        out = run_alone(script.format(where=str(tmp_path / mode), in_graph=mode == "graph"))
        if mode == "graph":
            for name in (
                "input_sensitivity",
                "itemized_gradients",
                "state_jacobian",
                "lyapunov_exponents",
            ):
                assert f"{name} does not work in legacy graph mode (tf.compat.v1.disable" in out
    for eager in (tmp_path / "eager").glob("*.npz"):
        ours, theirs = np.load(tmp_path / "graph" / eager.name), np.load(eager)
        assert set(ours) == set(theirs) and len(ours.files) > 1
        for name in theirs:
            # A session's optimizer keeps its learning rate in float32.
            rel = 1e-6 if "weights" in eager.name else 1e-9
            np.testing.assert_allclose(ours[name], theirs[name], rtol=rel, atol=rel * 1e-3)
    for name in ("functional", "sequential"):
        ours, theirs = (
            tb_rnngrad.read(tmp_path / mode / name, tag="one/hidden_state")
            for mode in ("graph", "eager")
        )
        assert ours.steps.tolist() == theirs.steps.tolist() == [0, 1, 2]
        np.testing.assert_allclose(ours[-1].data, theirs[-1].data, rtol=1e-5)


def test_live_steps_are_captured_in_legacy_graph_mode(tmp_path):
    """Records come from fit's own backward pass, whose other results stay bit for bit the same."""
    script = f"""
import signal, warnings
import numpy as np, tensorflow as tf, tf_keras as k
tf.compat.v1.disable_eager_execution()
import tb_rnngrad
from tb_rnngrad.keras import GradientLogger, capture, gradients
warnings.simplefilter("error", RuntimeWarning)
rng = np.random.default_rng(0)
draw = lambda: k.initializers.RandomNormal(stddev=0.5, seed=3)
same = lambda: dict(kernel_initializer=draw(), recurrent_initializer=draw())

def functional():
    inputs = k.Input(batch_shape=(4, 5, 3))
    one = k.layers.LSTM(4, return_sequences=True, stateful=True, name="one", **same())
    hidden = k.layers.BatchNormalization()(one(k.layers.Masking()(inputs)))
    two = k.layers.Bidirectional(k.layers.GRU(3, **same()), name="two")(hidden)
    dense = k.layers.Dense(2, kernel_initializer=draw(), kernel_regularizer="l2")
    return k.Model(inputs, [dense(hidden), two])

def sequential():
    one = k.layers.GRU(4, name="one", input_shape=(5, 3), **same())
    return k.Sequential([one, k.layers.Dense(2, kernel_initializer=draw())])

x = rng.normal(size=(8, 5, 3)).astype("f"); x[0, 3:] = 0
for make, y in (
    (functional, [rng.normal(size=(8, 5, 2)), rng.normal(size=(8, 6))]),
    (sequential, rng.normal(size=(8, 2))),
):
    where = {str(tmp_path)!r} + "/" + make.__name__
    ends, losses = [], []
    for looked_at in (False, True):
        model = make()
        model.compile("adam", "mse", metrics=["mae"])
        weight = rng.random(8) if not ends else weight
        weights = [weight, weight / 2] if make is functional else weight
        loggers = [GradientLogger(where, update_freq=3, of=("hidden_state", "weight_gradients"))]
        history = model.fit(
            x, y, sample_weight=weights, batch_size=4, epochs=2, verbose=0, shuffle=False,
            callbacks=loggers if looked_at else [],
        )
        after = model.evaluate(x, y, batch_size=4, verbose=0)
        # A v1 graph reads a regularised kernel before or after its update, as threads will have it.
        losses.append(history.history.pop("loss"))
        ends.append([*model.get_weights(), after, *history.history.values()])
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(*losses, rtol=2e-3)
    for tag in ("one/hidden_state", "one/weight_gradients/kernel"):
        assert tb_rnngrad.read(where, tag=tag).steps.tolist() == [0, 3]

model.train_on_batch(x, y, sample_weight=weight)  # after evaluate, which was without weights
expected = gradients(model, x, y, sample_weight=weight)["one"]
attributes = dict(vars(model.train_function))
for turn in range(2):
    with capture(model) as captured:
        model.train_on_batch(x, y, sample_weight=weight)
    if not turn:
        np.testing.assert_allclose(captured["one"].data, expected.data, rtol=1e-5, atol=1e-9)
after = vars(model.train_function)
assert all(after[name] is value for name, value in attributes.items())
try:
    with capture(model):
        pass
except ValueError as error:
    print(error)
try:
    capture(k.Sequential([k.layers.LSTM(2, input_shape=(5, 3))]))
except RuntimeError as error:
    print(error)

# A fit that is broken off in a logging step: by Ctrl-C, by the data, by another callback.
doing = []
def meddle(value):
    for what in doing:
        what()
    return value

def ctrl_c():
    signal.raise_signal(signal.SIGINT)

def fail():
    raise ArithmeticError("broken off")

class Fails(k.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        fail()

inputs = k.Input((5, 3))
same_shape = lambda x: tf.ensure_shape(tf.numpy_function(meddle, [x], x.dtype), x.shape)
passed = k.layers.Lambda(same_shape)
model = k.Model(inputs, k.layers.Dense(2)(k.layers.LSTM(3, name="one")(passed(inputs))))
model.compile("sgd", "mse")
warnings.simplefilter("ignore", RuntimeWarning)
run = lambda *others: model.fit(x[:4], y[:4], verbose=0, callbacks=[*others])
run()
attributes = {{one: dict(vars(one)) for one in [model.train_function, *model.layers]}}
kinds = [type(one) for one in attributes]
for what, others in ((ctrl_c, []), (fail, []), (None, [Fails()])):
    logger = GradientLogger({str(tmp_path)!r} + "/broken")
    doing[:] = [what] if what else []
    try:
        run(logger, *others)
        print("went on")
    except BaseException as error:
        print("broken off by", type(error).__name__)
    doing.clear()
    if others:
        other = GradientLogger({str(tmp_path)!r} + "/after", update_freq=1)
        model.fit(x, y, batch_size=4, verbose=0, callbacks=[other])
        after = tb_rnngrad.read({str(tmp_path)!r} + "/after", tag="one/hidden_state")
        assert len(after.steps) == 2, after.steps
    assert [type(one) for one in attributes] == kinds
    for one, names in attributes.items():
        assert vars(one).keys() == names.keys()
        kept = {{name: value for name, value in names.items() if value is not None}}
        assert not [name for name in kept if vars(one)[name] is not kept[name]]
"""
    said = run_alone(script)
    assert "nothing of layer 'one' was seen (hidden_state)" in said
    assert "is not compiled, and in legacy graph mode" in said
    assert "broken off by KeyboardInterrupt" in said
    assert said.count("broken off by") == 3


def test_a_second_logger_gives_up_in_legacy_graph_mode(tmp_path):
    """A step can run only one tapped version: the second logger says so, the first goes on."""
    script = f"""
import warnings
import numpy as np, tensorflow as tf, tf_keras as k
tf.compat.v1.disable_eager_execution()
from tb_rnngrad.keras import GradientLogger, capture
model = k.Sequential([k.layers.GRU(3, name="one", input_shape=(5, 3)), k.layers.Dense(2)])
model.compile("sgd", "mse")
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 5, 3)), rng.normal(size=(8, 2))
loggers = [
    GradientLogger({str(tmp_path)!r} + "/one", update_freq=1),
    GradientLogger({str(tmp_path)!r} + "/other", update_freq=1, of="output"),
]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=loggers)
print(*[one.message for one in caught if "GradientLogger" in str(one.message)], sep="\\n")
try:
    with capture(model), capture(model, of="output"):
        pass
except RuntimeError as error:
    print(error)
with capture(model) as captured:
    model.train_on_batch(x, y)
print(captured["one"].shape)
"""
    first, second, shape = run_alone(script).splitlines()
    expected = "model 'sequential' is being inspected already"
    assert first.startswith(f"GradientLogger logs no more, training goes on: {expected}")
    assert second.startswith(expected)
    assert shape == "(8, 5, 3)"
    assert tb_rnngrad.read(tmp_path / "one", tag="one/hidden_state").steps.tolist() == [0, 1, 2, 3]
