"""`itemized_gradients`: how far back each of a few chosen losses reaches by itself.

If every timestep has a loss, the gradients of near losses drown those of far losses in their sum:
the sum looks alive although the far ones have long vanished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tb_rnngrad._capture.itemized import ItemizedRecords, check_not_empty, each_once
from tb_rnngrad.record import SequenceRecord
from tb_rnngrad.torch._functional import without_wrappers
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._recorded import Wanted
from tb_rnngrad.torch._undisturbed import left_as_it_was


def itemized_gradients(
    module: Any, losses: Callable[[], Tensor], at: Sequence[int], layers: Any = None
) -> dict[str, SequenceRecord]:
    """Return ||dL_t/dh_s||: how far back the loss at timestep t alone reaches.

    L_t is the sum of the losses at timestep t. Over all t the gradients dL_t/dh_s add up to
    `gradients` of the sum of all losses. One forward pass serves all t; each t takes one backward
    pass. The module stays as it was: weights, their `.grad`, buffers, attributes and PyTorch's
    random numbers. It runs in the mode that it is in (`module.training`).

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their
            cells in it, or with states that are watched (`watch`).
        losses: a function without arguments that calls the module and returns the losses of all
            timesteps, [samples, timesteps] or [timesteps], as a criterion with `reduction="none"`
            gives them; axes behind these are summed. Weights and divisors that the losses have
            count.
        at: the timesteps t of the losses; negative ones count from the end.
        layers: names ("encoder.lstm"; "encoder.lstm.l1" for one of its stacked layers), modules, or
            a list of these; None: every recurrent layer.

    Returns:
        layer name -> record [samples, timesteps s, len(at)] of L2 norms over units, with a channel
        group "t = 24" for each chosen timestep. Exactly 0 where h_s cannot affect the loss at t,
        such as s > t in a layer that runs forward.

    Raises:
        TypeError: if `module` is no module, or the losses are no tensor.
        ValueError: if a layer or timestep does not exist, the losses have no timesteps, or none of
            them depends on a layer.
        NotImplementedError: if a layer cannot be inspected.

    Example::

        def losses():  # [samples, timesteps, 1]
            return torch.nn.functional.mse_loss(model(x), y, reduction="none")

        itemized = tb_rnngrad.torch.itemized_gradients(model, losses, at=[9, -1])["lstm"]
        of_last = itemized.data[:, :, 1]  # [samples, timesteps s], of the last timestep's loss
    """
    check_not_empty(at)
    wanted = Wanted.by(module, layers, ("hidden_state",))
    root = without_wrappers(module)
    interception = Interception(wanted.modules, needs_graph=True)
    records = ItemizedRecords("torch")
    with left_as_it_was(root), torch.enable_grad(), interception.entered(is_private=True):
        values = _checked(losses())
        chosen = each_once(at, values.shape[_time_axis(values)])
        for t in chosen:
            interception.forget_gradients()
            if values.requires_grad and interception.edges:
                torch.autograd.grad(
                    values,
                    interception.edges,
                    _only_at(t, values),
                    retain_graph=True,
                    allow_unused=True,
                )
            interception.check()
            records.add(
                wanted.captured(interception.calls, interception.watched, interception.left_out)
            )
    found = records.records(chosen)
    _check_orientation(values, found)
    return found


def _checked(losses: Any) -> Tensor:
    if not isinstance(losses, Tensor):
        raise TypeError(
            f"the loss function returned {losses!r}; expected the losses of all timesteps, a tensor"
        )
    if not losses.ndim:
        raise ValueError(
            "the loss function returned one value; expected the losses of all timesteps, "
            '[samples, timesteps], as a criterion with reduction="none" gives them'
        )
    return losses


def _time_axis(losses: Tensor) -> int:
    return min(losses.ndim - 1, 1)


def _only_at(t: int, losses: Tensor) -> Tensor:
    """Return 1 at timestep t and 0 elsewhere: what makes a sum of the losses at t alone."""
    chosen = torch.zeros_like(losses)
    chosen.select(_time_axis(losses), t).fill_(1)
    return chosen


def _check_orientation(losses: Tensor, found: Mapping[str, SequenceRecord]) -> None:
    """Raise ValueError if timesteps come first in the losses.

    A layer may have another number of samples than the losses, but not exactly as many as these
    have timesteps.
    """
    if losses.ndim == 1:
        return
    samples, timesteps = losses.shape[:2]
    for name, record in found.items():
        if record.shape[0] == timesteps != samples:
            raise ValueError(
                f"the loss function returned losses of shape {tuple(losses.shape)}, and layer "
                f"{name!r} has {timesteps} samples; expected [samples, timesteps], samples first"
            )
