"""The routes; docs/reference/http_api.md describes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from tb_rnngrad.events import metadata
from tb_rnngrad.events.header import Header
from tb_rnngrad.plugin import scalars
from tb_rnngrad.plugin.entries import Entry
from tb_rnngrad.plugin.queries import HistogramQuery, TensorQuery
from tb_rnngrad.plugin.request import Parameters
from tb_rnngrad.plugin.sources import Source
from tb_rnngrad.plugin.store import Records
from tb_rnngrad.views import histograms
from tb_rnngrad.views import view as views
from tb_rnngrad.views.histograms import Histogram
from tb_rnngrad.views.view import View

STATIC: Final = Path(__file__).parent / "static"
_MIME_TYPES: Final[Mapping[str, str]] = {
    ".js": "application/javascript",
    ".css": "text/css",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}
_IMMUTABLE_SECONDS: Final = 3600

Handler = Callable[[wrappers.Request], wrappers.Response]


class RnnGradPlugin(base_plugin.TBPlugin):  # type: ignore[misc]
    """Serves records, their flow, and the page that draws them."""

    plugin_name = metadata.PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        limits = getattr(context.flags, "samples_per_plugin", None)
        self._provider = context.data_provider
        self._records = Records(
            context.data_provider,
            getattr(context, "multiplexer", None),
            limits if isinstance(limits, dict) else {},
        )

    def is_active(self) -> bool:
        """Return False, so that TensorBoard itself looks for data of `data_plugin_names`."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """Return the names whose data makes the tab active."""
        return (metadata.PLUGIN_NAME, metadata.FLOW_PLUGIN_NAME)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Return the tab's name and script."""
        return base_plugin.FrontendMetadata(
            es_module_path="/static/index.js", tab_name="RNN Gradients"
        )

    def get_plugin_apps(self) -> dict[str, Handler]:
        """Return the routes."""
        return {
            "/tags": _route(self._serve_tags),
            "/tensor": _route(self._serve_tensor),
            "/histogram": _route(self._serve_histogram),
            "/flow": _route(self._serve_flow),
            "/scalars": _route(self._serve_scalars),
            "/static/*": _route(self._serve_static),
        }

    def _serve_tags(self, request: wrappers.Request) -> wrappers.Response:
        answer = self._records.tags(_source(request))
        headers = [("ETag", f'"{answer.etag}"')]
        if request.if_none_match.contains(answer.etag):
            return _respond(request, b"", "application/json", code=304, headers=headers)
        return _respond(
            request, answer.gzipped, "application/json", content_encoding="gzip", headers=headers
        )

    def _serve_tensor(self, request: wrappers.Request) -> wrappers.Response:
        source, parameters = _source(request), Parameters(request)
        query = TensorQuery.of(parameters)
        entry = self._records.entry(source, query.run, query.tag, query.step, query.wall_time)
        view = self._view(source, entry, query)
        header = self._records.header(source, entry)  # cached: it was read along with the sample
        channels, timesteps = view.values.shape
        query.check_channels(channels)
        window = (
            parameters.window("c0", "c1", channels),
            parameters.window("t0", "t1", timesteps),
        )
        size = query.height or channels, query.width or timesteps
        shape, body = views.body(view, window, *size, query.dtype, query.marks_padding)
        headers = _tensor_headers(shape, query.dtype, entry, header, view)
        return _respond_binary(request, body, headers, immutable=query.wall_time is not None)

    def _view(self, source: Source, entry: Entry, query: TensorQuery) -> View:
        if query.reduction is not None:
            return self._records.reduction(source, entry, query.reduction, query.arrangement)
        return self._records.sample(source, entry, query.sample_of(entry), query.arrangement)

    def _serve_histogram(self, request: wrappers.Request) -> wrappers.Response:
        source, query = _source(request), HistogramQuery.of(Parameters(request))
        if query.step is None:
            entries, kept = self._records.course(source, query.run, query.tag)
        else:
            where = query.run, query.tag, query.step, query.wall_time
            entries, kept = [self._records.entry(source, *where)], 1
        found = self._records.histograms(source, entries, query.binning)
        return _respond(
            request,
            json.dumps(_histograms_answer(entries, kept, found)),
            "application/json",
            expires=0 if query.wall_time is None else _IMMUTABLE_SECONDS,
        )

    def _serve_flow(self, request: wrappers.Request) -> wrappers.Response:
        parameters = Parameters(request)
        form = parameters.choice("format", ("binary", "json"), "binary")
        appended = parameters.choice("append", ("steps",), None)
        statistics = parameters.text("statistics")
        series = self._records.flow(
            _source(request),
            parameters.required("run"),
            parameters.required("tag"),
            None if statistics is None else statistics.split(","),
            lambda timesteps: parameters.window("t0", "t1", timesteps),
        )
        if form == "json":
            answer = {
                "shape": series.values.shape,
                "statistics": series.statistics,
                "steps": series.steps,
                "complete": series.complete,
                "sampled": series.sampled,
                "damaged": series.damaged,
            }
            return _respond(request, json.dumps(answer), "application/json")
        headers = {
            "Shape": _listed(series.values.shape),
            "Dtype": "float32",
            "Complete": str(series.complete).lower(),
            "Sampled": str(series.sampled).lower(),
            "Damaged": _listed(step for step, _ in series.damaged),
        }
        parts = [series.values.astype("<f4", copy=False).data]  # views: only the join copies
        if appended is not None:
            parts.append(np.array(series.steps, "<f8").data)
        return _respond_binary(request, b"".join(parts), headers, immutable=False)

    def _serve_scalars(self, request: wrappers.Request) -> wrappers.Response:
        source, tag = _source(request), Parameters(request).text("tag")
        answer: dict[str, Any]
        if tag is None:
            answer = {
                "tags": scalars.list_scalars(self._provider, source),
                "hyperparameters": scalars.list_hyperparameters(self._provider, source),
            }
        else:
            answer = scalars.read_scalars(self._provider, source, tag)
            if not answer:
                raise errors.NotFoundError(f"no run holds scalars of the tag {tag!r}")
        return _respond(request, json.dumps(answer), "application/json")

    def _serve_static(self, request: wrappers.Request) -> wrappers.Response:
        name = request.path.partition("/static/")[2]
        files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*.*")}
        mime_type = _MIME_TYPES.get(PurePosixPath(name).suffix)
        if name not in files or mime_type is None:
            raise errors.NotFoundError(f"no file {name[:80]!r} belongs to this page")
        return _respond(request, files[name].read_bytes(), mime_type)


def _tensor_headers(
    shape: Sequence[int], dtype: str, entry: Entry, header: Header, view: View
) -> dict[str, str]:
    least, greatest, quantiles, counts = dataclasses.astuple(view.statistics)
    return {
        "Shape": _listed(shape),
        "Dtype": dtype,
        "Step": str(entry.step),
        "Wall-Time": repr(entry.wall_time),
        "Full-Shape": _listed(view.values.shape),
        "Samples": _listed((header.kept, header.batch)),
        "Narrowed": _listed((header.flushed, header.overflowed)),
        "Range": _listed((least, greatest)),
        "Quantiles": _listed(quantiles),
        "Counts": _listed(counts),
    }


def _histograms_answer(
    entries: Sequence[Entry], kept: int, found: Sequence[Histogram]
) -> dict[str, Any]:
    groups = entries[-1].metadata.channel_groups
    return {
        "groups": None if groups is None else list(groups.items()),
        "steps": [(entry.step, entry.wall_time) for entry in entries],
        "kept_steps": kept,
        "apart_names": histograms.APART,
        "counts": [one.counts.tolist() for one in found],
        "apart": [one.apart.tolist() for one in found],
    }


def _listed(values: Any) -> str:
    return ",".join(str(value) for value in values)


def _source(request: wrappers.Request) -> Source:
    return Source(plugin_util.context(request.environ), plugin_util.experiment_id(request.environ))


def _route(handler: Handler) -> Handler:
    """Return `handler` for GET and HEAD; TensorBoard turns PublicErrors into 400 and 404."""

    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        if request.method not in ("GET", "HEAD"):
            return _respond(
                request,
                f"{request.method} is not served here; expected GET",
                "text/plain",
                code=405,
                headers=[("Allow", "GET, HEAD")],
            )
        return handler(request)

    return serve  # type: ignore[return-value]


def _respond(
    request: wrappers.Request, content: Any, content_type: str, **options: Any
) -> wrappers.Response:
    response: wrappers.Response = http_util.Respond(request, content, content_type, **options)
    return response


def _respond_binary(
    request: wrappers.Request, body: bytes, headers: Mapping[str, str], immutable: bool
) -> wrappers.Response:
    return _respond(
        request,
        body,
        "application/octet-stream",
        expires=_IMMUTABLE_SECONDS if immutable else 0,
        headers=[(f"X-RnnGrad-{name}", value) for name, value in headers.items()],
    )
