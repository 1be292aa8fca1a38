"""Fixtures for both Kerases, in float64 unless a test says otherwise."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from differences import in_float64

# Two virtual devices, for MirroredStrategy; TensorFlow cannot add them once it runs.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()],
)


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def k(request):
    """One of the two Kerases, in float64 and seeded."""
    with in_float64(request.param) as module:
        yield module


@pytest.fixture
def rng():
    return np.random.default_rng(3)
