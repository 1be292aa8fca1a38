"""What every `GradientLogger` is given about writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from tb_rnngrad.flow import FlagEvent, Thresholds
from tb_rnngrad.labels import check_keep
from tb_rnngrad.record import check_max_outputs, check_stored_dtype


@dataclass(frozen=True)
class LogOptions:
    """How and where a logger writes, and who hears about flags.

    Attributes:
        log_dir: the run's directory.
        max_outputs: how many samples to keep.
        dtype: the dtype on disk.
        thresholds: when a flag is up.
        verbose: 1: print a line when a flag rises or falls; 0: do not.
        on_flag: called with each flag's event, or None.
        keep: which samples to keep.
        norms: whether to write the norm of every sample at every timestep, where that is small.

    Raises:
        ValueError, TypeError: if an option is invalid.
    """

    log_dir: str | os.PathLike[str]
    max_outputs: int = 4
    dtype: str = "float32"
    thresholds: Thresholds = field(default_factory=Thresholds)
    verbose: int = 0
    on_flag: Callable[[FlagEvent], object] | None = None
    keep: str = "first"
    norms: bool = False

    def __post_init__(self) -> None:
        """Check every option."""
        if self.verbose not in (0, 1):
            raise ValueError(f"verbose is {self.verbose!r}; expected 0 or 1")
        if self.on_flag is not None and not callable(self.on_flag):
            raise TypeError(f"on_flag is {self.on_flag!r}; expected a function of one FlagEvent")
        if not isinstance(self.thresholds, Thresholds):
            raise TypeError(
                f"thresholds is {self.thresholds!r}; expected a tb_rnngrad.flow.Thresholds"
            )
        check_max_outputs(self.max_outputs)
        check_stored_dtype(self.dtype)
        check_keep(self.keep)

    @property
    def watches_flags(self) -> bool:
        """Whether anybody wants to hear about flags."""
        return self.verbose == 1 or self.on_flag is not None
