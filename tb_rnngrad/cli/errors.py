"""Errors that a user can mend, as one sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """End the program with what an error says.

    For errors of what the user gave: no such directory, run, tag or step, a damaged record, a
    package that is missing, a file that cannot be written.
    """
    try:
        yield
    except (ValueError, KeyError, OSError, ImportError) as error:
        said = error.args[0] if isinstance(error, KeyError) else error
        raise SystemExit(f"tb-rnngrad: {said}") from error
