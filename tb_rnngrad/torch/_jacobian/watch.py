"""Records the runs of recurrent layers in one forward pass of their module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from tb_rnngrad._capture.names import call_name
from tb_rnngrad.torch._chains import chains_of
from tb_rnngrad.torch._functional import without_wrappers
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._jacobian.run import Run
from tb_rnngrad.torch._joined import one_after_the_other
from tb_rnngrad.torch._modules import no_recurrent_layer, select
from tb_rnngrad.torch._undisturbed import evaluating, left_as_it_was
from tb_rnngrad.torch._unrolled import exactly, layers_of


def runs_of(module: Any, x: Any, layers: Any) -> Iterator[tuple[str, list[Run]]]:
    """Run the module once, in evaluation mode, and yield each chosen layer's run, by name.

    Args:
        module: as for `gradients`.
        x: what to call the module with, or a function without arguments that calls it.
        layers: as for `gradients`.

    Calls that hand a state on, as in a loop over a cell, are one run.

    Raises:
        ValueError: if there is no recurrent layer, or a layer was not called.
        NotImplementedError: if calls that hand a state on are no single recurrence.
    """
    chosen = select(module, layers)
    root = without_wrappers(module)
    if not chosen:
        raise ValueError(no_recurrent_layer(root))
    modules = {one.name: one.module for one in chosen}
    interception = Interception(modules, needs_graph=False)
    # Only the graph tells that a changed state comes from the call before.
    entered = interception.entered(is_private=True)
    with left_as_it_was(root), evaluating(root), torch.enable_grad(), entered:
        if callable(x):
            x()
        else:
            module(x)
    interception.check()
    for asked in chosen:
        calls = [call for call in interception.calls if call.name == asked.name]
        if not calls:
            raise ValueError(f"layer {asked.name!r} was not called by the module's forward pass")
        for count, chain in enumerate(chains_of(calls), start=1):
            call = one_after_the_other(chain.calls) if chain.is_whole else None
            if call is None:
                raise NotImplementedError(
                    f"layer {asked.name!r} is called several times in one sequence, and between "
                    "its calls states are replaced, changed or thrown away, or weights differ; "
                    "expected a state that is handed on as it is, for all samples"
                )
            every = layers_of(call)
            for number in asked.numbers:
                name, layer = call_name(asked.name_of(number), count), every[number]
                mask = layer.timeline.mask(call.order)
                real = None if mask is None else mask.numpy(force=True)
                with exactly(call.output.tensor.device.type):
                    directions = layer.directions
                for position, direction in enumerate(directions):
                    where = f"/{'backward' if position else 'forward'}"
                    run = Run(direction, real, call.order, is_reversed=position == 1)
                    yield name + where if len(directions) > 1 else name, [run]
