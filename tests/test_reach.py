"""Gradients with a planted stop, for which it is known whether something cut them."""

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import flow

SAMPLES, TIMESTEPS, CHANNELS = 6, 128, 5


def fading(a=0.95, seed=0, timesteps=TIMESTEPS, samples=SAMPLES):
    """Return a gradient that shrinks by `a` with each lag, with noise of its own in each cell."""
    noise = np.random.default_rng(seed).normal(size=(samples, timesteps, CHANNELS))
    return noise * a ** np.arange(timesteps - 1, -1, -1.0)[:, np.newaxis]


def reach_of(data, mask=None, **options):
    return flow.reach(flow.statistics(data, mask), **options)


def flag_names(data, mask=None):
    return [flag.name for flag in flow.flags(flow.statistics(data, mask))]


@pytest.mark.parametrize("window", [2, 32, 127])
def test_a_truncation_is_named_by_its_window(window):
    data = fading().astype(np.float32)
    data[:, :-window] = 0
    found = reach_of(data)
    assert (found.verdict, found.timesteps, found.of, found.samples) == ("cut", window, 128, 6)
    assert found.sentence == (
        f"the gradient stops at exactly {window} of 128 timesteps in all 6 samples that are longer"
    )
    assert "cut" in flag_names(data)


def test_a_backward_direction_counts_from_its_own_end():
    data = fading()[:, ::-1].copy()
    data[:, 32:] = 0
    rows = flow.statistics(data, direction="backward")
    assert (flow.reach(rows).verdict, flow.reach(rows).timesteps) == ("cut", 32)


def test_the_flag_gives_the_share_of_the_timesteps_that_is_reached():
    data = fading()
    data[:, :-32] = 0
    flags = {flag.name: flag for flag in flow.judged(flow.statistics(data))}
    assert (flags["cut"].is_up, flags["cut"].value, flags["cut"].threshold) == (True, 0.25, 1)
    assert flags["cut"].sentence == (
        "the gradient stops at exactly 32 of 128 timesteps in all 6 samples that are longer: "
        "it reaches 25% (below 100%)"
    )
    rows = flow.statistics(data)
    mine = flow.Thresholds(cut=0.25)
    assert [flag.name for flag in flow.flags(rows, thresholds=mine)] == []


def test_a_gradient_that_reaches_the_far_end_is_whole():
    found = reach_of(fading())
    assert (found.verdict, found.timesteps, found.of, found.samples) == ("whole", 128, 128, 0)
    flags = {flag.name: flag for flag in flow.judged(flow.statistics(fading()))}
    assert (flags["cut"].is_up, flags["cut"].value) == (False, 1)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_no_cut_and_does_not_hide_one(side):
    lengths = np.array([128, 100, 64, 32, 20, 90])
    mask = np.arange(TIMESTEPS) < lengths[:, np.newaxis]
    data = np.zeros((SAMPLES, TIMESTEPS, CHANNELS))
    for sample, length in enumerate(lengths):
        data[sample, :length] = fading(timesteps=length, samples=1)[0]
    if side == "left":
        data, mask = data[:, ::-1].copy(), mask[:, ::-1]
        for sample, length in enumerate(lengths):
            data[sample, -length:] = data[sample, -length:][::-1]
    assert reach_of(data, mask).verdict == "whole"
    assert "cut" not in flag_names(data, mask)
    cut = data.copy()
    for sample, length in enumerate(lengths):
        start = TIMESTEPS - length if side == "left" else 0
        cut[sample, start : start + max(0, length - 32)] = 0
    found = reach_of(cut, mask)
    assert (found.verdict, found.timesteps, found.of, found.samples) == ("cut", 32, 128, 4)


def test_padding_without_a_mask_cannot_be_told_from_dead_units():
    data = fading()
    for sample, length in enumerate((128, 100, 64, 32, 20, 90)):
        data[sample, : TIMESTEPS - length] = 0
    found = reach_of(data)
    assert found.verdict == "cannot_say"
    assert "padding without a mask" in found.sentence
    assert "cut" not in flag_names(data)


def test_one_sample_that_goes_on_is_enough_to_deny_a_cut():
    data = fading()
    data[1:, :-32] = 0
    assert reach_of(data).verdict == "cannot_say"
    data[0, :50] = 0  # it stops, too, but further back
    assert reach_of(data).verdict == "cannot_say"


def test_one_sample_alone_is_no_proof():
    data = fading(samples=1)
    data[:, :-32] = 0
    assert reach_of(data).sentence == (
        "the gradient stops at 32 of 128 timesteps in one sample alone, which dead units would "
        "explain too"
    )


@pytest.mark.parametrize("dtype, a", [(np.float32, 0.3), (np.float16, 0.85)])
def test_underflow_is_no_cut(dtype, a):
    """Equal samples underflow at the same lag, as a cut would have it."""
    norms = (0.37 * np.float64(a) ** np.arange(TIMESTEPS)[::-1]).astype(dtype)
    if dtype == np.float32:
        norms[norms < np.finfo(dtype).tiny] = 0  # as accelerators flush it
    data = np.broadcast_to(norms[np.newaxis, :, np.newaxis], (4, TIMESTEPS, 3)).astype(np.float32)
    assert (data[:, 0] == 0).all()
    found = reach_of(data)
    assert found.verdict == "fades", found
    assert "cut" not in flag_names(data)


def test_a_small_gradient_in_float32_may_still_be_cut():
    data = 1e-12 * fading().astype(np.float32)
    data[:, :-32] = 0
    assert reach_of(data).verdict == "cut"


def test_a_gradient_at_one_timestep_alone_is_judged_by_the_hidden_states():
    data = fading()
    data[:, :-1] = 0
    assert "hidden states would tell" in reach_of(data).sentence
    rng = np.random.default_rng(1)
    verdicts = [
        reach_of(data, states=flow.statistics(states)).verdict
        for states in (
            np.zeros_like(data),
            np.sign(rng.normal(size=data.shape)),
            np.tanh(rng.normal(size=data.shape)),
        )
    ]
    assert verdicts == ["dead", "dead", "cut"]


def test_the_state_jacobian_says_whether_the_state_depends_on_more():
    data = fading()
    data[:, :-32] = 0
    longer = np.where(np.tri(TIMESTEPS) > 0, -1.0, -np.inf)
    assert reach_of(data, jacobian=longer).verdict == "cut"
    banded = np.where(np.tri(TIMESTEPS, k=-32) > 0, -np.inf, longer)
    found = reach_of(data, jacobian=banded)
    assert found.verdict == "cannot_say"
    assert found.sentence.endswith("no state depends on more than 32")
    with pytest.raises(ValueError, match=r"jacobian has shape \(3,\); expected \[timesteps, times"):
        reach_of(data, jacobian=np.zeros(3))


@pytest.mark.parametrize(
    "data, said",
    [
        (np.zeros((4, 9, 3)), "no sample has finite norms"),
        (np.full((4, 9, 3), np.nan), "no sample has finite norms"),
        (np.ones((4, 1, 3)), "no sample has finite norms"),
    ],
)
def test_without_a_gradient_nothing_is_said(data, said):
    found = reach_of(data)
    assert found.verdict == "cannot_say"
    assert said in found.sentence


def test_other_quantities_and_earlier_logs_are_not_judged():
    data = fading()
    data[:, :-32] = 0
    assert reach_of(data, quantity="output_gradient").verdict == "cannot_say"
    names = flow.STATISTICS[: flow.STATISTICS.index("stop_samples")]
    rows = flow.statistics(data)[:, : len(names)]
    assert "the log does not hold" in flow.reach(rows, names=names).sentence
    assert "cut" not in [flag.name for flag in flow.judged(rows, names=names)]


def test_the_directions_of_a_bidirectional_layer_are_judged_apart(tmp_path):
    forward, backward = fading(), fading(seed=1)[:, ::-1].copy()
    forward[:, :-32] = 0
    groups = {"forward": CHANNELS, "backward": CHANNELS}
    data = np.concatenate([forward, backward], axis=2).astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("bi", data, 3, channel_groups=groups)
    series = tb_rnngrad.read(tmp_path, tag="bi")
    found = {
        name: flow.reach(part.flow.values[-1], names=part.flow.statistics)
        for name, part in series.parts.items()
    }
    assert {name: one.verdict for name, one in found.items()} == {
        "forward": "cut",
        "backward": "whole",
    }
