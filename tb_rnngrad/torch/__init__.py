"""Gradients through time from PyTorch."""

from tb_rnngrad.torch._capture import capture
from tb_rnngrad.torch._gradients import gradients
from tb_rnngrad.torch._logger import GradientLogger

__all__ = ["GradientLogger", "capture", "gradients"]
