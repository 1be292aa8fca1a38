"""A model's train function, which `fit` reads from the model at every step, in both Kerases."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._versions import unsupported

_FUNCTIONS: Final = ("train_function", "train_tf_function")  # what make_train_function sets


@dataclass
class TrainFunctionProxy:
    """Stands in for a train function."""

    run: Callable[[Any, Any], Any]
    plain: Any

    def __call__(self, batch: Any) -> Any:
        return self.run(self.plain, batch)


@contextlib.contextmanager
def diverted(adapter: Adapter, model: Any, run: Callable[[Any, Any], Any]) -> Iterator[None]:
    """While entered, fit calls `run(train_function, batch)` for `train_function(batch)`.

    Raises:
        RuntimeError: if the installed Keras keeps the train function elsewhere.
    """
    names = vars(model)  # setattr would make Keras search the value for layers
    if "train_function" not in names:
        raise unsupported(
            adapter.name,
            "A model no longer keeps its train function, so no step of fit could be logged",
        )
    if names["train_function"] is None:  # fit has made it by now; train_on_batch makes it later
        model.make_train_function()
    diversion = TrainFunctionProxy(run, names["train_function"])
    names["train_function"] = diversion
    try:
        yield
    finally:
        _end(names, diversion)


def _end(names: dict[str, Any], diversion: TrainFunctionProxy) -> None:
    """Take a diversion away, also from beneath others."""
    above = names["train_function"]
    if above is diversion:
        names["train_function"] = diversion.plain
    while isinstance(above, TrainFunctionProxy):
        if above.plain is diversion:
            above.plain = diversion.plain
        above = above.plain


def end_diversions(model: Any) -> None:
    """Give an idle model its own train function back."""
    while isinstance(getattr(model, "train_function", None), TrainFunctionProxy):
        vars(model)["train_function"] = model.train_function.plain


def remade(model: Any) -> Any:
    """Return a new train function of the model, which becomes the model's own."""
    model.make_train_function(force=True)
    return model.train_function


def made_from(model: Any, train_step: Callable[[Any], Any]) -> Any:
    """Return a train function that Keras makes from another train step; the model keeps its own."""
    made = {name: vars(model)[name] for name in _FUNCTIONS if name in vars(model)}
    try:
        with with_train_step(model, train_step):
            return remade(model)
    finally:
        for name, function in made.items():
            setattr(model, name, function)


def with_train_step(
    model: Any, train_step: Callable[[Any], Any]
) -> contextlib.AbstractContextManager[None]:
    """While entered, Keras finds that train step when it makes or traces a train function."""
    return patched([(vars(model), "train_step", train_step)])


def kept_with(function: Any) -> dict[Any, Any]:
    """Return a dict of ours that lives as long as a train function.

    What is made from a train function refers to its model, so a table of weak references would keep
    both forever. Stored on the function itself they form a cycle, which Python collects.
    """
    kept: dict[Any, Any] = vars(function).setdefault("_tb_rnngrad", {})
    return kept


def is_made_by_keras(adapter: Adapter, function: Any) -> bool:
    """Return whether a train function is one that Keras made, not the user."""
    module: str = getattr(function, "python_function", function).__module__
    return module.split(".")[0] == adapter.name


def trace(function: Any, batch: Any) -> None:
    """Trace a train function that has not run yet, as its first run would."""
    # tf_keras' TensorBoard callback draws the trace after the first step, and fails without one.
    is_function = isinstance(function, tf.types.experimental.PolymorphicFunction)
    if is_function and not function.experimental_get_tracing_count():
        function.get_concrete_function(batch)
