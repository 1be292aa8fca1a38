"""The routes; docs/http_api.md describes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers
from werkzeug.security import safe_join

from tb_rnngrad import record
from tb_rnngrad.plugin import histograms, scalars, views
from tb_rnngrad.plugin.arrangement import Arrangement
from tb_rnngrad.plugin.histograms import Binning
from tb_rnngrad.plugin.listing import Source, Tag
from tb_rnngrad.plugin.parameters import Parameters
from tb_rnngrad.plugin.records import Entry, FlowSeries, Records
from tb_rnngrad.plugin.views import View

STATIC: Final = Path(__file__).parent / "static"
_MIME_TYPES: Final[Mapping[str, str]] = {
    ".js": "application/javascript",
    ".css": "text/css",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}
_IMMUTABLE_SECONDS: Final = 3600
_MOST_BINS: Final = 512

Handler = Callable[[wrappers.Request], wrappers.Response]


class RnnGradPlugin(base_plugin.TBPlugin):  # type: ignore[misc]
    """Serves records, their flow, and the page that draws them."""

    plugin_name = record.PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        limits = getattr(context.flags, "samples_per_plugin", None)
        self._provider = context.data_provider
        self._records = Records(context.data_provider, limits if isinstance(limits, dict) else {})

    def is_active(self) -> bool:
        """Leave the answer to TensorBoard, which looks for data of `data_plugin_names`."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        """Return the names whose data makes the tab active."""
        return (record.PLUGIN_NAME, record.FLOW_PLUGIN_NAME)

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
        found = self._records.tags(_source(request))
        answer = {
            run: {tag: _tag_json(entry) for tag, entry in tags.items()}
            for run, tags in found.items()
        }
        return _respond(request, json.dumps(answer), "application/json")

    def _serve_tensor(self, request: wrappers.Request) -> wrappers.Response:
        source, parameters = _source(request), Parameters(request)
        dtype = parameters.choice("dtype", tuple(record.STORED_DTYPES), "float32")
        padding = parameters.choice("padding", ("keep", "mark"), "keep")
        reduction = parameters.choice("reduce", tuple(views.REDUCTIONS), None)
        if reduction is not None and parameters.text("sample") is not None:
            raise errors.InvalidArgumentError("give either sample or reduce, not both")
        sample = parameters.integer("sample", least=0)
        arrangement = _arrangement(parameters)
        height = parameters.integer("height", least=1)
        width = parameters.integer("width", least=1)
        wall_time = parameters.number("wall_time")
        entry = self._records.entry(
            source,
            parameters.required("run"),
            parameters.required("tag"),
            parameters.required_integer("step"),
            wall_time,
        )
        if reduction is not None:
            view = self._records.reduction(source, entry, reduction, arrangement)
        else:
            index = _sample(sample or 0, entry)
            view = self._records.sample(source, entry, index, arrangement)
        header = self._records.header(source, entry)  # read beside the sample, so at hand
        channels, timesteps = view.values.shape
        _check_channels(arrangement, channels)
        window = (
            parameters.window("c0", "c1", channels),
            parameters.window("t0", "t1", timesteps),
        )
        shape, body = views.body(
            view, window, height or channels, width or timesteps, dtype, padding == "mark"
        )
        headers = {
            "Shape": _listed(shape),
            "Dtype": dtype,
            "Step": str(entry.step),
            "Wall-Time": repr(entry.wall_time),
            "Full-Shape": _listed(view.values.shape),
            "Samples": _listed((header.kept, header.batch)),
            "Narrowed": _listed((header.flushed, header.overflowed)),
            **_statistics_headers(view),
        }
        return _respond_binary(request, body, headers, immutable=wall_time is not None)

    def _serve_histogram(self, request: wrappers.Request) -> wrappers.Response:
        source, parameters = _source(request), Parameters(request)
        run, tag = parameters.required("run"), parameters.required("tag")
        of = parameters.choice("of", ("values", "magnitudes"), "values")
        binning = Binning(parameters.edges("edges", _MOST_BINS), of == "magnitudes")
        step, wall_time = parameters.integer("step"), parameters.number("wall_time")
        if step is None and wall_time is not None:
            raise errors.InvalidArgumentError("wall_time is given without step; expected both")
        groups = self._records.groups(source, run, tag)
        if step is None:
            entries, kept = self._records.course(source, run, tag)
        else:
            entries, kept = [self._records.entry(source, run, tag, step, wall_time)], 1
        found = self._records.histograms(source, entries, groups, binning)
        answer = {
            "groups": None if groups is None else list(groups.items()),
            "steps": [(entry.step, entry.wall_time) for entry in entries],
            "kept_steps": kept,
            "apart_names": histograms.APART,
            "counts": [one.counts.tolist() for one in found],
            "apart": [one.apart.tolist() for one in found],
        }
        return _respond(
            request,
            json.dumps(answer),
            "application/json",
            expires=0 if wall_time is None else _IMMUTABLE_SECONDS,
        )

    def _serve_flow(self, request: wrappers.Request) -> wrappers.Response:
        parameters = Parameters(request)
        form = parameters.choice("format", ("binary", "json"), "binary")
        appended = parameters.choice("append", ("steps",), None)
        series = self._records.flow(
            _source(request), parameters.required("run"), parameters.required("tag")
        )
        series = _chosen_statistics(series, parameters.text("statistics"))
        rows = parameters.window("t0", "t1", series.values.shape[1])
        series = dataclasses.replace(series, values=series.values[:, rows])
        if form == "json":
            answer = {
                "shape": series.values.shape,
                "statistics": series.statistics,
                "steps": series.steps,
                "complete": series.complete,
            }
            return _respond(request, json.dumps(answer), "application/json")
        headers = {"Shape": _listed(series.values.shape), "Dtype": "float32"}
        parts = [series.values.astype("<f4", copy=False).tobytes()]
        if appended is not None:
            parts.append(np.array(series.steps, "<f8").tobytes())
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
        path = safe_join(str(STATIC), name)
        mime_type = _MIME_TYPES.get(Path(name).suffix)
        if path is None or mime_type is None or not Path(path).is_file():
            raise errors.NotFoundError(f"no file {name!r} belongs to this page")
        return _respond(request, Path(path).read_bytes(), mime_type)


def _sample(index: int, entry: Entry) -> int:
    kept = len(entry.keys) - 1
    if index >= kept:
        raise errors.NotFoundError(
            f"no sample {index} at step {entry.step} of {entry.tag!r} in the run {entry.run!r}; "
            f"it keeps {kept}, numbered from 0"
        )
    return index


def _arrangement(parameters: Parameters) -> Arrangement:
    return Arrangement(
        by_lag=parameters.choice("time", ("timestep", "lag"), "timestep") == "lag",
        reversed=parameters.ranges("reversed"),
    )


def _check_channels(arrangement: Arrangement, channels: int) -> None:
    for start, stop in arrangement.reversed:
        if stop > channels:
            raise errors.InvalidArgumentError(
                f"reversed names the channels {start}:{stop}; there are {channels}"
            )


def _chosen_statistics(series: FlowSeries, names: str | None) -> FlowSeries:
    """Return the series with the statistics named, comma-separated, alone and in that order."""
    if names is None:
        return series
    chosen = tuple(names.split(","))
    unknown = [name for name in chosen if name not in series.statistics]
    if unknown:
        raise errors.InvalidArgumentError(
            f"statistics names {unknown[0]!r}; expected some of {', '.join(series.statistics)}"
        )
    columns = [series.statistics.index(name) for name in chosen]
    return dataclasses.replace(series, values=series.values[:, :, columns], statistics=chosen)


def _tag_json(tag: Tag) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    if tag.metadata is not None:
        metadata = tag.metadata.to_json()
        quantity = record.QUANTITIES.get(tag.metadata.quantity, record.QUANTITIES["other"])
        symbol = record.symbol_of(tag.metadata.quantity, tag.metadata.details)
        metadata |= {"title": quantity.title, "symbol": symbol}
    metadata["description"] = plugin_util.markdown_to_safe_html(tag.description)
    error = {} if tag.error is None else {"error": tag.error}
    return {
        "metadata": metadata,
        "steps": tag.steps,
        "full": tag.full,
        "samples": tag.samples,
        "last_flow": tag.last_flow,
        **error,
    }


def _statistics_headers(view: View) -> dict[str, str]:
    found = dataclasses.astuple(view.statistics)
    least, greatest, quantiles, counts = found
    return {
        "Range": _listed((least, greatest)),
        "Quantiles": _listed(quantiles),
        "Counts": _listed(counts),
    }


def _listed(values: Any) -> str:
    return ",".join(str(value) for value in values)


def _source(request: wrappers.Request) -> Source:
    return Source(plugin_util.context(request.environ), plugin_util.experiment_id(request.environ))


def _route(handler: Handler) -> Handler:
    """Return `handler` for GET and HEAD; TensorBoard turns its PublicErrors into 400 and 404."""

    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        if request.method not in ("GET", "HEAD"):
            return _respond(
                request,
                f"{request.method} is not served here; expected GET",
                "text/plain",
                code=405,
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
