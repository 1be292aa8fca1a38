"""Flow statistics against loops that share nothing with them but their definition."""

import json
from pathlib import Path

import numpy as np
import pytest

from tb_rnngrad import flow

# What is known of some norms by lag; the page's tests read it too.
ANSWERS = Path(__file__).parents[1] / "frontend" / "test" / "norms_by_lag.json"
RNG = np.random.default_rng(1)


def independent(data, mask):
    """Each statistic by its definition, one sample at a time: by timestep, then by lag."""
    timesteps = range(data.shape[1])
    last = [max(np.flatnonzero(real), default=-1) for real in mask]
    by_timestep = definitions(data, mask, [[t] * len(data) for t in timesteps])
    by_lag = definitions(data, mask, [[end - lag for end in last] for lag in timesteps])
    by_lag[:, 0] = linked(data, mask, last)
    dead = [not data[mask][:, channel].any() for channel in range(data.shape[2])]
    everywhere = np.full((data.shape[1], 1), np.mean(dead))
    return np.concatenate([by_timestep, by_lag[:, [0, 6, 7, 11]], everywhere], axis=1)


def definitions(data, mask, rows_of_timesteps):
    rows = []
    for at in rows_of_timesteps:
        real = [data[s, t].astype(np.float64) for s, t in enumerate(at) if t >= 0 and mask[s, t]]
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


def linked(data, mask, last):
    """The mean norm by lag, changing from lag to lag as those samples do that have both."""
    samples = range(len(data))
    norms = [
        {end - t: np.linalg.norm(data[s, t].astype(np.float64)) for t in np.flatnonzero(mask[s])}
        for s, end in zip(samples, last, strict=True)
    ]
    found = []
    for lag in range(data.shape[1]):
        both = [of for of in norms if lag in of and lag - 1 in of]
        here = [of[lag] for of in norms if lag in of]
        before, after = sum(of[lag - 1] for of in both), sum(of[lag] for of in both)
        if before * after > 0:
            found.append(found[-1] * after / before)
        else:
            found.append(np.mean(here) if here else np.nan)
    return found


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
        "lag_norm_mean",
        "lag_mean_norm",
        "lag_std_norm",
        "lag_real_samples",
        "dead_share",
    )


@pytest.mark.parametrize("samples", [1, 2, 7, 300])
def test_statistics_follow_their_definitions(samples):
    data = RNG.normal(size=(samples, 9, 5)).astype(np.float32)
    data[RNG.random(data.shape) < 0.2] = 0
    data[:, :, 3] = 0
    expected = independent(data, np.ones((samples, 9), bool))
    np.testing.assert_allclose(flow.statistics(data), expected, rtol=1e-6)


@pytest.mark.parametrize("spread", [0, 1e-9, 1e-6, 1e-4, 3e-2, 1])
@pytest.mark.parametrize("is_masked", [False, True])
def test_how_far_samples_part_is_exact_however_little(spread, is_masked):
    data = 1e-20 * (1 + spread * RNG.normal(size=(8, 9, 5)))
    mask = RNG.random((8, 9)) > 0.3 if is_masked else np.ones((8, 9), bool)
    found = flow.statistics(data, mask if is_masked else None)
    np.testing.assert_allclose(found, independent(data, mask), rtol=1e-6, atol=1e-35)


def test_padding_is_left_out_whatever_it_holds():
    data = RNG.normal(size=(6, 9, 5)).astype(np.float32)
    mask = RNG.random((6, 9)) > 0.4
    mask[:, 3] = False
    expected = independent(data, mask)
    data[~mask] = 1e30
    np.testing.assert_allclose(flow.statistics(data, mask), expected, rtol=1e-6)


def test_a_channel_is_dead_where_it_is_0_in_every_real_cell():
    data = np.zeros((2, 6, 4), np.float32)
    data[1, 2, 0] = 1e-40  # a subnormal lives
    data[0, 5, 1] = np.nan  # so does what is broken
    data[0, 0, 2] = 1  # padding below
    mask = np.ones((2, 6), bool)
    mask[0, 0] = False
    column = flow.STATISTICS.index("dead_share")
    np.testing.assert_array_equal(flow.statistics(data)[:, column], np.float32([0.25] * 6))
    np.testing.assert_array_equal(flow.statistics(data, mask)[:, column], np.float32([0.5] * 6))
    assert np.isnan(flow.statistics(data, np.zeros((2, 6), bool))[:, column]).all()


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
    assert np.isfinite(flow.statistics(data)[2, :12]).all()


@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("largest", [6, 2**18], ids=["together", "in parts"])
def test_the_statistics_of_each_are_those_of_it_alone(monkeypatch, is_masked, largest):
    monkeypatch.setattr("tb_rnngrad.flow._statistics._PIECE_CELLS", largest)
    random = np.random.default_rng(0)
    batches = [random.normal(size=(5, timesteps, 3)) for timesteps in (7, 1, 12)]
    batches[0][:, :, 1] = batches[2][:, :, 2] = 0
    lengths = [random.integers(0, batch.shape[1] + 1, 5) for batch in batches]
    lengths[1][:] = 0
    masks = [
        np.arange(batch.shape[1]) < length[:, np.newaxis] if is_masked else None
        for batch, length in zip(batches, lengths, strict=True)
    ]
    masks[2] = None
    each = flow.statistics_of_each(batches, masks)
    assert [len(rows) for rows in each] == [7, 1, 12]
    for rows, batch, mask in zip(each, batches, masks, strict=True):
        np.testing.assert_array_equal(rows, flow.statistics(batch, mask))
    dead = [rows[0, flow.STATISTICS.index("dead_share")] for rows in each]
    np.testing.assert_allclose(dead, [1 / 3, np.nan if is_masked else 0, 1 / 3])


def test_the_input_is_left_alone():
    data = RNG.normal(size=(2, 3, 4))
    before = data.copy()
    flow.statistics(data, np.zeros((2, 3), bool))
    np.testing.assert_array_equal(data, before)


# --- metrics ---


def recurrence(a, lags=40):
    """Norms of dL/dh_t of h_t = a h_t-1 + x_t with a loss at the last step: a ** lag."""
    return np.abs(a) ** np.arange(lags)


@pytest.mark.parametrize("a", [0.5, 0.9, 0.99])
def test_a_linear_recurrence_fades_at_its_own_rate(a):
    fit = flow.exponential_fit(recurrence(a))
    assert fit.half_life == pytest.approx(np.log(2) / -np.log(a))
    assert fit.r2 == pytest.approx(1)
    np.testing.assert_allclose(flow.gain(recurrence(a)), a)
    assert flow.memory_horizon(recurrence(a), eps=0.3) == min(39, np.floor(np.log(0.3) / np.log(a)))


def test_an_exploding_recurrence_doubles_instead_of_halving():
    fit = flow.exponential_fit(recurrence(2.0))
    assert fit.half_life == pytest.approx(-1)
    np.testing.assert_allclose(flow.gain(recurrence(2.0)), 2)
    assert flow.memory_horizon(recurrence(2.0), eps=1e-3) == 39


def test_a_gradient_that_does_not_fade_has_no_half_life():
    assert flow.exponential_fit(np.full(10, 0.3)).half_life == np.inf


def test_a_fit_that_explains_nothing_says_so():
    norms = np.exp(np.array([1, -1, -1, 1] * 10))
    assert flow.exponential_fit(norms).r2 < 0.01


def test_the_horizon_is_the_largest_lag_whatever_lies_between():
    assert flow.memory_horizon([1, 0, 0, 0.5, 0.001]) == 3
    assert flow.memory_horizon([1, 0, 0, 0, 0]) == 0


def test_lags_that_a_sample_does_not_have_do_not_count():
    assert flow.memory_horizon([1, 0.5, np.nan, np.nan]) == 1
    assert flow.exponential_fit([1, 0.5, 0.25, np.nan]).half_life == pytest.approx(1)


@pytest.mark.parametrize("norms", [[0, 0, 0], [np.nan, np.nan], [1, np.inf, 2], []])
def test_without_a_finite_positive_norm_the_horizon_is_undefined(norms):
    assert np.isnan(flow.memory_horizon(norms))


@pytest.mark.parametrize("eps", [0, -0.1, 1.5, np.nan])
def test_a_horizon_needs_a_share(eps):
    with pytest.raises(ValueError, match=f"eps is {eps}; expected above 0 and at most 1"):
        flow.memory_horizon([1, 1], eps=eps)


def test_the_page_and_python_agree():
    for known in json.loads(ANSWERS.read_text()):
        norms = np.array(known["norms"], float)
        fit = flow.exponential_fit(norms)
        found = {
            "horizon": flow.memory_horizon(norms, known["eps"]),
            "halfLife": fit.half_life,
            "r2": fit.r2,
            "gain": flow.largest_gain(norms),
        }
        expected = {name: float(known[name]) for name in found}
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True), norms


def test_of_one_lag_there_is_no_fit_and_no_gain():
    for norms in ([1.0], [], [0.0, 1.0], [np.nan, np.inf]):
        assert np.isnan(flow.exponential_fit(norms)).all()
    assert flow.gain([1.0]).size == 0
    assert np.isnan(flow.gain([0.0, 1.0])).all()


def test_lags_count_from_the_last_real_timestep_of_each_sample():
    values = np.array([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    nan = np.nan
    expected = [[4, 3, 2, 1], [2, 1, nan, nan], [4, nan, 2, nan], [nan, nan, nan, nan]]
    np.testing.assert_array_equal(flow.by_lag(values, mask), expected)
    np.testing.assert_array_equal(flow.by_lag(values)[0], [4, 3, 2, 1])


def test_samples_that_end_leave_no_jump_in_the_norms_by_lag():
    """Norms are a**lag times what is each sample's own, so that a mean of fewer samples jumps."""
    a, timesteps = 0.8, 12
    sizes = np.array([1, 5, 100, 1e-3])[:, np.newaxis]
    masks = {
        "right": np.arange(timesteps) < np.array([[12], [9], [5], [2]]),
        "left": np.arange(timesteps) >= np.array([[0], [3], [6], [11]]),
        "holes": np.array([[1] * 12, [1, 0] * 6, [1, 1, 0, 0] * 3, [0] * 12], bool),
    }
    for mask in masks.values():
        last = timesteps - 1 - np.argmax(mask[:, ::-1], axis=1)[:, np.newaxis]
        data = (sizes * a ** (last - np.arange(timesteps)))[..., np.newaxis].astype(np.float32)
        norms = dict(zip(flow.STATISTICS, flow.statistics(data, mask).T, strict=True))[
            "lag_norm_mean"
        ]
        np.testing.assert_allclose(flow.gain(norms), a, rtol=1e-6)
        assert norms[0] == pytest.approx(sizes[mask.any(axis=1)].mean(), rel=1e-6)


def test_where_lags_have_no_sample_in_common_norms_start_again():
    data = np.array([[1, 2, 0, 4, 5, 7]], np.float32)[..., np.newaxis]
    mask = np.array([[1, 0, 1, 1, 1, 0]], bool)
    norms = flow.statistics(data, mask)[:, flow.STATISTICS.index("lag_norm_mean")]
    np.testing.assert_allclose(norms, [5, 4, 0, np.nan, 1, np.nan], rtol=1e-7)
    data[0, 3] = np.inf
    norms = flow.statistics(data, mask)[:, flow.STATISTICS.index("lag_norm_mean")]
    np.testing.assert_allclose(norms, [5, np.inf, 0, np.nan, 1, np.nan], rtol=1e-7)


def test_the_signal_to_noise_horizon_ends_where_noise_begins():
    assert flow.snr_horizon([3, 2, 1, 0.5, 2], [1, 1, 1, 1, 1]) == 2
    assert flow.snr_horizon([3, 2, np.nan], [1, 1, np.nan]) == 1
    assert flow.snr_horizon([0.1, 2], [1, 1]) == -1
    assert np.isnan(flow.snr_horizon([np.nan], [np.nan]))


def test_the_largest_gain_is_the_worst_timestep():
    assert flow.largest_gain([1, 0.5, 2, 1]) == 4
    assert flow.largest_gain([1, np.nan, 2, 3]) == 1.5
    assert flow.largest_gain([1, np.inf]) == np.inf
    for nothing in ([1], [0, 0], [np.nan, np.nan]):
        assert np.isnan(flow.largest_gain(nothing))


def test_scalars_are_one_steps_flow_in_three_numbers():
    lags = np.arange(50)
    rows = np.zeros((50, len(flow.STATISTICS)))
    rows[:, flow.STATISTICS.index("lag_norm_mean")] = 0.9**lags
    found = flow.scalars(rows)
    assert found["memory_horizon"] == 43  # the last power of 0.9 above 0.01
    assert found["half_life"] == pytest.approx(np.log(2) / -np.log(0.9))
    assert found["largest_gain"] == pytest.approx(0.9)
    assert flow.scalars(rows, eps=0.1)["memory_horizon"] == 21


def test_scalars_of_several_steps_are_those_of_each():
    names = ("lag_norm_mean",)
    norms = [[1, 0.5, 0.3], [0, 0, 0], [1, 2], [np.nan, 1, 2], [1, np.inf, 1], [1]]
    flows = [np.array(one, np.float32)[:, np.newaxis] for one in norms]
    together = flow.scalars_of_each(flows, 0.1, names)
    for found, rows in zip(together, flows, strict=True):
        assert found == pytest.approx(flow.scalars(rows, 0.1, names), rel=1e-12, nan_ok=True)
    assert together[0]["memory_horizon"] == 2
    assert together[2]["largest_gain"] == 2
    assert flow.scalars_of_each([]) == []


def test_scalars_are_nan_where_charts_have_no_place_for_them():
    names = ("lag_norm_mean",)
    steady = flow.scalars(np.ones((5, 1)), names=names)
    assert (steady["memory_horizon"], steady["largest_gain"]) == (4, 1)
    assert np.isnan(steady["half_life"])  # infinite
    for norms in ([[0], [0]], [[1], [np.inf]], [[np.nan], [np.nan]]):
        found = flow.scalars(np.array(norms, np.float32), names=names)
        assert np.isnan(list(found.values())).all()
    with pytest.raises(ValueError, match=r"rows has shape \(5,\)"):
        flow.scalars(np.ones(5))
