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
from tb_rnngrad.torch import GradientLogger, gradients

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
