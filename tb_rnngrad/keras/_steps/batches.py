"""The one batch that a function inspects: arrays as for `fit`, or a dataset's first batch."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter

Batch = tuple[Any, Any, Any]
"""x, y and sample_weight; the last two may be None."""


def batch_of(x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
    """Return x, y and sample_weight of one batch.

    Args:
        x: arrays; or a `tf.data.Dataset` or a `PyDataset` (`Sequence`) of batches, which contain y
            and sample_weight themselves. The first batch of a dataset is used. If there are more,
            a warning points at the line that called the public function.
        y: arrays, or None.
        sample_weight: arrays, or None.

        Raises:
        ValueError: if x, y and sample_weight differ in their number of samples; if y or
            sample_weight is given beside a dataset; if the dataset is empty.
        TypeError: if x is an iterator, which would lose a batch.
    """
    if isinstance(x, Iterator):
        raise TypeError(
            f"x is a {type(x).__name__}, which would lose the batch read from it; expected "
            "arrays, a tf.data.Dataset or a PyDataset: take a batch with next(...) and give that"
        )
    if _is_dataset(x):
        if y is not None or sample_weight is not None:
            name = "sample_weight" if y is None else "y"
            raise ValueError(
                f"{name} is given beside a dataset, which holds its own; expected x alone"
            )
        x, y, sample_weight = _first_batch(x)
    check_samples(x, y, sample_weight)
    return x, y, sample_weight


def check_samples(x: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Raise ValueError unless all arrays have the same number of samples."""
    counts = [
        (name, samples)
        for name, structure in (("x", x), ("y", y), ("sample_weight", sample_weight))
        for samples in _samples(structure)
    ]
    for name, samples in counts[1:]:
        if samples != counts[0][1]:
            raise ValueError(
                f"{name} has {samples} samples where {counts[0][0]} has {counts[0][1]}; "
                "expected as many"
            )


def check_targets(adapter: Adapter, model: Any, y: Any) -> None:
    """Raise ValueError if the model's compiled loss needs targets and y is missing."""
    if y is not None:
        return
    has_loss = any(one is not None for one in tf.nest.flatten(getattr(model, "loss", None)))
    keras_own = importlib.import_module(adapter.name).Model.compute_loss
    if has_loss and getattr(type(model), "compute_loss", keras_own) is keras_own:
        raise ValueError(
            f"y is None, and the compiled loss of model {model.name!r} compares predictions with "
            "targets; expected targets as for fit (values alone, such as of='activations', need "
            "none)"
        )


def _samples(structure: Any) -> list[int]:
    """Return the length of each array in a structure, skipping scalars."""
    leaves = [leaf for leaf in tf.nest.flatten(structure) if leaf is not None]
    shapes = [tuple(leaf.shape) if hasattr(leaf, "shape") else np.shape(leaf) for leaf in leaves]
    return [int(shape[0]) for shape in shapes if len(shape) and shape[0] is not None]


def _is_dataset(x: Any) -> bool:
    # Both Kerases have such a class (PyDataset, Sequence); this check need not import either.
    is_py_dataset = all(hasattr(x, name) for name in ("__getitem__", "__len__", "on_epoch_end"))
    return isinstance(x, tf.data.Dataset) or is_py_dataset


def _first_batch(dataset: Any) -> Batch:
    if isinstance(dataset, tf.data.Dataset):
        batches = int(dataset.cardinality())  # negative if unknown or infinite
        element = next(iter(dataset), None)
    else:
        batches = len(dataset)
        element = dataset[0] if batches else None
    if element is None:
        raise ValueError("the dataset is empty; expected at least one batch")
    if batches != 1:
        warnings.warn(
            f"x is a dataset{f' of {batches} batches' if batches > 0 else ''}; its first batch "
            "alone is used",
            stacklevel=4,
        )
    # Read it as Keras does: a tuple or list is x, y, sample_weight; anything else is x.
    if not isinstance(element, (tuple, list)):
        return element, None, None
    if not 1 <= len(element) <= 3:
        raise ValueError(
            f"a batch of the dataset has {len(element)} elements; expected (x,), (x, y) or "
            "(x, y, sample_weight)"
        )
    x, y, sample_weight = (*element, None, None)[:3]
    return x, y, sample_weight
