"""Flags on sequences whose answers are known."""

import math

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.flow import FlagWatch, Thresholds, flags, judged
from tb_rnngrad.record import is_matrix

TIMESTEPS = 100


def linear_recurrence(a, timesteps=TIMESTEPS, channels=4):
    """Return dL/dh_t of h_t = a h_t-1 + x_t under a loss at the last timestep: a ** lag."""
    norms = a ** np.arange(timesteps - 1, -1, -1.0)
    return np.broadcast_to(norms[np.newaxis, :, np.newaxis], (3, timesteps, channels)).copy()


def up(data, mask=None, quantity="hidden_state_gradient", **thresholds):
    rows = flow.statistics(data, mask)
    return {flag.name: flag for flag in flags(rows, quantity, Thresholds(**thresholds))}


def known(data, mask=None, quantity="hidden_state_gradient"):
    return {flag.name: flag.value for flag in judged(flow.statistics(data, mask), quantity)}


@pytest.mark.parametrize("a", [0.5, 0.9, 0.95, 0.99])
def test_a_linear_recurrence_reaches_as_far_as_its_power_stays_above_eps(a):
    horizon = min(math.floor(math.log(0.01) / math.log(a)), TIMESTEPS - 1)
    values = known(linear_recurrence(a))
    assert values["vanishing"] == pytest.approx(horizon / (TIMESTEPS - 1))
    assert values["exploding"] == pytest.approx(1)
    assert ("vanishing" in up(linear_recurrence(a))) == (horizon / (TIMESTEPS - 1) < 0.1)


def test_a_linear_recurrence_has_its_half_life_and_gain():
    rows = flow.statistics(linear_recurrence(0.9))
    norms = rows[:, flow.STATISTICS.index("lag_norm_mean")]
    assert flow.exponential_fit(norms).half_life == pytest.approx(math.log(2) / -math.log(0.9))
    assert flow.largest_gain(norms) == pytest.approx(0.9)


def test_a_growing_recurrence_explodes():
    found = up(linear_recurrence(1.1))
    assert set(found) == {"exploding"}
    assert found["exploding"].value == pytest.approx(1.1 ** (TIMESTEPS - 1), rel=1e-5)
    assert "exploding" not in up(linear_recurrence(1.07))  # 1.07 ** 99 is 811
    assert "exploding" in up(linear_recurrence(1.07), exploding=800)


def test_a_recurrence_that_keeps_its_norm_raises_nothing():
    assert up(linear_recurrence(1.0)) == {}


def test_where_the_norm_at_lag_0_is_0_growth_is_undefined():
    data = linear_recurrence(1.5)
    data[:, -1] = 0
    assert "exploding" not in known(data)
    assert known(data)["vanishing"] == 1


def test_without_any_gradient_neither_vanishing_nor_exploding_is_judged():
    values = known(np.zeros((2, 9, 3)))
    assert {"vanishing", "exploding"}.isdisjoint(values)
    assert values["non_finite"] == 0


@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_all_that_is_told(what):
    data = linear_recurrence(0.5)
    data[1, 7, 2] = what
    found = up(data)
    assert list(found) == ["non_finite"]
    assert found["non_finite"].value == pytest.approx(1 / 12)
    assert {"vanishing", "exploding"}.isdisjoint(known(data))
    assert up(data, nonfinite=0.1) == {}


def test_all_nan_is_wholly_non_finite():
    assert known(np.full((2, 5, 3), np.nan))["non_finite"] == 1


def test_a_norm_beyond_float32_is_not_judged():
    data = linear_recurrence(1.0)
    data[:, 0] = 1e39  # finite in float64, and infinite as a stored statistic
    assert {"vanishing", "exploding"}.isdisjoint(known(data))
    assert known(data)["non_finite"] == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_lags_count_from_each_samples_last_real_timestep(side):
    """Sequences of 11 and 5 timesteps, padded to 50, decay by lag as without padding."""
    data, mask = np.full((2, 50, 4), np.nan), np.zeros((2, 50), bool)
    for sample, length in enumerate((11, 5)):
        place = slice(50 - length, 50) if side == "left" else slice(0, length)
        data[sample, place] = linear_recurrence(0.5, length)[0]
        mask[sample, place] = True
    values = known(data, mask)
    assert values["vanishing"] == pytest.approx(6 / 10)  # 0.5 ** 6 is the last above 0.01
    assert values["exploding"] == pytest.approx(1)
    assert values["non_finite"] == 0


def test_where_all_is_padding_nothing_is_judged():
    assert known(np.ones((2, 4, 3)), np.zeros((2, 4), bool)) == {}


def test_a_single_timestep_neither_vanishes_nor_explodes():
    values = known(np.ones((2, 1, 3)))
    assert "vanishing" not in values
    assert values["exploding"] == 1
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
    data[0, 0, 0] = np.nan
    assert list(up(data, quantity=quantity)) == ["non_finite"]


def rows_with(**columns):
    """Return one healthy timestep's statistics, and their names, with some columns set."""
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
def test_dead_channels_are_judged_where_there_is_a_time_axis(quantity):
    of_time = not is_matrix(quantity) and quantity != "itemized_gradient"
    assert ("dead_channels" in up(np.zeros((2, 3, 4)), quantity=quantity)) == of_time
    assert "dead_channels" not in up(np.zeros((2, 1, 4)), quantity=quantity)


def test_a_bias_of_three_gates_at_0_is_not_dead():
    bias = np.concatenate([np.zeros(4), np.ones(4), np.zeros(8)])[np.newaxis, np.newaxis]
    assert up(bias, quantity="weight") == {}


def test_logs_from_before_dead_channels_were_counted_are_judged_without_them():
    names = tuple(name for name in flow.STATISTICS if name != "dead_share")
    rows = flow.statistics(linear_recurrence(0.5))
    rows = rows[:, [flow.STATISTICS.index(name) for name in names]]
    found = {flag.name: flag for flag in judged(rows, names=names)}
    assert set(found) == {"non_finite", "exploding", "vanishing"}
    assert judged(np.zeros((3, 1)), names=("rms",)) == ()


def test_flags_come_worst_first():
    rows, names = rows_with(dead_share=1.0, nan_share=[0, 0.5, 0])
    assert [flag.name for flag in flags(rows, names=names)] == ["non_finite", "dead_channels"]
    assert flow.FLAGS == ("non_finite", "exploding", "vanishing", "dead_channels")


def test_a_flag_says_what_it_found_in_words():
    (flag,) = flags(flow.statistics(linear_recurrence(0.5)))
    assert flag.sentence == "horizon reaches 6.06% of 99 timesteps (below 10%)"
    (flag,) = flags(flow.statistics(linear_recurrence(1.1)))
    assert flag.sentence == "norm grows 1.253e+04 times on its way back (above 1000)"
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
def test_a_threshold_out_of_its_range_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Thresholds(**given)


def test_every_flag_can_be_switched_off():
    never = Thresholds(vanishing=0, exploding=math.inf, nonfinite=1, dead=1)
    rows, names = rows_with(dead_share=1.0, nan_share=1.0)
    assert flags(rows, thresholds=never, names=names) == ()
    for a in (0.1, 2.0):
        assert flags(flow.statistics(linear_recurrence(a)), thresholds=never) == ()


def test_rows_that_are_no_statistics_are_refused():
    with pytest.raises(ValueError, match=r"rows has shape \(3, 2\); expected \[timesteps, stat"):
        flags(np.zeros((3, 2)))


# --- over training ---


def test_a_flag_is_told_when_it_rises_and_when_it_falls():
    watch = FlagWatch(Thresholds())
    told = [
        str(event)
        for step, a in enumerate((0.99, 0.5, 0.6, 0.99, 0.99))
        for event in watch.observe(
            step, "lstm", flow.statistics(linear_recurrence(a)), "hidden_state_gradient"
        )
    ]
    assert told == [
        "step 1: lstm: vanishing: horizon reaches 6.06% of 99 timesteps (below 10%)",
        "step 3: lstm: no longer vanishing: horizon reaches 100% of 99 timesteps (not below 10%)",
    ]


def test_each_tag_has_flags_of_its_own():
    watch = FlagWatch(Thresholds())
    rows = flow.statistics(linear_recurrence(0.5))
    for tag in ("a", "b"):
        (event,) = watch.observe(7, tag, rows, "hidden_state_gradient")
        assert (event.step, event.tag, event.flag, event.rose) == (7, tag, "vanishing", True)
        assert (event.value, event.threshold) == (pytest.approx(6 / 99), 0.1)
    assert watch.observe(8, "a", rows, "hidden_state_gradient") == []


def test_a_flag_that_cannot_be_judged_stays_as_it_is():
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
