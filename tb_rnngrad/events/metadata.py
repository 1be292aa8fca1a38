"""The plugin's metadata of a tag, stored as JSON in each event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import google_crc32c

from tb_rnngrad.events import schema

PLUGIN_NAME: Final = "rnngrad"
FLOW_PLUGIN_NAME: Final = "rnngrad_flow"
FLOW_SUFFIX: Final = "/flow"
# Tags with these characters are unreachable: TensorBoard's data server puts them into its keys
# without escaping them.
UNREACHABLE: Final = r'["\\\x00-\x1f\x7f]'
# The last columns of a flow on disk; see `flow_tensor`.
CHECKSUM_COLUMNS: Final = ("checksum_high", "checksum_low")
VERSION: Final = "1.1"


class FormatError(ValueError):
    """Raised for bytes that are not a record, are damaged, or have an unknown format version."""


@dataclass(frozen=True)
class Metadata:
    """Describes a tag's records.

    It is the same at every step, since TensorBoard keeps only the first step's metadata. Fields
    that a `SequenceRecord` also has mean the same here.

    Attributes:
        quantity: a key of `QUANTITIES`.
        layer: the layer's name.
        framework: the framework that the data was captured from.
        channel_groups: name -> number of channels.
        statistics: the names of the columns of the tag's flow.
        direction: the order in which the layer processes its timesteps.
        details: whatever else is needed to read the numbers.
        part_of: the record's tag, if this is the flow of only one of its directions or stacked
            cells.
        window: the number of timesteps after which backpropagation through time is truncated.
    """

    quantity: str
    layer: str | None = None
    framework: str | None = None
    channel_groups: Mapping[str, int] | None = None
    statistics: tuple[str, ...] = ()
    direction: str = "forward"
    details: Mapping[str, Any] | None = None
    part_of: str | None = None
    window: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields of `plugin_data.content` as `/tags` shows them in "metadata"."""
        fields: dict[str, Any] = json.loads(self.to_content())
        del fields["checksum"]
        return fields | {"statistics": list(self.statistics)}

    def to_content(self) -> bytes:
        """Return the bytes of `plugin_data.content`.

        Raises:
            FormatError: If a field has a type or size that readers refuse.
        """
        groups = None if self.channel_groups is None else tuple(self.channel_groups.items())
        details = None if self.details is None else json.dumps(self.details)
        return _content(
            self.quantity,
            self.layer,
            self.framework,
            groups,
            self.statistics,
            self.direction,
            details,
            self.part_of,
            self.window,
        )

    @classmethod
    def from_content(cls, content: bytes) -> Metadata:
        """Return the metadata that `plugin_data.content` holds.

        Raises:
            FormatError: If the content is damaged, is not such metadata, or has a major version
                that this reader does not know.
        """
        version = _decoded(content, schema.VersionField).version
        if version.split(".")[0] != VERSION.split(".")[0]:
            raise FormatError(
                f"written in record format {version}; this tb_rnngrad reads {VERSION}: "
                "upgrade tb_rnngrad where TensorBoard runs"
            )
        fields = _decoded(content, schema.MetadataFields)
        actual = _checksum_of(content)
        if fields.checksum not in (None, actual):
            raise FormatError(
                f"the tag's metadata are damaged: their checksum is {actual}, "
                f"expected {fields.checksum}"
            )
        groups = fields.channel_groups
        names = fields.statistics
        if names[-len(CHECKSUM_COLUMNS) :] == CHECKSUM_COLUMNS:
            names = names[: -len(CHECKSUM_COLUMNS)]
        return cls(
            quantity=fields.quantity,
            layer=fields.layer,
            framework=fields.framework,
            channel_groups=None if groups is None else dict(groups),
            statistics=names,
            direction=fields.direction,
            details=fields.details,
            part_of=fields.part_of,
            window=fields.window,
        )


_Fields = TypeVar("_Fields", schema.VersionField, schema.MetadataFields)


def _decoded(content: bytes, fields: type[_Fields]) -> _Fields:
    try:
        return schema.decode(content, fields)
    except ValueError as error:
        raise FormatError(
            f"plugin content is not tb_rnngrad's: {error}; it starts with {content[:80]!r}"
        ) from error


def _checksum_of(content: bytes) -> str:
    """Return the CRC32C of a JSON object without its checksum, independent of its formatting."""
    fields = json.loads(content)
    fields.pop("checksum", None)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{google_crc32c.value(text.encode()):08x}"


@lru_cache(maxsize=1024)  # the content is the same at every step
def _content(
    quantity: str,
    layer: str | None,
    framework: str | None,
    channel_groups: tuple[tuple[str, int], ...] | None,
    statistics: tuple[str, ...],
    direction: str,
    details: str | None,
    part_of: str | None,
    window: int | None,
) -> bytes:
    on_disk = (*statistics, *CHECKSUM_COLUMNS) if statistics else ()
    fields: dict[str, Any] = {
        "version": VERSION,
        "quantity": quantity,
        "layer": layer,
        "framework": framework,
        "channel_groups": channel_groups,
        "time_order": "input",
        "direction": direction,
        "statistics": on_disk,
    }
    if details is not None:
        fields["details"] = json.loads(details)
    if part_of is not None:
        fields["part_of"] = part_of
    if window is not None:
        fields["window"] = window
    fields["checksum"] = _checksum_of(to_json(fields))
    content = to_json(fields)
    Metadata.from_content(content)  # refuse to write what readers would refuse
    return content


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def to_json(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as stored on disk: JSON without spaces, in UTF-8."""
    return _ENCODER.encode(fields).encode()
