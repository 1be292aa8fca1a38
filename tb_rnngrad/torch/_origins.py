"""Which call a state comes from, by the graph that autograd records."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from torch import Tensor

from tb_rnngrad.torch._arrivals import Recorded

# Between two timesteps few operations change a state (dropout, a mask, a norm). A state that has
# nothing to do with earlier calls may have a graph of any size.
_MOST: Final = 200


class Origins:
    """The nodes of the graph that computed the results of calls."""

    def __init__(self) -> None:
        self._calls: dict[Any, Recorded] = {}

    def add(self, result: Tensor, call: Recorded) -> None:
        """Remember a result of a call."""
        if result.grad_fn is not None:
            self._calls[result.grad_fn] = call

    def of(self, name: str, state: Tensor) -> Recorded | None:
        """Return the nearest call of the layer `name` that a state depends on.

        Args:
            name: the layer's.
            state: a tensor of the forward pass.

        Returns:
            None if its graph leads to none within a few operations.
        """
        waiting = deque([state.grad_fn])
        seen = set(waiting)
        while waiting and len(seen) <= _MOST:
            node = waiting.popleft()
            if node is None:
                continue
            call = self._calls.get(node)
            if call is not None and call.name == name:
                return call
            for below, _ in node.next_functions:
                if below not in seen:
                    seen.add(below)
                    waiting.append(below)
        return None
