"""One interface to our plugins' data, whichever of TensorBoard's loaders keeps it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from tensorboard.compat.proto.tensor_pb2 import TensorProto

Key = tuple[str, str]  # run, tag


@dataclass(frozen=True)
class Source:
    """The request's context and experiment, which say whose data to read."""

    context: Any
    experiment: str

    @property
    def query(self) -> dict[str, Any]:
        """The same values as keyword arguments for a data provider."""
        return {"ctx": self.context, "experiment_id": self.experiment}


@dataclass(frozen=True)
class Series:
    """What is known about a tag's values without reading them; equal means unchanged.

    Attributes:
        content: the bytes of the tag's metadata.
        description: Markdown.
        step: the last step.
        wall_time: the last step's wall time.
        count: how many values are kept; None if unknown.
    """

    content: bytes
    description: str
    step: int
    wall_time: float
    count: int | None = None


@dataclass(frozen=True)
class Kept:
    """A record that TensorBoard keeps: its step, its wall time and the keys of its blobs."""

    step: int
    wall_time: float
    keys: tuple[Hashable, ...]


@dataclass(frozen=True)
class KeptFlow:
    """A flow that TensorBoard keeps; its tensor is unchecked, as logged."""

    step: int
    wall_time: float
    tensor: TensorProto


@dataclass(frozen=True, eq=False)
class Listed:
    """A listing of all our tags.

    Attributes:
        mark: equal to an earlier listing's mark if nothing has changed since.
        series: returns the series of the records and of the flows, by run and tag.
    """

    mark: object
    series: Callable[[], tuple[dict[Key, Series], dict[Key, Series]]]


class Store(Protocol):
    """Reads what TensorBoard keeps. Answers leave out keys of which nothing is kept."""

    def listed(self, source: Source) -> Listed:
        """Return the listing of all our tags."""

    def series(self, source: Source, plugin: str, key: Key) -> Series | None:
        """Return the series of one tag of one of our plugins."""

    def records(self, source: Source, keys: Iterable[Key]) -> dict[Key, list[Kept]]:
        """Return tag -> the records that are kept, with ascending steps."""

    def blob(self, source: Source, key: Hashable) -> bytes:
        """Return one blob of a record."""

    def flows(self, source: Source, key: Key) -> tuple[list[KeptFlow], bool]:
        """Return a tag's flows with ascending steps, and whether they are all that are kept.

        If reading all of them would take too much memory, return a sample of the steps that
        includes the last.
        """

    def foreign(self, source: Source, keys: Iterable[Key]) -> set[Key]:
        """Return the keys that belong to other plugins."""

    def why_unreachable(self, tag: str) -> str | None:
        """Return a sentence that says why a tag's records cannot be read; None if they can."""
