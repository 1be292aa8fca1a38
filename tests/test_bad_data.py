"""Bad data on real TensorBoards is reported under its own tag and does not affect other tags."""

import json
import os
import struct

import google_crc32c
import numpy as np
import pytest
from events import event, with_content, write
from tensorboard.compat.proto.summary_pb2 import Summary

import tb_rnngrad
from tb_rnngrad import SequenceRecord, SummaryWriter, flow
from tb_rnngrad.events import blobs, messages
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import Metadata

RNG = np.random.default_rng(9)
DATA = RNG.normal(size=(8, 4, 6, 3)).astype(np.float32)
GROUPS = {"i": 1, "f": 2}
STATISTICS = len(flow.STATISTICS)

pytestmark = pytest.mark.parametrize("load_fast", ["true", "false"], scope="module")


def sequence_pb(tag="bad", step=0, **options):
    """Return the summary that a writer would log at a step."""
    logged = Logged(tag, step)
    whole = SequenceRecord(DATA[0], **options)
    return Summary.FromString(b"".join(messages.serialised(whole, 4, "float32", None, logged)[1]))


def content(keep_checksum=False, **changes):
    """Return plugin content with some fields changed."""
    fields = json.loads(Metadata("activation", statistics=flow.STATISTICS).to_content())
    if not keep_checksum:
        del fields["checksum"]
    return json.dumps(fields | changes).encode()


def blob(fields, *arrays):
    """Return a blob with arbitrary fields and a valid checksum."""
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    text += b" " * (-(12 + len(text)) % 8)
    body = struct.pack("<I", len(text)) + text + b"".join(array.tobytes() for array in arrays)
    return b"RNNG" + struct.pack("<I", google_crc32c.value(body)) + body


def header(arrays=None, **changes):
    """Return the header of DATA[0] with some fields changed."""
    description = {"extremes": {"dtype": "float32", "shape": [4, 2]}}
    fields = {"shape": [4, 6, 3], "batch": 4, "dtype": "float32", "kept": 4}
    fields |= {"flushed": 0, "overflowed": 0, "arrays": arrays or description}
    return blob(fields | changes, np.zeros(1000, np.float32)[: 8 + (6 if arrays else 0)])


# Plugin contents, each with a part of the error that its tag shows.
METADATA = {
    "quantity is a list": (
        content(quantity=["x"]),
        "Expected `str`, got `array` - at `$.quantity`",
    ),
    "layer is an object": (content(layer={"a": 1}), "got `object` - at `$.layer`"),
    "statistics are null": (content(statistics=None), "got `null` - at `$.statistics`"),
    "statistics repeat": (content(statistics=["rms", "rms"]), "two statistics have the same name"),
    "groups are empty": (content(channel_groups=[]), "at `$.channel_groups`"),
    "groups repeat": (content(channel_groups=[["a", 1], ["a", 2]]), "two channel groups have"),
    "a group is huge": (content(channel_groups=[["a", 10**30]]), "at `$.channel_groups[0][1]`"),
    "a group is NaN": (content(channel_groups=[["a", float("nan")]]), "JSON is malformed"),
    "details are infinite": (content(details={"a": float("inf")}), "JSON is malformed"),
    "a lone surrogate": (content(layer="\ud800"), "plugin content is not tb_rnngrad's"),
    "details are deep": (
        content(details=json.loads('{"a":' * 40 + "1" + "}" * 40)),
        "details are nested deeper than 16 levels",
    ),
    "far too deep": (
        b'{"version": "1.0", "details": ' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}",
        "nested deeper than",
    ),
    "part_of is a number": (content(part_of=3), "at `$.part_of`"),
    "a direction of its own": (content(direction="sideways"), "Invalid enum value 'sideways'"),
    "no version": (b"{}", "missing required field `version`"),
    "no JSON": (b"\xff\xfe", "plugin content is not tb_rnngrad's"),
    "2 MB of JSON": (content(layer="x" * 2**21), "expected at most 1048576"),
    "a flipped bit": (content(True, layer="lstn"), "the tag's metadata are damaged"),
    "a newer version": (content(version="3.1"), "written in record format 3.1"),
}

# Headers, each with a part of the answer.
HEADERS = {
    "no shape": (header(shape=None), "at `$.shape`"),
    "a batch of 0": (header(batch=0), "at `$.batch`"),
    "a batch of 5": (header(batch=5), "a batch of shape [4, 6, 3] has 5 samples"),
    "none kept": (header(kept=0), "at `$.kept`"),
    "one kept": (
        header(kept=1),
        "the header's extremes are float32 [4, 2]; expected float32 [1, 2]",
    ),
    "sizes of 1e30": (header(shape=[4, 1e30, 3]), "at `$.shape[1]`"),
    "a huge array": (
        header(arrays={"extremes": {"dtype": "float32", "shape": [2**50, 2**50]}}),
        "bytes are left for it",
    ),
    "a mask of another length": (
        header(
            arrays={
                "extremes": {"dtype": "float32", "shape": [4, 2]},
                "mask": {"dtype": "uint8", "shape": [4, 5]},
            }
        ),
        "the header's mask has shape [4, 5]; expected [4, 6]",
    ),
    "of another step": (header(step=7), "logged with the step 7, but its event says 0"),
    "of another tag": (header(tag="gru"), "logged with the tag 'gru'"),
    "other channels": (header(shape=[4, 6, 9]), "its tag's channel groups have 3 channels"),
    "a matrix": (header(shape=[4, 6], batch=1), "says that 4 of 1 samples are kept"),
    "no JSON": (blob(b"[" * 5000), "the blob's description cannot be read"),
    "no blob": (b"nothing", "not a tb_rnngrad blob"),
}


def tagged(name):
    return "bad/" + name.replace(" ", "_")


def write_logs(logdir):
    with SummaryWriter(logdir / "good") as writer:
        for step in range(8):
            writer.add_sequence("lstm", DATA[step], step)
        writer.add_sequence("long", DATA[0], 0, description="[" * 20_000)
        writer.add_sequence("described", DATA[0], 0, description="*all*")
    events = []
    for name, (plugin_content, _) in METADATA.items():
        events.append(event(0, with_content(sequence_pb(tagged(name)), plugin_content)))
    write(logdir / "metadata", *events)
    events = []
    for name, (lie, _) in HEADERS.items():
        whole = sequence_pb(tagged(name), channel_groups=GROUPS)
        whole.value[0].tensor.string_val[0] = lie
        events.append(event(0, whole))
    write(logdir / "headers", *events)
    _write_samples(logdir / "samples")
    _write_flows(logdir / "flows")
    _write_restart(logdir / "restart")
    names = ['a"b', "a\\b", "a\nb", "a\tb", "fine"]
    write(logdir / "names", *(event(0, _named(name)) for name in names))


def _named(name):
    """Return a record with a name that our writers refuse but others may write."""
    value = sequence_pb("other").value[0]
    value.tag = name
    value.tensor.string_val[:] = blobs.encode(SequenceRecord(DATA[0]))
    return value


def _write_samples(logdir):
    """Write records whose blobs contradict their header."""
    three, missing, none, other = (sequence_pb(tag) for tag in ("3-D", "missing", "none", "other"))
    three.value[0].tensor.string_val[1] = blob(
        {"arrays": {"data": {"dtype": "float32", "shape": [6, 1, 3]}}}, np.zeros(18, np.float32)
    )
    del missing.value[0].tensor.string_val[4]
    missing.value[0].tensor.tensor_shape.dim[0].size = 4
    del none.value[0].tensor.string_val[:]
    none.value[0].tensor.tensor_shape.dim[0].size = 0
    other.value[0].tensor.string_val[1] = blobs.encode(SequenceRecord(DATA[0, :, :5]))[1]
    write(logdir, *(event(0, one) for one in (three, missing, none, other)))


def _write_flows(logdir):
    """Write flows that are damaged, declare far too large a shape, or belong to another step."""
    events = []
    for step in range(6):
        whole = sequence_pb("lstm", step)
        whole.value[1].CopyFrom(sequence_pb("lstm", step).value[1])
        tensor = whole.value[1].tensor
        if step == 1:
            flipped = bytearray(tensor.tensor_content)
            flipped[40] ^= 16
            tensor.tensor_content = bytes(flipped)
        if step == 2:
            tensor.ClearField("tensor_content")
            tensor.float_val[:] = [1.0]
            tensor.tensor_shape.dim[0].size = 30_000_000
        if step == 3:
            whole.value[1].CopyFrom(sequence_pb("lstm", 99).value[1])
        if step == 4:
            tensor.tensor_shape.dim.add(size=1)
        events.append(event(step, whole))
    old = Summary.FromString(sequence_pb("old").SerializeToString())
    rows = flow.statistics(DATA[0])
    old.value[1].tensor.tensor_content = rows.tobytes()
    old.value[1].tensor.tensor_shape.dim[1].size = STATISTICS
    lost = Summary.FromString(sequence_pb("lost").SerializeToString())
    lost.value[1].tensor.tensor_content = b"\0" * len(lost.value[1].tensor.tensor_content)
    meta = Metadata("activation", statistics=flow.STATISTICS, part_of="circle")
    circle = messages.serialised_flow(rows, meta, Logged("circle", 0))
    circle_pb = Summary.FromString(b"".join(circle))
    write(logdir, *events, event(0, old), event(0, lost), event(0, circle_pb))


def _write_restart(logdir):
    """Write a training that was killed after step 7, resumed at step 3, and has reached step 5."""
    with SummaryWriter(logdir) as writer:
        for step in range(8):
            writer.add_sequence("lstm", DATA[step], step, wall_time=step)
            writer.add_flow("alone", flow.statistics(DATA[step]), step, wall_time=step)
            if step % 4 == 0:
                writer.add_sequence("rare", DATA[step], step, wall_time=step)
            else:
                writer.add_flow("rare", flow.statistics(DATA[step]), step, wall_time=step)
    with SummaryWriter(logdir) as writer:
        for step in range(3, 6):
            again = 2 * DATA[step]
            writer.add_sequence("lstm", again, step, wall_time=100 + step)
            writer.add_flow("alone", flow.statistics(again), step, wall_time=100 + step)
            if step < 4:
                writer.add_flow("rare", flow.statistics(again), step, wall_time=100 + step)


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults")
    write_logs(path)
    return path


@pytest.fixture(scope="module")
def server(logdir, load_fast, tensorboard_server):
    server = tensorboard_server(logdir, f"--load_fast={load_fast}")
    server.wait_for(
        lambda tags: (
            {"good", "metadata", "headers", "samples", "flows", "restart", "names"} <= set(tags)
            and {"lstm", "described"} <= set(tags["good"])
            and len(tags["good"]["lstm"]["steps"]) == 8
            and len(tags["metadata"]) == len(METADATA)
            and len(tags["headers"]) == len(HEADERS)
            and {"lstm", "old", "lost", "circle"} <= set(tags["flows"])
            and len(tags["restart"]) == 3
            and tags["restart"]["rare"]["last_flow"][1] > 100
        )
    )
    return server


def sample(server, **parameters):
    answer = server.get("/tensor", **parameters)
    assert answer.code == 200, answer.text
    shape = [int(size) for size in answer.headers["X-RnnGrad-Shape"].split(",")]
    return np.frombuffer(answer.body, "<f4").reshape(shape)


def flow_of(server, **parameters):
    """Return the steps and the values of a flow."""
    listed = server.get("/flow", format="json", **parameters)
    assert listed.code == 200, listed.text
    found = listed.json()
    values = np.frombuffer(server.get("/flow", **parameters).body, "<f4")
    return found, values.reshape(found["shape"])


# --- metadata, headers, samples ---


@pytest.mark.parametrize("name", METADATA)
def test_invalid_metadata_is_reported_under_its_own_tag(server, name):
    entry = server.tags()["metadata"][tagged(name)]
    assert METADATA[name][1] in entry["error"]
    assert entry["steps"] == []
    for route, options in (
        ("/tensor", {"step": 0}),
        ("/histogram", {"edges": "0,1"}),
        ("/flow", {}),
    ):
        answer = server.get(route, run="metadata", tag=tagged(name), **options)
        assert (answer.code, METADATA[name][1] in answer.text) == (404, True), answer.text


@pytest.mark.parametrize("name", HEADERS)
def test_an_invalid_header_is_answered_with_the_reason(server, name):
    for route, options in (("/tensor", {"step": 0}), ("/histogram", {"edges": "0,1"})):
        answer = server.get(route, run="headers", tag=tagged(name), **options)
        assert (answer.code, HEADERS[name][1] in answer.text) == (404, True), answer.text


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("3-D", "the sample has shape (6, 1, 3)"),
        ("missing", "its header says that it keeps 4 samples; it has 3"),
        ("none", "it has no header"),
        ("other", "the sample is float32 [5, 3]; its record's header says float32 [6, 3]"),
    ],
)
def test_samples_that_contradict_the_header_are_answered_with_the_reason(server, tag, message):
    answer = server.get("/tensor", run="samples", tag=tag, step=0)
    assert (answer.code, message in answer.text) == (404, True), answer.text


def test_other_tags_are_served_despite_bad_ones(server):
    np.testing.assert_array_equal(sample(server, run="good", tag="lstm", step=5), DATA[5, 0].T)
    assert server.tags()["good"]["described"]["metadata"]["description"].count("<em>") == 1


def test_a_very_long_description_is_cut(server):
    assert server.tags()["good"]["long"]["metadata"]["description"].endswith("…</p>")


def test_tags_are_strictly_valid_json(server):
    answer = server.get("/tags")
    json.loads(answer.body.decode("utf-8"), parse_constant=lambda name: pytest.fail(name))


def test_unchanged_tags_are_not_sent_again(server):
    import urllib.error
    import urllib.request

    first = server.get("/tags")
    url = f"{server.url}/data/plugin/rnngrad/tags"
    again = urllib.request.Request(url, headers={"If-None-Match": first.headers["ETag"]})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(again)
    assert answer.value.code == 304


# --- flow ---


def test_damaged_flows_are_named_and_left_out(server):
    found, values = flow_of(server, run="flows", tag="lstm")
    assert [step for step, _ in found["steps"]] == [0, 5]
    assert not found["complete"]
    why = dict(found["damaged"])
    assert list(why) == [1, 2, 3, 4]
    assert "the flow is damaged" in why[1]
    assert f"shape [30000000, {STATISTICS + 2}] that holds 1 values" in why[2]
    assert "its values or its step" in why[3]
    np.testing.assert_array_equal(values[0], flow.statistics(DATA[0]))
    answer = server.get("/flow", run="flows", tag="lstm", append="steps")
    assert answer.headers["X-RnnGrad-Damaged"] == "1,2,3,4"


def test_a_flow_without_readable_steps_is_answered_with_the_reason(server):
    answer = server.get("/flow", run="flows", tag="lost")
    assert answer.code == 404
    assert "no flow of the tag 'lost' can be read; of step 0: the flow is damaged" in answer.text


def test_a_flow_that_claims_to_be_a_part_of_itself_is_listed(server):
    assert server.tags()["flows"]["circle"]["last_flow"] == [0, 1.0]


def test_a_flow_of_an_older_version_is_served_without_a_checksum(server):
    _, values = flow_of(server, run="flows", tag="old")
    np.testing.assert_array_equal(values[0], flow.statistics(DATA[0]))


def test_a_statistic_named_twice_is_refused(server):
    names = ",".join(["rms"] * 3000)
    answer = server.get("/flow", run="good", tag="lstm", statistics=names)
    assert (answer.code, "statistics names 'rms' twice" in answer.text) == (400, True)


# --- restarts ---


def test_the_later_value_of_a_step_logged_twice_is_served(server, logdir):
    entry = server.tags()["restart"]["lstm"]
    assert entry["steps"] == [[0, 0], [1, 1], [2, 2], [3, 103], [4, 104], [5, 105]]
    series = tb_rnngrad.read(logdir, run="restart", tag="lstm")
    assert series.steps.tolist() == [0, 1, 2, 3, 4, 5]
    for step in range(6):
        expected = DATA[step] * (2 if step >= 3 else 1)
        served = sample(server, run="restart", tag="lstm", step=step, sample=1)
        np.testing.assert_array_equal(served, expected[1].T)
        np.testing.assert_array_equal(series.at(step), expected)


@pytest.mark.parametrize("tag", ["lstm", "alone"])
def test_the_steps_of_a_flow_ascend_after_a_restart(server, logdir, tag):
    found, values = flow_of(server, run="restart", tag=tag)
    assert [step for step, _ in found["steps"]] == [0, 1, 2, 3, 4, 5]
    expected = np.stack([flow.statistics(DATA[s] * (2 if s >= 3 else 1)) for s in range(6)])
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(
        tb_rnngrad.read(logdir, run="restart", tag=tag).flow.values, expected
    )


def test_flow_shows_which_records_a_killed_training_left_behind(server, logdir):
    assert [step for step, _ in server.tags()["restart"]["rare"]["steps"]] == [0]
    assert tb_rnngrad.read(logdir, run="restart", tag="rare").steps.tolist() == [0]
    answer = server.get("/tensor", run="restart", tag="rare", step=4)
    assert (answer.code, "no step 4 of 'rare'" in answer.text) == (404, True)


# --- names ---


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\tb"])
def test_a_tag_that_the_fast_loader_cannot_fetch_says_why(server, load_fast, name):
    entry = server.tags()["names"][name]
    answer = server.get("/tensor", run="names", tag=name, step=0)
    if load_fast == "true":
        assert "TensorBoard's fast loader cannot fetch such names" in entry["error"]
        assert (answer.code, "--load_fast=false" in answer.text) == (404, True)
    else:
        assert "error" not in entry
        assert answer.code == 200


def test_a_path_too_long_for_any_file_system_is_not_found(server):
    answer = server.get("/static/" + "a" * 300 + ".js")
    assert (answer.code, "belongs to this page" in answer.text) == (404, True)
    assert server.get("/static/" + "%f0%9f%98%80" * 90 + ".js").code == 404


def test_a_run_name_that_is_not_unicode_does_not_affect_other_runs(
    tmp_path, tensorboard_server, load_fast
):
    if load_fast == "false":
        pytest.skip("TensorBoard's Python loader reads no directory that holds such a name")
    with SummaryWriter(tmp_path / "good") as writer:
        writer.add_sequence("lstm", DATA[0], 0)
    with SummaryWriter(tmp_path / os.fsdecode(b"bad\xff")) as writer:
        writer.add_sequence("lstm", DATA[0], 0)
    server = tensorboard_server(tmp_path, f"--load_fast={load_fast}")
    tags = server.wait_for(lambda tags: "good" in tags)
    for name in tags:
        name.encode()
    np.testing.assert_array_equal(sample(server, run="good", tag="lstm", step=0), DATA[0, 0].T)
