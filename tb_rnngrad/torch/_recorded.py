"""From recorded calls to what was asked for, or to a sentence that says why there is nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from torch import nn

from tb_rnngrad._capture.captured import Captured
from tb_rnngrad._capture.names import call_name
from tb_rnngrad.torch._chains import chains_of
from tb_rnngrad.torch._functional import without_wrappers
from tb_rnngrad.torch._intercept import Call
from tb_rnngrad.torch._layout import captured
from tb_rnngrad.torch._merged import merged
from tb_rnngrad.torch._modules import Layers, no_recurrent_layer, select
from tb_rnngrad.torch._quantities import asked_of, see_gradients
from tb_rnngrad.torch._stitched import stitched
from tb_rnngrad.torch._watch import WatchedState
from tb_rnngrad.torch._watched import QUANTITIES, captured_of_watched

Asked = Sequence[tuple[Layers, tuple[str, ...]]]


@dataclass(frozen=True)
class Wanted:
    """What a user asked for.

    Attributes:
        module: the user's module.
        of: the quantities.
        asked: the layers, each with those of the quantities that it has.
    """

    module: nn.Module
    of: tuple[str, ...]
    asked: Asked

    @classmethod
    def by(cls, module: Any, layers: Any, of: tuple[str, ...]) -> Wanted:
        """Return what `capture`, `gradients` and `GradientLogger` are asked for.

        Raises:
            TypeError, ValueError, NotImplementedError: as `select` and `asked_of` do.
        """
        return cls(module, of, asked_of(select(module, layers), of, layers is not None))

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The recurrent modules by name."""
        return {layers.name: layers.module for layers, _ in self.asked}

    def captured(
        self,
        calls: Sequence[Call],
        watched: Sequence[WatchedState],
        left_out: Collection[str] = (),
        merges: bool = False,
    ) -> list[Captured]:
        """Return what was asked for, layer by layer, then watched states.

        If gradients are asked for, only what a backward pass reached counts.

        Args:
            calls: the calls that were recorded.
            watched: the watched states that were recorded.
            left_out: the names of modules that were also called where no gradients are recorded.
            merges: whether all rounds (a forward pass and its backward pass) are one batch.

        Raises:
            ValueError: if nothing of a layer was captured, or there is nothing to capture.
        """
        found: list[Captured] = []
        for layers, of in self.asked:
            own = [call for call in calls if call.name == layers.name]
            captured = list(_of_layers(layers, of, own, merges))
            if not captured:
                raise ValueError(
                    f"nothing of layer {layers.name!r} was seen ({', '.join(of)}): "
                    f"{_why_nothing(layers, own, calls, layers.name in left_out)}"
                )
            found += captured
        names = {one.layer for one in found}
        for one in captured_of_watched(watched, self.of):
            if one.layer in names:
                raise ValueError(
                    f"watch(h, {one.layer!r}) has the name of a recurrent layer of the module; "
                    "expected a name of its own"
                )
            found.append(one)
        if not found:
            raise ValueError(self._why_there_is_nothing(watched))
        return found

    def _why_there_is_nothing(self, watched: Sequence[WatchedState]) -> str:
        if not watched:
            why = no_recurrent_layer(without_wrappers(self.module))
            return (
                f"{why}, and no state was watched (tb_rnngrad.torch.watch, which graphs of "
                "torch.compile leave out)"
            )
        if not set(self.of) & set(QUANTITIES):
            return f"of is {', '.join(self.of)}; watched states have {' and '.join(QUANTITIES)}"
        return (
            f"nothing of watch(h, {watched[0].name!r}) was seen ({', '.join(self.of)}): the loss "
            "does not depend on it, or no backward pass came inside of the block"
        )


def _of_layers(
    layers: Layers, of: Sequence[str], called: Sequence[Call], merges: bool
) -> Iterator[Captured]:
    """Yield what was asked for of all calls of one module."""
    chains = chains_of(called)
    if see_gradients(of):
        chains = [chain for chain in chains if chain.is_reached]
    if layers.is_cell or any(len(chain.links) > 1 for chain in chains):
        names = {number: layers.name_of(number) for number in layers.numbers}
        yield from merged([stitched(chain, names, of) for chain in chains])
        return
    own = [call for chain in chains for call in chain.calls]
    for count, alike in enumerate(zip_longest(*_rounds(own, merges)), start=1):
        names = {one: call_name(layers.name_of(one), count) for one in layers.numbers}
        yield from merged([list(captured(call, names, of)) for call in alike if call])


def _rounds(calls: Sequence[Call], merges: bool) -> list[list[Call]]:
    rounds: dict[int, list[Call]] = {}
    for call in calls:
        rounds.setdefault(call.round if merges else 0, []).append(call)
    return list(rounds.values())


def _why_nothing(
    layers: Layers, own: Sequence[Call], calls: Sequence[Call], is_left_out: bool
) -> str:
    if not own and not is_left_out:
        if not layers.is_cell:
            return "it was not called"
        return (
            "it was not called, or torch.compile made its loop part of a graph, where it cannot be "
            "seen; expected the module before torch.compile, or the loop under "
            "torch.compiler.disable"
        )
    if not any(call.records_gradients for call in own):
        return "it was called where no gradients are recorded, as under torch.no_grad()"
    if not any(call.passes for call in calls):
        return "no backward pass came to it; expected loss.backward() inside of the block"
    return "the loss does not depend on it"
