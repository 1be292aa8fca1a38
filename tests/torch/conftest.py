"""Fixtures for PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch

# Threads that wait for each other on a busy machine take a hundred times as long as one alone.
torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(3)
