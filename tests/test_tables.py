"""Series come as labelled arrays and tables, with the numbers that were logged."""

import json
import sys

import numpy as np
import pytest
import xarray

import tb_rnngrad
from tb_rnngrad import flow
from tb_rnngrad.cli import main
from tb_rnngrad.events import reader

RNG = np.random.default_rng(9)
DATA = RNG.normal(size=(5, 4, 12, 6)).astype(np.float32)
GROUPS = {"i": 2, "f": 4}
LENGTHS = [12, 9, 1, 0]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    for run, factor in (("a", 1), ("b", 2)):
        with tb_rnngrad.SummaryWriter(logs / run) as writer:
            for step, data in enumerate(factor * DATA):
                record = tb_rnngrad.SequenceRecord(data, LENGTHS, GROUPS, details={"at": [1]})
                writer.add_sequence("gates", record, 10 * step)
                writer.add_sequence("kernel", data[0], 10 * step, quantity="weight")
                writer.add_sequence("last", data[:, 0], 10 * step, quantity="output_gradient")
                # Batches of different sizes and lengths.
                length = 12 - 2 * step
                writer.add_sequence("varying", data[: 4 - step // 2, :length], 10 * step)
    return logs


def series(logdir, tag, run="a"):
    return tb_rnngrad.read(logdir, run=run, tag=tag)


def test_an_array_has_names_for_every_axis_and_group(logdir):
    array = series(logdir, "gates").to_xarray()
    assert array.dims == ("step", "sample", "timestep", "channel")
    np.testing.assert_array_equal(array, DATA)
    assert array.step.values.tolist() == [0, 10, 20, 30, 40]
    np.testing.assert_array_equal(array.wall_time, series(logdir, "gates").wall_times)
    assert array.mask.dims == ("step", "sample", "timestep")
    assert array.mask.sum("timestep").values.tolist() == [LENGTHS] * 5
    assert array.channel_group.values.tolist() == [*"iiffff"]
    assert (array.name, array.run.item()) == ("hidden_state_gradient", "a")
    assert array.attrs["tag"] == "gates"
    assert json.loads(array.attrs["details"]) == {"at": [1]}
    of_gate = array.where(array.channel_group == "f", drop=True)
    np.testing.assert_array_equal(of_gate.sel(step=20), DATA[2, ..., 2:])


def test_matrices_and_records_without_a_time_axis_have_their_own_axes(logdir):
    kernel = series(logdir, "kernel").to_xarray()
    assert kernel.dims == ("step", "row", "channel")
    np.testing.assert_array_equal(kernel, DATA[:, 0])
    last = series(logdir, "last").to_xarray()
    assert last.dims == ("step", "sample", "channel")
    np.testing.assert_array_equal(last, DATA[:, :, 0])
    assert "mask" not in last.coords
    assert "channel_group" not in last.coords


def test_samples_and_timesteps_have_the_names_that_were_logged(tmp_path):
    tokens = [["the", "cat"], ["a", "dog", "barks"], ["so"], []]
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        for step, ids in enumerate(([11, 12, 13, 14], [21, 22, 23, 24])):
            record = tb_rnngrad.SequenceRecord(DATA[step], ids=ids, labels=tokens)
            writer.add_sequence("numbered", record, step, max_outputs=2)
            named = tb_rnngrad.SequenceRecord(DATA[step, : 2 - step], ids=["x", 2][: 2 - step])
            writer.add_sequence("named", named, step)
    numbered = series(tmp_path, "numbered", ".").to_xarray()
    assert numbered.sample_id.dims == ("step", "sample")
    assert numbered.sample_id.values.tolist() == [[11, 12], [21, 22]]
    assert numbered.label.dims == ("step", "sample", "timestep")
    assert numbered.label[1, 1, :4].values.tolist() == ["a", "dog", "barks", ""]
    named = series(tmp_path, "named", ".").to_xarray()
    assert named.sample_id.values.tolist() == [["x", "2"], ["x", ""]]
    assert "label" not in named.coords
    for tag, array in (("numbered", numbered), ("named", named)):
        file = tmp_path / f"{tag}.nc"
        main(["export", str(tmp_path), "--run=.", f"--tag={tag}", "--to", str(file)])
        with xarray.open_dataarray(file, engine="h5netcdf") as exported:
            xarray.testing.assert_identical(exported.load(), array.load())


def test_steps_of_different_shapes_are_padded(logdir):
    array = series(logdir, "varying").to_xarray()
    assert array.shape == (5, 4, 12, 6)
    for step in range(5):
        mask = array.mask[step].values
        samples, timesteps = 4 - step // 2, 12 - 2 * step
        assert mask[:samples, :timesteps].all()
        assert mask.sum() == samples * timesteps
        np.testing.assert_array_equal(
            array[step, :samples, :timesteps], DATA[step, :samples, :timesteps]
        )
        assert np.isnan(array[step].values[~mask]).all()


def test_tensors_are_read_step_by_step_where_dask_is_installed(logdir, monkeypatch):
    read = []
    decode = reader.decode_sample
    monkeypatch.setattr(reader, "decode_sample", lambda *given: read.append(1) or decode(*given))
    array = series(logdir, "gates").to_xarray()
    assert array.chunks[0] == (1,) * 5
    assert not read
    np.testing.assert_array_equal(array.sel(step=30).values, DATA[3])
    assert len(read) == 4  # the samples of one step


def test_without_dask_all_are_read_at_once(logdir, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    array = series(logdir, "gates").to_xarray()
    assert array.chunks is None
    np.testing.assert_array_equal(array, DATA)


def test_an_array_keeps_its_steps_while_the_training_goes_on(tmp_path):
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_sequence("lstm", DATA[0], 0)
        writer.flush()
        array = tb_rnngrad.read(tmp_path).to_xarray()
        writer.add_sequence("lstm", DATA[1], 1)
        writer.flush()
        np.testing.assert_array_equal(array, DATA[:1])
        np.testing.assert_array_equal(tb_rnngrad.read(tmp_path).to_xarray(), DATA[:2])


def test_runs_are_stacked_by_their_names(logdir):
    every = tb_rnngrad.read_all(logdir, tags="gates")
    arrays = [of["gates"].to_xarray() for of in every.values()]
    both = xarray.concat(arrays, "run", coords="different", compat="equals")
    assert both.run.values.tolist() == ["a", "b"]
    np.testing.assert_array_equal(both.sel(run="b"), 2 * DATA)


def test_a_flow_is_a_table_by_step_and_timestep(logdir):
    table = series(logdir, "varying").flow.to_pandas()
    assert table.index.names == ["step", "timestep"]
    assert [*table.columns] == [*flow.STATISTICS]
    assert len(table) == 12 + 10 + 8 + 6 + 4
    rows = flow.statistics(DATA[3, :3, :6])
    np.testing.assert_array_equal(table.loc[30], rows)
    norms = table["norm_mean"].unstack("timestep")
    assert norms.shape == (5, 12)


def test_a_flow_without_steps_is_an_empty_table():
    empty = reader.Flow(np.zeros(0, np.int64), np.zeros((0, 0, 2), np.float32), ("a", "b"))
    assert empty.to_pandas().shape == (0, 2)


def test_netcdf_files_hold_the_same_array(logdir, tmp_path, capsys):
    file = tmp_path / "gates.nc"
    main(["export", str(logdir), "--run=a", "--tag=gates", "--to", str(file)])
    with xarray.open_dataarray(file, engine="h5netcdf") as found:
        xarray.testing.assert_identical(found.load(), series(logdir, "gates").to_xarray().load())
    file = tmp_path / "one.nc"
    main(["export", str(logdir), "--run=a", "--tag=kernel", "--step=20", "--to", str(file)])
    with xarray.open_dataarray(file, engine="h5netcdf") as found:
        np.testing.assert_array_equal(found, DATA[2:3, 0])
    with pytest.raises(SystemExit, match="no step 7 of 'kernel'; the nearest is 10"):
        main(
            [
                "export",
                str(logdir),
                "--run=a",
                "--tag=kernel",
                "--step=7",
                "--to",
                str(file),
                "--force",
            ]
        )


@pytest.mark.parametrize("package", ["xarray", "pandas", "h5netcdf"])
def test_a_missing_package_is_named_with_what_brings_it(logdir, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    if package == "h5netcdf":
        with pytest.raises(SystemExit, match=r"needs h5netcdf: pip install 'tb_rnngrad\[export\]'"):
            main(["export", str(logdir), "--run=a", "--tag=last", "--to", f"{tmp_path}/a.nc"])
        return
    given = series(logdir, "last")
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'tb_rnngrad\[tables\]'"):
        given.to_xarray() if package == "xarray" else given.flow.to_pandas()


def test_a_series_without_tensors_has_no_array(tmp_path):
    with tb_rnngrad.SummaryWriter(tmp_path) as writer:
        writer.add_flow("lstm", flow.statistics(DATA[0]), 0)
    with pytest.raises(ValueError, match="'lstm' has flow statistics alone, and no tensor at any"):
        tb_rnngrad.read(tmp_path).to_xarray()
