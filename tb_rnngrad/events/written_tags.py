"""What a writer remembers of the tags that it writes: their metadata, their steps."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tb_rnngrad.events.earlier import Span, earlier_steps

SCALAR: Final = b"a scalar"  # takes the place of a record's metadata


class WrittenTags:
    """Checks each value against what was written under its tag before.

    Args:
        logdir: the run's directory, as the user named it.
    """

    def __init__(self, logdir: Path) -> None:
        self._logdir = logdir
        self._contents: dict[str, bytes] = {}
        self._last_steps: dict[str, int] = {}
        self._earlier: Mapping[str, Span] | None = None  # steps in other files, read lazily

    def ignore_other_files(self) -> None:
        """Say nothing of a second training in the directory."""
        self._earlier = {}

    def note(self, tag: str, content: bytes, step: int, own_file: Path) -> list[str]:
        """Remember the tag's metadata and step; return warnings for the user.

        Args:
            tag: the tag.
            content: its metadata, or `SCALAR`.
            step: the step.
            own_file: the writer's own file, which is not searched for earlier steps.

        Raises:
            ValueError: If the metadata changed.
        """
        first = self._contents.setdefault(tag, content)
        if content != first:
            before, now = _told_apart(first, content)
            raise ValueError(
                f"the tag {tag!r} was first logged as {before}, now as {now}; TensorBoard keeps "
                "the first description of a tag, so use another tag"
            )
        last = self._last_steps.get(tag)
        self._last_steps[tag] = step
        if last is None:
            return self._of_second_training(tag, step, own_file)
        if step >= last:
            return []
        return [
            f"step {step} of {tag!r} after step {last}: TensorBoard's fast loader forgets the "
            "later steps of a tag once an earlier one follows. Log ascending steps, or start a "
            "new run"
        ]

    def _of_second_training(self, tag: str, step: int, own_file: Path) -> list[str]:
        """Warn once if a tag's first step here is not after the first that other files hold."""
        if self._earlier is None:
            self._earlier = earlier_steps(own_file.parent, besides=own_file)
        first, last = self._earlier.get(tag, (step - 1, step - 1))
        if step > first:
            return []
        self._earlier = {}
        steps = f"step {first}" if first == last else f"steps {first} to {last}"
        return [
            f"{self._logdir} already holds {steps} of {tag!r}, and now step {step} follows: two "
            "trainings in one directory become one series, in which the later one "
            f"wins. Log the new one into a directory of its own, beside {self._logdir.name!r}"
        ]


def _told_apart(first: bytes, now: bytes) -> tuple[str, str]:
    """Return the differing fields of a tag's first and new metadata, in words."""
    if SCALAR in (first, now):
        kinds = ["a scalar" if one == SCALAR else "a record" for one in (first, now)]
        return kinds[0], kinds[1]
    old, new = json.loads(first), json.loads(now)
    names = [name for name in {**old, **new} if name != "checksum"]
    differing = [name for name in names if old.get(name) != new.get(name)]

    def words(fields: Mapping[str, Any]) -> str:
        return " and ".join(f"{name} {reprlib.repr(fields.get(name))}" for name in differing)

    return words(old), words(new)
