"""Runs steps of `fit` with taps, and lets training go on where the taps fail."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from tb_rnngrad._capture.session import Session
from tb_rnngrad.keras._step_capture import KerasCapture
from tb_rnngrad.keras._steps.live_step import AnyStep, end_diversions, live_step
from tb_rnngrad.keras._taps.taps import Taps


@dataclass(frozen=True)
class TappedStep:
    """What one step of `fit` gave.

    Attributes:
        capture: what was captured.
        counted: the optimizer's count after the step, if the step itself read it.
    """

    capture: KerasCapture
    counted: int | None


class TappedSteps:
    """The steps of `fit` that run with taps.

    Args:
        session: gives up logging where the taps fail.

    Attributes:
        last: what the step gave that ran last; None if it failed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._live: AnyStep | None = None
        self._has_run = False
        self._was_called = False
        self._until_next_call = contextlib.ExitStack()
        self.last: TappedStep | None = None

    def begin(self, model: Any) -> None:
        """Begin a training of the model: end what an earlier one left that was broken off."""
        self.disarm()
        end_diversions(model)

    def forget(self) -> None:
        """Forget that steps ran with taps, as another model will train."""
        self._has_run = False

    def arm(self, taps: Taps, model: Any) -> None:
        """Make fit's next call of its train function run with taps."""
        if self._live is None or not self._live.is_of(taps, model):
            self._live = live_step(taps, model)
        self._was_called = False
        run = partial(self._run, self._live)
        self._until_next_call.enter_context(self._live.diverted(run))

    def disarm(self) -> None:
        """Make fit's next call run as usual."""
        self._until_next_call.close()

    def check_called(self, model: Any) -> None:
        """Check that the step for which the taps were armed ran as the model's train function.

        Raises:
            RuntimeError: if it did not: a loop that calls the callbacks itself runs a step of its
                own, and a later Keras may fit differently.
        """
        if not self._was_called:
            raise RuntimeError(
                f"a step of model {model.name!r} ran without model.train_function, the one call "
                "that is captured; expected a step of model.fit; around a step of your own, use "
                "tb_rnngrad.keras.capture(model)"
            )

    def _run(self, live: AnyStep, plain: Any, batch: Any) -> Any:
        self._was_called = True
        self.disarm()
        try:
            logs = live.run(plain, batch)
        except (StopIteration, tf.errors.OutOfRangeError):  # the end of the data, not a failure
            raise
        except Exception as error:
            if self._has_run and _is_of_the_data(error):
                raise
            self._session.give_up(error)
            if not isinstance(error, tf.errors.OpError):
                return live.rebuilt(plain)(batch)
            try:  # tracing succeeded and the step failed as it ran, so the function is intact
                return plain(batch)
            except (StopIteration, tf.errors.OutOfRangeError):
                raise error from None  # the failed batch was the last one
        self._has_run = True
        with self._session.surviving():
            self.last = TappedStep(KerasCapture(live.found(), live.taps), live.train_step())
        return logs


def _is_of_the_data(error: Exception) -> bool:
    """Return whether a step that ran with taps before now fails because of its data, not the taps.

    Taps can break compilation or exhaust memory. A compilation error appears on the first run.
    """
    is_memory = isinstance(error, tf.errors.ResourceExhaustedError)
    return isinstance(error, tf.errors.OpError) and not is_memory
