"""How the state at one timestep depends on earlier inputs and states, from per-step Jacobians.

Of a recurrence s_t = f(s_t-1, x_t) with A_t = ds_t/ds_t-1 and G_t = ds_t/dx_t, the dependence of
the state at t on the input at s is A_t A_t-1 ... A_s+1 G_s. Over hundreds of timesteps such
products span hundreds of decades (1e-243 was seen over 1,403), far beyond any floating-point range,
so they are rescaled as they grow and their norms kept as logarithms. Pure NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# A product shrinks or grows by a few decades in so many steps, never by float32's 38. Rescaling is
# also what makes it fast: arithmetic on denormals takes ten times as long.
_RESCALE_EVERY: Final = 4


def _frobenius(products: Array) -> Array:
    """Root of the sum of squares: how much of everything gets through."""
    return np.sqrt(np.einsum("nij,nij->n", products, products))


def _of_the_sum(products: Array) -> Array:
    """Length of the gradient of the units' sum: what one backward pass gives; signs may cancel."""
    summed = products.sum(axis=1)
    return np.sqrt(np.einsum("nj,nj->n", summed, summed))


def _spectral(products: Array) -> Array:
    """Largest singular value: the direction that gets through best. Slow: an SVD an entry."""
    return np.linalg.norm(products, 2, axis=(1, 2))


NORMS: Final[Mapping[str, Callable[[Array], Array]]] = MappingProxyType(
    {"fro": _frobenius, "sum": _of_the_sum, "spectral": _spectral}
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
    size = NORMS[norm]
    rows = np.asarray(at)
    logs = np.full((len(rows), timesteps), -np.inf)
    # Rows in the order in which they begin, so that those under way are the first ones.
    order = np.argsort(-rows, kind="stable")
    products, spare = np.zeros((2, len(rows), len(hidden), states), transitions.dtype)
    scales = np.zeros(len(rows))
    begun = 0
    with np.errstate(divide="ignore"):
        for s in range(timesteps - 1, -1, -1):
            while begun < len(rows) and rows[order[begun]] == s:
                products[begun] = 0
                products[begun, np.arange(len(hidden)), hidden] = 1
                begun += 1
            under_way = products[:begun].reshape(-1, states)  # one large product, not many small
            if begun:
                arrived = under_way[:, hidden] if entries is None else under_way @ entries[s]
                sizes = size(arrived.reshape(begun, len(hidden), -1))
                logs[order[:begun], s] = np.log10(sizes) + scales[:begun]
                np.matmul(under_way, transitions[s], out=spare[:begun].reshape(-1, states))
                products, spare = spare, products
                if s % _RESCALE_EVERY == 0:
                    _rescale(products[:begun], scales[:begun])
            if advance is not None:
                advance()
    return logs


def _rescale(products: Array, scales: NDArray[np.float64]) -> None:
    """Bring each product's largest entry to 1, and note log10 of what it was, in place."""
    largest = np.abs(products).max(axis=(1, 2))
    usable = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    products /= usable[:, np.newaxis, np.newaxis]
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
