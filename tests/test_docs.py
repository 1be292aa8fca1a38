"""The code in the documentation works as printed."""

import json
import re
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import tb_rnngrad
from tb_rnngrad import SequenceRecord
from tb_rnngrad.events import blobs
from tb_rnngrad.events.blobs import Logged
from tb_rnngrad.events.flow_tensor import with_checksum

ROOT = Path(__file__).parent.parent


def snippets(document, language="python"):
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def users_script():
    """The variables of a user's script before it logs: data, a compiled model, its gradients."""
    keras = pytest.importorskip("keras")
    import tensorflow as tf

    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(8, 5, 3)).astype("float32"), rng.normal(size=(8, 1))
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return {
        "tb_rnngrad": tb_rnngrad,
        "model": model,
        "train_step": model.train_on_batch,
        **{"x": x, "y": y, "dataset": [(x, y)] * 3, "step": 3, "tf": tf},
        "hidden_state_gradient": rng.normal(size=(8, 5, 4)).astype("float32"),
        "lengths": [5, 4, 5, 3, 5, 5, 1, 5],
    }


@pytest.mark.parametrize("index", range(4))
def test_each_way_to_log_in_the_readme_gives_a_heatmap(
    users_script, index, tmp_path, monkeypatch, tensorboard_server
):
    assert len(snippets("README.md")) == 4
    monkeypatch.chdir(tmp_path)
    exec(snippets("README.md")[index], dict(users_script))
    series = tb_rnngrad.read("logs", run="my_run")
    assert series[-1].shape == (4, 5, 4)
    assert np.isfinite(series[-1]).all()
    assert np.abs(series[-1]).max() > 0
    server = tensorboard_server(tmp_path / "logs", "--load_fast=false")
    last = int(series.steps[-1])

    def has_come(tags):
        steps = tags.get("my_run", {}).get(series.tag, {}).get("steps", [])
        return any(step == last for step, _ in steps)

    server.wait_for(has_come)
    answer = server.get("/tensor", run="my_run", tag=series.tag, step=last)
    np.testing.assert_array_equal(
        np.frombuffer(answer.body, "<f4").reshape(4, 5), series[-1].data[0].T
    )
    if index == 0:  # GradientLogger's scalars, for the Time Series tab
        tag = urllib.parse.quote(f"{series.tag}/memory_horizon", safe="")
        with urllib.request.urlopen(
            f"{server.url}/data/plugin/scalars/scalars?run=my_run&tag={tag}"
        ) as scalars:
            logged = json.load(scalars)
        assert [step for _, step, _ in logged] == series.steps.tolist()
        judged = tb_rnngrad.flow.scalars(series.flow.values[-1])
        assert logged[-1][2] == judged["memory_horizon"]


def test_the_code_in_the_capture_docs_runs(tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 100, 3)).astype("float32"), rng.normal(size=(2, 100, 1))
    lstm = keras.layers.LSTM(4, return_sequences=True, name="lstm_1")
    model = keras.Sequential([keras.Input((100, 3)), lstm, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    monkeypatch.chdir(tmp_path)
    names = {"tb_rnngrad": tb_rnngrad, "np": np, "model": model, "x": x, "y": y, "step": 3}
    names |= {"batch": (x, y), "train_step": lambda batch: model.train_on_batch(*batch)}
    with tb_rnngrad.SummaryWriter("by_hand") as names["writer"]:
        for snippet in snippets("docs/reference/capture.md")[1:]:  # README.md has the first one too
            exec(snippet, names)
    assert names["captured"]["lstm_1"]["gates"].data.shape == (2, 100, 16)
    itemized = tb_rnngrad.read("by_hand", tag="lstm_1/itemized")[-1]
    assert np.asarray(itemized).shape == (2, 100, 3)
    assert np.asarray(tb_rnngrad.read("by_hand", tag="lstm_1/jacobian")[-1]).shape == (100, 100)
    assert names["slope"].shape == (100,)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_documented_reader_reads_a_record(dtype):
    reader, flow_check, _ = snippets("docs/reference/record_format.md")
    names = {}
    exec(reader, names)
    data = np.random.default_rng(7).integers(-9, 9, (2, 5, 3)).astype(np.float32)
    header, *samples = blobs.encode(SequenceRecord(data, mask=np.array([5, 2])), dtype=dtype)
    assert names["arrays"](header)["mask"].tolist() == [[1] * 5, [1, 1, 0, 0, 0]]
    for sample, blob in zip(data, samples, strict=True):
        np.testing.assert_array_equal(names["arrays"](blob)["data"], sample)
    exec(flow_check, names)
    rows = with_checksum(tb_rnngrad.flow.statistics(data), Logged("lstm", 7, 1.5))
    assert names["is_whole"](rows, "lstm", 7, 1.5)
    assert not names["is_whole"](rows, "lstm", 8, 1.5)


def test_the_documented_horizon_is_that_of_the_median_sample():
    *_, horizon = snippets("docs/reference/record_format.md")
    data = np.stack([a ** np.arange(49, -1, -1.0) for a in (0.5, 0.9, 0.99)])[..., np.newaxis]
    names = {"rows": tb_rnngrad.flow.statistics(data), "names": tb_rnngrad.flow.STATISTICS}
    exec(horizon, names)
    assert names["horizon_of_the_median_sample"] == 43  # the last power of 0.9 above 0.01


@pytest.mark.parametrize(
    "document",
    [
        *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
        *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_every_link_within_the_project_leads_somewhere(document):
    path = ROOT / document
    for link in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
        assert (path.parent / link).exists(), f"{document} links to {link}"


def test_every_promise_names_an_existing_test():
    text = (ROOT / "docs/reference/reliability.md").read_text()
    promised = re.findall(r"((?:keras/|page/)?test_\w+): ([a-z0-9_, ]+)", text)
    assert len(promised) > 20
    for file, names in promised:
        tests = (ROOT / "tests" / f"{file}.py").read_text()
        for name in filter(None, map(str.strip, names.split(","))):
            assert f"def test_{name}(" in tests, f"{file} has no test_{name}"
