"""The flow statistics in TensorFlow are those in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tb_rnngrad import flow
from tb_rnngrad.keras._statistics import statistics


def masks(rng):
    holes = rng.random((6, 9)) > 0.4
    holes[:, 3] = False
    holes[2] = False
    return {
        "none": None,
        "right": np.arange(9) < rng.integers(1, 10, (6, 1)),
        "holes": holes,
        "no cell is real": np.zeros((6, 9), bool),
    }


@pytest.mark.parametrize("kind", ["none", "right", "holes", "no cell is real"])
def test_both_give_the_same(rng, kind):
    data = rng.normal(size=(6, 9, 5)).astype(np.float32)
    data[rng.random(data.shape) < 0.2] = 0
    data[:, :, 3] = 0
    mask = masks(rng)[kind]
    found = statistics(tf.constant(data), None if mask is None else tf.constant(mask))
    expected = flow.statistics(data, mask)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_is_not_finite_shows_in_both(rng):
    data = rng.normal(size=(4, 3, 5)).astype(np.float32)
    data[1, 0, 2] = np.nan
    data[2, 1, 3] = -np.inf
    found, expected = statistics(tf.constant(data), None).numpy(), flow.statistics(data)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-6)
