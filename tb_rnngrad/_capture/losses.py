"""What the user hears about steps that could not be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tb_rnngrad._capture.messages import in_a_sentence


class Losses:
    """Counts steps that could not be written; reports the reason once, and later how many.

    Args:
        tell: takes a message for the user.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str | int | None] = set()
        self._lost = 0
        self._first = self._last = 0
        self._may_pass = False

    def add(self, error: Exception, steps: Sequence[int]) -> None:
        """Count steps that were lost to an error."""
        if not self._lost:
            self._first = steps[0]
        self._lost += len(steps)
        self._last = steps[-1]
        self._may_pass = isinstance(error, OSError)  # a full disk may get room again
        reason = in_a_sentence(error)
        kind = error.errno if isinstance(error, OSError) else reason  # errno, as texts name files
        if kind not in self._told:
            self._told.add(kind)
            self._tell(
                f"GradientLogger could not write step {steps[0]}: {reason}. Training goes on, "
                "and each later step is tried again"
            )

    def end(self) -> None:
        """Report earlier losses, as a step was written again."""
        if self._lost and self._may_pass:
            self._tell_all("GradientLogger writes again")

    def sum_up(self) -> None:
        """Report losses, as no further step will come."""
        if self._lost:
            self._tell_all("GradientLogger ends")

    def _tell_all(self, what: str) -> None:
        steps = (
            f"step {self._first} was"
            if self._lost == 1
            else f"{self._lost} logged steps between {self._first} and {self._last} were"
        )
        self._tell(f"{what}; {steps} lost")
        self._lost = 0
        self._told.clear()
