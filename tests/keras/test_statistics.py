"""Flow statistics from sums made in TensorFlow equal those computed in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tb_rnngrad import flow
from tb_rnngrad.keras._device_statistics import statistics


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


def on_device(data, mask=None, groups=None, direction="forward"):
    real = None if mask is None else tf.constant(mask)
    return statistics(tf.constant(data), real, groups, direction, flow.Thresholds())


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("kind", ["none", "right", "holes", "no cell is real"])
def test_both_give_the_same_statistics(rng, kind, direction):
    data = rng.normal(size=(6, 9, 5)).astype(np.float32)
    data[rng.random(data.shape) < 0.2] = 0
    data[:, :, 3] = 0
    mask = masks(rng)[kind]
    found = on_device(data, mask, direction=direction).rows
    expected = flow.statistics(data, mask, direction=direction)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_both_judge_each_part_by_itself(rng):
    data, mask = rng.normal(size=(6, 9, 5)), masks(rng)["right"]
    groups = {"forward": 2, "backward": 3}
    found = on_device(data, mask, groups)
    (expected,) = flow.statistics_of_each([data], [mask], groups)
    np.testing.assert_allclose(found.rows, expected.rows, rtol=1e-6)
    assert [*found.parts] == ["forward", "backward"]
    for name, rows in found.parts.items():
        np.testing.assert_allclose(rows, expected.parts[name], rtol=1e-6)


def test_both_show_nonfinite_values(rng):
    data = rng.normal(size=(4, 3, 5)).astype(np.float32)
    data[1, 0, 2] = np.nan
    data[2, 1, 3] = -np.inf
    found, expected = on_device(data).rows, flow.statistics(data)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-6)
