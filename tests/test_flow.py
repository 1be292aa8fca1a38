"""Flow statistics against loops that share nothing with them but their definition."""

import numpy as np
import pytest

from tb_rnngrad import flow

RNG = np.random.default_rng(1)


def independent(data, mask):
    """Each statistic of each timestep by its definition, one sample at a time."""
    rows = []
    for t in range(data.shape[1]):
        real = [data[s, t].astype(np.float64) for s in range(len(data)) if mask[s, t]]
        if not real:
            rows.append([np.nan] * 11 + [0])
            continue
        norms = [np.linalg.norm(x) for x in real]
        stacked = np.stack(real)
        flat = stacked.ravel()
        rows.append(
            [
                np.mean(norms),
                *np.quantile(norms, [0.05, 0.5, 0.95]),
                np.sqrt(np.mean(flat**2)),
                np.max(np.abs(flat)),
                np.linalg.norm(stacked.mean(0)),
                np.linalg.norm(stacked.std(0)),
                np.mean(flat == 0),
                np.mean(np.isnan(flat)),
                np.mean(np.isinf(flat)),
                len(real),
            ]
        )
    return np.array(rows)


def test_there_is_one_column_a_statistic():
    assert flow.STATISTICS == (
        "norm_mean",
        "norm_p05",
        "norm_p50",
        "norm_p95",
        "rms",
        "max_abs",
        "mean_norm",
        "std_norm",
        "zero_share",
        "nan_share",
        "inf_share",
        "real_samples",
    )


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_statistics_follow_their_definitions(samples):
    data = RNG.normal(size=(samples, 9, 5)).astype(np.float32)
    data[RNG.random(data.shape) < 0.2] = 0
    expected = independent(data, np.ones((samples, 9), bool))
    np.testing.assert_allclose(flow.statistics(data), expected, rtol=1e-6)


def test_padding_is_left_out_whatever_it_holds():
    data = RNG.normal(size=(6, 9, 5)).astype(np.float32)
    mask = RNG.random((6, 9)) > 0.4
    mask[:, 3] = False
    expected = independent(data, mask)
    data[~mask] = 1e30
    np.testing.assert_allclose(flow.statistics(data, mask), expected, rtol=1e-6)


def test_tiny_gradients_do_not_vanish_in_the_squares():
    data = np.full((3, 2, 4), 1e-30, np.float32)
    found = dict(zip(flow.STATISTICS, flow.statistics(data)[0], strict=True))
    assert found["norm_mean"] == pytest.approx(2e-30, rel=1e-6)
    assert found["rms"] == pytest.approx(1e-30, rel=1e-6)


def test_what_is_not_finite_shows():
    data = RNG.normal(size=(4, 3, 5)).astype(np.float32)
    data[1, 0, 2] = np.nan
    data[2, 1, 3] = -np.inf
    found = dict(zip(flow.STATISTICS, flow.statistics(data).T, strict=True))
    assert np.isnan(found["norm_mean"][0])
    assert np.isnan(found["norm_p50"][0])
    assert np.isinf(found["norm_mean"][1])
    assert found["nan_share"].tolist() == [pytest.approx(1 / 20), 0, 0]
    assert found["inf_share"].tolist() == [0, pytest.approx(1 / 20), 0]
    assert np.isfinite(flow.statistics(data)[2]).all()


def test_the_input_is_left_alone():
    data = RNG.normal(size=(2, 3, 4))
    before = data.copy()
    flow.statistics(data, np.zeros((2, 3), bool))
    np.testing.assert_array_equal(data, before)
