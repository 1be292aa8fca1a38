"""Taps in a model's own forward pass: what they capture, where they sit, what they saw."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tb_rnngrad._capture.names import GRADIENTS, IN_THE_LOOP
from tb_rnngrad.keras._adapters.base import Adapter, stands_in
from tb_rnngrad.keras._adapters.patches import Patch, patched, turn_of
from tb_rnngrad.keras._taps.call_log import CallLog
from tb_rnngrad.keras._taps.cells import StateName
from tb_rnngrad.keras._taps.layer_call import LayerCall
from tb_rnngrad.keras._taps.layers import View
from tb_rnngrad.keras._taps.mask_runs import MaskRuns
from tb_rnngrad.keras._taps.tap_readings import SeenCall, TapReadings, seen_call
from tb_rnngrad.keras._taps.tapped_call import TappedCall
from tb_rnngrad.keras._taps.writes import NOTHING_READ, GraphOutputs, Readings
from tb_rnngrad.keras._tensorflow import (
    is_replica_thread,
    reasons_here,
    tapes_are_stopped,
    traced_apart,
)


class Taps:
    """The taps of some quantities in some layers of one model.

    While `entered`, the layers' calls carry taps. A tf.function called meanwhile is traced once
    more and keeps its earlier traces, so outside it runs its untapped trace.

    Attributes:
        unrecorded: the `id` of layers that were called where no tape records.
    """

    def __init__(
        self,
        adapter: Adapter,
        asked: Sequence[tuple[View, tuple[str, ...]]],
        states: Mapping[int, StateName],
    ) -> None:
        self.adapter = adapter
        self.asked = tuple(asked)
        self.states = states
        self.unrecorded: set[int] = set()
        self._mask_runs = MaskRuns()
        self._entries = 0
        self._installed = contextlib.ExitStack()
        self._anchor: tf.Variable | None = None
        self._results: GraphOutputs | None = None
        self._calls = CallLog()
        # By layer and quantities: the call that was replaced, and the tapped call.
        self._replacements: dict[tuple[int, frozenset[str]], tuple[Any, Callable[..., Any]]] = {}

    @property
    def see_gradients(self) -> bool:
        """Whether any of the captured quantities needs a backward pass."""
        return any(name in GRADIENTS for _, of in self.asked for name in of)

    @contextlib.contextmanager
    def entered(self, optimizer: Any = None, anchor: tf.Variable | None = None) -> Iterator[None]:
        """Install the taps for a while; what they captured before is forgotten.

        Args:
            optimizer: the optimizer that may scale the loss, or None.
            anchor: the target of the backward pass; None: the layers' weights.
        """
        self.reset()
        with self._put_in(optimizer, anchor, None):
            yield

    @contextlib.contextmanager
    def built_in(self, optimizer: Any = None, anchor: tf.Variable | None = None) -> Iterator[None]:
        """Install the taps while one of our own graphs is built, which then returns `readings`.

        The arguments are those of `entered`.
        """
        results = GraphOutputs(tf.compat.v1.get_default_graph())
        with self._put_in(optimizer, anchor, results):
            try:
                yield
            except BaseException:
                results.take()  # or the failed graph would be kept
                raise

    @contextlib.contextmanager
    def _put_in(
        self, optimizer: Any, anchor: tf.Variable | None, results: GraphOutputs | None
    ) -> Iterator[None]:
        if not self.is_entered:
            self._anchor = anchor
            self._results = results
            with contextlib.ExitStack() as stack:
                stack.enter_context(patched(self._patches(optimizer)))
                stack.enter_context(traced_apart((self, anchor is None)))
                self._installed = stack.pop_all()
        self._entries += 1
        try:
            yield
        finally:
            self._entries -= 1
            if not self.is_entered:
                self._installed.close()

    @property
    def is_entered(self) -> bool:
        """Whether the taps are installed."""
        return self._entries > 0

    def _patches(self, optimizer: Any) -> list[Patch]:
        patches: list[Patch] = [*self.adapter.scaling_patches(optimizer, self._note_scale)]
        patches += self._mask_runs.patches(view for view, _ in self.asked)
        for view, of in self.asked:
            for part in view.parts:
                patches.append((vars(part.layer), "call", self._call_of(part.layer, frozenset(of))))
                if IN_THE_LOOP.intersection(of) or part.direction:
                    patches += self.adapter.standing_patches(part.layer)
        return patches

    def _is_entered_here(self) -> bool:
        """Return whether this thread has installed the taps; they are not for any other.

        Where traces are not kept apart, taps would stay in the user's own.
        """
        if any(isinstance(one, tuple) and one[0] is self for one in reasons_here()):
            return True
        return self.is_entered and is_replica_thread()

    def readings(self) -> Readings:
        """Return what the taps will have captured, at the end of the graph they are `built_in`.

        This takes a quarter of the time of reading it eagerly afterwards.
        """
        results = {} if self._results is None else self._results.take()
        return {**self._calls.readings(), **results}

    def seen(
        self,
        readings: Readings = NOTHING_READ,
        is_one_update: bool = False,
        is_one_step: bool = True,
    ) -> TapReadings:
        """Return what was captured since the taps were entered; later steps do not change it.

        If several backward passes through one call end in one update of the weights, they are parts
        of one gradient. They are then summed, unless a loop ran through the call repeatedly, or a
        surrounding tape may have taken a gradient of a gradient.

        Args:
            readings: what the step itself has returned of it.
            is_one_update: whether the optimizer has updated the weights exactly once meanwhile.
            is_one_step: whether it was one training step, not an execution of several.
        """
        scales: list[tf.Tensor] = []
        calls: list[SeenCall] = []
        for owner, call in self._calls:
            if owner == id(self):
                buffer = call.buffers["loss_scale"]
                scales += [buffer.value(readings)] if buffer.counts(readings) else []
            elif seen := seen_call(owner, call, readings, is_one_update, is_one_step):
                calls.append(seen)
        return TapReadings(self.adapter, self.asked, calls, scales[-1] if scales else None)

    def reset(self) -> None:
        """Forget what was captured; called before every run of a graph that contains the taps."""
        self._calls.reset()

    def _note_scale(self, scale: tf.Tensor) -> None:
        if not self._is_entered_here():
            return
        if tf.get_static_value(scale) == 1:  # nothing to undo, so nothing to read at each step
            return
        call = self._calls.open(id(self), frozenset(["loss_scale"]), self._results)
        call.buffers["loss_scale"].write(scale)

    def _call_of(self, layer: Any, of: frozenset[str]) -> Callable[..., Any]:
        """Return the layer's tapped call, reused as long as the layer's own call is the same."""
        replaced, call = self._replacements.get((id(layer), of), (None, None))
        if call is None or replaced != layer.call:
            replaced, call = layer.call, self._replacement(layer, of)
            self._replacements[id(layer), of] = replaced, call
        return call

    def _replacement(self, layer: Any, of: frozenset[str]) -> Callable[..., Any]:
        original = self.adapter.original_call(layer)
        tapped = TappedCall(self.adapter, layer, original, of, self.states.get(id(layer)))

        def open_call() -> LayerCall:
            if tapes_are_stopped():
                self.unrecorded.add(id(layer))
            return self._calls.open(id(layer), of, self._results)

        def call(*args: Any, **kwargs: Any) -> Any:
            # A layer's patches are for its call in one thread; replicas take turns anyway.
            turn = contextlib.nullcontext() if is_replica_thread() else turn_of(layer)
            with turn:
                if self._mask_runs.is_on or not self._is_entered_here():
                    return original(*args, **kwargs)
                return tapped.run(open_call, self._anchor, args, kwargs)

        return stands_in(call, original)
