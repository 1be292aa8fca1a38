"""`capture` and `gradients`: names, layouts, what they leave alone, what they refuse."""

from __future__ import annotations

import copy
import gc
import re
import resource
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint
from torch_nets import FEATURES, SAMPLES, TIMESTEPS, UNITS, Net, assert_same, state_of

import tb_rnngrad
from tb_rnngrad.torch import capture, gradients, watch

KINDS = [nn.RNN, nn.LSTM, nn.GRU]


@pytest.fixture
def x():
    torch.manual_seed(1)
    return torch.randn(SAMPLES, TIMESTEPS, FEATURES)


@pytest.fixture
def net():
    torch.manual_seed(2)
    return Net()


def test_an_output_gradient_is_not_a_hidden_state_gradient(net, x):
    found = gradients(net, lambda: net(x).sum(), "encoder.high", of=["hidden_state", "output"])
    record = found["encoder.high"]
    output, hidden = np.asarray(record["output"]), np.asarray(record["hidden_state"])
    np.testing.assert_array_equal(output[:, :-1], 0)  # the head reads the last timestep alone
    np.testing.assert_array_equal(output[:, -1], hidden[:, -1])
    assert (np.abs(hidden).max(axis=(0, 2)) > 0).all()


def test_the_gradients_of_final_states_count_as_outputs_of_each_samples_end(x):
    lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
    packed = pack_padded_sequence(x, [3, 7, 5], batch_first=True, enforce_sorted=False)
    record = gradients(lstm, lambda: lstm(packed)[1][0].sum(), of="output")["lstm"]
    expected = np.zeros((SAMPLES, TIMESTEPS, UNITS))
    expected[[0, 1, 2], [2, 6, 4]] = 1
    np.testing.assert_array_equal(record, expected)
    np.testing.assert_array_equal(record.mask.sum(axis=1), [3, 7, 5])


def test_layers_are_named_by_their_path_and_their_number(x):
    torch.manual_seed(3)
    net = Net(num_layers=2)
    loss = lambda: net(x).sum()  # noqa: E731
    assert list(gradients(net, loss)) == ["encoder.low.l0", "encoder.low.l1", "encoder.high"]
    for layers, names in (
        ("encoder.low", ["encoder.low.l0", "encoder.low.l1"]),
        ("encoder.low.l1", ["encoder.low.l1"]),
        ("encoder", ["encoder.low.l0", "encoder.low.l1", "encoder.high"]),
        (net.encoder["high"], ["encoder.high"]),
        (["encoder.high", "encoder.low.l0"], ["encoder.low.l0", "encoder.high"]),
    ):
        assert list(gradients(net, loss, layers)) == names


def test_wrappers_do_not_change_names(net, x):
    wrapped = nn.DataParallel(net)
    assert list(gradients(wrapped, lambda: wrapped(x).sum())) == ["encoder.low", "encoder.high"]


def test_calls_that_begin_anew_are_several_records(x):
    torch.manual_seed(4)
    gru = nn.GRU(FEATURES, UNITS, batch_first=True)
    state = torch.randn(1, SAMPLES, UNITS)

    def loss():
        return gru(x)[0].sum() + gru(x.flip(1), state)[0].square().sum()

    found = gradients(gru, loss, of=["hidden_state", "input"])
    assert list(found) == ["gru", "gru.call2"]
    alone = gradients(gru, lambda: gru(x.flip(1), state)[0].square().sum())["gru"]
    np.testing.assert_array_equal(found["gru.call2"]["hidden_state"], alone)
    alone = gradients(gru, lambda: gru(x)[0].sum())["gru"]
    np.testing.assert_array_equal(found["gru"]["hidden_state"], alone)


def test_gate_groups_are_named_by_direction(x):
    gru = nn.GRU(FEATURES, UNITS, batch_first=True, bidirectional=True)
    record = gradients(gru, lambda: gru(x)[0].sum(), of="gates")["gru"]
    assert record.channel_groups == {
        f"{direction}/{gate}": UNITS for direction in ("forward", "backward") for gate in "rzn"
    }


def test_values_alone_need_no_backward_pass(net, x):
    net.eval()
    with torch.no_grad(), capture(net, of=["activations", "weights"]) as captured:
        net(x)
    low = net.encoder["low"]
    with torch.no_grad():
        expected = low(net.norm(x.flatten(0, 1)).view(x.shape))[0]
    np.testing.assert_array_equal(captured["encoder.low"]["activations"], expected)
    weight = captured["encoder.low"]["weights/weight_hh"]
    np.testing.assert_array_equal(weight, low.weight_hh_l0.detach().T)
    assert weight.channel_groups == dict.fromkeys("ifgo", UNITS)


# --- what stays as it was ---


@pytest.mark.parametrize("has_trained", [False, True])
def test_gradients_leaves_the_module_as_it_was(net, x, has_trained):
    if has_trained:
        net(x).sum().backward()
    before = state_of(net)
    first = gradients(net, lambda: net(x).sum())
    assert_same(state_of(net), before)
    again = gradients(net, lambda: net(x).sum())
    np.testing.assert_array_equal(first["encoder.low"], again["encoder.low"])


class Rememberer(nn.Module):
    """A forward pass that changes whatever it can."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(FEATURES, UNITS, batch_first=True)
        self.register_buffer("empty", None)
        self.register_buffer("total", torch.zeros(()))
        self.register_buffer("replaced", torch.zeros(()))
        self.scale = nn.Parameter(torch.ones(()))
        self.history, self.seen, self.kinds = [1], {"calls": 1}, {"dense"}
        self.last, self.gone = None, 3

    def forward(self, x):
        self.total += 1
        self.empty = self.replaced = x.sum()
        self.register_buffer("late", x)
        self.history.append(x)
        self.seen["calls"] += 1
        self.kinds.add("more")
        self.last = self.new = x
        self.scale = nn.Parameter(torch.zeros(()))
        del self.gone
        self.eval()
        return self.rnn(x)[0]


def test_whatever_a_forward_pass_changes_in_a_module_is_put_back(x):
    net = Rememberer()
    buffers = dict(net.named_buffers())
    attributes, lists = dict(vars(net)), (net.history, net.seen, net.kinds)
    scale = net.scale
    gradients(net, lambda: net(x).sum())
    assert vars(net).keys() == attributes.keys()
    assert all(vars(net)[name] is value for name, value in attributes.items())
    assert (net.history, net.seen, net.kinds) == ([1], {"calls": 1}, {"dense"})
    assert [*map(id, lists)] == [*map(id, (net.history, net.seen, net.kinds))]
    assert net.scale is scale
    assert net.training and net.rnn.training
    assert dict(net.named_buffers()).keys() == buffers.keys()
    assert all(one is buffers[name] for name, one in net.named_buffers())
    assert net.total == 0
    assert net.empty is None
    assert not hasattr(net, "late")
    net(x)  # all that it needs is there


def test_gradients_leaves_the_module_as_it_was_where_the_loss_fails(net, x):
    before = state_of(net)

    def loss():
        net(x)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gradients(net, loss)
    assert_same(state_of(net), before)
    assert not net.encoder["low"]._forward_hooks


def test_a_failing_forward_pass_leaves_no_hook_and_no_mode(net, x):
    with pytest.raises(RuntimeError, match=r"input\.size"), capture(net):
        net.encoder["low"](x[..., :1])
    assert not net.encoder["low"]._forward_hooks
    assert not net.encoder["low"]._forward_pre_hooks
    assert torch.overrides._get_current_function_mode_stack() == []


def train(kind, steps, every, **options):
    """Train with dropout; return the weights. Every so many steps are captured."""
    torch.manual_seed(6)
    net = Net(kind, **options)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for step in range(steps):
        x = torch.randn(SAMPLES, TIMESTEPS, FEATURES)
        captured = capture(net, of=["hidden_state", "gates", "weight_gradients"])
        with captured if step % every == 0 else torch.enable_grad():
            loss = net(x).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return list(net.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_ends_bit_for_bit_the_same_with_captured_steps(kind):
    options = {"num_layers": 2, "dropout": 0.3}
    plain, captured = train(kind, 20, 1000, **options), train(kind, 20, 1, **options)
    assert all(map(torch.equal, plain, captured))


class Kept:
    """A tensor that a graph keeps for its backward pass."""

    def __init__(self, tensor):
        self.tensor = tensor


def resident():
    """Return the bytes of memory that the process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_thousand_captures_grow_neither_graph_nor_memory():
    net = nn.ModuleDict({"fused": nn.LSTM(1, 4), "cell": nn.LSTMCell(1, 4)})
    x = torch.randn(2, 200, 1)  # a record takes 6,400 bytes, and its graph more
    kept = weakref.WeakSet()

    def pack(tensor):
        one = Kept(tensor.detach())  # with its graph it would keep itself
        kept.add(one)
        return one

    def step(kind):
        with (
            capture(net, kind) as captured,
            torch.autograd.graph.saved_tensors_hooks(pack, lambda one: one.tensor),
        ):
            cell, fused = net["cell"], net["fused"]
            h = fused(x)[0] if kind == "fused" else watch(cell(x[1], cell(x[0]))[0], "h")
            h.sum().backward(retain_graph=True)  # or the backward pass would free the graph
        assert kind in captured

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for kind in ("fused", "cell") * 20:
        step(kind)
    counted, used = objects(), resident()
    for kind in ("fused", "cell") * 500:
        step(kind)
    assert len(kept) == 0
    assert objects() - counted < 100
    assert resident() - used < 4e6


# --- ways to run a module ---


def test_dropout_in_a_kernel_that_hides_it_is_refused(x):
    lstm = nn.LSTM(FEATURES, UNITS, 2, dropout=0.5)
    captured = capture(lstm)
    with pytest.raises(NotImplementedError, match="drops units between its layers"), captured:
        lstm(x)[0].sum().backward()
        (call,) = captured._interception.calls
        # As on a GPU, where cuDNN draws what is dropped.
        call.arguments = replace(call.arguments, random_state=None)


def test_parametrized_and_replaced_weights_are_those_of_the_call(x):
    torch.manual_seed(8)
    rnn, other = (nn.RNN(FEATURES, UNITS, batch_first=True) for _ in range(2))
    parametrized = parametrizations.weight_norm(copy.deepcopy(rnn), "weight_hh_l0")
    expected = gradients(rnn, lambda: rnn(x)[0].square().sum())["rnn"]
    weights = dict(rnn.named_parameters())
    for module, run in (
        (other, lambda: torch.func.functional_call(other, weights, x)[0]),
        (parametrized, lambda: parametrized(x)[0]),
    ):
        found = gradients(module, lambda run=run: run().square().sum())
        np.testing.assert_allclose(next(iter(found.values())), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_recomputation_gives_one_record(net, x, use_reentrant):
    net.eval()
    expected = gradients(net, lambda: net(x).sum())
    x.requires_grad_()
    with capture(net) as captured:
        checkpoint(net, x, use_reentrant=use_reentrant).sum().backward()
    assert list(captured) == list(expected)
    for name, record in expected.items():
        np.testing.assert_array_equal(captured[name], record)


def test_a_compiled_module_is_seen_whenever_it_was_compiled(net, x):
    net.eval()
    expected = gradients(net, lambda: net(x).sum())
    before = torch.compile(net, backend="eager")
    before(x)
    inside = torch.compile(net, backend="eager")
    for compiled in (before, inside):
        with capture(compiled) as captured:
            compiled(x).sum().backward()
        assert list(captured) == list(expected)
        for name, record in expected.items():
            np.testing.assert_allclose(captured[name], record, rtol=1e-5, atol=1e-8)


def test_several_backward_passes_through_one_call_are_summed(net, x):
    net.eval()
    with capture(net) as captured:
        loss = net(x).sum()
        loss.backward(retain_graph=True)
        loss.backward()
    record = captured["encoder.low"]
    once = gradients(net, lambda: net(x).sum())["encoder.low"]
    np.testing.assert_allclose(record, 2 * np.asarray(once), rtol=1e-5, atol=1e-9)
    assert record.backward_passes == 2
    assert record.details == {"backward_pass": "sum"}


def test_a_loss_scale_is_undone(net, x):
    net.eval()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    expected = gradients(net, lambda: net(x).sum())["encoder.low"]
    with capture(net, scaler=scaler) as captured:
        scaler.scale(net(x).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    np.testing.assert_array_equal(captured["encoder.low"], expected)


def test_gradients_of_a_lower_precision_are_float32(net, x):
    net.eval()
    expected = gradients(net, lambda: net(x).sum())["encoder.low"]
    with capture(net) as captured, torch.autocast("cpu", torch.bfloat16):
        net(x).sum().backward()
    record = captured["encoder.low"]
    assert record.data.dtype == np.float32
    np.testing.assert_allclose(record, expected, rtol=0, atol=0.05 * np.abs(expected).max())


@pytest.mark.parametrize("batch_first", [False, True])
def test_results_changed_in_place_are_read_as_they_were(x, batch_first):
    rnn = nn.RNN(FEATURES, UNITS, batch_first=batch_first)

    def loss(in_place):
        y, h_n = rnn(x)
        if in_place:
            return y.relu_().sum() + h_n.mul_(3).sum()
        return y.relu().sum() + (3 * h_n).sum()

    expected = gradients(rnn, lambda: loss(in_place=False))["rnn"]
    np.testing.assert_array_equal(gradients(rnn, lambda: loss(in_place=True))["rnn"], expected)
    with capture(rnn) as captured:
        loss(in_place=True).backward()
    np.testing.assert_array_equal(captured["rnn"], expected)


# --- what is refused ---


def test_what_is_no_recurrent_layer_is_named(net, x):
    def loss():
        return net(x).sum()

    for module, layers, error, sentence in (
        ("net", None, TypeError, "module is 'net'; expected a torch.nn.Module"),
        (
            nn.Sequential(nn.Linear(2, 3), nn.ReLU()),
            "0",
            ValueError,
            "layer '0' is a Linear, neither recurrent nor around a recurrent layer of the module; "
            "module Sequential has no recurrent layer (nn.RNN, nn.LSTM, nn.GRU or one of their "
            "cells); its modules are 0 (Linear), 1 (ReLU)",
        ),
        (
            torch.jit.script(nn.Sequential(nn.GRU(2, 3))),
            None,
            NotImplementedError,
            "layer '0' is compiled by TorchScript, whose functions cannot be intercepted; expected "
            "the module before torch.jit.script",
        ),
        (
            net,
            "decoder",
            ValueError,
            "the module has no layer named 'decoder'; its recurrent layers are 'encoder.low', "
            "'encoder.high'",
        ),
        (
            net,
            "head",
            ValueError,
            "layer 'head' is a Linear, neither recurrent nor around a recurrent layer of the "
            "module; its recurrent layers are 'encoder.low', 'encoder.high'",
        ),
        (net, 3, TypeError, "layer is 3; expected a name or a torch.nn.Module"),
    ):
        with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
            capture(module, layers)
        with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
            gradients(module, loss, layers)


def test_a_module_without_recurrent_layers_in_which_nothing_is_watched_is_named():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    sentence = (
        "module Sequential has no recurrent layer (nn.RNN, nn.LSTM, nn.GRU or one of their cells); "
        "its modules are 0 (Linear), 1 (ReLU), and no state was watched (tb_rnngrad.torch.watch, "
        "which graphs of torch.compile leave out)"
    )
    x = torch.randn(4, 2)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"), capture(net):
        net(x).sum().backward()
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        gradients(net, lambda: net(x).sum())


def test_a_quantity_that_is_none_or_not_there_is_named(net):
    with pytest.raises(ValueError, match=r"of is 'hidden'; expected one or more of hidden_state"):
        capture(net, of="hidden")
    with pytest.raises(ValueError, match=r"of is \[\]; expected one or more"):
        capture(net, of=[])
    sentence = r"layer 'encoder.high' has no cell state \(GRU\); LSTM has one"
    with pytest.raises(ValueError, match=sentence):
        capture(net, "encoder.high", of="cell_state")
    with pytest.raises(ValueError, match=r"layer 'rnn' has no cell state \(RNN\)"):
        capture(nn.RNN(2, 3), of=["cell_state"])
    assert capture(net, of="cell_state")._wanted.asked[0][0].name == "encoder.low"


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda net, x: None, "it was not called"),
        (
            lambda net, x: net(x).sum(),
            "no backward pass came to it; expected loss.backward() inside of the block",
        ),
        (
            lambda net, x: net.encoder["low"](x)[0].sum().backward() or net(x),
            None,
        ),
        (
            torch.no_grad()(lambda net, x: net(x)),
            "it was called where no gradients are recorded, as under torch.no_grad()",
        ),
    ],
)
def test_a_step_that_shows_nothing_says_why(net, x, step, reason):
    name = "encoder.low" if reason else "encoder.high"
    reason = reason or "the loss does not depend on it"
    sentence = f"nothing of layer {name!r} was seen (hidden_state): {reason}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"), capture(net):
        step(net, x)


def test_a_loss_that_is_none_is_refused(net, x):
    with pytest.raises(TypeError, match=r"the loss function returned None; expected the loss"):
        gradients(net, lambda: None)
    with pytest.raises(ValueError, match=r"a tensor of shape \(3, 1\); expected one value"):
        gradients(net, lambda: net(x))
    with pytest.raises(ValueError, match=r"'encoder.low' was seen \(hidden_state\): it was not"):
        gradients(net, lambda: x.sum())


def test_an_input_changed_in_place_is_refused():
    rnn = nn.RNN(FEATURES, UNITS)
    x = torch.randn(TIMESTEPS, SAMPLES, FEATURES)
    with (
        pytest.raises(RuntimeError, match="input of layer 'rnn' was changed in place after"),
        capture(rnn, of="input"),
    ):
        rnn(x)[0].sum().backward()
        x.zero_()


def test_an_error_in_the_block_is_the_users_own(net, x):
    with pytest.raises(ZeroDivisionError), capture(net) as captured:
        raise ZeroDivisionError
    assert len(captured) == 0
    with pytest.raises(KeyError, match="'encoder.low' was not captured"):
        captured["encoder.low"]


def test_the_package_reaches_pytorch_lazily():
    assert tb_rnngrad.torch.capture is capture
