"""Figures have the page's scales, colours, orders and numbers."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from tb_rnngrad import scales
from tb_rnngrad.events.reader import Flow
from tb_rnngrad.plot import _bins, _colours, _curves, _scale
from tb_rnngrad.plot._flow_statistics import FLOW_STATISTICS
from tb_rnngrad.scales import Extent, Scale
from tb_rnngrad.views.order import ORDERS, channel_order
from tb_rnngrad.views.view import View

FRONTEND = Path(__file__).parents[1] / "frontend"
ANSWERS = json.loads((FRONTEND / "test/scales.json").read_text())


def source(path):
    return (FRONTEND / "src" / path).read_text()


@pytest.mark.parametrize("case", ANSWERS["scales"], ids=lambda case: case["name"])
def test_a_scale_has_the_ends_places_and_numbers_of_the_page(case):
    extent = Extent(*(np.nan if value is None else value for value in case["extent"]))
    scale = scales.make_scale(
        extent,
        case["name"],
        signed=case["signed"],
        low=case["low"],
        high=case["limit"],
        threshold=case["threshold"],
    )
    answer = case["scale"]
    assert (scale.low, scale.high) == (answer["low"], answer["high"])
    assert scale.threshold == pytest.approx(answer["threshold"], rel=1e-12)
    places = np.clip(scale.place(case["values"]), 0, 1)
    np.testing.assert_allclose(places, case["places"], atol=1e-12)
    found = scales.ticks(scale, 0.07)
    np.testing.assert_allclose(found, case["ticks"], rtol=1e-12)
    assert [scales.short(tick) for tick in found] == case["words"]
    back = scale.value_at(scale.place(case["ticks"]))
    expected = np.abs(case["ticks"]) if scale.of_magnitudes else case["ticks"]
    np.testing.assert_allclose(back, expected, rtol=1e-9, atol=1e-9 * scale.threshold)


@pytest.mark.parametrize("by", ORDERS)
def test_channels_have_the_orders_of_the_page(by):
    orders = ANSWERS["orders"]
    view = View(np.array(orders["rows"], np.float32), None)
    assert channel_order(view, dict(orders["groups"]), by).tolist() == orders[by]
    assert channel_order(view, None, by).tolist() == orders[f"{by}Ungrouped"]


def test_padding_and_nan_do_not_count_in_an_order():
    rows = np.array([[9, 1, np.nan], [5, 2, 0], [7, 3, 0]], np.float32)
    view = View(rows, np.array([False, True, True]))
    assert channel_order(view, None, "norm").tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="channel_order is 'size'; expected 'norm', 'lag'"):
        channel_order(view, None, "size")


def tables():
    for name, encoded in re.findall(r'^  (\w+): "(\S+)",$', source("colour/maps.ts"), re.MULTILINE):
        differences = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(256, 3)
        yield name, np.cumsum(differences, axis=0, dtype=np.uint8)


@pytest.mark.parametrize(("name", "table"), [*tables()], ids=lambda given: given)
def test_a_colour_map_is_the_page_s(name, table):
    drawn = _colours.colour_map(Scale("linear", -1, 1, 0.1), name)
    # Versions of Matplotlib round grays in two ways.
    found = drawn(np.arange(256), bytes=True)[:, :3].astype(int)
    assert np.abs(found - table).max() <= (name == "gray")


def test_every_map_of_the_page_has_a_figure_s():
    assert {name for name, _ in tables()} == {*_colours.DIVERGING, *_colours.SEQUENTIAL}


def test_the_default_maps_and_special_colours_are_the_page_s():
    assert _colours.colour_map(Scale("symlog", -1, 1, 0.1), None).name == "vik"
    assert _colours.colour_map(Scale("log", 0.1, 1, 0.1), None).name == "viridis"
    text = source("colour/table.ts")
    found = {
        label: tuple(int(part) for part in rgb.split(","))
        for label, rgb in re.findall(r'label: "([^"]+)", rgb: \[([\d, ]+)\]', text)
    }
    colours = {
        **_colours.SPECIALS,
        "above the range": _colours.ABOVE,
        "below the range": _colours.BELOW,
    }
    assert {name: to_hex(np.array(rgb) / 255) for name, rgb in found.items()} == colours
    gray = re.search(r'map === "gray" \? \[([\d, ]+)\]', text)[1]
    assert to_rgb(_colours.zero_colour("gray")) == tuple(int(c) / 255 for c in gray.split(","))
    light = re.search(r'const LIGHT =\s*"([^"]+)"', source("colour/samples.ts"))[1]
    assert tuple(light.split()) == _colours.SAMPLES
    padding = re.search(r"--rg-padding: (#\w+)", source("components/base/theme.ts"))[1]
    assert padding == _colours.PADDING


def constant(path, name):
    return re.search(rf"const {name} = (.+?)( as const)?;", source(path))[1]


def test_the_constants_of_figures_are_the_page_s():
    assert json.loads(constant("state/options.ts", "PERCENTILES")) == [*_scale.PERCENTILES]
    assert int(constant("colour/scale.ts", "BINS")) == _bins.BINS
    assert int(constant("maths/curves.ts", "MOST_CURVES")) == _curves.MOST_CURVES
    assert json.loads(constant("maths/curves.ts", "BAND_PROBABILITIES")) == [*_curves.BANDS]


def test_the_statistics_of_flow_maps_have_the_page_s_formulas():
    text = source("maths/flow/statistics.ts")
    entries = re.findall(
        r"  (\w+): \{\n    name: .*?what: \"(.*?)\",\n    from: (\[.*?\]),\n    byLag: (\w+),.*?"
        r"python: \"(.*?)\",\n    scale: \"(\w+)\",\n    sized: (\w+),\n    limit: (\w+),",
        text,
        re.DOTALL,
    )
    assert [name for name, *_ in entries] == [*FLOW_STATISTICS]
    rng = np.random.default_rng(0)
    for name, what, columns, by_lag, formula, scale, sized, limit in entries:
        mine = FLOW_STATISTICS[name]
        names = tuple(json.loads(columns))
        flow = Flow(np.arange(2), rng.random((2, 3, len(names))).astype(np.float32), names)
        values = dict(zip(names, np.moveaxis(flow.values.astype(np.float64), 2, 0), strict=True))
        np.testing.assert_allclose(mine.of(flow, False), eval(formula, {"np": np, **values}))
        assert (mine.what, mine.by_lag, mine.scale) == (what, by_lag == "true", scale)
        assert (mine.sized, mine.limit) == (sized == "true", None if limit == "null" else 1)
