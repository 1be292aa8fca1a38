"""Which quantities the layers have that were asked for."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tb_rnngrad._capture.names import GRADIENTS
from tb_rnngrad.torch._modules import Layers


def see_gradients(of: Sequence[str]) -> bool:
    """Return whether any of these quantities is a gradient."""
    return any(name in GRADIENTS for name in of)


def asked_of(
    chosen: Sequence[Layers], of: Sequence[str], by_name: bool
) -> list[tuple[Layers, tuple[str, ...]]]:
    """Return the layers with the quantities that each of them has.

    Args:
        chosen: the layers.
        of: the quantities.
        by_name: whether the user named the layers.

    Raises:
        ValueError: if a layer that the user named, or every layer, lacks a quantity.
    """
    asked: list[tuple[Layers, tuple[str, ...]]] = []
    lacking = [layers for layers in chosen if not isinstance(layers.module, (nn.LSTM, nn.LSTMCell))]
    for layers in chosen:
        own = tuple(name for name in of if name != "cell_state" or layers not in lacking)
        if own:
            asked.append((layers, own))
    if "cell_state" in of and lacking and (by_name or not asked):
        kind = type(lacking[0].module).__name__
        raise ValueError(f"layer {lacking[0].name!r} has no cell state ({kind}); LSTM has one")
    return asked
