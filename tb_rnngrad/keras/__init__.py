"""Capture in Keras 3 (TensorFlow backend) and legacy tf_keras."""

from tb_rnngrad.keras._capture import capture
from tb_rnngrad.keras._gradients import gradients
from tb_rnngrad.keras._itemized import itemized_gradients
from tb_rnngrad.keras._jacobian.lyapunov import lyapunov_exponents
from tb_rnngrad.keras._jacobian.sensitivity import input_sensitivity
from tb_rnngrad.keras._jacobian.state_jacobian import state_jacobian
from tb_rnngrad.keras._logger import GradientLogger

__all__ = [
    "GradientLogger",
    "capture",
    "gradients",
    "input_sensitivity",
    "itemized_gradients",
    "lyapunov_exponents",
    "state_jacobian",
]
