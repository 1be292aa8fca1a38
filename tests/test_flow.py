"""Flow statistics, compared with loops that share nothing with them but the definitions."""

import json
from pathlib import Path

import numpy as np
import pytest

from tb_rnngrad import flow

# Norms by lag with known metrics; the page's tests read the file too.
ANSWERS = Path(__file__).parents[1] / "frontend" / "test" / "norms_by_lag.json"
RNG = np.random.default_rng(1)


def independent(data, mask, backward=False, eps=0.01, exploding=1000, vanishing=0.1):
    """Return each statistic by its definition, one sample at a time."""
    timesteps = range(data.shape[1])
    real = [np.flatnonzero(one) for one in mask]
    ends = [(one[0] if backward else one[-1]) if len(one) else None for one in real]
    back = 1 if backward else -1
    at_lag = [[-1 if end is None else end + back * lag for end in ends] for lag in timesteps]
    by_timestep = definitions(data, mask, [[t] * len(data) for t in timesteps])
    by_lag = definitions(data, mask, at_lag)
    curves = [
        {lag: data[s, at[s]].astype(float) for lag, at in enumerate(at_lag) if is_real(mask, s, at)}
        for s in range(len(data))
    ]
    of_samples, reach = sample_by_sample(curves, len(timesteps), eps, exploding, vanishing)
    dead = [not data[mask][:, channel].any() for channel in range(data.shape[2])]
    everywhere = np.full((data.shape[1], 1), np.mean(dead))
    batch = np.broadcast_to(of_samples, (data.shape[1], len(of_samples)))
    columns = [by_timestep, by_lag[:, [0, 6, 7, 11]], reach, everywhere, batch]
    return np.concatenate(columns, axis=1)


def is_real(mask, sample, at):
    return 0 <= at[sample] < mask.shape[1] and mask[sample, at[sample]]


def sample_by_sample(curves, lags, eps, exploding, vanishing):
    """Return the statistics of individual samples as quantiles, and how far the samples reach."""
    means = {
        lag: np.mean([curve[lag] for curve in curves if lag in curve], axis=0)
        for lag in range(lags)
        if any(lag in curve for curve in curves)
    }
    found = []
    for index, curve in enumerate(curves):
        norms = {lag: np.linalg.norm(value) for lag, value in curve.items()}
        largest, last = max(norms.values(), default=0), max(norms, default=0)
        if not (0 < largest < np.inf and last > 0):
            continue
        reached = [max([n for k, n in norms.items() if k >= lag] or [0]) for lag in range(lags)]
        growth, peak, at, before = 1.0, 1.0, 0, None
        for lag, norm in sorted(norms.items()):
            if norm > 0:
                growth *= 1 if before is None else min(norm / before, 10)
                before = norm
            if growth > peak * (1 + 1e-12):
                peak, at = growth, lag
        gains = [
            norms[lag] / norms[lag - 1] for lag in norms if lag - 1 in norms and norms[lag - 1] > 0
        ]
        noisy = [
            lag
            for lag in sorted(norms)
            if np.linalg.norm(means[lag]) < np.linalg.norm(curve[lag] - means[lag])
        ]
        horizon = max(lag for lag in norms if norms[lag] >= eps * largest)
        positive = {lag: np.log(norm) for lag, norm in norms.items() if norm > 0}
        slope = np.nan
        if len(positive) > 1:
            slope, start = np.polyfit([*positive], [*positive.values()], 1)
            error = np.array([*positive.values()]) - start - slope * np.array([*positive])
        found.append(
            {
                "reach": np.array(reached) / largest,
                "far_end": norms[last] / largest,
                "slope": slope,
                "half_life": -np.log(2) / slope,
                "r2": np.nan if len(positive) < 2 else explained(error, [*positive.values()]),
                "gain": max(gains, default=np.nan),
                "snr": noisy[0] - 1 if noisy else last,
                "growth": (peak, index, at),
                "lags": last,
                "explodes": peak > exploding,
                "vanishes": horizon < vanishing * last,
                "norms": norms,
            }
        )
    if not found:
        blank = np.full((lags, 3), np.nan)
        return [0, *[np.nan] * 7, 0, *[np.nan] * 3, 0, *[np.nan] * 8, 0, 0, 0, *[np.nan] * 4], blank

    def quantiles(values):
        known = sorted(value for value in values if not np.isnan(value))
        if not known:
            return [np.nan] * 3
        return [known[max(int(np.ceil(q * len(known) - 1e-9)) - 1, 0)] for q in (0.05, 0.5, 0.95)]

    by_slope = sorted(
        (one for one in found if not np.isnan(one["slope"])), key=lambda o: o["slope"]
    )
    places = quantiles(range(len(by_slope))) if by_slope else []
    gains = [one["gain"] for one in found]
    worst = max(found, key=lambda one: one["growth"][0])["growth"]
    of_samples = [
        len(found),
        *quantiles([one["far_end"] for one in found]),
        *([by_slope[place]["half_life"] for place in places] or [np.nan] * 3),
        by_slope[places[1]]["r2"] if places else np.nan,
        len(by_slope),
        *quantiles(gains),
        int(np.sum(~np.isnan(gains))),
        *quantiles([one["snr"] for one in found]),
        quantiles([one["growth"][0] for one in found])[1],
        *worst,
        quantiles([one["lags"] for one in found])[1],
        sum(one["explodes"] for one in found),
        sum(one["vanishes"] for one in found),
        *stops([one["norms"] for one in found]),
    ]
    reach = np.array([quantiles([one["reach"][lag] for one in found]) for lag in range(lags)])
    return of_samples, reach


def stops(curves):
    """Return where the samples' gradients stop in exact zeros, float32 being their dtype."""
    ends = [max(lag for lag in norms if norms[lag] > 0) + 1 for norms in curves]
    stopped = [(norms, end) for norms, end in zip(curves, ends, strict=True) if end <= max(norms)]
    if not stopped:
        return [0, *[np.nan] * 4]
    where = {end for _, end in stopped}
    others = [end for norms, end in zip(curves, ends, strict=True) if end > max(norms)]
    agree = len(where) == 1 and not any(end > min(where) for end in others)
    spans, expected = [], []
    for norms, end in stopped:
        spans.append(end - min(lag for lag in norms if norms[lag] > 0))
        factors = [
            norms[lag] / norms[lag - 1]
            for lag in range(1, end)
            if norms.get(lag, 0) > 0 and norms.get(lag - 1, 0) > 0
        ]
        expected.append(norms[end - 1] * min([1, *factors]))
    return [
        len(stopped),
        min(where) if agree else np.nan,
        max(max(norms) + 1 for norms, _ in stopped),
        min(spans),
        min(expected) / np.finfo(np.float32).tiny,
    ]


def definitions(data, mask, rows_of_timesteps):
    rows = []
    for at in rows_of_timesteps:
        real = [data[s, t].astype(np.float64) for s, t in enumerate(at) if is_real(mask, s, at)]
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


def explained(error, values):
    return 1 - error.var() / np.var(values) if np.var(values) else 1


def test_each_statistic_has_one_column():
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
        "lag_reach_p05",
        "lag_reach_p50",
        "lag_reach_p95",
        "dead_share",
        "horizon_samples",
        "far_end_p05",
        "far_end_p50",
        "far_end_p95",
        "half_life_p05",
        "half_life_p50",
        "half_life_p95",
        "half_life_r2_p50",
        "half_life_samples",
        "largest_gain_p05",
        "largest_gain_p50",
        "largest_gain_p95",
        "gain_samples",
        "snr_horizon_p05",
        "snr_horizon_p50",
        "snr_horizon_p95",
        "growth_p50",
        "growth_max",
        "growth_sample",
        "growth_lag",
        "lags_p50",
        "exploding_samples",
        "vanishing_samples",
        "stop_samples",
        "stop_lag",
        "stop_length",
        "stop_span",
        "stop_margin",
    )


@pytest.mark.parametrize("samples", [1, 2, 7, 300])
def test_statistics_follow_their_definitions(samples):
    data = RNG.normal(size=(samples, 9, 5)).astype(np.float32)
    data[RNG.random(data.shape) < 0.2] = 0
    data[:, :, 3] = 0
    expected = independent(data, np.ones((samples, 9), bool))
    np.testing.assert_allclose(flow.statistics(data), expected, rtol=1e-6)


# These have enough channels for sums in float32, but only some are precise enough in float32.
WIDE = {
    "as they come": lambda wide: wide,
    "agreeing a little": lambda wide: wide + 0.3,
    "nearly alike": lambda wide: 1 + 1e-3 * wide,
    "cancelling": lambda wide: np.concatenate([wide, -wide * (1 + 1e-4)]),
    "tiny": lambda wide: 1e-25 * wide,
    "huge": lambda wide: 1e25 * wide,
    "with zeros": lambda wide: np.where(wide < 1, 0, wide),
}


@pytest.mark.parametrize("kind", WIDE)
@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "padded"])
def test_statistics_of_many_channels_follow_their_definitions(kind, is_masked):
    random = np.random.default_rng(3)
    wide = WIDE[kind](random.normal(size=(4, 9, 80))) * 0.8 ** np.arange(9)[:, np.newaxis]
    data = wide.astype(np.float32)
    mask = random.random(data.shape[:2]) > 0.3 if is_masked else np.ones(data.shape[:2], bool)
    with np.errstate(invalid="ignore"):
        expected = independent(data, mask)
    found = flow.statistics(data, mask if is_masked else None)
    np.testing.assert_allclose(found, expected, rtol=3e-6)


def test_a_nan_among_many_channels_does_not_affect_other_timesteps():
    data = np.random.default_rng(3).normal(size=(4, 9, 80)).astype(np.float32)
    expected = flow.statistics(data)
    data[1, 5, 7] = np.nan
    found = flow.statistics(data)
    by_timestep = slice(flow.STATISTICS.index("real_samples"))
    assert np.isnan(found[5, : flow.STATISTICS.index("zero_share")]).all()
    others = np.arange(9) != 5
    np.testing.assert_allclose(found[others, by_timestep], expected[others, by_timestep], rtol=1e-6)


@pytest.mark.parametrize("spread", [0, 1e-9, 1e-6, 1e-4, 3e-2, 1])
@pytest.mark.parametrize("is_masked", [False, True])
def test_the_deviation_between_samples_is_exact_however_small(spread, is_masked):
    data = 1e-20 * (1 + spread * RNG.normal(size=(8, 9, 5)))
    mask = RNG.random((8, 9)) > 0.3 if is_masked else np.ones((8, 9), bool)
    found = flow.statistics(data, mask if is_masked else None)
    of_all = [name.removeprefix("lag_") in ("mean_norm", "std_norm") for name in flow.STATISTICS]
    expected = independent(data, mask)[:, of_all]
    np.testing.assert_allclose(found[:, of_all], expected, rtol=1e-6, atol=1e-35)


def test_padding_is_left_out_whatever_it_holds():
    data = RNG.normal(size=(6, 9, 5)).astype(np.float32)
    mask = RNG.random((6, 9)) > 0.4
    mask[:, 3] = False
    for direction in ("forward", "backward"):
        expected = independent(data, mask, direction == "backward")
        padded = np.where(mask[..., np.newaxis], data, np.float32(1e30))
        found = flow.statistics(padded, mask, direction=direction)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_channel_is_dead_if_it_is_0_in_every_real_cell():
    data = np.zeros((2, 6, 4), np.float32)
    data[1, 2, 0] = 1e-40  # a subnormal counts as alive
    data[0, 5, 1] = np.nan  # so does NaN
    data[0, 0, 2] = 1  # the mask below makes this padding
    mask = np.ones((2, 6), bool)
    mask[0, 0] = False
    column = flow.STATISTICS.index("dead_share")
    np.testing.assert_array_equal(flow.statistics(data)[:, column], np.float32([0.25] * 6))
    np.testing.assert_array_equal(flow.statistics(data, mask)[:, column], np.float32([0.5] * 6))
    assert np.isnan(flow.statistics(data, np.zeros((2, 6), bool))[:, column]).all()


def test_the_squares_of_tiny_gradients_do_not_underflow():
    data = np.full((3, 2, 4), 1e-30, np.float32)
    found = dict(zip(flow.STATISTICS, flow.statistics(data)[0], strict=True))
    assert found["norm_mean"] == pytest.approx(2e-30, rel=1e-6)
    assert found["rms"] == pytest.approx(1e-30, rel=1e-6)


def test_non_finite_values_show_in_the_statistics():
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
def test_a_batch_has_the_same_statistics_among_others_as_alone(monkeypatch, is_masked, largest):
    monkeypatch.setattr("tb_rnngrad.flow._statistics._MOST_CELLS_TOGETHER", largest)
    monkeypatch.setattr("tb_rnngrad.flow._summing._PIECE_CELLS", largest)
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
    each = [one.rows for one in flow.statistics_of_each(batches, masks)]
    assert [len(rows) for rows in each] == [7, 1, 12]
    for rows, batch, mask in zip(each, batches, masks, strict=True):
        np.testing.assert_array_equal(rows, flow.statistics(batch, mask))
    dead = [rows[0, flow.STATISTICS.index("dead_share")] for rows in each]
    np.testing.assert_allclose(dead, [1 / 3, np.nan if is_masked else 0, 1 / 3])


def test_the_input_is_not_modified():
    data = RNG.normal(size=(2, 3, 4))
    before = data.copy()
    flow.statistics(data, np.zeros((2, 3), bool))
    np.testing.assert_array_equal(data, before)


# --- metrics ---


def recurrence(a, lags=40):
    """Return the norms of dL/dh_t of h_t = a h_t-1 + x_t with a loss at the last step: a ** lag."""
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


def test_a_fit_that_explains_nothing_has_an_r2_near_0():
    norms = np.exp(np.array([1, -1, -1, 1] * 10))
    assert flow.exponential_fit(norms).r2 < 0.01


def test_the_horizon_is_the_largest_lag_despite_gaps_before_it():
    assert flow.memory_horizon([1, 0, 0, 0.5, 0.001]) == 3
    assert flow.memory_horizon([1, 0, 0, 0, 0]) == 0


def test_lags_beyond_the_end_of_a_sample_do_not_count():
    assert flow.memory_horizon([1, 0.5, np.nan, np.nan]) == 1
    assert flow.exponential_fit([1, 0.5, 0.25, np.nan]).half_life == pytest.approx(1)


@pytest.mark.parametrize("norms", [[0, 0, 0], [np.nan, np.nan], [1, np.inf, 2], []])
def test_without_a_finite_positive_norm_the_horizon_is_undefined(norms):
    assert np.isnan(flow.memory_horizon(norms))


@pytest.mark.parametrize("eps", [0, -0.1, 1.5, np.nan])
def test_an_eps_out_of_range_is_refused(eps):
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


def test_a_single_lag_has_no_fit_and_no_gain():
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


def column(rows, name):
    return rows[:, flow.STATISTICS.index(name)]


def of_batch(rows):
    """Return the statistics of the whole batch by name."""
    first = flow.STATISTICS.index("dead_share")
    return dict(zip(flow.STATISTICS[first:], rows[0, first:].tolist(), strict=True))


def test_scalars_are_those_of_the_median_sample():
    lags = np.arange(50)
    rates = np.array([0.5, 0.9, 0.99])[:, np.newaxis]
    data = (rates ** lags[::-1])[..., np.newaxis]
    found = flow.scalars(flow.statistics(data))
    assert found["memory_horizon"] == 43  # the last power of 0.9 above 0.01
    assert found["half_life"] == pytest.approx(np.log(2) / -np.log(0.9), rel=1e-6)
    assert found["largest_gain"] == pytest.approx(0.9)
    assert found["far_end"] == pytest.approx(0.9**49)
    assert flow.scalars(flow.statistics(data), eps=0.1)["memory_horizon"] == 21
    assert flow.horizons_of(flow.statistics(data)) == (6, 43, 49)


def test_undefined_and_infinite_scalars_are_nan():
    steady = flow.scalars(flow.statistics(np.ones((2, 5, 1))))
    assert (steady["memory_horizon"], steady["largest_gain"], steady["far_end"]) == (4, 1, 1)
    assert np.isnan(steady["half_life"])  # infinite
    for value in (0, np.nan, np.inf):
        found = flow.scalars(flow.statistics(np.full((2, 5, 1), value, np.float32)))
        assert np.isnan(list(found.values())).all()
    with pytest.raises(ValueError, match=r"rows has shape \(5,\)"):
        flow.scalars(np.ones(5))


def test_a_step_shorter_than_others_keeps_its_horizon():
    """A reader pads the step with NaN."""
    rows = flow.statistics(0.5 ** np.arange(19, -1, -1.0)[np.newaxis, :, np.newaxis])
    padded = np.concatenate([rows, np.full((7, rows.shape[1]), np.nan, np.float32)])
    assert flow.horizons_of(padded) == flow.horizons_of(rows) == (6, 6, 6)
    assert flow.scalars(padded) == flow.scalars(rows)


def test_older_logs_have_a_horizon_if_samples_have_equal_lengths():
    names = ("lag_norm_mean", "lag_real_samples")
    rows = np.stack([0.5 ** np.arange(10), np.full(10, 8)], axis=1).astype(np.float32)
    assert flow.scalars(rows, names=names)["memory_horizon"] == 6
    assert np.isnan(flow.scalars(rows, names=names)["half_life"])
    rows[5:, 1] = 3
    assert np.isnan(flow.scalars(rows, names=names)["memory_horizon"])


# --- samples of different lengths ---


def recurrences(rates, lengths, timesteps, side="right", rng=None):
    """Return gradients rate ** lag of samples with the given lengths, and their mask.

    `side` is where the padding is. With `rng`, each channel has its own size, which does not change
    ratios between lags.
    """
    data = np.zeros((len(lengths), timesteps, 4))
    mask = np.zeros(data.shape[:2], bool)
    for index, (rate, length) in enumerate(zip(rates, lengths, strict=True)):
        at = slice(0, length) if side == "right" else slice(timesteps - length, timesteps)
        size = np.ones(4) if rng is None else rng.normal(size=4)
        data[index, at] = rate ** np.arange(length - 1, -1, -1.0)[:, np.newaxis] * size
        mask[index, at] = True
    return data, mask


LENGTHS = np.random.default_rng(3).integers(10, 61, 64)


@pytest.mark.parametrize("side", ["left", "right"])
def test_half_life_and_gain_do_not_depend_on_the_samples_lengths(side):
    data, mask = recurrences([0.9] * 64, LENGTHS, 60, side, np.random.default_rng(0))
    found = of_batch(flow.statistics(data, mask))
    for name in ("p05", "p50", "p95"):
        half_life = np.log(2) / -np.log(0.9)
        assert found[f"half_life_{name}"] == pytest.approx(half_life, rel=1e-6)
        assert found[f"largest_gain_{name}"] == pytest.approx(0.9, rel=1e-6)
    assert found["half_life_r2_p50"] == pytest.approx(1)
    assert found["growth_max"] == pytest.approx(1)
    assert found["horizon_samples"] == found["half_life_samples"] == found["gain_samples"] == 64
    median = np.sort(LENGTHS)[31]
    assert flow.horizons_of(flow.statistics(data, mask))[1] == min(43, median - 1)


def test_no_norm_by_lag_is_above_the_largest_real_norm():
    rng = np.random.default_rng(0)
    mask = np.arange(60) < rng.integers(15, 61, (64, 1))
    data = np.zeros((64, 60, 8))
    for index, length in enumerate(mask.sum(axis=1)):
        at = np.arange(length)
        profile = 0.7**at + 0.7 ** (length - 1 - at)  # large at both ends
        data[index, :length] = rng.normal(size=(length, 8)) * profile[:, np.newaxis]
    for direction in ("forward", "backward"):
        rows = flow.statistics(data, mask, direction=direction)
        largest = np.linalg.norm(data, axis=2).max()
        for name in ("lag_norm_mean", "lag_mean_norm", "lag_std_norm"):
            assert np.nanmax(column(rows, name)) <= largest
        assert np.nanmax(column(rows, "lag_reach_p95")) <= 1
        assert flow.flags(rows) == ()
        assert of_batch(rows)["exploding_samples"] == 0


def shuffled(data, mask, rng):
    order = rng.permutation(len(data))
    return data[order], mask[order]


CHANGES = {
    "more padding after": lambda data, mask: (
        np.pad(data, ((0, 0), (0, 7), (0, 0)), constant_values=9),
        np.pad(mask, ((0, 0), (0, 7))),
    ),
    "more padding before": lambda data, mask: (
        np.pad(data, ((0, 0), (7, 0), (0, 0)), constant_values=9),
        np.pad(mask, ((0, 0), (7, 0))),
    ),
    "samples of nothing but padding": lambda data, mask: (
        np.pad(data, ((0, 3), (0, 0), (0, 0)), constant_values=9),
        np.pad(mask, ((0, 3), (0, 0))),
    ),
    "another order of samples": lambda data, mask: shuffled(data, mask, np.random.default_rng(5)),
}


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_statistics_of_samples_do_not_depend_on(change, direction):
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.5, 1.2, 64)
    data, mask = recurrences(rates, LENGTHS, 60, "right", rng)
    before = flow.statistics(data, mask, direction=direction)
    after = flow.statistics(*change(data, mask), direction=direction)
    named = of_batch(after)
    expected = of_batch(before)
    assert named.pop("growth_sample") >= 0
    del expected["growth_sample"]
    assert named == pytest.approx(expected, rel=1e-5, nan_ok=True)
    for name in flow.BY_LAG:
        np.testing.assert_allclose(
            column(after, name)[:60], column(before, name), rtol=1e-5, err_msg=name
        )


def test_samples_that_are_equal_by_lag_have_the_statistics_of_one():
    alone, own = recurrences([0.8], [40], 60)
    data, mask = recurrences([0.8] * 5, [40, 40, 7, 23, 40], 60)
    found, expected = of_batch(flow.statistics(data, mask)), of_batch(flow.statistics(alone, own))
    for name in ("half_life_p50", "largest_gain_p50", "snr_horizon_p95", "growth_p50", "lags_p50"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6), name
    np.testing.assert_allclose(
        column(flow.statistics(data, mask), "lag_norm_mean"),
        column(flow.statistics(alone, own), "lag_norm_mean"),
        rtol=1e-6,
    )


def test_a_reversed_batch_declared_backward_has_the_forward_statistics():
    rng = np.random.default_rng(0)
    data, mask = recurrences(rng.uniform(0.5, 1.2, 64), LENGTHS, 60, "right", rng)
    forward = flow.statistics(data, mask)
    backward = flow.statistics(data[:, ::-1], mask[:, ::-1], direction="backward")
    first = flow.STATISTICS.index("lag_norm_mean")
    np.testing.assert_allclose(backward[:, first:], forward[:, first:], rtol=1e-6)
    np.testing.assert_array_equal(backward[::-1, :first], forward[:, :first])


def test_a_single_exploding_sample_is_found_and_named():
    rates, lengths = [0.9] * 64, LENGTHS.copy()
    rates[41], lengths[41] = 1.5, 40
    data, mask = recurrences(rates, lengths, 60)
    rows = flow.statistics(data, mask)
    found, last = of_batch(rows), 39
    assert (found["exploding_samples"], found["growth_sample"]) == (1, 41)
    assert found["growth_lag"] == last
    assert found["growth_max"] == pytest.approx(1.5**last, rel=1e-5)
    (flag,) = (one for one in flow.judged(rows) if one.name == "exploding")
    assert not flag.is_up
    assert (flag.beyond.samples, flag.beyond.of, flag.beyond.worst) == (1, 64, 41)
    assert flag.sentence == (
        "the median sample's norm grows 1 times on its way back (not above 1000); "
        f"1 of 64 samples explodes, worst sample 41, {1.5**last:.4g} times by lag {last}"
    )


def test_a_loss_that_enters_at_one_timestep_is_not_an_explosion():
    """If the last timestep is predicted well, its loss is tiny; the recurrence did not explode."""
    data = np.full((8, 30, 4), 0.1)
    data[:, -1] = 1e-7
    found = of_batch(flow.statistics(data))
    assert found["growth_p50"] == pytest.approx(10)
    assert found["largest_gain_p50"] == pytest.approx(1e6)
    assert flow.flags(flow.statistics(data)) == ()


def test_growth_counts_from_the_first_lag_that_has_a_gradient():
    data, _ = recurrences([1.5], [30], 30)
    data[:, -4:] = 0
    found = of_batch(flow.statistics(data))
    assert found["growth_p50"] == pytest.approx(1.5**25, rel=1e-5)


def test_holes_in_a_mask_interrupt_neither_time_nor_growth():
    data, mask = recurrences([1.3], [30], 30)
    mask[:, 5:20:2] = False
    data[~mask] = 0
    found = of_batch(flow.statistics(data, mask))
    assert found["growth_p50"] == pytest.approx(1.3**29, rel=1e-5)
    assert found["half_life_p50"] == pytest.approx(-np.log(2) / np.log(1.3), rel=1e-6)


def test_lengths_work_like_a_mask():
    data, mask = recurrences([0.9] * 64, LENGTHS, 60)
    np.testing.assert_array_equal(flow.statistics(data, LENGTHS), flow.statistics(data, mask))
    norms = np.linalg.norm(data, axis=2)
    np.testing.assert_array_equal(flow.by_lag(norms, LENGTHS), flow.by_lag(norms, mask))
    with pytest.raises(ValueError, match="mask gives the length 61; expected 0 to 60 timesteps"):
        flow.statistics(data, np.full(64, 61))


# --- parts ---


def test_each_direction_and_each_stacked_cell_is_judged_by_itself():
    rng = np.random.default_rng(0)
    forward, mask = recurrences([0.9] * 64, LENGTHS, 60, "right", rng)
    backward = np.zeros_like(forward)
    for index, length in enumerate(LENGTHS):
        backward[index, :length] = 0.5 ** np.arange(length)[:, np.newaxis]
    both = np.concatenate([forward, backward], axis=2)
    groups = {"forward": 4, "backward": 4}
    (found,) = flow.statistics_of_each([both], [mask], groups)
    assert [*found.parts] == ["forward", "backward"]
    np.testing.assert_array_equal(found.parts["forward"], flow.statistics(forward, mask))
    alone = flow.statistics(backward, mask, direction="backward")
    np.testing.assert_array_equal(found.parts["backward"], alone)
    assert of_batch(alone)["half_life_p50"] == pytest.approx(1, rel=1e-6)

    whole = flow.statistics(both, mask)
    by_timestep = flow.STATISTICS.index("lag_norm_mean")
    np.testing.assert_allclose(
        found.rows[:, :by_timestep], whole[:, :by_timestep], rtol=1e-6, atol=1e-12
    )
    assert np.isnan(found.rows[:, by_timestep : flow.STATISTICS.index("dead_share")]).all()
    assert of_batch(found.rows)["dead_share"] == 0
    assert not flow.counts_by_lag(found.rows)
    assert flow.counts_by_lag(found.parts["backward"])


def test_a_sum_of_two_directions_is_not_judged_by_lag():
    rows = flow.statistics(np.ones((2, 5, 3)), direction="both")
    assert not flow.counts_by_lag(rows)
    assert [flag.name for flag in flow.judged(rows)] == ["non_finite", "dead_channels"]
    with pytest.raises(ValueError, match="direction is 'up'; expected one of forward, backward"):
        flow.statistics(np.ones((2, 5, 3)), direction="up")
