"""`GradientLogger`: the callback for `model.fit` of either Keras."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import tensorflow as tf

from tb_rnngrad.keras._adapter import adapter_of
from tb_rnngrad.keras._assemble import Captured, captured
from tb_rnngrad.keras._gradients import probe_of
from tb_rnngrad.keras._quantities import check_of
from tb_rnngrad.keras._records import check_reached, record_of
from tb_rnngrad.keras._taps import NO_LIVE_STEP, Taps, is_legacy_graph, taps_of
from tb_rnngrad.record import SequenceRecord, check_max_outputs, check_stored_dtype
from tb_rnngrad.writer import SummaryWriter

# What logging may run into inside someone else's training step, without that being the step's end.
_FAILURES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)


class GradientLogger:
    """Logs gradients through time while `model.fit` trains; a callback of Keras 3 and tf_keras.

    At a logging step it reads the gradients out of fit's own backward pass over the live batch, or
    out of one more pass over a probe batch. Other steps run as if it were not there. Where logging
    fails, it says so once in a warning and training goes on.

    Args:
        log_dir: the run's directory; records go into it itself, beside the `train` and
            `validation` runs that Keras' own TensorBoard callback makes below it.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates", "weights",
            "activations", "states", "kernels".
        data: None for the live batch; (x, y) or (x, y, sample_weight) for a probe batch, the same
            at every step so that steps are comparable. The end of training is logged then, too.
        update_freq: "epoch": the first batch of every epoch; or a number of batches.
        max_outputs: samples to keep; the flow statistics are over the whole batch.
        dtype: "float32", or "bfloat16" for half the bytes.

    Tags are layer/quantity, such as "lstm_1/hidden_state". The step is the number of optimizer
    steps that the weights have seen, so that training resumed from a checkpoint goes on where it
    stood.

    Raises:
        ValueError: an argument cannot be.
    """

    # What either Keras asks of a callback beside its hooks.
    async_safe = True
    _supports_tf_logs = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        layers: Any = None,
        of: str | Sequence[str] = ("hidden_state",),
        data: Sequence[Any] | None = None,
        update_freq: str | int = "epoch",
        max_outputs: int = 4,
        dtype: str = "float32",
    ) -> None:
        if update_freq != "epoch" and (not isinstance(update_freq, int) or update_freq < 1):
            raise ValueError(
                f'update_freq is {update_freq!r}; expected "epoch" or a number of batches'
            )
        if data is not None and len(data) not in (2, 3):
            raise ValueError(
                f"data has {len(data)} elements; expected (x, y) or (x, y, sample_weight)"
            )
        check_max_outputs(max_outputs)
        check_stored_dtype(dtype)
        self._of = check_of(of)
        self._log_dir = log_dir
        self._layers = layers
        self._data = data
        self._update_freq = update_freq
        self._max_outputs = max_outputs
        self._dtype = dtype
        self._writer: SummaryWriter | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._model: Any = None
        self._taps: Taps | None = None
        self._is_due = False
        self._next = 0
        self._steps = 0
        self._stride = 1
        self._last_logged: int | None = None
        self._gave_up = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Answer the hooks that are not ours."""
        if name.startswith("on_"):
            return _ignore
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def set_params(self, params: Any) -> None:
        """Ignore; part of a callback."""

    def set_model(self, model: Any) -> None:
        """Take the model that is about to be trained."""
        self._model = model
        self._taps = None

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    def _implements_predict_batch_hooks(self) -> bool:
        return False

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the next logging step."""
        try:
            self._steps = self._read_steps()
            self._stride = adapter_of(self._model).steps_per_execution(self._model)
        except _FAILURES as error:
            self._give_up(error)
        if self._update_freq != "epoch":
            self._next = -(-self._steps // int(self._update_freq)) * int(self._update_freq)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Have the first batch logged."""
        self._is_due = self._update_freq == "epoch"

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Log this batch where it is due."""
        if self._gave_up:
            return
        # Counted here, as reading the optimizer's counter waits for the device.
        if self._update_freq != "epoch":
            self._is_due = self._steps >= self._next
        if self._is_due:
            self._is_due = False
            self._steps = self._read_steps()
            if self._update_freq != "epoch":
                self._next = (self._steps // int(self._update_freq) + 1) * int(self._update_freq)
            if self._data is None:
                self._tap_next_step(self._steps)
            else:
                self._log_probe(self._steps)
        self._steps += self._stride

    def on_train_end(self, logs: Any = None) -> None:
        """Log the trained model where there is a probe batch, and close the file."""
        if self._data is not None and not self._gave_up:
            self._log_probe(self._read_steps())
        try:
            self._finish_writing()
        except _FAILURES as error:
            self._give_up(error)
        if self._writer is not None and self._thread is not None:
            self._thread.shutdown()
            self._writer.close()
            self._thread = self._writer = None

    def _read_steps(self) -> int:
        steps = adapter_of(self._model).train_step(self._model)
        return self._steps if steps is None else steps

    def _log_probe(self, step: int) -> None:
        if step == self._last_logged:
            return
        assert self._data is not None
        try:
            probe = probe_of(self._model, self._layers, self._of)
            x, y, sample_weight = (*self._data, None)[:3]
            self._write(probe.run(x, y, sample_weight, training=False), probe.taps, step)
        except _FAILURES as error:
            self._give_up(error)

    def _tap_next_step(self, step: int) -> None:
        """Have fit's next call of its train function run under taps; fit reads it at every step."""
        try:
            taps = self._taps = self._taps or self._new_taps()
        except _FAILURES as error:
            self._give_up(error)
            return
        plain = self._model.train_function

        def tapped(iterator: Any) -> Any:
            self._model.train_function = plain
            return self._run_tapped(plain, iterator, taps, step)

        self._model.train_function = tapped

    def _new_taps(self) -> Taps:
        if is_legacy_graph():
            raise NotImplementedError(NO_LIVE_STEP)
        return taps_of(adapter_of(self._model), self._model, self._layers, self._of)

    def _run_tapped(self, plain: Callable[[Any], Any], iterator: Any, taps: Taps, step: int) -> Any:
        try:
            with taps.entered(getattr(self._model, "optimizer", None)):
                logs = plain(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):  # the data's end, not a failure
            raise
        except _FAILURES as error:
            self._give_up(error)
            # A fresh one, as a trace that failed half-way may not be begun again.
            self._model.make_train_function(force=True)
            return self._model.train_function(iterator)
        try:
            # Of several steps in one execution the taps keep the last.
            last = step if self._stride == 1 else max(step, self._read_steps() - 1)
            self._write(captured(taps), taps, last)
        except _FAILURES as error:
            self._give_up(error)
        return logs

    def _write(self, found: Sequence[Captured], taps: Taps, step: int) -> None:
        """Have records written, in the background, once those before them are."""
        check_reached(found, taps)
        records = {
            f"{one.layer}/{one.name}": record_of(one, taps, self._max_outputs) for one in found
        }
        self._finish_writing()
        if self._writer is None or self._thread is None:
            self._writer = SummaryWriter(self._log_dir)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="GradientLogger")
        self._writing = self._thread.submit(self._add, self._writer, records, step)
        self._last_logged = step

    def _add(self, writer: SummaryWriter, records: Mapping[str, SequenceRecord], step: int) -> None:
        for tag, record in records.items():
            writer.add_sequence(tag, record, step, max_outputs=self._max_outputs, dtype=self._dtype)

    def _finish_writing(self) -> None:
        """Wait for what is being written, and raise what it ran into."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _give_up(self, error: Exception) -> None:
        self._gave_up = True
        warnings.warn(
            f"GradientLogger logs no more, training goes on: {_in_a_sentence(error)}",
            RuntimeWarning,
            stacklevel=2,
        )


def _in_a_sentence(error: Exception) -> str:
    """Return the error without what Keras and TensorFlow wrap around it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = text.split("Arguments received by")[0]
    text = re.sub(r"Exception encountered when calling \S+\s", "", text)
    return " ".join(text.split())[:400] or type(error).__name__


def _ignore(*args: Any, **kwargs: Any) -> None:
    """Stand for a hook that has nothing to do."""
