"""`TransformersGradientLogger`: a callback for the Trainer of Hugging Face's Transformers."""

from __future__ import annotations

import os
from typing import Any

from transformers import TrainerCallback

from tb_rnngrad.torch._hosted import HostedLogger, check_options


class TransformersGradientLogger(TrainerCallback):  # type: ignore[misc]
    """A callback for the `Trainer` of Hugging Face's Transformers that logs gradients through time.

    It is a `GradientLogger` on the Trainer's optimizer. It starts when training begins, counts
    steps from the Trainer's `global_step`, and writes from the first process only. All batches of
    one update (`gradient_accumulation_steps`) are one batch.

    Args:
        log_dir: where to log. Choose no directory into which another writer writes, but say
            "rnngrad" inside of that of the Trainer's `TensorBoardCallback`.
        options: further arguments of `GradientLogger`: layers, of, update_freq, max_outputs, dtype,
            flow_freq, thresholds, verbose, on_flag.

    Raises:
        TypeError: if there is no such option.
        ValueError, TypeError, NotImplementedError: when training begins, for what `GradientLogger`
            raises them.

    Example::

        logger = tb_rnngrad.torch.TransformersGradientLogger("logs/my_run/rnngrad", flow_freq=10)
        trainer = transformers.Trainer(model, arguments, train_dataset=data, callbacks=[logger])
        trainer.train()
    """

    def __init__(self, log_dir: str | os.PathLike[str], **options: Any) -> None:
        check_options(options)
        self._log_dir = log_dir
        self._options = options
        self._logger: HostedLogger | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to log."""
        self._close()  # of a training that an error ended
        if state.is_world_process_zero:
            model, optimizer = kwargs["model"], kwargs["optimizer"]
            self._logger = HostedLogger(
                self._log_dir, model, optimizer, state.global_step, **self._options
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write everything and log no more."""
        self._close()

    def _close(self) -> None:
        if self._logger is not None:
            self._logger.close()
            self._logger = None
