"""The recurrent layers of a module: their names, and which of them were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from tb_rnngrad.torch._functional import without_wrapper_names, without_wrappers

RECURRENT: Final = "nn.RNN, nn.LSTM, nn.GRU or one of their cells"
_KINDS: Final = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)


@dataclass(frozen=True)
class Layers:
    """A recurrent module, and those of its stacked layers that were asked for.

    Attributes:
        name: the module's dotted name.
        module: an `nn.RNN`, `nn.LSTM`, `nn.GRU` or one of their cells.
        numbers: the layers, from 0.
    """

    name: str
    module: nn.RNNBase | nn.RNNCellBase
    numbers: tuple[int, ...]

    @property
    def is_cell(self) -> bool:
        """Whether the module works on one timestep a call."""
        return isinstance(self.module, nn.RNNCellBase)

    def name_of(self, number: int) -> str:
        """Return the name of one layer: the module's own where it has only one."""
        is_only = self.is_cell or self.module.num_layers == 1
        return self.name if is_only else f"{self.name}.l{number}"

    @property
    def names(self) -> list[str]:
        """The names of the layers."""
        return [self.name_of(number) for number in self.numbers]


def select(module: Any, layers: Any) -> list[Layers]:
    """Return the recurrent layers of `module` that `layers` names.

    Args:
        module: any `nn.Module`, compiled or wrapped for data parallelism too.
        layers: a name, a module, a list of these, or None for all. A name is a recurrent module's
            dotted name ("encoder.lstm"), with or without the number of one stacked layer
            ("encoder.lstm.l1"), or that of a module that contains recurrent ones.

    Returns:
        Nothing if all layers are asked for and there are none: states may be watched.

    Raises:
        TypeError: if `module` is no module, or a layer is neither a name nor a module.
        ValueError: if a layer does not exist, or neither is nor contains a recurrent layer.
        NotImplementedError: if a layer cannot be inspected.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module is {module!r}; expected a torch.nn.Module")
    root = without_wrappers(module)
    every = list(_recurrent(root))
    if not every and (refusal := _refusal(root)):
        raise refusal
    if layers is None:
        return every
    chosen: dict[str, dict[int, None]] = {}
    for wanted in layers if isinstance(layers, (list, tuple)) else [layers]:
        for found in _named(root, every, wanted):
            chosen.setdefault(found.name, {}).update(dict.fromkeys(found.numbers))
    return [
        Layers(one.name, one.module, tuple(sorted(chosen[one.name])))
        for one in every
        if one.name in chosen
    ]


def _recurrent(root: nn.Module) -> Iterator[Layers]:
    for name, module in root.named_modules():
        if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            dotted = without_wrapper_names(name) or type(module).__name__.lower()
            count = module.num_layers if isinstance(module, nn.RNNBase) else 1
            yield Layers(dotted, module, tuple(range(count)))


def _named(root: nn.Module, every: Sequence[Layers], wanted: Any) -> list[Layers]:
    if isinstance(wanted, str):
        for one in every:
            if wanted == one.name:
                return [one]
            for number in one.numbers:
                if wanted == one.name_of(number):
                    return [Layers(one.name, one.module, (number,))]
        target = _submodule(root, every, wanted)
    elif isinstance(wanted, nn.Module):
        wanted, target = type(wanted).__name__, without_wrappers(wanted)
    else:
        raise TypeError(f"layer is {wanted!r}; expected a name or a torch.nn.Module")
    inside = set(target.modules())
    chosen = [one for one in every if one.module in inside]
    if not chosen:
        raise _refusal(target) or ValueError(
            f"layer {wanted!r} is a {type(target).__name__}, neither recurrent nor around a "
            f"recurrent layer of the module; {_names(root, every)}"
        )
    return chosen


def _submodule(root: nn.Module, every: Sequence[Layers], wanted: str) -> nn.Module:
    for name, module in root.named_modules():
        if name and without_wrapper_names(name) == wanted:
            return module
    raise ValueError(f"the module has no layer named {wanted!r}; {_names(root, every)}")


def _names(root: nn.Module, every: Sequence[Layers]) -> str:
    names = ", ".join(repr(name) for one in every for name in one.names)
    return f"its recurrent layers are {names}" if names else no_recurrent_layer(root)


def _refusal(module: nn.Module) -> Exception | None:
    """Return why what is recurrent in a module cannot be inspected; None if nothing in it is."""
    for name, one in module.named_modules():
        names = [kind.__name__ for kind in _KINDS]
        if isinstance(one, torch.jit.ScriptModule) and one.original_name in names:
            return NotImplementedError(
                f"layer {name or one.original_name!r} is compiled by TorchScript, whose functions "
                "cannot be intercepted; expected the module before torch.jit.script"
            )
    return None


def no_recurrent_layer(root: nn.Module) -> str:
    """Return a sentence that says what a module has instead of recurrent layers."""
    children = ", ".join(f"{name} ({type(one).__name__})" for name, one in root.named_children())
    return (
        f"module {type(root).__name__} has no recurrent layer ({RECURRENT}); its modules are "
        f"{children or 'none'}"
    )
