"""What capture needs from a Keras: the `Adapter` protocol and helpers for both adapters."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Protocol

import tensorflow as tf

from tb_rnngrad.keras._adapters.patches import Patch
from tb_rnngrad.keras._tensorflow import left_by_autograph

Rnn = Callable[..., tuple[Any, Any, Any]]
"""A Keras' loop over timesteps: `rnn(step_function, inputs, initial_states, **options)`."""


def plainly(error: Exception) -> Exception:
    """Return the error, marked so that Keras does not add the arguments of its calls to it."""
    error._keras_call_info_injected = True  # type: ignore[attr-defined]
    return error


@dataclass(frozen=True)
class CellKind:
    """How a built-in cell calls its activation functions at each timestep.

    Attributes:
        gates: a name for each pre-activation, in the order of the calls and of kernel columns.
        squashes_cell_state: whether one more call takes the new cell state, on its way to h_t.
    """

    gates: tuple[str, ...]
    squashes_cell_state: bool = False


LSTM = CellKind(("i", "f", "c", "o"), squashes_cell_state=True)


GRU = CellKind(("z", "r", "h"))


SIMPLE = CellKind(("h",))


class Adapter(Protocol):
    """What capture needs to know about one Keras."""

    name: str
    layer_class: Any
    rnn_class: Any
    bidirectional_class: Any
    time_distributed_class: Any
    conv_cell_class: Any
    cell_kinds: Mapping[type, CellKind]
    private_names: tuple[str, ...]  # attributes of every layer that the adapter reads

    def children(self, layer: Any) -> Sequence[Any]:
        """Return the layers directly inside `layer`."""

    def refusal(self, layer: Any) -> str | None:
        """Return why this recurrent layer cannot be inspected, or None if it can."""

    def cells(self, layer: Any) -> Sequence[Any]:
        """Return a recurrent layer's cells: its one cell, or the stacked ones."""

    def reverses_states(self, layer: Any) -> bool:
        """Return whether the states of stacked cells come in the reverse order of the cells."""

    def moving_variables(self, layer: Any) -> Sequence[Any]:
        """Return the variables that the layer assigns itself, so they get no gradient."""

    def weights(self, layer: Any) -> Sequence[Any]:
        """Return the layer's variables, trainable ones first."""

    def raw(self, variable: Any) -> tf.Variable:
        """Return the underlying variable, which mixed precision does not cast."""

    def is_time_major(self, layer: Any) -> bool:
        """Return whether the layer takes and returns [timesteps, samples, ...]."""

    def reads_weights_once(self, layer: Any) -> bool:
        """Return whether the layer casts its weights once before its loop, not at every timestep.

        If so, the gradients of half-precision weights add up in half precision.
        """

    def standing_patches(self, layer: Any) -> Sequence[Patch]:
        """Return the patches that keep `layer` off fused kernels, which bypass its `call`."""

    def original_call(self, layer: Any) -> Callable[..., Any]:
        """Return the layer's own `call`, as Keras itself would run it."""

    def recurrence(
        self, layer: Any, inputs: Any, training: Any, wrap: Callable[[Rnn], Rnn]
    ) -> contextlib.AbstractContextManager[Any]:
        """While entered, the layer's `call` loops through `wrap(rnn)`; yields the call's inputs."""

    def scaling_patches(
        self, optimizer: Any, note_scale: Callable[[tf.Tensor], None]
    ) -> Sequence[Patch]:
        """Return patches that report the loss scale when the optimizer, if any, scales a loss."""

    def forward(self, model: Any, x: Any, training: bool) -> Any:
        """Return the model's predictions."""

    def loss(self, model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> tf.Tensor:
        """Return the compiled loss, including the losses that layers add.

        Raises:
            RuntimeError: if the model is not compiled.
        """

    def passing_state(self, model: Any) -> Sequence[Any]:
        """Return variables that a forward pass may change: states, statistics, random seeds."""

    def runs_one_step(self, model: Any) -> bool:
        """Return whether each call of the train function is one training step."""

    def counts_batches(self, model: Any) -> bool:
        """Return whether the optimizer, if any, may count up by one with every batch.

        False if it accumulates gradients, or if the number of batches is unknown before a call of
        the train function, as it then cannot be checked.
        """

    def counter_of(self, optimizer: Any) -> tf.Variable | None:
        """Return the variable in which an optimizer, if any, counts its steps, one a batch."""

    def train_step(self, model: Any) -> int | None:
        """Return how many batches the optimizer has seen, or None without an optimizer."""


def logits_of(prediction: tf.Tensor) -> tf.Tensor | None:
    """Return the logits that Keras' cross-entropies read instead of a prediction, if any.

    These are the inputs of the softmax or sigmoid that made the prediction. Keras' own activations
    attach them to their result; for TensorFlow's, the cross-entropies check the operation.
    """
    noted: tf.Tensor | None = getattr(prediction, "_keras_logits", None)
    operation = getattr(prediction, "op", None)  # eager tensors have none
    if noted is not None or operation is None or operation.type not in ("Softmax", "Sigmoid"):
        return noted
    return operation.inputs[0]


@dataclass(frozen=True)
class Ancestry:
    """How a cell relates to Keras' built-in cells.

    Attributes:
        own: the built-in class that the cell is or inherits from, if any.
        kind: what is known about that class.
        overridden: a method of that class' computation that the cell overrides, if any.
    """

    own: type | None = None
    kind: CellKind | None = None
    overridden: str | None = None

    @property
    def known(self) -> CellKind | None:
        """What is known about the cell: nothing, unless its whole computation is Keras' own."""
        return None if self.overridden else self.kind


def ancestry(adapter: Adapter, cell: Any) -> Ancestry:
    """Return how a cell relates to Keras' built-in cells."""
    own = next((cls for cls in type(cell).__mro__ if cls in adapter.cell_kinds), None)
    if own is None:
        return Ancestry()
    overridden = (
        name
        for name in _arithmetic(own)
        if _function(getattr(cell, name)) is not _function(getattr(own, name))
    )
    return Ancestry(own, adapter.cell_kinds[own], next(overridden, None))


@functools.cache
def _arithmetic(own: Any) -> tuple[str, ...]:
    """Return the methods of a class that its `call` calls, directly or through others."""
    found = {"call": None, "__call__": None}
    codes = [_function(own.call).__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in code.co_names:
            method = _function(getattr(own, name, None))
            if name not in found and isinstance(method, FunctionType):
                found[name] = None
                codes.append(method.__code__)
    return tuple(found)


def _function(method: Any) -> Any:
    """Return the function defined in the class, without what was wrapped around it."""
    while True:
        for inner in ("stands_for", "__wrapped__", "__func__"):
            if hasattr(method, inner):
                method = getattr(method, inner)
                break
        else:
            return method


def stands_in(call: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `call` with the signature of the call that it replaces.

    Wrappers read the signature to decide what to pass on: mask, training.
    """
    call.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    call.stands_for = original  # type: ignore[attr-defined]
    return left_by_autograph(call)
