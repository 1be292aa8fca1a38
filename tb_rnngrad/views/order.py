"""Orders of channels that place similar channels together. Pure NumPy.

The page has the same orders (`frontend/src/maths/heatmap/order.ts`); both are tested on the answers
of `frontend/test/scales.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.views.view import View

Float64 = NDArray[np.float64]
Order = NDArray[np.intp]

_LEVELS: Final = 2**20  # of similarity
_LEAST_VARIATION: Final = 1e-12  # of a row's own length; less is rounding


def channel_order(view: View, groups: Mapping[str, int] | None, by: str) -> Order:
    """Return the channel at each place, ordered within each channel group.

    Args:
        view: [channels, lags], from the latest timestep to the first.
        groups: name -> number of channels; None for one group.
        by: "norm": the largest L2 norm first. "lag": by the lag of the largest magnitude, the
            latest timestep first. "correlation": similar channels are neighbours. Channels of
            zeros come last.

    Raises:
        ValueError: If `by` is unknown.
    """
    if by not in ORDERS:
        raise ValueError(f"channel_order is {by!r}; expected {', '.join(map(repr, ORDERS))}")
    values = view.values.astype(np.float64)
    values[~np.isfinite(values)] = 0
    if view.real is not None:
        values[:, ~view.real] = 0
    found, first = [], 0
    for size in (groups or {"": len(values)}).values():
        found.append(first + ORDERS[by](values[first : first + size]))
        first += size
    return np.concatenate(found)


def _by_norm(rows: Float64) -> Order:
    return np.argsort(-np.linalg.norm(rows, axis=1), kind="stable")


def _by_lag(rows: Float64) -> Order:
    magnitudes = np.abs(rows)
    peaks = np.where(magnitudes.any(axis=1), magnitudes.argmax(axis=1), rows.shape[1])
    return np.argsort(peaks, kind="stable")


def _by_correlation(rows: Float64) -> Order:
    """Return a chain of rows in which neighbours are similar.

    It links the two chain ends that correlate best (Pearson), again and again, until one chain is
    left. This is the greedy heuristic for a travelling salesman's path; see Johnson and McGeoch
    1997, "The traveling salesman problem: a case study in local optimization", who call it "greedy
    edge".
    """
    norms = np.linalg.norm(rows, axis=1)
    alive, dead = np.flatnonzero(norms > 0), np.flatnonzero(norms == 0)
    standard = _standardised(rows[alive])
    first, second = np.triu_indices(len(alive), 1)
    levels = np.round((1 - (standard @ standard.T)[first, second]) / 2 * _LEVELS)
    neighbours: list[list[int]] = [[] for _ in alive]
    chain = [*range(len(alive))]  # the chain of each row, named by one of its members

    def find(row: int) -> int:
        while chain[row] != row:
            chain[row] = chain[chain[row]]
            row = chain[row]
        return row

    for pair in np.lexsort((second, first, levels)):
        i, j = int(first[pair]), int(second[pair])
        if len(neighbours[i]) > 1 or len(neighbours[j]) > 1 or find(i) == find(j):
            continue
        neighbours[i].append(j)
        neighbours[j].append(i)
        chain[find(i)] = find(j)
    return np.concatenate([alive[_walk(neighbours)], dead])


def _walk(neighbours: list[list[int]]) -> Order:
    """Return the rows along a chain, starting from the end with the lower number."""
    line: list[int] = []
    before, at = -1, next((row for row, of in enumerate(neighbours) if len(of) < 2), -1)
    while at >= 0:
        line.append(at)
        before, at = at, next((row for row in neighbours[at] if row != before), -1)
    return np.array(line, np.intp)


def _standardised(rows: Float64) -> Float64:
    """Return each row less its mean, scaled to length 1; zeros if it does not vary."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    varies = lengths > _LEAST_VARIATION * np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(centred, lengths, out=np.zeros_like(rows), where=varies)


ORDERS: Final[Mapping[str, Callable[[Float64], Order]]] = {
    "norm": _by_norm,
    "lag": _by_lag,
    "correlation": _by_correlation,
}
