"""`capture`: look at the user's own training step, in its own forward and backward pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._records import Records, records_of
from tb_rnngrad.keras._steps.live_step import live_step
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.layout import to_layout
from tb_rnngrad.keras._taps.quantities import check_of
from tb_rnngrad.keras._taps.taps import taps_of


class capture(Mapping[str, Records]):  # noqa: N801 - used as `with capture(...)`, like a function
    """Captures one training step, whatever runs it: eager code, tf.function, XLA, `train_on_batch`.

    Inside the `with` block the layers carry taps; a compiled step is traced once more for it and
    keeps its untouched trace for the time outside. Put one step into one block. In legacy graph
    mode the step is the model's own (`train_on_batch`, `fit`), not a session's run by hand.

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        optimizer: the one that scales the loss, where training is in float16 and it is not
            `model.optimizer`; its scale is undone.
        state: which state of a custom cell is the hidden one, as for `gradients`.

    Raises:
        ValueError: no such layer, quantity or state.
        NotImplementedError: a layer cannot be looked into.
        RuntimeError: in legacy graph mode, the model is not compiled.

    Example::

        with tb_rnngrad.keras.capture(model) as captured:
            train_step(batch)
        captured["lstm_1"]  # a SequenceRecord, or a dict of them where `of` gives several

    After the block it is a mapping. Where the step called a layer several times, the further calls
    are under "lstm_1.call2" and so on.
    """

    def __init__(
        self,
        model: Any,
        layers: Any = None,
        of: str | Sequence[str] = "hidden_state",
        optimizer: Any = None,
        state: States = None,
    ) -> None:
        adapter = adapter_of(model)
        names = check_of(of)
        self._single = isinstance(of, str)
        self._taps = taps_of(adapter, model, layers, names, state)
        self._step = live_step(self._taps, model, optimizer)
        self._stack = contextlib.ExitStack()
        self._records: dict[str, Records] = {}

    def __enter__(self) -> capture:
        """Put the taps in."""
        self._stack.enter_context(self._step.entered())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the taps out, also where the step raised; keep what they saw."""
        self._stack.close()
        if error is not None:
            return
        self._records = records_of(to_layout(self._step.found()), self._taps, self._single)

    def __getitem__(self, layer: str) -> Records:
        """Return what was captured of a layer."""
        if layer not in self._records:
            names = ", ".join(self._records) or "none before the block ends"
            raise KeyError(f"{layer!r} was not captured; captured layers: {names}")
        return self._records[layer]

    def __iter__(self) -> Iterator[str]:
        """Give the names of the layers."""
        return iter(self._records)

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self._records)
