"""Trainers other than Lightning's, and other writers beside ours."""

from __future__ import annotations

import copy

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from pages import example_of, snippets
from torch import nn

import tb_rnngrad
from tb_rnngrad.torch import GradientLogger, capture, gradients

SAMPLES, TIMESTEPS, FEATURES, UNITS = 4, 5, 2, 3
TAG = "lstm/hidden_state"


class Net(nn.Module):
    """Takes and gives what the Trainer of Transformers does."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x, labels):
        y = self.head(self.lstm(x)[0][:, -1])
        return {"loss": (y - labels).square().mean(), "logits": y}


@pytest.fixture
def net():
    torch.manual_seed(1)
    return Net()


@pytest.fixture
def xs():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(4, SAMPLES, TIMESTEPS, FEATURES, generator=generator)


def test_a_summary_writer_of_pytorch_and_our_logger_beside_it_lose_no_step(
    net, xs, tmp_path, tensorboard_server
):
    from torch.utils.tensorboard import SummaryWriter

    # The Python loader is the one that leaves a file once its directory has a later one.
    server = tensorboard_server(tmp_path, "--load_fast=false")
    run, beside = "loop", "loop/rnngrad"
    optimizer = torch.optim.Adam(net.parameters())
    with (
        SummaryWriter(tmp_path / run) as writer,
        GradientLogger(tmp_path / beside, net, optimizer, update_freq=1),
    ):
        for step, x in enumerate(xs):
            optimizer.zero_grad()
            loss = net(x, 0)["loss"]
            loss.backward()
            optimizer.step()
            writer.add_scalar("loss", loss, step)
            writer.flush()
            if step == 1:
                server.wait_until_shown(beside, TAG, [0, 1])
                server.wait_until_shown(run, "loss", [0, 1])
    server.wait_until_shown(beside, TAG, [0, 1, 2, 3])
    server.wait_until_shown(run, "loss", [0, 1, 2, 3])


def test_an_optimizer_that_accelerate_prepared_brings_its_loss_scale(net, xs, tmp_path):
    accelerate = pytest.importorskip("accelerate")
    accelerate.Accelerator(cpu=True)
    expected = gradients(net, lambda: net(xs[0], 0)["loss"])["lstm"]
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer = accelerate.optimizer.AcceleratedOptimizer(
        torch.optim.Adam(net.parameters()), scaler=scaler
    )
    with GradientLogger(tmp_path, net, optimizer, update_freq=1):
        for x in xs:
            scaler.scale(net(x, 0)["loss"]).backward()
            optimizer.step()
            optimizer.zero_grad()
    series = tb_rnngrad.read(tmp_path, tag=TAG)
    assert series.steps.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(series[0], expected)


# --- Transformers ---


def settings(path, **options):
    import transformers

    return transformers.TrainingArguments(
        output_dir=path,
        use_cpu=True,
        per_device_train_batch_size=SAMPLES,
        train_sampling_strategy="sequential",
        max_grad_norm=0.1,
        report_to="none",
        disable_tqdm=True,
        **{"save_strategy": "no", "num_train_epochs": 1} | options,
    )


def samples(xs):
    return [{"x": x, "labels": torch.zeros(1)} for x in xs.flatten(0, 1)]


def trainer_of(net, xs, path, callbacks=(), **options):
    import transformers

    return transformers.Trainer(
        net, settings(path, **options), train_dataset=samples(xs), callbacks=[*callbacks]
    )


def test_the_trainer_of_transformers_is_logged_and_trains_bit_for_bit_the_same(net, xs, tmp_path):
    pytest.importorskip("transformers")
    from tb_rnngrad.torch import TransformersGradientLogger

    plain = copy.deepcopy(net)
    trainer_of(plain, xs, tmp_path).train()
    expected = gradients(net, lambda: net(xs[0], 0)["loss"])["lstm"]
    callback = TransformersGradientLogger(tmp_path / "logs", update_freq=1)
    trainer_of(net, xs, tmp_path, [callback]).train()
    assert all(map(torch.equal, plain.parameters(), net.parameters()))
    series = tb_rnngrad.read(tmp_path / "logs", tag=TAG)
    assert series.steps.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(series[0], expected)  # clipping comes later
    assert not net.lstm._forward_hooks  # the end of training ends logging


def test_accumulated_batches_of_the_trainer_are_one_and_a_resumed_one_goes_on(net, xs, tmp_path):
    pytest.importorskip("transformers")
    from tb_rnngrad.torch import TransformersGradientLogger

    options = {"gradient_accumulation_steps": 2, "optim": "sgd"}
    trainer_of(net, xs, tmp_path, save_strategy="epoch", **options).train()
    expected = gradients(net, lambda: net(xs[:2].flatten(0, 1), 0)["loss"])["lstm"]
    callback = TransformersGradientLogger(tmp_path / "logs", update_freq=1, max_outputs=8)
    again = trainer_of(net, xs, tmp_path, [callback], num_train_epochs=2, **options)
    again.train(resume_from_checkpoint=True)
    series = tb_rnngrad.read(tmp_path / "logs", tag=TAG)
    assert series.steps.tolist() == [2, 3]
    np.testing.assert_allclose(series[0], expected, rtol=1e-5, atol=1e-9)


def test_the_code_of_the_page_and_of_the_callback_runs(net, xs, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    from tb_rnngrad.torch import TransformersGradientLogger

    monkeypatch.chdir(tmp_path)
    arguments, data = settings(tmp_path), samples(xs)
    names = {"model": net, "arguments": arguments, "data": data, "transformers": transformers}
    names["optimizer"] = torch.optim.Adam(net.parameters())
    page = snippets("docs/how-to/log_from_lightning.md")
    (trainer,) = [code for code in page if "transformers" in code]
    (beside,) = [code for code in page if "SummaryWriter" in code]
    exec(trainer, names)
    assert tb_rnngrad.read("logs", run="my_run/rnngrad", tag=TAG).steps.tolist() == [0]
    exec(example_of(TransformersGradientLogger), names)
    exec(beside, names)
    names["writer"].close()
    names["logger"].close()


# --- Recurrent PPO ---


def agent(log_dir=None):
    """Return a recurrent agent after its first updates, logged or not."""
    from sb3_contrib import RecurrentPPO

    small = {"n_steps": 32, "batch_size": 16, "n_epochs": 2}
    model = RecurrentPPO(
        "MlpLstmPolicy",
        "CartPole-v1",
        **small,
        policy_kwargs={"lstm_hidden_size": 4, "net_arch": []},
        seed=0,
        device="cpu",
    )
    if log_dir is not None:
        policy = model.policy
        with GradientLogger(log_dir, policy, policy.optimizer, update_freq=1, max_outputs=16):
            model.learn(64)
    else:
        model.learn(64)
    return model


def test_an_agents_updates_are_logged_and_stay_bit_for_bit_the_same(tmp_path):
    pytest.importorskip("sb3_contrib")
    plain, logged = agent(), agent(tmp_path)
    assert all(map(torch.equal, plain.policy.parameters(), logged.policy.parameters()))
    for layer in ("lstm_actor", "lstm_critic"):
        series = tb_rnngrad.read(tmp_path, tag=f"{layer}/hidden_state")
        assert series.steps.tolist() == list(range(8))
        assert all(record.shape[2] == 4 and record.shape[1] > 1 for record in series)


def test_of_a_policy_that_runs_timestep_by_timestep_the_whole_gradient_is_captured():
    pytest.importorskip("sb3_contrib")
    model = agent()
    policy = model.policy
    batch = next(model.rollout_buffer.get(16))
    starts = torch.zeros_like(batch.episode_starts)
    starts[0] = 1  # at the start of an episode the policy calls its layer for each timestep
    results = []

    def keep(module, args, result):
        y, (h, _) = result
        y.retain_grad()
        h.retain_grad()
        results.append((y, h))

    hook = policy.lstm_actor.register_forward_hook(keep)
    with capture(policy, "lstm_actor") as captured:
        _, log_prob, _ = policy.evaluate_actions(
            batch.observations,
            batch.actions.long().flatten(),
            batch.lstm_states,
            starts,
        )
        log_prob[batch.mask > 0].square().sum().backward()
    hook.remove()
    assert len(results) > 1
    # What arrives from above, and through the states that later timesteps begin with.
    totals = [y.grad[0] + (0 if h.grad is None else h.grad[0]) for y, h in results]
    record = captured["lstm_actor"]
    np.testing.assert_allclose(record, torch.stack(totals, dim=1), rtol=1e-4, atol=1e-7)
    assert (np.abs(record).max(axis=(0, 2)) > 0).all()


def test_the_code_of_the_page_on_agents_runs(tmp_path, monkeypatch):
    pytest.importorskip("sb3_contrib")
    monkeypatch.chdir(tmp_path)
    (code,) = [code for code in snippets("docs/how-to/log_from_lightning.md") if "PPO" in code]
    exec(code, {})
    tag = "lstm_actor/hidden_state"
    assert tb_rnngrad.read("logs", run="ppo_gradients", tag=tag).steps.tolist() == [0]
