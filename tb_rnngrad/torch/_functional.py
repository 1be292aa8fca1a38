"""PyTorch's recurrent functions, fused ones and cells: their arguments by name.

This is the only file that uses private names of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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

_CELLS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "lstm": torch._VF.lstm_cell,
        "gru": torch._VF.gru_cell,
        "rnn_tanh": torch._VF.rnn_tanh_cell,
        "rnn_relu": torch._VF.rnn_relu_cell,
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

    @classmethod
    def joined(cls, each: Sequence[Kept], axis: int) -> Kept:
        """Return tensors side by side; all of them, or none, are intact."""
        together = cls.of(torch.cat([one.tensor for one in each], axis))
        return together if each[0].is_intact else replace(together, version=-1)

    @property
    def is_intact(self) -> bool:
        """Whether the tensor has not been changed in place since."""
        return self.tensor._version == self.version


class Copies:
    """Copies of weights, one for as long as a weight does not change."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Tensor, int, Tensor]] = {}

    def of(self, weight: Tensor) -> Tensor:
        """Return a copy of a weight as it is now."""
        if not weight.is_leaf:  # it was computed for this call, so nobody asks for it again
            return weight.detach().clone()
        known, version, copy = self._known.get(id(weight), (None, 0, weight))
        if known is not weight or version != weight._version:
            copy = weight.detach().clone()
            self._known[id(weight)] = weight, weight._version, copy
        return copy


@dataclass(frozen=True)
class FusedCall:
    """The arguments of one call of a fused function; weights and initial states are copies.

    The call of a cell is that of a fused function with one layer and one timestep.

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
        is_cell: whether a cell was called.
    """

    kind: str
    input: Kept
    batch_sizes: Tensor | None
    initial: tuple[Tensor, ...]
    weights: Sequence[Sequence[Weights]]
    dropout: float
    random_state: Tensor | None
    batch_first: bool
    is_cell: bool = False

    @property
    def timesteps(self) -> int:
        """The number of timesteps."""
        if self.batch_sizes is not None:
            return len(self.batch_sizes)
        return int(self.input.tensor.shape[1 if self.batch_first else 0])

    def state_in(self, args: Sequence[Any]) -> Tensor:
        """Return the h_0 among the function's arguments, with its graph."""
        given = args[1 if self.batch_sizes is None else 2]
        return _each(given)[0]

    def has_path_inside(self, results: Mapping[int, Tensor]) -> bool:
        """Return whether an LSTM cell's h_t was computed from the very c_t that it returned."""
        return self.is_cell and 2 in results and results[0].grad_fn is not results[2].grad_fn

    def results(self, returned: Any) -> dict[int, Tensor]:
        """Return what the function returned by what it is: 0 is y, 1 is h_n, 2 is an LSTM's c_n.

        A cell returns y, and c_n.
        """
        if not self.is_cell:
            return dict(enumerate(returned))
        return {0: returned[0], 2: returned[1]} if self.kind == "lstm" else {0: returned}


def arguments_of(function: Any, args: Sequence[Any], copies: Copies) -> FusedCall | None:
    """Return the arguments of a call that is about to run; None if it is no recurrent function.

    Args:
        function: any function of PyTorch.
        args: its arguments.
        copies: the weights' copies so far.
    """
    for kind, fused in _FUNCTIONS.items():
        if function is fused:
            return _fused_call(kind, args, copies)
    for kind, cell in _CELLS.items():
        if function is cell:
            return _cell_call(kind, args, copies)
    return None


def _cell_call(kind: str, args: Sequence[Any], copies: Copies) -> FusedCall:
    """Return the arguments of a cell: (input, states, weight_ih, weight_hh, bias_ih, bias_hh)."""
    data, states, *weights = args
    return FusedCall(
        kind,
        Kept.of(data.unsqueeze(0)),
        None,
        tuple(state.detach().clone().unsqueeze(0) for state in _each(states)),
        [[Weights(*(None if one is None else copies.of(one) for one in weights))]],
        0.0,
        None,
        batch_first=False,
        is_cell=True,
    )


def _each(states: Any) -> Sequence[Tensor]:
    return states if isinstance(states, (tuple, list)) else (states,)


def _fused_call(kind: str, args: Sequence[Any], copies: Copies) -> FusedCall:
    """Return the arguments of a fused function.

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
    directions = 2 if is_bidirectional else 1
    count = len(flat) // (layers * directions)
    dropout = dropout if is_training and layers > 1 else 0.0
    copied = [copies.of(weight) for weight in flat]
    layers_weights = [
        _weights(copied[start : start + count], has_biases) for start in range(0, len(flat), count)
    ]
    return FusedCall(
        kind,
        Kept.of(data),
        batch_sizes,
        tuple(state.detach().clone() for state in _each(states)),
        [
            layers_weights[start : start + directions]
            for start in range(0, len(layers_weights), directions)
        ],
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


def runs_backward() -> bool:
    """Return whether this thread is inside of a backward pass."""
    return bool(torch._C._current_graph_task_id() != -1)


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
