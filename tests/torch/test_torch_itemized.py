"""Itemized gradients: of single timesteps' losses, and their sum."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn
from torch_cases import KINDS, TIMESTEPS, Case
from torch_nets import FEATURES, SAMPLES, UNITS, Net, assert_same, state_of
from unrolled import Nudge, Probes, in_numpy, in_torch

import tb_rnngrad
from tb_rnngrad.torch import capture, gradients, itemized_gradients

STEP = 1e-5


def losses_of(built):
    """Return a loss at every timestep, [samples, timesteps], from the outputs, samples first."""
    real = torch.arange(TIMESTEPS) < torch.tensor(built.lengths).unsqueeze(1)
    return lambda y: (y.sin() * built.reading[0]).sum(2) * real


def records_of(built, at):
    losses = losses_of(built)
    return itemized_gradients(built.module, lambda: losses(built.outputs()[0]), at)


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize(
    ("more", "layout"),
    [({}, "dense"), ({"num_layers": 2, "bidirectional": True}, "packed")],
    ids=["plain", "stacked, bidirectional, packed"],
)
def test_they_are_the_gradients_of_the_loss_at_t_of_a_network_unrolled_by_hand(
    kind, options, more, layout
):
    built = Case(kind, options | more, layout=layout, has_initial=True).build()
    found = records_of(built, [2, -1])
    assert list(found) == built.names
    probes = Probes()
    y, _, _ = in_torch(built.module, built.x, built.lengths, built.initial, probes)
    losses = losses_of(built)(y)
    for channel, t in enumerate((2, TIMESTEPS - 1)):
        leaves = {
            (layer, direction, s): zeros
            for (name, layer, direction), steps in probes.zeros.items()
            if name == "hidden_state"
            for s, zeros in steps.items()
        }
        alone = torch.autograd.grad(
            losses[:, t].sum(), leaves.values(), retain_graph=True, allow_unused=True
        )
        by_leaf = dict(zip(leaves, alone, strict=True))
        for layer, name in enumerate(built.names):
            record = found[name]
            assert record.channel_groups == {"t = 2": 1, "t = 5": 1}
            assert record.data.dtype == np.float64
            for s in range(TIMESTEPS):
                parts = [by_leaf[layer, one, s] for one in range(built.directions)]
                whole = torch.cat([one for one in parts if one is not None], dim=1)
                expected = whole.norm(dim=1)
                np.testing.assert_allclose(record.data[:, s, channel], expected, atol=1e-12)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_they_agree_with_finite_differences_in_numpy(kind, options):
    built = Case(kind, options, has_initial=True).build()
    (record,) = records_of(built, [4]).values()
    initial = {name: state.numpy() for name, state in built.initial.items()}
    losses = losses_of(built)

    def loss(change):
        y, _, _ = in_numpy(built.module, built.x.numpy(), built.lengths, initial, change)
        return losses(torch.as_tensor(y))[:, 4].sum().item()

    for s in (0, 2, 4):
        gradient = []
        for unit in range(built.reading[0].shape[2]):
            change = Nudge("h", 0, 0, 1, s, unit)
            ends = [loss(replace(change, by=by)) for by in (STEP, -STEP)]
            gradient.append((ends[0] - ends[1]) / (2 * STEP))
        assert record.data[1, s, 0] == pytest.approx(np.linalg.norm(gradient), rel=1e-6, abs=1e-9)
    assert (record.data[:, 5] == 0).all()


class Tagger(nn.Module):
    """A loss at every timestep, through two recurrent modules and dropout between them."""

    def __init__(self, units=UNITS, dropout=0.5):
        super().__init__()
        self.low = nn.LSTM(FEATURES, units, batch_first=True)
        self.noise = nn.Dropout(dropout)
        self.high = nn.GRU(units, units, batch_first=True)
        self.head = nn.Linear(units, 2)

    def forward(self, x):
        return self.head(self.high(self.noise(self.low(x)[0]))[0])


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.randn(SAMPLES, TIMESTEPS, FEATURES)


@pytest.fixture
def tagger():
    torch.manual_seed(2)
    return Tagger()


def squares(tagger, x):
    return lambda: tagger(x).square()


def test_shares_of_all_timesteps_add_up_to_the_gradient_of_the_whole_loss(x):
    """If all gradients are positive, one unit's norms add up as they do."""
    tagger = Tagger(units=1, dropout=0)
    with torch.no_grad():
        for weight in tagger.parameters():
            weight.abs_().mul_(0.3)
        tagger.high.weight_hh_l0.zero_()
    losses = lambda: tagger(x)[..., 0] * torch.arange(1.0, TIMESTEPS + 1)  # noqa: E731
    shares = itemized_gradients(tagger, losses, range(TIMESTEPS), "high")["high"]
    whole = gradients(tagger, lambda: losses().sum(), "high")["high"]
    assert whole.data.min() > 0
    np.testing.assert_allclose(shares.data.sum(axis=2), whole.data[:, :, 0], rtol=1e-5)


def test_one_forward_pass_serves_every_timestep(tagger, x):
    calls = []

    def losses():
        calls.append(1)
        return tagger(x).square()

    found = itemized_gradients(tagger, losses, [1, 3])
    assert calls == [1]
    alone = [itemized_gradients(tagger, squares(tagger, x), [t]) for t in (1, 3)]
    for name, record in found.items():
        assert (record.data[:, :2, 0] > 0).all()
        assert (record.data[:, 2:, 0] == 0).all()
        assert record.framework == "torch"
        assert record.backward_passes is None
        assert [*record.channel_groups] == ["t = 1", "t = 3"]
        # The random numbers are given back, so all three drop the same units.
        expected = np.concatenate([one[name] for one in alone], axis=2)
        np.testing.assert_array_equal(record, expected)


def test_it_is_the_norm_of_what_gradients_gives_for_the_loss_at_t(tagger, x):
    tagger.eval()
    found = itemized_gradients(tagger, squares(tagger, x), [-2])
    alone = gradients(tagger, lambda: tagger(x)[:, -2].square().sum())
    for name, record in found.items():
        expected = np.linalg.norm(alone[name], axis=2)
        np.testing.assert_allclose(record.data[:, :, 0], expected, rtol=1e-5, atol=1e-8)


def test_a_loss_by_timestep_alone_counts_all_samples(tagger, x):
    tagger.eval()
    found = itemized_gradients(tagger, lambda: tagger(x).square().sum((0, 2)), [2])
    expected = itemized_gradients(tagger, squares(tagger, x), [2])
    for name, record in found.items():
        np.testing.assert_allclose(record, expected[name], rtol=1e-5, atol=1e-8)


def test_a_layer_that_other_timesteps_alone_depend_on_is_exactly_0(x):
    net = nn.ModuleDict({"rnn": nn.RNN(FEATURES, UNITS, batch_first=True)})

    def losses():
        y, _ = net["rnn"](x)
        return torch.stack([y[:, 3].sum(1), x[:, 0].sum(1)], dim=1)

    record = itemized_gradients(net, losses, [0, 1])["rnn"]
    assert (record.data[:, :4, 0] > 0).all()
    assert not record.data[:, :, 1].any()


def test_norms_whose_squares_underflow_stay_above_0():
    rnn = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(1.0)
        rnn.weight_hh_l0.fill_(1e-7)
    record = itemized_gradients(rnn, lambda: rnn(torch.ones(1, 5, 1))[0], [-1])["rnn"]
    assert record.data.dtype == np.float32
    np.testing.assert_allclose(np.diff(np.log10(record.data), axis=1), 7, rtol=1e-5)


def test_each_call_has_a_record_with_its_mask(x):
    built = Case("LSTM", layout="packed").build(torch.float32)
    module, losses = built.module, losses_of(built)

    def twice():
        return losses(built.outputs()[0]) + losses(built.outputs()[0])

    found = itemized_gradients(module, twice, [0])
    assert list(found) == ["lstm", "lstm.call2"]
    np.testing.assert_array_equal(*found.values())
    for record in found.values():
        np.testing.assert_array_equal(record.mask.sum(axis=1), built.lengths)


@pytest.mark.parametrize("is_training", [False, True])
def test_the_module_stays_as_it_was(x, is_training):
    torch.manual_seed(2)
    net = Net(num_layers=2, dropout=0.3).train(is_training)
    net(x).sum().backward()
    before = state_of(net)
    losses = lambda: net(x).square().expand(SAMPLES, 3)  # noqa: E731
    first, again = (itemized_gradients(net, losses, [0, 2], "encoder.low") for _ in range(2))
    assert_same(state_of(net), before)
    for name, record in first.items():
        np.testing.assert_array_equal(record, again[name])

    def fails():
        net(x)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        itemized_gradients(net, fails, [0])
    assert_same(state_of(net), before)
    with capture(net) as captured:  # no hook is left, and the user's graph is as before
        net(x).sum().backward()
    assert len(captured) == 3


def test_records_are_logged_and_read_back(tagger, x, tmp_path):
    found = itemized_gradients(tagger, squares(tagger, x), [1, -1], "high")["high"]
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("high/itemized", found, 3)
    series = tb_rnngrad.read(tmp_path)
    assert series.metadata.quantity == "itemized_gradient"
    assert series.metadata.channel_groups == {"t = 1": 1, "t = 5": 1}
    np.testing.assert_array_equal(series[-1], found)


# --- what is refused ---


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ([1, 6], "at names the timestep 6; the loss has 6: expected -6 to 5"),
        ([1, -5], "at names the timestep 1 twice; expected each once"),
        ([], "at is empty; expected at least one timestep of the loss"),
    ],
)
def test_an_invalid_timestep_is_named(tagger, x, at, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        itemized_gradients(tagger, squares(tagger, x), at)


@pytest.mark.parametrize(
    ("losses", "error", "message"),
    [
        (lambda net, x: None, TypeError, "the loss function returned None; expected the losses"),
        (
            lambda net, x: net(x).sum(),
            ValueError,
            "the loss function returned one value; expected the losses of all timesteps, [samples, "
            'timesteps], as a criterion with reduction="none" gives them',
        ),
        (
            lambda net, x: net(x).sum(2).T,
            ValueError,
            "the loss function returned losses of shape (6, 3), and layer 'low' has 3 samples; "
            "expected [samples, timesteps], samples first",
        ),
        (
            lambda net, x: net(x).detach(),
            ValueError,
            "nothing of layer 'low' was seen (hidden_state): no backward pass came to it",
        ),
        (
            lambda net, x: net.head(net.low(x)[0]),
            ValueError,
            "nothing of layer 'high' was seen (hidden_state): it was not called",
        ),
        (
            lambda net, x: x,
            ValueError,
            "nothing of layer 'low' was seen (hidden_state): it was not called",
        ),
    ],
)
def test_losses_that_are_none_are_refused(tagger, x, losses, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        itemized_gradients(tagger, lambda: losses(tagger, x), [0])
