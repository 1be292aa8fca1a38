"""Which parts of a record are judged separately."""

import pytest

from tb_rnngrad.parts import Part, parts_of

HALVES = {"forward": 3, "backward": 3}


@pytest.mark.parametrize(
    "groups", [None, {}, {"i": 4, "f": 4, "c": 4, "o": 4}, {"forward": 8}, {"cell_0": 2, "more": 2}]
)
def test_a_record_without_directions_or_stacked_cells_has_no_parts(groups):
    assert parts_of(groups) == []


def test_the_halves_of_a_bidirectional_layer_have_opposite_directions():
    assert parts_of(HALVES) == [
        Part("forward", slice(0, 3), "forward", None),
        Part("backward", slice(3, 6), "backward", None),
    ]
    orders = [part.direction for part in parts_of(HALVES, "backward")]
    assert orders == ["backward", "forward"]


def test_stacked_cells_share_the_direction_of_their_layer():
    parts = parts_of({"cell_0": 2, "cell_1": 5}, "backward")
    assert parts == [
        Part("cell_0", slice(0, 2), "backward", None),
        Part("cell_1", slice(2, 7), "backward", None),
    ]


def test_gates_stay_together_within_their_part():
    groups = {f"{half}/cell_{n}/{gate}": 2 for half in HALVES for n in (0, 1) for gate in "zr"}
    parts = parts_of(groups)
    assert [part.name for part in parts] == [
        "forward/cell_0",
        "forward/cell_1",
        "backward/cell_0",
        "backward/cell_1",
    ]
    assert parts[2].channels == slice(8, 12)
    assert parts[2].channel_groups == {"z": 2, "r": 2}
    assert parts[3].direction == "backward"
