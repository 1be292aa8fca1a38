"""The routes do what docs/reference/openapi.yaml says, whatever Schemathesis and Hypothesis ask."""

from pathlib import Path

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from tb_rnngrad import SummaryWriter, flow
from tb_rnngrad.views import view as views

DESCRIPTION = Path(__file__).parent.parent / "docs" / "reference" / "openapi.yaml"
RNG = np.random.default_rng(6)
DATA = RNG.normal(size=(5, 3, 7, 4)).astype(np.float32)
MASK = np.arange(7) < np.array([[7], [4], [1]])

load_all_checks()
pytestmark = pytest.mark.api

# There is no check that every request that fits the description is accepted: the description cannot
# say whether there is a step 7 or a timestep 40.
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]


@pytest.fixture(scope="module", params=["true", "false"], ids=["rust", "python"])
def server(request, tmp_path_factory, tensorboard_server):
    logdir = tmp_path_factory.mktemp("api")
    with SummaryWriter(logdir / "lstm") as writer:
        for step in range(5):
            writer.add_sequence(
                "masked", DATA[step], step, mask=MASK, channel_groups={"a": 1, "b": 3}
            )
            writer.add_sequence("kernel", DATA[step, 0], step, quantity="weight")
    server = tensorboard_server(logdir, f"--load_fast={request.param}")
    server.wait_for(
        lambda tags: all(
            len(e["steps"]) == 5 for e in tags.get("lstm", {"": {"steps": []}}).values()
        )
    )
    return server


schema = schemathesis.openapi.from_path(DESCRIPTION)


@schema.hook
def map_query(context, query):
    """Ask for an existing run and tag in half of the requests."""
    if query and len(str(query.get("run"))) % 2 == 0:
        query |= {"run": "lstm", "tag": "masked"}
    return query


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck))
def test_every_answer_conforms_to_the_description(case, server):
    case.call_and_validate(base_url=f"{server.url}/data/plugin/rnngrad", checks=CHECKS)


def some(*good, bad=("", "x", "-1", "1.5", "1_0", " 1", "٣", "nan", "inf", "9" * 101, "\0", "a,b")):
    """Return a strategy that leaves a parameter out, or picks a good or a bad value."""
    return st.none() | st.sampled_from(good) | st.sampled_from(bad)


POSITIONS = ["0", "1", "3", "4", "6", "7", "100", "99999999999999999999"]
TENSOR = {
    "run": st.sampled_from(["lstm", "lstm", "lstm", "gru", "../lstm", "\ud7ff", ""]),
    "tag": st.sampled_from(["masked", "masked", "kernel", "masked/flow", "x"]),
    "step": st.sampled_from(["0", "4", "5", "-1", "1e3", ""]),
    "sample": some("0", "2", "3"),
    "reduce": some("mean", "rms", "max_abs", "std", "mean_abs"),
    "time": some("lag", "timestep"),
    "reversed": some("0:1", "1:4", "0:2,2:4", "0:5", "4:0"),
    "dtype": some("float32", "bfloat16", "float16"),
    "padding": some("keep", "mark"),
    **{name: some(*POSITIONS) for name in ("t0", "t1", "c0", "c1", "width", "height")},
    "wall_time": some("1.5"),
}


def ask(server, route, parameters):
    return server.get(route, **{k: v for k, v in parameters.items() if v is not None})


@given(parameters=st.fixed_dictionaries(TENSOR))
@settings(suppress_health_check=list(HealthCheck))
def test_a_view_has_the_announced_shape_or_a_sentence_says_why_not(server, parameters):
    answer = ask(server, "/tensor", parameters)
    assert answer.code in (200, 400, 404)
    if answer.code != 200:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "Traceback" not in answer.text
        return
    shape = [int(size) for size in answer.headers["X-RnnGrad-Shape"].split(",")]
    size = {"float32": 4, "bfloat16": 2}[answer.headers["X-RnnGrad-Dtype"]]
    assert len(answer.body) == size * shape[0] * shape[1] > 0


WINDOW = st.tuples(
    *(st.integers(0, size - 1) for size in (4, 7)), *(st.integers(1, size) for size in (4, 7))
)


@given(
    step=st.integers(0, 4),
    sample=st.integers(0, 2),
    window=WINDOW,
    width=st.integers(1, 9),
    height=st.integers(1, 9),
)
@settings(suppress_health_check=list(HealthCheck))
def test_every_window_is_cut_and_pooled_as_in_numpy(server, step, sample, window, width, height):
    c0, t0, channels, timesteps = window
    answer = ask(
        server,
        "/tensor",
        {"run": "lstm", "tag": "masked", "step": step, "sample": sample, "c0": c0, "t0": t0}
        | {"c1": c0 + channels, "t1": t0 + timesteps, "width": width, "height": height},
    )
    cut = np.ascontiguousarray(DATA[step, sample, t0 : t0 + timesteps, c0 : c0 + channels].T)
    expected = views.pool(cut, height, width)
    shape = [int(size) for size in answer.headers["X-RnnGrad-Shape"].split(",")]
    np.testing.assert_array_equal(np.frombuffer(answer.body, "<f4").reshape(shape), expected)


@given(
    names=st.lists(st.sampled_from([*flow.STATISTICS[:6], "median", ""]), min_size=1, max_size=8)
)
@settings(suppress_health_check=list(HealthCheck))
def test_statistics_come_in_the_requested_order_or_are_refused(server, names):
    answer = ask(server, "/flow", {"run": "lstm", "tag": "masked", "statistics": ",".join(names)})
    if len(set(names)) < len(names) or not set(names) <= set(flow.STATISTICS):
        assert answer.code == 400
        return
    columns = [flow.STATISTICS.index(name) for name in names]
    expected = np.stack([flow.statistics(data, MASK)[:, columns] for data in DATA])
    found = np.frombuffer(answer.body, "<f4").reshape(expected.shape)
    np.testing.assert_array_equal(found, expected)
