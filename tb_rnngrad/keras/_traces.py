"""Traces of tf.functions: our own, and tapped ones, which are kept apart from the untapped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.saved_model import save_context  # its options are in tf.function's cache key


def compiled(function: Callable[..., Any]) -> Any:
    """Return a tf.function whose retraces TensorFlow counts separately.

    TensorFlow counts retraces by code object. The passes of several models share their code, so it
    would warn about one function that is retraced again and again. A `partial` has no code object
    and is counted by itself.
    """
    return tf.function(partial(function), autograph=False, reduce_retracing=True)


@contextlib.contextmanager
def traced_apart(reason: Hashable) -> Iterator[None]:
    """While entered, every tf.function uses separate traces, one for each `reason`."""
    here = save_context._save_context
    outer = here.options() if here.in_save_context() else None
    outer_reasons = outer.reasons if isinstance(outer, _TraceKey) else ()
    here.enter_save_context(_TraceKey((*outer_reasons, reason)))
    try:
        yield
    finally:
        if outer is None:
            here.exit_save_context()
        else:
            here.enter_save_context(outer)


def tapes_are_stopped() -> bool:
    """Return whether no tape records, as in the forward pass of tf.recompute_grad."""
    stopped: bool = pywrap_tfe.TFE_Py_TapeSetIsStopped()
    return stopped


def outermost_graph() -> Any:
    """Return the graph of the outermost tf.function that is being traced."""
    graph = tf.compat.v1.get_default_graph()
    while getattr(graph, "outer_graph", None) is not None and hasattr(
        graph.outer_graph, "captures"
    ):
        graph = graph.outer_graph
    return graph


class _TraceKey:
    """Makes every tf.function retrace, and keeps that trace apart.

    tf.function finds its traces by input types and context. The options of a save context are part
    of that context and change nothing else. This class acts as `SaveOptions` and as its
    `VariablePolicy` at once. It compares equal to the policy EXPAND_DISTRIBUTED_VARIABLES, because
    TensorFlow then leaves distributed variables as they are.
    """

    def __init__(self, reasons: tuple[Hashable, ...]) -> None:
        self.reasons = reasons

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
