"""Everything that capture uses of TensorFlow outside its public API, and nothing else.

No other module names a private part of TensorFlow. tests/keras/test_contracts.py says what each of
them must do.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._versions import unsupported

try:
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager.polymorphic_function import eager_function_run
    from tensorflow.python.eager.record import could_possibly_record
    from tensorflow.python.ops.control_flow_v2_func_graphs import (
        CondBranchFuncGraph,
        WhileBodyFuncGraph,
    )
    from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable, ResourceVariable
    from tensorflow.python.saved_model import save_context
except ImportError as error:
    raise unsupported("tensorflow", f"A private part of it is gone: {error}") from error

OWN_GRADIENT: Final = "_gradient_op_type"
"""The attribute of an operation that has a gradient function of its own."""

Loop = weakref.ref[WhileBodyFuncGraph]
"""The graph of a loop's body."""


# --- variables ---------------------------------------------------------------------------------


def read(variable: tf.Variable) -> tf.Tensor:
    """Return the variable's value. For a local variable it takes a third of `read_value`'s time."""
    if isinstance(variable, BaseResourceVariable):
        return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)
    return tf.convert_to_tensor(variable)  # a variable of a distribution strategy


def new_variable(value: Any, dtype: tf.DType, shape: tf.TensorShape | None = None) -> tf.Variable:
    """Return a variable that does not train and belongs to no tf.function.

    A tf.Variable made inside a tf.function counts as the function's own, and a function may create
    those only in its first call.
    """
    return ResourceVariable(value, trainable=False, dtype=dtype, shape=shape)


def handle_here(variable: tf.Variable) -> tf.Tensor:
    """Return the variable's handle for the graph being built.

    The gradient of a branch or loop body can capture only what a surrounding graph holds.
    """
    handle, around = variable.handle, []
    graph = tf.compat.v1.get_default_graph()
    while isinstance(graph, (CondBranchFuncGraph, WhileBodyFuncGraph)):
        graph = graph.outer_graph
        around.append(graph)
    for graph in reversed(around):
        handle = graph.capture(handle)
    return handle


# --- graphs ------------------------------------------------------------------------------------


def new_graph(name: str) -> Any:
    """Return an empty graph like that of a tf.function."""
    return tf.__internal__.FuncGraph(name)


def outermost_graph() -> Any:
    """Return the graph of the outermost tf.function that is being traced."""
    graph = tf.compat.v1.get_default_graph()
    while getattr(graph, "outer_graph", None) is not None and hasattr(
        graph.outer_graph, "captures"
    ):
        graph = graph.outer_graph
    return graph


def loops_around() -> Iterator[WhileBodyFuncGraph]:
    """Yield the bodies of the TensorFlow loops that are being built, innermost first."""
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        if isinstance(graph, WhileBodyFuncGraph):
            yield graph
        graph = getattr(graph, "outer_graph", None)


def runs_every_effect(graph: Any) -> bool:
    """Return whether a graph runs every operation with an effect.

    A tf.function's graph does. That of its backward function runs only what its results need.
    """
    return bool(getattr(graph, "_add_control_dependencies", False))


def called_graph(operation: tf.Operation) -> Any:
    """Return the graph of the function that an operation such as PartitionedCall calls."""
    return operation.graph._get_function(operation.get_attr("f").name).graph


def replace_input(operation: tf.Operation, index: int, tensor: tf.Tensor) -> None:
    """Make an operation of the graph being built read another tensor."""
    operation._update_input(index, tensor)


# --- tapes -------------------------------------------------------------------------------------


def tapes_are_stopped() -> bool:
    """Return whether no tape records, as in the forward pass of tf.recompute_grad."""
    stopped: bool = pywrap_tfe.TFE_Py_TapeSetIsStopped()
    return stopped


def may_be_recorded() -> bool:
    """Return whether some tape could record what runs now."""
    could: bool = could_possibly_record()
    return could


# --- traces ------------------------------------------------------------------------------------


@contextlib.contextmanager
def traced_apart(reason: Hashable) -> Iterator[None]:
    """While entered, every tf.function of this thread uses separate traces for each `reason`.

    What was entered may be left in any order.
    """
    here = save_context._save_context
    before = here.options() if here.in_save_context() else None
    outer = before if isinstance(before, _TraceKey) else _TraceKey((), before)
    here.enter_save_context(_TraceKey((*outer.reasons, reason), outer.beneath))
    try:
        yield
    finally:
        reasons = list(reasons_here())
        if reason in reasons:
            reasons.reverse()
            reasons.remove(reason)
            reasons.reverse()
        if reasons:
            here.enter_save_context(_TraceKey(tuple(reasons), outer.beneath))
        elif outer.beneath is not None:
            here.enter_save_context(outer.beneath)
        else:
            here.exit_save_context()


def reasons_here() -> tuple[Hashable, ...]:
    """Return the reasons for which this thread's traces are kept apart now."""
    here = save_context._save_context
    options = here.options() if here.in_save_context() else None
    return options.reasons if isinstance(options, _TraceKey) else ()


def is_replica_thread() -> bool:
    """Return whether a distribution strategy runs one of several replicas in this thread.

    Such a thread inherits nothing of the thread that started it, and runs while that one waits.
    """
    return tf.distribute.has_strategy() and tf.distribute.get_replica_context() is not None


class _TraceKey:
    """Makes every tf.function retrace, and keeps that trace apart.

    tf.function finds its traces by input types and context. The options of a save context are part
    of that context and change nothing else. This class acts as `SaveOptions` and as its
    `VariablePolicy` at once. It compares equal to the policy EXPAND_DISTRIBUTED_VARIABLES, because
    TensorFlow then leaves distributed variables as they are.
    """

    def __init__(self, reasons: tuple[Hashable, ...], beneath: Any = None) -> None:
        self.reasons = reasons
        self.beneath = beneath  # the options of a save context that was entered before

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _TraceKey):
            return self.reasons == other.reasons
        return other is tf.saved_model.experimental.VariablePolicy.EXPAND_DISTRIBUTED_VARIABLES

    def __hash__(self) -> int:
        return hash(self.reasons)

    @property
    def experimental_variable_policy(self) -> _TraceKey:
        return self

    def _expand_distributed_variables(self) -> bool:
        return True

    def _save_variable_devices(self) -> bool:
        return False


@contextlib.contextmanager
def functions_inlined() -> Iterator[None]:
    """While entered, tf.functions that this thread calls are inlined into the graph around them."""
    with _INLINING:
        yield


class _Inlining:
    """`tf.config.run_functions_eagerly(True)` for single threads.

    TensorFlow asks one global for its truth. While a thread is inside, that global is this object,
    which is true for that thread alone.
    """

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._threads = 0
        self._for_others: Any = False

    def __bool__(self) -> bool:
        return getattr(self._of_thread, "depth", 0) > 0 or bool(self._for_others)

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._for_others = eager_function_run.RUN_FUNCTIONS_EAGERLY
                eager_function_run.RUN_FUNCTIONS_EAGERLY = self
            self._threads += 1
        self._of_thread.depth = getattr(self._of_thread, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        self._of_thread.depth -= 1
        with self._lock:
            self._threads -= 1
            # Leave it alone if somebody has set it meanwhile.
            if not self._threads and eager_function_run.RUN_FUNCTIONS_EAGERLY is self:
                eager_function_run.RUN_FUNCTIONS_EAGERLY = self._for_others


_INLINING: Final = _Inlining()


# --- autograph ---------------------------------------------------------------------------------


def as_autograph_would(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, converted as TensorFlow's autograph would convert it by itself."""
    internal = tf.__internal__.autograph
    converted: Callable[..., Any] = internal.tf_convert(function, internal.control_status_ctx())
    return converted


def left_by_autograph(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, marked so that autograph does not convert it, only what it calls."""
    function.autograph_info__ = {}  # type: ignore[attr-defined]
    return function
