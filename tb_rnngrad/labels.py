"""Names of what a record holds: ids of samples, labels of timesteps, and which samples are kept."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = tuple[str | int, ...]
Labels: TypeAlias = tuple[str, ...] | tuple[tuple[str, ...], ...]

KEEP: Final = ("first", "largest", "random")
"""The rules by which samples are kept."""


def as_ids(ids: Any, samples: int) -> Ids:
    """Return the ids of a batch's samples as strings and integers.

    Args:
        ids: [samples] strings or integers; a list, an array, or a tensor on the CPU.
        samples: number of samples in the whole batch.

    Raises:
        TypeError: If an id is neither a string nor an integer.
        ValueError: If there are more or fewer ids than samples.
    """
    named = _listed(ids)
    if len(named) != samples:
        raise ValueError(f"ids has {len(named)} ids; the batch has {samples} samples")
    return tuple(_id(one) for one in named)


def kept_of(ids: Ids, samples: Sequence[int] | None, kept: int) -> Ids:
    """Return the ids of the kept samples.

    Args:
        ids: the ids of the whole batch.
        samples: the places of the kept samples in the batch; None for the first.
        kept: number of samples that are kept.
    """
    return tuple(ids[place] for place in samples or range(kept))


def _id(given: Any) -> str | int:
    value = given.decode(errors="replace") if isinstance(given, bytes) else given
    if isinstance(value, bool) or not isinstance(value, (str, int, np.integer)):
        raise TypeError(f"ids has {given!r} ({type(given).__name__}); expected strings or integers")
    return value if isinstance(value, str) else int(value)


def as_labels(labels: Any, samples: int, timesteps: int) -> Labels:
    """Return the labels along the time axis, as many as timesteps.

    Args:
        labels: [timesteps], the same for all samples; or [samples, timesteps], whose lists may be
            shorter than the sequences: labels of padding at the end may be left out. Strings, or
            what becomes one by `str`, such as token ids.
        samples: number of samples of the record.
        timesteps: number of timesteps of the record.

    Raises:
        ValueError: If there are more labels than timesteps, or not one list for each sample.
    """
    given = _listed(labels)
    is_nested = bool(given) and isinstance(given[0], (list, tuple, np.ndarray))
    if not is_nested:
        return _filled(given, timesteps)
    if len(given) != samples:
        raise ValueError(f"labels has {len(given)} lists; the record has {samples} samples")
    return tuple(_filled(_listed(one), timesteps) for one in given)


def _filled(labels: Sequence[Any], timesteps: int) -> tuple[str, ...]:
    if len(labels) > timesteps:
        raise ValueError(
            f"labels has {len(labels)} labels in a list; the record has {timesteps} timesteps"
        )
    named = [one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in labels]
    return (*named, *[""] * (timesteps - len(named)))


def _listed(given: Any) -> list[Any]:
    """Return an array, a tensor or any sequence as a list."""
    if isinstance(given, (list, tuple)):
        return [*given]
    listed = np.asarray(given).tolist()
    return listed if isinstance(listed, list) else [listed]


def as_places(samples: Sequence[int], kept: int, batch: int) -> tuple[int, ...]:
    """Return the places in the batch of a record's samples.

    Raises:
        ValueError: If they are not ascending places in a batch of this size, one for each sample.
    """
    places = tuple(int(place) for place in samples)
    if len(places) != kept or [*places] != sorted({*places}) or places[-1] >= batch:
        raise ValueError(
            f"samples is {reprlib.repr(places)}; expected {kept} ascending places in a batch of "
            f"{batch}"
        )
    return places


def labels_at(labels: Labels, samples: Sequence[int]) -> Labels:
    """Return the labels of some samples of a record, by their place in it."""
    if labels and isinstance(labels[0], tuple):
        return tuple(labels[index] for index in samples)
    return labels


def check_keep(keep: str) -> None:
    """Raise ValueError unless `keep` is one of `KEEP`."""
    if keep not in KEEP:
        raise ValueError(f"keep is {keep!r}; expected one of {', '.join(KEEP)}")


def kept_samples(
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    keep: str,
    count: int,
    seed: int | None = None,
) -> list[int] | None:
    """Return which samples to keep, ascending; None for the first ones.

    Args:
        data: [samples, timesteps, channels].
        mask: [samples, timesteps], or None.
        keep: "first", "largest" (by the norm of all real values; a sample with NaN or Inf counts
            as larger than any other) or "random".
        count: how many to keep.
        seed: seeds "random": the same samples for all tags of a step.
    """
    if keep == "first" or count >= len(data):
        return None
    if keep == "random":
        rng = np.random.default_rng(seed)
        return sorted(rng.choice(len(data), count, replace=False).tolist())
    real = data if mask is None else np.where(mask[:, :, np.newaxis], data, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt((real.astype(np.float64) ** 2).sum(axis=(1, 2)))
    norms[~np.isfinite(norms)] = np.inf
    return sorted(np.argsort(-norms, kind="stable")[:count].tolist())
