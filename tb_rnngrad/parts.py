"""The parts of a record that process time each in an order of their own.

The two halves of a Bidirectional layer run against each other, and stacked cells are layers of
their own: each is judged by itself. The names of the channel groups tell them.
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
    """Neighbouring channels of a record that are one direction, or one stacked cell of one.

    Attributes:
        name: such as "forward", "cell_1" or "backward/cell_0".
        channels: where they are on the channel axis.
        direction: the order in which they process timesteps, "forward" or "backward".
        channel_groups: the groups within the part, such as gates; None: one.
    """

    name: str
    channels: slice
    direction: str
    channel_groups: Mapping[str, int] | None


def parts_of(channel_groups: Mapping[str, int] | None, direction: str = "forward") -> list[Part]:
    """Return the parts that channel groups name; none where the record is one whole.

    Args:
        channel_groups: name -> number of channels, in the order of the channels. A part is what
            begins with the same "forward", "backward" or "cell_N", one after the other.
        direction: of the record; "backward" swaps the orders of both halves.
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
    """Return the name of a group's part, and the group's own name within it."""
    names = group.split("/")
    count = 0
    if names and _DIRECTION.fullmatch(names[0]):
        count = 1
    if len(names) > count and _CELL.fullmatch(names[count]):
        count += 1
    return "/".join(names[:count]), "/".join(names[count:])
