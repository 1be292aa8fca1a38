"""From recorded calls to what was asked for, or to a sentence that says why there is nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import call_name
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._layout import captured
from tb_rnngrad.torch._modules import Layers
from tb_rnngrad.torch._quantities import see_gradients

Asked = Sequence[tuple[Layers, tuple[str, ...]]]


def captured_of(calls: Sequence[Call], asked: Asked, scale: float = 1.0) -> list[Captured]:
    """Return what was asked for of every call, layer by layer.

    If gradients are asked for, only calls count that a backward pass reached.

    Raises:
        ValueError: if nothing of a layer was captured.
    """
    found: list[Captured] = []
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
            names = {one: call_name(layers.name_of(one), count) for one in layers.numbers}
            found += captured(call, names, of, scale)
    return found


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
