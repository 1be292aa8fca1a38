"""`GradientLogger`: the callback for `model.fit` of either Keras."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from tb_rnngrad.flow import FlagEvent, Thresholds
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._background import Background
from tb_rnngrad.keras._gradients import probe_of
from tb_rnngrad.keras._messages import in_a_sentence, tell
from tb_rnngrad.keras._records import check_reached
from tb_rnngrad.keras._steps.batches import batch_of
from tb_rnngrad.keras._steps.counting import StepCount
from tb_rnngrad.keras._steps.live_step import AnyStep, end_diversions, live_step
from tb_rnngrad.keras._taps.cells import States
from tb_rnngrad.keras._taps.layers import check_layers
from tb_rnngrad.keras._taps.layout import Found, doubts, single_timesteps, to_layout
from tb_rnngrad.keras._taps.quantities import check_of
from tb_rnngrad.keras._taps.taps import Taps, taps_of
from tb_rnngrad.record import check_max_outputs, check_stored_dtype


@dataclass(frozen=True)
class _Look:
    """What was captured from a batch; it is logged once that batch is counted.

    Attributes:
        is_live: whether it comes from the batch's own step, not from a probe batch before it.
        counted: the optimizer's step count after the batch, if known.
    """

    found: Found
    taps: Taps
    flow_only: bool
    is_live: bool
    counted: int | None


class GradientLogger:
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
        thresholds: when a flag is up; None: `flow.Thresholds()`.
        verbose: 1: print a line when a flag rises or falls; 0: do not.
        on_flag: called with a `flow.FlagEvent` when a flag rises or falls, in the thread that
            trains. Writing goes on while the next step trains, so the call comes at the end of a
            later batch, before the next one is logged, or at the end of training. What it raises
            ends `fit` and reaches the user.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Tags are layer/quantity, such as "lstm_1/hidden_state". The memory horizon, half-life and
    largest gain of every logged step become TensorBoard scalars, under tag/memory_horizon and so
    on. The step is the number of optimizer steps that the weights have been through, so training
    resumed from a checkpoint continues where it stood.

    Raises:
        ValueError, TypeError: if an argument is invalid.
    """

    # What both Kerases require from a callback besides its hooks.
    async_safe = True
    _supports_tf_logs = True

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
    ) -> None:
        if update_freq != "epoch" and not _is_count(update_freq):
            raise ValueError(
                f'update_freq is {update_freq!r}; expected "epoch" or a number of batches'
            )
        if flow_freq is not None and not _is_count(flow_freq):
            raise ValueError(f"flow_freq is {flow_freq!r}; expected a number of batches or None")
        if verbose not in (0, 1):
            raise ValueError(f"verbose is {verbose!r}; expected 0 or 1")
        if on_flag is not None and not callable(on_flag):
            raise TypeError(f"on_flag is {on_flag!r}; expected a function of one FlagEvent")
        if not isinstance(thresholds, Thresholds | None):
            raise TypeError(f"thresholds is {thresholds!r}; expected a tb_rnngrad.flow.Thresholds")
        if isinstance(data, (tuple, list)) and len(data) not in (2, 3):
            raise ValueError(
                f"data has {len(data)} elements; expected (x, y) or (x, y, sample_weight)"
            )
        check_max_outputs(max_outputs)
        check_stored_dtype(dtype)
        self._of = check_of(of)
        self._layers = layers
        self._state = state
        given = data if isinstance(data, (tuple, list)) else (data,)
        self._data = None if data is None else batch_of(*given)
        self._every_epoch = update_freq == "epoch"
        self._records_due = _Every(None if self._every_epoch else int(update_freq))
        self._flow_due = _Every(flow_freq)
        self._log_dir = log_dir
        self._new_background = partial(
            Background,
            log_dir,
            max_outputs,
            dtype,
            thresholds or Thresholds(),
            watches_flags=verbose == 1 or on_flag is not None,
        )
        self._background: Background | None = None  # made late, as tuners copy callbacks
        self._verbose = verbose
        self._on_flag = on_flag
        self._beside_a_bar = False
        self._model: Any = None
        self._taps: Taps | None = None
        self._live: AnyStep | None = None
        self._ran_tapped = False
        self._until_next_call = contextlib.ExitStack()
        self._begins_epoch = False
        self._count: StepCount | None = None
        self._batch = 0
        self._look: _Look | None = None
        self._last_logged: int | None = None
        self._gave_up = False
        self._told: set[str] = set()  # kinds of doubts reported so far

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a function that does nothing for hooks that this class does not define."""
        if name.startswith("on_"):
            return _ignore
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def set_params(self, params: Any) -> None:
        """Note whether Keras draws a progress bar, whose line is still open between batches."""
        self._beside_a_bar = params.get("verbose") in (1, "auto")

    def set_model(self, model: Any) -> None:
        """Take the model that is about to train."""
        if model is not self._model:
            self._last_logged = None
        self._model = model
        self._taps = None
        self._ran_tapped = False

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    def _implements_predict_batch_hooks(self) -> bool:
        return False

    def on_train_begin(self, logs: Any = None) -> None:
        """Look up the layers that were asked for.

        Raises:
            ValueError: if a layer does not exist.
        """
        self._until_next_call.close()  # left over if another callback broke off an earlier fit
        end_diversions(self._model)
        check_layers(adapter_of(self._model), self._model, self._layers)
        self._count = self._look = None
        self._gave_up = False
        self._told.clear()
        if self._background is None:
            self._background = self._new_background()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Mark the first batch for logging."""
        self._begins_epoch = self._every_epoch
        if self._count is not None:
            self._count.forget()  # callbacks may set the counter between epochs

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Log this batch if it is due."""
        self._batch = batch
        self._look = None
        if self._gave_up:
            return
        with self._surviving():
            count = self._begun()
            # Use the own count, as reading the optimizer's counter waits for the device.
            flow_only = not (self._begins_epoch or self._records_due.is_at(count.now))
            if flow_only and not self._flow_due.is_at(count.now):
                return
            self._begins_epoch = False
            count.look()
            self._flow_due.pass_by(count.now)
            if not flow_only:
                self._records_due.pass_by(count.now)
            if self._data is None:
                self._tap_next_step(flow_only)
            elif count.now != self._last_logged:  # logged at the end of the previous fit
                self._look = self._look_at_probe(flow_only)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Queue what was captured for writing, and report events so far."""
        self._until_next_call.close()
        steps = batch - self._batch + 1  # one execution may run several
        look, self._look = self._look, None
        with self._surviving():
            if self._count is not None and look is None:
                self._count.passed(steps)
            elif self._count is not None and look is not None:
                message = self._count.settle(steps, look.counted)
                if message is not None:
                    tell(message)
                # If one execution ran several steps, the taps keep the last one.
                step = self._count.now - 1 if look.is_live else self._count.before
                self._write(look, step, self._count)
        self._tell()

    def on_train_end(self, logs: Any = None) -> None:
        """Log the trained model if there is a probe batch, and close the file."""
        if self._data is not None and self._count is not None and not self._gave_up:
            with self._surviving():
                self._count.look()
                if self._count.now != self._last_logged:
                    look = self._look_at_probe(flow_only=False)
                    self._write(look, self._count.now, self._count)
        if self._background is not None:
            self._background.close()
        self._tell()

    def _begun(self) -> StepCount:
        """Return the step count of this training, created at its first batch.

        At the start of training other callbacks may still load a checkpoint.
        """
        if self._count is None:
            self._count = StepCount(self._model, self._log_dir)
            for due in (self._records_due, self._flow_due):
                due.begin(self._count.now)
        return self._count

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """Stop logging if the block fails, and let training go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, training is not to end for it
            self._give_up(error)

    def _tell(self) -> None:
        """Print, and call the user's function, whose exceptions reach the user."""
        if self._background is None:
            return
        while self._background.messages:
            tell(self._background.messages.popleft())
        events = self._background.events
        while events:
            event = events.popleft()
            if self._verbose:
                print(f"\n{event}" if self._beside_a_bar else event)
            if self._on_flag is not None:
                self._on_flag(event)

    def _look_at_probe(self, flow_only: bool) -> _Look:
        assert self._data is not None
        probe = probe_of(self._model, self._layers, self._of, self._state)
        x, y, sample_weight = self._data
        found = probe.run(x, y, sample_weight, training=False)
        return _Look(found, probe.taps, flow_only, is_live=False, counted=None)

    def _tap_next_step(self, flow_only: bool) -> None:
        """Make fit's next call of its train function run with taps."""
        live = self._live_step()
        run = partial(self._run_tapped, live, flow_only)
        self._until_next_call.enter_context(live.diverted(run))

    def _live_step(self) -> AnyStep:
        if self._taps is None:
            adapter = adapter_of(self._model)
            self._taps = taps_of(adapter, self._model, self._layers, self._of, self._state)
        if self._live is None or not self._live.is_of(self._taps, self._model):
            self._live = live_step(self._taps, self._model)
        return self._live

    def _run_tapped(self, live: AnyStep, flow_only: bool, plain: Any, batch: Any) -> Any:
        self._until_next_call.close()
        try:
            logs = live.run(plain, batch)
        except (StopIteration, tf.errors.OutOfRangeError):  # the end of the data, not a failure
            raise
        except Exception as error:
            if self._ran_tapped and _is_of_the_data(error):
                raise
            self._give_up(error)
            if not isinstance(error, tf.errors.OpError):
                return live.rebuilt(plain)(batch)
            try:  # tracing succeeded and the step failed as it ran, so the function is intact
                return plain(batch)
            except (StopIteration, tf.errors.OutOfRangeError):
                raise error from None  # the failed batch was the last one
        self._ran_tapped = True
        with self._surviving():
            found = live.found()
            self._look = _Look(found, live.taps, flow_only, True, live.train_step())
        return logs

    def _write(self, look: _Look, step: int, count: StepCount) -> None:
        assert self._background is not None
        check_reached(look.found, look.taps)
        if self._last_logged is None and (sentence := single_timesteps(to_layout(look.found))):
            tell(sentence)
        for kind, sentence in doubts(look.found).items():
            if kind not in self._told:
                self._told.add(kind)
                tell(sentence)
        self._background.write(look.found, look.taps, step, look.flow_only, count.details)
        self._last_logged = step

    def _give_up(self, error: Exception) -> None:
        self._gave_up = True
        tell(f"GradientLogger logs no more, training goes on: {in_a_sentence(error)}")


class _Every:
    """Every so many steps; if several steps run at once, the first that reaches the multiple."""

    def __init__(self, steps: int | None) -> None:
        self._period = steps
        self._next = math.inf

    def begin(self, step: int) -> None:
        """Set the next due step to the first multiple at or after `step`."""
        if self._period is not None:
            self._next = -(-step // self._period) * self._period

    def is_at(self, step: int) -> bool:
        """Return whether the next due step is reached."""
        return step >= self._next

    def pass_by(self, step: int) -> None:
        """Set the next due step to the first multiple after `step`."""
        self.begin(step + 1)


def _is_of_the_data(error: Exception) -> bool:
    """Return whether a step that ran with taps before now fails because of its data, not the taps.

    Taps can break compilation or exhaust memory. A compilation error appears on the first run.
    """
    is_memory = isinstance(error, tf.errors.ResourceExhaustedError)
    return isinstance(error, tf.errors.OpError) and not is_memory


def _is_count(number: object) -> bool:
    return isinstance(number, int) and number >= 1


def _ignore(*args: Any, **kwargs: Any) -> None:
    """Do nothing; stands in for hooks that are not defined."""
