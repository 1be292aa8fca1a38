"""Products of per-step Jacobians: how the state depends on earlier inputs and states.

A recurrence s_t = f(s_t-1, x_t) has the Jacobians A_t = ds_t/ds_t-1 and G_t = ds_t/dx_t. The state
at t depends on the input at s through the product A_t A_t-1 ... A_s+1 G_s. Over hundreds of
timesteps such products span hundreds of decades (1e-243 was seen over 1,403 timesteps), far beyond
any floating-point range. The code therefore rescales them at every few timesteps and keeps their
norms as logarithms. Pure NumPy.

Such a product also loses rank. Each of its singular values decays at its own rate (the Lyapunov
exponents), so all but a few soon fall below the dtype's resolution relative to the largest one. The
code drops those directions, as rounding would, and carries only the few vectors that remain.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.floating[Any]]

# In this many timesteps a product shrinks or grows by a few decades, never by float32's 38.
# Rescaling also saves time: arithmetic on denormals takes ten times as long.
_RESCALE_EVERY: Final = 4

# Number of products carried together, so that each timestep takes one large matrix product.
_BLOCK: Final = 32

# The rank of a product is first checked after this many timesteps, then each time they double.
_FIRST_LOOK: Final = 16


def _frobenius(products: Array) -> Array:
    """Return the root of the sum of squares."""
    return np.sqrt(np.einsum("inj,inj->n", products, products))


def _spectral(products: Array) -> Array:
    """Return the largest singular value; NaN if any entry is not finite."""
    stacked = products.swapaxes(0, 1)
    finite = np.isfinite(stacked).all(axis=(1, 2))
    sizes = np.full(len(stacked), np.nan, products.dtype)
    sizes[finite] = np.linalg.norm(stacked[finite], 2, axis=(1, 2))
    return sizes


@dataclass(frozen=True)
class Norm:
    """A norm of dh_t/dx_s.

    Attributes:
        size: returns the n norms of an array [units, n, features] or [features, n, units].
        sums_units: whether the units are summed before the norm is taken.
    """

    size: Callable[[Array], Array]
    sums_units: bool = False


NORMS: Final[Mapping[str, Norm]] = MappingProxyType(
    {
        # How much gets through over all directions.
        "fro": Norm(_frobenius),
        # The length of the gradient of the sum of all units, as one backward pass gives it.
        # Opposite signs cancel.
        "sum": Norm(_frobenius, sums_units=True),
        # The direction that gets through best. Slow: it takes an SVD per entry.
        "spectral": Norm(_spectral),
    }
)


def log10_norms(
    transitions: Array,
    entries: Array | None,
    hidden: NDArray[np.intp],
    at: Sequence[int],
    norm: str = "fro",
    advance: Callable[[], None] | None = None,
) -> NDArray[np.float64]:
    """Return log10 of the norms of dh_t/dx_s, or of dh_t/dh_s, for chosen t and every s.

    The result is as exact as products in the dtype of `transitions`: for float32, to about 1e-5 of
    the norm.

    Args:
        transitions: [timesteps, states, states], A_t = ds_t/ds_t-1.
        entries: [timesteps, states, features], G_t = ds_t/dx_t. If None, differentiate by the
            hidden state at s and hold every other state at s fixed.
        hidden: indices of the states that form the hidden state h.
        at: the timesteps t, one for each row of the result.
        norm: a key of `NORMS`.
        advance: progress callback; called once per timestep's share of the work.

    Returns:
        [len(at), timesteps]; -inf where h_t does not depend on x_s, as for s > t.
    """
    timesteps, states = transitions.shape[:2]
    chosen = NORMS[norm]
    reading = np.eye(states, dtype=transitions.dtype)[hidden]
    if entries is None:
        entries = np.broadcast_to(reading.T, (timesteps, *reading.T.shape))
    reads_all = len(reading) == states  # no norm depends on the order of the states
    if chosen.sums_units:
        reading, reads_all = reading.sum(axis=0, keepdims=True), False
    rows, where = np.unique(at, return_inverse=True)
    every, tick = np.arange(timesteps), advance or (lambda: None)
    # Walk forward from the entries or backward from the rows, whichever carries fewer vectors.
    if timesteps * entries.shape[2] <= len(rows) * len(reading):
        readings = None if reads_all else np.broadcast_to(reading, (timesteps, *reading.shape))
        forward = _Walk(transitions, entries, readings)
        logs = _side_by_side(forward, every, rows, chosen, tick).T
    else:
        # The same walk over the transposes: (A_t ... A_s+1 G_s)' = G_s' A_s+1' ... A_t'.
        back = _Walk(
            np.roll(transitions[::-1], 1, axis=0).swapaxes(1, 2),
            np.broadcast_to(reading.T, (timesteps, *reading.T.shape)),
            entries[::-1].swapaxes(1, 2),
        )
        logs = _side_by_side(back, timesteps - 1 - rows[::-1], every, chosen, tick)[::-1, ::-1]
    return logs[where]


@dataclass(frozen=True)
class _Walk:
    """Products P(t, s) = R_t A_t ... A_s+1 G_s along time.

    Attributes:
        steps: A, [timesteps, states, states].
        starts: G, [timesteps, states, k].
        readings: R, [timesteps, m, states]. If None, the identity: all states are read.
    """

    steps: Array
    starts: Array
    readings: Array | None

    def log10_norms(
        self, starts: NDArray[np.intp], stops: NDArray[np.intp], norm: Norm
    ) -> NDArray[np.float64]:
        """Return log10 |P(stop, start)| as [len(starts), len(stops)].

        Both `starts` and `stops` must ascend.
        """
        states, k = self.starts.shape[1:]
        logs = np.full((len(starts), len(stops)), -np.inf)
        scales = np.zeros(len(starts))
        products = np.zeros((states, len(starts), k), self.steps.dtype)  # 0: not begun
        row_of = dict(zip(stops.tolist(), range(len(stops)), strict=True))
        lag_of_look = _FIRST_LOOK
        for t in range(starts[0], stops[-1] + 1):
            products = (self.steps[t] @ products.reshape(states, -1)).reshape(products.shape)
            if t <= starts[-1]:
                products[:, starts == t] = self.starts[t][:, np.newaxis]
            if t == starts[-1] + lag_of_look:
                products = _without_lost_rank(products)
                lag_of_look *= 2
            if t % _RESCALE_EVERY == 0:
                _rescale(products, scales)
            if t in row_of:
                read = products.reshape(states, -1)
                if self.readings is not None:
                    read = self.readings[t] @ read
                with np.errstate(divide="ignore"):  # log10(0) is meant to be -inf
                    sizes = np.log10(norm.size(read.reshape(-1, *products.shape[1:])))
                logs[:, row_of[t]] = sizes + scales
        return logs


def _without_lost_rank(products: Array) -> Array:
    """Return the products as [states, n, r], without the directions that rounding would lose.

    P and P V have the same norms if V is a rotation. The columns of U S = P V shrink as the
    singular values do, so the last ones can be dropped. r is the largest number of columns that any
    of the products needs. The root of the sum of squares of the dropped singular values is no more
    than rounding error next to the largest one (the threshold of `numpy.linalg.matrix_rank`).
    """
    if not np.isfinite(products).all():
        return products
    left, values, _ = np.linalg.svd(products.swapaxes(0, 1), full_matrices=False)
    left_out = np.sqrt(np.cumsum(values[:, ::-1] ** 2, axis=1))[:, ::-1]
    resolution = np.finfo(values.dtype).eps * max(len(products), products.shape[2])
    is_kept = left_out > resolution * values[:, :1]
    rank = max(1, int(is_kept.sum(axis=1).max()))
    if rank == products.shape[2]:
        return products
    turned: Array = (left * values[:, np.newaxis])[..., :rank]
    return np.ascontiguousarray(turned.swapaxes(0, 1))


def _rescale(products: Array, scales: NDArray[np.float64]) -> None:
    """Divide each product, in place, by its largest entry, whose log10 is added to `scales`."""
    largest = np.abs(products).max(axis=0).max(axis=1)
    usable = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    products /= usable[:, np.newaxis]
    scales += np.log10(usable)


def _side_by_side(
    walk: _Walk,
    starts: NDArray[np.intp],
    stops: NDArray[np.intp],
    norm: Norm,
    tick: Callable[[], None],
) -> NDArray[np.float64]:
    """Return `walk.log10_norms`, computed in blocks of starts that run on all cores."""
    blocks = [starts[first : first + _BLOCK] for first in range(0, len(starts), _BLOCK)]
    ticks = len(walk.steps)
    found = []
    # With several BLAS threads per product, the threads would wait for each other 100,000 times.
    # On a busy machine those waits dominate.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        works = pool.map(lambda block: walk.log10_norms(block, stops, norm), blocks)
        for done, logs in enumerate(works):
            found.append(logs)
            for _ in range(done * ticks // len(blocks), (done + 1) * ticks // len(blocks)):
                tick()
    return np.concatenate(found)


def lyapunov_exponents(transitions: Array, k: int = 8) -> NDArray[np.float64]:
    """Return the k largest Lyapunov exponents of the state along this trajectory.

    An exponent says how fast nearby states part or come together per timestep. Below 0, the network
    forgets the past and gradients vanish. Above 0, it amplifies the past and gradients explode.
    Near 0, it keeps the past. The method carries an orthonormal frame along the trajectory and sums
    the logarithms of its growth (Benettin, Galgani, Giorgilli and Strelcyn 1980; for recurrent
    networks Vogt, Puelma Touzel, Shlizerman and Lajoie 2022, "On Lyapunov exponents for RNNs").

    Args:
        transitions: [timesteps, states, states], A_t = ds_t/ds_t-1.
        k: how many exponents to return, at most `states`.

    Returns:
        [k], natural logarithm per timestep, largest first; -inf for directions that are lost
        entirely; NaN if there are no timesteps.

    Raises:
        ValueError: If `k` is below 1 or above `states`.
    """
    timesteps, states = transitions.shape[:2]
    if not 1 <= k <= states:
        raise ValueError(f"k is {k}; expected 1 to {states}, the size of the state")
    if not timesteps:
        return np.full(k, np.nan)
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(states, k)))[0]
    grown = np.zeros(k)
    with np.errstate(divide="ignore"):
        for transition in transitions:
            frame, factors = np.linalg.qr(transition.astype(np.float64) @ frame)
            grown += np.log(np.abs(np.diag(factors)))
    # On a short trajectory the frame may not yet have turned into the order of the exponents.
    return np.sort(grown)[::-1] / timesteps
