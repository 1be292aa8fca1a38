"""Hidden-state gradients by central finite differences, by hand and from outside.

The definition itself: the cell is made to return h_t + eps at one timestep, for one sample and
unit, and the loss is looked at. Nothing here knows of probes or taps.
"""

from __future__ import annotations

import contextlib

import numpy as np
import tensorflow as tf

EPS = 1e-6


def loss_of(model, x, y, sample_weight=None):
    """The compiled loss, eagerly, in inference mode."""
    x, y = tf.nest.map_structure(tf.convert_to_tensor, (x, y))
    if sample_weight is not None:
        sample_weight = tf.convert_to_tensor(sample_weight)
    y_pred = model(x, training=False)
    return float(model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight))


def cells_of(layer):
    return list(getattr(layer.cell, "cells", [layer.cell]))


def units_of(cell):
    size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


@contextlib.contextmanager
def perturbed(layer, cell, step, add, call=0):
    """Have `cell` return h + add at the step-th turn of the loop, in the call-th pass."""
    timesteps = perturbed.timesteps
    before = 0 if layer.unroll else 1  # a loop tries its cell out once before
    if len(cells_of(layer)) > 1 and type(layer).__module__.startswith("keras."):
        before += 1  # and Keras 3 once more, for the dropout masks of stacked cells
    due = call * (timesteps + before) + before + step
    original, count = cell.call, 0
    fused = getattr(layer, "_could_use_gpu_kernel", None)

    def wrapped(inputs, states, *args, **kwargs):
        nonlocal count
        output, new_states = original(inputs, states, *args, **kwargs)
        if count == due:
            flat = tf.nest.flatten(new_states)
            is_output = output is flat[0]
            flat[0] = flat[0] + add.reshape(flat[0].shape)
            output = flat[0] if is_output else output
            new_states = tf.nest.pack_sequence_as(new_states, flat)
        count += 1
        return output, new_states

    vars(cell)["call"] = wrapped
    if fused is not None:
        vars(layer)["_could_use_gpu_kernel"] = False  # tf_keras' fused path calls no cell
    try:
        yield
    finally:
        del vars(cell)["call"]
        if fused is not None:
            vars(layer)["_could_use_gpu_kernel"] = fused


def hidden_state_gradient(loss, leaves, shape, index, call=0, reset=lambda: None):
    """dL/dh at `index` = (sample, timestep, channel) of a record of these leaf layers."""
    sample, timestep, channel = index
    cells = [(layer, cell) for layer in leaves for cell in cells_of(layer)]
    for layer, cell in cells:  # noqa: B007
        units = shape[2] if len(cells) == 1 else units_of(cell)
        if channel < units:
            break
        channel -= units
    perturbed.timesteps = shape[1]
    step = shape[1] - 1 - timestep if layer.go_backwards else timestep
    values = []
    for sign in (1, -1):
        add = np.zeros((shape[0], units))
        add[sample, channel] = sign * EPS
        reset()
        with perturbed(layer, cell, step, add, call):
            values.append(loss())
    return (values[0] - values[1]) / (2 * EPS)


def use_dtype(k, dtype):
    """Have new layers of a Keras compute in `dtype`, or under a policy such as mixed_float16."""
    k.backend.set_floatx("float64" if dtype == "float64" else "float32")
    k.mixed_precision.set_global_policy(dtype)
