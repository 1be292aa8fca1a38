"""`capture`: reads gradients from the user's own training step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.records import CapturedRecords
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._records import records_of
from tb_rnngrad.keras._steps.live_step import live_step
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.choice import taps_of
from tb_rnngrad.keras._taps.layout import to_layout


class capture(CapturedRecords):  # noqa: N801 - used as `with capture(...)`, like a function
    """Captures one training step, whatever runs it: eager code, tf.function, XLA, `train_on_batch`.

    Inside the `with` block the layers carry taps. A compiled step is traced once more for the
    block; outside of it the original trace runs. Run one step in one block. In legacy graph mode,
    run the model's own step (`train_on_batch`, `fit`), not a session by hand.

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        optimizer: the optimizer that scales the loss in float16 training, if it is not
            `model.optimizer`. Captured gradients are unscaled.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Raises:
        ValueError: if a layer, quantity or state does not exist.
        NotImplementedError: if a layer cannot be inspected.
        RuntimeError: if the model is not compiled, in legacy graph mode.

    Example::

        with tb_rnngrad.keras.capture(model) as captured:
            train_step(batch)
        captured["lstm_1"]  # a SequenceRecord, or a dict of them if `of` names several

    After the block the object is a mapping. If the step called a layer several times, the further
    calls are under "lstm_1.call2" and so on.
    """

    def __init__(
        self,
        model: Any,
        layers: Any = None,
        of: str | Sequence[str] = "hidden_state",
        optimizer: Any = None,
        state: States = None,
    ) -> None:
        super().__init__()
        adapter = adapter_of(model)
        names = check_of(of)
        self._single = isinstance(of, str)
        self._taps = taps_of(adapter, model, layers, names, state)
        self._step = live_step(self._taps, model, optimizer)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> capture:
        """Install the taps."""
        self._stack.enter_context(self._step.entered())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the taps, also after an exception, and keep what they captured."""
        self._stack.close()
        if error is not None:
            return
        self._records = records_of(to_layout(self._step.found()), self._taps, self._single)
