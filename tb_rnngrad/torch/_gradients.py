"""`gradients`: inspects a module once, with a loss function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.records import Records, records_of
from tb_rnngrad.torch._functional import without_wrappers
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._quantities import see_gradients
from tb_rnngrad.torch._recorded import Wanted
from tb_rnngrad.torch._undisturbed import left_as_it_was


def gradients(
    module: Any,
    loss: Callable[[], Tensor],
    layers: Any = None,
    of: str | Sequence[str] = "hidden_state",
) -> dict[str, Records]:
    """Return gradients of a loss through time, or values, of recurrent layers.

    The module stays as it was: weights, their `.grad`, buffers, attributes and PyTorch's random
    numbers. It runs in the mode that it is in (`module.training`).

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their
            cells in it, or with states that are watched (`watch`).
        loss: a function without arguments that calls the module and returns the loss, a scalar:
            `lambda: criterion(module(x), y)`. For values alone its result is not used.
        layers: names ("encoder.lstm"; "encoder.lstm.l1" for one of its stacked layers), modules, or
            a list of these; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).

    Returns:
        layer name -> `SequenceRecord` [samples, timesteps, units], or layer name -> dict of records
        if `of` names several. A bidirectional layer gives [samples, timesteps, 2 * units], forward
        first.

    Raises:
        TypeError: if `module` is no module, or the loss is no tensor.
        ValueError: if a layer or quantity does not exist, the loss is no scalar, or it does not
            depend on a layer.
        NotImplementedError: if a layer cannot be inspected.
    """
    names = check_of(of)
    wanted = Wanted.by(module, layers, names)
    root = without_wrappers(module)
    interception = Interception(wanted.modules, see_gradients(names))
    with left_as_it_was(root), torch.enable_grad(), interception.entered(is_private=True):
        result = loss()
        if see_gradients(names):
            _backward(result, interception.edges)
    interception.check()
    found = wanted.captured(*interception.taken(), interception.left_out)
    return records_of(found, "torch", isinstance(of, str))


def _backward(loss: Any, results: Sequence[GradientEdge]) -> None:
    """Run the backward pass down to the recurrent layers' results, without touching `.grad`."""
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"the loss function returned {loss!r}; expected the loss, a tensor with one value"
        )
    if loss.numel() != 1:
        raise ValueError(
            f"the loss function returned a tensor of shape {tuple(loss.shape)}; expected one value"
        )
    if loss.requires_grad and results:
        torch.autograd.grad(loss.sum(), results, allow_unused=True)
