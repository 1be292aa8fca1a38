"""Writing what was captured, in the background, while the next step trains."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from tb_rnngrad import flow, summary
from tb_rnngrad.flow import FlagEvent, FlagWatch, Thresholds
from tb_rnngrad.keras._assemble import Captured
from tb_rnngrad.keras._records import flow_of, record_of
from tb_rnngrad.keras._taps import Taps
from tb_rnngrad.record import SequenceRecord, is_matrix
from tb_rnngrad.writer import SummaryWriter

# What fades, stays or grows from lag to lag: gradients with a time axis.
_WITH_SCALARS: Final = flow.THROUGH_TIME | {"output_gradient"}


class Background:
    """Writes one step after the other, in a thread of its own, and watches the flags meanwhile.

    Args:
        log_dir: the run's directory.
        max_outputs: samples to keep.
        dtype: to store them in.
        thresholds: of the flags.

    Attributes:
        events: the flags that rose or fell, as soon as that is known; for others to take out.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        max_outputs: int,
        dtype: str,
        thresholds: Thresholds,
    ) -> None:
        self._log_dir = log_dir
        self._max_outputs = max_outputs
        self._dtype = dtype
        self._eps = thresholds.eps
        self._watch = FlagWatch(thresholds)
        self.events: deque[FlagEvent] = deque()
        self._writer: SummaryWriter | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None

    def write(self, found: Sequence[Captured], taps: Taps, step: int, flow_only: bool) -> None:
        """Have records written, or their flow alone, once the step before is.

        Raises what writing that one ran into.
        """
        self.finish()
        if self._writer is None or self._thread is None:
            self._writer = SummaryWriter(self._log_dir)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="GradientLogger")
        self._writing = self._thread.submit(
            self._write_all, self._writer, found, taps, step, flow_only
        )

    def finish(self) -> None:
        """Wait for what is being written, and raise what it ran into."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """Close the file; a later `write` opens another."""
        if self._writer is not None and self._thread is not None:
            self._thread.shutdown()
            self._writer.close()
            self._thread = self._writer = None

    def _write_all(
        self,
        writer: SummaryWriter,
        found: Sequence[Captured],
        taps: Taps,
        step: int,
        flow_only: bool,
    ) -> None:
        for one in found:
            tag = f"{one.layer}/{one.name}"
            if is_matrix(one.quantity):  # has no timesteps, and so no flow
                if not flow_only:
                    self._write_record(writer, tag, record_of(one, taps), step)
                continue
            if flow_only:
                rows = flow_of(one)
                writer.add_flow(
                    tag,
                    rows,
                    step,
                    quantity=one.quantity,
                    layer=one.layer,
                    framework=taps.adapter.name,
                    channel_groups=one.groups,
                )
            else:
                record = record_of(one, taps, self._max_outputs)
                rows = summary.statistics_of(record)
                self._write_record(writer, tag, record, step)
            if one.quantity in _WITH_SCALARS and len(rows) > 1:
                for name, value in flow.scalars(rows, self._eps).items():
                    writer.add_scalar(f"{tag}/{name}", value, step)
            self.events += self._watch.observe(step, tag, rows, one.quantity)

    def _write_record(
        self, writer: SummaryWriter, tag: str, record: SequenceRecord, step: int
    ) -> None:
        writer.add_sequence(tag, record, step, max_outputs=self._max_outputs, dtype=self._dtype)
