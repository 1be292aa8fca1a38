"""Runs a module once and leaves it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from tb_rnngrad.torch._module_state import ModuleState


@contextlib.contextmanager
def left_as_it_was(root: nn.Module) -> Iterator[None]:
    """Give PyTorch's random numbers, buffers and attributes back as they were."""
    states = [ModuleState(module) for module in root.modules()]
    devices = {one.device for one in root.parameters() if one.device.type == "cuda"}
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            for state in states:
                state.restore()


@contextlib.contextmanager
def evaluating(root: nn.Module) -> Iterator[None]:
    """Run a module in evaluation mode, whatever its `train` is overridden to do."""
    modes = [(module, module.training) for module in root.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, is_training in modes:
            module.training = is_training
