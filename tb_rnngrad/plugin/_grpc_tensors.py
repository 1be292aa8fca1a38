"""Tensors of the data server as they were logged, before anything is made of them.

TensorBoard's `GrpcDataProvider.read_tensors` turns all steps into arrays: one whose shape is a lie
fails the whole tag, or takes gigabytes. This module alone knows that provider's private parts.
"""

from __future__ import annotations

from typing import Any

from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.data import grpc_provider
from tensorboard.data import provider as tb_provider
from tensorboard.data.proto import data_provider_pb2


def read(
    provider: tb_provider.DataProvider,
    *,
    ctx: Any,
    experiment_id: str,
    plugin_name: str,
    downsample: int,
    run_tag_filter: tb_provider.RunTagFilter,
) -> list[tuple[int, float, TensorProto]] | None:
    """Return step, wall time and tensor of one tag's values; None: not that provider.

    Args:
        provider: TensorBoard's.
        ctx: unused, as by the provider.
        experiment_id: as of `read_tensors`.
        plugin_name: likewise.
        downsample: likewise.
        run_tag_filter: likewise; of one run and one tag.
    """
    stub = getattr(provider, "_stub", None)
    if not isinstance(provider, grpc_provider.GrpcDataProvider) or stub is None:
        return None
    request = data_provider_pb2.ReadTensorsRequest(experiment_id=experiment_id)
    request.plugin_filter.plugin_name = plugin_name
    request.run_tag_filter.runs.names.extend(run_tag_filter.runs)
    request.run_tag_filter.tags.names.extend(run_tag_filter.tags)
    request.downsample.num_points = downsample
    answer = stub.ReadTensors(request)
    return [
        found
        for run in answer.runs
        for tag in run.tags
        for found in zip(tag.data.step, tag.data.wall_time, tag.data.value, strict=True)
    ]
