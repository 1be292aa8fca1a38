"""Every kind of model and layer: the numbers are right, and the same from each way to capture."""

from __future__ import annotations

import differences
import numpy as np
import pytest
import tensorflow as tf
from cases import CASES, Case, T
from differences import ALL

import tb_rnngrad.keras

ENTRIES = 3


@pytest.fixture(params=CASES)
def case(request, k) -> Case:
    return CASES[request.param](k)


def tensors(structure):
    return tf.nest.map_structure(tf.convert_to_tensor, structure)


def assert_has_what_its_cells_have(records, leaves):
    """Check that the records hold every quantity that the cells have, and no other."""
    cells = [cell for layer in leaves for cell in differences.cells_of(layer)]
    matrices = sum(len(cell.weights) for cell in cells)
    expected = {"hidden_state", "output", "input", "activations", "states/h"}
    if all(differences.gates_of(cell) for cell in cells):
        expected.add("gates")
    if any(differences.is_lstm(cell) for cell in cells):
        expected |= {"cell_state", "states/c"}
    assert {
        name for name in records if name.split("/")[0] not in ("weight_gradients", "weights")
    } == (expected)
    for of in ("weight_gradients", "weights"):
        assert sum(name.startswith(f"{of}/") for name in records) == matrices


def variable_of(leaves, name):
    """Return the variable behind a record such as "weight_gradients/backward/cell_1/kernel"."""
    _, *path, attribute = name.split("/")
    cells = differences.cells_of(leaves[path.count("backward")])
    return vars(cells[int(path[-1].removeprefix("cell_")) if len(cells) > 1 else 0])[attribute]


def test_every_way_to_capture_gives_every_quantity(case, rng):
    """`gradients` matches finite differences; eager and compiled steps give the same."""
    model = case.model
    found = tb_rnngrad.keras.gradients(
        model, case.x, case.y, of=ALL, sample_weight=case.sample_weight
    )
    assert set(found) == set(case.leaves)

    def loss():
        return differences.loss_of(model, case.x, case.y, case.sample_weight)

    weights = {}  # for a layer called twice, both calls contribute
    for name, leaves in case.leaves.items():
        records, call = found[name], case.calls.get(name, 0)
        hidden = records["hidden_state"]
        assert_has_what_its_cells_have(records, leaves)
        assert {record.data.dtype for record in records.values()} == {np.dtype("float64")}
        real = np.ones(hidden.shape[:2], bool) if hidden.mask is None else hidden.mask

        scale = np.abs(hidden.data).max()
        for sample, timestep in rng.choice(np.argwhere(real), ENTRIES):
            index = (sample, timestep, rng.integers(hidden.shape[2]))
            expected = differences.hidden_state_gradient(
                loss, leaves, hidden.shape, index, call, case.reset
            )
            assert hidden.data[index] == pytest.approx(expected, rel=1e-6, abs=1e-8 * scale)

        for of in differences.QUANTITIES.intersection(records):
            data = records[of].data
            direction = rng.normal(size=data.shape)
            if data.ndim == 3:
                assert not data[~real].any()
                direction[~real] = 0
            expected = differences.derivative(of, loss, leaves, direction, T, call, case.reset)
            scale = np.linalg.norm(data)
            assert scale > 0 or of == "output"  # only an encoder's state is used further on
            found_along = (data * direction).sum()
            assert found_along == pytest.approx(expected, rel=1e-6, abs=1e-7 * scale), of

        for of, values in differences.values_of(loss, leaves, T, call, case.reset).items():
            if values.ndim == 3:
                values[~real] = 0
            np.testing.assert_allclose(records[of].data, values, rtol=1e-12, atol=1e-14)

        for of, record in records.items():
            if of.startswith("weights/"):
                value = np.asarray(variable_of(leaves, of))
                np.testing.assert_array_equal(record.data, value.reshape(record.shape))
            elif of.startswith("weight_gradients/"):
                variable = variable_of(leaves, of)
                _, so_far = weights.get(id(variable), (variable, 0))
                weights[id(variable)] = variable, so_far + record.data

    directions = [(one, rng.normal(size=data.shape)) for one, data in weights.values()]
    found_along = sum(
        (data * direction).sum()
        for (_, data), (_, direction) in zip(weights.values(), directions, strict=True)
    )
    expected = differences.weights_derivative(loss, directions, case.reset)
    assert found_along == pytest.approx(expected, rel=1e-6)

    def step(x, y, sample_weight):
        with tf.GradientTape() as tape:
            y_pred = model(x, training=False)
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        return tape.gradient(loss, model.trainable_variables)

    weight = case.sample_weight
    batch = tensors((case.x, case.y, 1.0 if weight is None else weight))
    for run, of in ((step, ALL), (tf.function(step), ("hidden_state", "output"))):
        case.reset()
        with tb_rnngrad.keras.capture(model, of=of) as captured:
            run(*batch)
        assert set(captured) == set(found)
        for name, records in found.items():
            assert set(captured[name]) == set(records if of is ALL else of)
            for one, record in captured[name].items():
                np.testing.assert_allclose(record.data, records[one].data, rtol=1e-9, atol=1e-14)
