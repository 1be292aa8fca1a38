"""State Jacobians, exponents and sensitivities: against differences and hand-unrolled networks."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn
from torch.autograd.functional import jacobian as autograd_jacobian
from torch.nn.utils.rnn import pack_padded_sequence
from torch_cases import CASES, KINDS, TIMESTEPS, Case
from torch_nets import FEATURES, SAMPLES, UNITS, Net, assert_same, state_of
from unrolled import Nudge, Probes, in_numpy, in_torch, order_of, torch_step, weights_of

import tb_rnngrad
from tb_rnngrad.torch import input_sensitivity, lyapunov_exponents, state_jacobian

STEP = 1e-6
NORMS = {
    "fro": np.linalg.norm,
    "sum": lambda product: np.linalg.norm(product.sum(axis=0)),
    "spectral": lambda product: np.linalg.norm(product, 2),
}


def names_of(built):
    """Return (name, layer, direction) of every record."""
    for layer, name in enumerate(built.names):
        for direction in range(built.directions):
            where = f"/{('forward', 'backward')[direction]}" if built.directions > 1 else ""
            yield name + where, layer, direction


def is_real(built):
    return np.arange(TIMESTEPS) < np.array(built.lengths)[:, np.newaxis]


def log10_norms(jacobians, real, norm="fro"):
    """Return the mean over samples of log10 of the norm, [t, s].

    `jacobians` is [samples, t, units, s, features].
    """
    logs = np.full((len(real), TIMESTEPS, TIMESTEPS), np.nan)
    with np.errstate(divide="ignore"):
        for sample, t, s in np.ndindex(logs.shape):
            if real[sample, t] and real[sample, s]:
                logs[sample, t, s] = np.log10(NORMS[norm](jacobians[sample, t, :, s]))
    return np.nanmean(logs, axis=0)


def assert_same_logarithms(record, expected, atol=1e-5):
    none = np.isneginf(expected)
    np.testing.assert_array_equal(np.isneginf(record), none)
    np.testing.assert_allclose(np.asarray(record)[~none], expected[~none], rtol=0, atol=atol)


@pytest.fixture
def quiet():
    """The arguments of a Jacobian without a progress bar."""
    return {"verbose": 0}


# --- against networks unrolled by hand ---


def unrolled_jacobians(built, layer, direction):
    """Return dh_t/dx_s and dh_t/dh_s, [samples, t, units, s, features or units], by autograd."""
    probes = Probes()
    in_torch(built.module, built.x.detach(), built.lengths, built.initial, probes)
    x = probes.values["input", layer, 0]
    index = layer * built.directions + direction
    initial = [built.initial[state][index] for state in ("h", "c")]
    weights = weights_of(built.module, layer, direction)
    real = torch.as_tensor(is_real(built))

    def hidden_states(x, changes):
        (h, c), seen = initial, {}
        for t in order_of(TIMESTEPS, direction):

            def at(name, values, t=t):
                return values + changes[:, t] if name == "hidden_state" else values

            new_h, new_c = torch_step(built.module, weights, x[:, t], h, c, at)
            now = real[:, t : t + 1]
            h, c = torch.where(now, new_h, h), torch.where(now, new_c, c)
            seen[t] = h
        # Samples do not depend on each other, so their sum shows each one's derivative.
        return torch.stack([seen[t].sum(0) for t in range(TIMESTEPS)])

    changes = torch.zeros(len(x), TIMESTEPS, initial[0].shape[1], dtype=x.dtype)
    found = autograd_jacobian(hidden_states, (x, changes))
    return [one.permute(2, 0, 1, 3, 4).numpy() for one in found]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_jacobians_and_sensitivities_agree_with_a_network_unrolled_by_hand(case, quiet):
    built = case.build()
    real = is_real(built)
    by_input = state_jacobian(built.module, built.outputs, **quiet)
    by_state = state_jacobian(built.module, built.outputs, wrt="state", **quiet)
    slopes = input_sensitivity(built.module, built.outputs)
    names = [name for name, _, _ in names_of(built)]
    assert list(by_input) == list(by_state) == list(slopes) == names
    for name, layer, direction in names_of(built):
        of_input, of_state = unrolled_jacobians(built, layer, direction)
        assert_same_logarithms(by_input[name], log10_norms(of_input, real))
        assert_same_logarithms(by_state[name], log10_norms(of_state, real))
        moved = np.where(real[..., np.newaxis], of_input.sum(axis=(3, 4)), np.nan)
        np.testing.assert_allclose(slopes[name], np.nanmean(moved, axis=(0, 2)), rtol=1e-9)


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("norm", ["sum", "spectral"])
def test_other_norms_agree_with_a_network_unrolled_by_hand(kind, options, norm, quiet):
    built = Case(kind, options).build()
    found = state_jacobian(built.module, built.outputs, norm=norm, **quiet)
    of_input, _ = unrolled_jacobians(built, 0, 0)
    expected = log10_norms(of_input, is_real(built), norm)
    assert_same_logarithms(found[built.names[0]], expected)


def transitions_of(built):
    """Return ds_t/ds_t-1 of the only sample, [timesteps, states, states], by autograd."""
    weights, lstm = weights_of(built.module, 0, 0), built.case.kind == "LSTM"
    h, c = (state[0] for state in built.initial.values())
    found = []
    for t in range(TIMESTEPS):

        def step(h, c, t=t):
            return torch_step(built.module, weights, built.x[:, t], h, c, lambda _, values: values)

        blocks = autograd_jacobian(step, (h, c))
        blocks = [[one.squeeze(2).squeeze(0).numpy() for one in row] for row in blocks]
        found.append(np.block(blocks) if lstm else blocks[0][0])
        h, c = step(h, c)
    return np.stack(found)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_exponents_agree_with_the_volumes_of_a_network_unrolled_by_hand(kind, options):
    built = Case(kind, options, layout="unbatched", has_initial=True).build()
    built.module.requires_grad_(False)
    transitions = transitions_of(built)
    (found,) = lyapunov_exponents(built.module, built.outputs, k=99).values()
    assert found.shape == (1, transitions.shape[1])
    assert found[0].tolist() == sorted(found[0], reverse=True)
    with np.errstate(divide="ignore"):
        volumes = [np.linalg.slogdet(one)[1] for one in transitions]
    assert found.sum() == pytest.approx(np.mean(volumes))


# --- against finite differences in NumPy ---


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_jacobians_by_the_input_agree_with_finite_differences_in_numpy(kind, options, quiet):
    built = Case(kind, options | {"bidirectional": True}, layout="packed", has_initial=True).build()
    initial = {name: state.numpy() for name, state in built.initial.items()}
    x = built.x.detach().numpy()

    def hidden_states(s, feature, by):
        change = np.zeros_like(x)
        change[:, s, feature] = by
        return in_numpy(built.module, x + change, built.lengths, initial)[0]

    size = built.reading[0].shape[2]
    found = np.zeros((len(x), TIMESTEPS, size, TIMESTEPS, x.shape[2]))
    for s, feature in np.ndindex(TIMESTEPS, x.shape[2]):
        up, down = (hidden_states(s, feature, by) for by in (STEP, -STEP))
        found[:, :, :, s, feature] = (up - down) / (2 * STEP)
    records = state_jacobian(built.module, built.outputs, **quiet)
    slopes = input_sensitivity(built.module, built.outputs)
    real = is_real(built)
    for direction, name in enumerate(records):
        half = found[:, :, direction * size // 2 : (direction + 1) * size // 2]
        assert_same_logarithms(records[name], log10_norms(half, real))
        moved = np.where(real[..., np.newaxis], half.sum(axis=(3, 4)), np.nan)
        expected = np.nanmean(moved, axis=(0, 2))
        np.testing.assert_allclose(slopes[name], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_jacobians_by_the_state_agree_with_finite_differences_in_numpy(kind, options, quiet):
    options = options | {"bidirectional": True}
    built = Case(kind, options, layout="unbatched", has_initial=True).build()
    initial = {name: state.numpy() for name, state in built.initial.items()}
    size = built.reading[0].shape[2] // 2
    for direction, record in enumerate(
        state_jacobian(built.module, built.outputs, wrt="state", **quiet).values()
    ):
        found = np.zeros((1, TIMESTEPS, size, TIMESTEPS, size))
        for s, unit in np.ndindex(TIMESTEPS, size):
            up, down = (
                in_numpy(
                    built.module,
                    built.x.detach().numpy(),
                    built.lengths,
                    initial,
                    Nudge("h", 0, direction, 0, s, unit, by),
                )[0]
                for by in (STEP, -STEP)
            )
            change = (up - down)[..., direction * size : (direction + 1) * size]
            found[:, :, :, s, unit] = change / (2 * STEP)
        assert_same_logarithms(record, log10_norms(found, is_real(built)))


# --- against what is known ---


def test_the_exponents_of_a_linear_recurrence_are_the_logarithms_of_its_eigenvalues():
    rnn = nn.RNN(1, 2, nonlinearity="relu", bias=False, batch_first=True).double()
    with torch.no_grad():
        rnn.weight_ih_l0.fill_(1.0)  # all states stay above 0, where a ReLU is linear
        rnn.weight_hh_l0.copy_(torch.diag(torch.tensor([0.9, 0.3])))
    x = torch.ones(SAMPLES, 300, 1, dtype=torch.float64)
    found = lyapunov_exponents(rnn, x)["rnn"]
    np.testing.assert_allclose(found, np.tile(np.log([0.9, 0.3]), (SAMPLES, 1)), atol=0.02)
    lags = np.arange(300)[::-1]
    record = state_jacobian(rnn, x, wrt="state", at=[-1], norm="spectral", verbose=0)["rnn"]
    np.testing.assert_allclose(record.data[0], lags * np.log10(0.9), atol=1e-4)


def test_the_sensitivity_is_the_sum_of_the_input_gradient(x):
    torch.manual_seed(4)
    gru = nn.GRU(FEATURES, UNITS, batch_first=True)
    found = input_sensitivity(gru, x)["gru"]
    assert found.dtype == np.float32
    x.requires_grad_()
    y, _ = gru(x)
    for t in range(x.shape[1]):
        (gradient,) = torch.autograd.grad(y[:, t].mean(), x, retain_graph=True)
        assert found[t] == pytest.approx(gradient.sum().item(), rel=1e-5)


def test_a_long_products_logarithm_is_right_where_its_float_is_0():
    torch.manual_seed(4)
    lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
    with torch.no_grad():
        lstm.bias_ih_l0[UNITS : 2 * UNITS].fill_(-3.0)  # forgets at once
    record = state_jacobian(lstm, torch.randn(1, 120, FEATURES), at=[-1], verbose=0)["lstm"]
    assert record.data[0, 0] < -80  # float32 ends at 1e-45
    assert np.isfinite(record.data).all()


# --- layouts, names, records ---


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.randn(SAMPLES, TIMESTEPS, FEATURES)


def test_padding_is_left_out_and_samples_keep_their_order(x, quiet):
    lengths = [3, 5, 4]
    lstm = nn.LSTM(FEATURES, UNITS, batch_first=True, bidirectional=True)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    exponents, jacobians = lyapunov_exponents(lstm, packed), state_jacobian(lstm, packed, **quiet)
    slopes = input_sensitivity(lstm, packed)
    for sample, length in enumerate(lengths):
        alone = lyapunov_exponents(lstm, x[sample : sample + 1, :length])
        for name, expected in alone.items():
            np.testing.assert_allclose(exponents[name][sample], expected[0], rtol=1e-4)
    for name, record in jacobians.items():
        assert record.shape == (5, 5)
        assert np.isfinite(np.diag(record)).all()
        last = state_jacobian(lstm, x[1:2, :5], **quiet)[name]
        np.testing.assert_allclose(record.data[4], last.data[4], atol=1e-5)
        assert slopes[name].shape == (5,)


def test_records_say_what_they_are_and_are_read_back(x, tmp_path, quiet):
    gru = nn.GRU(FEATURES, UNITS, num_layers=2, batch_first=True)
    asked = {"at": [0, -1, 2], "wrt": "state", "norm": "sum"}
    found = state_jacobian(gru, x, "gru.l1", **asked, **quiet)
    assert list(found) == ["gru.l1"]
    record = found["gru.l1"]
    assert (record.quantity, record.framework) == ("state_jacobian", "torch")
    assert record.layer == "gru.l1"
    assert record.details == {**asked, "reduced_by": "geometric mean over samples"}
    whole = state_jacobian(gru, x, wrt="state", norm="sum", **quiet)["gru.l1"]
    assert whole.details["at"] is None
    np.testing.assert_array_equal(record, whole.data[[0, -1, 2]])
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("gru/jacobian", record, 0)
    kept = tb_rnngrad.read(tmp_path)[-1]
    assert kept.details == record.details
    np.testing.assert_array_equal(kept, record)


def test_each_call_of_a_layer_has_its_own_result(x, quiet):
    gru = nn.GRU(FEATURES, FEATURES, batch_first=True)
    twice = nn.Sequential(nn.Identity(), gru)

    def run():
        middle, _ = twice(x)
        gru(middle)

    found = state_jacobian(twice, run, **quiet)
    assert list(found) == ["1", "1.call2"]
    with torch.no_grad():
        middle = gru(x)[0]
    np.testing.assert_array_equal(found["1"], state_jacobian(gru, x, **quiet)["gru"])
    np.testing.assert_array_equal(found["1.call2"], state_jacobian(gru, middle, **quiet)["gru"])
    assert list(lyapunov_exponents(twice, run)) == list(input_sensitivity(twice, run)) == [*found]


def test_what_runs_in_half_precision_is_differentiated_in_float32(x):
    rnn = nn.RNN(FEATURES, UNITS, batch_first=True)
    expected = input_sensitivity(rnn, x)["rnn"]
    with torch.autocast("cpu", torch.bfloat16):
        found = input_sensitivity(rnn, x)["rnn"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.02)


# --- what stays as it was ---


@pytest.mark.parametrize("function", [state_jacobian, lyapunov_exponents, input_sensitivity])
def test_the_module_stays_as_it_was_and_runs_in_evaluation_mode(x, function, capsys):
    torch.manual_seed(2)
    net = Net(num_layers=2, dropout=0.5)
    net(x).sum().backward()
    before = state_of(net)
    first, again = (function(net, x, "encoder.high") for _ in range(2))
    assert_same(state_of(net), before)
    np.testing.assert_array_equal(first["encoder.high"], again["encoder.high"])
    wrapped = torch.compile(nn.DataParallel(net), backend="eager")
    of_wrapped = function(wrapped, x, "encoder.high")["encoder.high"]
    np.testing.assert_allclose(of_wrapped, first["encoder.high"], rtol=1e-4, atol=1e-7)
    assert_same(state_of(net), before)
    assert capsys.readouterr().out == ""

    def fails():
        net(x)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        function(net, fails)
    assert_same(state_of(net), before)
    assert not net.encoder["low"]._forward_hooks


def test_a_progress_bar_is_drawn_where_it_is_asked_for(x, capsys):
    rnn = nn.RNN(FEATURES, UNITS, batch_first=True)
    state_jacobian(rnn, x, verbose=0)
    assert capsys.readouterr().err == ""
    state_jacobian(rnn, x)
    assert "rnn: 100%" in capsys.readouterr().err


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wrt": "output"}, "wrt is 'output'; expected one of input, state"),
        ({"norm": "nuclear"}, "norm is 'nuclear'; expected one of fro, sum, spectral"),
        ({"at": [1, 7]}, "at names the timestep 7; the layer has 6: expected -6 to 5"),
        ({"at": []}, "at is empty; expected at least one timestep, or None for all"),
        ({"layers": "decoder"}, "the module has no layer named 'decoder'; its recurrent layers"),
    ],
)
def test_an_invalid_argument_is_named(x, options, message, capsys):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        state_jacobian(nn.Sequential(nn.GRU(FEATURES, UNITS, batch_first=True)), x, **options)
    assert capsys.readouterr().err == ""


def test_a_number_of_exponents_below_1_is_refused(x):
    with pytest.raises(ValueError, match="k is 0; expected at least 1"):
        lyapunov_exponents(nn.GRU(FEATURES, UNITS), x, k=0)


def test_a_layer_that_is_not_called_is_named(x, quiet):
    net = nn.ModuleDict({"used": nn.GRU(FEATURES, UNITS), "other": nn.RNN(FEATURES, UNITS)})
    sentence = "^layer 'other' was not called by the module's forward pass$"
    with pytest.raises(ValueError, match=sentence):
        state_jacobian(net, lambda: net["used"](x), **quiet)
    assert set(state_jacobian(net, lambda: net["used"](x), "used", **quiet)) == {"used"}
