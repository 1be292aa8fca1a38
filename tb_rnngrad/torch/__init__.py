"""Gradients through time from PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from tb_rnngrad.torch._capture import capture
from tb_rnngrad.torch._gradients import gradients
from tb_rnngrad.torch._itemized import itemized_gradients
from tb_rnngrad.torch._jacobian.lyapunov import lyapunov_exponents
from tb_rnngrad.torch._jacobian.sensitivity import input_sensitivity
from tb_rnngrad.torch._jacobian.state_jacobian import state_jacobian
from tb_rnngrad.torch._logger import GradientLogger
from tb_rnngrad.torch._watch import watch

if TYPE_CHECKING:
    from tb_rnngrad.torch._lightning import LightningGradientLogger
    from tb_rnngrad.torch._transformers import TransformersGradientLogger

__all__ = [
    "GradientLogger",
    "LightningGradientLogger",
    "TransformersGradientLogger",
    "capture",
    "gradients",
    "input_sensitivity",
    "itemized_gradients",
    "lyapunov_exponents",
    "state_jacobian",
    "watch",
]

# Callbacks derive from a class of their library, which is imported once one is asked for.
_CALLBACKS: Final = {
    "LightningGradientLogger": "_lightning",
    "TransformersGradientLogger": "_transformers",
}


def __getattr__(name: str) -> Any:
    if name not in _CALLBACKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_CALLBACKS[name]}"), name)
