"""A flow on disk: no damage goes unnoticed."""

import numpy as np
import pytest
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT

from tb_rnngrad import flow
from tb_rnngrad.events.flow_tensor import checked, rows_of, with_checksum
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import FormatError

ROWS = flow.statistics(np.random.default_rng(0).normal(size=(6, 3, 4)))
NAMES = flow.STATISTICS
LOGGED = Logged("lstm", 7, 1.5)


def tensor(content=b"", shape=(1, 1), dtype=DT_FLOAT, values=()):
    proto = TensorProto(dtype=dtype, tensor_content=content, float_val=values)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize("logged", [LOGGED, Logged("lstm", 7), Logged("lstm")])
def test_a_flow_comes_back_bit_for_bit_whatever_its_writer_knew(logged):
    rows = ROWS.copy()
    rows[0, :3] = np.array([0x7F800001, 0xFFC12345, 0x7F800000], np.uint32).view(np.float32)
    written = with_checksum(rows, logged)
    found = rows_of(tensor(written.tobytes(), written.shape))
    values = checked(found, NAMES, LOGGED)
    np.testing.assert_array_equal(values.view(np.uint32), rows.view(np.uint32))


def test_every_flipped_bit_is_noticed():
    content = bytearray(with_checksum(ROWS, LOGGED).tobytes())
    shape = len(ROWS), len(NAMES) + 2
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match="the flow is damaged"):
            checked(rows_of(tensor(bytes(content), shape)), NAMES, LOGGED)
        content[bit // 8] ^= 1 << bit % 8
    checked(rows_of(tensor(bytes(content), shape)), NAMES, LOGGED)


@pytest.mark.parametrize(
    "found", [Logged("lstn", 7, 1.5), Logged("lstm", 8, 1.5), Logged("lstm", 7, 1.25)]
)
def test_a_flow_of_another_tag_step_or_time_is_refused(found):
    with pytest.raises(FormatError, match="its values or its step"):
        checked(with_checksum(ROWS, LOGGED), NAMES, found)


def test_a_flow_of_an_older_version_is_read_without_a_checksum():
    np.testing.assert_array_equal(checked(ROWS, NAMES, LOGGED), ROWS)


def test_statistics_that_the_tag_does_not_name_are_refused():
    with pytest.raises(FormatError, match="has 5 columns; its tag names 2 statistics"):
        checked(ROWS[:, :5], ("norm_mean", "rms"), LOGGED)


@pytest.mark.parametrize(
    "proto",
    [
        tensor(b"\0" * 12, (1, 4)),
        tensor(b"\0" * 13, (1, 3)),
        tensor(b"\0" * 8, (1, 1), DT_DOUBLE),
        tensor(b"\0" * 4, (1,)),
        tensor(b"\0" * 4, (1, 1, 1)),
        tensor(shape=(30_000_000, 17), values=[1.0]),  # TensorBoard's reader would allocate 2 GB
        tensor(shape=(2**62, 2**62), values=[1.0]),
        tensor(shape=(-1, -1), values=[1.0]),
        tensor(shape=(0, 17)),
    ],
)
def test_a_tensor_that_is_not_a_flow_is_refused_before_it_is_allocated(proto):
    with pytest.raises(FormatError, match="expected float32 \\[timesteps, statistics\\]"):
        rows_of(proto)


def test_values_are_read_from_either_protobuf_field():
    np.testing.assert_array_equal(rows_of(tensor(shape=(1, 2), values=[1.0, 2.0])), [[1.0, 2.0]])
