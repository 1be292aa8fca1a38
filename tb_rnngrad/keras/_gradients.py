"""`gradients`: inspects a model once, with a given batch."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import tensorflow as tf

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.records import Records
from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._records import records_of
from tb_rnngrad.keras._steps.batches import batch_of, check_targets
from tb_rnngrad.keras._steps.legacy_graph import GraphProbe, is_legacy_graph
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.choice import taps_of
from tb_rnngrad.keras._taps.layers import layers_or_alias
from tb_rnngrad.keras._taps.layout import captured
from tb_rnngrad.keras._taps.tap import new_anchor
from tb_rnngrad.keras._taps.taps import Taps
from tb_rnngrad.keras._taps.writes import Readings
from tb_rnngrad.keras._tensorflow import read


class AnyProbe(Protocol):
    """A forward and backward pass with taps."""

    taps: Taps

    def run(self, x: Any, y: Any, sample_weight: Any, training: bool) -> list[Captured]:
        """Return what the taps capture in one pass over the batch."""


_probes: weakref.WeakKeyDictionary[Any, dict[Taps, AnyProbe]] = weakref.WeakKeyDictionary()


def gradients(
    model: Any,
    x: Any,
    y: Any = None,
    layers: Any = None,
    of: str | Sequence[str] = "hidden_state",
    sample_weight: Any = None,
    training: bool = False,
    *,
    layer: Any = None,
    state: States = None,
) -> dict[str, Records]:
    """Return gradients of the compiled loss through time, or values, of recurrent layers.

    The model stays as it was: weights, layer states, statistics, metrics and random seeds.

    Args:
        model: a model of Keras 3 or tf_keras; for gradients, a compiled one.
        x: inputs, as for `fit`: a batch [samples, timesteps, features] or a structure of them. For
            a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first batch is used, with a
            warning if there are more.
        y: targets, as for `fit`. None if x is a dataset, if only values are asked for, or if the
            model's only losses are those that its layers add.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        sample_weight: as for `fit`.
        training: whether dropout and the like are active.
        layer: an alias of `layers`.
        state: which state of a custom cell with several states is the hidden state: its position,
            or its name if the cell's `state_size` has names, or a mapping from layer names to
            these. None: the state that the output is, or is computed from.

    Returns:
        layer name -> `SequenceRecord` [samples, timesteps, units], or layer name -> dict of records
        if `of` names several. A Bidirectional gives [samples, timesteps, 2 * units], forward first.

    Raises:
        ValueError: if a layer, quantity or state does not exist; if it is unclear which of several
            states is the hidden state; if the loss does not depend on a layer; if y is missing or
            has another number of samples than x.
        TypeError: if x is an iterator.
        RuntimeError: if gradients are asked for and the model is not compiled.

    Example::

        found = tb_rnngrad.keras.gradients(model, x, y)
        norms = np.linalg.norm(found["lstm_1"], axis=2)  # [samples, timesteps]
    """
    names = check_of(of)
    x, y, sample_weight = batch_of(x, y, sample_weight)
    probe = probe_of(model, layers_or_alias(layers, layer), names, state)
    found = probe.run(x, y, sample_weight, training)
    return records_of(found, probe.taps, single=isinstance(of, str))


class Probe:
    """One compiled forward and backward pass with taps, for any batch."""

    def __init__(self, adapter: Adapter, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._adapter = adapter
        self._model = weakref.ref(model)
        self._anchor = new_anchor()
        self._passing: list[tf.Variable] | None = None
        self._needs_loss = taps.see_gradients
        self._backward = compiled(self._pass)

    def run(self, x: Any, y: Any, sample_weight: Any, training: bool) -> list[Captured]:
        """Return what the taps capture in one pass over the batch."""
        model: Any = self._model()
        if self._needs_loss:
            check_targets(self._adapter, model, y)
        if not model.built:
            self._adapter.forward(model, tensors(x), training=False)
        if self._passing is None:
            self._passing = passing_state(self._adapter, model)
        self.taps.reset()
        with restored_where_it_fails(self._passing):
            readings = self._backward(tensors(x), tensors(y), tensors(sample_weight), training)
            return captured(self.taps.seen(readings))

    def _pass(self, x: Any, y: Any, sample_weight: Any, training: bool) -> Readings:
        model: Any = self._model()
        with undisturbed(self._adapter, model), self.taps.built_in(anchor=self._anchor):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._anchor)
                y_pred = self._adapter.forward(model, x, training)
                if self._needs_loss:
                    loss = self._adapter.loss(model, x, y, y_pred, sample_weight)
            if self._needs_loss:
                tape.gradient(loss, self._anchor)
        self._passing = passing_state(self._adapter, model)
        return self.taps.readings()


def passing_state(adapter: Adapter, model: Any) -> list[tf.Variable]:
    """Return the variables that a forward pass may change."""
    return [adapter.raw(one) for one in adapter.passing_state(model)]


@contextlib.contextmanager
def restored_where_it_fails(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Restore the variables if the pass fails, as it then does not restore them itself."""
    before = [read(variable) for variable in variables]
    try:
        yield
    except BaseException:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        raise


@contextlib.contextmanager
def undisturbed(adapter: Adapter, model: Any) -> Iterator[None]:
    """Build a pass into a graph so that it leaves states, statistics and seeds as they were."""
    passing = passing_state(adapter, model)
    before = [tf.identity(variable) for variable in passing]
    yield
    for variable, value in zip(passing, before, strict=True):
        variable.assign(value)
    known = {id(variable) for variable in passing}
    for variable in passing_state(adapter, model):  # the loss creates its own at its first call
        if id(variable) not in known:
            variable.assign(tf.zeros_like(variable))


def probe_of(model: Any, layer: Any, of: Sequence[str], state: States = None) -> AnyProbe:
    """Return the model's compiled pass for these layers and quantities; it is built once."""
    adapter = adapter_of(model)
    taps = taps_of(adapter, model, layer, of, state)
    known = _probes.setdefault(model, {})
    if taps not in known:
        known[taps] = _new_probe(adapter, taps, model)
    return known[taps]


def _new_probe(adapter: Adapter, taps: Taps, model: Any) -> AnyProbe:
    return GraphProbe(taps, model) if is_legacy_graph() else Probe(adapter, taps, model)


def compiled(function: Callable[..., Any]) -> Any:
    """Return a tf.function whose retraces TensorFlow counts separately.

    TensorFlow counts retraces by code object. The passes of several models share their code, so it
    would warn about one function that is retraced again and again. A `partial` has no code object
    and is counted by itself.
    """
    return tf.function(partial(function), autograph=False, reduce_retracing=True)


def tensors(structure: Any) -> Any:
    """Return the structure with its leaves as tensors; None, ragged and sparse tensors stay."""
    stay = (tf.RaggedTensor, tf.SparseTensor, type(None))
    return tf.nest.map_structure(
        lambda leaf: leaf if isinstance(leaf, stay) else tf.convert_to_tensor(leaf), structure
    )
