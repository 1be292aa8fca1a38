"""Legacy graph mode: tf_keras in the graphs of `tf.compat.v1` (`disable_eager_execution()`).

This mode is frozen: what works in it stays, and nothing new is made for it. No other module knows
how it works.

In this mode a model is one fixed graph that a session runs. To inspect it, a second forward and
backward pass with taps is built beside the first, and the session returns what the taps captured. A
live step runs a second train function, over that pass and with the same updates, instead of the
first.
"""

from __future__ import annotations

import contextlib
import importlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad.keras._adapters.patches import patched
from tb_rnngrad.keras._steps.batches import check_targets
from tb_rnngrad.keras._taps.layout import captured
from tb_rnngrad.keras._taps.taps import Taps

_NAME: Final = "legacy graph mode (tf.compat.v1.disable_eager_execution)"


def is_legacy_graph() -> bool:
    """Return whether TensorFlow builds graphs for a session instead of running eagerly."""
    return not tf.compat.v1.executing_eagerly_outside_functions()


def check_not_legacy_graph(what: str, instead: str) -> None:
    """Raise NotImplementedError if `what` is asked for in legacy graph mode."""
    if is_legacy_graph():
        raise NotImplementedError(f"{what} does not work in {_NAME}; {instead}")


def end_answers(model: Any) -> None:
    """Let the train function of an idle model answer its own calls again."""
    _v1().answer_itself(model)


def graph_step(taps: Taps, model: Any) -> GraphStep:
    """Return the model's training step with these taps.

    Raises:
        RuntimeError: if the model is not compiled.
    """
    if getattr(model, "optimizer", None) is None:
        raise RuntimeError(
            f"model {model.name!r} is not compiled, and in {_NAME} only a compiled model's own "
            "train function can be inspected; call model.compile(...) first"
        )
    known = _steps.setdefault(model, {})
    step = known.get(taps)
    if step is None or not step.is_of(taps, model):
        step = known[taps] = GraphStep(taps, model)
    return step


def _v1() -> Any:
    # It imports tf_keras, which a user of Keras 3 need not have.
    return importlib.import_module("tb_rnngrad.keras._adapters.v1_graph")


@dataclass(frozen=True)
class _Built:
    """A tapped pass in the session's graph: what to feed, and what it returns."""

    inputs: list[tf.Tensor]
    weights: list[tf.Tensor | None]
    found: list[Captured]


class GraphProbe:
    """A `Probe` in a session's graph; it returns NumPy arrays."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._model = weakref.ref(model)
        self._built: dict[tuple[bool, ...], _Built] = {}

    def run(self, x: Any, y: Any, sample_weight: Any, training: bool) -> list[Captured]:
        """Return what the taps capture in one pass over the batch."""
        v1 = _v1()
        model: Any = self._model()
        if self.taps.see_gradients:
            check_targets(self.taps.adapter, model, y)
            feeds = v1.feeds_with_loss(model, x, y, sample_weight)
        else:
            feeds = v1.feeds_of(model, x)
        key = (training, *(weight is not None for weight in feeds.weights))
        if key not in self._built:
            self._built[key] = self._build(model, training, feeds.weights)
        built = self._built[key]
        feed = dict(zip(built.inputs, feeds.inputs, strict=True)) | dict(feeds.targets)
        given = zip(built.weights, feeds.weights, strict=True)
        feed.update({tensor: weight for tensor, weight in given if tensor is not None})
        fetches = {
            index: {"data": one.data} | ({} if one.mask is None else {"mask": one.mask})
            for index, one in enumerate(built.found)
        }
        values = v1.run(fetches, feed)
        return [replace(one, **values[index]) for index, one in enumerate(built.found)]

    def _build(self, model: Any, training: bool, sample_weights: Any) -> _Built:
        v1 = _v1()
        inputs = v1.input_placeholders(model)
        if getattr(model, "optimizer", None) is not None:
            # After a session has run a loop, no gradient of it can be built: build fit's first.
            v1.train_function_of(model)
        placed = [None if one is None else v1.placeholder_like(one) for one in sample_weights]
        weights = [
            weight
            for view, _ in self.taps.asked
            for part in view.parts
            for weight in self.taps.adapter.weights(part.layer)
        ]
        taps = Taps(self.taps.adapter, self.taps.asked, self.taps.states)
        with taps.entered(), patched(v1.notes(model)):
            if taps.see_gradients:
                loss = v1.loss(model, inputs, training, placed)
                tf.gradients(loss, [self.taps.adapter.raw(weight) for weight in weights])
            else:
                v1.forward(model, inputs, training)
            return _Built(inputs, placed, captured(taps.seen()))


class GraphStep:
    """A second version of the model's own train function, with taps."""

    def __init__(self, taps: Taps, model: Any) -> None:
        self.taps = taps
        self._v1 = _v1()
        self._plain = self._v1.train_function_of(model)
        self._model_name = model.name
        self._found: list[Captured] = []
        own = Taps(taps.adapter, taps.asked, taps.states)

        def found() -> Mapping[tuple[int, str], tf.Tensor]:
            self._found = captured(own.seen())
            return {
                (index, name): tensor
                for index, one in enumerate(self._found)
                for name, tensor in (("data", one.data), ("mask", one.mask))
                if tensor is not None
            }

        self._tapped = self._v1.SecondTrainFunction(model, self._plain, own.entered(), found)

    def is_of(self, taps: Taps, model: Any) -> bool:
        """See `AnyStep`."""
        return taps is self.taps and self._v1.train_function_of(model) is self._plain

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """See `AnyStep`."""
        self._tapped.values.clear()
        with self._answered_by(self._tapped):
            yield

    def diverted(self, run: Callable[[Any, Any], Any]) -> contextlib.AbstractContextManager[None]:
        """See `AnyStep`."""
        return self._answered_by(partial(run, self._plain))

    def run(self, plain: Any, batch: Any) -> Any:
        """See `AnyStep`."""
        with self.entered():
            return plain(batch)

    def train_step(self) -> int | None:
        """See `AnyStep`."""
        return None

    def rebuilt(self, plain: Any) -> Any:
        """See `AnyStep`."""
        return plain

    def found(self) -> list[Captured]:
        """See `AnyStep`; in NumPy arrays."""
        values = self._tapped.values
        return [
            replace(one, data=values[index, "data"], mask=values.get((index, "mask")))
            for index, one in enumerate(self._found)
            if (index, "data") in values
        ]

    def _answered_by(self, answer: Callable[[Any], Any]) -> contextlib.AbstractContextManager[None]:
        """For a while, route calls of the train function, which fit holds on to, to `answer`.

        Raises:
            RuntimeError: if something else already answers.
        """
        if self._v1.is_answered(self._plain):
            raise RuntimeError(
                f"model {self._model_name!r} is being inspected already, and in {_NAME} a step can "
                "be by one GradientLogger or capture at a time; ask one for all layers and "
                "quantities"
            )
        return self._v1.answered_by(self._plain, answer)


_steps: weakref.WeakKeyDictionary[Any, dict[Taps, GraphStep]] = weakref.WeakKeyDictionary()
