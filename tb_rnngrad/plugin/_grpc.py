"""Calls TensorBoard's data server directly, without `GrpcDataProvider`.

At every listing that provider creates an object per tag, which takes most of a second for 10,000
tags. It also turns the tensors of all steps into arrays, so one tensor with a false shape makes the
whole tag fail or takes gigabytes. Only this module knows the provider's private parts.
"""

from __future__ import annotations

from typing import Any

from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.data import grpc_provider
from tensorboard.data import provider as tb_provider
from tensorboard.data.proto import data_provider_pb2


def stub_of(provider: tb_provider.DataProvider) -> Any | None:
    """Return the provider's gRPC stub for the data server; None for any other provider."""
    is_grpc = isinstance(provider, grpc_provider.GrpcDataProvider)
    return getattr(provider, "_stub", None) if is_grpc else None


def list_blob_sequences(stub: Any, experiment: str, plugin: str) -> Any:
    """Return the data server's listing: a message with runs, tags and each tag's metadata."""
    request = data_provider_pb2.ListBlobSequencesRequest(experiment_id=experiment)
    request.plugin_filter.plugin_name = plugin
    return stub.ListBlobSequences(request)


def list_tensors(stub: Any, experiment: str, plugin: str) -> Any:
    """Return the listing of `list_blob_sequences`, but for tensors."""
    request = data_provider_pb2.ListTensorsRequest(experiment_id=experiment)
    request.plugin_filter.plugin_name = plugin
    return stub.ListTensors(request)


def read_tensors(
    stub: Any, experiment: str, plugin: str, run: str, tag: str, most: int
) -> list[tuple[int, float, TensorProto]]:
    """Return step, wall time and tensor (as logged) of at most `most` values of a tag.

    Raises:
        grpc.RpcError: If the call fails, for example because the values exceed one message.
    """
    request = data_provider_pb2.ReadTensorsRequest(experiment_id=experiment)
    request.plugin_filter.plugin_name = plugin
    request.run_tag_filter.runs.names.append(run)
    request.run_tag_filter.tags.names.append(tag)
    request.downsample.num_points = most
    return [
        found
        for run_entry in stub.ReadTensors(request).runs
        for entry in run_entry.tags
        for found in zip(entry.data.step, entry.data.wall_time, entry.data.value, strict=True)
    ]
