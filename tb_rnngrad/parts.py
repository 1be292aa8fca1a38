"""The parts of a record that are judged separately: directions and stacked cells.

The two halves of a Bidirectional layer process time in opposite orders, and each stacked cell is a
layer of its own. The names of the channel groups identify the parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_DIRECTION: Final = re.compile(r"forward|backward")
_CELL: Final = re.compile(r"cell_\d+")
_OPPOSITE: Final = {"forward": "backward", "backward": "forward"}


@dataclass(frozen=True)
class Part:
    """Adjacent channels of a record that belong to one direction or one stacked cell.

    Attributes:
        name: such as "forward", "cell_1" or "backward/cell_0".
        channels: their position on the channel axis.
        direction: the order in which the part processes timesteps, "forward" or "backward".
        channel_groups: the groups within the part, such as gates; None if there is only one.
    """

    name: str
    channels: slice
    direction: str
    channel_groups: Mapping[str, int] | None


def parts_of(channel_groups: Mapping[str, int] | None, direction: str = "forward") -> list[Part]:
    """Return the parts that the channel groups name; an empty list if the record has no parts.

    Args:
        channel_groups: name -> number of channels, in the order of the channels. Groups whose names
            begin with the same "forward", "backward", "cell_N", or direction and cell, form a part.
        direction: the record's direction; "backward" swaps the orders of both halves.
    """
    sizes: dict[str, dict[str, int]] = {}
    for name, size in (channel_groups or {}).items():
        part, within = _split(name)
        sizes.setdefault(part, {})[within] = size
    if len(sizes) < 2 or "" in sizes:
        return []
    found, start = [], 0
    for name, groups in sizes.items():
        stop = start + sum(groups.values())
        own = direction
        if name.split("/")[0] == "backward":
            own = _OPPOSITE[direction]
        found.append(Part(name, slice(start, stop), own, groups if len(groups) > 1 else None))
        start = stop
    return found


def _split(group: str) -> tuple[str, str]:
    """Return the name of the group's part, and the group's name within that part."""
    names = group.split("/")
    count = 0
    if names and _DIRECTION.fullmatch(names[0]):
        count = 1
    if len(names) > count and _CELL.fullmatch(names[count]):
        count += 1
    return "/".join(names[:count]), "/".join(names[count:])
