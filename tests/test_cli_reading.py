"""`tb-rnngrad inspect` and `export`: what is logged, as tables, numbers and figures."""

import csv
import json
import sys

import numpy as np
import pytest
from events import event, with_content, write

import tb_rnngrad
from tb_rnngrad import flow, summary
from tb_rnngrad.cli import main

RNG = np.random.default_rng(8)
DATA = RNG.normal(size=(3, 4, 30, 6)).astype(np.float32)
FADING = DATA * (0.1 ** np.arange(29, -1, -1.0))[:, np.newaxis].astype(np.float32)
GROUPS = {"i": 2, "f": 4}
LENGTHS = [30, 12, 7, 30]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    with tb_rnngrad.SummaryWriter(logs / "lstm") as writer:
        for step, (data, fading) in enumerate(zip(DATA, FADING, strict=True)):
            given = fading if step < 2 else data
            writer.add_sequence("gates", data, step, channel_groups=GROUPS, mask=LENGTHS)
            writer.add_sequence("hidden", given, step, max_outputs=2)
            writer.add_sequence("last", data[:, 0], step, quantity="output_gradient")
            writer.add_sequence("kernel", data[0], step, quantity="weight")
            writer.add_flow("often", flow.statistics(fading), step)
    with tb_rnngrad.SummaryWriter(logs / "both") as writer:
        halves = {"forward": 3, "backward": 3}
        writer.add_sequence("hidden", FADING[0], 7, channel_groups=halves)
    return logs


def said(capsys, *arguments):
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def refused(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return str(ended.value)


# --- inspect ---


def test_inspect_lists_runs_tags_steps_horizons_and_flags(capsys, logdir):
    lines = said(capsys, "inspect", logdir).splitlines()
    assert lines[0].split() == ["run", "tag", "quantity", "steps", "shape", "horizon", "flags"]
    hidden = next(line for line in lines if line.startswith("lstm") and " hidden " in line)
    assert "3: 0 to 2  2 x 30 x 6" in hidden
    assert hidden.endswith("29 of 29  (vanishing until 1)")
    often = next(line for line in lines if " often " in line)
    assert "flow of 3" in often
    assert often.endswith("vanishing")
    assert [line.split()[1] for line in lines if line.startswith("both")] == [
        *("hidden", "hidden/forward", "hidden/backward")
    ]


def test_inspect_prints_json(capsys, logdir):
    found = json.loads(said(capsys, "inspect", logdir, "--json"))
    (hidden,) = (one for one in found if (one["run"], one["tag"]) == ("lstm", "hidden"))
    series = tb_rnngrad.read(logdir, run="lstm", tag="hidden")
    low, middle, high = flow.horizons_of(series.flow.values[-1])
    assert (hidden["horizon_p05"], hidden["horizon"], hidden["horizon_p95"]) == (low, middle, high)
    assert hidden["steps"] == [0, 1, 2]
    assert (hidden["shape"], hidden["batch"]) == ([2, 30, 6], 4)
    assert hidden["earlier_flags"] == [{"name": "vanishing", "last_step": 1}]
    (forward,) = (one for one in found if one["tag"] == "hidden/forward")
    assert forward["part_of"] == "hidden"
    (flag,) = forward["flags"]
    (expected,) = flow.flags(flow.statistics(FADING[0][..., :3]))
    assert flag == {"name": "vanishing", "sentence": expected.sentence}
    (kernel,) = (one for one in found if one["tag"] == "kernel")
    assert kernel["horizon"] is None


def test_inspect_says_why_a_directory_shows_nothing(tmp_path):
    assert refused("inspect", tmp_path / "none") == f"tb-rnngrad: no directory {tmp_path}/none"
    assert refused("inspect", tmp_path) == (
        f"tb-rnngrad: {tmp_path} holds no event files; expected the directory that you would pass "
        "to TensorBoard"
    )
    with tb_rnngrad.SummaryWriter(tmp_path / "foreign") as writer:
        writer.add_scalar("loss", 1.0, 0)
    message = f"the event files in {tmp_path} hold no records of tb_rnngrad: 'foreign'"
    assert message in refused("inspect", tmp_path)


def test_inspect_names_what_it_cannot_read_and_lists_the_rest(capsys, tmp_path):
    logged = summary.sequence_pb("new", DATA[0])
    content = json.loads(logged.value[0].metadata.plugin_data.content) | {"quantity": "attention"}
    del content["checksum"]
    newer = with_content(logged, json.dumps(content).encode())
    damaged = with_content(summary.sequence_pb("bad", DATA[0]), b"{}")
    write(tmp_path, event(0, newer, summary.sequence_pb("sound", DATA[0]), damaged))
    with pytest.warns(UserWarning, match=r"'bad' of run '\.' is left out: plugin content is not"):
        lines = said(capsys, "inspect", tmp_path).splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["new", "sound"]
    assert "the last step cannot be read: 'new' is of the quantity 'attention'" in lines[2]
    assert "4 x 30 x 6" in lines[3]


def test_long_work_shows_a_bar_on_a_terminal_alone(capsys, logdir, tmp_path, monkeypatch):
    monkeypatch.setattr("tb_rnngrad.cli.progress._DELAY", 0)
    main(["inspect", str(logdir)])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main(["inspect", str(logdir)])
    assert "reading:   0%|          | 0/2" in capsys.readouterr().err
    for form, bar in (("csv", "exporting:   0%|          | 0/3"), ("nc", "100% Completed")):
        main(["export", str(logdir), "--run=lstm", "--tag=last", f"--to={tmp_path}/a.{form}"])
        assert bar in capsys.readouterr().err


def test_without_tqdm_there_is_no_bar(capsys, logdir, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main(["inspect", str(logdir)])
    said = capsys.readouterr()
    assert said.err == ""
    assert "lstm" in said.out


# --- export of numbers ---


def test_an_npz_holds_every_step_with_mask_and_flow(capsys, logdir, tmp_path):
    file = tmp_path / "gates.npz"
    assert said(capsys, "export", logdir, "--run", "lstm", "--tag", "gates", "--to", file) == (
        f"{file}\n"
    )
    found = np.load(file)
    np.testing.assert_array_equal(found["data"], DATA)
    assert found["mask"].sum(axis=2).tolist() == [LENGTHS] * 3
    assert found["steps"].tolist() == found["flow_steps"].tolist() == [0, 1, 2]
    assert found["channels"].tolist() == ["i 0", "i 1", "f 0", "f 1", "f 2", "f 3"]
    np.testing.assert_array_equal(found["flow"][1], flow.statistics(DATA[1], LENGTHS))
    assert found["statistics"].tolist() == [*flow.STATISTICS]
    assert [path.name for path in tmp_path.iterdir()] == ["gates.npz"]


def test_an_npz_of_one_step_holds_that_step(capsys, logdir, tmp_path):
    file = tmp_path / "kernel.npz"
    said(capsys, "export", logdir, "--run=lstm", "--tag=kernel", "--step=1", "--to", file)
    found = np.load(file)
    np.testing.assert_array_equal(found["data"], DATA[1:2, 0])
    assert found["steps"].tolist() == found["flow_steps"].tolist() == [1]
    assert "mask" not in found


def rows_of(file):
    with file.open(newline="") as opened:
        return [*csv.reader(opened)]


def test_a_csv_gives_the_same_floats_back_without_padding(capsys, logdir, tmp_path):
    file = tmp_path / "gates.csv"
    said(capsys, "export", logdir, "--run=lstm", "--tag=gates", "--to", file)
    head, *rows = rows_of(file)
    assert head == ["step", "sample", "timestep", "i 0", "i 1", "f 0", "f 1", "f 2", "f 3"]
    assert len(rows) == 3 * sum(LENGTHS)
    for row in rows[:: len(rows) // 20]:
        step, sample, timestep = map(int, row[:3])
        np.testing.assert_array_equal(np.float32(row[3:]), DATA[step, sample, timestep])


def test_a_csv_of_other_shapes_has_their_axes(capsys, logdir, tmp_path):
    for tag, names, count in (("last", ["step", "sample"], 4), ("kernel", ["step", "row"], 30)):
        file = tmp_path / f"{tag}.csv"
        said(capsys, "export", logdir, "--run=lstm", f"--tag={tag}", "--step=2", "--to", file)
        head, *rows = rows_of(file)
        assert head == [*names, *(f"channel {channel}" for channel in range(6))]
        data = DATA[2][:, 0] if tag == "last" else DATA[2][0]
        np.testing.assert_array_equal(np.float32([row[2:] for row in rows]), data)
        assert len(rows) == count


def test_a_csv_of_the_flow_has_a_column_for_each_statistic(capsys, logdir, tmp_path):
    file = tmp_path / "flow.csv"
    arguments = ("--run=lstm", "--tag=often", "--flow", "--step=1", "--to", file)
    said(capsys, "export", logdir, *arguments)
    head, *rows = rows_of(file)
    assert head == ["step", "timestep", *flow.STATISTICS]
    np.testing.assert_array_equal(np.float32([row[2:] for row in rows]), flow.statistics(FADING[1]))


# --- export of figures ---


@pytest.mark.parametrize(
    ("tag", "file", "start"),
    [
        ("gates", "heatmap.png", b"\x89PNG"),
        ("last", "scatter.svg", b"<?xml"),
        ("kernel", "weights.pdf", b"%PDF"),
        ("often", "flow.pdf", b"%PDF"),
    ],
)
def test_a_figure_suits_the_quantity(capsys, logdir, tmp_path, tag, file, start):
    said(capsys, "export", logdir, "--run=lstm", f"--tag={tag}", "--to", tmp_path / file)
    assert (tmp_path / file).read_bytes().startswith(start)


def test_the_kind_of_figure_can_be_chosen(capsys, logdir, tmp_path):
    file = tmp_path / "curves.svg"
    said(capsys, "export", logdir, "--run=both", "--step=7", "--figure=curves", "--to", file)
    assert file.read_text().count("channel 0") >= 1
    assert "<image" not in file.read_text()


# --- what is refused ---


def test_what_cannot_be_exported_is_refused_in_a_sentence(logdir, tmp_path):
    def of(tag, file, *more, run="lstm"):
        return refused(
            "export", logdir, f"--run={run}", f"--tag={tag}", "--to", tmp_path / file, *more
        )

    assert "no run 'gru' in" in of("gates", "a.csv", run="gru")
    assert "expected one of 'both', 'lstm'" in of("gates", "a.csv", run="gru")
    assert "expected one of 'gates', 'hidden', 'kernel', 'last', 'often'" in of("cells", "a.csv")
    assert of("gates", "a.csv", "--step=9").startswith("tb-rnngrad: no step 9 of 'gates'; the near")
    assert "a.xlsx; expected a name that ends with .npz, .csv, .nc, .png" in of("gates", "a.xlsx")
    assert "has no time axis" in of("last", "a.png", "--figure=heatmap")
    assert "'often' has flow statistics alone; --flow writes them" in of("often", "a.npz")
    assert "--flow writes .csv, not .npz" in of("often", "a.npz", "--flow")
    assert "'often' has no flow statistics at step 5" in of("often", "a.csv", "--flow", "--step=5")
    (tmp_path / "there.csv").write_text("mine")
    assert "there.csv exists already; --force replaces it" in of("gates", "there.csv")
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    assert "there are several runs" in refused("export", logdir, "--to", tmp_path / "a.csv")
    missing = of("gates", "none/a.csv")
    assert "none/" in missing
    assert "No such file or directory" in missing


def test_a_file_is_replaced_on_demand(capsys, logdir, tmp_path):
    file = tmp_path / "there.csv"
    file.write_text("mine")
    said(capsys, "export", logdir, "--run=both", "--to", file, "--force")
    assert file.read_text().startswith("step,sample,timestep,forward 0")


def test_a_missing_package_is_named_with_what_brings_it(logdir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmcrameri", None)
    message = refused("export", logdir, "--run=both", "--to", tmp_path / "a.png")
    assert message == (
        "tb-rnngrad: figures need Matplotlib and cmcrameri: "
        "pip install 'tb_rnngrad[plot]' brings them"
    )
