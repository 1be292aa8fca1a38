"""The code in the documentation works as printed, and its links lead somewhere."""

import doctest
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from pages import ROOT, example_of, snippets

import tb_rnngrad
from tb_rnngrad import SequenceRecord
from tb_rnngrad.events import blobs
from tb_rnngrad.events.flow_tensor import with_checksum
from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.reader import Flow, Series


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


def readme_snippets():
    """The ways to log without PyTorch; tests/torch/ has that of PyTorch."""
    return [code for code in snippets("README.md") if "tb_rnngrad.torch" not in code]


@pytest.mark.parametrize("index", range(4))
def test_each_way_to_log_in_the_readme_gives_a_heatmap(
    users_script, index, tmp_path, monkeypatch, tensorboard_server
):
    assert len(readme_snippets()) == 4
    monkeypatch.chdir(tmp_path)
    exec(readme_snippets()[index], dict(users_script))
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


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The variables of somebody who has a model with a loss at each of 100 timesteps."""
    keras = pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 100, 3)).astype("float32"), rng.normal(size=(2, 100, 1))
    lstm = keras.layers.LSTM(4, return_sequences=True, name="lstm_1")
    model = keras.Sequential([keras.Input((100, 3)), lstm, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    names = {"keras": keras, "tb_rnngrad": tb_rnngrad, "np": np, "model": model, "x": x, "y": y}
    names |= {"step": 3, "batch": (x, y), "dataset": [(x, y)] * 3, "lengths": [100, 40]}
    names["train_step"] = lambda batch: model.train_on_batch(*batch)
    names["hidden_state_gradient"] = rng.normal(size=(2, 100, 4)).astype("float32")
    return names


@pytest.fixture
def reader(script):
    """Runs the code of a page among these variables."""

    def run(page, **more):
        script.update(more)
        with tb_rnngrad.SummaryWriter("by_hand") as script["writer"]:
            for snippet in snippets(f"docs/{page}.md"):
                exec(snippet, script)
        return script

    return run


def test_the_first_ten_minutes_go_as_told(reader):
    names = reader("start")
    assert names["model"].evaluate(names["x"], names["y"], verbose=0) < 0.02
    horizons = [
        tb_rnngrad.flow.horizons_of(rows)[1] for rows in tb_rnngrad.read("logs").flow.values
    ]
    assert max(horizons[:4]) < 15
    assert horizons[10:] == [29] * 20


def test_the_code_on_logging_from_fit_runs(reader):
    reader("how-to/log_from_fit")
    series = tb_rnngrad.read("logs", run="my_run")
    assert series.tag == "lstm_1/hidden_state"
    assert len(series.flow.steps) == 1


def test_the_code_on_logging_from_a_loop_runs(reader):
    found = reader("how-to/log_from_your_own_loop")["found"]
    assert tb_rnngrad.read("logs", tag="lstm_1/gates")[0].shape == (2, 100, 16)
    assert found["lstm_1"].shape == (2, 100, 4)


def test_the_code_on_logging_without_keras_runs(reader):
    reader("how-to/log_without_keras")
    assert len(tb_rnngrad.read("logs", tag="lstm")) == 1000


def test_the_code_on_masks_runs(reader):
    names = reader("how-to/masks_and_padding")
    assert names["record"].mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert not names["record"].data[1, 2:].any()
    assert tb_rnngrad.read("logs", tag="lstm")[0].mask.sum(axis=1).tolist() == [100, 40]
    assert names["rows"][[0, 99], tb_rnngrad.flow.STATISTICS.index("real_samples")].tolist() == [
        2,
        1,
    ]


def test_the_code_on_bidirectional_layers_runs(reader):
    halves = np.random.default_rng(0).normal(size=(2, 2, 5, 3))
    with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
        both = np.concatenate([*halves], axis=2)
        groups = {"forward": 3, "backward": 3}
        writer.add_sequence("bidirectional/hidden_state", both, 0, channel_groups=groups)
    reader("how-to/bidirectional_and_stacked", forward=halves[0], backward=halves[1])
    assert {*tb_rnngrad.read("logs/by_hand").parts} == {"forward", "backward"}


def test_the_code_on_several_optimizers_runs(reader):
    import keras
    import tensorflow as tf

    def sequential(name, *layers):
        return keras.Sequential([keras.Input((5, 3)), *layers], name=name)

    gru = keras.layers.GRU(3, return_sequences=True, name="rnn")
    generator = sequential("generator", gru)
    discriminator = sequential("discriminator", keras.layers.GRU(4, name="rnn"))

    def train_step(real):
        with tf.GradientTape() as own, tf.GradientTape() as generators:
            on_real = discriminator(real)
            on_fake = discriminator(generator(real))
            loss = tf.reduce_mean(on_real) - tf.reduce_mean(on_fake)
            fooled = tf.reduce_mean(on_fake)
        own.gradient(loss, discriminator.trainable_variables)
        generators.gradient(fooled, generator.trainable_variables)

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5, 3)).astype("float32"), rng.normal(size=(40, 1)).astype("float32")
    names = reader(
        "how-to/several_optimizers",
        **{"x": x, "y": y, "batch": x[:2], "train_step": train_step},
        **{"generator": generator, "discriminator": discriminator},
    )
    assert tb_rnngrad.read("logs", run="two_speeds").steps.tolist() == [0, 10, 20, 30]
    assert set(names["of_generator"]) == {"rnn"}
    assert set(names["of_discriminator"]) == {"rnn", "rnn.call2"}


def test_the_code_on_alarms_runs(reader, tmp_path):
    from tb_rnngrad.testing.fixtures import GradientLog

    def train(callbacks):
        names["model"].fit(names["x"], names["y"], epochs=1, verbose=0, callbacks=callbacks)

    names = reader("how-to/check_in_tests", train=train)
    log = GradientLog(tmp_path / "gradients")
    names["test_the_model_remembers"](log)
    assert len(tb_rnngrad.read(log.logdir)) == 1


def test_the_code_on_naming_samples_runs(reader):
    record = reader("how-to/name_samples")["record"]
    assert record.labels[0][:3] in (("the", "cat", "sat"), ("a", "dog", ""))
    assert record.kept_ids == (f"train/{(record.samples or [0])[0]}",)


def test_the_code_on_single_losses_runs(reader):
    reader("how-to/single_losses")
    itemized = tb_rnngrad.read("by_hand", tag="lstm_1/itemized")[-1]
    assert itemized.shape == (2, 100, 3)


def test_the_code_on_state_jacobians_runs(reader):
    slope = reader("how-to/state_jacobians")["slope"]
    assert tb_rnngrad.read("by_hand", tag="lstm_1/jacobian")[-1].shape == (100, 100)
    assert slope.shape == (100,)


def test_the_code_on_reading_logs_runs(reader):
    with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
        for step in range(3):
            writer.add_sequence("lstm_1/hidden_state", np.ones((2, 5, 3)), step, mask=[5, 2])
    assert reader("how-to/read_logs")["norms"].shape == (3, 5)


def test_the_code_on_figures_runs(reader):
    rng = np.random.default_rng(0)
    with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
        writer.add_sequence("lstm_1/hidden_state", rng.normal(size=(2, 30, 4)), 1200)
    assert len(reader("how-to/figures")["axes"].flat) == 2
    assert Path("heatmap.pdf").read_bytes().startswith(b"%PDF")


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


DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def anchors(document):
    """The anchors of a document's headings, as code hosts and `make docs` make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_within_the_project_leads_somewhere(document):
    for path, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", document.read_text()):
        target = document.parent / path if path else document
        assert target.exists(), f"{document} links to {path}"
        assert not anchor or anchor in anchors(target), f"{document} links to {path}#{anchor}"


def test_every_document_is_listed_in_the_index():
    listed = re.findall(r"\]\(([^)#]+\.md)\)", (ROOT / "docs/README.md").read_text())
    documents = {path.relative_to(ROOT / "docs").as_posix() for path in DOCUMENTS[3:]}
    assert {*listed} == documents - {"README.md"}


def said_in_documents(pattern):
    return {one for path in DOCUMENTS for one in re.findall(pattern, path.read_text())}


def test_every_make_command_in_the_documents_exists():
    targets = {*re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    said = said_in_documents(r"(?:^|`)make ([\w-]+)")
    assert {"demo", "test", "docs", "bench"} <= said
    assert said <= targets


@pytest.mark.parametrize("name", sorted(said_in_documents(r"\btb_rnngrad(?:\.\w+)+")))
def test_every_name_in_the_documents_exists(name):
    package, framework, *_ = name.split(".")
    if framework in ("keras", "torch"):
        pytest.importorskip({"keras": "keras", "torch": "torch.nn"}[framework])
    found = importlib.import_module(package)
    for part in name.split(".")[1:]:
        if part in getattr(found, "__all__", ()) and part not in vars(found):
            return  # it is imported once somebody asks for it, as it needs a library of its own
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")  # a module nobody imported so far
        found = getattr(found, part)


def test_the_glossary_names_sections_that_exist():
    entries = (ROOT / "frontend/src/page/glossary_entries.ts").read_text()
    places = re.findall(r'"([\w/-]+\.md)(?:, ([^"]+))?"', entries)
    assert len(places) > 15
    for path, section in places:
        document = ROOT / "docs" / path
        assert not section or section.lower() in anchors(document), f"{path} has no {section}"


def public_objects(module):
    for name in module.__all__:
        found = getattr(module, name)
        if isinstance(found, type) or callable(found):
            yield name, found


@pytest.mark.parametrize("module", [tb_rnngrad, tb_rnngrad.flow, tb_rnngrad.plot])
def test_the_examples_in_docstrings_are_right(module):
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    names = {"np": np, "tb_rnngrad": tb_rnngrad}
    for name, found in public_objects(module):
        for example in finder.find(found, name, globs=names):
            runner.run(example)
    assert runner.tries > 1
    assert runner.failures == 0


def test_the_examples_of_writing_and_reading_run(script):
    import tensorflow as tf

    script["gradient"] = np.ones((2, 5, 3), np.float32)
    exec(example_of(tb_rnngrad.SummaryWriter), script)
    exec(example_of(tb_rnngrad.read), script)
    assert script["norms"].shape == (2, 5)
    assert script["history"].shape == (1, 5)
    read = dict(script)
    exec(example_of(tb_rnngrad.read_all), read)
    assert [*read["last"]] == ["lstm"]
    exec(example_of(Series.to_xarray), read)
    assert read["norms"].shape == (1, 2, 5)
    exec(example_of(Flow.to_pandas), read)
    assert read["norms"].shape == (1, 5)
    with tb_rnngrad.SummaryWriter("logs/batched") as script["writer"]:
        exec(example_of(tb_rnngrad.SummaryWriter.batched), script)
    assert tb_rnngrad.read("logs", run="batched", tag="lstm_2").steps.tolist() == [4]
    exec(example_of(tb_rnngrad.summary.sequence), script | {"tf": tf})
    assert tb_rnngrad.read("logs", run="my_run").steps.tolist() == [3]


def test_every_function_of_keras_has_an_example_that_runs(script):
    import tb_rnngrad.keras

    for name, found in public_objects(tb_rnngrad.keras):
        example = example_of(found)
        exec(example, script)
        assert f"tb_rnngrad.keras.{name}(" in example
    assert script["norms"].shape == script["of_last"].shape == (2, 100)
    assert script["decades"].shape == script["slope"].shape == (100,)
    assert script["forgets"].tolist() == [True, True]


@pytest.mark.parametrize(
    "module",
    ["tb_rnngrad", "tb_rnngrad.keras", "tb_rnngrad.torch", "tb_rnngrad.flow", "tb_rnngrad.plot"],
)
def test_the_reference_has_every_public_name(module):
    pytest.importorskip("keras")
    pytest.importorskip("torch.nn")
    public = importlib.import_module(module)
    pages = (ROOT / "docs/reference/api").glob("*.rst")
    text = "\n".join(page.read_text() for page in pages)
    described = {*re.findall(r"^\.\. auto\w+:: (\S+)", text, re.MULTILINE)}
    names = {n for n in public.__all__ if importlib.util.find_spec(f"{module}.{n}") is None}
    assert {f"{module}.{name}" for name in names} <= described


def test_the_documentation_builds_without_a_warning(tmp_path):
    pytest.importorskip("keras")
    pytest.importorskip("torch.nn")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"]
    built = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", ROOT / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "html/reference/api/keras.html").read_text()
    assert 'id="tb_rnngrad.keras.GradientLogger"' in page


def test_every_promise_names_an_existing_test():
    text = (ROOT / "docs/reference/reliability.md").read_text()
    promised = re.findall(r"((?:keras/|page/|torch/)?test_\w+): ([a-z0-9_, ]+)", text)
    assert len(promised) > 20
    for file, names in promised:
        tests = (ROOT / "tests" / f"{file}.py").read_text()
        for name in filter(None, map(str.strip, names.split(","))):
            assert f"def test_{name}(" in tests, f"{file} has no test_{name}"
