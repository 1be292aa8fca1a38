"""Reads and checks the parameters of a request."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

from tensorboard import errors
from werkzeug import wrappers


class Parameters:
    """A request's parameters.

    Methods return a parameter as the type that the route expects, or raise InvalidArgumentError
    with one sentence for the user.
    """

    def __init__(self, request: wrappers.Request) -> None:
        self._given = request.args

    def text(self, name: str) -> str | None:
        """Return the parameter as text, or None if it is missing."""
        return self._given.get(name)

    def required(self, name: str) -> str:
        """Return the parameter as text; refuse the request if it is missing."""
        value = self.text(name)
        if value is None:
            raise errors.InvalidArgumentError(f"the parameter {name} is missing")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str | None) -> Any:
        """Return the parameter, which must be in `allowed`, or `default` if it is missing."""
        value = self._given.get(name, default)
        if value != default and value not in allowed:
            raise errors.InvalidArgumentError(
                f"{name} is {str(value)[:80]!r}; expected one of {', '.join(allowed)}"
            )
        return value

    def integer(self, name: str, least: int | None = None) -> int | None:
        """Return the parameter as an integer of at least `least`, or None if it is missing."""
        value = self.text(name)
        if value is None:
            return None
        # `int` alone would also accept 1_0, spaces and digits of other alphabets.
        if not re.fullmatch(r"-?[0-9]{1,100}", value):
            raise errors.InvalidArgumentError(f"{name} is {value[:80]!r}; expected an integer")
        number = int(value)
        if least is not None and number < least:
            raise errors.InvalidArgumentError(f"{name} is {number}; expected at least {least}")
        return number

    def required_integer(self, name: str) -> int:
        """Return the parameter as an integer; refuse the request if it is missing."""
        self.required(name)
        number = self.integer(name)
        assert number is not None
        return number

    def number(self, name: str) -> float | None:
        """Return the parameter as a number, or None if it is missing."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"[-+]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,4})?", value):
            raise errors.InvalidArgumentError(f"{name} is {value[:80]!r}; expected a number")
        return float(value)

    def ranges(self, name: str) -> tuple[tuple[int, int], ...]:
        """Return half-open ranges, given as `8:16,24:32`; none if the parameter is missing."""
        value = self.text(name)
        if value is None:
            return ()
        found = [re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", part) for part in value.split(",")]
        ranges = tuple((int(match[1]), int(match[2])) for match in found if match)
        if len(ranges) < len(found) or any(start >= stop for start, stop in ranges):
            raise errors.InvalidArgumentError(
                f"{name} is {value[:80]!r}; expected ranges of channels such as 8:16,24:32"
            )
        return ranges

    def window(self, first: str, end: str, size: int) -> slice:
        """Return the half-open window from parameter `first` to `end`, cut at `size`."""
        start = self.integer(first, least=0) or 0
        stop = self.integer(end, least=0)
        stop = size if stop is None else min(stop, size)
        if start >= stop:
            raise errors.InvalidArgumentError(
                f"the window from {first}={start} to {end}={self.text(end) or size} is empty; "
                f"expected 0 <= {first} < {end}, and {first} below {size}"
            )
        return slice(start, stop)

    def edges(self, name: str, most: int) -> tuple[tuple[float, ...], ...]:
        """Return the edges of 1 to `most` bins, once for all groups or once per group."""
        text = self.required(name)
        try:
            edges = tuple(tuple(map(float, of.split(","))) for of in text.split(";"))
        except ValueError:
            edges = ((),)
        sound = all(
            2 <= len(of) <= most + 1
            and all(low < high for low, high in pairwise(of))
            and all(map(math.isfinite, of))
            for of in edges
        )
        if not sound or len({len(of) for of in edges}) > 1:
            raise errors.InvalidArgumentError(
                f"{name} is {text[:80]!r}; expected 2 to {most + 1} finite numbers, ascending, "
                "with commas between; or as many for each channel group, with semicolons between"
            )
        return edges
