"""The taps for some quantities of some layers of a model; each thread has its own."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tb_rnngrad.keras._adapters.base import Adapter
from tb_rnngrad.keras._adapters.contracts import check_activations, check_layers
from tb_rnngrad.keras._contracts import check_tensorflow
from tb_rnngrad.keras._taps.cells import States, cells_of, states_of
from tb_rnngrad.keras._taps.layers import View, select
from tb_rnngrad.keras._taps.quantities import why_unavailable
from tb_rnngrad.keras._taps.taps import Taps


def taps_of(
    adapter: Adapter, model: Any, layer: Any, of: Sequence[str], state: States = None
) -> Taps:
    """Return the taps for these quantities in these layers.

    In one thread equal arguments give the same taps, unless these are in use.

    Args:
        adapter: the adapter of the model's Keras.
        model: a model, or any layer.
        layer: see `select`.
        of: the quantities.
        state: which state of a cell is the hidden state; see `states_of`.

    Raises:
        ValueError, NotImplementedError: if a layer or state does not exist, or a layer does not
            have the quantity. If `layer` is None, layers are left out where they lack a quantity.
        RuntimeError: if the installed TensorFlow or Keras breaks what taps rely on.
    """
    can_check = tf.compat.v1.executing_eagerly_outside_functions()  # not in legacy graph mode
    if can_check:
        check_tensorflow()
        check_layers(adapter)  # type: ignore[arg-type]  # adapters are hashable
    asked: list[tuple[View, tuple[str, ...]]] = []
    lacks: list[Exception] = []
    for view in select(adapter, model, layer):
        missing = {name: error for name in of if (error := why_unavailable(adapter, view, name))}
        lacks += missing.values()
        if len(missing) < len(of):
            asked.append((view, tuple(name for name in of if name not in missing)))
    if lacks and (layer is not None or not asked):
        raise lacks[0]
    for view, names in asked:
        if can_check and {"gates", "cell_state"}.intersection(names):
            _check_activations(adapter, view)
    states = states_of(adapter, [view for view, _ in asked], state)
    key = (*((view.name, id(view.layer), names) for view, names in asked), *states.items())
    with _lock:
        leases = _leases.setdefault(model, {}).setdefault(key, [])
        lease = next(filter(_Lease.is_free, leases), None)
        if lease is None:
            lease = _Lease(Taps(adapter, asked, states))
            leases.append(lease)
        lease.thread = weakref.ref(threading.current_thread())
        return lease.taps


@dataclass
class _Lease:
    """Taps, and the thread that they were given to: no two threads at a time share any."""

    taps: Taps
    thread: weakref.ref[threading.Thread] | None = None

    def is_free(self) -> bool:
        """Return whether this thread may have the taps."""
        holder = None if self.thread is None else self.thread()
        if self.taps.is_entered:
            return False
        return holder in (None, threading.current_thread()) or not holder.is_alive()


def _check_activations(adapter: Adapter, view: View) -> None:
    for part in view.parts:
        for cell in cells_of(adapter, part.layer):
            if cell.kind is not None and cell.ancestry.own is not None:
                check_activations(adapter, cell.ancestry.own, cell.kind)  # type: ignore[arg-type]


_leases: weakref.WeakKeyDictionary[Any, dict[Any, list[_Lease]]] = weakref.WeakKeyDictionary()


_lock = threading.Lock()
