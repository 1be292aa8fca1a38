"""Logs come back as they were written."""

import json

import numpy as np
import pytest
from events import event, events, with_content, write
from tensorboard.compat.proto.summary_pb2 import Summary

import tb_rnngrad
from tb_rnngrad import SequenceRecord, SummaryWriter, flow, summary
from tb_rnngrad.events import messages
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import FormatError, Metadata

RNG = np.random.default_rng(5)
DATA = RNG.normal(size=(7, 6, 5, 4)).astype(np.float32)
MASK = RNG.random((6, 5)) > 0.3
GROUPS = {"forward": 1, "backward": 3}


def log(logdir, tag="lstm", steps=range(7), **options):
    with SummaryWriter(logdir) as writer:
        for step in steps:
            writer.add_sequence(tag, DATA[step], step * 10, wall_time=step + 0.5, **options)


def test_every_step_comes_back_whole(tmp_path):
    log(tmp_path / "a", mask=MASK, channel_groups=GROUPS, max_outputs=6)
    series = tb_rnngrad.read(tmp_path, run="a", tag="lstm")
    assert series.steps.tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert series.wall_times.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert len(series) == 7
    np.testing.assert_array_equal(np.stack([np.asarray(r) for r in series]), DATA)
    last = series[-1]
    np.testing.assert_array_equal(last.mask, MASK)
    assert last.channel_groups == GROUPS
    assert last.quantity == "hidden_state_gradient"
    np.testing.assert_array_equal(series.at(20), DATA[2])
    assert [np.asarray(r)[0, 0, 0] for r in series[1:3]] == [DATA[1, 0, 0, 0], DATA[2, 0, 0, 0]]
    assert repr(series) == "<Series 'lstm' of run 'a': hidden_state_gradient, 7 steps>"


def test_flow_comes_back_over_the_whole_batch(tmp_path):
    log(tmp_path, mask=MASK, max_outputs=1)
    series = tb_rnngrad.read(tmp_path)
    assert series.flow.statistics == flow.STATISTICS
    assert series.flow.steps.tolist() == series.steps.tolist()
    expected = np.stack([flow.statistics(data, MASK) for data in DATA])
    np.testing.assert_array_equal(series.flow.values, expected)
    np.testing.assert_array_equal(series[3].flow, expected[3])
    assert series[3].batch_size == 6
    assert series[3].shape == (1, 5, 4)


def test_steps_with_only_flow_come_back_in_the_flow(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(7):
            if step % 3 == 0:
                writer.add_sequence("lstm", DATA[step], step)
            else:
                writer.add_flow("lstm", flow.statistics(DATA[step]), step)
    series = tb_rnngrad.read(tmp_path)
    assert series.steps.tolist() == [0, 3, 6]
    assert series.flow.steps.tolist() == list(range(7))
    expected = np.stack([flow.statistics(data) for data in DATA])
    np.testing.assert_array_equal(series.flow.values, expected)
    with pytest.raises(KeyError, match="no step 4 of 'lstm'; the nearest is 3"):
        series.at(4)


def test_a_tag_with_only_flow_comes_back(tmp_path):
    rows = flow.statistics(DATA[0])
    with SummaryWriter(tmp_path) as writer:
        writer.add_flow("lstm", rows, 5, layer="lstm_1")
    series = tb_rnngrad.read(tmp_path)
    assert (series.tag, series.metadata.layer, len(series)) == ("lstm", "lstm_1", 0)
    assert series.flow.steps.tolist() == [5]
    np.testing.assert_array_equal(series.flow.values, [rows])
    with pytest.raises(KeyError, match="'lstm' has flow statistics alone"):
        series.at(5)


def test_a_record_that_was_read_can_be_logged_again(tmp_path):
    log(tmp_path / "a", mask=MASK, channel_groups=GROUPS)
    first = tb_rnngrad.read(tmp_path / "a")[2]
    with SummaryWriter(tmp_path / "b") as writer:
        writer.add_sequence("lstm", first, 2)
    again = tb_rnngrad.read(tmp_path / "b")[0]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(again.flow, first.flow)
    assert again.batch_size == first.batch_size == 6
    assert [*again.part_flows] == ["forward", "backward"]
    for name, rows in again.part_flows.items():
        np.testing.assert_array_equal(rows, first.part_flows[name])


def test_each_part_has_its_own_series(tmp_path):
    log(tmp_path, mask=MASK, channel_groups=GROUPS)
    series = tb_rnngrad.read(tmp_path)
    assert series.tag == "lstm", "the record, not one of its parts"
    backward = series.parts["backward"]
    assert (backward.tag, backward.metadata.direction) == ("lstm/backward", "backward")
    expected = [flow.statistics(data[..., 1:], MASK, direction="backward") for data in DATA]
    np.testing.assert_array_equal(backward.flow.values, np.stack(expected))
    again = tb_rnngrad.read(tmp_path, tag="lstm/backward")
    np.testing.assert_array_equal(again.flow.values, backward.flow.values)
    assert again.metadata.part_of == "lstm"


@pytest.mark.parametrize(
    ("data", "quantity"),
    [(DATA[0, 0], "weight"), (DATA[0, :4, 0], "output_gradient")],
    ids=["matrix", "no time axis"],
)
def test_data_of_rank_2_comes_back_with_rank_2(tmp_path, data, quantity):
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("x", data, 0, quantity=quantity)
    np.testing.assert_array_equal(tb_rnngrad.read(tmp_path)[0], data)


def test_steps_of_a_killed_training_beyond_the_resumed_step_are_left_out(tmp_path):
    log(tmp_path, steps=[0, 1, 2, 3])
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA[6], 10)
        writer.add_sequence("lstm", DATA[5], 20)
    series = tb_rnngrad.read(tmp_path)
    assert series.steps.tolist() == series.flow.steps.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(series[1], DATA[6, :4])
    np.testing.assert_array_equal(series[1].flow, flow.statistics(DATA[6]))


def test_flow_shows_that_a_later_record_belongs_to_the_killed_training(tmp_path):
    log(tmp_path, steps=[0, 1, 2, 3])
    with SummaryWriter(tmp_path) as writer:
        writer.add_flow("lstm", flow.statistics(DATA[6]), 10)
    series = tb_rnngrad.read(tmp_path)
    assert series.flow.steps.tolist() == [0, 10]
    assert series.steps.tolist() == [0, 10]


def test_a_file_still_being_written_is_read_up_to_its_last_whole_event(tmp_path):
    log(tmp_path)
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    assert tb_rnngrad.read(tmp_path).steps.tolist() == [0, 10, 20, 30, 40, 50]


def test_a_damaged_event_is_left_out_with_a_warning(tmp_path):
    log(tmp_path)
    path = next(tmp_path.iterdir())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="the event at byte [0-9]+ is damaged"):
        assert tb_rnngrad.read(tmp_path).steps.tolist() == [0, 10, 20, 40, 50, 60]


def test_records_written_through_tensorflow_come_back(tmp_path):
    tf = pytest.importorskip("tensorflow")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tb_rnngrad.summary.sequence("lstm", SequenceRecord(DATA[0], layer="lstm_1"), 3)
        tf.summary.experimental.set_step(None)
    series = tb_rnngrad.read(tmp_path)
    np.testing.assert_array_equal(series[0], DATA[0, :4])
    assert series[0].layer == "lstm_1"
    np.testing.assert_array_equal(series[0].flow, flow.statistics(DATA[0]))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({}, "there are several runs in .*; expected one of 'a', 'b'"),
        ({"run": "c"}, "no run 'c' in .*; expected one of 'a', 'b'"),
        (
            {"run": "b"},
            "there are several tags in the run 'b' of .*; expected one of 'gru', 'lstm'",
        ),
        ({"run": "a", "tag": "gru"}, "no tag 'gru' in the run 'a' of .*; expected one of 'lstm'"),
        ({"run": "a", "tag": "lstm/flow"}, "no tag 'lstm/flow' in the run 'a'"),
    ],
)
def test_an_unknown_or_ambiguous_choice_lists_what_there_is(tmp_path, choice, message):
    log(tmp_path / "a")
    log(tmp_path / "b")
    log(tmp_path / "b" / ".." / "b", tag="gru")
    with pytest.raises(ValueError, match=message):
        tb_rnngrad.read(tmp_path, **choice)


def test_a_directory_without_records_is_named(tmp_path):
    with pytest.raises(ValueError, match="no run with records of tb_rnngrad in .*"):
        tb_rnngrad.read(tmp_path)


def test_a_missing_step_is_answered_with_the_nearest(tmp_path):
    log(tmp_path)
    with pytest.raises(KeyError, match="no step 29 of 'lstm'; the nearest is 30"):
        tb_rnngrad.read(tmp_path).at(29)


# --- damage, links and parts ---


def flow_of_a_part(tag, part_of, step):
    meta = Metadata("hidden_state_gradient", statistics=flow.STATISTICS, part_of=part_of)
    parts = messages.serialised_flow(flow.statistics(DATA[step]), meta, Logged(tag, step))
    return event(step, Summary.FromString(b"".join(parts)))


def test_parts_of_a_record_belong_to_it(tmp_path):
    log(tmp_path)
    write(
        tmp_path,
        flow_of_a_part("lstm/forward", "lstm", 0),
        flow_of_a_part("lstm/backward", "lstm", 0),
        flow_of_a_part("lstm/forward", "lstm", 1),
    )
    series = tb_rnngrad.read(tmp_path)
    assert series.tag == "lstm"
    assert list(series.parts) == ["forward", "backward"]
    forward = tb_rnngrad.read(tmp_path, tag="lstm/forward")
    assert forward.metadata.part_of == "lstm"
    for part in (forward, series.parts["forward"]):
        assert part.flow.steps.tolist() == [0, 1]
        np.testing.assert_array_equal(part.flow.values[1], flow.statistics(DATA[1]))
        assert (len(part), part.parts) == (0, {})


def test_a_part_without_its_record_is_a_tag_of_its_own(tmp_path):
    write(tmp_path, flow_of_a_part("lstm/forward", "lstm", 0))
    assert tb_rnngrad.read(tmp_path).tag == "lstm/forward"


def test_an_unreadable_tag_does_not_affect_other_tags(tmp_path):
    log(tmp_path)
    bad = summary.sequence_pb("bad", DATA[0])
    write(tmp_path, event(0, with_content(bad, b'{"version": "1.0", "layer": [1]}')))
    assert len(tb_rnngrad.read(tmp_path, tag="lstm")) == 7
    with pytest.raises(ValueError, match="there are several tags .* 'bad', 'lstm'"):
        tb_rnngrad.read(tmp_path)
    with pytest.raises(FormatError, match=r"Expected `str \| null`, got `array` - at `\$.layer`"):
        tb_rnngrad.read(tmp_path, tag="bad")


def test_a_quantity_of_a_newer_version_is_named(tmp_path):
    content = json.loads(Metadata("activation").to_content()) | {"quantity": "attention"}
    del content["checksum"]
    newer = with_content(summary.sequence_pb("new", DATA[0]), json.dumps(content).encode())
    write(tmp_path, event(0, newer))
    with pytest.raises(FormatError, match="of the quantity 'attention', which this tb_rnngrad"):
        tb_rnngrad.read(tmp_path).at(0)


def test_a_flow_that_was_changed_after_it_was_logged_is_left_out_with_a_warning(tmp_path):
    changed = Summary.FromString(summary.sequence_pb("lstm", DATA[0]).SerializeToString())
    content = bytearray(changed.value[1].tensor.tensor_content)
    content[5] ^= 4
    changed.value[1].tensor.tensor_content = bytes(content)
    write(tmp_path, event(0, changed), event(1, summary.sequence_pb("lstm", DATA[1])))
    series = tb_rnngrad.read(tmp_path)
    with pytest.warns(UserWarning, match="step 0 of 'lstm': the flow is damaged"):
        assert series.flow.steps.tolist() == [1]
    with pytest.raises(FormatError, match="the flow is damaged"):
        series.at(0)


def test_a_record_found_at_another_step_or_tag_is_refused(tmp_path):
    log(tmp_path / "a", steps=[3])
    moved = events(tmp_path / "a")[1]
    moved.step = 31
    renamed = Summary.FromString(moved.summary.SerializeToString())
    for value in renamed.value:
        value.tag = value.tag.replace("lstm", "gru")
    write(tmp_path / "b", moved, event(30, renamed, wall_time=moved.wall_time))
    with pytest.raises(FormatError, match="logged with the step 30, but its event says 31"):
        tb_rnngrad.read(tmp_path, run="b", tag="lstm").at(31)
    with pytest.raises(FormatError, match="logged with the tag 'lstm', but its event says 'gru'"):
        tb_rnngrad.read(tmp_path, run="b", tag="gru").at(30)


def test_symbolic_links_are_followed_but_never_in_a_loop(tmp_path):
    log(tmp_path / "elsewhere" / "deep")
    logdir = tmp_path / "logs"
    log(logdir / "own")
    (logdir / "linked").symlink_to(tmp_path / "elsewhere")
    (logdir / "own" / "circle").symlink_to(logdir)
    assert len(tb_rnngrad.read(logdir, run="linked/deep")) == 7
    with pytest.raises(ValueError, match="expected one of 'linked/deep', 'own'"):
        tb_rnngrad.read(logdir)


def test_several_runs_are_read_at_once(tmp_path):
    for run in ("lstm_1", "lstm_2", "gru"):
        log(tmp_path / run, "rnn/hidden_state", steps=range(2))
    log(tmp_path / "gru", "rnn/output", steps=range(1), channel_groups=GROUPS)
    every = tb_rnngrad.read_all(tmp_path)
    assert {run: [*tags] for run, tags in every.items()} == {
        "gru": ["rnn/hidden_state", "rnn/output"],
        "lstm_1": ["rnn/hidden_state"],
        "lstm_2": ["rnn/hidden_state"],
    }
    assert [*every["gru"]["rnn/output"].parts] == ["forward", "backward"]
    np.testing.assert_array_equal(every["lstm_2"]["rnn/hidden_state"].at(10), DATA[1, :4])
    some = tb_rnngrad.read_all(tmp_path, runs="lstm*", tags="*/hidden_state")
    assert [*some] == ["lstm_1", "lstm_2"]
    with pytest.raises(ValueError, match="no run like 'x\\*' .* there are 'gru', 'lstm_1', 'ls"):
        tb_rnngrad.read_all(tmp_path, runs="x*")
    with pytest.raises(ValueError, match="no tag like 'y' .* there are 'rnn/hidden_state', 'rnn/"):
        tb_rnngrad.read_all(tmp_path, tags="y")


def test_a_directory_that_is_none_is_refused(tmp_path):
    for read in (tb_rnngrad.read, tb_rnngrad.read_all):
        with pytest.raises(FileNotFoundError, match="no directory .*/none"):
            read(tmp_path / "none")


@pytest.fixture
def in_memory(tmp_path):
    """A copy of a log directory in fsspec's memory, which grows as the directory does."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")

    def copied():
        system.put(f"{tmp_path}/", "memory://rnngrad_logs/", recursive=True)
        return "memory://rnngrad_logs"

    yield copied
    system.rm("rnngrad_logs", recursive=True)


def test_a_directory_on_another_machine_is_read_through_fsspec(tmp_path, in_memory):
    log(tmp_path / "a", mask=MASK, max_outputs=6)
    log(tmp_path / "b" / "c", "gru")
    url = in_memory()
    series = tb_rnngrad.read(url, run="a")
    np.testing.assert_array_equal(np.stack([np.asarray(r) for r in series]), DATA)
    np.testing.assert_array_equal(series.flow.values[2], flow.statistics(DATA[2], MASK))
    assert [*tb_rnngrad.read_all(url)] == ["a", "b/c"]
    with pytest.raises(FileNotFoundError, match="no directory memory://nowhere"):
        tb_rnngrad.read("memory://nowhere")
    with pytest.raises(ValueError, match="Protocol not known: nothing"):
        tb_rnngrad.read("nothing://logs")


def test_a_file_that_grows_elsewhere_is_read_up_to_its_last_whole_event(tmp_path, in_memory):
    log(tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert tb_rnngrad.read(in_memory()).steps.tolist() == [0, 10, 20, 30, 40, 50]
    path.write_bytes(whole)
    assert tb_rnngrad.read(in_memory()).steps.tolist() == [0, 10, 20, 30, 40, 50, 60]
