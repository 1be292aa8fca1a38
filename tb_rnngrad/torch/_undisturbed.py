"""Runs a module once and leaves it as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def left_as_it_was(root: nn.Module) -> Iterator[None]:
    """Give PyTorch's random numbers, buffers and attributes back as they were."""
    states = [_State(module) for module in root.modules()]
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


class _State:
    """The attributes of one module, and the values of its buffers."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._attributes = dict(vars(module))
        self._buffers = {
            name: (buffer, buffer.detach().clone())
            for name, buffer in module.named_buffers(recurse=False)
        }

    def restore(self) -> None:
        attributes = vars(self._module)
        for name in attributes.keys() - self._attributes.keys():
            del attributes[name]
        attributes.update(self._attributes)
        for name, (buffer, value) in self._buffers.items():
            setattr(self._module, name, buffer)
            if not torch.equal(buffer, value):
                buffer.detach().copy_(value)
