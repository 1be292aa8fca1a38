"""The user's own training step, inspected while it runs: eager, compiled, or in a v1 graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import tensorflow as tf

from tb_rnngrad.keras._adapters import train_function
from tb_rnngrad.keras._adapters.base import stands_in
from tb_rnngrad.keras._steps.legacy_graph import end_answers, graph_step, is_legacy_graph
from tb_rnngrad.keras._taps.layout import Found
from tb_rnngrad.keras._taps.taps import Taps
from tb_rnngrad.keras._taps.writes import Readings
from tb_rnngrad.keras._tensorflow import as_autograph_would, read

_BEFORE: Final = "steps before"
_TRAIN_STEP: Final = "train_step"


class AnyStep(Protocol):
    """A model's training step, which can run with or without taps."""

    taps: Taps

    def is_of(self, taps: Taps, model: Any) -> bool:
        """Return whether this is still the step that trains the model, with these taps."""

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """While entered, the step runs with taps."""

    def diverted(self, run: Callable[[Any, Any], Any]) -> contextlib.AbstractContextManager[None]:
        """While entered, fit calls `run(train_function, batch)` for `train_function(batch)`."""

    def run(self, plain: Any, batch: Any) -> Any:
        """Run the train function `plain` with taps, and return its result."""

    def found(self) -> Found:
        """Return what the taps captured; later steps do not change it."""

    def train_step(self) -> int | None:
        """Return the number of optimizer steps so far, if the step itself has read it."""

    def rebuilt(self, plain: Any) -> Any:
        """Return the train function `plain`, usable again after it failed with taps."""


def end_diversions(model: Any) -> None:
    """Give an idle model its own train function back.

    A fit that was interrupted between a logger's hook and its step does not do so itself.
    """
    if is_legacy_graph():
        end_answers(model)
    else:
        train_function.end_diversions(model)


@dataclass(frozen=True)
class _Twin:
    """A train function whose train step has taps.

    Attributes:
        function: the train function.
        train_step: the train step that Keras must find when it traces the function.
    """

    function: Any
    train_step: Any


class LiveStep:
    """See `AnyStep`.

    At a logging step, fit runs a twin of its train function. Keras builds the twin from a train
    step with taps; at its end, still in its graph, that step reads what they captured. If there can
    be no twin, the train function itself runs with taps, which are read afterwards.

    Args:
        taps: the taps to run the step with.
        model: the model whose step it is.
        optimizer: the optimizer that may scale the loss; None: the model's.
    """

    def __init__(self, taps: Taps, model: Any, optimizer: Any) -> None:
        self.taps = taps
        self._model = model
        self._optimizer = optimizer
        self._plain: Any = None
        self._twin: _Twin | None = None
        self._name = f"tb_rnngrad.{id(taps)}"  # the key among the logs
        self._readings: Readings = {}

    def is_of(self, taps: Taps, model: Any) -> bool:
        """See `AnyStep`."""
        return taps is self.taps and model is self._model

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """See `AnyStep`."""
        counter = self._counter()
        self._readings = {} if counter is None else {_BEFORE: read(counter)}
        with self.taps.entered(self._own_optimizer()):
            yield

    def diverted(self, run: Callable[[Any, Any], Any]) -> contextlib.AbstractContextManager[None]:
        """See `AnyStep`."""
        return train_function.diverted(self.taps.adapter, self._model, run)

    def run(self, plain: Any, batch: Any) -> Any:
        """See `AnyStep`."""
        if plain is not self._plain:
            self._plain, self._twin = plain, None
            if self._can_have_a_twin(plain):
                train_function.trace(plain, batch)
                self._twin = train_function.kept_with(plain).get(self.taps) or self._new_twin()
        if self._twin is None:
            with self.entered():
                return plain(batch)
        self.taps.reset()
        with train_function.with_train_step(self._model, self._twin.train_step):
            logs = self._twin.function(batch)
        train_function.kept_with(plain)[self.taps] = self._twin  # kept only once it has run
        self._readings = logs.pop(self._name)
        return logs

    def found(self) -> Found:
        """See `AnyStep`."""
        counter, updates = self._counter(), 0
        if counter is not None:
            if _TRAIN_STEP not in self._readings:
                self._readings = {**self._readings, _TRAIN_STEP: read(counter)}
            updates = int(self._readings[_TRAIN_STEP]) - int(self._readings[_BEFORE])
        is_one_step = self.taps.adapter.runs_one_step(self._model)
        return self.taps.seen(self._readings, is_one_step and updates == 1, is_one_step)

    def train_step(self) -> int | None:
        """See `AnyStep`."""
        counted = self._readings.get(_TRAIN_STEP)
        return None if counted is None else int(counted)

    def _counter(self) -> tf.Variable | None:
        return self.taps.adapter.counter_of(self._own_optimizer())

    def rebuilt(self, plain: Any) -> Any:
        """See `AnyStep`; builds a new one, as a trace that failed half-way cannot be resumed."""
        if self._twin is not None:
            return plain
        return train_function.remade(self._model)

    def _own_optimizer(self) -> Any:
        own = getattr(self._model, "optimizer", None)
        return own if self._optimizer is None else self._optimizer

    def _can_have_a_twin(self, plain: Any) -> bool:
        """Return whether Keras made the function, from a single step in a single graph.

        If one execution runs several steps, they run in a loop, and every trace of its body must
        return the same results. A distribution strategy merges the results of its replicas.
        """
        adapter, model = self.taps.adapter, self._model
        strategy = tf.distribute.get_strategy()
        return (
            train_function.is_made_by_keras(adapter, plain)
            and not model.run_eagerly
            and not tf.distribute.has_strategy()
            and model.distribute_strategy is strategy
            and adapter.runs_one_step(model)
        )

    def _new_twin(self) -> _Twin:
        train_step = self._tapped(self._model.train_step)
        return _Twin(train_function.made_from(self._model, train_step), train_step)

    def _tapped(self, train_step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the train step with taps; it adds what they captured to its logs."""
        counter = self._counter()

        def counted(name: str) -> Readings:
            return {} if counter is None else {name: read(counter)}

        def tapped(data: Any) -> Any:
            before = counted(_BEFORE)
            with self.taps.built_in(self._own_optimizer()):
                logs = as_autograph_would(train_step)(data)
            seen = {**self.taps.readings(), **before, **counted(_TRAIN_STEP)}
            return {**logs, self._name: seen}

        return stands_in(tapped, train_step)


def live_step(taps: Taps, model: Any, optimizer: Any = None) -> AnyStep:
    """Return the model's training step with these taps.

    Args:
        taps: the taps to run the step with.
        model: the model whose step it is.
        optimizer: the optimizer that may scale the loss; None: the model's.

    Raises:
        RuntimeError: if the model is not compiled, in a v1 graph.
    """
    if is_legacy_graph():
        return graph_step(taps, model)
    return LiveStep(taps, model, optimizer)
