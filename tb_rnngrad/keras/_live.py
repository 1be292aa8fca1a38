"""The user's own training step, looked at while it runs: eagerly or compiled, or in a v1 graph."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tb_rnngrad.keras._assemble import Found
from tb_rnngrad.keras._taps import Taps, is_legacy_graph


class AnyStep(Protocol):
    """A model's training step, which can be run with taps and without."""

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """While entered, the step runs with taps."""

    def found(self) -> Found:
        """Return what they saw; no later step changes it."""

    def diverted(self, run: Callable[[Any, Any], Any]) -> contextlib.AbstractContextManager[None]:
        """While entered, fit calls `run(train_function, batch)` for `train_function(batch)`."""

    def untouched(self) -> Any:
        """Return the train function as it is after a step with taps has failed."""


@dataclass(frozen=True)
class _Diversion:
    """Stands for a train function."""

    run: Callable[[Any, Any], Any]
    plain: Any

    def __call__(self, batch: Any) -> Any:
        return self.run(self.plain, batch)


def end_diversions(model: Any) -> None:
    """Give a model, while it does not train, its train function back.

    A fit that was broken off between a logger's hook and its step does not do it itself.
    """
    function = getattr(model, "train_function", None)
    if function is None:
        return
    if is_legacy_graph():
        from tb_rnngrad.keras._legacy_graph import answer_itself  # it needs tf_keras

        answer_itself(function)
        return
    while isinstance(model.train_function, _Diversion):
        vars(model)["train_function"] = model.train_function.plain


@dataclass(frozen=True)
class LiveStep:
    """See `AnyStep`; `optimizer` is the one that may scale the loss, or None."""

    taps: Taps
    model: Any
    optimizer: Any

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """See `AnyStep`."""
        return self.taps.entered(self.optimizer)

    def found(self) -> Found:
        """See `AnyStep`."""
        return self.taps.seen()

    @contextlib.contextmanager
    def diverted(self, run: Callable[[Any, Any], Any]) -> Iterator[None]:
        """See `AnyStep`; fit reads the attribute at every step."""
        names = vars(self.model)  # Keras would look for layers in whatever it is told to set
        diversion = _Diversion(run, names["train_function"])
        names["train_function"] = diversion
        try:
            yield
        finally:
            if names["train_function"] is diversion:
                names["train_function"] = diversion.plain

    def untouched(self) -> Any:
        """See `AnyStep`; a new one, as a trace that failed half-way may not be begun again."""
        self.model.make_train_function(force=True)
        return self.model.train_function


_graph_steps: weakref.WeakKeyDictionary[Any, dict[Taps, Any]] = weakref.WeakKeyDictionary()


def live_step(taps: Taps, model: Any, optimizer: Any) -> AnyStep:
    """Return the model's training step under these taps.

    Raises:
        RuntimeError: in a v1 graph, the model is not compiled.
    """
    if not is_legacy_graph():
        return LiveStep(taps, model, optimizer)
    from tb_rnngrad.keras._legacy_graph import GraphStep  # it needs tf_keras

    if getattr(model, "optimizer", None) is None:
        raise RuntimeError(
            f"model {model.name!r} is not compiled, and in legacy graph mode "
            "(tf.compat.v1.disable_eager_execution) its own train function is what can be looked "
            "at; call model.compile(...) first"
        )
    known = _graph_steps.setdefault(model, {})
    step = known.get(taps)
    if step is None or not step.belongs_to(model.train_function):
        step = known[taps] = GraphStep(taps, model)
    return step
