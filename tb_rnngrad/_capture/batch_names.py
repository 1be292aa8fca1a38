"""Ids and labels of one batch, as a user gives them to a logger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tb_rnngrad.labels import Ids, Labels, as_ids, as_labels


@dataclass(frozen=True)
class BatchNames:
    """What names a batch's samples and timesteps.

    Attributes:
        ids: [samples] strings or integers, or None.
        labels: [timesteps] or [samples, timesteps], or None.
    """

    ids: Any = None
    labels: Any = None

    def ids_of(self, samples: int) -> Ids | None:
        """Return the ids for a record of so many samples; None if there are not as many.

        Raises:
            TypeError: If an id is neither a string nor an integer.
        """
        return None if self.ids is None or len(self.ids) != samples else as_ids(self.ids, samples)

    def labels_of(self, samples: int, timesteps: int) -> Labels | None:
        """Return the labels for a record of this size; None if they do not fit it."""
        if self.labels is None:
            return None
        try:
            return as_labels(self.labels, samples, timesteps)
        except ValueError:
            return None

    def why_unused(self, sizes: Sequence[tuple[int, int]]) -> str | None:
        """Return a sentence about names that fit none of a step's records; None if all fit some.

        Args:
            sizes: the samples and timesteps of each record.
        """
        unused = []
        if self.ids is not None and all(self.ids_of(samples) is None for samples, _ in sizes):
            unused.append(f"ids has {len(self.ids)} ids")
        if self.labels is not None and all(self.labels_of(*size) is None for size in sizes):
            unused.append(f"labels has {len(self.labels)} entries")
        if not unused or not sizes:
            return None
        listed = ", ".join(f"{samples} samples of {steps} timesteps" for samples, steps in sizes)
        return f"{' and '.join(unused)}, which fits no record ({listed}), and is not logged"


def names_of_call(
    ids: Any | Callable[..., Any],
    labels: Any | Callable[..., Any],
    *arguments: Any,
    **keywords: Any,
) -> BatchNames:
    """Return the names of a batch: functions are called with what the model is called with."""
    found = [given(*arguments, **keywords) if callable(given) else given for given in (ids, labels)]
    return BatchNames(*found)


def joined(names: Sequence[BatchNames]) -> BatchNames:
    """Return the names of several batches that make one step, in order."""
    if len(names) == 1:
        return names[0]
    if not names:
        return BatchNames()
    ids, labels = [one.ids for one in names], [one.labels for one in names]
    return BatchNames(_joined(ids), _joined(labels))


def _joined(parts: Sequence[Any]) -> Any:
    """Return all entries in one list; labels of timesteps alone stay as they are."""
    if not parts or any(one is None for one in parts):
        return None
    if isinstance(parts[0][0], str) and all([*one] == [*parts[0]] for one in parts):
        return parts[0]
    return [entry for one in parts for entry in one]
