"""PyTorch's fused recurrent functions: their arguments by name, and one layer of them alone.

This is the only file that uses private names of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "lstm": torch._VF.lstm,
        "gru": torch._VF.gru,
        "rnn_tanh": torch._VF.rnn_tanh,
        "rnn_relu": torch._VF.rnn_relu,
    }
)

_COMPILED: Final = "_orig_mod"  # the attribute in which torch.compile keeps the user's module


@dataclass(frozen=True)
class Weights:
    """The weights of one layer in one direction, as PyTorch names and shapes them.

    Attributes:
        weight_ih: [gates * units, features].
        weight_hh: [gates * units, outputs]; an LSTM with `proj_size` has fewer outputs than units.
        bias_ih, bias_hh: [gates * units], or None.
        weight_hr: the projection of an LSTM with `proj_size`, [outputs, units]; else None.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_hr: Tensor | None = None

    def to(self, dtype: torch.dtype) -> Weights:
        """Return the same weights in another dtype."""
        return Weights(**{name: weight.to(dtype) for name, weight in self.by_name.items()})

    @property
    def by_name(self) -> dict[str, Tensor]:
        """The weights that there are, by name."""
        return {name: weight for name, weight in vars(self).items() if weight is not None}


@dataclass(frozen=True)
class Kept:
    """A tensor of the user's that is kept without a copy.

    Attributes:
        tensor: it, without its graph.
        version: rises with each change in place.
    """

    tensor: Tensor
    version: int

    @classmethod
    def of(cls, tensor: Tensor) -> Kept:
        """Keep a tensor as it is now."""
        detached = tensor.detach()
        return cls(detached, detached._version)

    @property
    def is_intact(self) -> bool:
        """Whether the tensor has not been changed in place since."""
        return self.tensor._version == self.version


@dataclass(frozen=True)
class FusedCall:
    """The arguments of one call of a fused function; weights and initial states are copies.

    Attributes:
        kind: "lstm", "gru", "rnn_tanh" or "rnn_relu".
        input: [timesteps, samples, features], [samples, timesteps, features] if `batch_first`, or
            the data of a packed sequence, [cells, features].
        batch_sizes: of a packed sequence: how many samples are in each timestep; else None.
        initial: h_0 and, for an LSTM, c_0; each [layers * directions, samples, units].
        weights: by layer, then direction.
        dropout: the share that is dropped between layers; 0 outside of training.
        random_state: the generator's state before the call, where `dropout` on a CPU draws from it.
        batch_first: whether samples come first in `input` and in the output.
    """

    kind: str
    input: Kept
    batch_sizes: Tensor | None
    initial: tuple[Tensor, ...]
    weights: Sequence[Sequence[Weights]]
    dropout: float
    random_state: Tensor | None
    batch_first: bool


def kind_of(function: Any) -> str | None:
    """Return the kind of a fused recurrent function; None for any other function."""
    return next((kind for kind, fused in _FUNCTIONS.items() if function is fused), None)


def fused_call(kind: str, args: Sequence[Any]) -> FusedCall:
    """Return the arguments of a call that is about to run, by name.

    The functions have two forms: (input, states, weights, has_biases, num_layers, dropout, train,
    bidirectional, batch_first) and, for packed sequences, (data, batch_sizes, states, weights,
    has_biases, num_layers, dropout, train, bidirectional).
    """
    if isinstance(args[3], bool):
        data, states, flat, *options, batch_first = args
        batch_sizes = None
    else:
        data, batch_sizes, states, flat, *options = args
        batch_first = False
    has_biases, layers, dropout, is_training, is_bidirectional = options
    initial = states if isinstance(states, (tuple, list)) else (states,)
    directions = 2 if is_bidirectional else 1
    count = len(flat) // (layers * directions)
    dropout = dropout if is_training and layers > 1 else 0.0
    copies = [weight.detach().clone() for weight in flat]
    cells = [
        _weights(copies[start : start + count], has_biases) for start in range(0, len(flat), count)
    ]
    return FusedCall(
        kind,
        Kept.of(data),
        batch_sizes,
        tuple(state.detach().clone() for state in initial),
        [cells[start : start + directions] for start in range(0, len(cells), directions)],
        dropout,
        torch.get_rng_state() if dropout and data.device.type == "cpu" else None,
        batch_first,
    )


def _weights(flat: Sequence[Tensor], has_biases: bool) -> Weights:
    weight_ih, weight_hh, *rest = flat
    bias_ih, bias_hh = rest[:2] if has_biases else (None, None)
    projection = rest[2:] if has_biases else rest
    return Weights(weight_ih, weight_hh, bias_ih, bias_hh, *projection)


def hidden_states(kind: str, weights: Weights, x: Tensor, initial: Sequence[Tensor]) -> Tensor:
    """Return the hidden states of one layer in one direction, [timesteps, samples, outputs].

    Args:
        kind: as `kind_of` names it.
        weights: the layer's weights.
        x: its input, [timesteps, samples, features].
        initial: h_0 and, for an LSTM, c_0; each [samples, units].
    """
    states = [state.unsqueeze(0) for state in initial]
    hx = states if kind == "lstm" else states[0]
    flat = list(weights.by_name.values())
    has_biases = weights.bias_ih is not None
    result = _FUNCTIONS[kind](x, hx, flat, has_biases, 1, 0.0, False, False, False)
    return result[0]


def without_wrappers(module: torch.nn.Module) -> torch.nn.Module:
    """Return the user's own module inside of `torch.compile` and of data parallelism."""
    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(module, parallel):
            module = module.module
        elif isinstance(inner := getattr(module, _COMPILED, None), torch.nn.Module):
            module = inner
        else:
            return module


def without_wrapper_names(name: str) -> str:
    """Return a module's dotted name without the parts that `torch.compile` puts into it."""
    return ".".join(part for part in name.split(".") if part != _COMPILED)
