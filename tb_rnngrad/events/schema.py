"""The schema for the JSON of a tag's metadata and of a blob: types, ranges and depth.

Event files come from other versions, other writers and damaged disks. All of their JSON is decoded
here, so the rest of the package can rely on its types.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

_MOST_BYTES: Final = 2**20
_DEEPEST: Final = 16

Text = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Size = Annotated[int, Meta(ge=1, le=2**53)]


class VersionField(msgspec.Struct, frozen=True):
    """The field of a tag's plugin data that every version of the format has."""

    version: Annotated[str, Meta(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$")]


class MetadataFields(VersionField, frozen=True):
    """The content of a tag's plugin data; see `record.Metadata`."""

    quantity: Text = "other"
    layer: Text | None = None
    framework: Text | None = None
    channel_groups: Annotated[list[tuple[Text, Size]], Meta(min_length=1)] | None = None
    statistics: Annotated[tuple[Text, ...], Meta(max_length=1024)] = ()
    direction: Literal["forward", "backward", "both"] = "forward"
    details: dict[str, Any] | None = None
    part_of: Text | None = None
    window: Size | None = None
    checksum: Text | None = None

    def __post_init__(self) -> None:
        """Check what the types cannot express; raise ValueError, as msgspec expects."""
        for what, names in (
            ("channel groups", [name for name, _ in self.channel_groups or ()]),
            ("statistics", self.statistics),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} have the same name")
        if _depth(self.details) > _DEEPEST:
            raise ValueError(f"details are nested deeper than {_DEEPEST} levels")


class ArrayFields(msgspec.Struct, frozen=True):
    """One of a blob's arrays."""

    dtype: Literal["float32", "bfloat16", "uint8"]
    shape: Annotated[tuple[Count, ...], Meta(max_length=3)]


class BlobFields(msgspec.Struct, frozen=True):
    """The JSON of a sample's blob."""

    arrays: dict[str, ArrayFields]


class HeaderFields(BlobFields, frozen=True):
    """The JSON of a header's blob; see `record.Header`."""

    shape: Annotated[tuple[Size, ...], Meta(min_length=2, max_length=3)]
    batch: Size
    dtype: Literal["float32", "bfloat16"]
    kept: Size
    flushed: Count
    overflowed: Count
    backward_passes: Size | None = None
    tag: str | None = None
    step: int | None = None
    wall_time: float | None = None
    samples: tuple[Count, ...] | None = None


NamedSamples = tuple[str | int, ...]
NamedTimesteps = tuple[str | tuple[str, ...], ...]


_Fields = TypeVar("_Fields", bound=msgspec.Struct)


def decode(content: bytes, fields: type[_Fields]) -> _Fields:
    """Return JSON decoded as `fields`.

    Raises:
        ValueError: If the content is not JSON or does not fit the schema; the message says where.
    """
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it has {len(content)} bytes; expected at most {_MOST_BYTES}")
    content.decode()  # checks UTF-8 everywhere: msgspec skips fields that it does not know
    try:
        return msgspec.json.decode(content, type=fields)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels") from None


def _depth(value: Any) -> int:
    """Return how deep lists and objects are nested."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
