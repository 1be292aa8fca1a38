"""Catches the runs of recurrent layers in one forward pass of their model."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad._capture.names import call_name
from tb_rnngrad.keras._adapters.base import Adapter, Rnn, stands_in
from tb_rnngrad.keras._adapters.patches import patched, turn_of
from tb_rnngrad.keras._jacobian.run import Run, as_graph
from tb_rnngrad.keras._steps.legacy_graph import check_not_legacy_graph
from tb_rnngrad.keras._taps.cell_reading import chosen_state, read_step
from tb_rnngrad.keras._taps.cells import StateName, States, cells_of, seating_patches, states_of
from tb_rnngrad.keras._taps.layers import Part, select
from tb_rnngrad.keras._taps.mask_runs import MaskRuns


def check_eager(what: str) -> None:
    """Raise NotImplementedError if `what` is asked for in legacy graph mode."""
    check_not_legacy_graph(
        what, "it runs the layer's timesteps one by one, and there they are one fixed graph"
    )


def runs_of(
    adapter: Adapter,
    model: Any,
    x: Any,
    layers: Any,
    state: States = None,
    asks_which_is_hidden: bool = True,
) -> Iterator[tuple[str, list[Run]]]:
    """Run the model once and yield each chosen layer's runs, by name.

    A name has several runs if the layer's calls are one batch, as in a TimeDistributed.
    """
    views = select(adapter, model, layers)
    hidden = states_of(adapter, views, state) if asks_which_is_hidden else None
    seen: dict[int, list[Run | NotImplementedError]] = {}
    mask_runs = MaskRuns()
    patches = mask_runs.patches(views)
    for view in views:
        for part in view.parts:
            call = _watched_call(adapter, part, seen, hidden, mask_runs)
            patches += [(vars(part.layer), "call", call), *seating_patches(adapter, part.layer)]
    inputs = tf.nest.map_structure(tf.convert_to_tensor, x)
    if not model.built:
        adapter.forward(model, inputs, training=False)
    passing = [adapter.raw(variable) for variable in adapter.passing_state(model)]
    before = [variable.numpy() for variable in passing]
    standing = [
        patch
        for view in views
        for part in view.parts
        for patch in adapter.standing_patches(part.layer)
    ]
    try:
        with patched([*patches, *standing]):
            adapter.forward(model, inputs, training=False)
    finally:
        for variable, value in zip(passing, before, strict=True):
            variable.assign(value)
    for view in views:
        for part in view.parts:
            # Raise here: Keras would add lines of its own to what is raised in a layer's call.
            runs = [_run_or_raise(call) for call in seen.get(id(part.layer), [])]
            if not runs:
                raise ValueError(f"layer {view.name!r} was not called by the model's forward pass")
            calls = [runs] if view.merges_calls else [[run] for run in runs]
            for number, batched in enumerate(calls, start=1):
                name = call_name(view.name, number)
                yield f"{name}/{part.direction}" if part.direction else name, batched


def _run_or_raise(call: Run | NotImplementedError) -> Run:
    if isinstance(call, NotImplementedError):
        raise call
    return call


def _watched_call(
    adapter: Adapter,
    part: Part,
    seen: dict[int, list[Run | NotImplementedError]],
    hidden: Mapping[int, StateName] | None,
    mask_runs: MaskRuns,
) -> Callable[..., Any]:
    """Return the layer's `call`, which records its run, or the reason why there is none."""
    layer = part.layer
    original = adapter.original_call(layer)
    signature = inspect.signature(original)

    def watched(rnn: Rnn) -> Rnn:
        def looped(
            step_function: Callable[..., Any], inputs: Any, initial_states: Any, **options: Any
        ) -> tuple[Any, Any, Any]:
            run = _new_run(adapter, layer, step_function, inputs, initial_states, options, hidden)
            seen.setdefault(id(layer), []).append(run)
            result: tuple[Any, Any, Any] = as_graph(
                lambda: rnn(step_function, inputs, initial_states, **options)
            )
            return result

        return looped

    here = threading.get_ident()

    def call(*args: Any, **kwargs: Any) -> Any:
        with turn_of(layer):
            if mask_runs.is_on or threading.get_ident() != here:
                return original(*args, **kwargs)
            return seen_call(*args, **kwargs)

    def seen_call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        name = next(iter(signature.parameters))
        given = bound.arguments
        training = given.get("training")
        with adapter.recurrence(layer, given[name], training, watched) as inputs:
            given[name] = inputs
            return original(*bound.args, **bound.kwargs)

    return stands_in(call, original)


def _new_run(
    adapter: Adapter,
    layer: Any,
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    options: dict[str, Any],
    hidden: Mapping[int, StateName] | None,
) -> Run | NotImplementedError:
    x = tf.nest.flatten(inputs)[0]
    mask = options.get("mask")
    if adapter.is_time_major(layer):
        x = tf.transpose(x, [1, 0, 2])
        mask = None if mask is None else tf.transpose(mask)
    first = [tf.identity(state) for state in tf.nest.flatten(initial_states)]
    if x.shape.rank != 3 or any(state.shape.rank != 2 for state in first):
        return NotImplementedError(
            f"layer {layer.name!r} ({type(layer).__name__}) has inputs of shape {x.shape} and "
            f"states of {[tuple(state.shape) for state in first]}; a state Jacobian is known of "
            "layers whose state is a vector"
        )
    if options.get("constants"):
        return NotImplementedError(
            f"layer {layer.name!r} ({type(layer).__name__}) is called with constants; state "
            "Jacobians, exponents and sensitivities are defined only for cells that take inputs "
            "and states"
        )
    is_reversed = bool(options.get("go_backwards"))
    real = np.ones(x.shape[:2], np.bool_) if mask is None else _flat_mask(mask)
    if is_reversed:
        x, real = tf.reverse(x, [1]), real[:, ::-1]

    def step(x_t: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        _, new = step_function(x_t, tf.nest.pack_sequence_as(initial_states, list(states)))
        return list(tf.nest.flatten(new))

    cells = cells_of(adapter, layer)
    position = cells[-1].state
    if hidden is not None and cells[-1].certain_hidden is None:
        reading = read_step(cells, step_function, inputs, initial_states, options)[-1]
        position += chosen_state(layer.name, cells[-1], reading, hidden.get(id(layer)))
    sizes = [int(state.shape[-1]) for state in first]
    start = sum(sizes[:position])
    return Run(
        step,
        x,
        first,
        real,
        np.arange(start, start + sizes[position]),
        is_reversed,
    )


def _flat_mask(mask: Any) -> NDArray[np.bool_]:
    array: NDArray[np.bool_] = tf.nest.flatten(mask)[0].numpy().astype(np.bool_)
    return array[..., 0] if array.ndim == 3 else array
