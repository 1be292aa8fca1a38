"""Tracks which flags rise and fall during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from tb_rnngrad.flow._definitions import STATISTICS
from tb_rnngrad.flow._flags import Beyond, Flag, judged
from tb_rnngrad.flow._thresholds import Thresholds


@dataclass(frozen=True)
class FlagEvent:
    """A flag rose or fell; `str(event)` is one line for people.

    Attributes:
        step: the training step.
        tag: the tag whose flag changed, such as "lstm_1/hidden_state".
        flag: the flag's name, one of `tb_rnngrad.flow.FLAGS`.
        rose: True if the flag is up now, False if it no longer is.
        value: the judged value.
        threshold: the threshold that `value` is compared with.
        sentence: value and threshold in words.
        beyond: how many samples are individually beyond the threshold; see `Flag`.
    """

    step: int
    tag: str
    flag: str
    rose: bool
    value: float
    threshold: float
    sentence: str
    beyond: Beyond | None = None

    def __str__(self) -> str:
        """Return the line that `GradientLogger(verbose=1)` prints."""
        change = self.flag if self.rose else f"no longer {self.flag}"
        return f"step {self.step}: {self.tag}: {change}: {self.sentence}"


class FlagWatch:
    """Remembers which flags are up for each tag.

    Pass the same thresholds to `statistics`. A flag that cannot be judged keeps its state: a
    gradient that is NaN for one step has not stopped vanishing.

    Args:
        thresholds: the thresholds beyond which a flag is up.

    Example:
        >>> watch = tb_rnngrad.flow.FlagWatch(tb_rnngrad.flow.Thresholds(exploding=10))
        >>> doubling = np.ones((4, 1, 3)) * 2.0 ** np.arange(9, -1, -1.0).reshape(1, 10, 1)
        >>> rows = tb_rnngrad.flow.statistics(doubling)
        >>> for event in watch.observe(0, "lstm", rows, "hidden_state_gradient"):
        ...     print(str(event).split(";")[0])
        step 0: lstm: exploding: the median sample's norm grows 512 times on its way back (above 10)
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._up: set[tuple[str, str]] = set()

    def observe(
        self,
        step: int,
        tag: str,
        rows: ArrayLike,
        quantity: str,
        names: Sequence[str] = STATISTICS,
    ) -> list[FlagEvent]:
        """Return the flags that rose or fell with this step, worst first.

        Args:
            step: the training step.
            tag: the tag of the statistics.
            rows: see `judged`.
            quantity: see `judged`.
            names: see `judged`.
        """
        return [
            self._changed(step, tag, flag)
            for flag in judged(rows, quantity, self._thresholds, names, self._thresholds)
            if flag.is_up != ((tag, flag.name) in self._up)
        ]

    def _changed(self, step: int, tag: str, flag: Flag) -> FlagEvent:
        self._up ^= {(tag, flag.name)}
        return FlagEvent(
            step,
            tag,
            flag.name,
            flag.is_up,
            flag.value,
            flag.threshold,
            flag.sentence,
            flag.beyond,
        )
