"""How the state at one timestep depends on earlier inputs and states, from per-step Jacobians.

Of a recurrence s_t = f(s_t-1, x_t) with A_t = ds_t/ds_t-1 and G_t = ds_t/dx_t, the dependence of
the state at t on the input at s is A_t A_t-1 ... A_s+1 G_s. Over hundreds of timesteps such
products span hundreds of decades (1e-243 was seen over 1,403), far beyond any floating-point range,
so they are rescaled as they grow and their norms kept as logarithms. Pure NumPy.

Such a product also loses its rank: of its singular values, each decays at a pace of its own (the
Lyapunov exponents), so that all but a few soon lie below what the dtype resolves beside the largest
one. Those are let go of, as rounding would; the few vectors left are what is carried on.
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

# A product shrinks or grows by a few decades in so many steps, never by float32's 38. Rescaling is
# also what makes it fast: arithmetic on denormals takes ten times as long.
_RESCALE_EVERY: Final = 4

# Products that are carried together, for one large matrix product a timestep.
_BLOCK: Final = 32

# Timesteps after which a product's rank is looked at first; then whenever they have doubled.
_FIRST_LOOK: Final = 16


def _frobenius(products: Array) -> Array:
    """Root of the sum of squares."""
    return np.sqrt(np.einsum("inj,inj->n", products, products))


def _spectral(products: Array) -> Array:
    """Largest singular value; NaN where not all is finite."""
    stacked = products.swapaxes(0, 1)
    finite = np.isfinite(stacked).all(axis=(1, 2))
    sizes = np.full(len(stacked), np.nan, products.dtype)
    sizes[finite] = np.linalg.norm(stacked[finite], 2, axis=(1, 2))
    return sizes


@dataclass(frozen=True)
class Norm:
    """A norm of dh_t/dx_s.

    Attributes:
        size: of [units, n, features], or [features, n, units], the n norms.
        sums_units: whether the units are summed up first.
    """

    size: Callable[[Array], Array]
    sums_units: bool = False


NORMS: Final[Mapping[str, Norm]] = MappingProxyType(
    {
        # How much of everything gets through.
        "fro": Norm(_frobenius),
        # The length of the gradient of the units' sum: what one backward pass gives; signs cancel.
        "sum": Norm(_frobenius, sums_units=True),
        # The direction that gets through best. Slow: an SVD an entry.
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

    As exact as products in the dtype of `transitions` are: of float32, about 1e-5 of the norm.

    Args:
        transitions: [timesteps, states, states], A_t = ds_t/ds_t-1.
        entries: [timesteps, states, features], G_t = ds_t/dx_t; None: by the hidden state at s,
            every other state at s held fixed.
        hidden: which of the states are the hidden state h.
        at: the timesteps t, one a row of the answer.
        norm: a key of `NORMS`.
        advance: called as often as there are timesteps, whenever so much of the work is done.

    Returns:
        [len(at), timesteps]; -inf where nothing depends on anything, as for s > t.
    """
    timesteps, states = transitions.shape[:2]
    chosen = NORMS[norm]
    reading = np.eye(states, dtype=transitions.dtype)[hidden]
    if entries is None:
        entries = np.broadcast_to(reading.T, (timesteps, *reading.T.shape))
    reads_all = len(reading) == states  # and no norm minds in which order
    if chosen.sums_units:
        reading, reads_all = reading.sum(axis=0, keepdims=True), False
    rows, where = np.unique(at, return_inverse=True)
    every, tick = np.arange(timesteps), advance or (lambda: None)
    # From the entries forward, or from the rows back in time: whichever carries fewer vectors.
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
        readings: R, [timesteps, m, states]; None: all states as they are.
    """

    steps: Array
    starts: Array
    readings: Array | None

    def log10_norms(
        self, starts: NDArray[np.intp], stops: NDArray[np.intp], norm: Norm
    ) -> NDArray[np.float64]:
        """Return [len(starts), len(stops)], log10 of |P(stop, start)|; both ascend."""
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
                with np.errstate(divide="ignore"):  # of 0 it is -inf, as meant
                    sizes = np.log10(norm.size(read.reshape(-1, *products.shape[1:])))
                logs[:, row_of[t]] = sizes + scales
        return logs


def _without_lost_rank(products: Array) -> Array:
    """Return [states, n, r], each product turned so that what rounding would lose can be left out.

    P and P V have the same norms where V is a rotation; of U S = P V the columns fall off as the
    singular values do. The r kept are the most that any of the products needs; what is left out,
    root of the sum of squares, cannot be told from rounding beside the largest singular value (the
    threshold of `numpy.linalg.matrix_rank`).
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
    """Bring each product's largest entry to 1, and note log10 of what it was, in place."""
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
    """Return what the walk does, from blocks of starts, one a processor."""
    blocks = [starts[first : first + _BLOCK] for first in range(0, len(starts), _BLOCK)]
    ticks = len(walk.steps)
    found = []
    # Threads inside one product would wait for each other 100,000 times, and on a busy machine the
    # one that waits is the one that computes.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        works = pool.map(lambda block: walk.log10_norms(block, stops, norm), blocks)
        for done, logs in enumerate(works):
            found.append(logs)
            for _ in range(done * ticks // len(blocks), (done + 1) * ticks // len(blocks)):
                tick()
    return np.concatenate(found)


def lyapunov_exponents(transitions: Array, k: int = 8) -> NDArray[np.float64]:
    """Return the k largest Lyapunov exponents of the state along this trajectory.

    How fast do nearby states part, or come together, per timestep: below 0 the past is forgotten
    (and gradients vanish), above 0 it is amplified (and they explode), near 0 it is kept. By
    orthonormalising a frame as it is carried along and summing the logarithms of what it grew by
    (Benettin, Galgani, Giorgilli and Strelcyn 1980; for recurrent networks Vogt, Puelma Touzel,
    Shlizerman and Lajoie 2022, "On Lyapunov exponents for RNNs").

    Args:
        transitions: [timesteps, states, states], A_t = ds_t/ds_t-1.
        k: how many, at most `states`.

    Returns:
        [k], natural logarithm per timestep, the largest first; -inf for directions that are lost
        altogether; NaN where there are no timesteps.

    Raises:
        ValueError: `k` is out of its range.
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
    # A short trajectory may not have turned the frame to its directions' own order yet.
    return np.sort(grown)[::-1] / timesteps
