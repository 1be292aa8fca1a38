"""Temporary values in the namespaces of others: of instances, and of one function of a module.

Patches may end in any order, and in any thread: each takes away its own value alone.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Patch = tuple[MutableMapping[str, Any], str, Any]
"""A namespace (the `__dict__` of an instance or module), a name in it, and a temporary value."""

_MISSING: Final = object()


@dataclass
class _Patched:
    """A name that is patched.

    Attributes:
        names: its namespace; held, so that its `id` stays its own.
        own: the value beneath all patches.
        values: the temporary values, the one in force last, each with a mark of its patch.
    """

    names: MutableMapping[str, Any]
    own: Any
    values: list[tuple[object, Any]] = field(default_factory=list)


_patched: dict[tuple[int, str], _Patched] = {}
_lock: Final = threading.RLock()


@contextlib.contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Apply the patches for a while; restore every namespace afterwards, also after an error."""
    marks = [(names, name, object(), value) for names, name, value in patches]
    entered: list[tuple[MutableMapping[str, Any], str, object]] = []
    try:
        for names, name, mark, value in marks:
            with _lock:
                _push(names, name, mark, value)
            entered.append((names, name, mark))
        yield
    finally:
        with _lock:
            for names, name, mark in reversed(entered):
                _remove(names, name, mark)


def _push(names: MutableMapping[str, Any], name: str, mark: object, value: Any) -> None:
    own = names.get(name, _MISSING)
    one = _patched.setdefault((id(names), name), _Patched(names, own))
    one.values.append((mark, value))
    names[name] = value


def _remove(names: MutableMapping[str, Any], name: str, mark: object) -> None:
    one = _patched[id(names), name]
    was_in_force = one.values[-1][0] is mark
    one.values = [pair for pair in one.values if pair[0] is not mark]
    if not one.values:
        del _patched[id(names), name]
    if not was_in_force:
        return
    below = one.values[-1][1] if one.values else one.own
    if below is _MISSING:
        names.pop(name, None)
    else:
        names[name] = below


class ThreadFunction:
    """A function of a module that each thread may replace for itself.

    While a thread does, the module holds this object, which calls what the calling thread has put
    in place, and in all other threads the module's own function.

    Args:
        names: the module's namespace.
        name: the function's name.
    """

    def __init__(self, names: MutableMapping[str, Any], name: str) -> None:
        self._names = names
        self._name = name
        self._own: Any = None
        self._of_thread = threading.local()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function of this thread."""
        return self._here()(*args, **kwargs)

    def _here(self) -> Any:
        return getattr(self._of_thread, "function", None) or self._own

    @contextlib.contextmanager
    def wrapped(self, wrap: Callable[[Any], Any]) -> Iterator[None]:
        """While entered, this thread calls `wrap(function)` instead of the function."""
        with _lock:
            if (id(self._names), self._name) not in _patched:
                self._own = self._names[self._name]
        with patched([(self._names, self._name, self)]):
            before = getattr(self._of_thread, "function", None)
            self._of_thread.function = wrap(self._here())
            try:
                yield
            finally:
                self._of_thread.function = before


_turns: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def turn_of(layer: Any) -> contextlib.AbstractContextManager[Any]:
    """Return a lock for a layer, held while a call of the layer runs with patches inside it."""
    with _lock:
        lock: contextlib.AbstractContextManager[Any] = _turns.setdefault(layer, threading.RLock())
        return lock
