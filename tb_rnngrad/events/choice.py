"""Which run or tag a user means, and what is said if it is none."""

from __future__ import annotations

from collections.abc import Sequence


def nothing(what: str, which: str, where: str, known: Sequence[str] | None) -> str:
    """Return the message where nothing fits; `known` are the runs or tags that there are."""
    there = ""
    if known is not None:
        names = ", ".join(map(repr, known))
        there = f"; there are {names}" if known else "; there are no event files"
    return f"no {what} {which}with records of tb_rnngrad {where}{there}"


def choose(
    what: str, wanted: str | None, found: list[str], where: str, there: Sequence[str] | None
) -> str:
    """Return the wanted one of `found`, or the only one if none is given.

    Raises:
        ValueError: If there is no such one, or if none is given and there are several.
    """
    if not found:
        raise ValueError(nothing(what, "", where, there))
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted not in found:
        given = f"there are several {what}s" if wanted is None else f"no {what} {wanted!r}"
        raise ValueError(f"{given} {where}; expected one of {', '.join(map(repr, found))}")
    return wanted
