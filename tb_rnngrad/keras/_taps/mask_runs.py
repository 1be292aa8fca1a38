"""Runs of a model that serve only to get its output mask, and do not count as calls of its layers.

`tf_keras`' TimeDistributed asks the model inside it for its mask, and the model runs once more to
compute it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

from tb_rnngrad.keras._adapters.patches import Patch
from tb_rnngrad.keras._taps.layers import View


class MaskRuns:
    """Notes whether a model is running for its mask."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @property
    def is_on(self) -> bool:
        """Whether this thread is running a model for its mask now."""
        return getattr(self._of_thread, "is_on", False)

    def patches(self, views: Iterable[View]) -> list[Patch]:
        """Return patches that note such runs, for all models around the layers."""
        alive = [model for view in views for known in view.models if (model := known()) is not None]
        models = {id(model): model for model in alive}
        return [
            (vars(model), "compute_mask", self._noting(model.compute_mask))
            for model in models.values()
        ]

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def compute_mask(*args: Any, **kwargs: Any) -> Any:
            before, self._of_thread.is_on = self.is_on, True
            try:
                return original(*args, **kwargs)
            finally:
                self._of_thread.is_on = before

        return compute_mask
