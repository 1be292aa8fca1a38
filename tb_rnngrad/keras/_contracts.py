"""What must hold of TensorFlow for taps to stay out of the user's own traces, checked at first use.

Names that are gone fail by themselves. Checked here is what would fail in silence: a newer
TensorFlow that keeps a private name and changes what it does. tests/keras/test_contracts.py checks
every private name, also those whose failure is loud.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from tb_rnngrad.keras._tensorflow import (
    OWN_GRADIENT,
    may_be_recorded,
    outermost_graph,
    runs_every_effect,
    tapes_are_stopped,
    traced_apart,
)
from tb_rnngrad.keras._versions import unsupported

Result = TypeVar("Result")


@functools.cache
def check_tensorflow() -> None:
    """Try the contracts once; takes some 10 ms.

    Raises:
        RuntimeError: if one is broken; the message names the versions and what does not work.
    """
    broken = apart(_broken)
    if broken is not None:
        raise unsupported("tensorflow", broken)


def apart(function: Callable[[], Result]) -> Result:
    """Return what a function returns in a thread of its own.

    There nothing is being traced or recorded, and no scope of a framework is entered.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def _broken() -> str | None:
    """Return what does not hold and what would follow from it, or None if all holds."""
    traces: list[_Trace] = []

    def note(value: tf.Tensor) -> tf.Tensor:
        traces.append(_Trace.of(_same(value)))
        return value

    function = tf.function(note, autograph=False)
    if not _keeps_traces_apart(function):
        return (
            "A tf.function no longer keeps the traces of a save context apart, so taps would stay "
            "in your own traces"
        )
    if not all(trace.runs_every_effect and trace.is_outermost for trace in traces):
        return (
            "The graph of a tf.function no longer tells whether it runs every effect, so backward "
            "passes could not be counted"
        )
    if not all(trace.marks_own_gradient for trace in traces):
        return (
            "An operation no longer tells that it has a gradient of its own, so what reads a "
            "custom cell's state could not be found"
        )
    if not _tapes_tell():
        return "A tape no longer tells whether it records, so gradients could not be told apart"
    return None


@dataclass(frozen=True)
class _Trace:
    """What the graph of a tf.function says of itself."""

    runs_every_effect: bool
    is_outermost: bool
    marks_own_gradient: bool

    @classmethod
    def of(cls, result: tf.Tensor) -> _Trace:
        """Return what the graph being built says; `result` is that of `_same`."""
        graph = tf.compat.v1.get_default_graph()
        return cls(
            runs_every_effect(graph),
            outermost_graph() is graph,
            OWN_GRADIENT in result.op.node_def.attr,
        )


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _same(value: tf.Tensor) -> tuple[tf.Tensor, Any]:
    return tf.identity(value), lambda gradient: gradient


def _keeps_traces_apart(function: Any) -> bool:
    """Return whether a tf.function has one trace in each `traced_apart`, and one outside."""
    value = tf.constant(0.0)
    outside = function.get_concrete_function(value).graph
    with traced_apart("a"):
        inside = function.get_concrete_function(value).graph
        with traced_apart("b"):
            nested = function.get_concrete_function(value).graph
    with traced_apart("a"):
        again = function.get_concrete_function(value).graph
    are_apart = len({id(graph) for graph in (outside, inside, nested)}) == 3
    is_back = function.get_concrete_function(value).graph is outside
    return are_apart and again is inside and is_back


def _tapes_tell() -> bool:
    """Return whether a tape is noticed where it records, and where recording is stopped."""
    told: list[bool] = []

    def note(value: tf.Tensor) -> tf.Tensor:
        told.append(tapes_are_stopped() and not may_be_recorded())
        return value

    with tf.GradientTape():
        told.append(may_be_recorded() and not tapes_are_stopped())
        tf.recompute_grad(note)(tf.constant(0.0))
    return told == [True, True]
