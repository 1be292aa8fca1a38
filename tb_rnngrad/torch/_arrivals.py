"""Gradients that the user's own backward pass brings to tensors of the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Recorded:
    """Something of the forward pass that gradients arrive at.

    Attributes:
        name: of the layer.
        round: how many backward passes ended before it. All of one forward pass share it.
        scale: what the loss is multiplied with.
        records_gradients: whether a graph was recorded.
        arrived: gradients by position among its tensors.
        passes: the number of backward passes that reached each of them.
    """

    name: str
    round: int
    scale: float
    records_gradients: bool
    arrived: dict[int, Tensor] = field(default_factory=dict, init=False)
    passes: dict[int, int] = field(default_factory=dict, init=False)

    def arrive(self, position: int, gradient: Tensor) -> None:
        """Add a gradient that a backward pass brings to a tensor."""
        gradient = gradient.detach()
        known = self.arrived.get(position)
        self.arrived[position] = gradient if known is None else known + gradient
        self.passes[position] = self.passes.get(position, 0) + 1

    def forget_gradients(self) -> None:
        """Begin as before the first backward pass."""
        self.arrived.clear()
        self.passes.clear()


class Rounds:
    """Counts forward passes, each with its backward passes."""

    def __init__(self) -> None:
        self._now = 0
        self._reached = -1  # the last round that a backward pass came to

    def begin(self) -> int:
        """Return the round of something that the forward pass computes now."""
        if self._reached == self._now:
            self._now += 1
        return self._now

    def hook(self, recorded: Recorded, position: int, lead: int = 0) -> Callable[[Tensor], None]:
        """Return a hook for one of the tensors of `recorded`.

        Args:
            recorded: where the gradient is added.
            position: the tensor's.
            lead: the number of axes that the gradient lacks in front.
        """

        def arrive(gradient: Tensor) -> None:
            self._reached = max(self._reached, recorded.round)
            recorded.arrive(position, gradient[(None,) * lead])

        return arrive
