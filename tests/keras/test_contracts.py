"""Private names do what capture relies on; where one no longer does, the user is told so."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import contracts
import pytest

import tb_rnngrad
from tb_rnngrad.keras import _versions


@pytest.mark.parametrize("holds", contracts.OF_TENSORFLOW, ids=lambda one: one.__name__)
def test_tensorflow(holds):
    holds()


@pytest.mark.parametrize("holds", contracts.OF_BOTH_KERASES, ids=lambda one: one.__name__)
def test_keras(k, holds):
    holds(k)


def test_the_tested_versions_are_those_that_are_claimed():
    claims = (Path(tb_rnngrad.__file__).parents[1] / "pyproject.toml").read_text()
    for package in ("tensorflow", "keras", "tf_keras"):
        assert f'"{package}{_versions.tested_versions(package)}"' in claims


# --- broken contracts --------------------------------------------------------------------------

MODEL = """
import os, sys, types, warnings
import numpy as np, tensorflow as tf, keras, tf_keras
def model_of(k):
    model = k.Sequential([k.layers.Input((4, 2)), k.layers.LSTM(3, name="rnn"), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
x, y = np.ones((4, 4, 2), "f"), np.ones((4, 1), "f")
def told(function):
    try:
        function()
    except (RuntimeError, ImportError) as error:
        print(error)
    else:
        print("nothing")
"""


def run_alone(script):
    """Run a script that breaks something; return the lines that it prints."""
    root = Path(tb_rnngrad.__file__).parents[1]
    variables = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", MODEL + script],
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def opening(package):
    return (
        f"capture does not work with {package} {version(package)}; tested versions are "
        f"{_versions.tested_versions(package)}. "
    )


def test_a_tensorflow_whose_traces_are_not_kept_apart_is_refused_before_any_tap():
    """As if a save context were no longer part of what tf.function finds its traces by."""
    step, logger, outside = run_alone("""
from tensorflow.python.eager.polymorphic_function import function_context
function_context.save_context = types.SimpleNamespace(in_save_context=lambda: False)
from tb_rnngrad.keras import GradientLogger, capture
model = model_of(keras)
before = dict(vars(model.layers[0]))
@tf.function
def step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    return tape.gradient(loss, model.trainable_variables)
def captured():
    with capture(model):
        step()
told(captured)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(x, y, epochs=2, verbose=0, callbacks=[GradientLogger(os.devnull)])
print(*[one.message for one in caught if "GradientLogger" in str(one.message)])
after = vars(model.layers[0])
print(step.experimental_get_tracing_count(), [n for n in before if after[n] is not before[n]])
""")
    sentence = (
        f"{opening('tensorflow')}A tf.function no longer keeps the traces of a save context "
        "apart, so taps would stay in your own traces"
    )
    assert step == sentence
    assert logger == f"GradientLogger logs no more, training goes on: {sentence}"
    assert outside == "0 []"


def test_a_tensorflow_without_a_private_name_is_refused_at_import():
    (line,) = run_alone("""
from tensorflow.python.eager import record
del record.could_possibly_record
told(lambda: __import__("tb_rnngrad.keras"))
""")
    assert line.startswith(f"{opening('tensorflow')}A private part of it is gone: cannot import")
    assert "could_possibly_record" in line


def test_other_broken_contracts_are_told_in_a_sentence():
    """Each is broken in turn, and mended again."""
    lines = run_alone("""
from unittest.mock import patch
from tb_rnngrad.keras import gradients
from tb_rnngrad.keras import _contracts
from tb_rnngrad.keras._adapters import contracts, keras3
import keras.src.layers.rnn.rnn

def with_broken(owner, name, value, of="hidden_state", kerases=(keras, tf_keras)):
    for check in (_contracts.check_tensorflow, contracts.check_layers, contracts.check_activations):
        check.cache_clear()
    with patch.object(owner, name, value):
        for k in kerases:
            told(lambda: gradients(model_of(k), x, y, of=of))

with_broken(_contracts, "runs_every_effect", lambda graph: False, kerases=[keras])
with_broken(_contracts, "OWN_GRADIENT", "_elsewhere", kerases=[keras])
with_broken(_contracts, "may_be_recorded", lambda: False, kerases=[keras])
with_broken(keras3.Keras3, "private_names", ("_remat_scope",), kerases=[keras])
for k, cell in ((keras, keras.layers.LSTMCell), (tf_keras, tf_keras.layers.LSTMCell)):
    call = cell.call
    def other_order(self, inputs, states, training=False, call=call):
        i, f, c, o = tf.split(self.bias, 4)
        whole, self.bias = self.bias, tf.concat([f, i, c, o], 0)
        result = call(self, inputs, states, training=training)
        self.bias = whole
        return result
    with_broken(cell, "call", other_order, of="gates", kerases=[k])
untapped = keras3.keras_backend.rnn
class LayerOfItsOwnLoop(keras.layers.LSTM):
    def inner_loop(self, sequences, initial_state, mask, training=False):
        elsewhere = types.SimpleNamespace(**{**vars(keras3.keras_backend), "rnn": untapped})
        with patch.object(keras.src.layers.rnn.rnn, "backend", elsewhere):
            return keras.layers.RNN.inner_loop(self, sequences, initial_state, mask, training)
LayerOfItsOwnLoop.__module__ = keras.layers.LSTM.__module__
with_broken(keras.layers, "LSTM", LayerOfItsOwnLoop, kerases=[keras])
""")
    keras3, tensorflow = opening("keras"), opening("tensorflow")
    order = "LSTMCell no longer calls its activation functions in the order i, f, c, o, so its"
    expected = (
        f"{tensorflow}The graph of a tf.function no longer tells whether it runs every effect",
        f"{tensorflow}An operation no longer tells that it has a gradient of its own",
        f"{tensorflow}A tape no longer tells whether it records",
        f"{keras3}A layer no longer has _remat_scope",
        f"{keras3}{order}",
        f"{opening('tf_keras')}{order}",
        f"{keras3}LayerOfItsOwnLoop no longer runs Keras' rnn",
    )
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start), line
