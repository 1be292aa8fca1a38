"""The doctor on planted gradients: each cause leads to its claim, and to no other.

benchmarks/diagnosis.py tries it on trainings.
"""

import json
import re

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import SequenceRecord, flow
from tb_rnngrad.diagnosis import NAMES, diagnose

SAMPLES, TIMESTEPS, UNITS, STEPS = 6, 50, 4, 3


def gradient(a=0.99, step=0):
    """Return the gradient of h_t = a h_t-1 + x_t with a loss at the end, different in each cell."""
    noise = np.random.default_rng(step).uniform(0.5, 1, (SAMPLES, 1, UNITS))
    return (noise * a ** np.arange(TIMESTEPS - 1, -1, -1.0)[:, np.newaxis]).astype(np.float32)


def cut(data, window=12):
    data[:, :-window] = 0
    return data


def one_sample_explodes(data):
    data[2] *= (1.4 ** np.arange(TIMESTEPS)[::-1])[:, np.newaxis]
    return data


def one_nan(data):
    data[1, 30, 2] = np.nan
    return data


def dead_channels(data):
    data[:, :, 1] = 0
    return data


def padded_without_a_mask(data):
    for sample in range(SAMPLES):
        data[sample, : 5 * sample + 3] = 0
    return data


def record(data, quantity="hidden_state_gradient", **fields):
    return SequenceRecord(data, quantity=quantity, layer="rnn", **fields)


def log(folder, records, steps=range(STEPS)):
    """Log tag -> (step -> record) at every step."""
    with tb_rnngrad.SummaryWriter(folder) as writer:
        for step in steps:
            for tag, record_of in records.items():
                writer.add_sequence(tag, record_of(step), step)


def said(folder, **options):
    (found,) = [one for one in diagnose(folder, **options) if one.tag == "rnn/hidden_state"]
    return {claim.name: claim for claim in found.claims}


def of_hidden(change=lambda data: data, a=0.99):
    return {"rnn/hidden_state": lambda step: record(change(gradient(a, step)))}


@pytest.mark.parametrize(
    "change, a, name, value, sentence",
    [
        (
            np.asarray,
            0.99,
            "healthy",
            1,
            "at step 2, the median sample's horizon reaches 100% of 49 timesteps, where 61.1% of "
            "its largest norm is left (at least 90%), and nothing is wrong",
        ),
        (
            np.asarray,
            0.3,
            "vanishing",
            3 / 49,
            "at step 2, the median sample's horizon reaches 6.12% of 49 timesteps (below 10%); "
            "6 of 6 samples vanish; so at 3 of 3 judged steps",
        ),
        (
            np.asarray,
            0.74,
            "vanishing",
            0.74**49,
            "at step 2, 95% of the samples have at most 3.91e-07 of their largest norm left at the "
            "far end (below 1e-06); the median sample's horizon reaches 30.6% of the timesteps",
        ),
        (
            np.asarray,
            1.2,
            "exploding",
            1.2**49,
            "at step 2, the median sample's norm grows 7584 times on its way back (above 1000); "
            "6 of 6 samples explode, worst sample ANY, 7584 times by lag 49; so at 3 of 3 judged "
            "steps",
        ),
        (
            one_sample_explodes,
            1.0,
            "exploding",
            1.4**49,
            "at step 0, sample 2 grows 1.446e+07 times by lag 49 (above 1000), the median sample 1 "
            "times; 1 of 6 samples explode there, and some sample at 3 of 3 logged steps",
        ),
        (
            cut,
            0.99,
            "cut",
            12,
            "at step 2, the gradient stops at exactly 12 of 50 timesteps in all 6 samples that are "
            "longer (below 50); so at 3 of 3 logged steps: something detaches the state or "
            "truncates backpropagation",
        ),
        (
            one_nan,
            0.99,
            "non_finite",
            1 / 24,
            "at step 0, 4.17% of a timestep's values are NaN or Inf (above 0%); NaN or Inf at 3 of "
            "3 logged steps, first at step 0",
        ),
        (
            dead_channels,
            0.99,
            "dead",
            0.25,
            "at step 2, 25% of the channels of the hidden-state gradient are 0 throughout (above "
            "10%)",
        ),
        (
            padded_without_a_mask,
            0.99,
            "cannot_say",
            None,
            "the gradient of 6 samples stops at different timesteps, as dead units or padding "
            "without a mask would make it",
        ),
        (
            lambda data: cut(data, 1),
            0.99,
            "cannot_say",
            None,
            "the gradient stops one timestep after it enters: the state is detached at every "
            "timestep, or all units are dead or saturated; hidden states would tell",
        ),
        (
            np.asarray,
            0.85,
            "cannot_say",
            None,
            "at step 2, the median sample's horizon reaches 57.1% of 49 timesteps: neither short "
            "(below 10%) nor long (at least 90%)",
        ),
    ],
)
def test_a_cause_leads_to_its_claim_alone(tmp_path, change, a, name, value, sentence):
    log(tmp_path, of_hidden(change, a))
    claims = said(tmp_path)
    assert [*claims] == [name]
    # Samples and steps that grow alike differ by rounding, and any of them may be the worst.
    assert re.sub(r"(?<=worst sample )\d", "ANY", claims[name].sentence) == sentence
    assert claims[name].value == (None if value is None else pytest.approx(value, rel=1e-4))


def test_a_gradient_that_fades_before_it_is_cut_does_both(tmp_path):
    log(tmp_path, of_hidden(lambda data: cut(data, 40), 0.2))
    claims = said(tmp_path)
    assert [*claims] == ["cut", "vanishing"]
    assert claims["vanishing"].sentence == (
        "at step 2, the median sample's horizon reaches 5.13% of the 39 lags before the cut "
        "(below 10%)"
    )


def test_states_of_0_are_dead_units_and_no_cut(tmp_path):
    states = {"rnn/states/h": lambda step: record(np.zeros_like(gradient()), "hidden_state")}
    log(tmp_path, of_hidden(lambda data: cut(data, 1)) | states)
    claims = said(tmp_path)
    assert [*claims] == ["dead"]
    assert claims["dead"].sentence == (
        "at step 2, 100% of the channels of the hidden state are 0 throughout (above 10%)"
    )


def gates(forget, others=0.5):
    data = np.full((SAMPLES, TIMESTEPS, 3 * UNITS), others, np.float32)
    data[:, :, UNITS : 2 * UNITS] = forget
    return {
        "rnn/gate_activations": lambda step: record(
            data, "gate_activation", channel_groups=dict.fromkeys("ifo", UNITS)
        )
    }


def test_a_closed_forget_gate_is_saturated_and_an_open_one_is_memory(tmp_path):
    log(tmp_path / "closed", of_hidden() | gates(0.0067))
    claims = said(tmp_path / "closed")
    assert [*claims] == ["saturated"]
    assert claims["saturated"].sentence == (
        "at step 2, 100% of the gate activations of gate 'f' are below 0.05 and 0% above 0.95 "
        "(above 90%)"
    )
    log(tmp_path / "open", of_hidden() | gates(0.99))
    assert [*said(tmp_path / "open")] == ["healthy"]
    log(tmp_path / "other", of_hidden() | gates(0.5, others=0.99))
    assert [*said(tmp_path / "other")] == ["saturated"]


def test_padding_is_not_among_the_saturated_states(tmp_path):
    mask = np.arange(TIMESTEPS) < np.array([50, 40, 30, 20, 5, 5])[:, np.newaxis]
    states = np.where(mask[:, :, np.newaxis], 0.5, 1) * np.ones((1, 1, UNITS))
    hidden = {"rnn/hidden_state": lambda step: record(np.ones_like(states), mask=mask)}
    kept = {"rnn/states/h": lambda step: record(states, "hidden_state", mask=mask)}
    log(tmp_path, hidden | kept)
    assert [*said(tmp_path)] == ["healthy"]


@pytest.mark.parametrize("shared, name", [(0.0, "noisy"), (1.0, "healthy")])
def test_weight_gradients_without_a_common_direction_are_noise(tmp_path, shared, name):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(8, 8))
    weights = {
        "rnn/weight_gradients/kernel": lambda step: SequenceRecord(
            shared * direction + rng.normal(size=(8, 8)), quantity="weight_gradient", layer="rnn"
        )
    }
    log(tmp_path / "few", of_hidden() | weights, range(5))
    assert [*said(tmp_path / "few")] == ["healthy"]
    log(tmp_path / "many", of_hidden() | weights, range(120))
    claims = said(tmp_path / "many")
    assert [*claims] == [name]
    if name == "noisy":
        assert "119 pairs of successive steps" in claims["noisy"].sentence
        assert abs(claims["noisy"].value) < 0.1
    # A training that was resumed may have had its direction before.
    log(tmp_path / "resumed", of_hidden() | weights, range(500, 620))
    assert [*said(tmp_path / "resumed")] == ["healthy"]


def test_a_mask_that_leaves_a_sample_without_timesteps_is_doubted(tmp_path):
    real = np.arange(TIMESTEPS) < np.array([50, 40, 30, 20, 12, 10])[:, np.newaxis]

    def masked(mask):
        return {"rnn/hidden_state": lambda step: record(gradient()[:, ::-1], mask=mask)}

    log(tmp_path / "right", masked(real))
    assert [*said(tmp_path / "right")] == ["healthy"]
    log(tmp_path / "wrong", masked(~real))
    claims = said(tmp_path / "wrong")
    assert [*claims] == ["cannot_say"]
    assert claims["cannot_say"].sentence == (
        "at step 2, 1 of 6 samples have no real timestep: the mask may be the wrong way round"
    )


def test_a_gradient_in_padding_alone_points_at_the_mask(tmp_path):
    real = np.arange(TIMESTEPS) < 20
    data = gradient() * ~real[:, np.newaxis]
    mask = np.broadcast_to(real, data.shape[:2])
    log(tmp_path, {"rnn/hidden_state": lambda step: record(data, mask=mask)})
    assert said(tmp_path)["dead"].sentence.endswith(
        "only padding has values: the mask may be the wrong way round"
    )


def test_only_the_last_step_counts_where_training_repairs_it(tmp_path):
    rates = (0.3, 0.5, 0.99)
    log(tmp_path, {"rnn/hidden_state": lambda step: record(gradient(rates[step], step))})
    assert [*said(tmp_path)] == ["healthy"]


def test_a_step_that_exploded_is_told_of_although_it_is_over(tmp_path):
    rates = (0.99, 1.3, 0.99)
    log(tmp_path, {"rnn/hidden_state": lambda step: record(gradient(rates[step], step))})
    claims = said(tmp_path)
    assert [*claims] == ["exploding"]
    assert claims["exploding"].sentence.startswith("at step 1, the median sample's norm grows")
    assert claims["exploding"].sentence.endswith("so at 1 of 3 judged steps")


def test_directions_and_stacked_cells_have_their_own_diagnosis(tmp_path):
    def both(step):
        back = gradient(0.99, step)[:, ::-1]
        data = np.concatenate([cut(gradient(0.99, step)), back], axis=2)
        return record(data, channel_groups={"forward": UNITS, "backward": UNITS})

    def stacked(step):
        data = np.concatenate([gradient(0.99, step), gradient(0.3, step)], axis=2)
        return record(data, channel_groups={"cell_0": UNITS, "cell_1": UNITS})

    log(tmp_path, {"bi": both, "stack": stacked})
    found = {
        (one.tag, one.direction): [claim.name for claim in one.claims] for one in diagnose(tmp_path)
    }
    assert found == {
        ("bi", "forward"): ["cut"],
        ("bi", "backward"): ["healthy"],
        ("stack/cell_0", "forward"): ["healthy"],
        ("stack/cell_1", "forward"): ["vanishing"],
    }


def test_an_output_gradient_says_nothing_of_time(tmp_path):
    log(tmp_path, {"rnn/hidden_state": lambda step: record(cut(gradient(), 1), "output_gradient")})
    claims = said(tmp_path)
    assert [*claims] == ["cannot_say"]
    assert "log hidden-state gradients" in claims["cannot_say"].sentence


def test_the_json_has_the_promised_shape(tmp_path):
    log(tmp_path / "a", of_hidden(cut))
    log(
        tmp_path / "b",
        of_hidden(lambda data: data * 10.0 ** np.arange(38, -12, -1)[:, np.newaxis], 1.0),
    )  # the growth overflows float32
    first, second = (one.to_json() for one in diagnose(tmp_path))
    assert first == {
        "run": "a",
        "tag": "rnn/hidden_state",
        "direction": "forward",
        "step": 2,
        "diagnosis": [
            {
                "name": "cut",
                "sentence": said(tmp_path / "a")["cut"].sentence,
                "value": 12.0,
                "threshold": 50.0,
            }
        ],
    }
    assert json.loads(json.dumps(second, allow_nan=False)) == second


def test_claims_come_worst_first(tmp_path):
    log(tmp_path, of_hidden(lambda data: dead_channels(one_nan(cut(data)))))
    names = [*said(tmp_path)]
    assert names == ["non_finite", "cut", "dead"]
    assert names == sorted(names, key=NAMES.index)


def test_runs_and_tags_that_are_not_there_are_refused(tmp_path):
    log(tmp_path / "a", of_hidden())
    with pytest.raises(ValueError, match=r"no run 'c' in .*; there are: 'a'"):
        diagnose(tmp_path, run="c")
    with pytest.raises(ValueError, match=r"no such tag 'x' in .*, run 'a'"):
        diagnose(tmp_path, run="a", tag="x")
    with pytest.raises(FileNotFoundError):
        diagnose(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no tag with a gradient along time in"):
        diagnose(tmp_path / "empty")


def test_a_log_of_flow_alone_is_judged_too(tmp_path):
    data = cut(gradient())
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_flow("rnn/hidden_state", flow.statistics(data), 5, layer="rnn")
    assert [*said(tmp_path)] == ["cut"]
