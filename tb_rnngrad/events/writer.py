"""An event-file writer that needs no framework.

TensorBoard's own `EventFileWriter` computes its checksums in pure Python, at 8.5 MB/s; this writer
uses google-crc32c. It writes a record whole or not at all, and the record is in the file when
`add_sequence` returns.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import re
import reprlib
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

from numpy.typing import ArrayLike
from tensorboard.compat.proto.event_pb2 import Event

from tb_rnngrad import flow
from tb_rnngrad.events import messages, protobuf, tfrecord
from tb_rnngrad.events.blobs import Logged
from tb_rnngrad.events.earlier import Span, earlier_steps
from tb_rnngrad.events.metadata import Metadata
from tb_rnngrad.events.tfrecord import Buffer
from tb_rnngrad.flow import Statistics
from tb_rnngrad.quantities import check_direction, check_quantity
from tb_rnngrad.record import SequenceRecord, check_details

_PREFIX: Final = "events.out.tfevents."
_SUFFIX: Final = ".rnngrad"
_uid = itertools.count()
_open_files: set[Path] = set()

_SCALAR: Final = b"a scalar"  # takes the place of a record's metadata


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
            writer.add_sequence("lstm_1", gradient, global_step=step)
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        if "://" in os.fspath(logdir):
            raise ValueError(
                f"logdir is {os.fspath(logdir)!r}; expected a local directory. For remote file "
                "systems write with tb_rnngrad.summary.sequence under a tf.summary writer"
            )
        self.logdir = Path(logdir)
        self.logdir.mkdir(parents=True, exist_ok=True)
        other = _other_file(self.logdir)
        if other is not None:
            self._warn(
                f"this process already wrote {other}. If its writer is still open, TensorBoard's "
                "Python loader will miss what that one writes from now on: log through that writer "
                "(tb_rnngrad.summary), or into a directory of its own, say "
                f"{self.logdir / 'rnngrad'}",
                stacklevel=2,
            )
        self._directory = self.logdir.resolve()
        self._lock = threading.Lock()
        self._contents: dict[str, bytes] = {}
        self._last_steps: dict[str, int] = {}
        self._earlier: Mapping[str, Span] | None = None  # steps in other files here, read lazily
        self._batches_open = 0  # number of `batched()` blocks entered
        self._kept: list[Buffer] = []
        self._is_closed = False
        self._has_told_of_deletion = False
        self._file = self._open()

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

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: If writing fails, for example because the disk is full. The file is left as it
                was before the call; a later call may succeed.
        """
        event = _event(global_step, wall_time)
        whole = messages.as_record(data, quantity, mask, channel_groups)
        logged = Logged(tag, event.step, event.wall_time)
        meta, parts = messages.serialised(whole, max_outputs, dtype, description, logged)
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

        Raises:
            ValueError, TypeError: If an argument is invalid. Nothing is written.
            OSError: As in `add_sequence`.
        """
        self._add_scalars({tag: value}, global_step, wall_time)

    def add_scalars(
        self, values: Mapping[str, float], global_step: int, *, wall_time: float | None = None
    ) -> None:
        """Write several numbers of one step, given as tag -> value; see `add_scalar`."""
        self._add_scalars(values, global_step, wall_time)

    @contextlib.contextmanager
    def batched(self) -> Iterator[None]:
        """Collect what is added inside the block, and write it all when the block ends.

        An error that ends the block does not prevent the write. Use this for many small records: a
        system call takes as long as making such a record. If blocks are nested or open in several
        threads, the last one to end writes.

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
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            self._is_closed = True
            self._close_file()

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
            self._note(tag, _SCALAR, event.step, stacklevel=4)
        self._write(event, protobuf.field(Event.SUMMARY_FIELD_NUMBER, parts))

    def _warn(self, message: str, stacklevel: int) -> None:
        warnings.warn(message, stacklevel=stacklevel + 1)

    def _check_restart(self, tag: str, step: int, stacklevel: int) -> None:
        """Warn once if a tag's first step here is not after the first that other files hold."""
        if self._earlier is None:
            self._earlier = earlier_steps(self._directory, besides=self.path)
        first, last = self._earlier.get(tag, (step - 1, step - 1))
        if step > first:
            return
        self._earlier = {}
        steps = f"step {first}" if first == last else f"steps {first} to {last}"
        self._warn(
            f"{self.logdir} already holds {steps} of {tag!r}, and now step {step} follows: two "
            "trainings in one directory become one series, in which the later one "
            f"wins. Log the new one into a directory of its own, beside {self.logdir.name!r}",
            stacklevel + 1,
        )

    def _note(self, tag: str, content: bytes, step: int, stacklevel: int = 3) -> None:
        """Remember the tag's metadata and step.

        Raises ValueError if the metadata changed, and warns if the step goes back.
        """
        first = self._contents.setdefault(tag, content)
        if content != first:
            before, now = _told_apart(first, content)
            raise ValueError(
                f"the tag {tag!r} was first logged as {before}, now as {now}; TensorBoard keeps "
                "the first description of a tag, so use another tag"
            )
        if tag not in self._last_steps:
            self._check_restart(tag, step, stacklevel)
        if step < self._last_steps.get(tag, step):
            self._warn(
                f"step {step} of {tag!r} after step {self._last_steps[tag]}: TensorBoard's fast "
                "loader forgets the later steps of a tag once an earlier one follows. "
                "Log ascending steps, or start a new run",
                stacklevel,
            )
        self._last_steps[tag] = step

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
        is_deleted = not self._is_in_place()
        if is_deleted:
            self._close_file()
            self._file = self._open()
        _write_whole(self._file, parts)
        if is_deleted and not self._has_told_of_deletion:
            self._has_told_of_deletion = True
            self._warn(
                f"the event file in {self.logdir} was deleted while it was written. A new one was "
                "made there and logging goes on; the steps before are gone",
                stacklevel=4,
            )

    def _open(self) -> FileIO:
        """Create the directory and a new event file in it, and return the file.

        Raises:
            OSError: If either cannot be created. No file is left open or behind.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self.path = self._directory / _file_name(self._directory, now)
        file = self.path.open("xb", buffering=0)
        version = Event(wall_time=now, file_version="brain.Event:2").SerializeToString()
        try:
            _write_whole(file, tfrecord.frame([version]))
        except BaseException:
            file.close()
            self.path.unlink(missing_ok=True)
            raise
        _open_files.add(self.path)
        return file

    def _close_file(self) -> None:
        self._file.close()
        _open_files.discard(self.path)

    def _is_in_place(self) -> bool:
        """Return whether the open file is still the one at its path.

        Writes to a deleted file raise no error, but the data is lost.
        """
        if self._file.closed:
            return False
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False


def _told_apart(first: bytes, now: bytes) -> tuple[str, str]:
    """Return the differing fields of a tag's first and new metadata, in words."""
    if _SCALAR in (first, now):
        kinds = ["a scalar" if one == _SCALAR else "a record" for one in (first, now)]
        return kinds[0], kinds[1]
    old, new = json.loads(first), json.loads(now)
    names = [name for name in {**old, **new} if name != "checksum"]
    differing = [name for name in names if old.get(name) != new.get(name)]

    def words(fields: Mapping[str, Any]) -> str:
        return " and ".join(f"{name} {reprlib.repr(fields.get(name))}" for name in differing)

    return words(old), words(new)


def _write_whole(file: FileIO, parts: Sequence[Buffer]) -> None:
    """Write all parts, or leave the file as it was."""
    start = file.tell()
    try:
        for part in tfrecord.joined(parts):
            rest = memoryview(cast("bytes", part))
            while rest:
                rest = rest[file.write(rest) :]
    except BaseException:
        # Half a record would hide every later record from TensorBoard.
        file.truncate(start)
        file.seek(start)
        raise


def _file_name(logdir: Path, now: float) -> str:
    """Return a name for a new event file that sorts after the existing ones.

    TensorBoard reads files in the order of their names, and its Python loader never goes back to a
    file that sorts before the current one. So the 10th file of a second must not sort before the
    9th. Nor may the file of a resumed training sort before the first one if the clock was set back.
    """
    own = f"{socket.gethostname()}.{os.getpid()}.{next(_uid):06d}{_SUFFIX}"
    name = f"{_PREFIX}{int(now):010d}.{own}"
    others = [path.name for path in logdir.glob(f"{_PREFIX}*")]
    if max(others, default="") < name:
        return name
    seconds = [found for other in others if (found := re.match(r"\d+", other[len(_PREFIX) :]))]
    latest = max((int(found[0]) for found in seconds), default=int(now))
    return f"{_PREFIX}{latest + 1:010d}.{own}"


def _event(global_step: int, wall_time: float | None) -> Event:
    """Return an event without a summary.

    Raises:
        ValueError, TypeError: If an argument is invalid.
    """
    now = time.time() if wall_time is None else float(wall_time)
    if not math.isfinite(now):
        raise ValueError(f"wall_time is {now}; expected finite seconds since the epoch")
    return Event(step=messages.check_step("global_step", global_step), wall_time=now)


def _other_file(logdir: Path) -> Path | None:
    """Return an event file that this process may have open in `logdir`."""
    ours = re.compile(rf"\.tfevents\.\d+\.{re.escape(socket.gethostname())}\.{os.getpid()}\.")
    for path in sorted(logdir.iterdir()):
        closed = path.name.endswith(_SUFFIX) and path.resolve() not in _open_files
        if ours.search(path.name) and not closed:
            return path
    return None
