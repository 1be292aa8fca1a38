"""`GradientLogger` in training loops that know nothing of it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn

import tb_rnngrad
from tb_rnngrad.torch import GradientLogger, capture, gradients, state_jacobian

SAMPLES, TIMESTEPS, FEATURES, UNITS = 6, 5, 2, 4
TAG = "rnn/hidden_state"


class Net(nn.Module):
    def __init__(self, kind=nn.GRU, **options):
        super().__init__()
        self.rnn = kind(FEATURES, UNITS, batch_first=True, **options)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


@pytest.fixture
def net():
    torch.manual_seed(1)
    return Net()


def batches(count):
    generator = torch.Generator().manual_seed(2)
    shape = SAMPLES, TIMESTEPS, FEATURES
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def loss_of(net, x):
    return net(x).square().mean()


def train(net, optimizer, xs):
    """A training loop as anybody has it."""
    for x in xs:
        optimizer.zero_grad()
        loss_of(net, x).backward()
        optimizer.step()


def read(logs, tag=TAG):
    return tb_rnngrad.read(logs, tag=tag)


def test_a_loop_is_logged_without_a_change(net, tmp_path):
    xs = batches(5)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    at_0 = gradients(net, lambda: loss_of(net, xs[0]))["rnn"]
    twin = copy.deepcopy(net)
    train(twin, torch.optim.Adam(twin.parameters(), 0.01), xs[:4])
    at_4 = gradients(twin, lambda: loss_of(twin, xs[4]))["rnn"]
    with GradientLogger(tmp_path, net, optimizer, update_freq=2, max_outputs=SAMPLES):
        train(net, optimizer, xs)
    series = read(tmp_path)
    assert series.steps.tolist() == [0, 2, 4]
    np.testing.assert_array_equal(series[0], at_0)
    np.testing.assert_array_equal(series[2], at_4)
    assert series[0].framework == "torch"
    assert series[0].details == {"step_from": "optimizer"}
    assert series[0].backward_passes == 1


@pytest.mark.parametrize(
    ("kind", "optimizer_class"),
    [(nn.RNN, torch.optim.SGD), (nn.LSTM, torch.optim.Adam), (nn.GRU, torch.optim.AdamW)],
)
def test_a_training_ends_bit_for_bit_the_same_with_100_logged_steps(
    kind, optimizer_class, tmp_path
):
    ends = []
    for is_logged in (False, True):
        torch.manual_seed(3)
        net = Net(kind, num_layers=2, dropout=0.3)
        optimizer = optimizer_class(net.parameters(), 0.01)
        of = ["hidden_state", "weights"]
        if is_logged:
            logger = GradientLogger(tmp_path, net, optimizer, of=of, update_freq=1)
        train(net, optimizer, batches(100))
        ends.append(net.state_dict())
    logger.close()
    assert all(map(torch.equal, ends[0].values(), ends[1].values()))
    assert read(tmp_path, "rnn.l1/hidden_state").steps.tolist() == list(range(100))


def test_flow_and_scalars_come_between_records(net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, update_freq=4, flow_freq=1):
        train(net, optimizer, batches(6))
    series = read(tmp_path)
    assert series.steps.tolist() == [0, 4]
    assert series.flow.steps.tolist() == list(range(6))
    assert series[0].shape == (4, TIMESTEPS, UNITS)
    assert series[0].batch_size == SAMPLES
    assert series[0].details == {"step_from": "logger"}  # SGD does not count


def test_accumulated_gradients_are_one_batch(net, tmp_path):
    (x,) = batches(1)
    expected = gradients(net, lambda: loss_of(net, x), of=["hidden_state", "weight_gradients"])
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    of = ["hidden_state", "weight_gradients"]
    with GradientLogger(tmp_path, net, optimizer, of=of, update_freq=1, max_outputs=SAMPLES):
        for part in x.split(2):
            (loss_of(net, part) / 3).backward()
        optimizer.step()
    for tag in ("hidden_state", "weight_gradients/weight_hh"):
        found = read(tmp_path, f"rnn/{tag}")
        assert found.steps.tolist() == [0]
        np.testing.assert_allclose(found[0], expected["rnn"][tag], rtol=1e-4, atol=1e-7)


def test_parts_of_a_batch_may_have_different_lengths(net, tmp_path):
    (x,) = batches(1)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, max_outputs=SAMPLES):
        loss_of(net, x[:2]).backward()
        loss_of(net, x[2:, :3]).backward()
        optimizer.step()
    record = read(tmp_path)[0]
    np.testing.assert_array_equal(record.mask.sum(axis=1), [5, 5, 3, 3, 3, 3])
    np.testing.assert_array_equal(record.data[2:, 3:], 0)
    assert (np.abs(record.data[2:, :3]) > 0).all()


def test_of_a_closure_the_first_evaluation_is_logged(net, tmp_path):
    (x,) = batches(1)
    expected = gradients(net, lambda: loss_of(net, x))["rnn"]
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(net, x)
        loss.backward()
        return loss

    with GradientLogger(tmp_path, net, optimizer, update_freq=1, max_outputs=SAMPLES):
        optimizer.step(closure)
        optimizer.step(closure)
    series = read(tmp_path)
    assert series.steps.tolist() == [0, 1]
    np.testing.assert_array_equal(series[0], expected)
    assert not np.array_equal(series[1], expected)


def test_a_loss_scale_is_undone_and_a_skipped_step_is_no_step(net, tmp_path):
    xs = batches(3)
    expected = gradients(net, lambda: loss_of(net, xs[1]))["rnn"]
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with GradientLogger(
        tmp_path, net, optimizer, update_freq=1, scaler=scaler, max_outputs=SAMPLES
    ):
        for factor, x in zip((torch.inf, 1.0, 1.0), xs, strict=True):
            optimizer.zero_grad()
            scaler.scale(factor * loss_of(net, x)).backward()
            scaler.step(optimizer)
            scaler.update()
    series = read(tmp_path)
    assert series.steps.tolist() == [0, 1]
    np.testing.assert_array_equal(series[0], expected)


def test_a_validation_between_two_steps_is_not_logged(net, tmp_path):
    xs = batches(2)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(
        tmp_path, net, optimizer, of=["activations"], update_freq=1, max_outputs=SAMPLES
    ) as logger:
        train(net, optimizer, xs[:1])
        with torch.no_grad():
            net(xs[0])
        assert logger._interception.calls == []
        with torch.no_grad():
            expected = net.rnn(xs[1])[0]
        train(net, optimizer, xs[1:])
    np.testing.assert_array_equal(read(tmp_path, "rnn/activations")[1], expected)


def test_a_look_between_two_steps_is_not_logged(net, tmp_path):
    (x,) = batches(1)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with (
        GradientLogger(tmp_path, net, optimizer, max_outputs=2 * SAMPLES),
        capture(net) as captured,
    ):
        expected = gradients(net, lambda: loss_of(net, 2 * x))["rnn"]
        state_jacobian(net, x, verbose=0)
        train(net, optimizer, [2 * x])
    np.testing.assert_array_equal(captured["rnn"], expected)
    np.testing.assert_array_equal(read(tmp_path)[0], expected)


def test_a_resumed_training_goes_on_counting(net, tmp_path):
    xs = batches(5)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    train(net, optimizer, xs[:3])
    state = copy.deepcopy(optimizer.state_dict())
    resumed = torch.optim.Adam(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, resumed, update_freq=2):
        resumed.load_state_dict(state)
        train(net, resumed, xs[3:])
    assert read(tmp_path).steps.tolist() == [4]


def test_flags_are_told(net, tmp_path, capsys):
    events = []
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, update_freq=1, verbose=1, on_flag=events.append):
        train(net, optimizer, batches(1))
        loss_of(net, batches(1)[0] * torch.inf).backward()
        optimizer.step()
    assert [(one.step, one.flag, one.rose) for one in events if one.flag == "non_finite"] == [
        (1, "non_finite", True)
    ]
    assert "step 1: rnn/hidden_state: non_finite: 100% of" in capsys.readouterr().out


def test_training_goes_on_where_logging_fails(net, tmp_path):
    xs = batches(3)
    unused = nn.ModuleDict({"net": net, "other": nn.LSTM(2, 3)})
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    before = copy.deepcopy(net.state_dict())
    logger = GradientLogger(tmp_path, unused, optimizer, update_freq=1)
    with pytest.warns(RuntimeWarning, match=r"logs no more.*'other' was seen.*it was not called"):
        train(net, optimizer, xs[:1])
    train(net, optimizer, xs[1:])
    logger.close()
    assert not torch.equal(net.head.weight, before["head.weight"])


def test_training_goes_on_where_recording_fails(net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)

    class Scaler:
        def get_scale(self):
            raise RuntimeError("no scale")

    logger = GradientLogger(tmp_path, net, optimizer, update_freq=1, scaler=Scaler())
    with pytest.warns(RuntimeWarning, match="logs no more, training goes on: no scale"):
        train(net, optimizer, batches(2))
    logger.close()


def test_a_closed_logger_leaves_nothing_in_module_and_optimizer(net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    GradientLogger(tmp_path, net, optimizer, update_freq=1).close()
    train(net, optimizer, batches(1))
    assert not net.rnn._forward_hooks
    assert not net.rnn._forward_pre_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert not list(tmp_path.iterdir())


def test_copies_of_a_module_that_is_recorded_are_not(net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, update_freq=1) as logger:
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            loss_of(twin, batches(1)[0]).backward()
        assert logger._interception.calls == []


def test_an_idle_logger_leaves_the_module_alone(net, tmp_path):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with GradientLogger(tmp_path, net, optimizer, update_freq=100):
        train(net, optimizer, batches(2))
        assert not net.rnn._forward_hooks
        assert not net.rnn._forward_pre_hooks


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"update_freq": "epoch"}, ValueError, "update_freq is 'epoch'; expected a number of"),
        ({"update_freq": 0}, ValueError, "update_freq is 0; expected"),
        ({"flow_freq": 0}, ValueError, "flow_freq is 0; expected"),
        (
            {"optimizer": None},
            TypeError,
            "optimizer is None; expected a torch.optim.Optimizer, or a",
        ),
        (
            {"optimizer": []},
            TypeError,
            r"optimizer is \[\]; expected a torch.optim.Optimizer, or a",
        ),
        ({"of": "hidden"}, ValueError, "of is 'hidden'; expected one or more of"),
        ({"layers": "lstm"}, ValueError, "the module has no layer named 'lstm'"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16'"),
        ({"verbose": 2}, ValueError, "verbose is 2; expected 0 or 1"),
        ({"on_flag": 3}, TypeError, "on_flag is 3; expected a function"),
    ],
)
def test_an_invalid_argument_is_named(net, tmp_path, given, error, sentence):
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    arguments = {"module": net, "optimizer": optimizer} | given
    with pytest.raises(error, match=sentence):
        GradientLogger(tmp_path, **arguments)
    assert not optimizer._optimizer_step_pre_hooks
