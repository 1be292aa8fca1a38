"""Progress bars, on a terminal where tqdm is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

_Item = TypeVar("_Item")
_DELAY: Final = 0.5  # seconds; shorter work shows no bar


def progress(items: Iterable[_Item], total: int, what: str, unit: str) -> Iterator[_Item]:
    """Yield the items, with a bar on stderr if they take long."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield from items
        return
    quiet = not sys.stderr.isatty()
    yield from tqdm(items, what, total, unit=unit, delay=_DELAY, leave=False, disable=quiet)


@contextmanager
def lazy_progress() -> Iterator[None]:
    """Show a bar on stderr while dask reads, if it takes long."""
    try:
        from dask.diagnostics import ProgressBar
    except ImportError:
        yield
        return
    if not sys.stderr.isatty():
        yield
        return
    with ProgressBar(minimum=_DELAY, out=sys.stderr):
        yield
