"""`GradientLogger`: the callback for `model.fit` of either Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from tb_rnngrad._capture.batch_names import names_of_call
from tb_rnngrad._capture.names import check_of
from tb_rnngrad._capture.options import LogOptions
from tb_rnngrad._capture.schedule import Due, Schedule
from tb_rnngrad._capture.session import Session
from tb_rnngrad._capture.step_count import StepCount
from tb_rnngrad.flow import FlagEvent, Thresholds
from tb_rnngrad.keras._adapters.hooks import Hooks
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._gradients import probe_of
from tb_rnngrad.keras._step_capture import KerasCapture, statistics_of
from tb_rnngrad.keras._steps.batches import batch_of
from tb_rnngrad.keras._tapped_steps import TappedSteps
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.choice import taps_of
from tb_rnngrad.keras._taps.layers import check_layers
from tb_rnngrad.keras._taps.taps import Taps


class GradientLogger(Hooks):
    """Logs gradients through time while `model.fit` trains; a callback for Keras 3 and tf_keras.

    At a logging step it reads the gradients from fit's own backward pass over the live batch, or
    from an extra pass over a probe batch. Other steps run as if the callback were not there. If
    logging fails, the callback warns once and training goes on.

    Args:
        log_dir: the run's directory. Records go directly into it, beside the `train` and
            `validation` runs that Keras' own TensorBoard callback creates below it.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        of: one or more of "hidden_state", "cell_state", "output", "input", "gates",
            "weight_gradients" (gradients), "activations", "states", "weights" (values).
        data: None for the live batch. For a probe batch: (x, y), (x, y, sample_weight), or a
            dataset, whose first batch is used. A probe batch is the same at every step, so steps
            are comparable; it is also logged at the end of training.
        update_freq: "epoch": the first batch of every epoch; or a number of batches.
        max_outputs: how many samples to keep; the flow statistics cover the whole batch.
        dtype: "float32", or "bfloat16" for half the bytes.
        flow_freq: a number of batches. Between tensors, only the flow statistics (a few kilobytes)
            are written every so many batches. None: flow is written with the tensors only.
        thresholds: a `flow.Thresholds`: when a flag is up; None: its defaults.
        verbose: 1: print a line when a flag rises or falls; 0: do not.
        on_flag: called with a `flow.FlagEvent` when a flag rises or falls, in the thread that
            trains. Writing goes on while the next step trains, so the call comes at the end of a
            later batch, before the next one is logged, or at the end of training. What it raises
            ends `fit` and reaches the user.
        state: which state of a custom cell is the hidden state, as for `gradients`.
        ids: names of the samples in `data`, strings or integers; or a function of its x.
        labels: what stands along the time axis, such as tokens, likewise: [timesteps], or [samples,
            timesteps]. Names that do not fit a record are left out of it.
        keep: which samples to keep: the "first", the "largest" by norm, or "random" ones.
        norms: True: also log the norm of every sample at every timestep, of records with up to
            65,536 of them.

    Tags are layer/quantity, such as "lstm_1/hidden_state". The memory horizon, half-life, largest
    gain and far end (`flow.scalars`) of every logged step become TensorBoard scalars, under
    tag/memory_horizon and so on. The step is the optimizer's count of steps if it counts up by one
    with every batch, so training resumed from a checkpoint continues where it stood. Otherwise it
    is the logger's own count of batches.

    Raises:
        ValueError, TypeError: if an argument is invalid.

    Example::

        logger = tb_rnngrad.keras.GradientLogger("logs/my_run", update_freq=100, flow_freq=1)
        model.fit(x, y, epochs=10, callbacks=[logger])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        layers: Any = None,
        of: str | Sequence[str] = ("hidden_state",),
        data: Any = None,
        update_freq: str | int = "epoch",
        max_outputs: int = 4,
        dtype: str = "float32",
        flow_freq: int | None = None,
        thresholds: Thresholds | None = None,
        verbose: int = 0,
        on_flag: Callable[[FlagEvent], object] | None = None,
        state: States = None,
        ids: Any = None,
        labels: Any = None,
        keep: str = "first",
        norms: bool = False,
    ) -> None:
        if isinstance(data, (tuple, list)) and len(data) not in (2, 3):
            raise ValueError(
                f"data has {len(data)} elements; expected (x, y) or (x, y, sample_weight)"
            )
        thresholds = Thresholds() if thresholds is None else thresholds
        options = LogOptions(log_dir, max_outputs, dtype, thresholds, verbose, on_flag, keep, norms)
        self._session = Session(options, Schedule(update_freq, flow_freq), statistics_of)
        self._log_dir = log_dir
        self._of = check_of(of)
        self._layers = layers
        self._state = state
        given = data if isinstance(data, (tuple, list)) else (data,)
        self._data = None if data is None else batch_of(*given)
        if data is None and (ids is not None or labels is not None):
            raise ValueError(
                "ids and labels name the samples of data=(x, y); a callback does not see which "
                "samples fit takes, so without data they cannot be given"
            )
        self._names = names_of_call(ids, labels, given[0])
        self._model: Any = None
        self._taps: Taps | None = None
        self._tapped = TappedSteps(self._session)
        self._batch = 0
        self._due: Due | None = None
        self._of_probe: KerasCapture | None = None  # captured before the batch

    def set_params(self, params: Any) -> None:
        """Note whether Keras draws a progress bar, whose line is still open between batches."""
        self._session.prints_beside_a_bar = params.get("verbose") in (1, "auto")

    def set_model(self, model: Any) -> None:
        """Take the model that is about to train."""
        if model is not self._model:
            self._session.last_logged = None
        self._model = model
        self._taps = None
        self._tapped.forget()

    def on_train_begin(self, logs: Any = None) -> None:
        """Look up the layers that were asked for.

        Raises:
            ValueError: if a layer does not exist.
        """
        self._tapped.begin(self._model)
        check_layers(adapter_of(self._model), self._model, self._layers)
        self._session.begin()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Mark the first batch for logging."""
        self._session.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Capture this batch, or the probe batch before it, if it is due."""
        self._batch = batch
        self._due = self._of_probe = self._tapped.last = None
        with self._session.surviving():
            self._due = self._session.due(self._new_count)
            if self._due is None:
                return
            if self._data is None:
                self._tapped.arm(self._own_taps(), self._model)
            elif not self._is_logged():
                self._of_probe = self._captured_probe()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Queue what was captured for writing, and report events so far."""
        self._tapped.disarm()
        steps = batch - self._batch + 1  # one execution may run several; the taps keep the last
        with self._session.surviving():
            if self._due is not None and self._data is None and not self._session.gave_up:
                self._tapped.check_called(self._model)
            if self._due is not None and self._of_probe is not None:
                self._session.ran(
                    self._of_probe, self._due, steps, is_live=False, names=self._names
                )
            elif self._due is not None and self._tapped.last is not None:
                last = self._tapped.last
                self._session.ran(last.capture, self._due, steps, last.counted)
            else:
                self._session.passed(steps)
        self._of_probe = self._tapped.last = None
        self._session.report()

    def on_train_end(self, logs: Any = None) -> None:
        """Log the trained model if there is a probe batch, and close the file."""
        count = self._session.count
        if self._data is not None and count is not None and not self._session.gave_up:
            with self._session.surviving():
                count.look()
                if not self._is_logged():
                    self._session.log(self._captured_probe(), count.now, names=self._names)
        self._session.end()

    def _new_count(self) -> StepCount:
        adapter, model = adapter_of(self._model), self._model
        return StepCount(
            model,
            self._log_dir,
            adapter.train_step,
            adapter.counts_batches(model),
            name=f"model {model.name!r}",
        )

    def _is_logged(self) -> bool:
        """Return whether the probe batch was logged with these weights, after the last `fit`."""
        count = self._session.count
        return count is not None and count.now == self._session.last_logged

    def _captured_probe(self) -> KerasCapture:
        assert self._data is not None
        probe = probe_of(self._model, self._layers, self._of, self._state)
        x, y, sample_weight = self._data
        found = probe.run(x, y, sample_weight, training=False)
        return KerasCapture(found, probe.taps)

    def _own_taps(self) -> Taps:
        if self._taps is None:
            adapter = adapter_of(self._model)
            self._taps = taps_of(adapter, self._model, self._layers, self._of, self._state)
        return self._taps
