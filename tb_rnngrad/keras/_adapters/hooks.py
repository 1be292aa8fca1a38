"""The hooks that both Kerases call on a callback."""

from __future__ import annotations

from typing import Any


class Hooks:
    """A callback of Keras 3 and tf_keras that does nothing.

    Either Keras' own `Callback` would import that Keras, and is not the other's. They ask for
    nothing but these methods.
    """

    # Read by both Kerases: the hooks need no NumPy logs, and may run while the next step does.
    async_safe = True
    _supports_tf_logs = True

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    def _implements_predict_batch_hooks(self) -> bool:
        return False

    def set_params(self, params: Any) -> None:
        """Take the parameters of `fit`."""

    def set_model(self, model: Any) -> None:
        """Take the model that is about to train."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_train_end(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do nothing: an older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing: an older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_test_end(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Do nothing."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Do nothing."""
