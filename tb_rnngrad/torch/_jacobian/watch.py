"""Records the runs of recurrent layers in one forward pass of their module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from tb_rnngrad._capture.names import call_name
from tb_rnngrad.torch._functional import without_wrappers
from tb_rnngrad.torch._intercept import Interception
from tb_rnngrad.torch._jacobian.run import Run
from tb_rnngrad.torch._modules import select
from tb_rnngrad.torch._undisturbed import evaluating, left_as_it_was
from tb_rnngrad.torch._unrolled import exactly, layers_of


def runs_of(module: Any, x: Any, layers: Any) -> Iterator[tuple[str, list[Run]]]:
    """Run the module once, in evaluation mode, and yield each chosen layer's run, by name.

    Args:
        module: as for `gradients`.
        x: what to call the module with, or a function without arguments that calls it.
        layers: as for `gradients`.

    Raises:
        ValueError: if a layer was not called.
    """
    chosen = select(module, layers)
    root = without_wrappers(module)
    modules = {one.name: one.module for one in chosen}
    interception = Interception(modules, needs_graph=False)
    with left_as_it_was(root), evaluating(root), torch.no_grad(), interception.entered():
        if callable(x):
            x()
        else:
            module(x)
    interception.check()
    for asked in chosen:
        calls = [call for call in interception.calls if call.name == asked.name]
        if not calls:
            raise ValueError(f"layer {asked.name!r} was not called by the module's forward pass")
        for count, call in enumerate(calls, start=1):
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
