"""Gradients through time from PyTorch."""

from tb_rnngrad.torch._capture import capture
from tb_rnngrad.torch._gradients import gradients
from tb_rnngrad.torch._itemized import itemized_gradients
from tb_rnngrad.torch._jacobian.lyapunov import lyapunov_exponents
from tb_rnngrad.torch._jacobian.sensitivity import input_sensitivity
from tb_rnngrad.torch._jacobian.state_jacobian import state_jacobian
from tb_rnngrad.torch._logger import GradientLogger

__all__ = [
    "GradientLogger",
    "capture",
    "gradients",
    "input_sensitivity",
    "itemized_gradients",
    "lyapunov_exponents",
    "state_jacobian",
]
