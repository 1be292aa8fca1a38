"""Timesteps as users name them."""

from __future__ import annotations

from collections.abc import Sequence


def resolved(at: Sequence[int], timesteps: int, of: str) -> list[int]:
    """Return the timesteps in `at`, with negative ones counted from the end.

    Args:
        at: timesteps.
        timesteps: how many there are.
        of: what has them, for the message, such as "the loss".

    Raises:
        ValueError: if a timestep does not exist.
    """
    for t in at:
        if not -timesteps <= t < timesteps:
            raise ValueError(
                f"at names the timestep {t}; {of} has {timesteps}: "
                f"expected {-timesteps} to {timesteps - 1}"
            )
    return [int(t) % timesteps for t in at]
