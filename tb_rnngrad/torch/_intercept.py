"""Records the calls of PyTorch's fused recurrent functions, and the gradients that reach them.

The user's call runs untouched: the same function, the same arguments, the same results. Hooks on
the results note the gradients that the user's own backward pass brings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
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
        round: how many backward passes ended before it. Calls of one forward pass share it.
        scale: what the loss is multiplied with.
        records_gradients: whether a graph was recorded.
        arrived: gradients by position among the results: y, h_n and, for an LSTM, c_n.
        passes: the number of backward passes that reached each result.
    """

    name: str
    arguments: FusedCall
    output: Kept
    order: Tensor | None
    round: int
    scale: float
    records_gradients: bool
    arrived: dict[int, Tensor] = field(default_factory=dict)
    passes: dict[int, int] = field(default_factory=dict)

    def arrive(self, position: int, gradient: Tensor) -> None:
        """Add a gradient that a backward pass brings to a result."""
        gradient = gradient.detach()
        known = self.arrived.get(position)
        self.arrived[position] = gradient if known is None else known + gradient
        self.passes[position] = self.passes.get(position, 0) + 1

    def forget_gradients(self) -> None:
        """Begin as before the first backward pass."""
        self.arrived.clear()
        self.passes.clear()


class Interception:
    """Records every call of some recurrent modules while it is entered.

    If recording fails, it ends, and the user's forward pass goes on.

    Args:
        modules: the modules by name.
        needs_graph: whether calls are left out that record no gradients, as of a validation.
        scaler: the `GradScaler` that scales the loss, or None.

    Attributes:
        calls: what was recorded, in order.
        edges: where in the graph the results of these calls are; only inside of the block.
        left_out: the names of modules with calls that were left out.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], needs_graph: bool, scaler: Any = None
    ) -> None:
        self._modules = modules
        self._needs_graph = needs_graph
        self._scaler = scaler
        self.calls: list[Call] = []
        self.edges: list[GradientEdge] = []
        self.left_out: set[str] = set()
        self._round = 0
        self._failure: Exception | None = None
        self._open: dict[nn.Module, _Mode] = {}

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Record inside of the block."""
        self.calls, self.left_out, self._round, self._failure = [], set(), 0, None
        with contextlib.ExitStack() as self._stack:
            self._stack.callback(self.edges.clear)
            for name, module in self._modules.items():
                hook = ForwardHook(self._begin(name))
                begin = module.register_forward_pre_hook(hook, with_kwargs=True)
                end = module.register_forward_hook(ForwardHook(self._end), always_call=True)
                self._stack.callback(begin.remove)
                self._stack.callback(end.remove)
            yield

    def check(self) -> None:
        """Raise what recording failed for, if it did."""
        if self._failure is not None:
            raise self._failure

    def forget_gradients(self) -> None:
        """Forget what backward passes brought to the calls, for another to be seen alone."""
        for call in self.calls:
            call.forget_gradients()

    def _begin(self, name: str) -> Callable[..., None]:
        def begin(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
            if self._needs_graph and not torch.is_grad_enabled():
                self.left_out.add(name)
                return
            given = args[0] if args else kwargs.get("input")
            order = given.unsorted_indices if isinstance(given, PackedSequence) else None
            mode = self._open[module] = _Mode(self, partial(self._record, name, order))
            mode.__enter__()

        return begin

    def _end(self, module: nn.Module, args: Any, result: Any) -> None:
        mode = self._open.pop(module, None)
        if mode is not None:  # it is None where `begin` left the call out, or did not run
            mode.__exit__(None, None, None)

    def _record(self, name: str, order: Tensor | None, arguments: FusedCall, result: Any) -> None:
        if any(call.passes for call in self.calls if call.round == self._round):
            self._round += 1
        scale = 1.0 if self._scaler is None else self._scaler.get_scale()
        output, has_graph = Kept.of(result[0]), result[0].requires_grad
        call = Call(name, arguments, output, order, self._round, scale, has_graph)
        self.calls.append(call)
        if call.records_gradients:
            for position, tensor in enumerate(result):
                self.edges.append(get_gradient_edge(tensor))
                hook = tensor.register_hook(_Arrival(call, position))
                self._stack.callback(hook.remove)

    @contextlib.contextmanager
    def surviving(self) -> Iterator[None]:
        """Stop recording if the block fails."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - training must not end for what logging meets
            self._failure = error


class ForwardHook:
    """A hook of a module that does nothing in copies of the module, and lets it be pickled."""

    def __init__(self, run: Callable[..., None] | None = None) -> None:
        self._run = run

    def __call__(self, *args: Any) -> None:
        """Run the hook."""
        if self._run is not None:
            self._run(*args)

    def __reduce__(self) -> tuple[type[ForwardHook], tuple[()]]:
        """Copy, or pickle, a hook that does nothing."""
        return ForwardHook, ()


class _Arrival:
    """A hook on one result of a call."""

    def __init__(self, call: Call, position: int) -> None:
        self._call = call
        self._position = position

    def __call__(self, gradient: Tensor) -> None:
        self._call.arrive(self._position, gradient)


class _Mode(TorchFunctionMode):  # type: ignore[misc]
    """Runs whatever is called, and reports calls of fused recurrent functions."""

    def __init__(
        self, interception: Interception, report: Callable[[FusedCall, Any], None]
    ) -> None:
        super().__init__()
        self._interception = interception
        self._report = report

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        arguments = None
        with self._interception.surviving():
            kind = kind_of(func)
            arguments = None if kind is None else fused_call(kind, args)
        result = func(*args, **(kwargs or {}))
        if arguments is not None:
            with self._interception.surviving():
                self._report(arguments, result)
        return result
