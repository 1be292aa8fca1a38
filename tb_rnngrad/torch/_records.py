"""Turns what was captured into records, or into a sentence that says why there is nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tb_rnngrad.record import SequenceRecord
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._layout import Captured, captured
from tb_rnngrad.torch._modules import Layers
from tb_rnngrad.torch._quantities import see_gradients

Records = SequenceRecord | dict[str, SequenceRecord]
Asked = Sequence[tuple[Layers, tuple[str, ...]]]


def captured_of(calls: Sequence[Call], asked: Asked, scale: float = 1.0) -> Iterator[Captured]:
    """Yield what was asked for of every call, layer by layer.

    If gradients are asked for, only calls count that a backward pass reached.

    Raises:
        ValueError: if nothing of a layer was captured.
    """
    for layers, of in asked:
        own = [call for call in calls if call.name == layers.name]
        if see_gradients(of):
            reached = [call for call in own if call.passes]
            if not reached:
                raise ValueError(_nothing_seen(layers, of, own, calls))
            own = reached
        elif not own:
            raise ValueError(_nothing_seen(layers, of, own, calls))
        for count, call in enumerate(own, start=1):
            suffix = "" if count == 1 else f".call{count}"
            names = {number: layers.name_of(number) + suffix for number in layers.numbers}
            yield from captured(call, names, of, scale)


def _nothing_seen(
    layers: Layers, of: Sequence[str], own: Sequence[Call], calls: Sequence[Call]
) -> str:
    if not own:
        reason = "it was not called"
    elif not any(call.records_gradients for call in own):
        reason = "it was called where no gradients are recorded, as under torch.no_grad()"
    elif not any(call.passes for call in calls):
        reason = "no backward pass came to it; expected loss.backward() inside of the block"
    else:
        reason = "the loss does not depend on it"
    return f"nothing of layer {layers.name!r} was seen ({', '.join(of)}): {reason}"


def record_of(one: Captured) -> SequenceRecord:
    """Return a record of all samples."""
    return SequenceRecord(
        np.ascontiguousarray(one.data.numpy(force=True)),
        None if one.mask is None else one.mask.numpy(force=True),
        one.groups,
        quantity=one.quantity,
        layer=one.layer,
        framework="torch",
        direction=one.direction,
        details={"backward_pass": "sum"} if (one.passes or 0) > 1 else None,
        backward_passes=one.passes,
    )


def records_of(found: Iterator[Captured], single: bool) -> dict[str, Records]:
    """Return layer name -> record, or layer name -> dict of records by quantity."""
    by_layer: dict[str, dict[str, SequenceRecord]] = {}
    for one in found:
        by_layer.setdefault(one.layer, {})[one.name] = record_of(one)
    if single and all(len(named) == 1 for named in by_layer.values()):
        return {name: next(iter(named.values())) for name, named in by_layer.items()}
    return dict(by_layer)
