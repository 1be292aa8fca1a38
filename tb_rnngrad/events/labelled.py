"""Series and flows as labelled arrays (xarray) and tables (pandas)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events.header import Header
from tb_rnngrad.events.metadata import Metadata
from tb_rnngrad.labels import kept_of
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import SequenceRecord

if TYPE_CHECKING:
    import pandas
    import xarray

_BRING: Final = "pip install 'tb_rnngrad[tables]' brings it"


@dataclass(frozen=True, eq=False)
class Steps:
    """The logged steps of a series.

    Attributes:
        steps: [n] int64.
        wall_times: [n] float64.
        headers: the header of each step's record, without its samples.
        load: from a step to its record.
    """

    steps: NDArray[np.int64]
    wall_times: NDArray[np.float64]
    headers: Sequence[Header]
    load: Callable[[int], SequenceRecord]


def to_xarray(run: str, tag: str, metadata: Metadata, logged: Steps) -> xarray.DataArray:
    """Return a series as a labelled array; `Series.to_xarray` documents it.

    Raises:
        ImportError: If xarray is not installed.
        ValueError: If the series has no tensor.
    """
    try:
        import xarray
    except ImportError:
        raise ImportError(f"to_xarray needs xarray: {_BRING}") from None
    if not logged.headers:
        raise ValueError(f"{tag!r} has flow statistics alone, and no tensor at any step")
    shapes = [_kept_shape(header, metadata.quantity) for header in logged.headers]
    shape = tuple(int(size) for size in np.max(shapes, axis=0))
    dims = _dims(metadata.quantity, len(shape))
    coords: dict[str, Any] = {
        "step": logged.steps,
        "wall_time": ("step", logged.wall_times),
        "run": run,
        **{dim: np.arange(size) for dim, size in zip(dims, shape, strict=True)},
    }
    if metadata.channel_groups is not None:
        names, sizes = [*metadata.channel_groups], [*metadata.channel_groups.values()]
        coords["channel_group"] = ("channel", np.repeat(names, sizes))
    if "timestep" in dims:
        coords["mask"] = (("step", *dims[:2]), _masks(logged.headers, shapes, shape))
    if "sample" in dims and any(header.ids is not None for header in logged.headers):
        coords["sample_id"] = (("step", "sample"), _ids(logged.headers, shape[0]))
    if "timestep" in dims and any(header.labels is not None for header in logged.headers):
        coords["label"] = (("step", *dims[:2]), _labels(logged.headers, shape))
    attributes = {
        "tag": tag,
        "quantity": metadata.quantity,
        "layer": metadata.layer,
        "framework": metadata.framework,
        "direction": metadata.direction,
        "details": None if metadata.details is None else json.dumps(dict(metadata.details)),
    }
    return xarray.DataArray(
        _stacked(logged, shape),
        coords,
        ("step", *dims),
        metadata.quantity,
        {name: value for name, value in attributes.items() if value is not None},
    )


def _kept_shape(header: Header, quantity: str) -> tuple[int, ...]:
    """Return the shape of the record's data: that of the batch, with the kept samples alone."""
    return header.shape if is_matrix(quantity) else (header.kept, *header.shape[1:])


def _dims(quantity: str, rank: int) -> tuple[str, ...]:
    if is_matrix(quantity):
        return ("row", "channel")
    return ("sample", "timestep", "channel") if rank == 3 else ("sample", "channel")


def _masks(
    headers: Sequence[Header], shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return [steps, samples, timesteps], False at padding, also of steps that are shorter."""
    masks = np.zeros((len(headers), *shape[:2]), np.bool_)
    for mask, header, (samples, timesteps, *_) in zip(masks, headers, shapes, strict=True):
        mask[:samples, :timesteps] = True if header.mask is None else header.mask
    return masks


def _ids(headers: Sequence[Header], samples: int) -> NDArray[Any]:
    """Return [steps, samples]: integers where every sample has one, else strings, "" for none."""
    kept = [
        () if header.ids is None else kept_of(header.ids, header.samples, header.kept)
        for header in headers
    ]
    if all(len(ids) == samples and all(isinstance(one, int) for one in ids) for ids in kept):
        return np.array(kept)
    return np.array([[*map(str, ids), *[""] * (samples - len(ids))] for ids in kept])


def _labels(headers: Sequence[Header], shape: tuple[int, ...]) -> NDArray[np.str_]:
    """Return [steps, samples, timesteps], "" where there is no label."""
    labels = np.full((len(headers), *shape[:2]), "", dtype=object)
    for of_step, header in zip(labels, headers, strict=True):
        if header.labels is not None:
            named = np.array(header.labels)  # of each sample, or the same for all
            of_step[: header.kept, : named.shape[-1]] = named
    return labels.astype(str)


def _stacked(logged: Steps, shape: tuple[int, ...]) -> Any:
    """Return [steps, *shape] float32, read at access where dask is installed."""

    def padded(step: int) -> NDArray[np.float32]:
        data = np.full(shape, np.nan, np.float32)
        found = logged.load(step).data
        data[tuple(slice(size) for size in found.shape)] = found
        return data

    steps = logged.steps.tolist()
    try:
        import dask
        import dask.array
    except ImportError:
        return np.stack([padded(step) for step in steps])
    read = dask.delayed(padded, pure=False)
    return dask.array.stack(
        [dask.array.from_delayed(read(step), shape, np.float32) for step in steps]
    )


def to_pandas(
    steps: NDArray[np.int64], values: NDArray[np.float32], statistics: tuple[str, ...]
) -> pandas.DataFrame:
    """Return a flow as a table; `Flow.to_pandas` documents it.

    Raises:
        ImportError: If pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(f"to_pandas needs pandas: {_BRING}") from None
    count, timesteps, columns = values.shape
    index = pandas.MultiIndex.from_product([steps, range(timesteps)], names=["step", "timestep"])
    table = pandas.DataFrame(
        values.reshape(count * timesteps, columns), index=index, columns=[*statistics]
    )
    return table.dropna(how="all")  # the rows that pad shorter steps
