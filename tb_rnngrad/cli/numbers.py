"""Numbers of a series as files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tb_rnngrad.cli.progress import lazy_progress, progress
from tb_rnngrad.events.reader import Series
from tb_rnngrad.quantities import is_matrix
from tb_rnngrad.record import SequenceRecord


def records(series: Series, step: int | None) -> Iterator[tuple[int, SequenceRecord]]:
    """Yield the training steps and records to export.

    Raises:
        ValueError: If the series has no tensor.
        KeyError: If it has none at `step`.
    """
    if not len(series):
        raise ValueError(f"{series.tag!r} has flow statistics alone; --flow writes them as csv")
    steps = series.steps.tolist() if step is None else [step]
    for one in progress(steps, len(steps), "exporting", "step"):
        yield one, series.at(one)


def write_npz(series: Series, step: int | None, path: Path) -> None:
    """Write the records of all steps, or of one, as arrays.

    `data` is [steps, samples, timesteps, channels], without the axes that the quantity lacks. Where
    steps differ in shape, shorter ones are padded with NaN. `mask` is [steps, samples, timesteps],
    False at padding; `flow` is [flow_steps, timesteps, statistics].
    """
    steps, found = zip(*records(series, step), strict=True)
    shape = np.max([record.shape for record in found], axis=0)
    data = np.full((len(found), *shape), np.nan, np.float32)
    mask = np.zeros(data.shape[:3], np.bool_) if data.ndim == 4 else None
    for index, record in enumerate(found):
        data[index][tuple(slice(size) for size in record.shape)] = record.data
        if mask is not None:
            samples, timesteps, _ = record.shape
            mask[index, :samples, :timesteps] = True if record.mask is None else record.mask
    flow = series.flow
    kept = np.ones(len(flow.steps), np.bool_) if step is None else flow.steps == step
    arrays: dict[str, Any] = {
        "steps": np.array(steps, np.int64),
        "wall_times": series.wall_times[np.isin(series.steps, steps)],
        "data": data,
        "channels": np.array(channel_names(found[0])),
        "flow_steps": flow.steps[kept],
        "flow": flow.values[kept],
        "statistics": np.array(flow.statistics),
    }
    if mask is not None:
        arrays["mask"] = mask
    np.savez_compressed(path, **arrays)


def write_csv(series: Series, step: int | None, path: Path) -> None:
    """Write a row for each step, sample and real timestep, with a column for each channel.

    Numbers have the fewest digits that give the same float32 back.
    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for number, (at, record) in enumerate(records(series, step)):
            if number == 0:
                writer.writerow((*_index_names(record), *channel_names(record)))
            writer.writerows((at, *row) for row in _rows(record))


def write_netcdf(series: Series, step: int | None, path: Path) -> None:
    """Write what `series.to_xarray()` gives as NetCDF, of all steps or of one.

    Raises:
        ImportError: If xarray or h5netcdf is not installed.
        KeyError: If there is no tensor at `step`.
    """
    try:
        import h5netcdf  # noqa: F401
    except ImportError:
        raise ImportError(
            ".nc needs h5netcdf: pip install 'tb_rnngrad[export]' brings it"
        ) from None
    if step is not None:
        series.at(step)  # says which step is nearest if there is none
    array = series.to_xarray()
    chosen = array if step is None else array.sel(step=[step])
    with lazy_progress():
        chosen.to_netcdf(path, engine="h5netcdf")


def _index_names(record: SequenceRecord) -> tuple[str, ...]:
    if is_matrix(record.quantity):
        return ("step", "row")
    return ("step", "sample", "timestep") if record.data.ndim == 3 else ("step", "sample")


def _rows(record: SequenceRecord) -> Iterator[tuple[Any, ...]]:
    if record.data.ndim == 2:
        for index, values in enumerate(record.data):
            yield (index, *values)
        return
    for sample, timesteps in enumerate(record.data):
        for timestep, values in enumerate(timesteps):
            if record.mask is None or record.mask[sample, timestep]:
                yield (sample, timestep, *values)


def channel_names(record: SequenceRecord) -> list[str]:
    """Return a name for each channel: its number in its group, "f 3", or "channel 3"."""
    groups: Mapping[str, int] = record.channel_groups or {"channel": record.shape[-1]}
    return [f"{group} {index}" for group, size in groups.items() for index in range(size)]


def write_flow_csv(series: Series, step: int | None, path: Path) -> None:
    """Write a row for each step and timestep of the flow, with a column for each statistic.

    Raises:
        ValueError: If there is no flow, or none at `step`.
    """
    flow = series.flow
    known = [at for at in flow.steps.tolist() if step in (None, at)]
    if not known:
        where = "" if step is None else f" at step {step}"
        raise ValueError(f"{series.tag!r} has no flow statistics{where}")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("step", "timestep", *flow.statistics))
        for at, rows in progress(
            zip(flow.steps.tolist(), flow.values, strict=True), len(flow.steps), "exporting", "step"
        ):
            if at in known:
                writer.writerows((at, timestep, *row) for timestep, row in enumerate(rows))
