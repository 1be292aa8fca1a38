"""The TensorFlow op and the protobuf function write the same record."""

import numpy as np
import pytest
from events import values

import tb_rnngrad
from tb_rnngrad import SequenceRecord
from tb_rnngrad.events import blobs, metadata
from tb_rnngrad.events.flow_tensor import checked, rows_of
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import FormatError

tf = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(3)
DATA = RNG.normal(size=(6, 5, 4)).astype(np.float32)
MASK = RNG.random((6, 5)) > 0.3
GROUPS = {"forward": 1, "backward": 3}
OPTIONS = {
    "mask": MASK,
    "channel_groups": GROUPS,
    "max_outputs": 3,
    "quantity": "activation",
    "description": "of *everything*",
}


def same(ours, theirs, step):
    """Check that two values are the same record; only `ours` knows its step."""
    assert ours.metadata == theirs.metadata
    if ours.tensor.string_val:
        (header, *samples), (other, *others) = ours.tensor.string_val, theirs.tensor.string_val
        assert samples == others
        decoded, expected = blobs.decode_header(header), blobs.decode_header(other)
        assert decoded.logged == Logged(ours.tag, step)
        assert expected.logged == Logged(theirs.tag)
        np.testing.assert_array_equal(decoded.mask, expected.mask)
        np.testing.assert_array_equal(decoded.extremes, expected.extremes)
        assert decoded.shape == expected.shape
    else:
        tag = ours.tag.removesuffix("/flow")
        names = metadata.Metadata.from_content(ours.metadata.plugin_data.content).statistics
        np.testing.assert_array_equal(
            checked(rows_of(ours.tensor), names, Logged(tag, step)),
            checked(rows_of(theirs.tensor), names, Logged(tag)),
        )
        with pytest.raises(FormatError, match="its values or its step"):
            checked(rows_of(ours.tensor), names, Logged(tag, step + 1))


def written_by_tensorflow(logdir, log):
    with tf.summary.create_file_writer(str(logdir)).as_default() as writer:
        log()
        writer.flush()
    return values(logdir)


def eager(data, step, **options):
    return tb_rnngrad.summary.sequence("lstm", data, step, **options)


def in_function(data, step, **options):
    @tf.function
    def log(data, step):
        return tb_rnngrad.summary.sequence("lstm", data, step, **options)

    return log(tf.constant(data), tf.constant(step, tf.int64))


@pytest.mark.parametrize("path", [eager, in_function])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_both_paths_write_the_same_record(tmp_path, path, dtype):
    found = written_by_tensorflow(tmp_path, lambda: path(DATA, 7, dtype=dtype, **OPTIONS))
    expected = tb_rnngrad.summary.sequence_pb("lstm", DATA, dtype=dtype, **OPTIONS)
    for value in expected.value:
        same(found.pop((value.tag, 7)), value, 7)
    assert not [key for key in found if key[0]]


def test_a_record_is_written_with_its_own_fields(tmp_path):
    whole = SequenceRecord(DATA, MASK, GROUPS, "gate_gradient", "lstm_1", "keras")
    found = written_by_tensorflow(tmp_path, lambda: eager(whole, 7))
    for value in tb_rnngrad.summary.sequence_pb("lstm", whole).value:
        same(found[value.tag, 7], value, 7)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_every_floating_dtype_is_accepted(tmp_path, dtype):
    data = tf.cast(DATA, dtype)
    found = written_by_tensorflow(tmp_path, lambda: in_function(data, 1))
    blob = found["lstm", 1].tensor.string_val[1]
    expected = tf.cast(data, tf.float32).numpy()[0]
    np.testing.assert_array_equal(blobs.decode_sample(blob), expected)


def test_one_function_takes_sequences_of_any_length(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([], tf.int64)])
    def log(data, step):
        tb_rnngrad.summary.sequence("lstm", data, step)

    found = written_by_tensorflow(
        tmp_path, lambda: [log(DATA[:, :length], length) for length in (2, 5)]
    )
    assert {step for tag, step in found if tag == "lstm"} == {2, 5}


def test_the_recording_condition_and_the_default_step_are_tensorflows(tmp_path):
    def log():
        for step in range(6):
            tf.summary.experimental.set_step(step)
            with tf.summary.record_if(step % 2 == 0):
                tb_rnngrad.summary.sequence("lstm", DATA)

    found = written_by_tensorflow(tmp_path, log)
    tf.summary.experimental.set_step(None)
    assert sorted(step for tag, step in found if tag == "lstm") == [0, 2, 4]


@pytest.mark.parametrize(
    "step", [-3, tf.constant(-3, tf.int64), tf.Variable(-3, dtype=tf.int64, trainable=False)]
)
def test_a_negative_step_of_any_type_is_refused(tmp_path, step):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        with pytest.raises(ValueError, match="^step is -3; expected 0 or more"):
            tb_rnngrad.summary.sequence("lstm", DATA, step)
        tf.summary.experimental.set_step(step)
        with pytest.raises(ValueError, match="^step is -3; expected 0 or more"):
            tb_rnngrad.summary.sequence("lstm", DATA)
        tf.summary.experimental.set_step(None)


def test_the_name_scope_prefixes_the_tag(tmp_path):
    def log():
        with tf.name_scope("encoder"):
            eager(DATA, 0)

    assert ("encoder/lstm", 0) in written_by_tensorflow(tmp_path, log)


def test_without_a_writer_nothing_is_written_and_nothing_raises():
    assert not eager(DATA, 0)


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (DATA[0, 0], {}, ValueError, "data has rank 1; expected"),
        (np.ones((2, 3, 4), int), {}, TypeError, "data has dtype int64; expected floating point"),
        (DATA, {"quantity": "grad"}, ValueError, "unknown quantity 'grad'; expected one of hid"),
        (DATA, {"channel_groups": {"i": 3}}, ValueError, "name 3 channels; data has 4"),
        (DATA, {"max_outputs": 0}, ValueError, "max_outputs is 0; expected at least 1"),
        (DATA, {"dtype": "float16"}, ValueError, "dtype is 'float16' .* expected 'float32' or"),
    ],
)
@pytest.mark.parametrize("path", [eager, in_function])
def test_bad_input_is_refused_with_the_reason(tmp_path, path, data, options, error, message):
    with pytest.raises(error, match=message):
        written_by_tensorflow(tmp_path, lambda: path(data, 0, **options))


def test_a_mask_of_the_wrong_shape_is_refused_with_the_reason(tmp_path):
    with pytest.raises(ValueError, match=r"mask has shape \(5, 6\); expected"):
        written_by_tensorflow(tmp_path, lambda: eager(DATA, 0, mask=MASK.T))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"mask has shape \(5, 6\); expected"):
        written_by_tensorflow(tmp_path, lambda: in_function(DATA, 0, mask=MASK.T))
