"""Reads TensorBoard's own scalars and hyperparameters, which the page draws beside the flow."""

from __future__ import annotations

import math
from typing import Any, Final

from google.protobuf.message import DecodeError
from tensorboard.data import provider as tb_provider
from tensorboard.plugins.hparams import error as hparams_error
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata

from tb_rnngrad.plugin.listing import wall_time_of
from tb_rnngrad.plugin.sources import Source

# The number of points per tag in TensorBoard's own charts.
_MOST_POINTS: Final = 1000

Hyperparameter = float | bool | str


def list_scalars(provider: tb_provider.DataProvider, source: Source) -> dict[str, list[str]]:
    """Return run -> its scalar tags, in alphabetical order."""
    listed = provider.list_scalars(plugin_name=scalar_metadata.PLUGIN_NAME, **source.query)
    return {run: sorted(tags) for run, tags in listed.items() if tags}


def read_scalars(
    provider: tb_provider.DataProvider, source: Source, tag: str
) -> dict[str, list[tuple[int, float, float | None]]]:
    """Return run -> ascending (step, wall time, value) of a tag; non-finite values become None."""
    found = provider.read_scalars(
        plugin_name=scalar_metadata.PLUGIN_NAME,
        downsample=_MOST_POINTS,
        run_tag_filter=tb_provider.RunTagFilter(tags=[tag]),
        **source.query,
    )
    return {
        run: [
            (d.step, wall_time_of(d.wall_time), float(d.value) if math.isfinite(d.value) else None)
            for d in tags[tag]
        ]
        for run, tags in found.items()
        if tag in tags
    }


def list_hyperparameters(
    provider: tb_provider.DataProvider, source: Source
) -> dict[str, dict[str, Hyperparameter]]:
    """Return run -> hyperparameter -> value, for the runs that logged any for TensorBoard."""
    tag = hparams_metadata.SESSION_START_INFO_TAG
    listed = provider.list_tensors(
        plugin_name=hparams_metadata.PLUGIN_NAME,
        run_tag_filter=tb_provider.RunTagFilter(tags=[tag]),
        **source.query,
    )
    found = {run: _hyperparameters(tags[tag].plugin_content) for run, tags in listed.items()}
    return {run: values for run, values in found.items() if values}


def _hyperparameters(content: bytes) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of a session; an empty dict if `content` cannot be read."""
    try:
        session = hparams_metadata.parse_session_start_info_plugin_data(content)
    except (DecodeError, hparams_error.HParamsError):
        return {}
    values = {name: _plain(value) for name, value in session.hparams.items()}
    return {name: value for name, value in sorted(values.items()) if value is not None}


def _plain(value: Any) -> Hyperparameter | None:
    """Return a protobuf Value as a plain value; None if it has none or JSON cannot represent it."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return float(value.number_value) if math.isfinite(value.number_value) else None
    if kind == "bool_value":
        return bool(value.bool_value)
    return str(value.string_value) if kind == "string_value" else None
