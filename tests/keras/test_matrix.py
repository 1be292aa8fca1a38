"""Every kind of model and layer: the numbers, and the same numbers from each way in."""

from __future__ import annotations

import differences
import numpy as np
import pytest
import tensorflow as tf
from cases import CASES, Case

import tb_rnngrad.keras

ENTRIES = 5


@pytest.fixture(params=CASES)
def case(request, k) -> Case:
    return CASES[request.param](k)


def tensors(structure):
    return tf.nest.map_structure(tf.convert_to_tensor, structure)


def test_gradients_in_each_way(case, rng):
    """`gradients` is what finite differences say; eager and compiled steps give the same."""
    model = case.model
    found = tb_rnngrad.keras.gradients(model, case.x, case.y, sample_weight=case.sample_weight)
    assert set(found) == set(case.leaves)

    for name, leaves in case.leaves.items():
        record = found[name]
        assert record.data.dtype == np.float64
        scale = np.abs(record.data).max()
        assert scale > 0
        real = np.argwhere(np.ones_like(record.data) if record.mask is None else record.mask)
        for entry in rng.choice(real, ENTRIES):
            index = tuple(entry) if len(entry) == 3 else (*entry, rng.integers(record.shape[2]))
            expected = differences.hidden_state_gradient(
                lambda: differences.loss_of(model, case.x, case.y, case.sample_weight),
                leaves,
                record.shape,
                index,
                case.calls.get(name, 0),
                case.reset,
            )
            assert record.data[index] == pytest.approx(expected, rel=1e-6, abs=1e-8 * scale)
        if record.mask is not None:
            assert not record.data[~record.mask].any()

    def step(x, y, sample_weight):
        with tf.GradientTape() as tape:
            y_pred = model(x, training=False)
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        return tape.gradient(loss, model.trainable_variables)

    weight = case.sample_weight
    batch = tensors((case.x, case.y, 1.0 if weight is None else weight))
    for run in (step, tf.function(step)):
        case.reset()
        with tb_rnngrad.keras.capture(model) as captured:
            run(*batch)
        assert set(captured) == set(found)
        for name, record in found.items():
            np.testing.assert_allclose(captured[name].data, record.data, rtol=1e-9, atol=1e-15)
