"""The user's own training step, inspected while it runs: eager, compiled, or in a v1 graph."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import as_autograph_would, patched, stands_in
from tb_rnngrad.keras._taps.layout import Found
from tb_rnngrad.keras._taps.sinks import Readings
from tb_rnngrad.keras._taps.taps import Taps, is_legacy_graph
from tb_rnngrad.keras._variables import read

_TRAIN_FUNCTIONS: Final = ("train_function", "train_tf_function")  # attributes that Keras sets
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


@dataclass(frozen=True)
class TrainFunctionProxy:
    """Stands in for a train function."""

    run: Callable[[Any, Any], Any]
    plain: Any

    def __call__(self, batch: Any) -> Any:
        return self.run(self.plain, batch)


def end_diversions(model: Any) -> None:
    """Give an idle model its own train function back.

    A fit that was interrupted between a logger's hook and its step does not do so itself.
    """
    function = getattr(model, "train_function", None)
    if function is None:
        return
    if is_legacy_graph():
        from tb_rnngrad.keras._steps.legacy_graph import answer_itself  # imports tf_keras

        answer_itself(function)
        return
    while isinstance(model.train_function, TrainFunctionProxy):
        vars(model)["train_function"] = model.train_function.plain


@dataclass(frozen=True)
class _Twin:
    """A train function whose train step has taps.

    Attributes:
        function: the train function.
        train_step: the train step that Keras must find when it traces the function.
    """

    function: Any
    train_step: Any


def _twins_of(plain: Any) -> dict[Taps, _Twin]:
    """Return the twins of a train function, which live as long as it does.

    They refer to its model, so a table of weak references would keep both forever. Stored on the
    function itself they form a cycle, which Python collects.
    """
    twins: dict[Taps, _Twin] = vars(plain).setdefault("_tb_rnngrad_twins", {})
    return twins


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

    @contextlib.contextmanager
    def diverted(self, run: Callable[[Any, Any], Any]) -> Iterator[None]:
        """See `AnyStep`; fit reads the attribute at every step."""
        names = vars(self._model)  # setattr would make Keras search the value for layers
        diversion = TrainFunctionProxy(run, names["train_function"])
        names["train_function"] = diversion
        try:
            yield
        finally:
            if names["train_function"] is diversion:
                names["train_function"] = diversion.plain

    def run(self, plain: Any, batch: Any) -> Any:
        """See `AnyStep`."""
        if plain is not self._plain:
            self._plain, self._twin = plain, None
            if self._can_have_a_twin(plain):
                _trace(plain, batch)
                self._twin = _twins_of(plain).get(self.taps) or self._new_twin()
        if self._twin is None:
            with self.entered():
                return plain(batch)
        self.taps.reset()
        with self._with(self._twin.train_step):
            logs = self._twin.function(batch)
        _twins_of(plain)[self.taps] = self._twin  # kept only once it has run
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
        self._model.make_train_function(force=True)
        return self._model.train_function

    def _own_optimizer(self) -> Any:
        own = getattr(self._model, "optimizer", None)
        return own if self._optimizer is None else self._optimizer

    def _can_have_a_twin(self, plain: Any) -> bool:
        """Return whether Keras made the function, from a single step in a single graph.

        If one execution runs several steps, they run in a loop, and every trace of its body must
        return the same results. A distribution strategy merges the results of its replicas.
        """
        adapter, model = self.taps.adapter, self._model
        module: str = getattr(plain, "python_function", plain).__module__
        strategy = tf.distribute.get_strategy()
        return (
            module.split(".")[0] == adapter.name
            and not model.run_eagerly
            and not tf.distribute.has_strategy()
            and model.distribute_strategy is strategy
            and adapter.runs_one_step(model)
        )

    def _new_twin(self) -> _Twin:
        model = self._model
        train_step = self._tapped(model.train_step)
        made = {name: vars(model)[name] for name in _TRAIN_FUNCTIONS if name in vars(model)}
        try:
            with self._with(train_step):
                model.make_train_function(force=True)
            return _Twin(model.train_function, train_step)
        finally:
            for name, function in made.items():
                setattr(model, name, function)

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

    def _with(self, train_step: Any) -> contextlib.AbstractContextManager[None]:
        """While entered, Keras finds that train step when it makes or traces a twin."""
        return patched([(vars(self._model), "train_step", train_step)])


def _trace(plain: Any, batch: Any) -> None:
    """Trace a train function that has not run yet, as its first run would."""
    # tf_keras' TensorBoard callback draws the trace after the first step, and fails without one.
    is_function = isinstance(plain, tf.types.experimental.PolymorphicFunction)
    if is_function and not plain.experimental_get_tracing_count():
        plain.get_concrete_function(batch)


_graph_steps: weakref.WeakKeyDictionary[Any, dict[Taps, Any]] = weakref.WeakKeyDictionary()


def live_step(taps: Taps, model: Any, optimizer: Any = None) -> AnyStep:
    """Return the model's training step with these taps.

    Args:
        taps: the taps to run the step with.
        model: the model whose step it is.
        optimizer: the optimizer that may scale the loss; None: the model's.

    Raises:
        RuntimeError: if the model is not compiled, in a v1 graph.
    """
    if not is_legacy_graph():
        return LiveStep(taps, model, optimizer)
    from tb_rnngrad.keras._steps.legacy_graph import GraphStep  # imports tf_keras

    if getattr(model, "optimizer", None) is None:
        raise RuntimeError(
            f"model {model.name!r} is not compiled, and in legacy graph mode "
            "(tf.compat.v1.disable_eager_execution) only a compiled model's own train function "
            "can be inspected; call model.compile(...) first"
        )
    known = _graph_steps.setdefault(model, {})
    step = known.get(taps)
    if step is None or not step.is_of(taps, model):
        step = known[taps] = GraphStep(taps, model)
    return step
