"""The gallery's figures hold the numbers of its logs."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import tb_rnngrad

GALLERY = Path(__file__).parents[1] / "docs/gallery"


@pytest.fixture(scope="module")
def drawn():
    """Name of a picture -> the data of its axes' images, curves and points."""
    spec = importlib.util.spec_from_file_location("build", GALLERY / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(GALLERY.parents[1])
        return {name: [*map(data_of, shown.axes)] for name, shown, _ in build.figures()}


def data_of(axes):
    curves = [line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) > 2]
    points = [points.get_offsets() for points in axes.collections]
    return {
        "image": axes.get_images()[0].get_array() if axes.get_images() else None,
        "curves": np.array(curves),
        "points": points[0] if points else None,
    }


def logged(run, step=None, tag="rnn/hidden_state"):
    series = tb_rnngrad.read(GALLERY / "logs", run=run, tag=tag)
    return series[-1] if step is None else series.at(step)


def test_the_page_shows_every_picture_that_is_built(drawn):
    page = (GALLERY / "gallery.md").read_text()
    assert [*drawn] == re.findall(r"\]\((\w+)\.webp\)", page)
    assert {path.stem for path in GALLERY.glob("*.webp")} == {*drawn}
    assert page.count("\n## ") == 7


@pytest.mark.parametrize(
    ("picture", "step", "samples"),
    [
        ("one_sample", 20, 1),
        ("all_samples_curves", 20, 16),
        ("later_curves", 200, 16),
    ],
)
def test_each_channel_s_plot_holds_its_samples(drawn, picture, step, samples):
    data = logged("lstm_6", step).data[:samples]
    for channel in range(6):
        found = drawn[picture][channel]["curves"]
        np.testing.assert_array_equal(found, data[:, :, channel])


@pytest.mark.parametrize(
    ("picture", "step"), [("all_samples_heatmaps", 20), ("later_heatmaps", 200)]
)
def test_each_sample_s_heatmap_holds_its_channels(drawn, picture, step):
    data = logged("lstm_6", step).data
    for sample in range(16):
        np.testing.assert_array_equal(drawn[picture][sample]["image"], data[sample].T)


def test_the_gradient_reaches_further_back_after_more_iterations(drawn):
    reach = []
    for picture in ("all_samples_heatmaps", "later_heatmaps"):
        norms = np.mean([np.linalg.norm(drawn[picture][i]["image"], axis=0) for i in range(16)], 0)
        reach.append(tb_rnngrad.flow.memory_horizon(norms[::-1]))
    assert reach[0] < 30
    assert reach[1] > 50


def test_many_channels_are_quantiles_and_one_channel_is_a_map(drawn):
    data = logged("lstm").data
    (median,) = drawn["curves_of_128_channels"][0]["curves"]
    np.testing.assert_allclose(median, np.median(data[0], axis=1), rtol=1e-6)
    np.testing.assert_array_equal(drawn["one_channel"][0]["image"], data[:, :, 0])


def test_only_the_backward_half_turns_round(drawn):
    data = logged("bidirectional_gru").data[0].T
    np.testing.assert_array_equal(drawn["bidirectional"][0]["image"], data)
    expected = np.concatenate([data[:128], data[128:, ::-1]])
    np.testing.assert_array_equal(drawn["bidirectional_as_processed"][0]["image"], expected)


def test_points_are_the_gradients_of_each_sample(drawn):
    data = logged("lstm_last_output", tag="rnn/output").data
    assert data.shape == (16, 6)
    points = drawn["without_a_time_axis"][0]["points"]
    np.testing.assert_allclose(points[:, 1], data.ravel(), rtol=1e-6)
    assert points[:, 0].tolist() == np.repeat(np.arange(16), 6).tolist()


def test_each_cell_has_a_row_of_heatmaps(drawn):
    for row, run in enumerate(("lstm", "gru", "simple_rnn")):
        data = logged(run).data
        for sample in range(4):
            image = drawn["three_cells"][4 * row + sample]["image"]
            np.testing.assert_array_equal(image, data[sample].T)


def test_the_gallery_s_script_trains_and_logs(tmp_path, monkeypatch):
    pytest.importorskip("keras")
    spec = importlib.util.spec_from_file_location("train", GALLERY / "train.py")
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    monkeypatch.setattr(train, "TIMESTEPS", 6)
    (network,) = (one for one in train.NETWORKS if one.run == "simple_rnn")
    train.train(network._replace(units=3, iterations=(1,)), tmp_path)
    series = tb_rnngrad.read(tmp_path, run="simple_rnn", tag="rnn/hidden_state")
    assert series.steps.tolist() == [1]
    assert series[0].shape == (4, 6, 3)
    assert np.abs(series[0].data).min() > 0
