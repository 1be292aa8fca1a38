"""Finds the adapter for a model's Keras."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from tb_rnngrad.keras._adapters.base import Adapter


def adapter_of(model: Any) -> Adapter:
    """Return the adapter for the Keras that `model` belongs to.

    Raises:
        TypeError: if `model` is not a layer of either Keras.
        RuntimeError: if it is a Keras 3 model with a backend other than TensorFlow.
    """
    module = _adapter_module(type(model))  # type: ignore[arg-type]  # classes are hashable
    adapter: Adapter = module.adapter()
    return adapter


@functools.lru_cache(maxsize=64)  # called at every step
def _adapter_module(kind: type) -> Any:
    for cls in kind.__mro__:
        match cls.__module__.split(".")[0]:
            case "keras":
                return importlib.import_module("tb_rnngrad.keras._adapters.keras3")
            case "tf_keras":
                return importlib.import_module("tb_rnngrad.keras._adapters.tf_keras")
    raise TypeError(
        f"model is a {kind.__module__}.{kind.__qualname__}; "
        "expected a model or layer of Keras 3 (keras) or of legacy Keras (tf_keras)"
    )
