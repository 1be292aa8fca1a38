"""What the networks of the demo read, and what they have in common."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sklearn.datasets import load_digits

UNITS: Final = 24
BATCH: Final = 64
LEARNING_RATE: Final = 3e-3
UPDATE_FREQ: Final = 72
JACOBIAN: Final = 4  # samples
SEED: Final = 7
OF: Final = ("hidden_state", "output", "weights", "weight_gradients")

_TRAINED: Final = 1500


def digits() -> tuple[Any, Any, Any, Any]:
    """Return sequences [samples, 64, 1] and classes to train with, and the same to test with.

    They are scikit-learn's, 1,797 images of 8 x 8 pixels, so nothing is downloaded.
    """
    found = load_digits()
    x = (found.images.reshape(-1, 64, 1) / 16).astype(np.float32)
    y = found.target
    return x[:_TRAINED], y[:_TRAINED], x[_TRAINED:], y[_TRAINED:]
