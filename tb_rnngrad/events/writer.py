"""An event-file writer that needs no framework.

TensorBoard's own `EventFileWriter` computes its checksums in pure Python, at 8.5 MB/s; this writer
uses google-crc32c. It writes a record whole or not at all, and the record is in the file when
`add_sequence` returns.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import ArrayLike
from tensorboard.compat.proto.event_pb2 import Event

from tb_rnngrad import flow
from tb_rnngrad.events import messages, protobuf, tfrecord
from tb_rnngrad.events.event_file import EventFile, other_file
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import Metadata
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.events.written_tags import SCALAR, WrittenTags
from tb_rnngrad.flow import Statistics
from tb_rnngrad.quantities import check_direction, check_quantity
from tb_rnngrad.record import SequenceRecord, check_details


class SummaryWriter:
    """Writes records to a TensorBoard run; usable from several threads.

    Args:
        logdir: the run's directory, on a local file system; created if missing. Give each writer
            that is open at the same time its own directory (a sub-run): TensorBoard's Python loader
            stops reading an event file once the directory has a later one.

    The writer warns once if the directory already holds steps of a tag and the new steps begin at
    or before the first of them, since that is a second training. If the directory or the file is
    deleted while the writer is open, it warns once, creates both again and goes on.

    Example::

        with tb_rnngrad.SummaryWriter("logs/lstm") as writer:
            writer.add_sequence("lstm_1", gradient, global_step=step)  # a record and its flow
            writer.add_flow("lstm_2", tb_rnngrad.flow.statistics(gradient), step)
            writer.add_scalars({"loss": 0.5, "accuracy": 0.9}, step)

    Raises:
        ValueError: If `logdir` is a URL.
        OSError: If the directory or the file cannot be created.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        if "://" in os.fspath(logdir):
            raise ValueError(
                f"logdir is {os.fspath(logdir)!r}; expected a local directory. For remote file "
                "systems write with tb_rnngrad.summary.sequence under a tf.summary writer"
            )
        self.logdir = Path(logdir)
        self.logdir.mkdir(parents=True, exist_ok=True)
        other = other_file(self.logdir)
        if other is not None:
            self._warn(
                f"this process already wrote {other}. If its writer is still open, TensorBoard's "
                "Python loader will miss what that one writes from now on: log through that writer "
                "(tb_rnngrad.summary), or into a directory of its own, say "
                f"{self.logdir / 'rnngrad'}",
                stacklevel=2,
            )
        self._lock = threading.Lock()
        self._tags = WrittenTags(self.logdir)
        self._batches_open = 0  # number of `batched()` blocks entered
        self._kept: list[Buffer] = []
        self._is_closed = False
        self._has_told_of_deletion = False
        self._file = EventFile(self.logdir.resolve())

    @property
    def path(self) -> Path:
        """The event file."""
        return self._file.path

    def add_sequence(
        self,
        tag: str,
        data: ArrayLike | SequenceRecord,
        global_step: int,
        *,
        quantity: str = messages.DEFAULT_QUANTITY,
        mask: ArrayLike | None = None,
        max_outputs: int = 4,
        channel_groups: Mapping[str, int] | None = None,
        dtype: str = "float32",
        description: str | None = None,
        wall_time: float | None = None,
        ids: Any = None,
        labels: Any = None,
        keep: str = "first",
        window: int | None = None,
        norms: bool = False,
    ) -> None:
        """Write one record; `summary.sequence` describes the arguments in full.

        Args:
            tag: the record's tag.
            data: an array [samples, timesteps, channels] or [samples, channels], or a
                `SequenceRecord`.
            global_step: the training step.
            quantity: what the numbers are.
            mask: [samples, timesteps] of bool, or lengths [samples].
            max_outputs: number of samples to keep.
            channel_groups: name -> number of channels.
            dtype: "float32" or "bfloat16".
            description: Markdown for the page.
            wall_time: seconds since the epoch; None for now.
            ids: [samples] strings or integers.
            labels: [timesteps], or [samples, timesteps].
            keep: which samples to keep.
            window: the number of timesteps of truncated backpropagation.
            norms: whether to write the norm of every sample at every timestep, too.

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: If writing fails, for example because the disk is full. The file is left as it
                was before the call; a later call may succeed.
        """
        event = _event(global_step, wall_time)
        whole = messages.as_record(data, quantity, mask, channel_groups, ids, labels, window)
        if norms:
            whole = messages.with_norms(whole)
        logged = Logged(tag, event.step, event.wall_time)
        meta, parts = messages.serialised(whole, max_outputs, dtype, description, logged, keep)
        self._note(tag, meta.to_content(), event.step)
        self._write(event, protobuf.field(Event.SUMMARY_FIELD_NUMBER, parts))

    def add_flow(
        self,
        tag: str,
        rows: ArrayLike | Statistics,
        global_step: int,
        *,
        quantity: str = messages.DEFAULT_QUANTITY,
        layer: str | None = None,
        framework: str | None = None,
        channel_groups: Mapping[str, int] | None = None,
        direction: str = "forward",
        details: Mapping[str, Any] | None = None,
        wall_time: float | None = None,
    ) -> None:
        """Write the flow statistics of one step without their tensor.

        They take a few kilobytes, so you can log them at every step. `add_sequence` already writes
        them along with its tensor. `quantity` and the arguments after it describe the tag; they
        must match the records that `add_sequence` writes under the same tag.

        Args:
            tag: the record's tag.
            rows: [timesteps, statistics], as `flow.statistics` returns them; or a `Statistics`, as
                `flow.statistics_of_each` returns it, whose parts are written too.
            global_step: the training step.
            quantity: what they are statistics of.
            layer: as in a `SequenceRecord`.
            framework: as in a `SequenceRecord`.
            channel_groups: as in a `SequenceRecord`.
            direction: as in a `SequenceRecord`.
            details: as in a `SequenceRecord`.
            wall_time: seconds since the epoch; None for now.

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: As in `add_sequence`.
        """
        event = _event(global_step, wall_time)
        messages.check_tag(tag)
        check_quantity(quantity)
        check_direction(direction)
        check_details(details)
        meta = Metadata(
            quantity, layer, framework, channel_groups, flow.STATISTICS, direction, details
        )
        found = rows if isinstance(rows, Statistics) else Statistics(flow.as_rows(rows), {})
        logged = Logged(tag, event.step, event.wall_time)
        parts = messages.serialised_flows(found, meta, logged)
        self._note(tag, meta.to_content(), event.step)
        self._write(event, protobuf.field(Event.SUMMARY_FIELD_NUMBER, parts))

    def add_scalar(
        self, tag: str, value: float, global_step: int, *, wall_time: float | None = None
    ) -> None:
        """Write one number for TensorBoard's own Scalars and Time Series tabs.

        Use it instead of a second writer in the same directory, which would lose steps.

        Args:
            tag: the scalar's tag.
            value: the number; NaN and infinity are kept.
            global_step: the training step.
            wall_time: seconds since the epoch; None for now.

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: As in `add_sequence`.
        """
        self._add_scalars({tag: value}, global_step, wall_time)

    def add_scalars(
        self, values: Mapping[str, float], global_step: int, *, wall_time: float | None = None
    ) -> None:
        """Write several numbers of one step.

        Args:
            values: tag -> value.
            global_step: the training step.
            wall_time: seconds since the epoch; None for now.

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: As in `add_sequence`.
        """
        self._add_scalars(values, global_step, wall_time)

    @contextlib.contextmanager
    def batched(self) -> Iterator[None]:
        """Collect what is added inside the block, and write it all when the block ends.

        An error that ends the block does not prevent the write. Use this for many small records: a
        system call takes as long as making such a record. If blocks are nested or open in several
        threads, the last one to end writes.

        Example::

            with writer.batched():
                for name in ("lstm_1", "lstm_2"):
                    writer.add_sequence(name, gradient, global_step=step + 1)

        Raises:
            OSError: As in `add_sequence`. Nothing that was added in the block is written.
        """
        with self._lock:
            self._batches_open += 1
        try:
            yield
        finally:
            with self._lock:
                self._batches_open -= 1
                if not self._batches_open:
                    kept, self._kept = self._kept, []
                    self._append(kept)

    def flush(self) -> None:
        """Force written data onto the disk; readers on this machine do not need this."""
        with self._lock:
            self._file.sync()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._is_closed = True
            self._file.close()

    def __enter__(self) -> SummaryWriter:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _add_scalars(
        self, values: Mapping[str, float], global_step: int, wall_time: float | None
    ) -> None:
        event = _event(global_step, wall_time)
        parts: list[Buffer] = []
        for tag, value in values.items():
            messages.check_tag(tag)
            parts += messages.serialised_scalar(tag, value)
        for tag in values:
            self._note(tag, SCALAR, event.step, stacklevel=4)
        self._write(event, protobuf.field(Event.SUMMARY_FIELD_NUMBER, parts))

    def _note(self, tag: str, content: bytes, step: int, stacklevel: int = 3) -> None:
        for message in self._tags.note(tag, content, step, self.path):
            self._warn(message, stacklevel)

    def _warn(self, message: str, stacklevel: int) -> None:
        warnings.warn(message, stacklevel=stacklevel + 1)

    def _write(self, event: Event, more: Sequence[Buffer] = ()) -> None:
        """Write an event; `more` holds the rest of its fields as serialised parts."""
        parts = tfrecord.frame([event.SerializeToString(), *more])
        with self._lock:
            self._check_open()
            if self._batches_open:
                # Copy, since the caller may change its array before the block ends.
                self._kept += [tfrecord.whole([part]) for part in parts]
            else:
                self._append(parts)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError(f"the SummaryWriter of {self.logdir} is closed")

    def _append(self, parts: Sequence[Buffer]) -> None:
        """Append all of the events to the file, or none of them."""
        if not parts:
            return
        self._check_open()
        was_deleted = self._file.append(parts)
        if was_deleted and not self._has_told_of_deletion:
            self._has_told_of_deletion = True
            self._warn(
                f"the event file in {self.logdir} was deleted while it was written. A new one was "
                "made there and logging goes on; the steps before are gone",
                stacklevel=4,
            )


def _event(global_step: int, wall_time: float | None) -> Event:
    """Return an event without a summary.

    Raises:
        ValueError, TypeError: If an argument is invalid.
    """
    now = time.time() if wall_time is None else float(wall_time)
    if not math.isfinite(now):
        raise ValueError(f"wall_time is {now}; expected finite seconds since the epoch")
    return Event(step=messages.check_step("global_step", global_step), wall_time=now)
