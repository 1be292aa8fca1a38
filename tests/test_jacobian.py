"""Products of per-step Jacobians, compared with plain products and with known recurrences."""

import numpy as np
import pytest

from tb_rnngrad import jacobian

RNG = np.random.default_rng(8)
T, N, D = 9, 5, 3
TRANSITIONS = RNG.normal(size=(T, N, N))
ENTRIES = RNG.normal(size=(T, N, D))
HIDDEN = np.array([1, 2, 4])

INDEPENDENT = {
    "fro": lambda product: np.linalg.norm(product),
    "sum": lambda product: np.linalg.norm(np.ones(len(product)) @ product),
    "spectral": lambda product: np.linalg.svd(product)[1][0],
}


def product(t, s):
    """Return A_t ... A_s+1, multiplied step by step from the left."""
    total = np.eye(N)
    for step in range(s + 1, t + 1):
        total = TRANSITIONS[step] @ total
    return total


WIDE_ENTRIES = RNG.normal(size=(T, N, 40))  # so wide that carrying rows back is less work


@pytest.mark.parametrize("norm", jacobian.NORMS)
@pytest.mark.parametrize("at", [range(T), [8], [6, 0, 3, 3]])
@pytest.mark.parametrize("entries", [ENTRIES, WIDE_ENTRIES], ids=["narrow", "wide"])
def test_norms_are_those_of_the_products(norm, at, entries):
    by_input = jacobian.log10_norms(TRANSITIONS, entries, HIDDEN, list(at), norm)
    by_state = jacobian.log10_norms(TRANSITIONS, None, HIDDEN, list(at), norm)
    for row, t in enumerate(at):
        for s in range(T):
            if s > t:
                assert by_input[row, s] == by_state[row, s] == -np.inf
                continue
            whole = product(t, s)[HIDDEN]
            size = INDEPENDENT[norm]
            assert by_input[row, s] == pytest.approx(np.log10(size(whole @ entries[s])))
            assert by_state[row, s] == pytest.approx(np.log10(size(whole[:, HIDDEN])))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("rows", [1, 1403], ids=["backward", "forward"])
def test_hundreds_of_decades_are_kept(dtype, a, rows):
    timesteps = 1403
    transitions = np.full((timesteps, 1, 1), a, dtype)
    at = list(range(timesteps))[-rows:]
    found = jacobian.log10_norms(transitions, None, np.array([0]), at)[-1]
    lags = np.arange(timesteps)[::-1]
    np.testing.assert_allclose(found, lags * np.log10(a), rtol=1e-6, atol=1e-6)


def test_entries_without_any_dependence_are_minus_infinity():
    transitions = TRANSITIONS.copy()
    transitions[4] = 0
    found = jacobian.log10_norms(transitions, None, HIDDEN, [T - 1])[0]
    assert (found[:4] == -np.inf).all()
    assert np.isfinite(found[4:]).all()


def trajectory(kind, timesteps=96, units=40):
    """Return per-step Jacobians through which fewer and fewer directions get, or all of them."""
    turn = np.linalg.qr(RNG.normal(size=(units, units)))[0]
    least = {"narrowing": 0.2, "orthogonal": 1.0}[kind]
    return RNG.uniform(least, 1, (timesteps, units, 1)) * turn


@pytest.mark.parametrize("kind", ["narrowing", "orthogonal"])
@pytest.mark.parametrize("wrt", ["input", "state"])
@pytest.mark.parametrize("rows", [1, 96], ids=["backward", "forward"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)], ids=["float64", "float32"]
)
def test_dropping_lost_rank_keeps_the_norms(kind, wrt, rows, dtype, tolerance):
    transitions = trajectory(kind)
    timesteps, units = transitions.shape[:2]
    entries = RNG.normal(size=(timesteps, units, 30))
    found = jacobian.log10_norms(
        transitions.astype(dtype),
        entries.astype(dtype) if wrt == "input" else None,
        np.arange(units),
        list(range(timesteps))[-rows:],
    )[-1]
    carried, expected = np.eye(units), np.empty(timesteps)
    for s in reversed(range(timesteps)):
        arrived = carried @ entries[s] if wrt == "input" else carried
        expected[s] = np.log10(np.linalg.norm(arrived))
        carried = carried @ transitions[s]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_rank_is_lost_only_if_directions_decay_at_different_rates():
    """Otherwise the test above would prove nothing."""
    for kind, fewest, most in (("narrowing", 1, 25), ("orthogonal", 40, 40)):
        product = np.linalg.multi_dot(trajectory(kind)[:64]).astype(np.float32)
        kept = jacobian._without_lost_rank(product[:, np.newaxis])
        assert fewest <= kept.shape[2] <= most
        np.testing.assert_allclose(
            np.linalg.norm(kept[:, 0], axis=0)[:3],
            np.linalg.svd(product)[1][:3],
            rtol=1e-5,
        )


@pytest.mark.parametrize("norm", jacobian.NORMS)
def test_a_nan_shows_in_every_entry_that_depends_on_it(norm):
    transitions = trajectory("orthogonal", 40, 4)
    transitions[10, 2, 2] = np.nan
    found = jacobian.log10_norms(transitions, None, np.arange(4), [39], norm)[0]
    assert np.isnan(found[:10]).all()
    assert np.isfinite(found[10:]).all()


def test_progress_is_reported_for_every_timestep():
    told = []
    jacobian.log10_norms(TRANSITIONS, ENTRIES, HIDDEN, [2], advance=lambda: told.append(1))
    assert len(told) == T


def test_exponents_of_a_constant_recurrence_are_its_eigenvalues_logarithms():
    rotation = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    transition = rotation @ np.diag([1.5, 0.9, 0.5, 0.1]) @ rotation.T
    found = jacobian.lyapunov_exponents(np.tile(transition, (400, 1, 1)), k=3)
    np.testing.assert_allclose(found, np.log([1.5, 0.9, 0.5]), atol=0.01)


def test_all_exponents_add_up_to_the_growth_of_volume():
    found = jacobian.lyapunov_exponents(TRANSITIONS, k=N)
    volume = np.mean([np.linalg.slogdet(a)[1] for a in TRANSITIONS])
    assert found.sum() == pytest.approx(volume)


def test_a_lost_direction_has_the_exponent_minus_infinity():
    assert jacobian.lyapunov_exponents(np.zeros((3, 2, 2)), k=1) == -np.inf


@pytest.mark.parametrize("k", [0, 6])
def test_a_number_of_exponents_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=f"k is {k}; expected 1 to 5, the size of the state"):
        jacobian.lyapunov_exponents(TRANSITIONS, k=k)
