"""Gradients against finite differences in NumPy, and against networks unrolled by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch.nn")

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch_cases import CASES, Case
from torch_expected import VALUES, assert_close, difference, expected_of, quantities
from unrolled import Nudge

from tb_rnngrad.torch import capture, gradients

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_states_agree_with_finite_differences_in_numpy(case, rng):
    built = case.build()
    of = ("hidden_state", "cell_state")[: 2 if case.kind == "LSTM" else 1]
    found = gradients(built.module, built.loss, of=of)
    for name in of:
        records = [np.asarray(found[layer][name]) for layer in built.names]
        entries, differences = [], []
        for _ in range(8):
            layer, direction, sample = rng.integers((built.layers, built.directions, built.samples))
            size = records[layer].shape[2] // built.directions
            t, unit = rng.integers((built.lengths[sample], size))
            entries.append(records[layer][sample, t, direction * size + unit])
            change = Nudge(name[0], layer, direction, sample, t, unit)
            differences.append(difference(built, change))
        assert_close(entries, differences, 1e-6)


@every_case
def test_every_quantity_agrees_with_a_network_unrolled_by_hand(case):
    built = case.build()
    found = gradients(built.module, built.loss, of=quantities(case))
    expected = expected_of(built)
    assert found.keys() == expected.keys()
    for layer, records in found.items():
        assert records.keys() == expected[layer].keys()
        for name, record in records.items():
            assert record.framework == "torch"
            assert record.layer == layer
            assert_close(record, expected[layer][name].detach(), 1e-12)


@every_case
def test_float32_is_as_exact_as_float32_can_be(case):
    built, exact = case.build(torch.float32), case.build(torch.float64)
    exact.like(built)
    found = gradients(built.module, built.loss, of=quantities(case))
    expected = gradients(exact.module, exact.loss, of=quantities(case))
    for layer, records in found.items():
        for name, record in records.items():
            assert record.data.dtype == np.float32
            assert_close(record, expected[layer][name], 1e-4)


@every_case
def test_capture_reads_the_same_and_changes_nothing(case):
    plain, captured_step = case.build(), case.build()
    plain.loss().backward()
    with capture(captured_step.module, of=quantities(case)) as captured:
        captured_step.loss().backward()
    for one, other in zip(plain.leaves, captured_step.leaves, strict=True):
        assert torch.equal(one.grad, other.grad)
    expected = gradients(plain.module, plain.loss, of=quantities(case))
    assert captured.keys() == expected.keys()
    for layer, records in captured.items():
        for name, record in records.items():
            np.testing.assert_array_equal(record, expected[layer][name])
            assert record.backward_passes == (None if name.split("/")[0] in VALUES else 1)


def drawn(built):
    """Return what PyTorch multiplies the outputs of a layer with, samples first.

    It drops units from [timesteps, samples, channels], or from the data of a packed sequence.
    """
    ones = torch.ones_like(built.reading[0])
    if built.case.layout != "packed":
        return torch.dropout(ones.transpose(0, 1).contiguous(), 0.5, True).transpose(0, 1)
    packed = pack_padded_sequence(ones, built.lengths, batch_first=True, enforce_sorted=False)
    dropped = PackedSequence(torch.dropout(packed.data, 0.5, True), *packed[1:])
    return pad_packed_sequence(dropped, batch_first=True)[0]


@pytest.mark.parametrize(
    "case",
    [
        Case(kind, {"num_layers": 3, "dropout": 0.5, "bidirectional": True} | more, layout=layout)
        for kind, more, layout in (
            ("RNN", {}, "dense"),
            ("LSTM", {"batch_first": True}, "dense"),
            ("LSTM", {}, "packed"),
            ("GRU", {"batch_first": True}, "packed"),
        )
    ],
    ids=str,
)
def test_units_dropped_between_layers_are_those_of_the_call(case):
    built = case.build()
    torch.manual_seed(9)
    found = gradients(built.module, built.loss, of=quantities(case))
    torch.manual_seed(9)
    dropped = [drawn(built) for _ in range(built.layers - 1)]
    assert 0.2 < (dropped[0] == 0).float().mean() < 0.8
    expected = expected_of(built, dropped)
    for layer, records in found.items():
        for name, record in records.items():
            assert_close(record, expected[layer][name].detach(), 1e-12)
