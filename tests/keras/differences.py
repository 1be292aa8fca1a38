"""Gradients by central finite differences.

They follow the definitions: make a cell return h_t + eps, or give a layer x_t + eps, and measure
the loss. Nothing here knows of probes or taps.
"""

from __future__ import annotations

import contextlib
import gc

import numpy as np
import tensorflow as tf

EPS = 1e-6
ALL = (
    "hidden_state",
    "cell_state",
    "output",
    "input",
    "gates",
    "weight_gradients",
    "activations",
    "states",
    "weights",
)


def loss_of(model, x, y, sample_weight=None, training=False):
    """Return the compiled loss, computed eagerly."""
    x, y = tf.nest.map_structure(tf.convert_to_tensor, (x, y))
    if sample_weight is not None:
        sample_weight = tf.nest.map_structure(tf.convert_to_tensor, sample_weight)
    y_pred = model(x, training=training)
    return float(model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight))


def cells_of(layer):
    return list(getattr(layer.cell, "cells", [layer.cell]))


def units_of(cell):
    size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def gates_of(cell):
    """Return the number of a cell's gates; 0 for a custom cell."""
    counts = {"SimpleRNNCell": 1, "GRUCell": 3, "LSTMCell": 4, "ConvLSTMCell": 4}
    return counts.get(type(cell).__name__, 0)


def is_lstm(cell):
    return gates_of(cell) == 4


@contextlib.contextmanager
def set_for_a_while(owner, name, value):
    names, missing = vars(owner), object()
    before = names.get(name, missing)
    names[name] = value
    try:
        yield
    finally:
        if before is missing:
            del names[name]
        else:
            names[name] = before


@contextlib.contextmanager
def changed_in_the_loop(layer, cell, timesteps, change, call=0):
    """In the call-th pass, replace every iteration of the loop by `change(turn, run)`.

    `run()` is the cell's own call; it returns its output and its flattened new states.
    """
    before = 0 if layer.unroll else 1  # a loop first calls its cell once on trial
    if len(cells_of(layer)) > 1 and type(layer).__module__.startswith("keras."):
        before += 1  # and Keras 3 once more, for the dropout masks of stacked cells
    first = call * (timesteps + before) + before
    original, count = cell.call, 0

    def wrapped(*args, **kwargs):
        nonlocal count
        turn, count = count - first, count + 1
        structure = None

        def run():
            nonlocal structure
            output, structure = original(*args, **kwargs)
            return output, tf.nest.flatten(structure)

        output, states = change(turn, run) if 0 <= turn < timesteps else run()
        return output, tf.nest.pack_sequence_as(structure, states)

    with contextlib.ExitStack() as stack:
        stack.enter_context(set_for_a_while(cell, "call", wrapped))
        if hasattr(layer, "_could_use_gpu_kernel"):  # tf_keras' fused path never calls the cell
            stack.enter_context(set_for_a_while(layer, "_could_use_gpu_kernel", False))
        yield


@contextlib.contextmanager
def changed_around_the_loop(layer, change, call=0):
    """In the call-th pass, replace the layer's call by `change(inputs, run)`."""
    original, count = layer.call, 0

    def wrapped(inputs, *args, **kwargs):
        nonlocal count
        number, count = count, count + 1

        def run(inputs):
            return original(inputs, *args, **kwargs)

        return change(inputs, run) if number == call else run(inputs)

    with set_for_a_while(layer, "call", wrapped):
        yield


def with_first(structure, change):
    """Return the structure with its first leaf changed."""
    first, *rest = tf.nest.flatten(structure)
    return tf.nest.pack_sequence_as(structure, [change(first), *rest])


def plus(tensor, array):
    return tensor + array.reshape(tensor.shape)


# How each quantity is perturbed: by (turn, run) in the loop, or by (inputs, run) around it.


def hidden_state(cell, added):
    def change(turn, run):
        output, (h, *others) = run()
        moved = plus(h, added[:, turn])
        if hasattr(cell, "read_out"):  # a custom cell whose output is computed from its state
            return cell.read_out(moved), [moved, *others]
        return moved if output is h else output, [moved, *others]

    return change


def cell_state(cell, added):
    """Perturb c_t. As h_t = o_t tanh(c_t), c_t + eps is in h_t too."""

    def change(turn, run):
        _, (h, c, *others) = run()
        moved = plus(c, added[:, turn])
        h = h / cell.activation(c) * cell.activation(moved)
        return h, [h, moved, *others]

    return change


def gates(cell, added):
    """Perturb the arguments of the activation functions: the pre-activations, gate by gate."""
    names = [name for name in ("activation", "recurrent_activation") if name in vars(cell)]

    def change(turn, run):
        to_come = iter(np.split(added[:, turn], gates_of(cell), axis=-1))

        def moved(function):
            def activation(z):
                here = next(to_come, None)
                return function(z if here is None else plus(z, here))

            return activation

        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(set_for_a_while(cell, name, moved(vars(cell)[name])))
            return run()

    return change


def inputs(layer, added):
    return lambda given, run: run(with_first(given, lambda x: plus(x, added)))


def output(layer, added):
    return lambda given, run: with_first(run(given), lambda y: plus(y, added))


IN_THE_LOOP = {"hidden_state": hidden_state, "cell_state": cell_state, "gates": gates}
AROUND_THE_LOOP = {"input": inputs, "output": output}
QUANTITIES = {*IN_THE_LOOP, *AROUND_THE_LOOP}


def in_loop_order(layer, array):
    """Reorder timesteps from input order to the order of the layer's loop, or back."""
    return array[:, ::-1] if layer.go_backwards and array.ndim == 3 else array


def split(of, leaves, array):
    """Yield (layer, cell, its part) of an array laid out as a record's data, cell by cell."""
    owners = [(layer, cell) for layer in leaves for cell in cells_of(layer)]
    if of == "cell_state":
        owners = [(layer, cell) for layer, cell in owners if is_lstm(cell)]
    widths = [array.shape[-1]]
    if len(owners) > 1:
        widths = [units_of(cell) * (gates_of(cell) if of == "gates" else 1) for _, cell in owners]
    parts = np.split(array, np.cumsum(widths)[:-1], axis=-1)
    return [(layer, cell, part) for (layer, cell), part in zip(owners, parts, strict=True)]


def perturbed(of, leaves, added, timesteps, call=0):
    """While entered, add `added`, laid out as a record's data, to the quantity."""
    stack = contextlib.ExitStack()
    if of in IN_THE_LOOP:
        for layer, cell, part in split(of, leaves, added):
            change = IN_THE_LOOP[of](cell, in_loop_order(layer, part))
            stack.enter_context(changed_in_the_loop(layer, cell, timesteps, change, call))
        return stack
    parts = [added] * len(leaves) if of == "input" else np.split(added, len(leaves), axis=-1)
    for layer, part in zip(leaves, parts, strict=True):
        # A layer takes its input in input order, and returns its output in loop order.
        part = part if of == "input" else in_loop_order(layer, part)
        change = AROUND_THE_LOOP[of](layer, part)
        stack.enter_context(changed_around_the_loop(layer, change, call))
    return stack


def derivative(of, loss, leaves, direction, timesteps, call=0, reset=lambda: None):
    """Return the derivative of the loss along `direction`, laid out as a record's data."""
    values = []
    for sign in (1, -1):
        reset()
        with perturbed(of, leaves, sign * EPS * direction, timesteps, call):
            values.append(loss())
    return (values[0] - values[1]) / (2 * EPS)


def hidden_state_gradient(loss, leaves, shape, index, call=0, reset=lambda: None):
    """Return dL/dh at `index` = (sample, timestep, channel) of a record of these leaf layers."""
    direction = np.zeros(shape)
    direction[index] = 1
    return derivative("hidden_state", loss, leaves, direction, shape[1], call, reset)


def weights_derivative(loss, directions, reset=lambda: None):
    """Return the derivative of the loss along [(variable, direction), ...] together."""
    before = [(variable, np.asarray(variable)) for variable, _ in directions]
    values = []
    for sign in (1, -1):
        reset()
        for (variable, value), (_, direction) in zip(before, directions, strict=True):
            variable.assign(value + sign * EPS * direction.reshape(value.shape))
        values.append(loss())
    for variable, value in before:
        variable.assign(value)
    return (values[0] - values[1]) / (2 * EPS)


def values_of(loss, leaves, timesteps, call=0, reset=lambda: None):
    """Return h, c and y of one pass, each [samples, timesteps, channels], as in records."""
    cells = [(layer, cell) for layer in leaves for cell in cells_of(layer)]
    states = {id(cell): [] for _, cell in cells}
    emitted = []

    def noting(cell):
        def change(turn, run):
            output, flat = run()
            states[id(cell)].append(flat)
            return output, flat

        return change

    def emitting(layer):
        def change(given, run):
            result = run(given)
            first = np.asarray(tf.nest.flatten(result)[0])
            flat = first.reshape(*first.shape[: 1 + layer.return_sequences], -1)
            emitted.append(in_loop_order(layer, flat))
            return result

        return change

    with contextlib.ExitStack() as stack:
        for layer, cell in cells:
            stack.enter_context(changed_in_the_loop(layer, cell, timesteps, noting(cell), call))
        for layer in leaves:
            stack.enter_context(changed_around_the_loop(layer, emitting(layer), call))
        reset()
        loss()

    def sequence(position):
        parts = [
            in_loop_order(
                layer,
                np.stack([np.reshape(turn[position], (len(turn[0]), -1)) for turn in turns], 1),
            )
            for layer, cell in cells
            if len((turns := states[id(cell)])[0]) > position
        ]
        return np.concatenate(parts, axis=-1) if parts else None

    found = {"states/h": sequence(0), "states/c": sequence(1)}
    found["activations"] = np.concatenate(emitted, axis=-1)
    return {name: value for name, value in found.items() if value is not None}


def use_dtype(k, dtype):
    """Make new layers of a Keras compute in `dtype`, or under a policy such as mixed_float16."""
    k.backend.set_floatx("float64" if dtype == "float64" else "float32")
    k.mixed_precision.set_global_policy(dtype)


@contextlib.contextmanager
def in_float64(k):
    """While entered, a Keras computes in float64 and is seeded."""
    use_dtype(k, "float64")
    k.utils.set_random_seed(7)
    try:
        yield k
    finally:
        use_dtype(k, "float32")
        k.backend.clear_session()
        # TensorFlow never frees what it has registered for a trace's gradient: after some hundred
        # tests a collection would go through millions of such objects.
        gc.collect()
        gc.freeze()
