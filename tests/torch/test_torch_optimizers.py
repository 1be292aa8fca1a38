"""`GradientLogger` with several optimizers."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch import nn

import tb_rnngrad
from tb_rnngrad.torch import GradientLogger, gradients, watch

SAMPLES, TIMESTEPS, FEATURES, UNITS = 4, 5, 2, 3


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(FEATURES, FEATURES, batch_first=True)

    def forward(self, z):
        return watch(self.rnn(z)[0].flatten(1), "fake").view(len(z), TIMESTEPS, FEATURES)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.generator, self.critic = Generator(), Critic()

    def critics_loss(self, real, z):
        return self.critic(torch.cat([real, self.generator(z).detach()])).square().mean()

    def generators_loss(self, z):
        return self.critic(self.generator(z)).mean()


def noise():
    return torch.randn(SAMPLES, TIMESTEPS, FEATURES)


def train(gan, steps, critics_steps=1, log_dir=None, expected=None):
    """Train as anybody does; `expected` collects the gradients that led to each step."""
    torch.manual_seed(2)
    of_critic = torch.optim.SGD(gan.critic.parameters(), 0.1)
    of_generator = torch.optim.Adam(gan.generator.parameters(), 0.1)
    logger = log_dir and GradientLogger(
        log_dir, gan, [of_generator, of_critic], update_freq=1, max_outputs=2 * SAMPLES
    )
    for _ in range(steps):
        found = {}
        for _ in range(critics_steps):
            real, z = noise(), noise()
            if expected is not None:
                twin = copy.deepcopy(gan)
                loss = partial(twin.critics_loss, real, z)
                found["critic.rnn"] = gradients(twin, loss, "critic.rnn")["critic.rnn"]
            of_critic.zero_grad()
            gan.critics_loss(real, z).backward()
            of_critic.step()
        z = noise()
        if expected is not None:
            twin = copy.deepcopy(gan)
            found |= gradients(
                twin, lambda twin=twin, z=z: twin.generators_loss(z), "generator.rnn"
            )
            expected.append(found)
        of_generator.zero_grad()
        gan.generators_loss(z).backward()
        of_generator.step()
    if logger:
        logger.close()
    return list(gan.parameters())


@pytest.mark.parametrize("critics_steps", [1, 2])
def test_each_layers_records_are_of_the_passes_that_led_to_its_own_optimizers_step(
    tmp_path, critics_steps
):
    expected = []
    train(Gan(), 3, critics_steps, tmp_path, expected)
    for name in ("critic.rnn", "generator.rnn", "fake"):
        series = tb_rnngrad.read(tmp_path, tag=f"{name}/hidden_state")
        assert series.steps.tolist() == [0, 1, 2]
        for record, found in zip(series, expected, strict=True):
            np.testing.assert_array_equal(record, found[name])


def test_a_training_with_several_optimizers_stays_bit_for_bit_the_same(tmp_path):
    logged, plain = train(Gan(), 5, 2, tmp_path), train(Gan(), 5, 2)
    assert all(map(torch.equal, logged, plain))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_optimizers_that_step_after_one_backward_pass_share_its_passes(tmp_path, order, kind):
    torch.manual_seed(3)
    net = nn.ModuleDict({"low": nn.GRU(FEATURES, UNITS), "high": nn.GRU(UNITS, UNITS)})
    optimizers = [kind(net[name].parameters(), 0.1) for name in ("low", "high")]
    xs = [torch.randn(TIMESTEPS, SAMPLES, FEATURES) for _ in range(3)]

    def loss(x):
        return net["high"](net["low"](x)[0])[0].square().mean()

    given, expected = [optimizers[n] for n in order], []
    with GradientLogger(tmp_path, net, given, update_freq=2, flow_freq=1, max_outputs=9):
        for x in xs:
            expected.append(gradients(net, lambda x=x: loss(x)))
            net.zero_grad()
            loss(x).backward()
            for optimizer in optimizers:
                optimizer.step()
    for name in ("low", "high"):
        series = tb_rnngrad.read(tmp_path, tag=f"{name}/hidden_state")
        assert series.steps.tolist() == [0, 2]
        for step, record in zip((0, 2), series, strict=True):
            np.testing.assert_array_equal(record, expected[step][name])


def test_a_closed_logger_leaves_nothing_in_any_optimizer(tmp_path):
    net = nn.GRU(FEATURES, UNITS)
    optimizers = [torch.optim.SGD([weight], 0.1) for weight in net.parameters()]
    logger = GradientLogger(tmp_path, net, (*optimizers, optimizers[0]))
    assert all(len(one._optimizer_step_post_hooks) == 1 for one in optimizers)
    logger.close()
    for one in optimizers:
        assert not one._optimizer_step_pre_hooks
        assert not one._optimizer_step_post_hooks


def test_closures_of_several_optimizers_are_logged_by_their_first_evaluation(tmp_path):
    torch.manual_seed(4)
    net = nn.ModuleDict({"low": nn.GRU(FEATURES, UNITS), "high": nn.GRU(FEATURES, UNITS)})
    x = torch.randn(TIMESTEPS, SAMPLES, FEATURES)
    optimizers = {
        name: torch.optim.LBFGS(one.parameters(), max_iter=3) for name, one in net.items()
    }
    expected = {}
    with GradientLogger(tmp_path, net, [*optimizers.values()], max_outputs=SAMPLES):
        for name, optimizer in optimizers.items():
            expected |= gradients(net, lambda name=name: net[name](x)[0].square().sum(), name)

            def closure(name=name, optimizer=optimizer):
                optimizer.zero_grad()
                loss = net[name](x)[0].square().sum()
                loss.backward()
                return loss

            optimizer.step(closure)
    for name, record in expected.items():
        found = tb_rnngrad.read(tmp_path, tag=f"{name}/hidden_state")
        np.testing.assert_array_equal(found[0], record)
