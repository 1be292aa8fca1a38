"""Gradients through time from PyTorch."""

from tb_rnngrad.torch._capture import capture
from tb_rnngrad.torch._gradients import gradients

__all__ = ["capture", "gradients"]
