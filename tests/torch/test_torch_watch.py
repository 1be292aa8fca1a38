"""`watch`: recurrences that the user writes by hand."""

from __future__ import annotations

import copy
import re
import threading

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import tb_rnngrad
from tb_rnngrad.torch import GradientLogger, capture, gradients, watch

SAMPLES, TIMESTEPS, FEATURES, UNITS = 3, 5, 2, 4
SIZE = 1e-6


class Memory(nn.Module):
    """h_t = tanh(W [x_t, h_t-1]), with a head that reads the last timestep.

    Attributes:
        nudge: (timestep, zeros), which are added to h_t where it is computed.
    """

    def __init__(self, watched=True, **more):
        super().__init__()
        self.linear = nn.Linear(FEATURES + UNITS, UNITS)
        self.head = nn.Linear(UNITS, 1)
        self.watched = watched
        self.more = more
        self.nudge = None

    def forward(self, x, step=None):
        h = x.new_zeros(len(x), UNITS)
        for t in range(x.shape[1]):
            h = torch.tanh(self.linear(torch.cat([x[:, t], h], 1)))
            if self.nudge is not None and self.nudge[0] == t:
                h = h + self.nudge[1]
            if self.watched:
                h = watch(h, "memory", **{name: of(t) for name, of in self.more.items()})
        return self.head(h)


def built(**options):
    torch.manual_seed(2)
    return Memory(**options).double(), torch.randn(SAMPLES, TIMESTEPS, FEATURES).double()


def test_the_record_holds_total_gradients_that_agree_with_finite_differences():
    net, x = built()
    record = gradients(net, lambda: net(x).square().sum())["memory"]
    assert record.shape == (SAMPLES, TIMESTEPS, UNITS)
    assert record.quantity == "hidden_state_gradient"
    assert (record.layer, record.framework, record.mask) == ("memory", "torch", None)
    for t in range(TIMESTEPS):
        expected = np.zeros((SAMPLES, UNITS))
        for cell in np.ndindex(SAMPLES, UNITS):
            losses = []
            for by in (SIZE, -SIZE):
                change = torch.zeros(SAMPLES, UNITS).double()
                change[cell] = by
                net.nudge = t, change
                losses.append(net(x).square().sum().item())
            expected[cell] = (losses[0] - losses[1]) / (2 * SIZE)
        np.testing.assert_allclose(record.data[:, t], expected, rtol=1e-6, atol=1e-9)


def test_it_agrees_with_a_fused_module_of_the_same_recurrence():
    net, x = built()
    rnn = nn.RNN(FEATURES, UNITS, batch_first=True).double()
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(net.linear.weight[:, :FEATURES])
        rnn.weight_hh_l0.copy_(net.linear.weight[:, FEATURES:])
        rnn.bias_ih_l0.copy_(net.linear.bias)
        rnn.bias_hh_l0.zero_()
    of = ["hidden_state", "states"]
    expected = gradients(rnn, lambda: net.head(rnn(x)[0][:, -1]).square().sum(), of=of)["rnn"]
    with capture(net, of=of) as captured:
        net(x).square().sum().backward()
    found = captured["memory"]
    assert found.keys() == expected.keys() == {"hidden_state", "states/h"}
    for name, record in found.items():
        np.testing.assert_allclose(record, expected[name], rtol=1e-10)
        assert record.quantity == expected[name].quantity
        assert record.backward_passes == expected[name].backward_passes


def test_watch_returns_the_tensor_itself_and_hooks_it_in_a_block_alone():
    h = torch.randn(2, 3, requires_grad=True) * 1
    assert watch(h, "h") is h
    assert not h._backward_hooks
    with capture(nn.Linear(1, 1)) as captured:
        assert watch(h, "h") is h
        h.sum().backward()
    np.testing.assert_array_equal(captured["h"].data, np.ones((2, 1, 3)))
    assert not h._backward_hooks


def train(net, x, logger=None):
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    logger = logger and logger(optimizer)
    for _ in range(10):
        optimizer.zero_grad()
        net(x).square().sum().backward()
        optimizer.step()
    if logger:
        logger.close()
    return list(net.parameters())


def test_a_training_ends_bit_for_bit_the_same_with_watched_and_logged_steps(tmp_path):
    net, x = built()
    plain = train(copy.deepcopy(net), x)
    expected = gradients(net, lambda: net(x).square().sum())["memory"]

    def logger(optimizer):
        return GradientLogger(
            tmp_path, net, optimizer, update_freq=5, flow_freq=1, max_outputs=SAMPLES
        )

    assert all(map(torch.equal, plain, train(net, x, logger)))
    series = tb_rnngrad.read(tmp_path, tag="memory/hidden_state")
    assert series.steps.tolist() == [0, 5]
    np.testing.assert_allclose(series[0], expected, rtol=1e-6)


def test_masks_of_samples_and_timesteps_become_samples_of_their_own():
    ends = {2: 1, 3: 0}  # timestep -> the sample whose episode begins there
    lengths = torch.tensor([5, 4, 3])
    net, x = built(
        starts=lambda t: torch.arange(SAMPLES) == ends.get(t, -1), mask=lambda t: t < lengths
    )
    whole = np.asarray(gradients(built()[0], lambda: net(x).square().sum())["memory"])
    record = gradients(net, lambda: net(x).square().sum())["memory"]
    assert whole.shape == record.shape  # the same loss, read in other rows
    rows = [(0, 0, 3), (0, 3, 5), (1, 0, 2), (1, 2, 4), (2, 0, 3)]
    assert record.mask.sum(axis=1).tolist() == [end - start for _, start, end in rows]


def test_the_gradient_ends_where_a_watched_state_is_detached():
    net, x = built()

    def loss():
        h = x.new_zeros(SAMPLES, UNITS)
        for t in range(TIMESTEPS):
            h = torch.tanh(net.linear(torch.cat([x[:, t], h.detach() if t == 3 else h], 1)))
            watch(h, "memory")
        return h.square().sum()

    record = gradients(net, loss)["memory"]
    assert record.shape == (SAMPLES, TIMESTEPS, UNITS)
    np.testing.assert_array_equal(record.data[:, :3], 0)
    assert (np.abs(record.data[:, 3:]).max(axis=(0, 2)) > 0).all()


def test_sequences_of_one_forward_pass_are_told_apart_by_their_start():
    net, x = built(starts=lambda t: t == 0)
    record = gradients(net, lambda: (net(x) + net(x[:, 1:])).square().sum())["memory"]
    assert record.shape == (2 * SAMPLES, TIMESTEPS, UNITS)
    np.testing.assert_array_equal(record.mask.sum(axis=1), [5, 5, 5, 4, 4, 4])
    assert not record.data[SAMPLES:, -1].any()


def test_backward_passes_of_one_update_are_samples_of_one_batch(tmp_path):
    net, x = built()
    expected = gradients(net, lambda: net(x).square().sum())["memory"]
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, max_outputs=SAMPLES):
        net(x[:2]).square().sum().backward()
        net(x[2:]).square().sum().backward()
        with torch.no_grad():
            net(x)
        optimizer.step()
    record = tb_rnngrad.read(tmp_path, tag="memory/hidden_state")[0]
    np.testing.assert_allclose(record, expected, rtol=1e-5)


def test_a_batch_may_shrink_and_a_state_may_have_further_axes():
    w = torch.randn(2, 3, requires_grad=True)

    def loss():
        h, total = w * 1, 0.0
        for count in (2, 2, 1):
            h = watch(torch.stack([h[:count], -h[:count]], 1), "maps").sum(1) + h[:count]
            total = total + h.sum()
        return total

    record = gradients(nn.Linear(1, 1), loss)["maps"]
    assert record.shape == (2, 3, 6)
    assert record.mask.tolist() == [[True] * 3, [True, True, False]]
    one = watch(torch.ones(3, requires_grad=True) * 2, "unbatched")
    with capture(nn.Linear(1, 1)) as captured:
        watch(one * 1, "unbatched").sum().backward()
    assert captured["unbatched"].shape == (1, 1, 3)


def test_layers_and_watched_states_are_recorded_beside_each_other():
    net, x = built()
    both = nn.ModuleDict({"gru": nn.GRU(FEATURES, UNITS, batch_first=True).double(), "net": net})

    def loss():
        return both["gru"](x)[0].sum() + net(x).sum()

    of = ["hidden_state", "gates"]
    assert list(gradients(both, loss, of=of)) == ["gru", "memory"]
    assert list(gradients(both, loss, layers=[])) == ["memory"]
    assert list(gradients(both, loss, layers=[], of=of)["memory"]) == ["hidden_state"]


def test_other_threads_states_are_not_recorded():
    net, x = built()
    expected = gradients(net, lambda: net(x).square().sum())["memory"]
    with capture(net) as captured:
        thread = threading.Thread(target=lambda: net(x).sum().backward())
        thread.start()
        thread.join()
        net.zero_grad()
        net(x).square().sum().backward()
    np.testing.assert_array_equal(captured["memory"], expected)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_recomputation_gives_one_record(use_reentrant):
    net, x = built()
    expected = gradients(net, lambda: net(x).square().sum())["memory"]
    with capture(net) as captured:
        checkpoint(net, x.requires_grad_(), use_reentrant=use_reentrant).square().sum().backward()
    np.testing.assert_array_equal(captured["memory"], expected)


def test_a_compiled_graph_leaves_watch_out_and_has_no_break(tmp_path):
    net, x = built()
    torch.compiler.reset()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    expected = net(x)
    for _ in range(2):
        with (
            pytest.raises(ValueError, match="graphs of torch.compile leave out"),
            capture(compiled),
        ):
            found = compiled(x)
            found.sum().backward()
        assert torch.equal(found, expected)


def test_a_loss_scale_is_undone():
    net, x = built()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    expected = gradients(net, lambda: net(x).square().sum())["memory"]
    with capture(net, scaler=scaler) as captured:
        scaler.scale(net(x).square().sum()).backward()
    np.testing.assert_array_equal(captured["memory"], expected)


# --- what is refused ---


@pytest.mark.parametrize(
    ("step", "error", "sentence"),
    [
        (lambda h: watch(h, 3), TypeError, "watch was given the name 3; expected a string"),
        (
            lambda h: watch([h], "h"),
            TypeError,
            "watch(h, 'h'): h is a list; expected a floating-point tensor",
        ),
        (
            lambda h: watch(h[:0], "h"),
            ValueError,
            "watch(h, 'h'): h has shape (0, 1); expected [samples, units]",
        ),
        (
            lambda h: watch(h, "h", mask=torch.ones(3)),
            ValueError,
            "watch(h, 'h'): mask is [1.0, 1.0, 1.0]; expected True or False for each of the 2",
        ),
        (
            lambda h: watch(h, "h", starts=[0, 2]),
            ValueError,
            "watch(h, 'h'): starts is [0, 2]; expected True or False for each of the 2 samples",
        ),
        (
            lambda h: watch(h[:1], "h") is watch(h, "h"),
            ValueError,
            "watch(h, 'h') was given [2, 1] after [1, 1] at timestep 1; expected [samples, units] "
            "of the same sequence, with as many samples or fewer, or starts=True where another",
        ),
        (
            lambda h: watch(h, "gru"),
            ValueError,
            "watch(h, 'gru') has the name of a recurrent layer of the module; expected a name of",
        ),
    ],
)
def test_what_watch_cannot_record_is_named(step, error, sentence):
    gru = nn.GRU(2, 3)

    def loss():
        h = torch.ones(2, 1, requires_grad=True) * 1
        step(h)
        return gru(torch.ones(2, 1, 2))[0].sum() + h.sum()

    with pytest.raises(error, match=f"^{re.escape(sentence)}"):
        gradients(gru, loss)


@pytest.mark.parametrize(
    ("of", "step", "sentence"),
    [
        ("gates", Memory.__call__, "of is gates; watched states have hidden_state and states"),
        (
            "hidden_state",
            lambda net, x: net.head.weight,
            "module Memory has no recurrent layer (nn.RNN, nn.LSTM, nn.GRU or one of their cells); "
            "its modules are linear (Linear), head (Linear), and no state was watched",
        ),
        (
            "hidden_state",
            lambda net, x: (net(x), net.head.weight.sum())[1],
            "nothing of watch(h, 'memory') was seen (hidden_state): the loss does not depend on it",
        ),
    ],
)
def test_where_nothing_of_watched_states_is_there_a_sentence_says_why(of, step, sentence):
    net, x = built()
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        gradients(net, lambda: step(net, x).sum(), of=of)


def test_states_that_the_loss_does_not_depend_on_are_left_out_beside_others():
    net, x = built()

    def loss():
        net(x)
        return watch(net.linear(x.new_ones(1, FEATURES + UNITS)), "other").sum()

    assert list(gradients(net, loss)) == ["other"]


def test_a_logger_of_a_module_without_anything_to_log_warns_and_training_goes_on(tmp_path):
    net, x = built(watched=False)
    before = copy.deepcopy(net.state_dict())
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    logger = GradientLogger(tmp_path, net, optimizer)
    with pytest.warns(RuntimeWarning, match=r"logs no more.*Memory has no recurrent layer.*watch"):
        net(x).sum().backward()
        optimizer.step()
    logger.close()
    assert not torch.equal(net.head.weight, before["head.weight"])
