"""What a forward pass may change in a module, and how it is put back."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

_CONTAINERS: Final = (list, dict, set)


class ModuleState:
    """The state of one module, without the modules in it.

    These are its parameters (the objects, whose values no forward pass changes), its buffers with
    their values, its mode, and the attributes that its own classes gave it. What `nn.Module` keeps
    for itself is left alone. Of lists, dicts and sets in attributes the members are kept.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._is_training = module.training
        self._names = set(dir(module))  # with those of buffers that are None
        self._parameters = dict(module.named_parameters(recurse=False, remove_duplicate=False))
        self._buffers = {
            name: (buffer, buffer.detach().clone()) for name, buffer in _buffers(module).items()
        }
        self._attributes = _attributes(module)
        self._members = {
            name: value.copy()
            for name, value in self._attributes.items()
            if type(value) in _CONTAINERS
        }

    def restore(self) -> None:
        """Put back what has changed since."""
        module = self._module
        module.training = self._is_training
        now = _attributes(module)
        for name in now.keys() - self._attributes.keys():
            delattr(module, name)
        for name, value in self._attributes.items():
            if now.get(name, self) is not value:
                setattr(module, name, value)
        for name, members in self._members.items():
            _refill(self._attributes[name], members)
        for name, parameter in self._parameters.items():
            if getattr(module, name, None) is not parameter:
                setattr(module, name, parameter)
        for name in _buffers(module).keys() - self._buffers.keys():
            if name in self._names:
                setattr(module, name, None)
            else:
                delattr(module, name)
        for name, (buffer, value) in self._buffers.items():
            if getattr(module, name, None) is not buffer:
                setattr(module, name, buffer)
            if not torch.equal(buffer, value):
                buffer.detach().copy_(value)


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_buffers(recurse=False, remove_duplicate=False))


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes that the classes of a module gave it, beside those of `nn.Module`."""
    of_every_module = nn.Module().__dict__
    return {name: value for name, value in vars(module).items() if name not in of_every_module}


def _refill(container: Any, members: Any) -> None:
    """Give a list, dict or set its members back."""
    if isinstance(container, list):
        container[:] = members
    else:
        container.clear()
        container.update(members)
