"""The writer that needs no framework."""

import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from events import events, values
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_BLOB_SEQUENCE,
    DATA_CLASS_SCALAR,
    DATA_CLASS_TENSOR,
)
from tensorboard.util.tensor_util import make_ndarray

from tb_rnngrad import SequenceRecord, SummaryWriter, flow, summary
from tb_rnngrad.events import blobs, metadata
from tb_rnngrad.events.earlier import earlier_steps
from tb_rnngrad.events.flow_tensor import checked, rows_of

RNG = np.random.default_rng(2)
DATA = RNG.normal(size=(6, 5, 3)).astype(np.float32)


def samples(value):
    return np.stack([blobs.decode_sample(blob) for blob in value.tensor.string_val[1:]])


def test_tensorboards_own_reader_reads_what_was_written(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA, 7, wall_time=1.5)
    first, second = events(tmp_path)
    assert first.file_version == "brain.Event:2"
    assert (second.step, second.wall_time) == (7, 1.5)
    logged, flowed = second.summary.value
    assert (logged.tag, flowed.tag) == ("lstm", "lstm/flow")
    assert logged.metadata.plugin_data.plugin_name == "rnngrad"
    assert flowed.metadata.plugin_data.plugin_name == "rnngrad_flow"
    assert logged.metadata.data_class == DATA_CLASS_BLOB_SEQUENCE
    assert flowed.metadata.data_class == DATA_CLASS_TENSOR
    assert [d.size for d in logged.tensor.tensor_shape.dim] == [5]
    np.testing.assert_array_equal(samples(logged), DATA[:4])


def test_a_record_is_in_the_file_when_the_call_returns(tmp_path):
    writer = SummaryWriter(tmp_path)
    for step in range(3):
        writer.add_sequence("lstm", DATA, step)
        assert ("lstm", step) in values(tmp_path)
    writer.flush()
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="the SummaryWriter of .* is closed"):
        writer.add_sequence("lstm", DATA, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("", DATA, 0), ValueError, "the tag is empty"),
        (("lstm/flow", DATA, 0), ValueError, "the tag 'lstm/flow' ends in '/flow', which is kept"),
        (("lstm", DATA[0, 0], 0), ValueError, "data has rank 1"),
        (("lstm", DATA, 0.5), TypeError, r"global_step is 0.5 \(float\); expected an integer"),
        (("lstm", DATA, 3.0), TypeError, r"global_step is 3.0 \(float\); expected an integer"),
        (("lstm", DATA, "3"), TypeError, r"global_step is '3' \(str\); expected an integer"),
        (("lstm", DATA, -1), ValueError, "global_step is -1; expected 0 or more"),
        (("lstm", DATA, 2**63), ValueError, "global_step is 9223372036854775808; expected"),
    ],
)
def test_a_refused_record_writes_nothing_and_breaks_nothing(tmp_path, arguments, error, message):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(error, match=message):
            writer.add_sequence(*arguments)
        assert len(events(tmp_path)) == 1
        writer.add_sequence("lstm", DATA, 1, quantity="output_gradient")
    assert ("lstm", 1) in values(tmp_path)


def test_a_wall_time_that_would_stop_tensorboard_is_refused(tmp_path):
    with SummaryWriter(tmp_path) as writer, pytest.raises(ValueError, match="wall_time is nan"):
        writer.add_sequence("lstm", DATA, 0, wall_time=float("nan"))


def test_a_tag_keeps_its_quantity(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA, 0)
        with pytest.raises(
            ValueError,
            match="first logged as quantity 'hidden_state_gr.*, now as quantity 'output_g",
        ):
            writer.add_sequence("lstm", DATA, 1, quantity="output_gradient")


def test_a_record_brings_its_own_quantity(tmp_path):
    whole = SequenceRecord(DATA, quantity="cell_state_gradient", layer="lstm_1")
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", whole, 0)
        with pytest.raises(ValueError, match="mask was given beside a SequenceRecord"):
            writer.add_sequence("lstm", whole, 1, mask=[5] * 6)
        with pytest.raises(ValueError, match="quantity was given beside a SequenceRecord"):
            writer.add_sequence("lstm", whole, 1, quantity="activation")
    content = values(tmp_path)["lstm", 0].metadata.plugin_data.content
    meta = metadata.Metadata.from_content(content)
    assert (meta.quantity, meta.layer) == ("cell_state_gradient", "lstm_1")


def test_statistics_given_with_a_record_are_written_unchanged(tmp_path):
    rows = RNG.normal(size=(5, len(flow.STATISTICS))).astype(np.float32)
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", SequenceRecord(DATA, flow=rows, batch_size=64), 0)
    logged, flowed = (values(tmp_path)[tag, 0].tensor for tag in ("lstm", "lstm/flow"))
    header = blobs.decode_header(logged.string_val[0])
    assert header.batch == 64
    assert (header.logged.tag, header.logged.step) == ("lstm", 0)
    found = checked(rows_of(flowed), flow.STATISTICS, header.logged)
    np.testing.assert_array_equal(found, rows)
    short = SequenceRecord(DATA, flow=rows[:, :3])
    with SummaryWriter(tmp_path / "b") as writer, pytest.raises(ValueError, match=r"\(5, 3\)"):
        writer.add_sequence("lstm", short, 0)


def test_a_step_that_goes_back_is_written_with_a_warning(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA, 5)
        writer.add_sequence("gru", DATA, 3)
        with pytest.warns(UserWarning, match="step 4 of 'lstm' after step 5: .* Log ascending"):
            writer.add_sequence("lstm", DATA, 4)
    assert {("lstm", 4), ("lstm", 5)} < set(values(tmp_path))


def test_a_full_disk_loses_the_record_but_not_the_file(tmp_path):
    """Runs in its own process, whose files cannot grow beyond 100 kB."""
    script = f"""
import errno, numpy as np, resource, signal, tb_rnngrad
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
writer = tb_rnngrad.SummaryWriter({str(tmp_path)!r})
small, large = np.ones((1, 10, 10)), np.ones((4, 1000, 10))
writer.add_sequence("lstm", small, 0)
try:
    writer.add_sequence("lstm", large, 1)
except OSError as error:
    print(errno.errorcode[error.errno])
writer.add_sequence("lstm", small, 2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "EFBIG", done.stderr
    assert [step for tag, step in values(tmp_path) if tag == "lstm"] == [0, 2]


def test_a_disk_that_is_full_at_the_start_leaves_no_file(tmp_path):
    """Runs in its own process, whose files cannot grow at first, and can later."""
    script = f"""
import gc, os, resource, signal, warnings, numpy as np, tb_rnngrad
warnings.simplefilter("error")  # of a file that was not closed, too
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
is_open = lambda: [one for one in os.listdir("/proc/self/fd")]
before = is_open()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    tb_rnngrad.SummaryWriter({str(tmp_path)!r})
except OSError as error:
    print(type(error).__name__)
assert is_open() == before and not os.listdir({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with tb_rnngrad.SummaryWriter({str(tmp_path)!r}) as writer:
    writer.add_sequence("lstm", np.ones((1, 2, 3)), 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("OSError", 0), done.stderr
    assert ("lstm", 0) in values(tmp_path)


@pytest.mark.parametrize("what", ["the file", "the directory"])
def test_a_deleted_file_or_directory_is_created_again_with_one_warning(tmp_path, what):
    writer = SummaryWriter(tmp_path / "run")
    writer.add_sequence("lstm", DATA, 0)
    with pytest.warns(UserWarning, match="was deleted while it was written") as caught:
        for step in (1, 3):
            if what == "the file":
                writer.path.unlink()
            else:
                shutil.rmtree(tmp_path / "run")
            writer.add_sequence("lstm", DATA, step)
            writer.add_sequence("lstm", DATA, step + 1)
    writer.close()
    assert len(caught) == 1
    assert str(tmp_path / "run") in str(caught[0].message)
    assert [step for tag, step in values(tmp_path / "run") if tag == "lstm"] == [3, 4]


def logged(logdir, *steps, tag="lstm"):
    with SummaryWriter(logdir) as writer:
        for step in steps:
            writer.add_sequence(tag, DATA, step)


@pytest.mark.parametrize("again", [(0, 1), (1, 2)])
def test_a_second_training_in_one_directory_gives_one_warning(tmp_path, again):
    logged(tmp_path, 1, 2, 3)
    logged(tmp_path, 4)
    message = f"{tmp_path} already holds steps 1 to 4 of 'lstm', and now step {again[0]} follows"
    with pytest.warns(UserWarning, match=message) as caught:
        logged(tmp_path, *again)
    assert len(caught) == 1


def test_a_second_training_is_noticed_in_a_later_process(tmp_path):
    script = f"""
import numpy as np, tb_rnngrad
with tb_rnngrad.SummaryWriter({str(tmp_path)!r}) as writer:
    writer.add_flow("lstm", tb_rnngrad.flow.statistics(np.ones((2, 3, 4))), 0)
"""
    for said in ("", "already holds step 0 of 'lstm'"):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == 0 and said in done.stderr and bool(said) == bool(done.stderr)


def test_a_second_training_is_noticed_from_tensorflows_files(tmp_path):
    tf = pytest.importorskip("tensorflow")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("loss", 1.0, 0)
        summary.sequence("lstm", DATA, 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "this process already wrote")
        warnings.filterwarnings("error", ".* already holds")
        logged(tmp_path, 0, tag="loss")  # not the tag of an earlier record
        logged(tmp_path, 3)
        with pytest.raises(UserWarning, match="already holds steps 2 to 3 of 'lstm'"):
            logged(tmp_path, 2)


def test_resuming_is_not_a_second_training(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logged(tmp_path, *range(10))
        logged(tmp_path, *range(5, 12))  # from a checkpoint, after a kill
        for step in range(12, 15):  # one writer per epoch
            logged(tmp_path, step)
        logged(tmp_path, 0, tag="gru")


def test_an_earlier_damaged_file_does_not_stop_a_new_writer(tmp_path):
    logged(tmp_path, 0, 1)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size] + b"\xff" * 40)
        logged(tmp_path / f"{size}", 0)
        assert set(earlier_steps(tmp_path)) <= {"lstm"}


def test_a_second_open_writer_in_one_directory_gives_a_warning(tmp_path):
    with SummaryWriter(tmp_path), pytest.warns(UserWarning, match="this process already wrote"):
        SummaryWriter(tmp_path).close()


def test_one_writer_after_another_gives_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SummaryWriter(tmp_path).close()
        SummaryWriter(tmp_path).close()


def test_files_of_the_same_second_sort_in_the_order_of_writing(tmp_path):
    paths = []
    for _ in range(12):
        with SummaryWriter(tmp_path) as writer:
            paths.append(writer.path)
    assert sorted(paths) == paths


def test_a_remote_directory_is_refused_with_the_reason():
    with pytest.raises(
        ValueError, match="logdir is 'gs://bucket/logs'; expected a local directory"
    ):
        SummaryWriter("gs://bucket/logs")


# --- flow without tensors, and scalars ---

ROWS = flow.statistics(DATA)


def test_add_flow_writes_the_same_flow_as_a_record(tmp_path):
    whole = SequenceRecord(DATA, None, {"a": 1, "b": 2}, "cell_state_gradient", "lstm_1", "keras")
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", whole, 0)
        writer.add_flow(
            "lstm",
            ROWS,
            1,
            quantity=whole.quantity,
            layer=whole.layer,
            framework=whole.framework,
            channel_groups=whole.channel_groups,
        )
    found = values(tmp_path)
    assert set(found) == {("lstm", 0), ("lstm/flow", 0), ("lstm/flow", 1)}
    first, second = found["lstm/flow", 0], found["lstm/flow", 1]
    assert first.metadata == second.metadata
    rows = [rows_of(value.tensor)[:, : len(flow.STATISTICS)] for value in (first, second)]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("", ROWS, 1), {}, ValueError, "the tag is empty"),
        (("lstm", DATA, 1), {}, ValueError, r"rows has shape \(6, 5, 3\); expected \[timesteps"),
        (("lstm", ROWS[:, :3], 1), {}, ValueError, r"rows has shape \(5, 3\)"),
        (("lstm", ROWS, 1), {"quantity": "gradient"}, ValueError, "unknown quantity 'gradient'"),
        (
            ("lstm", ROWS, 1),
            {"layer": "other"},
            ValueError,
            "first logged as layer None, now as layer 'other'",
        ),
        (("lstm", ROWS, 0.5), {}, TypeError, "global_step is 0.5"),
    ],
)
def test_refused_flow_writes_nothing(tmp_path, arguments, options, error, message):
    with SummaryWriter(tmp_path) as writer:
        writer.add_flow("lstm", ROWS, 0)
        with pytest.raises(error, match=message):
            writer.add_flow(*arguments, **options)
    assert set(values(tmp_path)) == {("lstm/flow", 0)}


def test_a_scalar_has_tensorboards_own_format(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("lstm/memory_horizon", 17, 3, wall_time=2.5)
    event = events(tmp_path)[1]
    (value,) = event.summary.value
    assert (value.tag, event.step, event.wall_time) == ("lstm/memory_horizon", 3, 2.5)
    assert value.metadata.plugin_data.plugin_name == "scalars"
    assert value.metadata.data_class == DATA_CLASS_SCALAR
    assert make_ndarray(value.tensor).shape == ()
    assert make_ndarray(value.tensor) == 17


def test_scalars_of_one_step_share_one_event(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars({"lstm/memory_horizon": 17, "lstm/half_life": 2.5}, 3, wall_time=2.5)
        with pytest.raises(ValueError, match="the tag is empty"):
            writer.add_scalars({"lstm/memory_horizon": 18, "": 0}, 4)
    (event,) = events(tmp_path)[1:]
    read = {value.tag: float(make_ndarray(value.tensor)) for value in event.summary.value}
    assert (event.step, read) == (3, {"lstm/memory_horizon": 17, "lstm/half_life": 2.5})


def test_a_batch_is_in_the_file_when_its_block_ends(tmp_path):
    writer, apart = SummaryWriter(tmp_path / "together"), SummaryWriter(tmp_path / "apart")
    start = writer.path.stat().st_size
    with writer.batched():
        for one in (writer, apart):
            one.add_sequence("lstm", DATA, 0, wall_time=1.0)
            one.add_flow("lstm", ROWS, 1, wall_time=2.0)
            one.add_scalar("loss", 3.0, 2, wall_time=3.0)
        assert writer.path.stat().st_size == start
    assert events(tmp_path / "together")[1:] == events(tmp_path / "apart")[1:]
    with writer.batched():
        pass
    with writer.batched():
        with writer.batched():
            writer.add_scalar("loss", 2.0, 3)
        assert len(events(tmp_path / "together")) == 4
    writer.add_scalar("loss", 1.0, 4)
    assert len(events(tmp_path / "together")) == 6


def test_an_array_may_change_while_its_record_waits_to_be_written(tmp_path):
    data = np.ones((1, 1000, 100), np.float32)
    with SummaryWriter(tmp_path) as writer, writer.batched():
        writer.add_sequence("a", data, 0)
        data[:] = 2
        writer.add_sequence("a", data, 1)
    found = values(tmp_path)
    assert [samples(found["a", step]).max() for step in (0, 1)] == [1, 2]


def test_small_and_large_records_written_together_keep_their_order(tmp_path):
    sizes = [3, 70_000, 3, 3, 40_000, 40_000, 40_000, 3, 200_000]
    records = [RNG.normal(size=(2, size, 1)).astype(np.float32) for size in sizes]
    batched, apart = SummaryWriter(tmp_path / "together"), SummaryWriter(tmp_path / "apart")
    with batched.batched():
        for step, one in enumerate(records):
            for writer in (batched, apart):
                writer.add_sequence("lstm", one, step, wall_time=1.0)
    found = events(tmp_path / "together")[1:]
    assert [event.step for event in found] == list(range(len(sizes)))
    assert found == events(tmp_path / "apart")[1:]


def test_an_error_in_a_batch_loses_nothing_added_before_it(tmp_path):
    writer = SummaryWriter(tmp_path)
    with pytest.raises(ValueError, match="ends in '/flow'"), writer.batched():
        writer.add_scalar("loss", 1.0, 0)
        writer.add_scalar("loss/flow", 1.0, 0)
    assert set(values(tmp_path)) == {("loss", 0)}


def test_a_scalar_cannot_use_the_tag_of_a_record(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA, 0)
        with pytest.raises(ValueError, match="first logged as a record, now as a scalar"):
            writer.add_scalar("lstm", 1.0, 0)
        with pytest.raises(ValueError, match="the tag 'lstm/flow' ends in '/flow'"):
            writer.add_scalar("lstm/flow", 1.0, 0)
        with pytest.raises(TypeError, match="str"):
            writer.add_scalar("loss", "high", 0)
    assert set(values(tmp_path)) == {("lstm", 0), ("lstm/flow", 0)}


def test_a_file_opened_after_the_clock_was_set_back_sorts_after_older_files(tmp_path, monkeypatch):
    clock = [1_800_000_000.5, 1_800_000_000.75, 1_799_996_400.0, 1_700_000_000.0]
    for step, now in enumerate(clock):
        monkeypatch.setattr("time.time", lambda now=now: now)
        with SummaryWriter(tmp_path) as writer:
            writer.add_sequence("lstm", DATA, step)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert [int(name.split(".")[3]) - 1_800_000_000 for name in names] == [0, 0, 1, 2]
    assert [e.step for e in events(tmp_path) if e.summary.value] == [0, 1, 2, 3]


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\t", "\0", "\x7f"])
def test_a_name_that_tensorboards_fast_loader_cannot_fetch_is_refused(tmp_path, character):
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="which TensorBoard's fast loader cannot fetch"):
            writer.add_sequence(f"a{character}b", DATA, 0)
        with pytest.raises(ValueError, match="which TensorBoard's fast loader cannot fetch"):
            writer.add_flow(f"a{character}b", ROWS, 0)
    assert values(tmp_path) == {}
