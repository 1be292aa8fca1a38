"""Messages put together from parts equal those that the protobuf library reads and writes."""

import numpy as np
import pytest
from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

import tb_rnngrad
from tb_rnngrad.events import protobuf


@pytest.mark.parametrize("length", [1, 127, 128, 16_383, 16_384, 2**21 - 1, 2**21])
def test_a_field_of_any_length_equals_what_the_library_writes(length):
    plugin = SummaryMetadata.PluginData(content=b"a" * length)
    content = protobuf.field(plugin.CONTENT_FIELD_NUMBER, [b"a" * (length - 1), b"a"])
    assert b"".join(content) == plugin.SerializeToString()
    around = protobuf.field(SummaryMetadata.PLUGIN_DATA_FIELD_NUMBER, content)
    assert b"".join(around) == SummaryMetadata(plugin_data=plugin).SerializeToString()


def test_a_record_of_many_megabytes_comes_back_as_it_was(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 500, 256)).astype(np.float32)
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("a", data[:, :1], 0)
        writer.add_sequence("a", data, 1)
        writer.add_sequence("a", data[:, :2], 2)
    series = tb_rnngrad.read(tmp_path, tag="a")
    assert series.steps.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(np.asarray(series[1]), data)
    np.testing.assert_array_equal(np.asarray(series[2]), data[:, :2])
