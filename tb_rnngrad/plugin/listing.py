"""What TensorBoard keeps of ours: runs, tags, steps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from tensorboard.data import provider as tb_provider

from tb_rnngrad import record
from tb_rnngrad.record import FormatError, Metadata

# Not the user's --samples_per_plugin, of which 0 would mean "none" here: everything kept.
EVERYTHING: Final = 2**31 - 1


@dataclass(frozen=True)
class Source:
    """Whose data to read: the request's context and experiment."""

    context: Any
    experiment: str

    @property
    def query(self) -> dict[str, Any]:
        """The same as a data provider's arguments."""
        return {"ctx": self.context, "experiment_id": self.experiment}


@dataclass(frozen=True)
class Tag:
    """One entry of `/tags`.

    Attributes:
        metadata: what the tag is; None where that cannot be read.
        description: Markdown.
        steps: (step, wall time) of every kept record, ascending.
        samples: the most samples that a kept record holds.
        last_flow: (step, wall time) of the last statistics; None where there are none.
        error: why it cannot be shown; None where it can.
        full: whether as many records are kept as may be, so that others may have been dropped.
    """

    metadata: Metadata | None
    description: str
    steps: list[tuple[int, float]]
    samples: int
    last_flow: tuple[int, float] | None
    error: str | None = None
    full: bool = False


def list_tags(
    provider: tb_provider.DataProvider,
    pool: Executor,
    source: Source,
    is_full: Callable[[int], bool],
) -> dict[str, dict[str, Tag]]:
    """Return run -> tag -> what it is and which steps of it are kept.

    Args:
        provider: TensorBoard's.
        pool: where its calls wait side by side.
        source: whose data to list.
        is_full: whether so many records of a tag are as many as TensorBoard keeps.
    """
    ours = {"plugin_name": record.PLUGIN_NAME, **source.query}
    listed = pool.submit(provider.list_blob_sequences, **ours)
    sequences = pool.submit(provider.read_blob_sequences, downsample=EVERYTHING, **ours)
    listed_flows = pool.submit(
        provider.list_tensors, plugin_name=record.FLOW_PLUGIN_NAME, **source.query
    )
    records, flows = _flat(listed.result()), _flat(listed_flows.result())
    flows = {
        (run, tag.removesuffix(record.FLOW_SUFFIX)): flow for (run, tag), flow in flows.items()
    }
    data = _flat(sequences.result())
    foreign = _foreign(provider, pool, source) if flows.keys() - data.keys() else set()
    found: dict[str, dict[str, Tag]] = {}
    for run, tag in {**records, **flows}:
        key = run, tag
        kept = data.get(key, [])
        one = _tag(tag, records.get(key), flows.get(key), kept, key in foreign)
        full = bool(kept) and is_full(len(kept))
        found.setdefault(run, {})[tag] = dataclasses.replace(one, full=full)
    return found


def _flat(by_run: dict[str, dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {(run, tag): value for run, by_tag in by_run.items() for tag, value in by_tag.items()}


def _foreign(
    provider: tb_provider.DataProvider, pool: Executor, source: Source
) -> set[tuple[str, str]]:
    """Return run and tag of what all other plugins own."""
    names = set(provider.list_plugins(**source.query))
    listings = [
        pool.submit(listing, plugin_name=name, **source.query)
        for name in names - {record.PLUGIN_NAME, record.FLOW_PLUGIN_NAME}
        for listing in (
            provider.list_scalars,
            provider.list_tensors,
            provider.list_blob_sequences,
        )
    ]
    return {key for listing in listings for key in _flat(listing.result())}


def _tag(
    tag: str,
    series: Any,
    flow: Any,
    data: list[tb_provider.BlobSequenceDatum],
    is_foreign: bool,
) -> Tag:
    """Return the entry of a record, of its flow, or of both; or of one that cannot be shown."""
    shown = flow if series is None else series
    last_flow = None if flow is None else (flow.max_step, wall_time_of(flow.max_wall_time))
    try:
        metadata = Metadata.from_content(shown.plugin_content)
    except FormatError as error:
        return Tag(None, shown.description, [], 0, last_flow, str(error))
    if is_foreign and not data:
        return Tag(
            metadata,
            shown.description,
            [],
            0,
            last_flow,
            f"another summary in this run is also named {tag!r}, and TensorBoard shows only one "
            "of them: log under another name, such as " + repr(f"rnngrad/{tag}"),
        )
    steps = sorted((step, wall_time_of(one.wall_time)) for step, one in by_step(data).items())
    samples = max((len(datum.values) - 1 for datum in data), default=0)
    return Tag(metadata, shown.description, steps, samples, last_flow)


def by_step(data: Iterable[Any]) -> dict[int, Any]:
    """Return the data by step; of a step logged twice the first, as blobs are read by step."""
    found: dict[int, Any] = {}
    for datum in data:
        found.setdefault(datum.step, datum)
    return found


def wall_time_of(seconds: float) -> float:
    """Return a wall time; 0 where it is NaN or infinite, which JSON cannot carry."""
    return float(seconds) if math.isfinite(seconds) else 0.0
