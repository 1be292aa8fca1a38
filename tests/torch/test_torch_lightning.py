"""`LightningGradientLogger` in the Trainer of Lightning."""

from __future__ import annotations

import copy
import importlib
import warnings

import numpy as np
import pytest

pytest.importorskip("torch.nn")
pytest.importorskip("lightning.pytorch")

import lightning.pytorch as lightning
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins import MixedPrecision
from pages import example_of, snippets
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tb_rnngrad
from tb_rnngrad.torch import LightningGradientLogger, gradients

SAMPLES, TIMESTEPS, FEATURES, UNITS, BATCHES = 4, 5, 2, 3, 4
TAG = "lstm/hidden_state"


def module_of(package):
    """Return the class of modules for Lightning under one of its two names."""

    class Net(package.LightningModule):
        def __init__(self, optimizer=torch.optim.Adam, is_automatic=True):
            super().__init__()
            self.automatic_optimization = is_automatic
            self.kind = optimizer
            self.lstm = nn.LSTM(FEATURES, UNITS, batch_first=True)
            self.head = nn.Linear(UNITS, 1)

        def loss(self, x):
            return self.head(self.lstm(x)[0][:, -1]).square().mean()

        def training_step(self, batch, index):
            loss = self.loss(batch[0])
            self.log("loss", loss)
            if not self.automatic_optimization:
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            return loss

        def validation_step(self, batch, index):
            self.log("validation", self.loss(batch[0]))

        def configure_optimizers(self):
            return self.kind(self.parameters(), 0.05)

    return Net


Net = module_of(lightning)


@pytest.fixture(autouse=True)
def quiet():
    """Lightning warns of few workers, a loader without validation and the like."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|pytorch_lightning")
        yield


@pytest.fixture
def xs():
    return torch.randn(
        BATCHES, SAMPLES, TIMESTEPS, FEATURES, generator=torch.Generator().manual_seed(2)
    )


def loader(xs):
    return DataLoader(TensorDataset(xs.flatten(0, 1)), SAMPLES)


def net_of(kind=Net, **options):
    torch.manual_seed(1)
    return kind(**options)


def fit(net, xs, path, callbacks=(), package=lightning, ckpt_path=None, **options):
    """Train for an epoch; return the Trainer."""
    usual = {"logger": TensorBoardLogger(path, "logs", version=0), "max_epochs": 1}
    trainer = package.Trainer(
        accelerator="cpu",
        callbacks=[*callbacks],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        **usual | options,
    )
    trainer.fit(net, loader(xs), loader(xs[:1]), ckpt_path=ckpt_path)
    return trainer


def read(path, tag=TAG):
    return tb_rnngrad.read(path / "logs/version_0/rnngrad", tag=tag)


class Scaled(MixedPrecision):
    def autocast_context_manager(self):
        return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


WAYS = {
    "automatic": ({}, {}),
    "manual": ({"is_automatic": False}, {}),
    "accumulated": ({"optimizer": torch.optim.SGD}, {"accumulate_grad_batches": 2}),
    "mixed": ({}, {"precision": "bf16-mixed"}),
    "scaled": ({}, {}),  # mixed precision with a loss scale, see below
    "closure": ({"optimizer": torch.optim.LBFGS}, {"accumulate_grad_batches": 2}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_trainers_steps_are_logged_and_stay_bit_for_bit_the_same(way, xs, tmp_path):
    of_net, of_trainer = WAYS[way]
    plain, logged = net_of(**of_net), net_of(**of_net)
    if way == "scaled":  # as on a GPU, but a CPU has no kernel of float16
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
        of_trainer = {"plugins": [Scaled("16-mixed", "cpu", scaler)]}
    per_step = of_trainer.get("accumulate_grad_batches", 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=way in ("mixed", "scaled")):
        expected = [
            gradients(logged, lambda x=x: logged.loss(x) / per_step)["lstm"] for x in xs[:per_step]
        ]
    fit(plain, xs, tmp_path, logger=False, enable_checkpointing=False, **of_trainer)
    callback = LightningGradientLogger(update_freq=1, max_outputs=SAMPLES * per_step)
    fit(logged, xs, tmp_path, [callback], **of_trainer)
    assert all(map(torch.equal, plain.parameters(), logged.parameters()))
    series = read(tmp_path)
    assert series.steps.tolist() == [*range(BATCHES // per_step)]
    np.testing.assert_allclose(series[0], np.concatenate(expected), rtol=1e-6)
    assert series[0].backward_passes == 1
    assert not logged.lstm._forward_hooks  # the end of training ends logging


def test_tensorboard_shows_all_steps_of_lightnings_logger_and_of_ours(
    xs, tmp_path, tensorboard_server
):
    # The Python loader is the one that leaves a file once its directory has a later one.
    server = tensorboard_server(tmp_path / "logs", "--load_fast=false")
    run, beside = "version_0", "version_0/rnngrad"

    class Look(lightning.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, index):
            if index == 2:
                trainer.logger.experiment.flush()
                server.wait_until_shown(beside, TAG, [0, 1, 2])
                server.wait_until_shown(run, "loss", [0, 1])  # Lightning writes the last one later

    fit(net_of(), xs, tmp_path, [LightningGradientLogger(update_freq=1), Look()])
    server.wait_until_shown(beside, TAG, [0, 1, 2, 3])
    server.wait_until_shown(run, "loss", [0, 1, 2, 3])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_lightning_works_under_its_other_name_too(xs, tmp_path):
    other = pytest.importorskip("pytorch_lightning")
    loggers = importlib.import_module("pytorch_lightning.loggers")
    logger = loggers.TensorBoardLogger(tmp_path, "logs", version=0)
    net = net_of(module_of(other))
    expected = gradients(net, lambda: net.loss(xs[0]))["lstm"]
    fit(net, xs, tmp_path, [LightningGradientLogger()], other, logger=logger)
    np.testing.assert_array_equal(read(tmp_path)[0], expected)


def test_a_resumed_training_goes_on_at_the_trainers_step(xs, tmp_path):
    sgd = {"optimizer": torch.optim.SGD}  # which has no count of its own
    done = fit(net_of(**sgd), xs, tmp_path / "before")
    done.save_checkpoint(tmp_path / "checkpoint")
    callback = LightningGradientLogger(tmp_path / "after", update_freq=1)
    fit(net_of(**sgd), xs, tmp_path, [callback], max_epochs=2, ckpt_path=tmp_path / "checkpoint")
    assert tb_rnngrad.read(tmp_path / "after", tag=TAG).steps.tolist() == [4, 5, 6, 7]


class Two(Net):
    """An optimizer for the head, then one for the recurrent layer."""

    def __init__(self):
        super().__init__(is_automatic=False)

    def training_step(self, batch, index):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(self.loss(batch[0]))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(one.parameters(), 0.05) for one in (self.head, self.lstm)]


@pytest.mark.parametrize("optimizer", [None, 1])
def test_of_several_optimizers_that_of_the_layer_is_logged(optimizer, xs, tmp_path):
    net = net_of(Two)
    twin = copy.deepcopy(net)
    of_head, _ = twin.configure_optimizers()
    twin.loss(xs[0]).backward()
    of_head.step()
    expected = gradients(twin, lambda: twin.loss(xs[0]))["lstm"]
    fit(net, xs, tmp_path, [LightningGradientLogger(update_freq=1, optimizer=optimizer)])
    series = read(tmp_path)
    assert series.steps.tolist() == [0, 1, 2, 3]
    if optimizer is None:
        np.testing.assert_array_equal(series[0], expected)
    else:  # both passes come before its step
        assert series[0].batch_size == 2 * SAMPLES


def test_an_optimizer_that_is_none_is_named(xs, tmp_path):
    sentence = "optimizer is 2; expected None or an index below 2, the number of optimizers"
    with pytest.raises(ValueError, match=sentence):
        fit(net_of(Two), xs, tmp_path, [LightningGradientLogger(optimizer=2)])


def test_an_error_in_training_ends_logging_and_loses_nothing(xs, tmp_path):
    class Failing(Net):
        def training_step(self, batch, index):
            if index == 2:
                raise ZeroDivisionError
            return super().training_step(batch, index)

    net = net_of(Failing)
    with pytest.raises(ZeroDivisionError):
        fit(net, xs, tmp_path, [LightningGradientLogger(update_freq=1)])
    assert read(tmp_path).steps.tolist() == [0, 1]
    assert not net.lstm._forward_hooks


def test_a_training_without_a_place_to_log_says_so(xs, tmp_path):
    sentence = "log_dir is None and the Trainer has no TensorBoardLogger"
    with pytest.raises(ValueError, match=sentence):
        fit(net_of(), xs, tmp_path, [LightningGradientLogger()], logger=CSVLogger(tmp_path))
    # Lightning's own loggers are off, too.
    fit(net_of(), xs, tmp_path, [LightningGradientLogger()], fast_dev_run=True)
    assert not list(tmp_path.rglob("*tfevents*"))


def test_an_option_that_is_none_is_named():
    with pytest.raises(
        TypeError, match=r"'layer' is no option; expected one or more of layers, of"
    ):
        LightningGradientLogger(layer="lstm")


def test_the_code_of_the_page_and_of_the_callback_runs(xs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"module": net_of(), "loader": loader(xs)}
    (page,) = [one for one in snippets("docs/how-to/log_from_lightning.md") if "lightning" in one]
    exec(page, names)
    names["callback"] = None
    exec(example_of(LightningGradientLogger), names)
    for version in (0, 1):
        logs = tmp_path / f"lightning_logs/version_{version}/rnngrad"
        assert tb_rnngrad.read(logs, tag=TAG).steps.tolist() == [0]
