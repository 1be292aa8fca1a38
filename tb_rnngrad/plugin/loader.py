"""TensorBoard's entry point. It imports little: an exception here takes TensorBoard down."""

from __future__ import annotations

from typing import Any, Final

from tensorboard.plugins import base_plugin

# How many steps per tag TensorBoard keeps in memory. Its default for third-party plugins is 10.
SAMPLES_PER_PLUGIN: Final = {"rnngrad": 200, "rnngrad_flow": 10_000}


class RnnGradLoader(base_plugin.TBLoader):  # type: ignore[misc]
    """Loads the plugin and raises the step limit for the plugin's own names."""

    def fix_flags(self, flags: Any) -> None:
        """Raise the limits for our own names, unless the user set them."""
        limits = getattr(flags, "samples_per_plugin", None)
        if isinstance(limits, dict):  # programs that embed TensorBoard may pass something else
            for name, steps in SAMPLES_PER_PLUGIN.items():
                limits.setdefault(name, steps)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """Return the plugin."""
        from tb_rnngrad.plugin.plugin import RnnGradPlugin

        return RnnGradPlugin(context)
