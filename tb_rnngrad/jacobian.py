"""How the state at one timestep depends on earlier inputs and states, from per-step Jacobians.

Of a recurrence s_t = f(s_t-1, x_t) with A_t = ds_t/ds_t-1 and G_t = ds_t/dx_t, the dependence of
the state at t on the input at s is A_t A_t-1 ... A_s+1 G_s. Over hundreds of timesteps such
products span hundreds of decades (1e-243 was seen over 1,403), far beyond any floating-point range,
so they are rescaled as they grow and their norms kept as logarithms. Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# A product shrinks or grows by a few decades in so many steps, never by float32's 38. Rescaling is
# also what makes it fast: arithmetic on denormals takes ten times as long.
_RESCALE_EVERY: Final = 4


def _frobenius(products: Array) -> Array:
    """Root of the sum of squares."""
    return np.sqrt(np.einsum("nij,nij->n", products, products))


def _spectral(products: Array) -> Array:
    """Largest singular value."""
    return np.linalg.norm(products, 2, axis=(1, 2))


@dataclass(frozen=True)
class Norm:
    """A norm of dh_t/dx_s.

    Attributes:
        size: of [n, units, features], the n norms.
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

    Args:
        transitions: [timesteps, states, states], A_t = ds_t/ds_t-1.
        entries: [timesteps, states, features], G_t = ds_t/dx_t; None: by the hidden state at s,
            every other state at s held fixed.
        hidden: which of the states are the hidden state h.
        at: the timesteps t, one a row of the answer.
        norm: a key of `NORMS`.
        advance: called after every timestep.

    Returns:
        [len(at), timesteps]; -inf where nothing depends on anything, as for s > t.
    """
    timesteps, states = transitions.shape[:2]
    chosen = NORMS[norm]
    if entries is None:
        reading = np.eye(states, dtype=transitions.dtype)[:, hidden]
        entries = np.broadcast_to(reading, (timesteps, *reading.shape))
    # From the rows back in time, or from the entries forward: whichever multiplies less.
    units = 1 if chosen.sums_units else len(hidden)
    backward = len(at) / timesteps * units * (states + entries.shape[2])
    along = _backward if backward < states * entries.shape[2] else _forward
    with np.errstate(divide="ignore"):
        return along(
            transitions, entries, hidden, np.asarray(at), chosen, advance or (lambda: None)
        )


def _backward(
    transitions: Array,
    entries: Array,
    hidden: NDArray[np.intp],
    rows: NDArray[np.intp],
    norm: Norm,
    tell: Callable[[], None],
) -> NDArray[np.float64]:
    """Carry A_t ... A_s+1, read off at h, of every row t from timestep to timestep, last first."""
    timesteps, states = transitions.shape[:2]
    reading = np.eye(states, dtype=transitions.dtype)[hidden]
    if norm.sums_units:
        reading = reading.sum(axis=0, keepdims=True)
    logs = np.full((len(rows), timesteps), -np.inf)
    # Rows in the order in which they begin, so that those under way are the first ones.
    order = np.argsort(-rows, kind="stable")
    products, spare = np.empty((2, len(rows), *reading.shape), transitions.dtype)
    scales = np.zeros(len(rows))
    begun = 0
    for s in range(timesteps - 1, -1, -1):
        while begun < len(rows) and rows[order[begun]] == s:
            products[begun] = reading
            begun += 1
        if begun:
            under_way = products[:begun].reshape(-1, states)  # one large product, not many small
            arrived = (under_way @ entries[s]).reshape(begun, len(reading), -1)
            logs[order[:begun], s] = np.log10(norm.size(arrived)) + scales[:begun]
            np.matmul(under_way, transitions[s], out=spare[:begun].reshape(-1, states))
            products, spare = spare, products
            if s % _RESCALE_EVERY == 0:
                _rescale(products[:begun], scales[:begun], (1, 2))
        tell()
    return logs


def _forward(
    transitions: Array,
    entries: Array,
    hidden: NDArray[np.intp],
    rows: NDArray[np.intp],
    norm: Norm,
    tell: Callable[[], None],
) -> NDArray[np.float64]:
    """Carry A_t ... A_s+1 G_s of every s so far from timestep to timestep, first one first."""
    timesteps, states, features = entries.shape
    logs = np.full((len(rows), timesteps), -np.inf)
    products, spare = np.empty((2, states, timesteps, features), transitions.dtype)
    scales = np.zeros(timesteps)
    for t in range(timesteps):
        under_way = products[:, :t].reshape(states, -1)
        np.matmul(transitions[t], under_way, out=spare[:, :t].reshape(states, -1))
        products, spare = spare, products
        products[:, t] = entries[t]
        if t % _RESCALE_EVERY == 0:
            _rescale(products[:, : t + 1], scales[: t + 1], (0, 2))
        if t in rows:
            arrived = products[hidden, : t + 1].swapaxes(0, 1)
            if norm.sums_units:
                arrived = arrived.sum(axis=1, keepdims=True)
            logs[rows == t, : t + 1] = np.log10(norm.size(arrived)) + scales[: t + 1]
        tell()
    return logs


def _rescale(products: Array, scales: NDArray[np.float64], axes: tuple[int, int]) -> None:
    """Bring each product's largest entry to 1, and note log10 of what it was, in place."""
    largest = np.maximum(products.max(axis=axes), -products.min(axis=axes))
    usable = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    products /= np.expand_dims(usable, axes)
    scales += np.log10(usable)


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
        [k], natural logarithm per timestep, descending as far as the trajectory is long enough to
        tell; -inf for directions that are lost altogether.

    Raises:
        ValueError: `k` is out of its range.
    """
    timesteps, states = transitions.shape[:2]
    if not 1 <= k <= states:
        raise ValueError(f"k is {k}; expected 1 to {states}, the size of the state")
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(states, k)))[0]
    grown = np.zeros(k)
    with np.errstate(divide="ignore"):
        for transition in transitions:
            frame, factors = np.linalg.qr(transition.astype(np.float64) @ frame)
            grown += np.log(np.abs(np.diag(factors)))
    return grown / timesteps
