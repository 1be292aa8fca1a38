"""Models of public tutorials train with the logger, and every function works on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import differences
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from differences import ALL
from tutorials import (
    BATCHES,
    TUTORIALS,
    Recurrent,
    Tutorial,
    text_generation,
    translation_with_attention,
)

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.keras import (
    GradientLogger,
    capture,
    gradients,
    itemized_gradients,
    lyapunov_exponents,
    state_jacobian,
)


@dataclass
class Trained:
    """A tutorial's model, trained without the logger and, from the same start, with it.

    Attributes:
        before: what `capture` captured from the first batch beforehand, in every quantity.
        plainly, logged: the variables after training.
        log_dir: the log directory.
        warned: the warnings that came only with the logger.
        flags: the events that `on_flag` received.
    """

    tutorial: Tutorial
    before: capture
    plainly: list[Any]
    logged: list[Any]
    log_dir: Path
    warned: set[str]
    flags: list[flow.FlagEvent]

    def series(self, layer: str, quantity: str) -> tb_rnngrad.events.reader.Series:
        return tb_rnngrad.read(self.log_dir, ".", f"{layer}/{quantity}")


@pytest.fixture(
    scope="module",
    params=[(k, name) for name in TUTORIALS for k in (keras, tf_keras)],
    ids=lambda param: f"{param[1]}-{param[0].__name__}",
)
def trained(request, tmp_path_factory) -> Iterator[Trained]:
    module, name = request.param
    with differences.in_float64(module):
        tutorial = TUTORIALS[name](module)
        model, log_dir, flags = tutorial.model, tmp_path_factory.mktemp("logs"), []
        logger = GradientLogger(log_dir, of=ALL, flow_freq=1, max_outputs=100, on_flag=flags.append)
        model.optimizer.build(model.trainable_variables)
        variables = variables_of(model)
        begin = values_of(variables)
        before = captured_step(tutorial, of=ALL)
        warned, after = [], []
        for callbacks in ([], [logger]):
            for variable, value in zip(variables, begin, strict=True):
                variable.assign(value)
            tutorial.reset()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                tutorial.fit(callbacks)
            warned.append({str(one.message) for one in caught})
            after.append(values_of(variables))
        yield Trained(tutorial, before, *after, log_dir, warned[1] - warned[0], flags)


def captured_step(tutorial: Tutorial, of) -> capture:
    """Capture a custom eager step in training mode."""
    model, x, y = tutorial.model, *tensors((tutorial.x, tutorial.y))
    tutorial.reset()
    with capture(model, of=of) as captured, tf.GradientTape() as tape:
        loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True))
        tape.gradient(loss, model.trainable_variables)
    return captured


def tensors(structure):
    return tf.nest.map_structure(tf.convert_to_tensor, structure)


def variables_of(model):
    optimizer = model.optimizer.variables
    return [*model.variables, *(optimizer() if callable(optimizer) else optimizer)]


def values_of(variables):
    return [tf.convert_to_tensor(variable).numpy() for variable in variables]


def parts_of(expected: Recurrent) -> list[str]:
    return ["forward", "backward"] if len(expected.loops) > 1 else []


def names_of(tutorial: Tutorial) -> list[tuple[str, Recurrent]]:
    """Return the names that functions without a loss give each layer that loops over time."""
    return [
        ("/".join(filter(None, (name, part))), expected)
        for name, expected in tutorial.layers.items()
        for part in parts_of(expected) or [""]
    ]


def test_training_ends_the_same_as_without_the_logger(trained):
    for ours, theirs in zip(trained.logged, trained.plainly, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_there_are_no_warnings_and_no_flags_that_end_training(trained):
    assert trained.warned == set()
    assert {event.flag for event in trained.flags} <= {"vanishing", "dead_channels"}


def test_each_layer_has_its_expected_record(trained):
    tutorial = trained.tutorial
    assert set(trained.before) == set(tutorial.layers)
    for name, expected in tutorial.layers.items():
        series = trained.series(name, "hidden_state")
        assert series.steps.tolist() == [0, BATCHES]  # the first batch of each epoch
        for record in series:
            assert record.shape == expected.shape
            assert record.quantity == "hidden_state_gradient"
            assert record.layer == name
            assert sum((record.channel_groups or {}).values()) in (0, expected.shape[-1])
            assert list(record.channel_groups or {}) == parts_of(expected)
            if expected.mask is None:
                assert record.mask is None
            else:
                np.testing.assert_array_equal(record.mask, expected.mask)
                assert not record.data[~expected.mask].any()
            assert np.isfinite(record.data).all()
            assert record.data.any()


def test_the_flow_of_every_step_is_recorded_for_each_direction(trained):
    tutorial = trained.tutorial
    for name, expected in tutorial.layers.items():
        series = trained.series(name, "hidden_state")
        assert series.flow.steps.tolist() == list(range(tutorial.steps))
        assert list(series.parts) == sorted(parts_of(expected), reverse=True)
        for part in (series, *series.parts.values()):
            assert part.flow.values.shape[:2] == (tutorial.steps, expected.shape[1])
            real = part.flow.values[..., part.flow.statistics.index("real_samples")]
            mask = np.ones(expected.shape[:2]) if expected.mask is None else expected.mask
            np.testing.assert_array_equal(real[0], mask.sum(axis=0))
        for judged in series.parts.values() or [series]:
            column = judged.flow.statistics.index("horizon_samples")
            assert (judged.flow.values[..., column] == expected.shape[0]).all()


def test_the_first_record_equals_that_of_a_custom_step(trained):
    for layer, records in trained.before.items():
        for quantity, record in records.items():
            logged = trained.series(layer, quantity)[0]
            scale = np.abs(record.data).max()
            np.testing.assert_allclose(logged.data, record.data, rtol=1e-5, atol=1e-7 * scale)
            assert logged.channel_groups == record.channel_groups


def test_gradients_match_finite_differences(trained):
    tutorial, rng = trained.tutorial, np.random.default_rng(0)
    loss = loss_of(tutorial)
    tutorial.reset()
    found = gradients(tutorial.model, tutorial.x, tutorial.y, training=True)
    assert set(found) == set(tutorial.layers)
    for name, expected in tutorial.layers.items():
        direction = rng.normal(size=expected.shape)
        if expected.mask is not None:
            direction[~expected.mask] = 0
        by_call = direction.reshape(-1, expected.calls, *expected.shape[1:])
        derivative = sum(
            differences.derivative(
                "hidden_state",
                loss,
                expected.loops,
                by_call[:, call],
                expected.shape[1],
                call,
                tutorial.reset,
            )
            for call in range(expected.calls)
        )
        data = found[name].data
        assert (data * direction).sum() == pytest.approx(
            derivative, rel=1e-5, abs=1e-7 * np.linalg.norm(data)
        )


def loss_of(tutorial: Tutorial):
    """Return the loss in training mode; a float32 loss as its first-order expansion in float64."""
    model, x, y = tutorial.model, tutorial.x, tutorial.y
    if tutorial.is_loss_exact:
        return lambda: differences.loss_of(model, x, y, training=True)
    y_pred = model(x, training=True)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        loss = model.compute_loss(x=x, y=tensors(y), y_pred=y_pred)
    arriving = tape.gradient(loss, y_pred)
    return lambda: float(tf.reduce_sum(arriving * model(x, training=True)))


def test_itemized_gradients_work_if_there_are_several_losses(trained):
    tutorial = trained.tutorial
    model, x, y = tutorial.model, tutorial.x, tutorial.y
    shapes = [one.shape for one in tf.nest.flatten(model(tensors(x)))]
    if len(shapes[0]) < 3:
        with pytest.raises(ValueError, match="so its loss has no timesteps to choose from"):
            itemized_gradients(model, x, y, at=[-1])
        return
    last = shapes[0][1] - 1
    found = itemized_gradients(model, x, y, at=[0, -1])
    whole = captured_step(tutorial, of="hidden_state")
    assert set(found) == set(tutorial.layers)
    for name, expected in tutorial.layers.items():
        record = found[name]
        assert record.shape == (*expected.shape[:2], 2)
        assert list(record.channel_groups) == ["t = 0", f"t = {last}"]
        assert record.data.any(axis=(0, 1)).all()
        if expected.foretells:
            assert record.data[:, 0, 0].all()
            assert not record.data[:, 1:, 0].any()
            # Only the last loss reaches the last timestep.
            arriving = np.linalg.norm(whole[name].data[:, -1], axis=1)
            np.testing.assert_allclose(record.data[:, -1, 1], arriving, rtol=1e-9)


def test_state_jacobians_and_exponents_work_if_the_state_is_a_vector(trained):
    tutorial = trained.tutorial
    model, x = tutorial.model, tutorial.x
    if "wide" in tutorial.layers:
        for function, options in ((state_jacobian, {"verbose": 0}), (lyapunov_exponents, {})):
            with pytest.raises(NotImplementedError, match="layer 'wide' .* is a vector$"):
                function(model, x, **options)
        return
    jacobians = state_jacobian(model, x, wrt="state", verbose=0)
    exponents = lyapunov_exponents(model, x, k=2)
    assert set(jacobians) == set(exponents) == {name for name, _ in names_of(tutorial)}
    for name, expected in names_of(tutorial):
        samples, timesteps, _ = expected.shape
        logs = jacobians[name].data
        assert logs.shape == (timesteps, timesteps)
        np.testing.assert_allclose(np.diag(logs), np.log10(units_of(expected)) / 2, atol=1e-6)
        earlier, later = np.tril_indices(timesteps, -1), np.triu_indices(timesteps, 1)
        if name.endswith("backward"):
            earlier, later = later, earlier
        assert np.isfinite(logs[earlier]).all()
        assert np.isneginf(logs[later]).all()
        assert exponents[name].shape == (samples, 2)
        assert np.isfinite(exponents[name]).all()


def units_of(expected: Recurrent) -> int:
    return expected.shape[-1] // len(expected.loops)


def test_text_can_be_generated_between_steps_of_a_custom_loop(k):
    tutorial = text_generation(k)
    model, batch = tutorial.model, tensors((tutorial.x, tutorial.y))
    for step in range(3):
        expected = gradients(model, *batch)["gru"].data
        with capture(model) as captured:
            model.train_step(batch)
        np.testing.assert_allclose(captured["gru"].data, expected, rtol=1e-9)
        states, character = None, batch[0][:1, :1]
        for _ in range(3):
            logits, states = model(character, states=states, return_state=True)
            character = tf.argmax(logits[:, -1:], axis=-1, output_type=tf.int32)
        assert int(model.optimizer.iterations) == step + 1


def test_a_decoder_called_token_by_token_has_a_record_for_each_call(k):
    """Each record is the gradient at that timestep of the whole sequence."""
    tutorial = translation_with_attention(k)
    model, (inp, targ), y = tutorial.model, *tensors((tutorial.x, tutorial.y))
    with capture(model) as captured, tf.GradientTape() as tape:
        output, mask, state = model.encode(inp)
        logits = []
        for t in range(targ.shape[1]):
            token, state = model.decode(targ[:, t : t + 1], output, mask, state)
            logits.append(token)
        tape.gradient(model.loss(y, tf.concat(logits, axis=1)), model.trainable_variables)
    whole = gradients(model, (inp, targ), y)
    np.testing.assert_allclose(captured["encoder"].data, whole["encoder"].data, rtol=1e-9)
    records = [captured[name].data for name in captured if name.startswith("decoder")]
    assert [record.shape[1] for record in records] == [1] * targ.shape[1]
    np.testing.assert_allclose(
        np.concatenate(records, axis=1), whole["decoder"].data, rtol=1e-9, atol=1e-15
    )
