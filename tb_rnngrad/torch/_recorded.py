"""From recorded calls to what was asked for, or to a sentence that says why there is nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import zip_longest

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import call_name
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._layout import captured
from tb_rnngrad.torch._merged import merged
from tb_rnngrad.torch._modules import Layers
from tb_rnngrad.torch._quantities import see_gradients

Asked = Sequence[tuple[Layers, tuple[str, ...]]]


def captured_of(
    calls: Sequence[Call], asked: Asked, left_out: Collection[str] = (), merges: bool = False
) -> list[Captured]:
    """Return what was asked for of every call, layer by layer.

    If gradients are asked for, only calls count that a backward pass reached.

    Args:
        calls: what was recorded.
        asked: the layers with their quantities.
        left_out: the names of modules that were also called where no gradients are recorded.
        merges: whether all rounds (a forward pass and its backward pass) are one batch.

    Raises:
        ValueError: if nothing of a layer was captured.
    """
    found: list[Captured] = []
    for layers, of in asked:
        called = [call for call in calls if call.name == layers.name]
        own = [call for call in called if call.passes] if see_gradients(of) else called
        if not own:
            reason = _why_nothing(called, calls, layers.name in left_out)
            raise ValueError(
                f"nothing of layer {layers.name!r} was seen ({', '.join(of)}): {reason}"
            )
        for count, alike in enumerate(zip_longest(*_rounds(own, merges)), start=1):
            names = {one: call_name(layers.name_of(one), count) for one in layers.numbers}
            found += merged([list(captured(call, names, of)) for call in alike if call])
    return found


def _rounds(calls: Sequence[Call], merges: bool) -> list[list[Call]]:
    rounds: dict[int, list[Call]] = {}
    for call in calls:
        rounds.setdefault(call.round if merges else 0, []).append(call)
    return list(rounds.values())


def _why_nothing(own: Sequence[Call], calls: Sequence[Call], is_left_out: bool) -> str:
    if not own and not is_left_out:
        return "it was not called"
    if not any(call.records_gradients for call in own):
        return "it was called where no gradients are recorded, as under torch.no_grad()"
    if not any(call.passes for call in calls):
        return "no backward pass came to it; expected loss.backward() inside of the block"
    return "the loss does not depend on it"
