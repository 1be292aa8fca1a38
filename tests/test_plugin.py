"""The routes of a real TensorBoard, over HTTP, in each of its loading modes."""

import json
import urllib.parse
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_rnngrad import SummaryWriter, flow, summary
from tb_rnngrad.plugin.loader import SAMPLES_PER_PLUGIN, RnnGradLoader

RNG = np.random.default_rng(4)
STEPS = 40
LSTM = RNG.normal(size=(STEPS, 6, 30, 8)).astype(np.float32)
LSTM[:, 1, 3, 2] = np.nan
LSTM[:, 1, 4, 2] = np.inf
LSTM[:, 1, 5, 2] = -np.inf
LSTM[:, 1, 6, 2] = 0
FINITE = np.nan_to_num(LSTM, posinf=1, neginf=-1)
MASK = np.arange(30) >= np.array([[0], [2], [29], [30], [0], [0]])
GAPPED = LSTM[7, 2:]  # finite
GAPPED_MASK = np.zeros((4, 30), bool)
GAPPED_MASK[0, 5:25] = GAPPED_MASK[1, :7] = GAPPED_MASK[2] = GAPPED_MASK[3, 20:] = True
GAPPED_MASK[0, [9, 13]] = False  # a mask may have holes
GROUPS = {"forward": 3, "backward": 5}
ODD_TAG = "a/β <b>&?#%2f"


def write_logs(logdir: Path) -> None:
    with SummaryWriter(logdir / "lstm") as writer:
        for step in range(STEPS):
            writer.add_sequence("masked", LSTM[step], step * 10, mask=MASK, channel_groups=GROUPS)
            writer.add_sequence("plain", LSTM[step, :, :, :4], step, dtype="bfloat16")
        writer.add_sequence("gapped", GAPPED, 0, mask=GAPPED_MASK)
        writer.add_sequence("last", LSTM[0, :, 0], 0, quantity="output_gradient")
        writer.add_sequence("kernel", LSTM[0, 0], 5, quantity="weight_gradient")
        writer.add_sequence(ODD_TAG, LSTM[0], 0, description="*all* <script>alert(1)</script>")
        for step, length in enumerate((5, 9, 7)):
            writer.add_sequence("ragged", LSTM[0, :, :length], step)
    _write_flow_often(logdir / "flow")
    with SummaryWriter(logdir / "deep" / "er") as writer:
        writer.add_sequence("plain", LSTM[1], 3)
    _write_foreign_run(logdir / "scalars")
    _write_clashing_run(logdir / "clash")
    _write_newer_version(logdir / "newer")
    _write_damaged(logdir / "damaged")


def _write_flow_often(logdir: Path) -> None:
    """Write tensors at few steps, but flow and scalars at every step."""
    with SummaryWriter(logdir) as writer:
        for step in range(STEPS):
            rows = flow.statistics(FINITE[step])
            if step % 10 == 0:
                writer.add_sequence("rare", FINITE[step], step)
            else:
                writer.add_flow("rare", rows, step, wall_time=step)
            writer.add_flow("alone", rows, step, quantity="output_gradient", wall_time=step)
            for name, value in flow.scalars(rows).items():
                writer.add_scalar(f"rare/{name}", np.nan if step == 7 else value, step)


def _event(tag: str, step: int, value: Summary.Value) -> Event:
    return Event(step=step, wall_time=1.0 + step, summary=Summary(value=[value]))


def _scalar(tag: str) -> Summary.Value:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    value = Summary.Value(tag=tag, metadata=metadata)
    value.metadata.data_class = 1
    value.tensor.dtype = 1
    value.tensor.float_val.append(1.0)
    return value


def _write(logdir: Path, events: list[Event]) -> None:
    writer = EventFileWriter(str(logdir))
    for event in events:
        writer.add_event(event)
    writer.close()


def _record(tag: str, step: int) -> Event:
    event = Event(step=step, wall_time=1.0 + step)
    event.summary.CopyFrom(summary.sequence_pb(tag, LSTM[0]))
    return event


def _write_foreign_run(logdir: Path) -> None:
    _write(logdir, [_event("loss", 0, _scalar("loss"))])


def _write_clashing_run(logdir: Path) -> None:
    _write(logdir, [_event("lstm", 0, _scalar("lstm")), _record("lstm", 1), _record("fine", 1)])


def _write_newer_version(logdir: Path) -> None:
    event = _record("lstm", 0)
    for value in event.summary.value:
        content = json.loads(value.metadata.plugin_data.content) | {"version": "2.0"}
        value.metadata.plugin_data.content = json.dumps(content).encode()
    _write(logdir, [event])


def _write_damaged(logdir: Path) -> None:
    event = _record("lstm", 0)
    blob = bytearray(event.summary.value[0].tensor.string_val[1])
    blob[-1] ^= 1
    event.summary.value[0].tensor.string_val[1] = bytes(blob)
    _write(logdir, [event])


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("logs")
    write_logs(path)
    return path


@pytest.fixture(scope="module")
def server(logdir, loading_mode, tensorboard_server):
    load_fast, tensorflow = loading_mode
    server = tensorboard_server(logdir, f"--load_fast={load_fast}", tensorflow=tensorflow)
    server.wait_for(
        lambda tags: (
            {"lstm", "flow", "deep/er", "clash", "newer", "damaged"} <= set(tags)
            and len(tags["lstm"].get("masked", {"steps": []})["steps"]) == STEPS
            and len(tags["lstm"].get("ragged", {"steps": []})["steps"]) == 3
        )
    )
    return server


def tensor(server, **parameters):
    """Return the array and the headers of an answer of /tensor."""
    answer = server.get("/tensor", **parameters)
    assert answer.code == 200, answer.text
    dtype = {"float32": "<f4", "bfloat16": ml_dtypes.bfloat16}[answer.headers["X-RnnGrad-Dtype"]]
    shape = [int(size) for size in answer.headers["X-RnnGrad-Shape"].split(",")]
    return np.frombuffer(answer.body, dtype).reshape(shape), answer.headers


# --- /tags ---


def test_tags_lists_every_record_and_no_flow(server):
    tags = server.tags()
    assert set(tags) == {"lstm", "flow", "deep/er", "clash", "newer", "damaged"}
    records = {"masked", "plain", "last", "gapped", "kernel", "ragged", ODD_TAG}
    assert set(tags["lstm"]) == records
    masked = tags["lstm"]["masked"]
    assert set(masked["parts"]) == {"masked/forward", "masked/backward"}
    for part in masked["parts"].values():
        assert part["metadata"]["part_of"] == "masked"
        assert part["steps"] == []
        assert part["last_flow"][0] == 390
        assert "error" not in part
    assert "parts" not in tags["lstm"]["plain"]
    assert [step for step, _ in masked["steps"]] == [step * 10 for step in range(STEPS)]
    assert masked["samples"] == 4
    assert masked["metadata"]["quantity"] == "hidden_state_gradient"
    assert masked["metadata"]["channel_groups"] == [["forward", 3], ["backward", 5]]
    assert masked["metadata"]["statistics"] == list(flow.STATISTICS)
    assert tags["lstm"]["kernel"]["steps"][0][0] == 5


def test_a_description_becomes_safe_html(server):
    description = server.tags()["lstm"][ODD_TAG]["metadata"]["description"]
    assert "<em>all</em>" in description
    assert "<script>" not in description


def test_a_tag_that_another_plugin_owns_says_so(server):
    clash = server.tags()["clash"]
    assert "another summary in this run is also named 'lstm'" in clash["lstm"]["error"]
    assert clash["lstm"]["steps"] == []
    assert [step for step, _ in clash["fine"]["steps"]] == [1]


def test_a_tag_gives_the_step_of_its_last_flow(server):
    tags = server.tags()
    rare, alone = tags["flow"]["rare"], tags["flow"]["alone"]
    assert [step for step, _ in rare["steps"]] == [0, 10, 20, 30]
    assert rare["last_flow"][0] == STEPS - 1
    assert (alone["steps"], alone["samples"]) == ([], 0)
    assert alone["last_flow"] == [STEPS - 1, STEPS - 1]
    assert alone["metadata"]["quantity"] == "output_gradient"
    assert "error" not in alone


def test_a_record_in_a_newer_format_says_so(server):
    newer = server.tags()["newer"]["lstm"]
    assert "written in record format 2.0" in newer["error"]
    assert newer["steps"] == []


# --- /tensor ---


@pytest.mark.parametrize("step", [0, 10, 390])
@pytest.mark.parametrize("sample", [0, 1, 3])
def test_a_sample_is_served_bit_for_bit(server, step, sample):
    values, headers = tensor(server, run="lstm", tag="masked", step=step, sample=sample)
    expected = np.ascontiguousarray(LSTM[step // 10, sample].T)
    np.testing.assert_array_equal(values.view(np.uint32), expected.view(np.uint32))
    assert headers["X-RnnGrad-Full-Shape"] == "8,30"
    assert headers["X-RnnGrad-Samples"] == "4,6"
    assert headers["X-RnnGrad-Step"] == str(step)


def test_the_first_sample_is_the_default(server):
    values, _ = tensor(server, run="deep/er", tag="plain", step=3)
    np.testing.assert_array_equal(values, LSTM[1, 0].T)


def test_a_tag_with_unusual_characters_is_served(server):
    values, _ = tensor(server, run="lstm", tag=ODD_TAG, step=0)
    np.testing.assert_array_equal(values, LSTM[0, 0].T)


def test_a_record_stored_as_bfloat16_is_served(server):
    values, _ = tensor(server, run="lstm", tag="plain", step=2)
    expected = LSTM[2, 0, :, :4].astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(values, expected.T)


def test_a_record_without_a_time_axis_has_one_timestep(server):
    values, _ = tensor(server, run="lstm", tag="last", step=0, sample=2)
    np.testing.assert_array_equal(values, LSTM[0, 2, :1].T)


def test_a_matrix_is_served_whole(server):
    values, headers = tensor(server, run="lstm", tag="kernel", step=5)
    np.testing.assert_array_equal(values, LSTM[0, 0].T)
    assert headers["X-RnnGrad-Samples"] == "1,1"


@pytest.mark.parametrize("reduction", ["mean", "mean_abs", "rms", "max_abs", "std"])
def test_a_reduction_covers_only_real_samples(server, reduction):
    formulas = {
        "mean": lambda x: x.mean(0),
        "mean_abs": lambda x: np.abs(x).mean(0),
        "rms": lambda x: np.sqrt((x**2).mean(0)),
        "max_abs": lambda x: np.abs(x).max(0),
        "std": lambda x: x.std(0),
    }
    kept = LSTM[3, :4].astype(np.float64)
    expected = np.empty((30, 8))
    for t in range(30):
        with np.errstate(invalid="ignore"):
            expected[t] = formulas[reduction](kept[MASK[:4, t], t])
    values, _ = tensor(server, run="lstm", tag="masked", step=30, reduce=reduction)
    np.testing.assert_allclose(values, expected.T, rtol=1e-6)


def test_padding_is_marked_differently_from_nan(server):
    options = {"run": "lstm", "tag": "masked", "step": 0, "sample": 1, "padding": "mark"}
    values, headers = tensor(server, **options)
    bits = values.view(np.uint32)
    assert (bits[:, :2] == 0x7FC10000).all()
    assert bits[2, 3] == 0x7FC00000
    rest = np.ones_like(values, bool)
    rest[:, :2] = rest[2, 3] = False
    np.testing.assert_array_equal(values[rest], LSTM[0, 1].T[rest])
    assert headers["X-RnnGrad-Counts"] == "224,16,1,1,1,1"
    half, _ = tensor(server, dtype="bfloat16", **options)
    assert (half.view(np.uint16)[:, :2] == 0x7FC1).all()
    assert half.view(np.uint16)[2, 3] == 0x7FC0


def test_a_sample_of_only_padding_is_served_as_padding(server):
    options = {"run": "lstm", "tag": "masked", "step": 0, "sample": 3, "padding": "mark"}
    values, headers = tensor(server, **options)
    assert (values.view(np.uint32) == 0x7FC10000).all()
    assert headers["X-RnnGrad-Range"] == "nan,nan"


def test_the_range_and_quantiles_cover_the_finite_real_cells(server):
    _, headers = tensor(server, run="lstm", tag="masked", step=0, sample=1, t0=10, t1=12, width=1)
    real = LSTM[0, 1, 2:].astype(np.float64)
    finite = real[np.isfinite(real)]
    assert [float(x) for x in headers["X-RnnGrad-Range"].split(",")] == [finite.min(), finite.max()]
    magnitudes = np.abs(finite[finite != 0])
    given = [float(x) for x in headers["X-RnnGrad-Quantiles"].split(",")]
    at = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995]
    np.testing.assert_allclose(given, np.quantile(magnitudes, at, method="nearest"), rtol=0.05)


def test_a_window_is_cut_out(server):
    options = {"run": "lstm", "tag": "masked", "step": 0, "t0": 7, "t1": 19, "c0": 2, "c1": 5}
    values, _ = tensor(server, **options)
    np.testing.assert_array_equal(values, LSTM[0, 0, 7:19, 2:5].T)
    beyond, _ = tensor(server, **options | {"t1": 10**6, "c1": 99})
    np.testing.assert_array_equal(beyond, LSTM[0, 0, 7:, 2:].T)


def pooled(values, height, width):
    """Return signed max-abs pooling by its definition; a block with a NaN becomes NaN."""
    rows, columns = values.shape
    height, width = min(height, rows), min(width, columns)
    out = np.empty((height, width), np.float32)
    for i in range(height):
        for j in range(width):
            block = values[
                i * rows // height : (i + 1) * rows // height,
                j * columns // width : (j + 1) * columns // width,
            ].ravel()
            out[i, j] = np.nan if np.isnan(block).any() else block[np.argmax(np.abs(block))]
    return out


@pytest.mark.parametrize(("height", "width"), [(8, 7), (3, 30), (3, 7), (1, 1), (100, 100)])
def test_pooling_keeps_the_value_of_greatest_magnitude(server, height, width):
    options = {"run": "lstm", "tag": "masked", "step": 0, "height": height, "width": width}
    for sample in (0, 1):
        values, _ = tensor(server, sample=sample, **options)
        # A block with both +Inf and -Inf may become either.
        expected = pooled(LSTM[0, sample].T, height, width)
        np.testing.assert_array_equal(np.abs(values), np.abs(expected))
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(values[finite], expected[finite])


def test_a_pooled_block_is_padding_only_if_all_its_cells_are(server):
    options = {"run": "lstm", "tag": "masked", "step": 0, "sample": 2, "padding": "mark"}
    values, _ = tensor(server, width=10, **options)
    assert (values.view(np.uint32)[:, :9] == 0x7FC10000).all()
    np.testing.assert_array_equal(values[:, 9], LSTM[0, 2, 29])


def test_bfloat16_rounds_to_nearest(server):
    values, _ = tensor(server, run="lstm", tag="masked", step=0, dtype="bfloat16")
    np.testing.assert_array_equal(values, LSTM[0, 0].T.astype(ml_dtypes.bfloat16))


# --- /tensor: lags and the order of processing ---


def by_lag(values, mask):
    """Return [samples, timesteps, channels] by lag, NaN at padding, computed in a loop."""
    out = np.full(values.shape, np.nan)
    for sample, real in enumerate(mask):
        last = max(t for t in range(30) if real[t])
        for t in range(last + 1):
            if real[t]:
                out[sample, last - t] = values[sample, t]
    return out


def processed(values, mask, channels):
    """Return the values with the real timesteps of `channels` reversed, computed in a loop."""
    out = values.copy()
    for sample, real in enumerate(mask):
        timesteps = [t for t in range(30) if real[t]]
        for t, source in zip(timesteps, reversed(timesteps), strict=True):
            out[sample, t, channels] = values[sample, source, channels]
    return out


@pytest.mark.parametrize("sample", [0, 1, 2, 3])
def test_a_lag_counts_from_the_last_real_timestep_of_the_sample(server, sample):
    options = {"run": "lstm", "tag": "gapped", "step": 0, "padding": "mark"}
    values, headers = tensor(server, sample=sample, time="lag", **options)
    expected = by_lag(GAPPED, GAPPED_MASK)[sample].T
    np.testing.assert_array_equal(values.view(np.uint32) == 0x7FC10000, np.isnan(expected))
    np.testing.assert_array_equal(values, expected.astype(np.float32))
    recorded = tensor(server, sample=sample, **options)[1]
    for name in ("Range", "Quantiles", "Counts", "Full-Shape"):
        assert headers[f"X-RnnGrad-{name}"] == recorded[f"X-RnnGrad-{name}"]


def test_samples_are_aligned_by_lag_before_they_are_reduced(server):
    options = {"run": "lstm", "tag": "gapped", "step": 0, "padding": "mark"}
    expected = by_lag(GAPPED, GAPPED_MASK).astype(np.float64)
    values, _ = tensor(server, reduce="rms", time="lag", **options)
    np.testing.assert_allclose(values, np.sqrt(np.nanmean(expected**2, axis=0)).T, rtol=1e-6)


def test_windows_and_pooling_apply_to_lags(server):
    options = {"run": "lstm", "tag": "gapped", "step": 0, "time": "lag", "sample": 2}
    whole = GAPPED[2, ::-1].T
    window, _ = tensor(server, t0=3, t1=17, c0=1, c1=4, **options)
    np.testing.assert_array_equal(window, whole[1:4, 3:17])
    coarse, _ = tensor(server, width=7, height=3, **options)
    np.testing.assert_array_equal(coarse, pooled(whole, 3, 7))


def test_every_lag_of_a_sample_of_only_padding_is_padding(server):
    options = {"run": "lstm", "tag": "masked", "step": 0, "sample": 3, "padding": "mark"}
    values, _ = tensor(server, time="lag", **options)
    assert (values.view(np.uint32) == 0x7FC10000).all()


def test_no_value_is_lost_if_padding_is_kept(server):
    values, _ = tensor(server, run="lstm", tag="gapped", step=0, sample=1, time="lag")
    np.testing.assert_array_equal(np.sort(values), np.sort(GAPPED[1].T))


def test_channels_can_be_served_in_the_order_of_processing(server):
    options = {"run": "lstm", "tag": "gapped", "step": 0, "reversed": "3:5,7:8"}
    channels = [3, 4, 7]
    expected = processed(GAPPED, GAPPED_MASK, channels)
    for sample in range(4):
        values, _ = tensor(server, sample=sample, **options)
        np.testing.assert_array_equal(values, expected[sample].T)
    lags, _ = tensor(server, sample=0, time="lag", padding="mark", **options)
    np.testing.assert_array_equal(lags, by_lag(expected, GAPPED_MASK)[0].T.astype(np.float32))
    mean, _ = tensor(server, reduce="mean", time="lag", padding="mark", **options)
    both = np.nanmean(by_lag(expected, GAPPED_MASK).astype(np.float64), axis=0)
    np.testing.assert_allclose(mean, both.T, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"run": None}, 400, "the parameter run is missing"),
        ({"tag": None}, 400, "the parameter tag is missing"),
        ({"step": None}, 400, "the parameter step is missing"),
        ({"step": "last"}, 400, "step is 'last'; expected an integer"),
        ({"sample": "-1"}, 400, "sample is -1; expected at least 0"),
        ({"sample": "x"}, 400, "sample is 'x'; expected an integer"),
        ({"sample": 4}, 404, "no sample 4 at step 0 of 'masked' in the run 'lstm'; it keeps 4"),
        ({"reduce": "median"}, 400, "reduce is 'median'; expected one of mean, mean_abs, rms"),
        ({"reduce": "mean", "sample": 0}, 400, "give either sample or reduce, not both"),
        ({"width": 0}, 400, "width is 0; expected at least 1"),
        ({"height": -3}, 400, "height is -3; expected at least 1"),
        ({"dtype": "float16"}, 400, "dtype is 'float16'; expected one of float32, bfloat16"),
        ({"time": "lags"}, 400, "time is 'lags'; expected one of timestep, lag"),
        ({"reversed": "5"}, 400, "reversed is '5'; expected ranges of channels such as 8:16,24:32"),
        ({"reversed": "3:3"}, 400, "reversed is '3:3'; expected ranges of channels"),
        ({"reversed": "-1:3"}, 400, "reversed is '-1:3'; expected ranges of channels"),
        ({"reversed": "1:2,"}, 400, "reversed is '1:2,'; expected ranges of channels"),
        ({"reversed": "3:9"}, 400, "reversed names the channels 3:9; there are 8"),
        ({"padding": "drop"}, 400, "padding is 'drop'; expected one of keep, mark"),
        ({"t0": 30}, 400, "the window from t0=30 to t1=30 is empty; expected 0 <= t0 < t1"),
        ({"t0": 5, "t1": 5}, 400, "the window from t0=5 to t1=5 is empty"),
        ({"c0": -1}, 400, "c0 is -1; expected at least 0"),
        ({"wall_time": "now"}, 400, "wall_time is 'now'; expected a number"),
        ({"wall_time": 1.5}, 404, "it was logged again"),
        ({"run": "gru"}, 404, "no record of the tag 'masked' in the run 'gru'"),
        ({"run": "../../etc"}, 404, "no record of the tag"),
        ({"tag": "masked/flow"}, 404, "no record of the tag 'masked/flow'"),
        ({"step": 5}, 404, "no step 5 of 'masked' in the run 'lstm'; 40 steps are kept, from 0 to"),
        ({"step": 10**30}, 404, "no step 1000000000000000000000000000000 of"),
    ],
)
def test_a_bad_tensor_request_is_answered_with_the_reason(server, parameters, code, message):
    given = {"run": "lstm", "tag": "masked", "step": 0, **parameters}
    answer = server.get("/tensor", **{k: v for k, v in given.items() if v is not None})
    assert (answer.code, message in answer.text) == (code, True), answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_damaged_record_is_named_and_never_shown(server):
    answer = server.get("/tensor", run="damaged", tag="lstm", step=0)
    assert answer.code == 404
    assert (
        "step 0 of 'lstm' in the run 'damaged' cannot be read: the blob is damaged" in answer.text
    )
    values, _ = tensor(server, run="damaged", tag="lstm", step=0, sample=1)
    np.testing.assert_array_equal(values, LSTM[0, 1].T)


def test_a_tensor_requested_with_its_wall_time_is_cacheable(server):
    step, wall_time = server.tags()["lstm"]["masked"]["steps"][0]
    parameters = {"run": "lstm", "tag": "masked", "step": step}
    named = server.get("/tensor", wall_time=wall_time, **parameters)
    assert named.headers["Cache-Control"] == "private, max-age=3600"
    assert "no-cache" in server.get("/tensor", **parameters).headers["Cache-Control"]


# --- /histogram ---

EDGES = [-4.0, -1.0, -0.25, 0.0, 0.25, 1.5]


def histogram(server, **parameters):
    """Return the answer of /histogram, its counts, and name -> counts apart from the bins."""
    edges = ",".join(str(edge) for edge in parameters.pop("edges", EDGES))
    answer = server.get("/histogram", run="lstm", edges=edges, **parameters)
    assert answer.code == 200, answer.text
    found = answer.json()
    apart = np.moveaxis(np.array(found["apart"]), -1, 0)
    return found, np.array(found["counts"]), dict(zip(found["apart_names"], apart, strict=True))


def test_a_histogram_counts_real_cells_by_channel_group_as_numpy_does(server):
    found, counts, apart = histogram(server, tag="masked", step=30)
    assert found["groups"] == [["forward", 3], ["backward", 5]]
    assert [step for step, _ in found["steps"]] == [30]
    for group, channels in enumerate((slice(0, 3), slice(3, 8))):
        kept = LSTM[3, :4, :, channels].astype(np.float64)
        real = kept[MASK[:4]]
        finite = real[np.isfinite(real) & (real != 0)]
        np.testing.assert_array_equal(counts[0, group], np.histogram(finite, EDGES)[0])
        expected = {
            "below": (finite < EDGES[0]).sum(),
            "above": (finite > EDGES[-1]).sum(),
            "zero": (real == 0).sum(),
            "nan": np.isnan(real).sum(),
            "posinf": np.isposinf(real).sum(),
            "neginf": np.isneginf(real).sum(),
            "padding": (~MASK[:4]).sum() * kept.shape[2],
        }
        assert {name: of[0, group] for name, of in apart.items()} == expected
    assert apart["nan"].sum() == apart["posinf"].sum() == apart["zero"].sum() == 1
    assert apart["above"].sum() > 0


def test_each_channel_group_can_have_its_own_edges(server):
    edges = [[-1.0, 0.0, 1.0], [-0.5, 0.25, 4.0]]
    listed = ";".join(",".join(map(str, of)) for of in edges)
    answer = server.get("/histogram", run="lstm", tag="masked", step=30, edges=listed)
    for group, counts in enumerate(answer.json()["counts"][0]):
        _, shared, _ = histogram(server, tag="masked", step=30, edges=edges[group])
        assert counts == shared[0, group].tolist()
    for wrong, said in (
        ("0,1;0,1;0,1", "for each of the 2 channel groups of 'masked'"),
        ("0,1;0,1,2", "expected 2 to 513 finite numbers"),
        ("0,1;", "with semicolons between"),
    ):
        answer = server.get("/histogram", run="lstm", tag="masked", step=30, edges=wrong)
        assert (answer.code, said in answer.text) == (400, True), answer.text


def test_a_histogram_of_magnitudes_closes_its_last_bin(server):
    magnitudes = np.abs(LSTM[0, 0].astype(np.float64))
    edges = [float(magnitudes.min()), 0.5, float(magnitudes.max())]
    found, counts, apart = histogram(server, tag="kernel", step=5, of="magnitudes", edges=edges)
    assert found["groups"] is None
    np.testing.assert_array_equal(counts[0, 0], np.histogram(magnitudes, edges)[0])
    assert apart["above"].sum() == apart["below"].sum() == 0


def test_a_histogram_without_a_step_covers_every_kept_step(server):
    found, counts, apart = histogram(server, tag="plain", of="magnitudes", edges=[0, 0.5, 10])
    assert [step for step, _ in found["steps"]] == list(range(STEPS))
    assert found["kept_steps"] == STEPS
    stored = LSTM[:, :4, :, :4].astype(ml_dtypes.bfloat16).astype(np.float64)
    for step in range(STEPS):
        finite = np.abs(stored[step][np.isfinite(stored[step]) & (stored[step] != 0)])
        np.testing.assert_array_equal(counts[step, 0], np.histogram(finite, [0, 0.5, 10])[0])
    assert apart["nan"].ravel().tolist() == [1] * STEPS


def test_a_histogram_requested_with_its_wall_time_is_cacheable(server):
    step, wall_time = server.tags()["lstm"]["masked"]["steps"][0]
    parameters = {"run": "lstm", "tag": "masked", "step": step, "edges": "-1,0,1"}
    named = server.get("/histogram", wall_time=wall_time, **parameters)
    assert named.headers["Cache-Control"] == "private, max-age=3600"
    assert "no-cache" in server.get("/histogram", **parameters).headers["Cache-Control"]


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"edges": None}, 400, "the parameter edges is missing"),
        ({"edges": "1"}, 400, "edges is '1'; expected 2 to 513 finite numbers, ascending"),
        ({"edges": "0,2,1"}, 400, "edges is '0,2,1'; expected 2 to 513 finite numbers"),
        ({"edges": "0,1,inf"}, 400, "edges is '0,1,inf'; expected 2 to 513 finite numbers"),
        ({"edges": "0,1,nan"}, 400, "edges is '0,1,nan'; expected"),
        ({"edges": "a,b"}, 400, "edges is 'a,b'; expected"),
        ({"edges": ",".join(map(str, range(514)))}, 400, "expected 2 to 513 finite numbers"),
        ({"of": "squares"}, 400, "of is 'squares'; expected one of values, magnitudes"),
        ({"step": "last"}, 400, "step is 'last'; expected an integer"),
        ({"wall_time": 1.5}, 400, "wall_time is given without step; expected both"),
        ({"step": 0, "wall_time": 1.5}, 404, "it was logged again"),
        ({"step": 5}, 404, "no step 5 of 'masked' in the run 'lstm'"),
        ({"tag": "none"}, 404, "no record of the tag 'none' in the run 'lstm'"),
        ({"run": "scalars"}, 404, "no record of the tag 'masked' in the run 'scalars'"),
        ({"run": "newer", "tag": "lstm"}, 404, "written in record format 2.0"),
        ({"run": "damaged", "tag": "lstm"}, 404, "cannot be read: the blob is damaged"),
    ],
)
def test_a_bad_histogram_request_is_answered_with_the_reason(server, parameters, code, message):
    given = {"run": "lstm", "tag": "masked", "edges": "-1,0,1", **parameters}
    answer = server.get("/histogram", **{k: v for k, v in given.items() if v is not None})
    assert (answer.code, message in answer.text) == (code, True), answer.text


# --- /flow ---


def test_flow_has_the_statistics_of_the_whole_batch_at_every_step(server):
    answer = server.get("/flow", run="lstm", tag="masked")
    values = np.frombuffer(answer.body, "<f4").reshape(STEPS, 30, len(flow.STATISTICS))
    assert answer.headers["X-RnnGrad-Shape"] == f"{STEPS},30,{len(flow.STATISTICS)}"
    with np.errstate(invalid="ignore"):
        each = flow.statistics_of_each(list(LSTM), [MASK] * STEPS, GROUPS)
    np.testing.assert_array_equal(values, np.stack([one.rows for one in each]))
    for part in GROUPS:
        answer = server.get("/flow", run="lstm", tag=f"masked/{part}")
        values = np.frombuffer(answer.body, "<f4").reshape(STEPS, 30, len(flow.STATISTICS))
        np.testing.assert_array_equal(values, np.stack([one.parts[part] for one in each]))


@pytest.mark.parametrize("tag", ["rare", "alone"])
def test_flow_includes_the_steps_without_a_tensor(server, tag):
    found = server.get("/flow", run="flow", tag=tag, format="json").json()
    assert [step for step, _ in found["steps"]] == list(range(STEPS))
    values = np.frombuffer(server.get("/flow", run="flow", tag=tag).body, "<f4")
    expected = np.stack([flow.statistics(data) for data in FINITE])
    np.testing.assert_array_equal(values.reshape(expected.shape), expected)


def test_tensorboard_serves_our_scalars_as_its_own(server):
    for name in ("memory_horizon", "half_life", "largest_gain"):
        query = urllib.parse.urlencode({"run": "flow", "tag": f"rare/{name}"})
        answer = server.outside(f"/data/plugin/scalars/scalars?{query}")
        logged = [(step, value) for _, step, value in json.loads(answer.body)]
        expected = [flow.scalars(flow.statistics(data))[name] for data in FINITE]
        assert [step for step, _ in logged] == list(range(STEPS))
        for step, value in logged:
            if step == 7:
                assert value == "NaN"  # how TensorBoard writes NaN in JSON
            else:
                assert value == pytest.approx(expected[step], rel=1e-6)


def test_flow_lists_its_steps_as_json(server):
    found = server.get("/flow", run="lstm", tag="masked", format="json").json()
    assert found["shape"] == [STEPS, 30, len(flow.STATISTICS)]
    assert found["statistics"] == list(flow.STATISTICS)
    assert found["steps"] == server.tags()["lstm"]["masked"]["steps"]


def test_flow_returns_the_requested_statistics(server):
    names = "max_abs,norm_mean"
    answer = server.get("/flow", run="lstm", tag="masked", statistics=names)
    values = np.frombuffer(answer.body, "<f4").reshape(STEPS, 30, 2)
    whole = np.frombuffer(server.get("/flow", run="lstm", tag="masked").body, "<f4")
    columns = [flow.STATISTICS.index(name) for name in names.split(",")]
    np.testing.assert_array_equal(values, whole.reshape(STEPS, 30, -1)[:, :, columns])
    found = server.get("/flow", run="lstm", tag="masked", statistics=names, format="json").json()
    assert found["statistics"] == ["max_abs", "norm_mean"]


def test_flow_returns_the_requested_rows(server):
    whole = server.get("/flow", run="flow", tag="rare", format="json").json()["shape"]
    answer = server.get("/flow", run="flow", tag="rare", statistics="dead_share", t1=1)
    assert answer.headers["X-RnnGrad-Shape"] == f"{whole[0]},1,1"
    assert len(answer.body) == 4 * whole[0]


def test_flow_appends_its_steps_on_request(server):
    names = "norm_mean,rms"
    asked = {"run": "lstm", "tag": "masked", "statistics": names}
    answer = server.get("/flow", append="steps", **asked)
    values = server.get("/flow", **asked).body
    assert answer.headers["X-RnnGrad-Shape"] == f"{STEPS},30,2"
    assert answer.body[: len(values)] == values
    steps = np.frombuffer(answer.body[len(values) :], "<f8").reshape(STEPS, 2)
    assert steps.tolist() == server.tags()["lstm"]["masked"]["steps"]


def test_flow_pads_shorter_steps_with_nan(server):
    answer = server.get("/flow", run="lstm", tag="ragged")
    values = np.frombuffer(answer.body, "<f4").reshape(3, 9, -1)
    logged = np.isfinite(values[:, :, flow.STATISTICS.index("real_samples")])
    assert logged.sum(axis=1).tolist() == [5, 9, 7]


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        ({"run": "lstm"}, 400, "the parameter tag is missing"),
        ({"run": "lstm", "tag": "nothing"}, 404, "no flow of the tag 'nothing' in the run 'lstm'"),
        ({"run": "none", "tag": "masked"}, 404, "no flow of the tag 'masked' in the run 'none'"),
        ({"run": "newer", "tag": "lstm"}, 404, "written in record format 2.0"),
        (
            {"run": "lstm", "tag": "masked", "statistics": "rms,median"},
            400,
            "statistics names 'median'; expected some of norm_mean, norm_p05",
        ),
        ({"run": "lstm", "tag": "masked", "format": "csv"}, 400, "format is 'csv'; expected one"),
        (
            {"run": "lstm", "tag": "masked", "append": "x"},
            400,
            "append is 'x'; expected one of steps",
        ),
    ],
)
def test_a_bad_flow_request_is_answered_with_the_reason(server, parameters, code, message):
    answer = server.get("/flow", **parameters)
    assert (answer.code, message in answer.text) == (code, True), answer.text


# --- /static, methods ---


def test_the_page_is_served_as_a_script(server):
    answer = server.get("/static/index.js")
    assert answer.code == 200
    assert answer.headers["Content-Type"].startswith("application/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"render" in answer.body


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nothing.js",
        "../plugin.py",
        "..%2fplugin.py",
        "%2e%2e/plugin.py",
        "../static/../loader.py",
        "..\\plugin.py",
        "/etc/passwd",
        "%00.js",
        "index.py",
    ],
)
def test_only_the_pages_files_are_served(server, name):
    answer = server.get(f"/static/{name}")
    assert answer.code == 404
    assert b"import" not in answer.body


@pytest.mark.parametrize("route", ["/tags", "/tensor", "/histogram", "/flow", "/static/index.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_is_served(server, route, method):
    answer = server.get(route, method=method)
    assert answer.code == 405
    assert f"{method} is not served here; expected GET" in answer.text


def test_the_tab_is_listed_and_active(server):
    listed = json.loads(server.outside("/data/plugins_listing").body)["rnngrad"]
    assert listed["enabled"]
    assert listed["tab_name"] == "RNN Gradients"
    assert listed["loading_mechanism"]["module_path"].endswith("/plugin/rnngrad/static/index.js")


# --- the step limits ---


@pytest.mark.parametrize("load_fast", ["true", "false"])
@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        ([], STEPS),
        (["--samples_per_plugin=rnngrad=25"], 25),
        (["--samples_per_plugin=rnngrad=0,images=7"], STEPS),
        (["--samples_per_plugin=images=7"], STEPS),
    ],
    ids=["default", "set", "unlimited", "of-another"],
)
def test_the_users_step_limit_overrides_our_default(
    logdir, tensorboard_server, load_fast, flags, steps
):
    server = tensorboard_server(logdir / "lstm", f"--load_fast={load_fast}", *flags)
    tags = server.wait_for(
        lambda tags: len(tags.get(".", {}).get("plain", {}).get("steps", [])) >= 25
    )
    assert len(tags["."]["plain"]["steps"]) == steps


def test_limits_of_other_plugins_are_left_alone():
    class Flags:
        samples_per_plugin = {"images": 7, "rnngrad": 25}

    RnnGradLoader().fix_flags(Flags)
    assert Flags.samples_per_plugin == {
        "images": 7,
        "rnngrad": 25,
        "rnngrad_flow": SAMPLES_PER_PLUGIN["rnngrad_flow"],
    }


@pytest.mark.parametrize("given", [None, "", "rnngrad=3"])
def test_flags_that_are_not_a_dict_are_left_alone(given):
    class Flags:
        samples_per_plugin = given

    RnnGradLoader().fix_flags(Flags)
    assert Flags.samples_per_plugin == given


# --- live ---


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_a_running_training_appears_and_grows(tmp_path, tensorboard_server, load_fast):
    server = tensorboard_server(tmp_path, f"--load_fast={load_fast}")
    assert server.tags() == {}
    with SummaryWriter(tmp_path / "live") as writer:
        writer.add_sequence("lstm", LSTM[0], 0)
        server.wait_for(lambda tags: "live" in tags)
        writer.add_sequence("lstm", LSTM[1], 1)
        server.wait_for(lambda tags: len(tags["live"]["lstm"]["steps"]) == 2)
        values, _ = tensor(server, run="live", tag="lstm", step=1)
        np.testing.assert_array_equal(values, LSTM[1, 0].T)


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_routes_work_under_a_path_prefix(logdir, tensorboard_server, load_fast):
    server = tensorboard_server(logdir, f"--load_fast={load_fast}", "--path_prefix=/some/where")
    assert server.url.endswith("/some/where")
    server.wait_for(lambda tags: "deep/er" in tags)
    values, _ = tensor(server, run="deep/er", tag="plain", step=3)
    np.testing.assert_array_equal(values, LSTM[1, 0].T)
