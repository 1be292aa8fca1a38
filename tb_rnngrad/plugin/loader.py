"""TensorBoard's way in. Light on imports: what raises here takes all of TensorBoard down."""

from __future__ import annotations

from typing import Any, Final

from tensorboard.plugins import base_plugin

# How many steps of a tag TensorBoard keeps in memory; its own default for a third party is 10.
SAMPLES_PER_PLUGIN: Final = {"rnngrad": 200, "rnngrad_flow": 10_000}


class RnnGradLoader(base_plugin.TBLoader):  # type: ignore[misc]
    """Loads the plugin and lifts the step limit for its own names."""

    def fix_flags(self, flags: Any) -> None:
        """Raise the limits of our own names, where the user set none."""
        limits = getattr(flags, "samples_per_plugin", None)
        if isinstance(limits, dict):  # not where an embedder passes something else
            for name, steps in SAMPLES_PER_PLUGIN.items():
                limits.setdefault(name, steps)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """Return the plugin."""
        from tb_rnngrad.plugin.plugin import RnnGradPlugin

        return RnnGradPlugin(context)
