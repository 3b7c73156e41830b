"""Every objective's maximiser: by hand, against cvxpy and scipy, its certificate on ties and zeros; fronts and gaps."""

import os
import sys
from typing import Any

import cvxpy as cp
import moocore
import numpy as np
import pytest
import twins
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linprog

from gossipmab.objectives import OBJECTIVES, maximise, maximise_with_bonus, objective, pareto, solver_workspace
from tests.tiny import python, refuses

SIZES = ((4, 4), (1, 3), (3, 1), (2, 6), (7, 3))
EXPONENTS = (-40.0, -3.0, -1.0, 0.0, 0.5, 0.9, 1.0, 2.0)
ALL = [(name, -1.0) for name in OBJECTIVES if name != "p_mean"] + [("p_mean", q) for q in EXPONENTS]


def solved(wanted: Any, U: np.ndarray, b: np.ndarray, bonus: bool) -> tuple[np.ndarray, np.ndarray]:
    """Policies; values, certificates: one after the other, so that warm starts are met."""
    n, N, K = U.shape
    p, found, place = np.zeros((n, K)), np.zeros((n, 2)), solver_workspace(N, K)
    for i in range(n):
        found[i] = maximise_with_bonus(wanted, U[i], b[i], place, p[i]) if bonus else maximise(wanted, U[i], place, p[i])
    return p, found


def instances(rng: np.random.Generator, n: int, N: int, K: int) -> tuple[np.ndarray, np.ndarray]:
    """Utilities in [0, 1], some of them rounded (ties), some 0 or 1; bonuses, some all equal."""
    U, b = rng.random((n, N, K)), 2 * rng.random((n, K))
    U[::3] = np.round(U[::3], 1)
    U[1::7] = U[1::7] > 0.5
    b[::5] = 0.7
    return U, b


@pytest.mark.parametrize("bonus", [False, True])
@pytest.mark.parametrize(("name", "exponent"), ALL)
def test_certificates_are_small_and_no_policy_beats_them(name: str, exponent: float, bonus: bool) -> None:
    rng, wanted = np.random.default_rng(5), objective(name, exponent)
    for N, K in SIZES:
        U, b = instances(rng, 300, N, K)
        p, found = solved(wanted, U, b, bonus)
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
        assert p.min() >= -1e-15
        size = np.maximum(np.abs(found[:, 0]), 1.0)
        assert (found[:, 1] >= 0).all() and (found[:, 1] / size).max() < 1e-8
        U = np.maximum(U, 1e-12) if name in ("nsw", "log_nsw", "p_mean") else U
        for i in range(0, 300, 3):
            place = solver_workspace(N, K)
            own = wanted.value(U[i], p[i], place) + bonus * (b[i] @ p[i])
            assert abs(own - found[i, 0]) < 1e-8 * size[i]
            rivals = [*np.eye(K), *rng.dirichlet(np.full(K, 0.5), 15)]
            rivals += [p[i] + 1e-3 * (rival - p[i]) for rival in rivals]
            best = max(wanted.value(U[i], rival, place) + bonus * (b[i] @ rival) for rival in rivals)
            assert best <= found[i, 0] + found[i, 1] + 1e-12 * size[i], (N, K, i)


def by_cvxpy(name: str, exponent: float, U: np.ndarray, b: np.ndarray) -> float:
    """The optimum, where it is a concave problem."""
    N, K = U.shape
    p = cp.Variable(K, nonneg=True)
    u = U @ p
    power = {"log_nsw": lambda: cp.sum(cp.log(u)), "utilitarian": lambda: cp.sum(u), "maximin": lambda: cp.min(u),
             "equality": lambda: cp.min(u) - cp.max(u)}  # fmt: skip
    if name == "p_mean":
        goal = cp.geo_mean(u) if exponent == 0 else N ** (-1 / exponent) * cp.pnorm(u, exponent)
    else:
        goal = power[name]()
    return float(cp.Problem(cp.Maximize(goal + b @ p), [cp.sum(p) == 1]).solve(solver=cp.CLARABEL))


@pytest.mark.filterwarnings("ignore:geo_mean is being approximated")  # by second-order cones, exactly: error 0
@pytest.mark.parametrize(
    ("name", "exponent"),
    [("log_nsw", 0), ("utilitarian", 0), ("maximin", 0), ("equality", 0), ("p_mean", 0.0), ("p_mean", -1.0), ("p_mean", 0.5)],
)
def test_the_optimum_is_that_of_cvxpy(name: str, exponent: float) -> None:
    rng = np.random.default_rng(6)
    for N, K in ((3, 4), (6, 3), (20, 10)):
        U, b = rng.uniform(0.05, 1, (6, N, K)), rng.random((6, K))
        for bonus in (False, True):
            _p, found = solved(objective(name, exponent), U, b, bonus)
            expected = [by_cvxpy(name, exponent, U[i], b[i] * bonus) for i in range(6)]
            np.testing.assert_allclose(found[:, 0], expected, rtol=2e-6, atol=2e-7)


def flow_program(U: np.ndarray, b: np.ndarray, p: np.ndarray | None = None) -> float:
    """max sum y + b.p over p too, or the score of a given p, by scipy's linear programs."""
    N, K = U.shape
    own = U == U.max(axis=1, keepdims=True)
    arms = np.hstack([-np.eye(K), np.tile(np.eye(K), N)])  # sum_j y_jk <= p_k
    voices = np.hstack([np.zeros((N, K)), np.kron(np.eye(N), np.ones(K))])  # sum_k y_jk <= 1/N
    bounds = [(0, None) if p is None else (x, x) for x in (p if p is not None else range(K))]
    bounds += [(0, None if own[j, k] else 0) for j in range(N) for k in range(K)]
    done = linprog(
        -np.concatenate([b, np.ones(N * K)]), np.vstack([arms, voices]), np.r_[np.zeros(K), np.full(N, 1 / N)],
        [np.r_[np.ones(K), np.zeros(N * K)]], [1.0], bounds,
    )  # fmt: skip
    return float(-done.fun)


def test_the_procedural_score_and_its_maximum_with_a_bonus_are_those_of_a_linear_program() -> None:
    rng, wanted = np.random.default_rng(7), objective("procedural")
    for N, K in ((3, 3), (5, 4), (4, 2)):
        U = np.round(rng.random((25, N, K)), 1)
        U[::2] = rng.integers(0, 2, U[::2].shape)  # many ties
        b = rng.random((25, K)) * 1.5
        _p, found = solved(wanted, U, b, True)
        for i in range(25):
            assert abs(found[i, 0] - flow_program(U[i], b[i])) < 1e-8
            q = rng.dirichlet(np.full(K, 0.5))
            assert abs(wanted.value(U[i], q, solver_workspace(N, K)) - flow_program(U[i], 0 * b[i], q)) < 1e-8


def test_optima_and_ties_by_hand() -> None:
    """The example of Hossain et al.: four agents want the first arm, six the second."""
    U = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 6)
    for name, p in (("nsw", (0.4, 0.6)), ("log_nsw", (0.4, 0.6)), ("utilitarian", (0, 1)), ("maximin", (0.5, 0.5)),
                    ("equality", (0.5, 0.5)), ("procedural", (0.4, 0.6)), ("p_mean", (0.4494897, 0.5505103))):  # fmt: skip
        found = np.zeros(2)
        objective(name).maximise(U, solver_workspace(10, 2), found)
        np.testing.assert_allclose(found, p, atol=1e-7, err_msg=name)  # harmonic: 4 / p^2 = 6 / (1 - p)^2
    U = np.array([[0.3, 0.9, 0.5]])
    for name in OBJECTIVES:  # one agent is always equal: there the tie goes by the sum, to the same arm
        p = np.zeros(3)
        objective(name).maximise(U, solver_workspace(1, 3), p)
        np.testing.assert_allclose(p, [0, 1, 0], atol=1e-12 if name == "equality" else 1e-7, err_msg=name)
    # ties are broken as stated
    p = np.zeros(3)
    objective("utilitarian").maximise(np.array([[1.0, 2, 2], [2, 1, 1]]), solver_workspace(2, 3), p)
    assert p.tolist() == [1, 0, 0]
    U = np.array([[0.5, 0.2, 0.9], [0.5, 0.2, 0.9]])  # every policy is equal; the sum decides
    objective("equality").maximise(U, solver_workspace(2, 3), p)
    np.testing.assert_allclose(p, [0, 0, 1], atol=1e-12)
    U = np.array([[0.0, 0, 0], [0.2, 0.7, 0.1]])  # the first agent gets nothing whatever is done
    objective("maximin").maximise(U, solver_workspace(2, 3), p)
    np.testing.assert_allclose(p, [0, 1, 0], atol=1e-12)
    U = np.array([[1.0, 1, 0], [0, 0, 1]])  # a tie of favourites is shared
    objective("procedural").maximise(U, solver_workspace(2, 3), p)
    assert p.tolist() == [0.25, 0.25, 0.5]
    objective("nsw").maximise(np.array([[0.0, 0, 0], [0.2, 0.7, 0.1]]), solver_workspace(2, 3), p)
    np.testing.assert_allclose(p, [0, 1, 0], atol=1e-9)  # the others decide


def test_power_means_are_what_they_are_called() -> None:
    rng = np.random.default_rng(8)
    U, place = rng.uniform(0.1, 1, (5, 3)), solver_workspace(5, 3)
    p = rng.dirichlet(np.ones(3))
    u = U @ p
    for q, mean in ((1.0, u.mean()), (0.0, u.prod() ** 0.2), (-1.0, 1 / (1 / u).mean()), (2.0, np.sqrt((u**2).mean()))):
        assert abs(objective("p_mean", q).value(U, p, place) - mean) < 1e-14
    assert abs(objective("p_mean", -2000.0).value(U, p, place) - u.min()) < 1e-3 * u.min()
    assert objective("p_mean", -1.0).value(np.array([[0.0], [1.0]]), np.ones(1), solver_workspace(2, 1)) == 0.0
    assert objective("p_mean", 0.5).value(np.array([[0.0], [1.0]]), np.ones(1), solver_workspace(2, 1)) == 0.25


def bits() -> list[str]:
    """What maximisers find, to the bit."""
    U, b = instances(np.random.default_rng(9), 8, 3, 4)
    return [x.tobytes().hex() for name, q in ALL for bonus in (False, True) for x in solved(objective(name, q), U, b, bonus)]


def test_interpreted_and_compiled_are_the_same_bits() -> None:
    code = "from tests.objectives.test_objectives import bits\nprint(*bits())"
    assert python(code, NUMBA_DISABLE_JIT="1", PYTHONPATH=os.pathsep.join(sys.path)).split() == bits()


def test_unknown_objectives_and_exponents_are_told() -> None:
    refuses("^objective: 'nws' is not known; did you mean 'nsw'", objective, "nws")
    refuses("^exponent: got nan", objective, "p_mean", float("nan"))


# Coarse values make ties and duplicates; fine ones make fronts of all sizes.
shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
coarse = arrays(np.float64, shapes, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
fine = arrays(np.float64, shapes, elements=st.floats(-2, 2, width=16))


def uniform(values: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Twice, with rows that are whole vectors and others, and the same bits; what stands behind K does not count."""
    K, found = len(values), []
    order = np.arange(K) if order is None else order
    by_arm = values[np.argsort(order)]
    for more in (-K % 8, 1 + -K % 8):
        columns = np.concatenate([values, np.full((more, values.shape[1]), 9.0)]).T.copy()
        p, own = np.full(K, np.nan), order.copy()
        pareto.uniform_on_front(columns, own, p)
        np.testing.assert_array_equal(columns[:, :K].T, by_arm[own])
        found.append(p)
    assert found[0].tobytes() == found[1].tobytes()
    order[:] = own
    return found[0]


def check_front(values: np.ndarray, order: np.ndarray | None = None) -> None:
    expected = moocore.is_nondominated(values, maximise=True, keep_weakly=True)
    np.testing.assert_array_equal(twins.front(values), expected)
    arranged = values if order is None else values[order]
    p = uniform(arranged, None if order is None else order.copy())
    np.testing.assert_array_equal(p, expected / expected.sum())


@given(st.one_of(coarse, fine), st.randoms(use_true_random=False))
def test_fronts_are_those_of_moocore(values: np.ndarray, random: object) -> None:
    check_front(values)
    order = np.arange(len(values))
    random.shuffle(order)  # type: ignore[attr-defined]
    check_front(values, order)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 6])
def test_large_fronts(objectives: int) -> None:
    generator = np.random.default_rng(objectives)
    for arms in (1, 2, 3, 20, 60):
        check_front(generator.random((arms, objectives)))
        check_front(generator.integers(0, 3, (arms, objectives)).astype(float))
        sphere = np.abs(generator.standard_normal((arms, objectives)))
        check_front(sphere / np.linalg.norm(sphere, axis=1, keepdims=True))  # everything on the front


@pytest.mark.parametrize(("values", "p"), [
    ([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.4], [0.5, 0.5], [0.0, 0.9]], [0.25, 0.25, 0.25, 0, 0.25, 0]),
    ([[1.0, 2.0], [1.0, 1.0], [1.0, 2.0]], [0.5, 0, 0.5]),  # equal vectors do not dominate each other
    ([[0.0, 0.0]] * 4, [0.25] * 4),
    ([[0.3], [0.7], [0.7], [0.1]], [0, 0.5, 0.5, 0]),  # one objective: the maximum
    ([[0.2, 0.1]], [1.0]),
])  # fmt: skip
def test_fronts_by_hand(values: list[list[float]], p: list[float]) -> None:
    np.testing.assert_array_equal(uniform(np.array(values)), p)


def test_the_order_is_kept_as_a_permutation() -> None:
    """The caller's array goes on naming the arms, sorted so that the next search is quick."""
    generator = np.random.default_rng(1)
    order = generator.permutation(12)
    for _ in range(20):
        arms = generator.random((12, 3)).round(1)
        np.testing.assert_array_equal(uniform(arms[order], order) > 0, twins.front(arms))
        np.testing.assert_array_equal(np.sort(order), np.arange(12))
        ranked = arms[order].tolist()
        assert ranked == sorted(ranked, reverse=True)


@given(st.one_of(coarse, fine))
def test_gaps_are_those_of_the_definition(values: np.ndarray) -> None:
    gap = pareto.gaps(values)
    np.testing.assert_array_equal(gap, twins.gaps(values))
    assert (gap[twins.front(values)] == 0).all()
    for k in np.flatnonzero(gap > 0):
        # The least that must be added to every coordinate so that no arm dominates k: a little less does not do.
        for share, dominated in ((1 + 1e-9, False), (1 - 1e-9, True)):
            moved = values[k] + gap[k] * share + (1e-12 if not dominated else -1e-12)
            others = np.delete(values, k, axis=0)
            assert any(twins.dominates(v, moved) for v in others) == dominated


def test_gaps_by_hand() -> None:
    """(0.2,0.3) below (0.5,0.4) by (0.3,0.1) and below (0.3,0.9) by (0.1,0.6): 0.1. Weakly dominated arms have gap 0."""
    values = np.array([[0.5, 0.4], [0.3, 0.9], [0.2, 0.3], [0.5, 0.1], [0.1, 0.1]])
    np.testing.assert_allclose(pareto.gaps(values), [0, 0, 0.1, 0, 0.3], atol=1e-15)
    np.testing.assert_array_equal(pareto.gaps(values[:1]), [0.0])
