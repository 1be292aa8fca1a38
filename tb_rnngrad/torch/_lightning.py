"""`LightningGradientLogger`: a callback for Lightning's Trainer."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final

from tb_rnngrad.torch._hosted import BESIDE, HostedLogger, check_options

# Lightning is on PyPI under two names. Each Trainer takes callbacks of both.
_PACKAGES: Final = ("lightning.pytorch", "pytorch_lightning")


def _callback() -> Any:
    """Return the class of callbacks, from the package that the user has imported."""
    for name in sorted(_PACKAGES, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name).Callback
        except ModuleNotFoundError as error:
            if error.name not in (name, name.partition(".")[0]):
                raise
    raise ModuleNotFoundError(
        "tb_rnngrad.torch.LightningGradientLogger needs lightning or pytorch_lightning, and "
        "neither is installed"
    )


class LightningGradientLogger(_callback()):  # type: ignore[misc]
    """A callback for Lightning's `Trainer` that logs gradients through time.

    It is a `GradientLogger` on the Trainer's optimizers, with automatic and manual optimization. It
    starts when training starts, counts steps from the Trainer's `global_step`, undoes the loss
    scale of mixed precision, and writes from the first process only. With `fast_dev_run` it logs
    nothing, as Lightning's own loggers.

    Args:
        log_dir: where to log; None: the directory "rnngrad" inside of that of the Trainer's
            `TensorBoardLogger`. Choose no directory into which another writer writes.
        optimizer: the index of the one optimizer whose steps count; None: all of them.
        options: further arguments of `GradientLogger`: layers, of, update_freq, max_outputs, dtype,
            flow_freq, thresholds, verbose, on_flag.

    Raises:
        TypeError: if there is no such option.
        ValueError, TypeError, NotImplementedError: when training starts, for what `GradientLogger`
            raises them, if there is no such optimizer, or if neither `log_dir` nor a
            `TensorBoardLogger` is given.

    Example::

        callbacks = [tb_rnngrad.torch.LightningGradientLogger(flow_freq=10)]
        trainer = lightning.Trainer(max_epochs=2, callbacks=callbacks)
        trainer.fit(module, loader)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        *,
        optimizer: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        check_options(options)
        self._log_dir = log_dir
        self._number = optimizer
        self._options = options
        self._logger: HostedLogger | None = None
        self._optimizers: list[Any] = []

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to log."""
        if not trainer.is_global_zero or trainer.fast_dev_run:
            return
        every = trainer.optimizers
        if self._number not in (None, *range(len(every))):
            raise ValueError(
                f"optimizer is {self._number!r}; expected None or an index below {len(every)}, the "
                f"number of optimizers of module {type(pl_module).__name__}"
            )
        self._optimizers = every if self._number is None else [every[self._number]]
        self._logger = HostedLogger(
            self._log_dir or _beside(trainer),
            pl_module,
            self._optimizers,
            # The Trainer counts the steps of all optimizers together.
            trainer.global_step // len(every),
            getattr(trainer.precision_plugin, "scaler", None),
            **self._options,
        )

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Take note that a step's backward passes are done: Lightning runs them in closures."""
        if self._logger is not None and any(one is optimizer for one in self._optimizers):
            self._logger.end_backward()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write everything and log no more."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write everything and log no more."""
        self._close()

    def _close(self) -> None:
        if self._logger is not None:
            self._logger.close()
        self._logger, self._optimizers = None, []


def _beside(trainer: Any) -> Path:
    """Return the directory inside of that of the Trainer's own TensorBoardLogger."""
    for logger in trainer.loggers:
        # Each of the two packages has its own class.
        if "TensorBoardLogger" in (one.__name__ for one in type(logger).__mro__):
            return Path(logger.log_dir) / BESIDE
    raise ValueError(
        "log_dir is None and the Trainer has no TensorBoardLogger; expected one of the two"
    )
