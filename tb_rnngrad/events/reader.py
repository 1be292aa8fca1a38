"""Reads logs back into NumPy.

Reads the event files directly, without TensorBoard and its limit on steps, so every logged step
comes back. Arrays are read on access.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.summary_pb2 import Summary

from tb_rnngrad import quantities
from tb_rnngrad.events import labelled, metadata
from tb_rnngrad.events.blobs import decode_header, decode_sample
from tb_rnngrad.events.choice import choose
from tb_rnngrad.events.flow_tensor import checked, rows_of
from tb_rnngrad.events.header import Header, Logged
from tb_rnngrad.events.logdir import LogDirectory, files_of
from tb_rnngrad.events.metadata import FormatError, Metadata
from tb_rnngrad.events.places import FoundTag, Place, read_value, scan
from tb_rnngrad.record import SequenceRecord

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, eq=False)
class Flow:
    """The per-timestep statistics of all steps.

    Attributes:
        steps: [n] int64, ascending.
        values: [n, timesteps, statistics] float32; steps with fewer timesteps are padded with NaN.
        statistics: the names along the last axis.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float32]
    statistics: tuple[str, ...]

    def to_pandas(self) -> pandas.DataFrame:
        """Return a table with a row for each step and timestep, and a column for each statistic.

        Row i holds lag i for statistics by lag. Rows that only pad shorter steps are left out.

        Raises:
            ImportError: If pandas is not installed.

        Example::

            table = tb_rnngrad.read("logs", run="lstm", tag="lstm_1").flow.to_pandas()
            norms = table["norm_mean"].unstack("timestep")  # steps x timesteps
        """
        return labelled.to_pandas(self.steps, self.values, self.statistics)


class Series(Sequence[SequenceRecord]):
    """All logged steps of one tag of one run, in ascending order.

    If a step was logged twice, the later value counts. If a training resumed from an earlier step,
    the steps that it had logged beyond that one are left out, as in TensorBoard.

    `len(series)`, `series[i]` and iteration cover the steps that have a tensor; each is a
    `SequenceRecord`, read from the disk at every access. `flow` covers the steps that have
    statistics, which may be more.

    Attributes:
        run: the run's name, as TensorBoard shows it.
        tag: the tag.
        metadata: the tag's metadata.
        steps: [n] int64.
        wall_times: [n] float64, seconds since the epoch.
        parts: name of a direction or stacked cell ("forward") -> its series, which has only flow.
    """

    def __init__(self, run: str, tag: str, tags: Mapping[str, FoundTag]) -> None:
        self.run = run
        self.tag = tag
        self.metadata = tags[tag].metadata
        self.parts: Mapping[str, Series] = {
            name.removeprefix(f"{tag}/"): Series(run, name, tags)
            for name, found in tags.items()
            if found.part_of == tag and name != tag
        }
        self._records = tags[tag].records
        self._flow = tags[tag].flow
        steps = sorted(self._records)
        self.steps: NDArray[np.int64] = np.array(steps, np.int64)
        self.wall_times = np.array([self._records[s].wall_time for s in steps], np.float64)

    def __repr__(self) -> str:
        """Return a one-line description with the number of steps."""
        quantity = self.metadata.quantity
        return f"<Series {self.tag!r} of run {self.run!r}: {quantity}, {len(self)} steps>"

    def __len__(self) -> int:
        """Return the number of steps that have a tensor."""
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> SequenceRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[SequenceRecord]: ...

    def __getitem__(self, index: int | slice) -> SequenceRecord | list[SequenceRecord]:
        """Return the record of the `index`-th step, or a list of records for a slice."""
        if isinstance(index, slice):
            return [self.at(int(step)) for step in self.steps[index]]
        return self.at(int(self.steps[index]))

    def at(self, step: int) -> SequenceRecord:
        """Return the record of a training step, with its data as float32.

        Raises:
            KeyError: If no tensor was logged at `step`.
            tb_rnngrad.FormatError: If the record is damaged, or its quantity is unknown to this
                version.
        """
        if not self._records:
            raise KeyError(f"{self.tag!r} has flow statistics alone, and no tensor at any step")
        if step not in self._records:
            nearest = self.steps[np.abs(self.steps - step).argmin()]
            raise KeyError(f"no step {step} of {self.tag!r}; the nearest is {nearest}")
        if self.metadata.quantity not in quantities.QUANTITIES:
            raise FormatError(
                f"{self.tag!r} is of the quantity {self.metadata.quantity!r}, which this "
                "tb_rnngrad does not know: upgrade it"
            )
        value, header = self._header(step)
        samples = [decode_sample(blob, header) for blob in value.tensor.string_val[1:]]
        data = np.stack(samples).astype(np.float32)
        if quantities.is_matrix(self.metadata.quantity):
            data = data[0]
        elif len(header.shape) == 2:
            data = data[:, 0]
        return SequenceRecord(
            data,
            header.mask,
            self.metadata.channel_groups,
            self.metadata.quantity,
            self.metadata.layer,
            self.metadata.framework,
            self._statistics(step) if self.has(step) else None,
            header.batch,
            self.metadata.direction,
            {name: part._statistics(step) for name, part in self.parts.items() if part.has(step)},
            # Not `self.metadata`, which is the first event's: a second training in the same
            # directory may count its steps differently.
            details=Metadata.from_content(value.metadata.plugin_data.content).details,
            backward_passes=header.backward_passes,
            ids=header.ids,
            labels=header.labels,
            samples=header.samples,
            window=self.metadata.window,
            norms=header.norms,
        )

    def to_xarray(self) -> xarray.DataArray:
        """Return all steps as an array with the dimensions step, sample, timestep, channel.

        Matrices have step, row, channel; records without a time axis have step, sample, channel.
        Coordinates are `wall_time`, `run`, `mask` (False at padding) and, where they were logged,
        `channel_group`, `sample_id` (of each step's samples) and `label` (of their timesteps).
        Where steps differ in shape, shorter ones are padded with NaN.

        Where dask is installed, tensors are read step by step when they are needed; else all are
        read at once. Headers are read at once in both cases.

        Raises:
            ImportError: If xarray is not installed.
            ValueError: If the series has no tensor.
            tb_rnngrad.FormatError: If a record is damaged.

        Example::

            gradient = tb_rnngrad.read("logs", run="lstm", tag="lstm_1").to_xarray()
            real = gradient.where(gradient.mask)
            norms = (real**2).sum("channel") ** 0.5  # step x sample x timestep
            norms.sel(step=1200, method="nearest").mean("sample")
        """
        headers = [self._header(step)[1] for step in self.steps.tolist()]
        steps = labelled.Steps(self.steps, self.wall_times, headers, self.at)
        return labelled.to_xarray(self.run, self.tag, self.metadata, steps)

    def _header(self, step: int) -> tuple[Summary.Value, Header]:
        """Return a step's value and its checked header."""
        place = self._records[step]
        value = read_value(place, self.tag)
        blobs = value.tensor.string_val
        if not blobs:
            raise FormatError(f"step {step} of {self.tag!r} has no header")
        header = decode_header(blobs[0])
        header.check(self.metadata, len(blobs), self._logged(place))
        return value, header

    @property
    def flow(self) -> Flow:
        """The statistics over the whole batch, of every step at which they were logged.

        Damaged statistics are left out with a warning.
        """
        found = {}
        for step in self._flow:
            try:
                found[step] = self._statistics(step)
            except FormatError as error:
                warnings.warn(f"step {step} of {self.tag!r}: {error}", stacklevel=2)
        steps, rows = list(found), list(found.values())
        names = self.metadata.statistics
        timesteps = max((len(row) for row in rows), default=0)
        values = np.full((len(rows), timesteps, len(names)), np.nan, np.float32)
        for value, row in zip(values, rows, strict=True):
            value[: len(row)] = row
        return Flow(np.array(steps, np.int64), values, names)

    def has(self, step: int) -> bool:
        """Return whether statistics were logged at a training step."""
        return step in self._flow

    def _statistics(self, step: int) -> NDArray[np.float32]:
        place = self._flow[step]
        value = read_value(place, self.tag + metadata.FLOW_SUFFIX)
        return checked(rows_of(value.tensor), self.metadata.statistics, self._logged(place))

    def _logged(self, place: Place) -> Logged:
        return Logged(self.tag, place.step, place.wall_time)


def read(logdir: LogDirectory, run: str | None = None, tag: str | None = None) -> Series:
    """Return all logged steps of one tag of one run.

    Args:
        logdir: the directory that you would pass to TensorBoard, or a URL that fsspec reads
            ("s3://bucket/logs").
        run: the run, as TensorBoard shows it ("." for `logdir` itself). Optional if there is only
            one.
        tag: the tag. Optional if the run has only one. The flow of a part of a record
            (`TAG/forward`) is in that record's `parts`; its tag can be given here too.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If there is no such run or tag, or if it is left out and there are several; the
            message lists them.
        tb_rnngrad.FormatError: If the tag's metadata cannot be read.

    Example::

        series = tb_rnngrad.read("logs", run="lstm", tag="lstm_1")
        norms = np.linalg.norm(series[-1], axis=2)  # [samples, timesteps] of the last step
        column = series.flow.statistics.index("norm_mean")
        history = series.flow.values[:, :, column]  # [steps, timesteps], of the whole batch
    """
    files = files_of(logdir)
    if run not in files:
        with_records = [name for name, paths in files.items() if scan(paths)]
        run = choose("run", run, with_records, f"in {os.fspath(logdir)}", [*files])
    tags = scan(files[run])
    if tag not in tags:
        whole = [name for name in sorted(tags) if tags[name].part_of not in tags]
        tag = choose("tag", tag, whole, f"in the run {run!r} of {os.fspath(logdir)}", None)
    return Series(run, tag, tags)
