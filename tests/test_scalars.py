"""TensorBoard's own scalars and hyperparameters, in each of its loading modes."""

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_rnngrad import SummaryWriter

LOSS = [(0, 2.5), (10, 1.5), (20, float("nan"))]
HYPERPARAMETERS = {"units": 32, "cell": "lstm", "peephole": True}


def write_logs(logdir):
    with SummaryWriter(logdir / "a") as writer:
        for step, loss in LOSS:
            writer.add_scalar("loss", loss, step)
        writer.add_sequence("lstm", np.ones((1, 5, 2), np.float32), 0)
    own = EventFileWriter(str(logdir / "b"))
    own.add_event(Event(step=0, wall_time=1.0, summary=hparams.hparams_pb(HYPERPARAMETERS)))
    plain = Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])
    own.add_event(Event(step=3, wall_time=2.0, summary=plain))
    own.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, loading_mode, tensorboard_server):
    logdir = tmp_path_factory.mktemp("logs")
    write_logs(logdir)
    load_fast, tensorflow = loading_mode
    server = tensorboard_server(logdir, f"--load_fast={load_fast}", tensorflow=tensorflow)
    server.wait_for(
        lambda tags: "a" in tags and set(server.get("/scalars").json()["tags"]) >= {"b"}
    )
    return server


def test_scalars_and_hyperparameters_are_listed_by_run(server):
    answer = server.get("/scalars").json()
    assert answer["tags"] == {"a": ["loss"], "b": ["loss"]}
    assert answer["hyperparameters"] == {"b": {"cell": "lstm", "peephole": True, "units": 32.0}}


def test_a_scalar_comes_from_all_runs_with_null_for_non_finite_values(server):
    answer = server.get("/scalars", tag="loss").json()
    assert [(step, value) for step, _, value in answer["a"]] == [(0, 2.5), (10, 1.5), (20, None)]
    assert answer["b"] == [[3, 2.0, 0.5]]


def test_a_scalar_that_no_run_holds_is_not_found(server):
    answer = server.get("/scalars", tag="lsos")
    assert (answer.code, answer.text) == (404, "Not found: no run holds scalars of the tag 'lsos'")
    assert server.get("/scalars", "POST").code == 405
