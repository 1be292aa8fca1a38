"""Records the calls of PyTorch's recurrent functions, and the gradients that reach them.

The user's call runs untouched: the same function, the same arguments, the same results. Hooks on
the results note the gradients that the user's own backward pass brings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from tb_rnngrad.torch._arrivals import Recorded, Rounds
from tb_rnngrad.torch._functional import Copies, FusedCall, Kept, arguments_of
from tb_rnngrad.torch._origins import Origins
from tb_rnngrad.torch._watch import WatchedState, hears, listening


@dataclass
class Call(Recorded):
    """One call of a fused function or a cell by a recurrent module.

    Gradients arrive at its results: 0 is y, 1 is h_n, 2 is an LSTM's c_n. A cell returns y and c_n.

    Attributes:
        arguments: what the function was called with.
        output: its first result, the outputs y of all timesteps.
        final: copies of h_n and, for an LSTM, c_n; each [layers * directions, samples, units].
        order: the samples' positions in the user's own order, where packing sorted them.
        is_continued: whether the user gave it a state to start from.
        before: the module's call from whose results this state was computed with a graph, or None.
        has_path_inside: whether the gradient that arrives at c_n has the path c_t -> h_t in it, as
            where a cell is put together from single operations.
    """

    arguments: FusedCall
    output: Kept
    final: tuple[Tensor, ...]
    order: Tensor | None
    is_continued: bool
    before: Recorded | None
    has_path_inside: bool


class Interception:
    """Records every call of some recurrent modules, and watched states, while it is entered.

    If recording fails, it ends, and the user's forward pass goes on.

    Args:
        modules: the modules by name.
        needs_graph: whether calls are left out that record no gradients, as of a validation.
        scaler: the `GradScaler` that scales the loss, or None.

    Attributes:
        calls: the calls that were recorded, in order.
        watched: the watched states, likewise.
        edges: where in the graph what was recorded is; only inside of the block.
        left_out: the names of modules and watched states that were left out somewhere.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], needs_graph: bool, scaler: Any = None
    ) -> None:
        self._modules = modules
        self._needs_graph = needs_graph
        self._scaler = scaler
        self.calls: list[Call] = []
        self.watched: list[WatchedState] = []
        self.edges: list[GradientEdge] = []
        self.left_out: set[str] = set()
        self._failure: Exception | None = None
        self._open: dict[nn.Module, _Mode] = {}
        self._hooks: list[RemovableHandle] = []
        self._forget()

    def _forget(self) -> None:
        """Keep nothing of the graph, and leave nothing in it."""
        self.edges.clear()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._rounds, self._origins, self.copies = Rounds(), Origins(), Copies()

    @contextlib.contextmanager
    def entered(self, is_private: bool = False) -> Iterator[None]:
        """Record inside of the block.

        Args:
            is_private: whether the block is a look of ours, of which no other interception that is
                entered in this thread takes note.
        """
        self.calls, self.watched, self.left_out, self._failure = [], [], set(), None
        with contextlib.ExitStack() as stack:
            stack.callback(self._forget)
            self._ear = stack.enter_context(listening(self._watch, is_private))
            for name, module in self._modules.items():
                is_cell = isinstance(module, nn.RNNCellBase)
                begins = ForwardHook(self._begin(name), is_cell)
                ends = ForwardHook(self._end, is_cell)
                begin = module.register_forward_pre_hook(begins, with_kwargs=True)
                end = module.register_forward_hook(ends, always_call=True)
                stack.callback(begin.remove)
                stack.callback(end.remove)
            yield

    def taken(self) -> tuple[list[Call], list[WatchedState]]:
        """Return the calls and watched states that were recorded, and keep them no more."""
        calls, watched = self.calls, self.watched
        self.calls, self.watched = [], []
        return calls, watched

    def check(self) -> None:
        """Raise what recording failed for, if it did."""
        if self._failure is not None:
            raise self._failure

    def forget_gradients(self) -> None:
        """Forget what backward passes brought, for another to be seen alone."""
        for one in (*self.calls, *self.watched):
            one.forget_gradients()

    def _begin(self, name: str) -> Callable[..., None]:
        def begin(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
            if not hears(self._ear):
                return
            if self._needs_graph and not torch.is_grad_enabled():
                self.left_out.add(name)
                return
            given = args[0] if args else kwargs.get("input")
            order = given.unsorted_indices if isinstance(given, PackedSequence) else None
            state = args[1] if len(args) > 1 else kwargs.get("hx")
            report = partial(self._record, name, order, state is not None)
            mode = self._open[module] = _Mode(self, report)
            mode.__enter__()

        return begin

    def _end(self, module: nn.Module, args: Any, result: Any) -> None:
        mode = self._open.pop(module, None)
        if mode is not None:  # it is None where `begin` left the call out, or did not run
            mode.__exit__(None, None, None)

    def _record(
        self,
        name: str,
        order: Tensor | None,
        is_continued: bool,
        arguments: FusedCall,
        state: Any,
        returned: Any,
    ) -> None:
        results = arguments.results(returned)
        y = results[0].detach()
        states = [one.detach().clone() for position, one in results.items() if position]
        if arguments.is_cell:
            y = y.unsqueeze(0).clone()
            states = [y, *(one.unsqueeze(0) for one in states)]
        call = Call(
            name,
            self._rounds.begin(),
            self._scale,
            results[0].requires_grad,
            arguments,
            Kept.of(y),
            tuple(states),
            order,
            is_continued,
            self._origins.of(name, state) if is_continued else None,
            arguments.has_path_inside(results),
        )
        self.calls.append(call)
        if call.records_gradients:
            for position, tensor in results.items():
                self._hook(call, position, tensor, lead=1 if arguments.is_cell else 0)
                self._origins.add(tensor, call)

    def _watch(self, h: Tensor, name: str, starts: Any, mask: Any) -> None:
        with self.surviving():
            if self._needs_graph and isinstance(h, Tensor) and not h.requires_grad:
                self.left_out.add(name)
                return
            state = WatchedState.of(h, name, self._rounds.begin(), self._scale, starts, mask)
            self.watched.append(state)
            if h.requires_grad:
                self._hook(state, 0, h)

    def _hook(self, recorded: Recorded, position: int, tensor: Tensor, lead: int = 0) -> None:
        self.edges.append(get_gradient_edge(tensor))
        self._hooks.append(tensor.register_hook(self._rounds.hook(recorded, position, lead)))

    @property
    def _scale(self) -> float:
        return 1.0 if self._scaler is None else self._scaler.get_scale()

    @contextlib.contextmanager
    def surviving(self) -> Iterator[None]:
        """Stop recording if the block fails."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - training must not end for what logging meets
            self._failure = error


class ForwardHook:
    """A hook of a module that does nothing in copies of the module, and lets it be pickled."""

    def __init__(self, run: Callable[..., None] | None = None, is_of_cell: bool = False) -> None:
        self._run = run
        self._is_of_cell = is_of_cell

    def __call__(self, *args: Any) -> None:
        """Run the hook.

        The compiler leaves calls of fused modules out of its graphs, with their hooks, but not
        those of cells. Their hooks must not end a graph that the user wants whole.
        """
        if self._run is None or (self._is_of_cell and torch.compiler.is_compiling()):
            return
        self._run(*args)

    def __reduce__(self) -> tuple[type[ForwardHook], tuple[()]]:
        """Copy, or pickle, a hook that does nothing."""
        return ForwardHook, ()


class _Mode(TorchFunctionMode):  # type: ignore[misc]
    """Runs whatever is called, and reports calls of recurrent functions."""

    def __init__(
        self, interception: Interception, report: Callable[[FusedCall, Any, Any], None]
    ) -> None:
        super().__init__()
        self._interception = interception
        self._report = report

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        arguments = None
        with self._interception.surviving():
            arguments = arguments_of(func, args, self._interception.copies)
        result = func(*args, **(kwargs or {}))
        if arguments is not None:
            with self._interception.surviving():
                self._report(arguments, arguments.state_in(args), result)
        return result
