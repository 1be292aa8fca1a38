"""Views of samples: the fast code gives exactly what the plain definitions give."""

import numpy as np
import pytest

from tb_rnngrad.views import view as views

RANDOM = np.random.default_rng(0)
SPECIAL = np.array([0, -0.0, 1e-45, -1e-45, 3e38, np.nan, np.inf, -np.inf], np.float32)


def wide(*shape):
    """Return values of both signs over float32's whole range, with every special value."""
    values = (RANDOM.standard_normal(shape) * 10.0 ** RANDOM.uniform(-44, 38, shape)).astype("f4")
    places = RANDOM.choice(values.size, 5 * SPECIAL.size, replace=False)
    values.flat[places] = np.tile(SPECIAL, 5)
    return values


@pytest.mark.parametrize(
    "values",
    [
        wide(37, 101),
        np.full((4, 9), -2.5, np.float32),
        RANDOM.integers(-3, 4, (20, 30)).astype(np.float32),
        np.array([[1e-30]], np.float32),
    ],
)
@pytest.mark.parametrize("padded", [False, True])
def test_statistics_are_exact(values, padded):
    real = RANDOM.random(values.shape[1]) < 0.7 if padded else None
    if real is not None:
        real[0] = True
    found = views.View(values, real).statistics
    cells = values if real is None else values[:, real]
    finite = cells[np.isfinite(cells)]
    ranked = np.sort(np.abs(finite[finite != 0]))
    expected = [ranked[round(p * (ranked.size - 1))] for p in views.QUANTILES]
    assert found.quantiles == tuple(map(float, expected))
    assert (found.least, found.greatest) == (finite.min(), finite.max())
    assert found.counts == (
        cells.size,
        values.size - cells.size,
        (cells == 0).sum(),
        np.isnan(cells).sum(),
        np.isposinf(cells).sum(),
        np.isneginf(cells).sum(),
    )


@pytest.mark.parametrize("filling", [0, np.nan, np.inf])
def test_a_view_without_finite_nonzero_values_has_no_quantiles(filling):
    found = views.View(np.full((3, 4), filling, np.float32), None).statistics
    assert np.isnan(found.quantiles).all()
    expected = 0 if filling == 0 else np.nan
    np.testing.assert_equal((found.least, found.greatest), (expected, expected))


def test_a_pooled_block_is_its_value_of_largest_magnitude_and_nan_wins():
    values = np.array([[1, -1, -3, 2], [-0.0, 0, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(views.pool(values, 2, 2), [[1, -3], [0, np.nan]])
    np.testing.assert_array_equal(views.pool(-values, 2, 2), [[1, 3], [0, np.nan]])
    np.testing.assert_array_equal(views.pool(values, 1, 4), [[1, -1, np.inf, np.nan]])


@pytest.mark.parametrize("timesteps", [1, 15, 16, 17, 100])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_view_has_channels_by_timesteps(timesteps, dtype):
    sample = RANDOM.standard_normal((timesteps, 5)).astype(dtype)
    np.testing.assert_array_equal(views.view_of_sample(sample, None).values, sample.T)


def test_bfloat16_keeps_finite_values_finite_and_nonzero_values_nonzero():
    largest, smallest = np.finfo(np.float32).max, np.float32(1e-45)
    values = np.array([[3.4e38, largest, -largest, smallest, np.inf, -np.inf, np.nan]], np.float32)
    whole = (slice(None), slice(None))
    _, sent = views.body(views.View(values, None), whole, 9, 9, "bfloat16", False)
    bits = np.frombuffer(sent, "<u2")
    assert bits[:4].tolist() == [0x7F7F, 0x7F7F, 0xFF7F, 0x0001]
    assert bits[4:6].tolist() == [0x7F80, 0xFF80]
    assert np.isnan((bits[6:].astype("<u4") << 16).view("<f4")).all()
