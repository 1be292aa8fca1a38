"""`capture`: reads gradients from the user's own training step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.records import CapturedRecords, records_of
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._quantities import see_gradients
from tb_rnngrad.torch._recorded import Wanted


class capture(CapturedRecords):  # noqa: N801 - used as `with capture(...)`, like a function
    """Captures one training step: whatever runs forward and backward inside the block.

    The step runs untouched: the same kernels, the same results, the same random numbers. Gradients
    through time are computed from it when the block ends.

    Args:
        module: any `torch.nn.Module` with `nn.RNN`, `nn.LSTM`, `nn.GRU` or their
            cells in it, or with states that are watched (`watch`).
        layers: names ("encoder.lstm"; "encoder.lstm.l1" for one of its stacked layers), modules, or
            a list of these; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        scaler: the `torch.amp.GradScaler` that scales the loss, if there is one. Captured gradients
            are unscaled.

    Raises:
        TypeError: if `module` is no module.
        ValueError: if a layer or quantity does not exist, and at the end of the block if nothing of
            a layer was seen, or there is no recurrent layer and nothing was watched.
        NotImplementedError: if a layer cannot be inspected.
        RuntimeError: at the end of the block if a layer's input was changed in place.

    Example::

        with tb_rnngrad.torch.capture(model) as captured:
            loss = criterion(model(x), y)
            loss.backward()
        captured["lstm"]  # a SequenceRecord, or a dict of them if `of` names several

    After the block the object is a mapping. If the step called a layer several times, each time
    from a new state, the further calls are under "lstm.call2" and so on. Calls that hand a state on
    are one record.
    """

    def __init__(
        self,
        module: Any,
        layers: Any = None,
        of: str | Sequence[str] = "hidden_state",
        *,
        scaler: Any = None,
    ) -> None:
        super().__init__()
        names = check_of(of)
        self._wanted = Wanted.by(module, layers, names)
        self._single = isinstance(of, str)
        self._stack = contextlib.ExitStack()
        self._interception = Interception(self._wanted.modules, see_gradients(names), scaler)

    def __enter__(self) -> capture:
        """Begin to record calls."""
        self._stack.enter_context(self._interception.entered())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop recording, also after an exception, and compute what was asked for."""
        self._stack.close()
        seen = self._interception
        calls, watched = seen.taken()
        if error is None:
            seen.check()
            found = self._wanted.captured(calls, watched, seen.left_out)
            self._records = records_of(found, "torch", self._single)
