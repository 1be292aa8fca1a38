"""What each private name of TensorFlow and of the Kerases must still do for capture to be right.

Each function asserts one contract; its name is the sentence. tests/keras/test_contracts.py runs
them, and tests/versions/check.py runs them with the oldest and newest versions.
"""

from __future__ import annotations

import inspect
import random
import threading

import numpy as np
import tensorflow as tf

from tb_rnngrad.keras import _tensorflow as private
from tb_rnngrad.keras._adapters.base import logits_of, plainly, stands_in
from tb_rnngrad.keras._adapters.contracts import check_activations, check_layers
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._contracts import check_tensorflow


def in_a_graph(build):
    """Return what `build` returns, called while a tf.function is traced."""
    results = []

    def traced():
        results.append(build())
        return tf.constant(0)

    tf.function(traced, autograph=False).get_concrete_function()
    return results[0]


# --- TensorFlow --------------------------------------------------------------------------------


def the_contracts_that_are_tried_at_first_use_hold():
    check_tensorflow.cache_clear()
    check_tensorflow()


def a_variable_is_read_through_its_handle():
    variable = tf.Variable([1.0, 2.0])
    np.testing.assert_array_equal(private.read(variable), [1, 2])
    doubled = tf.function(lambda: 2 * private.read(variable))
    variable.assign([3.0, 4.0])
    np.testing.assert_array_equal(doubled(), [6, 8])


def a_variable_may_be_made_in_any_trace_of_a_function():
    made = []

    @tf.function(autograph=False)
    def function(x):
        with tf.init_scope():
            made.append(private.new_variable(tf.zeros([2]), tf.float32, tf.TensorShape([None])))
        made[-1].assign(x)
        return x

    function(tf.ones([2]))
    function(tf.ones([3]))
    assert [variable.shape.as_list() for variable in made] == [[None], [None]]
    np.testing.assert_array_equal(made[1], np.ones(3))


def a_variable_is_written_from_the_gradient_of_a_branch_and_of_a_loop():
    """`handle_here` knows the graphs of branches and bodies, and captures through them."""
    counts = private.new_variable(0, tf.int64)

    @tf.custom_gradient
    def counted(value):
        def backward(gradient):
            handle, one = private.handle_here(counts), tf.constant(1, tf.int64)
            with tf.control_dependencies(
                [tf.raw_ops.AssignAddVariableOp(resource=handle, value=one)]
            ):
                return tf.identity(gradient)

        return tf.identity(value), backward

    @tf.function(autograph=False)
    def step(x, branches):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cond(branches, lambda: counted(x), lambda: x)
            _, z = tf.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, counted(z)), (0, y))
        return tape.gradient(z, x)

    step(tf.constant(1.0), tf.constant(True))
    assert int(counts) == 4
    step(tf.constant(1.0), tf.constant(False))
    assert int(counts) == 7


def the_bodies_of_loops_are_known_while_they_are_built():
    depths = []

    def note(i):
        depths.append(len([*private.loops_around()]))
        return i + 1

    def loop(i):
        inside = tf.while_loop(lambda i: i < 1, note, [i])[0]
        return tf.cond(i < 0, lambda: note(inside), lambda: note(inside))

    in_a_graph(
        lambda: (note(tf.constant(0)), tf.while_loop(lambda i: i < 2, loop, [tf.constant(0)]))
    )
    assert depths == [0, 2, 1, 1]


def only_a_functions_own_graph_runs_every_effect():
    """The graph of its backward function runs only what its results need."""
    told = {"forward": [], "backward": []}

    @tf.custom_gradient
    def noting(value):
        def backward(gradient):
            told["backward"].append(private.runs_every_effect(tf.compat.v1.get_default_graph()))
            return gradient

        told["forward"].append(private.runs_every_effect(tf.compat.v1.get_default_graph()))
        return tf.identity(value), backward

    function = tf.function(noting, autograph=False)
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    tape.gradient(y, x)
    assert all(told["forward"]) and told["forward"]
    assert told["backward"] and not any(told["backward"])
    assert not private.runs_every_effect(private.new_graph("new"))


def the_outermost_graph_is_that_of_the_outer_function():
    graphs = []
    inner = tf.function(lambda: graphs.append(private.outermost_graph()) or tf.constant(0))
    outer = in_a_graph(lambda: (tf.compat.v1.get_default_graph(), inner())[0])
    assert graphs[0] is outer


def the_graph_of_a_called_function_is_found():
    inner = tf.function(lambda x: 2 * x, autograph=False)
    outer = tf.function(lambda x: inner(x), autograph=False).get_concrete_function(tf.constant(1.0))
    (call,) = (one for one in outer.graph.get_operations() if one.type.endswith("PartitionedCall"))
    body = private.called_graph(call)
    assert [len(body.inputs), len(body.outputs)] == [1, 1]
    assert "Mul" in {operation.type for operation in body.get_operations()}


def an_operation_can_be_made_to_read_another_tensor():
    def build():
        one, two = tf.constant(1.0), tf.constant(2.0)
        result = tf.negative(one)
        private.replace_input(result.op, 0, two)
        return result

    assert float(tf.function(build, autograph=False)()) == -2


def an_operation_with_a_gradient_of_its_own_is_marked():
    same = tf.custom_gradient(lambda x: (tf.identity(x), lambda gradient: gradient))
    mark = private.OWN_GRADIENT
    assert mark in in_a_graph(lambda: same(tf.constant(0.0))).op.node_def.attr
    assert mark not in in_a_graph(lambda: tf.identity(tf.constant(0.0))).op.node_def.attr


def tapes_tell_whether_they_record():
    assert not private.may_be_recorded() and not private.tapes_are_stopped()
    told = []

    def note(x):
        told.append((private.may_be_recorded(), private.tapes_are_stopped()))
        return x

    with tf.GradientTape():
        note(tf.constant(0.0))
        tf.recompute_grad(note)(tf.constant(0.0))
    assert told == [(True, False), (False, True)]


def traces_are_kept_apart_in_the_thread_that_asks_for_it():
    function = tf.function(lambda: tf.constant(0), autograph=False)
    outside = function.get_concrete_function()
    found = []
    with private.traced_apart("here"):
        inside = function.get_concrete_function()
        other = threading.Thread(target=lambda: found.append(function.get_concrete_function()))
        other.start()
        other.join()
    assert inside.graph is not outside.graph
    assert found[0].graph is outside.graph
    assert function.get_concrete_function().graph is outside.graph


def distributed_variables_stay_whole_in_traces_kept_apart():
    device = tf.config.list_logical_devices("CPU")[0].name
    with tf.distribute.MirroredStrategy([device]).scope():
        variable = tf.Variable(2.0)
    with private.traced_apart("here"):
        function = tf.function(lambda: variable + 1, autograph=False)
        assert float(function()) == 3
        assert len(function.get_concrete_function().graph.variables) == 1


def functions_are_inlined_in_one_thread_alone():
    before = tf.config.functions_run_eagerly()

    def is_inlined():
        graphs = []
        note = tf.function(lambda: graphs.append(tf.compat.v1.get_default_graph()), autograph=False)
        outer = in_a_graph(lambda: (note(), tf.compat.v1.get_default_graph())[1])
        return graphs[0] is outer

    told = {}
    with private.functions_inlined(), private.functions_inlined():
        told["here"] = is_inlined()
        other = threading.Thread(target=lambda: told.update(there=is_inlined()))
        other.start()
        other.join()
    assert told == {"here": True, "there": False}
    assert tf.config.functions_run_eagerly() is before


def autograph_leaves_a_marked_function_and_converts_what_it_calls():
    def sign(x):
        if x > 0:  # a Python condition on a tensor works in a graph only if converted
            return tf.constant(1)
        return tf.constant(-1)

    def own(x):
        return private.as_autograph_would(sign)(x), inspect.currentframe().f_code.co_filename

    files = []

    def traced(x):
        result, file = private.left_by_autograph(own)(x)
        files.append(file)
        return result

    assert int(tf.function(traced)(tf.constant(2.0))) == 1
    assert files == [__file__]


# --- the Kerases -------------------------------------------------------------------------------


def small(k, kind="LSTM", **options):
    """Return a compiled model of one recurrent layer, its layer and a batch."""
    layer = getattr(k.layers, kind)(3, name="rnn", **options)
    model = k.Sequential([k.layers.Input((4, 2)), layer, k.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, layer, np.ones((6, 4, 2)), np.ones((6, 1))


def what_is_checked_at_first_use_holds_and_draws_no_random_number(k):
    adapter = adapter_of(k.layers.Dense(1))
    before = random.getstate(), np.random.get_state()[1].tolist()
    name = k.layers.LSTMCell(1).name
    drawn = random.getstate()
    for check in (check_layers, check_activations):
        check.cache_clear()
    check_layers(adapter)
    for own, kind in adapter.cell_kinds.items():
        check_activations(adapter, own, kind)
    assert random.getstate() == drawn
    assert np.random.get_state()[1].tolist() == before[1]
    number = int(name.rpartition("_")[2]) if name != "lstm_cell" else 0
    assert k.layers.LSTMCell(1).name == f"lstm_cell_{number + 1}"


def every_recurrent_layer_runs_the_loop_that_is_replaced(k):
    adapter = adapter_of(k.layers.Dense(1))
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        _, layer, x, _ = small(k, kind)
        calls = []

        def counting(rnn, calls=calls):
            return lambda *args, **kwargs: (calls.append(1), rnn(*args, **kwargs))[1]

        x = tf.constant(x, layer.compute_dtype)
        with adapter.recurrence(layer, x, False, counting) as inputs:
            layer.call(inputs)
        assert calls == [1], kind


def a_call_set_on_a_layer_is_run_with_mask_and_training(k):
    layer = k.layers.LSTM(3)
    x = tf.ones([2, 4, 2], layer.compute_dtype)
    layer(x)
    original, given = layer.call, {}

    def call(sequences, initial_state=None, mask=None, training=False):
        given.update(mask=mask, training=training)
        return original(sequences, mask=mask, training=training)

    vars(layer)["call"] = stands_in(call, original)
    layer(x, mask=tf.constant([[True] * 4] * 2), training=True)
    del vars(layer)["call"]
    assert given["training"] is True
    assert given["mask"] is not None


def fit_reads_the_train_function_at_every_step(k):
    model, _, x, y = small(k)
    ran = []

    class Swapping(k.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            function = self.model.train_function

            def swapped(data):
                ran.append(batch)
                vars(self.model)["train_function"] = function
                return function(data)

            if batch == 1:
                vars(self.model)["train_function"] = swapped

    model.fit(x, y, batch_size=2, verbose=0, callbacks=[Swapping()])
    assert ran == [1]


def a_train_function_is_made_from_the_train_step_found_on_the_model(k):
    model, _, x, y = small(k)
    model.make_train_function()
    first, original, traced = model.train_function, model.train_step, []

    def train_step(data):
        traced.append(1)
        return original(data)

    vars(model)["train_step"] = train_step
    model.make_train_function(force=True)
    data = tf.data.Dataset.from_tensors((x, y)).repeat()
    model.train_function(iter(data))
    assert traced and model.train_function is not first
    assert getattr(first, "python_function", first).__module__.split(".")[0] == k.__name__


def the_layers_inside_a_layer_are_listed(k):
    adapter = adapter_of(k.layers.Dense(1))
    inner = k.Sequential([k.layers.Input((4, 2)), k.layers.LSTM(3, name="deep")])
    model = k.Sequential([k.layers.Input((4, 2)), inner])
    assert inner in adapter.children(model)
    assert "deep" not in [one.name for one in adapter.children(model)]
    assert "deep" in [one.name for one in adapter.children(inner)]


def a_variable_is_raw_under_mixed_precision(k):
    adapter = adapter_of(k.layers.Dense(1))
    kernels, layer = [], k.layers.Dense(1, dtype="mixed_float16")
    call = layer.call

    def noting(inputs):
        kernels.append((tf.convert_to_tensor(layer.kernel), adapter.raw(layer.kernel)))
        return call(inputs)

    layer.build((2, 3))
    vars(layer)["call"] = noting
    layer(tf.ones([2, 3], tf.float16))
    cast, raw = kernels[0]
    assert cast.dtype == tf.float16 and raw.dtype == tf.float32
    assert isinstance(raw, tf.Variable)


def variables_that_a_layer_assigns_itself_are_told_from_frozen_ones(k):
    adapter = adapter_of(k.layers.Dense(1))
    layer = k.layers.BatchNormalization()
    layer.build((2, 3))
    layer.trainable = False
    moving = {id(variable) for variable in adapter.moving_variables(layer)}
    assert moving == {id(layer.moving_mean), id(layer.moving_variance)}


def the_loss_scale_is_reported(k):
    adapter = adapter_of(k.layers.Dense(1))
    optimizer = k.mixed_precision.LossScaleOptimizer(k.optimizers.SGD(), initial_scale=8.0)
    noted = []
    ((names, name, value),) = adapter.scaling_patches(optimizer, noted.append)
    scaled = value(tf.constant(3.0))
    assert [float(scaled), float(noted[0])] == [24, 8]
    assert getattr(optimizer, name) is not None and names is vars(optimizer)


def an_error_is_left_as_it_is_worded(k):
    class Failing(k.layers.Layer):
        def call(self, inputs):
            raise plainly(ValueError("in plain words"))

    try:
        Failing()(tf.ones([2, 3]))
    except ValueError as error:
        assert str(error) == "in plain words"
    else:
        raise AssertionError("no error")


def the_logits_behind_a_prediction_are_known(k):
    def predicted():
        logits = tf.constant([[1.0, 2.0]])
        return logits, k.activations.softmax(logits)

    logits, prediction = in_a_graph(predicted)
    assert logits_of(prediction) is logits


def the_states_that_a_pass_changes_are_listed(k):
    adapter = adapter_of(k.layers.Dense(1))
    layer = k.layers.LSTM(3, stateful=True, dropout=0.5)
    normalization = k.layers.BatchNormalization()
    inputs = k.Input(batch_shape=(2, 4, 2))
    model = k.Model(inputs, normalization(layer(inputs)))
    listed = {id(one) for one in adapter.passing_state(model)}
    assert {id(one) for one in (*layer.states, normalization.moving_mean)} <= listed


def an_execution_of_several_steps_is_known(k):
    model, *_ = small(k)
    adapter = adapter_of(model)
    assert adapter.runs_one_step(model)
    model.compile("sgd", "mse", steps_per_execution=2)
    assert not adapter.runs_one_step(model)


OF_TENSORFLOW = (
    the_contracts_that_are_tried_at_first_use_hold,
    a_variable_is_read_through_its_handle,
    a_variable_may_be_made_in_any_trace_of_a_function,
    a_variable_is_written_from_the_gradient_of_a_branch_and_of_a_loop,
    the_bodies_of_loops_are_known_while_they_are_built,
    only_a_functions_own_graph_runs_every_effect,
    the_outermost_graph_is_that_of_the_outer_function,
    the_graph_of_a_called_function_is_found,
    an_operation_can_be_made_to_read_another_tensor,
    an_operation_with_a_gradient_of_its_own_is_marked,
    tapes_tell_whether_they_record,
    traces_are_kept_apart_in_the_thread_that_asks_for_it,
    distributed_variables_stay_whole_in_traces_kept_apart,
    functions_are_inlined_in_one_thread_alone,
    autograph_leaves_a_marked_function_and_converts_what_it_calls,
)

OF_BOTH_KERASES = (
    what_is_checked_at_first_use_holds_and_draws_no_random_number,
    every_recurrent_layer_runs_the_loop_that_is_replaced,
    a_call_set_on_a_layer_is_run_with_mask_and_training,
    fit_reads_the_train_function_at_every_step,
    a_train_function_is_made_from_the_train_step_found_on_the_model,
    the_layers_inside_a_layer_are_listed,
    a_variable_is_raw_under_mixed_precision,
    variables_that_a_layer_assigns_itself_are_told_from_frozen_ones,
    the_loss_scale_is_reported,
    an_error_is_left_as_it_is_worded,
    the_logits_behind_a_prediction_are_known,
    the_states_that_a_pass_changes_are_listed,
    an_execution_of_several_steps_is_known,
)
