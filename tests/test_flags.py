"""Flags on sequences for which the right answer is known."""

import math

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.flow import FlagWatch, Thresholds, flags, judged
from tb_rnngrad.quantities import is_matrix

TIMESTEPS = 100


def linear_recurrence(a, timesteps=TIMESTEPS, channels=4):
    """Return dL/dh_t of h_t = a h_t-1 + x_t with a loss at the last timestep: a ** lag."""
    norms = a ** np.arange(timesteps - 1, -1, -1.0)
    return np.broadcast_to(norms[np.newaxis, :, np.newaxis], (3, timesteps, channels)).copy()


def up(data, mask=None, quantity="hidden_state_gradient", **thresholds):
    rows = flow.statistics(data, mask)
    return {flag.name: flag for flag in flags(rows, quantity, Thresholds(**thresholds))}


def known(data, mask=None, quantity="hidden_state_gradient"):
    return {flag.name: flag.value for flag in judged(flow.statistics(data, mask), quantity)}


@pytest.mark.parametrize("a", [0.5, 0.9, 0.95, 0.99])
def test_a_linear_recurrence_reaches_the_last_lag_with_a_norm_above_eps(a):
    horizon = min(math.floor(math.log(0.01) / math.log(a)), TIMESTEPS - 1)
    values = known(linear_recurrence(a))
    assert values["vanishing"] == pytest.approx(horizon / (TIMESTEPS - 1))
    assert values["exploding"] == pytest.approx(1)
    assert ("vanishing" in up(linear_recurrence(a))) == (horizon / (TIMESTEPS - 1) < 0.1)


def test_a_growing_recurrence_explodes():
    found = up(linear_recurrence(1.1))
    assert set(found) == {"exploding"}
    assert found["exploding"].value == pytest.approx(1.1 ** (TIMESTEPS - 1), rel=1e-5)
    assert "exploding" not in up(linear_recurrence(1.07))  # 1.07 ** 99 is 811
    assert "exploding" in up(linear_recurrence(1.07), exploding=800)


def test_a_recurrence_that_keeps_its_norm_raises_no_flag():
    assert up(linear_recurrence(1.0)) == {}


def test_growth_is_judged_from_the_first_lag_with_a_gradient():
    data = linear_recurrence(1.5)
    data[:, -1] = 0
    assert known(data)["exploding"] == pytest.approx(1.5**98, rel=1e-5)
    assert known(data)["vanishing"] == 1


def test_without_any_gradient_neither_vanishing_nor_exploding_is_judged():
    values = known(np.zeros((2, 9, 3)))
    assert {"vanishing", "exploding"}.isdisjoint(values)
    assert values["non_finite"] == 0


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_non_finite_samples_are_reported_and_the_others_judged(what):
    data = linear_recurrence(0.5)
    data[1, 7, 2] = what
    found = up(data)
    assert list(found) == ["non_finite", "vanishing"]
    assert found["non_finite"].value == pytest.approx(1 / 12)
    assert (found["vanishing"].beyond.samples, found["vanishing"].beyond.of) == (2, 2)
    assert list(up(data, nonfinite=0.1)) == ["vanishing"]
    data[:, 7, 2] = what
    assert list(up(data)) == ["non_finite"]
    assert {"vanishing", "exploding"}.isdisjoint(known(data))


def test_data_of_only_nan_is_entirely_non_finite():
    assert known(np.full((2, 5, 3), np.nan))["non_finite"] == 1


def test_growth_beyond_float32_counts_as_infinite():
    data = linear_recurrence(10.0)
    assert known(data)["exploding"] == math.inf
    assert "exploding" in up(data)
    assert known(data)["non_finite"] == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_lags_count_from_each_samples_last_real_timestep(side):
    """Sequences of 11 and 5 timesteps, padded to 50, decay by lag as they do without padding."""
    data, mask = np.full((2, 50, 4), np.nan), np.zeros((2, 50), bool)
    for sample, length in enumerate((11, 5)):
        place = slice(50 - length, 50) if side == "left" else slice(0, length)
        data[sample, place] = linear_recurrence(0.5, length)[0]
        mask[sample, place] = True
    values = known(data, mask)
    # The median of two is the lower one: 4 of 4 lags, against 6 of 10 in the longer sample.
    assert values["vanishing"] == pytest.approx(1)
    assert values["exploding"] == pytest.approx(1)
    rows = flow.statistics(data, mask)
    assert flow.horizons_of(rows) == (4, 4, 6)  # 0.5 ** 6 is the last above 0.01
    assert values["non_finite"] == 0


def test_data_of_only_padding_is_not_judged():
    assert known(np.ones((2, 4, 3)), np.zeros((2, 4), bool)) == {}


def test_a_single_timestep_neither_vanishes_nor_explodes():
    assert {"vanishing", "exploding"}.isdisjoint(known(np.ones((2, 1, 3))))
    assert up(np.ones((2, 1, 3))) == {}


@pytest.mark.parametrize(
    "quantity, judges",
    [
        ("hidden_state_gradient", True),
        ("cell_state_gradient", True),
        ("gate_gradient", True),
        ("input_gradient", True),
        ("output_gradient", False),
        ("activation", False),
        ("weight_gradient", False),
    ],
)
def test_only_gradients_through_the_recurrence_vanish_or_explode(quantity, judges):
    data = linear_recurrence(0.5)
    data[0, 0, 0] = 0
    assert ("vanishing" in up(data, quantity=quantity)) == judges
    assert {"vanishing", "exploding"}.issubset(known(data, quantity=quantity)) == judges
    data[:, 0, 0] = np.nan
    assert list(up(data, quantity=quantity)) == ["non_finite"]


def rows_with(**columns):
    """Return statistics of healthy timesteps with some columns set, and the columns' names."""
    names = tuple(dict.fromkeys((*flow.STATISTICS, *columns)))
    healthy = flow.statistics(np.ones((2, 3, 4)))
    rows = np.zeros((3, len(names)), np.float32)
    rows[:, : healthy.shape[1]] = healthy
    for name, values in columns.items():
        rows[:, names.index(name)] = values
    return rows, names


def test_dead_channels_are_a_share_of_the_layer():
    rows, names = rows_with(dead_share=[np.nan, 0.25, 0.25])
    (flag,) = flags(rows, names=names)
    assert (flag.name, flag.value, flag.threshold) == ("dead_channels", 0.25, 0.1)
    assert flags(rows, names=names, thresholds=Thresholds(dead=0.25)) == ()


@pytest.mark.parametrize("quantity", tb_rnngrad.QUANTITIES)
def test_dead_channels_are_judged_only_with_a_time_axis(quantity):
    of_time = not is_matrix(quantity) and quantity != "itemized_gradient"
    assert ("dead_channels" in up(np.zeros((2, 3, 4)), quantity=quantity)) == of_time
    assert "dead_channels" not in up(np.zeros((2, 1, 4)), quantity=quantity)


def test_a_bias_with_three_gates_at_0_is_not_dead():
    bias = np.concatenate([np.zeros(4), np.ones(4), np.zeros(8)])[np.newaxis, np.newaxis]
    assert up(bias, quantity="weight") == {}


def test_older_logs_without_dead_channels_are_judged_by_the_other_flags():
    names = tuple(name for name in flow.STATISTICS if name != "dead_share")
    rows = flow.statistics(linear_recurrence(0.5))
    rows = rows[:, [flow.STATISTICS.index(name) for name in names]]
    found = {flag.name: flag for flag in judged(rows, names=names)}
    assert set(found) == {"non_finite", "exploding", "cut", "vanishing"}
    assert judged(np.zeros((3, 1)), names=("rms",)) == ()


def test_older_logs_are_judged_by_their_mean_norm_if_samples_have_equal_lengths():
    names = flow.STATISTICS[: flow.STATISTICS.index("lag_reach_p05")]
    rows = flow.statistics(linear_recurrence(0.5))[:, : len(names)]
    found = {flag.name: flag for flag in judged(rows, names=names)}
    assert set(found) == {"non_finite", "vanishing"}
    assert found["vanishing"].value == pytest.approx(6 / 99)
    assert found["vanishing"].beyond is None
    rows[50:, names.index("lag_real_samples")] = 1
    assert [flag.name for flag in judged(rows, names=names)] == ["non_finite"]


def test_flags_come_worst_first():
    rows, names = rows_with(dead_share=1.0, nan_share=[0, 0.5, 0])
    assert [flag.name for flag in flags(rows, names=names)] == ["non_finite", "dead_channels"]
    assert flow.FLAGS == ("non_finite", "exploding", "cut", "vanishing", "dead_channels")


def test_a_flag_describes_its_finding_in_a_sentence():
    (flag,) = flags(flow.statistics(linear_recurrence(0.5)))
    assert flag.sentence == (
        "the median sample's horizon reaches 6.06% of 99 timesteps (below 10%); "
        "3 of 3 samples vanish"
    )
    (flag,) = flags(flow.statistics(linear_recurrence(1.1)))
    assert flag.sentence == (
        "the median sample's norm grows 1.253e+04 times on its way back (above 1000); "
        "3 of 3 samples explode, worst sample 0, 1.253e+04 times by lag 99"
    )
    rows, names = rows_with(dead_share=1.0, nan_share=[0, 0.5, 0])
    assert [flag.sentence for flag in flags(rows, names=names)] == [
        "50% of a timestep's values are NaN or Inf (above 0%)",
        "100% of the channels are 0 throughout (above 10%)",
    ]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"eps": 0}, "eps is 0; expected above 0 and at most 1"),
        ({"eps": 2}, "eps is 2; expected above 0 and at most 1"),
        ({"vanishing": -0.1}, "vanishing is -0.1; expected at least 0 and at most 1"),
        ({"vanishing": math.nan}, "vanishing is nan; expected at least 0 and at most 1"),
        ({"exploding": 0.5}, "exploding is 0.5; expected at least 1"),
        ({"nonfinite": 1.5}, "nonfinite is 1.5; expected at least 0 and at most 1"),
        ({"dead": 10}, "dead is 10; expected at least 0 and at most 1"),
    ],
)
def test_a_threshold_out_of_range_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Thresholds(**given)


def test_every_flag_can_be_switched_off():
    never = Thresholds(vanishing=0, exploding=math.inf, nonfinite=1, dead=1, cut=0)
    rows, names = rows_with(dead_share=1.0, nan_share=1.0)
    assert flags(rows, thresholds=never, names=names) == ()
    cut = linear_recurrence(0.99)
    cut[:, :50] = 0
    assert flags(flow.statistics(cut), thresholds=never) == ()
    for a in (0.1, 2.0):
        assert flags(flow.statistics(linear_recurrence(a)), thresholds=never) == ()


def test_rows_with_other_columns_are_refused():
    with pytest.raises(ValueError, match=r"rows has shape \(3, 2\); expected \[timesteps, stat"):
        flags(np.zeros((3, 2)))


def test_samples_are_counted_by_the_given_thresholds():
    data = linear_recurrence(1.1)
    data[:2] = 1
    mine = Thresholds(exploding=1e5)
    (flag,) = (one for one in judged(flow.statistics(data)) if one.name == "exploding")
    assert (flag.is_up, flag.beyond) == (False, flow.Beyond(1, 3, 2))
    rows = flow.statistics(data, thresholds=mine)
    (flag,) = (
        one for one in judged(rows, thresholds=mine, counted_by=mine) if one.name == "exploding"
    )
    assert flag.beyond == flow.Beyond(0, 3, None)
    (flag,) = (one for one in judged(rows, counted_by=mine) if one.name == "exploding")
    assert flag.beyond is None, "counted by other thresholds than are asked for"


# --- over training ---


def test_the_watch_reports_when_a_flag_rises_and_when_it_falls():
    watch = FlagWatch(Thresholds())
    told = [
        str(event)
        for step, a in enumerate((0.99, 0.5, 0.6, 0.99, 0.99))
        for event in watch.observe(
            step, "lstm", flow.statistics(linear_recurrence(a)), "hidden_state_gradient"
        )
    ]
    assert told == [
        "step 1: lstm: vanishing: the median sample's horizon reaches 6.06% of 99 timesteps "
        "(below 10%); 3 of 3 samples vanish",
        "step 3: lstm: no longer vanishing: the median sample's horizon reaches 100% of 99 "
        "timesteps, where 37% of its largest norm is left (not below 10%)",
    ]


def test_each_tag_has_its_own_flags():
    watch = FlagWatch(Thresholds())
    rows = flow.statistics(linear_recurrence(0.5))
    for tag in ("a", "b"):
        (event,) = watch.observe(7, tag, rows, "hidden_state_gradient")
        assert (event.step, event.tag, event.flag, event.rose) == (7, tag, "vanishing", True)
        assert (event.value, event.threshold) == (pytest.approx(6 / 99), 0.1)
    assert watch.observe(8, "a", rows, "hidden_state_gradient") == []


def test_a_flag_that_cannot_be_judged_keeps_its_state():
    watch = FlagWatch(Thresholds())
    broken = np.full((3, TIMESTEPS, 4), np.nan)
    told = [
        [(event.flag, event.rose) for event in watch.observe(step, "lstm", rows, quantity)]
        for quantity in ("hidden_state_gradient",)
        for step, rows in enumerate(
            map(flow.statistics, (linear_recurrence(0.5), broken, linear_recurrence(0.5)))
        )
    ]
    assert told == [[("vanishing", True)], [("non_finite", True)], [("non_finite", False)]]
