"""Histograms: the counting itself, without a server."""

import numpy as np
import pytest

from tb_rnngrad.views.histograms import APART, Binning, evenly_spaced, histogram
from tb_rnngrad.views.view import View

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("magnitudes", [False, True])
def test_every_cell_is_counted_once(magnitudes):
    views = []
    for sample in range(3):
        values = RNG.normal(size=(6, 40)).astype(np.float32)
        values[RNG.random(values.shape) < 0.1] = 0
        values[1, :4] = [np.nan, np.inf, -np.inf, -0.0]
        views.append(View(values, RNG.random(40) < 0.7 if sample else None))
    found = histogram(views, [2, 4], Binning(((-0.5, 0.125, 1.0),), magnitudes))
    cells = found.counts.sum(axis=1) + found.apart.sum(axis=1)
    assert cells.tolist() == [3 * 2 * 40, 3 * 4 * 40]


def test_a_value_on_an_edge_is_in_the_bin_above_it_and_the_last_bin_is_closed():
    view = View(np.array([[1, 2, 3, 3, 4]], np.float32), None)
    found = histogram([view], [1], Binning(((1.0, 2.0, 3.0),), magnitudes=False))
    assert found.counts.tolist() == [[1, 3]]
    assert found.apart[0, APART.index("above")] == 1


def test_both_zeros_count_as_zero_and_in_no_bin():
    view = View(np.array([[0.0, -0.0, 1e-45]], np.float32), None)
    found = histogram([view], [1], Binning(((-1.0, 0.0, 1.0),), magnitudes=False))
    assert found.counts.tolist() == [[0, 1]]
    assert found.apart[0, APART.index("zero")] == 2


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(1, 4, [0]), (4, 4, [0, 1, 2, 3]), (10, 4, [0, 3, 6, 9]), (5, 2, [0, 4])],
)
def test_steps_are_evenly_spaced_with_both_ends(count, most, expected):
    assert evenly_spaced(count, most) == expected


def test_no_step_is_read_twice():
    for count in range(1, 300):
        assert len(set(evenly_spaced(count, 100))) == min(count, 100)
