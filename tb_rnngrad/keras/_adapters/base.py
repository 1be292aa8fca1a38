"""What capture needs to know of a Keras, and which Keras a model belongs to."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Protocol

import tensorflow as tf

Patch = tuple[MutableMapping[str, Any], str, Any]
"""A namespace (an instance's or a module's `__dict__`), a name in it, and its value for a while."""


Rnn = Callable[..., tuple[Any, Any, Any]]
"""A Keras' loop over timesteps: `rnn(step_function, inputs, initial_states, **options)`."""


_MISSING = object()


def plainly(error: Exception) -> Exception:
    """Return the error, marked so that a Keras passes it on without the arguments of its calls."""
    error._keras_call_info_injected = True  # type: ignore[attr-defined]
    return error


@dataclass(frozen=True)
class CellKind:
    """How a cell of Keras' own calls its activation functions, in order, at each timestep.

    Attributes:
        gates: one name a pre-activation, in the order of the calls and of the kernel's columns.
        squashes_cell_state: whether a further call takes the new cell state, on its way to h_t.
    """

    gates: tuple[str, ...]
    squashes_cell_state: bool = False


LSTM = CellKind(("i", "f", "c", "o"), squashes_cell_state=True)


GRU = CellKind(("z", "r", "h"))


SIMPLE = CellKind(("h",))


class Adapter(Protocol):
    """One Keras, in the terms that capture is written in."""

    name: str
    layer_class: Any
    rnn_class: Any
    bidirectional_class: Any
    time_distributed_class: Any
    cell_kinds: Mapping[type, CellKind]

    def children(self, layer: Any) -> Sequence[Any]:
        """Return the layers directly inside `layer`."""

    def refusal(self, layer: Any) -> str | None:
        """Return why this recurrent layer cannot be looked into, or None where it can."""

    def cells(self, layer: Any) -> Sequence[Any]:
        """Return a recurrent layer's cells: one, or those stacked in it."""

    def reverses_states(self, layer: Any) -> bool:
        """Return whether the states of stacked cells come in the opposite order of the cells."""

    def moving_variables(self, layer: Any) -> Sequence[Any]:
        """Return the layer's variables that no gradient is for, as it assigns them itself."""

    def weights(self, layer: Any) -> Sequence[Any]:
        """Return the layer's variables, trainable ones first."""

    def raw(self, variable: Any) -> tf.Variable:
        """Return the variable underneath, which mixed precision does not cast."""

    def is_time_major(self, layer: Any) -> bool:
        """Return whether the layer takes and emits [timesteps, samples, ...]."""

    def reads_weights_once(self, layer: Any) -> bool:
        """Return whether the layer casts its weights before its loop, not at every timestep.

        With half-precision weights that is where their gradient adds up.
        """

    def standing_patches(self, layer: Any) -> Sequence[Patch]:
        """Return what keeps `layer` off fused kernels that bypass its `call`."""

    def original_call(self, layer: Any) -> Callable[..., Any]:
        """Return the layer's own `call`, as Keras itself would run it."""

    def recurrence(
        self, layer: Any, inputs: Any, training: Any, wrap: Callable[[Rnn], Rnn]
    ) -> contextlib.AbstractContextManager[Any]:
        """While entered, the layer's `call` loops through `wrap(rnn)`; gives the inputs to call."""

    def scaling_patches(
        self, optimizer: Any, note_scale: Callable[[tf.Tensor], None]
    ) -> Sequence[Patch]:
        """Return what reports the loss scale whenever the optimizer, if any, scales a loss."""

    def forward(self, model: Any, x: Any, training: bool) -> Any:
        """Return the model's prediction."""

    def loss(self, model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> tf.Tensor:
        """Return the compiled loss, with the layers' own losses.

        Raises:
            RuntimeError: the model was not compiled with one.
        """

    def passing_state(self, model: Any) -> Sequence[Any]:
        """Return the variables that a forward pass may change: states, statistics, seeds."""

    def runs_one_step(self, model: Any) -> bool:
        """Return whether each call of the train function is one training step."""

    def counts_batches(self, model: Any) -> bool:
        """Return whether the optimizer, if any, may count up by one with every batch.

        It does not where it accumulates gradients. It cannot be checked where nobody knows before
        a call of the train function how many batches that will take.
        """

    def counter_of(self, optimizer: Any) -> tf.Variable | None:
        """Return the variable in which an optimizer, if any, counts its steps, one a batch."""

    def train_step(self, model: Any) -> int | None:
        """Return the number of batches that the optimizer has seen, or None without one."""


def logits_of(prediction: tf.Tensor) -> tf.Tensor | None:
    """Return what either Keras' cross-entropies take in a prediction's stead, if anything.

    Those are the logits that a softmax or sigmoid was applied to. Keras' own activations note them
    on what they return; of TensorFlow's the cross-entropies look at the operation.
    """
    noted: tf.Tensor | None = getattr(prediction, "_keras_logits", None)
    operation = getattr(prediction, "op", None)  # eager tensors have none
    if noted is not None or operation is None or operation.type not in ("Softmax", "Sigmoid"):
        return noted
    return operation.inputs[0]


@dataclass(frozen=True)
class Ancestry:
    """What a cell is to Keras' own.

    Attributes:
        own: the class of Keras' own that it is or descends from; None: of none.
        kind: what is known of that class' inside.
        overridden: a method of the class' arithmetic that the cell replaces; None: of none.
    """

    own: type | None = None
    kind: CellKind | None = None
    overridden: str | None = None

    @property
    def known(self) -> CellKind | None:
        """What is known of the cell's inside: nothing, unless its arithmetic is all Keras' own."""
        return None if self.overridden else self.kind


def ancestry(adapter: Adapter, cell: Any) -> Ancestry:
    """Return what a cell is to Keras' own."""
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
    """Return the methods of a class that take part in its `call`, whoever of them calls whom."""
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
    """Return the function that is written in the class, without what stands in for it."""
    while True:
        for inner in ("stands_for", "__wrapped__", "__func__"):
            if hasattr(method, inner):
                method = getattr(method, inner)
                break
        else:
            return method


def stands_in(call: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `call`, looking like the call that it replaces.

    Wrappers look at the signature for what they hand on: mask, training.
    """
    call.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    call.autograph_info__ = {}  # type: ignore[attr-defined]
    call.stands_for = original  # type: ignore[attr-defined]
    return call


def as_autograph_would(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as it runs where TensorFlow's autograph comes to it by itself."""
    internal = tf.__internal__.autograph
    converted: Callable[..., Any] = internal.tf_convert(function, internal.control_status_ctx())
    return converted


@contextlib.contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Apply the patches for a while, and leave every namespace as it was, whatever happens."""
    before = [(names, name, names.get(name, _MISSING)) for names, name, _ in patches]
    try:
        for names, name, value in patches:
            names[name] = value
        yield
    finally:
        for names, name, value in reversed(before):
            if value is _MISSING:
                names.pop(name, None)
            else:
                names[name] = value
