"""Records the calls of PyTorch's fused recurrent functions, and the gradients that reach them.

The user's call runs untouched: the same function, the same arguments, the same results. Hooks on
the results note the gradients that the user's own backward pass brings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from tb_rnngrad.torch._functional import FusedCall, Kept, fused_call, kind_of


@dataclass
class Call:
    """One call of a fused function by a recurrent module.

    Attributes:
        name: the module's name.
        arguments: what the function was called with.
        output: its first result, the outputs y of all timesteps.
        order: the samples' positions in the user's own order, where packing sorted them.
        records_gradients: whether a graph was recorded.
        arrived: gradients by position among the results: y, h_n and, for an LSTM, c_n.
        passes: the number of backward passes that reached each result.
    """

    name: str
    arguments: FusedCall
    output: Kept
    order: Tensor | None
    records_gradients: bool
    arrived: dict[int, Tensor] = field(default_factory=dict)
    passes: dict[int, int] = field(default_factory=dict)

    def arrive(self, position: int, gradient: Tensor) -> None:
        """Add a gradient that a backward pass brings to a result."""
        gradient = gradient.detach()
        known = self.arrived.get(position)
        self.arrived[position] = gradient if known is None else known + gradient
        self.passes[position] = self.passes.get(position, 0) + 1


class Interception:
    """Records every call of some recurrent modules while it is entered.

    Args:
        modules: the modules by name.

    Attributes:
        calls: what was recorded, in order.
        edges: where in the graph the results of these calls are; only inside of the block.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self._modules = modules
        self.calls: list[Call] = []
        self.edges: list[GradientEdge] = []
        self._open: dict[nn.Module, _Mode] = {}

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Record inside of the block."""
        self.calls = []
        with contextlib.ExitStack() as self._stack:
            self._stack.callback(self.edges.clear)
            for name, module in self._modules.items():
                begin = module.register_forward_pre_hook(self._begin(name), with_kwargs=True)
                end = module.register_forward_hook(self._end, always_call=True)
                self._stack.callback(begin.remove)
                self._stack.callback(end.remove)
            yield

    def _begin(self, name: str) -> Callable[..., None]:
        def begin(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
            given = args[0] if args else kwargs.get("input")
            order = given.unsorted_indices if isinstance(given, PackedSequence) else None
            mode = self._open[module] = _Mode(lambda *call: self._record(name, order, *call))
            mode.__enter__()

        return begin

    def _end(self, module: nn.Module, args: Any, result: Any) -> None:
        mode = self._open.pop(module, None)
        if mode is not None:  # it is None where another hook failed before ours ran
            mode.__exit__(None, None, None)

    def _record(self, name: str, order: Tensor | None, arguments: FusedCall, result: Any) -> None:
        call = Call(name, arguments, Kept.of(result[0]), order, result[0].requires_grad)
        self.calls.append(call)
        if call.records_gradients:
            for position, tensor in enumerate(result):
                self.edges.append(get_gradient_edge(tensor))
                hook = tensor.register_hook(_Arrival(call, position))
                self._stack.callback(hook.remove)


class _Arrival:
    """A hook on one result of a call."""

    def __init__(self, call: Call, position: int) -> None:
        self._call = call
        self._position = position

    def __call__(self, gradient: Tensor) -> None:
        self._call.arrive(self._position, gradient)


class _Mode(TorchFunctionMode):  # type: ignore[misc]
    """Runs whatever is called, and reports calls of fused recurrent functions."""

    def __init__(self, report: Callable[[FusedCall, Any], None]) -> None:
        super().__init__()
        self._report = report

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kind = kind_of(func)
        if kind is None:
            return func(*args, **(kwargs or {}))
        arguments = fused_call(kind, args)
        result = func(*args, **(kwargs or {}))
        self._report(arguments, result)
        return result
