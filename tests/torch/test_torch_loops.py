"""Loops over cells, and over fused modules called a few timesteps at a time."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint
from torch_cases import LENGTHS, SAMPLES, TIMESTEPS, UNITS, Case
from torch_expected import assert_close, difference, expected_of, quantities
from unrolled import Nudge

import tb_rnngrad
from tb_rnngrad.torch import (
    GradientLogger,
    capture,
    gradients,
    input_sensitivity,
    itemized_gradients,
    lyapunov_exponents,
    state_jacobian,
)

KINDS = ["LSTM", "GRU", "RNN"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def cell_of(module):
    """Return a cell with the weights of a fused module of one layer."""
    options = {"nonlinearity": module.nonlinearity} if module.mode.startswith("RNN") else {}
    kind = getattr(nn, f"{type(module).__name__}Cell")
    cell = kind(module.input_size, module.hidden_size, module.bias, **options).double()
    for name, weight in cell.named_parameters():
        weight.data.copy_(getattr(module, f"{name}_l0"))
    return cell


class Loop(nn.Module):
    """A recurrence of one timestep, or some, at a time; `between` sees each state handed on.

    Attributes:
        step: a cell, or a fused module with samples first.
        size: the number of timesteps of a call of a fused module.
    """

    def __init__(self, step, size=1):
        super().__init__()
        self.step = step
        self.size = size

    def forward(self, x, state=None, between=lambda t, new, old: new):
        """Return y, samples first, and the final states."""
        outputs, t = [], 0
        while t < x.shape[1]:
            if isinstance(self.step, nn.RNNCellBase):
                new = self.step(x[:, t], state)
                y, t = (new[0] if isinstance(new, tuple) else new).unsqueeze(1), t + 1
            else:
                y, new = self.step(x[:, t : t + self.size], state)
                t += self.size
            outputs.append(y)
            state = between(t, new, state)
        return torch.cat(outputs, 1), state


def mapped(function, *states):
    """Apply a function to h and, for an LSTM, to c."""
    if isinstance(states[0], tuple):
        return tuple(function(*each) for each in zip(*states, strict=True))
    return function(*states)


def reset(t, new, old):
    is_new = torch.tensor([[t == 2], [False], [t == 4]])
    return mapped(lambda one: one * ~is_new, new)


class BuiltLoop:
    """A case whose module is called in a loop."""

    def __init__(self, case, size=None):
        self.built = case.build()
        fused = self.built.module
        self.is_cell = size is None
        self.net = Loop(cell_of(fused) if self.is_cell else fused, size or 1)

    def loss(self, between=lambda t, new, old: new, use=lambda y: y):
        initial = tuple(
            state[0] if self.is_cell else state for state in self.built.initial.values()
        )
        if self.built.case.kind != "LSTM":
            initial = initial[0]
        given = initial if self.built.case.has_initial else None
        y, state = self.net(self.built.x, given, between)
        state = mapped(lambda one: one.unsqueeze(0), state) if self.is_cell else state
        h_n, c_n = state if self.built.case.kind == "LSTM" else (state, torch.zeros_like(state))
        return self.built.loss_of(use(y), h_n, c_n)

    def found(self, of, **options):
        """Return records by the names of the case's layers."""
        found = gradients(self.net, lambda: self.loss(**options), of=of)
        assert list(found) == [f"step{name[len(self.built.case.kind) :]}" for name in self.names]
        return dict(zip(self.names, found.values(), strict=True))

    @property
    def names(self):
        return self.built.names


CELLS = [
    (Case(kind, options, **more), None)
    for kind, options in [*((kind, {}) for kind in KINDS), ("RNN", {"nonlinearity": "relu"})]
    for more in ({}, {"reads": "last", "has_initial": True})
] + [(Case("GRU", {"bias": False}, reads="final"), None)]
CHUNKS = [
    (Case(kind, options | {"batch_first": True}, **more), size)
    for kind, options, size, more in (
        ("LSTM", {}, 1, {}),
        ("LSTM", {"num_layers": 2}, 4, {"has_initial": True}),
        ("LSTM", {"proj_size": 3}, 2, {"reads": "last"}),
        ("GRU", {}, 1, {"reads": "last", "has_initial": True}),
        ("GRU", {"num_layers": 2, "bias": False}, 4, {}),
        ("RNN", {"nonlinearity": "relu"}, 4, {}),
        ("RNN", {"num_layers": 2}, 1, {"reads": "final", "is_frozen": True}),
    )
]
every_loop = pytest.mark.parametrize(("case", "size"), CELLS + CHUNKS, ids=str)


@every_loop
def test_every_quantity_of_a_loop_agrees_with_a_network_unrolled_by_hand(case, size):
    loop = BuiltLoop(case, size)
    found, expected = loop.found(quantities(case)), expected_of(loop.built)
    for layer, records in found.items():
        assert records.keys() == expected[layer].keys()
        for name, record in records.items():
            assert record.mask is None
            assert_close(record, expected[layer][name].detach(), 1e-12)


@pytest.mark.parametrize(("case", "size"), [CELLS[0], CELLS[3], CELLS[4], CHUNKS[1]], ids=str)
def test_states_of_a_loop_agree_with_finite_differences_in_numpy(case, size, rng):
    loop = BuiltLoop(case, size)
    of = ("hidden_state", "cell_state")[: 2 if case.kind == "LSTM" else 1]
    found = loop.found(list(of))
    entries, differences = [], []
    for name in of:
        for layer, layer_name in enumerate(loop.names):
            sample, t, unit = rng.integers((SAMPLES, TIMESTEPS, UNITS))
            entries.append(found[layer_name][name].data[sample, t, unit])
            differences.append(difference(loop.built, Nudge(name[0], layer, 0, sample, t, unit)))
    assert_close(entries, differences, 1e-6)


@every_kind
@pytest.mark.parametrize("size", [None, 1])
def test_an_output_gradient_of_a_loop_is_exactly_zero_where_nothing_is_read(kind, size):
    loop = BuiltLoop(Case(kind, {"batch_first": True}, reads="last"), size)
    loop.net.float()
    loop.built.x = loop.built.x.float()
    (record,) = loop.found(["output", "hidden_state"]).values()
    np.testing.assert_array_equal(record["output"].data[:, :-1], 0)
    np.testing.assert_array_equal(record["output"].data[:, -1], record["hidden_state"].data[:, -1])
    assert (np.abs(record["hidden_state"].data).max(axis=(0, 2)) > 1e-3).all()


@every_kind
@pytest.mark.parametrize("size", [None, 2])
def test_a_detached_state_ends_the_gradient_and_not_the_record(kind, size):
    loop = BuiltLoop(Case(kind, {"batch_first": True}), size)
    cut = 4

    def between(t, new, old):
        return mapped(torch.detach, new) if t == cut else new

    (found,) = loop.found(["hidden_state", "output", "weight_gradients"], between=between).values()
    fused, x = loop.built.module, loop.built.x
    with torch.no_grad():
        _, state = fused(x[:, :cut])
    by_y = loop.built.reading[0]

    def loss(y, part):
        return (y.tanh() * by_y[:, part]).sum()

    def late():
        y, states = fused(x[:, cut:], state)
        final = states if kind == "LSTM" else (states, torch.zeros_like(states))
        by_h, by_c = loop.built.reading[1:]
        return loss(y, slice(cut, None)) + sum(
            (one.sin() * by).sum() for one, by in zip(final, (by_h, by_c), strict=True)
        )

    of = ["hidden_state", "output", "weight_gradients"]
    (first,) = gradients(fused, lambda: loss(fused(x[:, :cut])[0], slice(cut)), of=of).values()
    (second,) = gradients(fused, late, of=of).values()
    for name in ("hidden_state", "output"):
        expected = np.concatenate([first[name], second[name]], axis=1)
        assert_close(found[name], expected, 1e-12)
    weight = "weight_gradients/weight_hh"
    assert_close(found[weight], first[weight].data + second[weight].data, 1e-12)


def test_what_came_before_a_detached_state_is_zero_where_the_loss_is_late():
    loop = BuiltLoop(Case("GRU", reads="last"))
    (record,) = loop.found(
        "hidden_state", between=lambda t, new, old: new.detach() if t == 4 else new
    ).values()
    np.testing.assert_array_equal(record.data[:, :4], 0)
    assert (np.abs(record.data[:, 4:]).max(axis=(0, 2)) > 0).all()


# --- variable lengths ---


@every_kind
def test_timesteps_whose_result_is_thrown_away_are_padding(kind):
    loop = BuiltLoop(Case(kind, layout="packed"))
    lengths = torch.tensor(LENGTHS).unsqueeze(1)

    def between(t, new, old):
        is_real = t - 1 < lengths
        if old is None:
            return new
        return mapped(lambda one, other: torch.where(is_real, one, other), new, old)

    (found,) = loop.found(quantities(loop.built.case), between=between).values()
    (expected,) = expected_of(loop.built).values()
    for name, record in found.items():
        if record.mask is not None:
            np.testing.assert_array_equal(record.mask.sum(axis=1), LENGTHS)
            assert (np.diff(record.mask.astype(int)) <= 0).all()
        if not name.startswith(("states", "activations")):  # those go on in padding, unused
            assert_close(record, expected[name].detach(), 1e-12)
    assert found["hidden_state"].mask is not None


@every_kind
def test_a_batch_may_shrink_as_sequences_end(kind):
    case = Case(kind)
    built = case.build()
    cell, lengths = cell_of(built.module), [6, 4, 1]
    net, by_y = Loop(cell), built.reading[0]

    def loss():
        state, total = None, 0.0
        for t in range(TIMESTEPS):
            count = sum(length > t for length in lengths)
            given = None if state is None else mapped(lambda one, n=count: one[:n], state)
            state = cell(built.x[:count, t], given)
            h = state[0] if kind == "LSTM" else state
            total = total + (h.tanh() * by_y[:count, t]).sum()
        return total

    found = gradients(net, loss, of=["hidden_state", "output"])["step"]
    packed = pack_padded_sequence(built.x, lengths, batch_first=True)
    module = built.module

    def fused_loss():
        y, _ = pad_packed_sequence(module(packed)[0], batch_first=True)
        return (y.tanh() * by_y).sum()

    module.batch_first = True
    (expected,) = gradients(module, fused_loss, of=["hidden_state", "output"]).values()
    for name in ("hidden_state", "output"):
        np.testing.assert_array_equal(found[name].mask, expected[name].mask)
        assert_close(found[name], expected[name], 1e-12)


# --- episodes ---


def by_episode(built, ends, of, initial=None):
    """Return each episode's records: (sample, first timestep, records), by the fused module."""
    by_y, x, module = built.reading[0], built.x, built.module
    for sample, own in enumerate(ends):
        bounds = [0, *own, TIMESTEPS]
        for start, end in pairwise(bounds):
            part = slice(sample, sample + 1), slice(start, end)
            state = initial

            def loss(part=part, state=state):
                given = () if state is None else (state,)
                return (module(x[part], *given)[0].tanh() * by_y[part]).sum()

            (records,) = gradients(module, loss, of=of).values()
            yield sample, start, records


RESETS = {
    "a product with a mask": lambda one, is_new: one * ~is_new,
    "a choice": lambda one, is_new: torch.where(is_new, torch.zeros_like(one), one),
    "in place": lambda one, is_new: one.clone().masked_fill_(is_new, 0.0),
    "a new batch": lambda one, is_new: torch.cat(
        [
            torch.zeros_like(row) if new else row
            for row, new in zip(one.split(1), is_new, strict=True)
        ]
    ),
}


@pytest.mark.parametrize("reset", RESETS)
@every_kind
def test_each_episode_is_a_sample_at_its_own_timesteps(kind, reset):
    built = Case(kind, {"batch_first": True}).build()
    net, by_y = Loop(cell_of(built.module)), built.reading[0]
    ends = [[2, 5], [], [5]]  # two samples end one together

    def between(t, new, old):
        is_new = torch.tensor([[t in own] for own in ends])
        return mapped(lambda one: RESETS[reset](one, is_new), new)

    of = ["hidden_state", "output", "gates", "input"]
    found = gradients(net, lambda: (net(built.x, between=between)[0].tanh() * by_y).sum(), of=of)[
        "step"
    ]
    episodes = list(by_episode(built, ends, of))
    for name, record in found.items():
        assert record.shape[:2] == (6, TIMESTEPS)
        for row, (_, start, expected) in enumerate(episodes):
            span = slice(start, start + expected[name].shape[1])
            assert_close(record.data[row, span], expected[name].data[0], 1e-12)
            assert record.mask[row, span].all()
            assert record.mask[row].sum() == expected[name].shape[1]
            assert not record.data[row, ~record.mask[row]].any()
    samples = np.cumsum(found["gates"].mask[:, 0]) - 1
    assert samples.tolist() == [sample for sample, _, _ in episodes]


def test_episodes_of_one_sample_begin_from_the_state_that_is_learned():
    built = Case("GRU", {"batch_first": True}).build()
    x, by_y = built.x[:1], built.reading[0][:1]
    built.x, built.reading[0] = x, by_y
    net = Loop(cell_of(built.module))
    learned = torch.randn(1, UNITS, dtype=torch.float64, requires_grad=True)

    def loss():
        def between(t, new, old):
            return torch.where(torch.tensor([[t == 2]]), learned, new)

        return (net(x, learned, between)[0].tanh() * by_y).sum()

    record = gradients(net, loss)["step"]
    expected = list(by_episode(built, [[2]], "hidden_state", learned.detach().unsqueeze(0)))
    assert record.mask.tolist() == [[True] * 2 + [False] * 4, [False] * 2 + [True] * 4]
    assert_close(record.data[0, :2], expected[0][2].data[0], 1e-12)
    assert_close(record.data[1, 2:], expected[1][2].data[0], 1e-12)


def test_sequences_that_begin_anew_are_samples_of_one_record():
    built = Case("LSTM", {"batch_first": True}).build()
    net, lengths = Loop(cell_of(built.module)), [6, 2, 4]

    def loss(run):
        parts = [run(built.x[n : n + 1, :length]) for n, length in enumerate(lengths)]
        return sum(y.square().sum() for y, _ in parts)

    record = gradients(net, lambda: loss(net))["step"]
    (first, *others) = gradients(built.module, lambda: loss(built.module)).values()
    np.testing.assert_array_equal(record.mask.sum(axis=1), lengths)
    for row, expected in zip(record.data, [first, *others], strict=True):
        assert_close(row[: expected.shape[1]], expected.data[0], 1e-12)
        assert not row[expected.shape[1] :].any()


# --- states that are changed between timesteps ---


def test_a_state_that_is_changed_for_all_samples_goes_on():
    built = Case("LSTM").build()
    cell = cell_of(built.module)
    net, by_y = Loop(cell), built.reading[0]
    keep = (torch.rand(TIMESTEPS, SAMPLES, UNITS, dtype=torch.float64) > 0.3).double() / 0.7

    def between(t, new, old):
        return new[0] * keep[t - 1], new[1]  # as dropout does

    record = gradients(
        net, lambda: (net(built.x, between=between)[0].tanh() * by_y).sum(), of=["hidden_state"]
    )["step"]["hidden_state"]
    hs, state = [], None
    for t in range(TIMESTEPS):
        h, c = cell(built.x[:, t], state)
        hs.append(h)
        state = h * keep[t], c
    loss = sum((h.tanh() * by_y[:, t]).sum() for t, h in enumerate(hs))
    expected = torch.stack(torch.autograd.grad(loss, hs), 1)
    assert record.mask is None
    assert_close(record, expected, 1e-12)
    sentence = "the state of layer 'step' is changed between its calls, so output gradients"
    with pytest.raises(NotImplementedError, match=sentence):
        gradients(net, lambda: net(built.x, between=between)[0].sum(), of="output")


# --- other functions ---


@pytest.mark.parametrize("size", [None, 2])
@every_kind
def test_what_a_loop_depends_on_is_what_a_fused_module_depends_on(kind, size):
    loop = BuiltLoop(Case(kind, {"batch_first": True}), size)
    net, fused, x = loop.net, loop.built.module, loop.built.x
    for function, options in (
        (state_jacobian, {"verbose": 0}),
        (state_jacobian, {"verbose": 0, "wrt": "state", "at": [2, -1]}),
        (lyapunov_exponents, {"k": 99}),
        (input_sensitivity, {}),
    ):
        found, expected = function(net, x, **options), function(fused, x, **options)
        assert list(found) == ["step"]
        np.testing.assert_allclose(found["step"], expected[kind.lower()], rtol=1e-6)
    found = itemized_gradients(net, lambda: net(x)[0].square().sum(2), at=[2, -1])["step"]
    expected = itemized_gradients(fused, lambda: fused(x)[0].square().sum(2), at=[2, -1])
    assert_close(found, expected[kind.lower()], 1e-12)


@pytest.mark.parametrize(
    "between",
    [reset, lambda t, new, old: mapped(lambda one: one * 0.5, new)],
    ids=["an episode ends", "a scale"],
)
@every_kind
def test_a_state_jacobian_of_a_sequence_that_is_interrupted_is_refused(kind, between):
    net = Loop(getattr(nn, f"{kind}Cell")(2, UNITS))
    x = torch.randn(SAMPLES, TIMESTEPS, 2)
    sentence = "layer 'step' is called several times in one sequence, and between its calls states"
    for function in (state_jacobian, lyapunov_exponents, input_sensitivity):
        with pytest.raises(NotImplementedError, match=sentence):
            function(net, lambda: net(x, between=between))


def test_a_state_jacobian_of_a_module_without_recurrent_layers_is_refused():
    x = torch.randn(SAMPLES, TIMESTEPS, 2)
    linear = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="module Sequential has no recurrent layer"):
        state_jacobian(linear, x, verbose=0)


def test_several_cells_in_one_loop_have_a_record_each():
    built = Case("LSTM", {"num_layers": 2}).build()
    fused = built.module
    net = nn.ModuleList([nn.LSTMCell(2, UNITS), nn.LSTMCell(UNITS, UNITS)]).double()
    for number, cell in enumerate(net):
        for name, weight in cell.named_parameters():
            weight.data.copy_(getattr(fused, f"{name}_l{number}"))

    def loss():
        states, outputs = [None, None], []
        for t in range(TIMESTEPS):
            x = built.x[:, t]
            for number, cell in enumerate(net):
                states[number] = cell(x, states[number])
                x = states[number][0]
            outputs.append(x)
        finals = (torch.stack(each) for each in zip(*states, strict=True))
        return built.loss_of(torch.stack(outputs, 1), *finals)

    found = gradients(net, loss, of=quantities(built.case))
    expected = expected_of(built)
    assert list(found) == ["0", "1"]
    for records, own in zip(found.values(), expected.values(), strict=True):
        assert records.keys() == own.keys()
        for name, record in records.items():
            assert_close(record, own[name].detach(), 1e-12)


def test_packed_chunks_and_chunks_of_several_sizes_are_joined():
    torch.manual_seed(3)
    gru = nn.GRU(2, UNITS, batch_first=True).double()
    x, sizes = torch.randn(SAMPLES, 7, 2, dtype=torch.float64), [2, 4, 1]

    def packed(part, lengths):
        return pack_padded_sequence(part, lengths, batch_first=True, enforce_sorted=False)

    def loss(as_chunk):
        state, total = None, 0.0
        for part in x.split(sizes, dim=1):
            y, state = gru(as_chunk(part), state)
            total = total + (y.data if as_chunk is not identity else y).square().sum()
        return total

    def identity(part):
        return part

    expected = gradients(gru, lambda: gru(x)[0].square().sum())["gru"]
    for as_chunk in (identity, lambda part: packed(part, [part.shape[1]] * SAMPLES)):
        found = gradients(gru, lambda as_chunk=as_chunk: loss(as_chunk))["gru"]
        assert found.mask is None
        assert_close(found, expected, 1e-12)

    def ragged():
        y, state = gru(packed(x[:, :4], [1, 4, 2]))
        y, _ = pad_packed_sequence(y, batch_first=True)
        later, _ = gru(packed(x[:, 4:], [3, 1, 2]), state)
        return y.square().sum() + later.data.square().sum()

    record = gradients(gru, ragged)["gru"]
    assert record.mask.sum(axis=1).tolist() == [4, 5, 4]
    whole = torch.cat([x[0, :1], x[0, 4:]]).unsqueeze(0)
    alone = gradients(gru, lambda: gru(whole)[0].square().sum())["gru"]
    assert_close(record.data[0, record.mask[0]], alone.data[0], 1e-12)


# --- what stays as it was, and ways to run a loop ---


def train(net, steps, capturing):
    torch.manual_seed(6)
    head = nn.Linear(UNITS, 1)
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], 0.01)
    for _ in range(steps):
        x = torch.randn(SAMPLES, TIMESTEPS, 2)
        of = ["hidden_state", "gates", "output", "weight_gradients", "states"]
        with capture(net, of=of) if capturing else torch.enable_grad():
            optimizer.zero_grad()
            head(net(x, between=reset)[0]).square().mean().backward()
            optimizer.step()
    return [*net.parameters(), *head.parameters()]


@pytest.mark.parametrize("size", [None, 1, 3])
@every_kind
def test_a_training_in_a_loop_ends_bit_for_bit_the_same_with_captured_steps(kind, size):
    def build():
        torch.manual_seed(5)
        if size is None:
            return Loop(getattr(nn, f"{kind}Cell")(2, UNITS))
        return Loop(getattr(nn, kind)(2, UNITS, batch_first=True), size)

    plain, captured = train(build(), 10, False), train(build(), 10, True)
    assert all(map(torch.equal, plain, captured))


@every_kind
def test_a_logger_reads_a_loop_and_leaves_its_training_bit_for_bit_the_same(kind, tmp_path):
    def run(log_dir=None):
        torch.manual_seed(7)
        net = Loop(getattr(nn, f"{kind}Cell")(2, UNITS))
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        logger = log_dir and GradientLogger(
            log_dir, net, optimizer, update_freq=4, flow_freq=1, max_outputs=99
        )
        for step in range(8):
            optimizer.zero_grad()
            for x in torch.randn(2, SAMPLES, TIMESTEPS, 2):  # gradient accumulation
                loss = partial(lambda x: net(x, between=reset)[0].square().mean(), x)
                if step == 4:
                    expected.append(gradients(net, loss)["step"])
                loss().backward()
            optimizer.step()
        if logger:
            logger.close()
        return list(net.parameters())

    expected = []
    assert all(map(torch.equal, run(tmp_path), run()))
    series = tb_rnngrad.read(tmp_path, tag="step/hidden_state")
    assert series.steps.tolist() == [0, 4]
    assert series[-1].shape == (2 * 5, TIMESTEPS, UNITS)  # two of three samples begin anew
    for part, record in zip((series[-1].data[:5], series[-1].data[5:]), expected, strict=False):
        np.testing.assert_array_equal(part, record.data)
    masks = np.concatenate([record.mask for record in expected[:2]])
    np.testing.assert_array_equal(series[-1].mask, masks)


@every_kind
def test_float32_is_as_exact_in_a_loop_as_float32_can_be(kind):
    loop = BuiltLoop(Case(kind))
    of = quantities(loop.built.case)
    (exact,) = loop.found(of).values()
    loop.net.float()
    loop.built.x = loop.built.x.float()
    loop.built.reading = [one.float() for one in loop.built.reading]
    (found,) = loop.found(of).values()
    for name, record in found.items():
        assert record.data.dtype == np.float32
        assert_close(record, exact[name], 1e-4)


def test_a_loop_over_unbatched_timesteps_is_one_sample():
    built = Case("LSTM").build()
    net = Loop(cell_of(built.module))

    def loss():
        state, total = None, 0.0
        for x in built.x[0]:
            state = net.step(x, state)
            total = total + state[0].square().sum()
        return total

    x = built.x[:1].transpose(0, 1)
    expected = gradients(built.module, lambda: built.module(x)[0].square().sum())["lstm"]
    assert_close(gradients(net, loss)["step"], expected, 1e-12)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_checkpointed_loop_gives_one_record(use_reentrant):
    built = Case("LSTM").build()
    net = Loop(cell_of(built.module))
    built.x.requires_grad_()
    expected = gradients(net, lambda: net(built.x)[0].square().sum())["step"]
    with capture(net) as captured:
        y, _ = checkpoint(net, built.x, use_reentrant=use_reentrant)
        y.square().sum().backward()
    np.testing.assert_array_equal(captured["step"], expected)


def test_timesteps_checkpointed_one_by_one_give_one_record():
    built = Case("GRU").build()
    net = Loop(cell_of(built.module))

    def loss(run):
        state = torch.zeros(SAMPLES, UNITS, dtype=torch.float64)
        for t in range(TIMESTEPS):
            state = run(net.step, built.x[:, t], state)
        return state.square().sum()

    expected = gradients(net, lambda: loss(lambda cell, *args: cell(*args)))["step"]
    with capture(net) as captured:
        loss(lambda *args: checkpoint(*args, use_reentrant=False)).backward()
    np.testing.assert_array_equal(captured["step"], expected)


@pytest.mark.parametrize("when", ["before", "inside"])
def test_a_loop_inside_of_a_compiled_graph_is_refused_in_a_sentence(when):
    torch.compiler.reset()
    net = Loop(nn.GRUCell(2, UNITS))
    x = torch.randn(SAMPLES, 3, 2)
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    if when == "before":
        compiled(x)
    sentence = (
        "nothing of layer 'step' was seen (hidden_state): it was not called, or torch.compile made "
        "its loop part of a graph, where it cannot be seen; expected the module before "
        "torch.compile, or the loop under torch.compiler.disable"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"), capture(compiled):
        compiled(x)[0].sum().backward()


def test_a_loop_that_the_compiler_leaves_alone_is_seen():
    torch.compiler.reset()
    torch.manual_seed(2)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.loop = Loop(nn.LSTMCell(2, UNITS))
            self.head = nn.Linear(UNITS, 1)

        def forward(self, x):
            return self.head(torch.tanh(self.run(x)))

        @torch.compiler.disable
        def run(self, x):
            return self.loop(x)[0]

    net, x = Net(), torch.randn(SAMPLES, 3, 2)
    expected = gradients(net, lambda: net(x).sum())["loop.step"]
    compiled = torch.compile(net, backend="eager")
    with capture(compiled) as captured:
        compiled(x).sum().backward()
    np.testing.assert_allclose(captured["loop.step"], expected, rtol=1e-6)


def test_values_of_a_loop_need_no_backward_pass():
    built = Case("LSTM", {"batch_first": True}).build()
    net = Loop(cell_of(built.module))
    with torch.no_grad(), capture(net, of=["activations", "states"]) as captured:
        y, (_, c) = net(built.x)
    np.testing.assert_array_equal(captured["step"]["activations"], y)
    np.testing.assert_allclose(captured["step"]["states/c"].data[:, -1], c, rtol=1e-12)
