"""Welfare functions and their maximisers: closed forms, other solvers, grids, traps, bits, memory."""

import math
import os
import sys
from itertools import count

import numpy as np
import pytest
from numba import njit

from gossipmab.objectives import solvers
from gossipmab.objectives.log_nash import log_welfare
from gossipmab.objectives.nash import NashWelfare
from gossipmab.objectives.solvers import (
    climb_with_bonus,
    maximise_concave,
    maximise_with_bonus,
    nash_optimum,
    warm_size,
    welfare_workspace,
)
from gossipmab.objectives.solvers.bonus_local import project
from gossipmab.utils.jit import Entry, plain
from tests.tiny import python, refusal, slow

SIZES = [(3, 5), (10, 5), (20, 10), (50, 20)]


def value_at(G, b, scale, p):
    return math.exp(scale * np.log(np.clip(G, 1e-12, 1.0) @ p).sum()) + b @ p


def solve(G, b, scale=1.0, warm=None):
    N, K = G.shape
    p = np.zeros(K)
    row = np.zeros(warm_size(N, K)) if warm is None else warm
    value, certificate = maximise_with_bonus(G, b, scale, row, welfare_workspace(N, K), p)
    assert abs(p.sum() - 1.0) < 1e-12 and p.min() >= 0.0 and value == pytest.approx(value_at(G, b, scale, p), rel=1e-9)
    return value, certificate, p


def balanced(N, K, rng):
    """Product and bonus of the same size."""
    low = math.exp(-4.0 / N) if N > 4 else 0.1
    G = low + (1.0 - low) * rng.random((N, K))
    return G, math.exp(np.log(G.mean(axis=1)).sum() + rng.uniform(-1.0, 1.0)) * rng.random(K)


TRAPS = ["ties", "equal arms", "tiny row", "zero columns", "negative", "huge", "tiny", "zero-one", "equal rows"]


def trap(name, N, K, rng):
    G, b = balanced(N, K, rng)
    match name:
        case "ties":
            b[rng.random(K) < 0.6] = b.max()
        case "equal arms":
            G[:, K // 2 :] = G[:, : K - K // 2]
        case "tiny row":
            G[0] *= 10.0 ** -rng.uniform(4, 14)
        case "zero columns":
            G[:, rng.random(K) < 0.4] = 0.0
        case "negative":
            G = np.where(rng.random(G.shape) < 0.2, -G, G)
        case "huge":
            b *= 10.0 ** rng.uniform(2, 8)
        case "tiny":
            b *= 10.0 ** -rng.uniform(2, 12)
        case "zero-one":
            G = (rng.random(G.shape) < 0.7).astype(float)
            b = rng.choice([0.5, 1.0], K)
        case "equal rows":
            G[: N // 2] = G[N // 2 : 2 * (N // 2)]
            b[: K // 2] = 0.0
    return np.ascontiguousarray(G), b


@njit(error_model="numpy")
def search(G, b, scale, starts, work, p):
    """The best of climbs from the rows of `starts`, each repeated until it stands still."""
    best = 0.0
    for start in starts:
        p[:] = start
        value = 0.0
        for _ in range(60):
            higher = climb_with_bonus(G, b, scale, p, work)
            if higher <= value * (1.0 + 1e-11):
                break
            value = higher
        best = max(best, value)
    return best


def searched(G, b, scale, starts, rng):
    N, K = G.shape
    return search(G, b, scale, rng.dirichlet(np.full(K, 0.5), starts), welfare_workspace(N, K), np.zeros(K))


@pytest.mark.parametrize(("U", "p", "product", "logarithm"), [
    ([[0.5, 1.0], [0.2, 0.4]], [0.5, 0.5], 0.75 * 0.3, math.log(0.75 * 0.3)),
    ([[0.3] * 3] * 2000, [1 / 3] * 3, 0.0, 2000 * math.log(0.3)),  # it does not underflow in logarithms
    ([[0.0, 1.0], [0.5, 0.5]], [1.0, 0.0], 0.0, -math.inf),  # an agent with nothing
])  # fmt: skip
def test_welfare_by_hand(U, p, product, logarithm):
    U, p = np.array(U), np.array(p)
    assert solvers.nash_welfare(p, U) == pytest.approx(product, rel=1e-6, abs=0.0)
    assert log_welfare(U, p, 0.0) == pytest.approx(logarithm)
    assert NashWelfare(geometric=True).value(U, p, None) == pytest.approx(math.exp(logarithm / len(U)), rel=1e-6, abs=0.0)


@pytest.mark.parametrize(("U", "p", "welfare"), [
    ([[0.3, 0.8]], [0.0, 1.0], 0.8),
    ([[0.3, 0.8, 0.5]] * 7, [0.0, 1.0, 0.0], 0.8**7),  # identical agents
    (np.eye(5), [0.2] * 5, 0.2**5),  # each loves an arm of its own
    ([[1, 0], [1, 0], [1, 0], [0, 1]], [0.75, 0.25], 0.75**3 * 0.25),  # p0^3 p1
])  # fmt: skip
def test_p_star_by_hand(U, p, welfare):
    got = solvers.maximise_nash_welfare(U)
    assert got.p == pytest.approx(p, rel=1e-6, abs=1e-9)
    assert (got.welfare, got.log_welfare) == pytest.approx((welfare, math.log(welfare)))


@pytest.mark.parametrize("U", [[[0.0, 0.0], [1.0, 2.0]], [[0.0]]])
def test_a_row_of_zeros_gives_uniform_p_and_zero(U):
    got = solvers.maximise_nash_welfare(U)
    assert got.p == pytest.approx(np.full(len(U[0]), 1 / len(U[0]))) and (got.welfare, got.certificate) == (0.0, 0.0)


def test_bad_utilities_are_refused_in_one_line():
    for U in ([1.0, 2.0], [[-0.1, 0.2]], [[math.nan, 1.0]], [[math.inf, 1.0]], np.zeros((0, 3))):
        assert "utilities" in refusal(solvers.maximise_nash_welfare, U)


@pytest.mark.parametrize(("N", "K"), [(1, 1), (1, 4), (4, 1), (3, 12), (200, 4), *SIZES])
def test_concave_certificates_on_random_instances(N, K):
    rng = np.random.default_rng([1, N, K])
    work, p = welfare_workspace(N, K), np.zeros(K)
    for m in range(60):
        U = rng.random((N, K))
        U[U < 0.3 * (m % 3)] = 0.0
        U[:, 0] += 1e-3
        c = np.zeros(K) if m % 2 else rng.random(K) * 5.0
        value, certificate = maximise_concave(U, c, work, p)
        assert 0.0 <= certificate <= 1e-9 and value == pytest.approx(log_welfare(U, p, 0.0) + c @ p, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_global_by_grid_over_two_arms(scale):
    rng, q = np.random.default_rng(3), np.linspace(0.0, 1.0, 20_001)
    grid = np.stack([q, 1.0 - q])
    for m in range(200):
        G, b = trap(TRAPS[m % 9], 2, 2, rng) if m % 2 else balanced(2, 2, rng)
        values = np.exp(scale * np.log(np.clip(G, 1e-12, 1.0) @ grid).sum(axis=0)) + b @ grid
        value, certificate, _ = solve(G, b, scale)
        assert certificate <= 1e-8 and values.max() <= value * (1.0 + certificate + 1e-12)


def test_without_bonus_it_is_p_star():
    U = np.random.default_rng(5).random((6, 4))
    value, certificate, p = solve(U, np.zeros(4))
    best = solvers.maximise_nash_welfare(U)
    assert certificate <= 1e-8 and value == pytest.approx(best.welfare, rel=1e-9) and p == pytest.approx(best.p, abs=1e-4)


APART = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]  # the product is best shared, the bonus best on arm 2: its size decides


@pytest.mark.parametrize(("G", "b", "p", "value", "near"), [
    ([[0.5] * 4] * 3, [0.0, 9.0, 1e6, 3.0], [0.0, 0.0, 1.0, 0.0], 1e6 + 0.125, 1e-12),  # the bonus is everything
    ([[0.5], [0.25]], [0.1], [1.0], 0.225, 0.0),  # one arm
    ([[-1.0, 0.5], [-1.0, 0.5]], [0.0, 0.0], [0.0, 1.0], 0.25, 1e-9),  # (-1)(-1) = 1 unless G is clipped
    (APART, [0.0, 0.0, 0.24], [0.5, 0.5, 0.0], 0.25, 1e-6), (APART, [0.0, 0.0, 0.26], [0.0, 0.0, 1.0], 0.26, 1e-6),
])  # fmt: skip
def test_product_plus_bonus_by_hand(G, b, p, value, near):
    found, certificate, q = solve(np.array(G), np.array(b))
    assert q == pytest.approx(p, rel=0.0, abs=near) and found == pytest.approx(value) and certificate <= 1e-8


@pytest.mark.slow
def test_geometric_welfare_of_many_agents():
    rng = np.random.default_rng(6)
    G, b = rng.random((200, 5)), rng.random(5) * 0.1
    value, certificate, _ = solve(G, b, 1.0 / 200)
    assert certificate <= 1e-8 and searched(G, b, 1.0 / 200, 5, rng) <= value * (1.0 + 1e-7)


def test_product_of_many_agents_beside_a_bonus_of_its_size():
    rng = np.random.default_rng(7)
    for _ in range(5):
        G = rng.random((200, 5))
        b = math.exp(np.log(G.mean(axis=1)).sum()) * rng.random(5)
        assert 0.0 < b.max() < 1e-50 and solve(G, b)[1] <= 1e-8


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize(("N", "K"), [(1, 3), (2, 2), (3, 5), (3, 20), (20, 10)])
def test_traps(name, N, K):
    rng, warm = np.random.default_rng([8, N, K, TRAPS.index(name)]), np.zeros(warm_size(N, K))
    for m in range(25):
        G, b = trap(name, N, K, rng)
        cold, certificate, _ = solve(G, b)
        value, other, _ = solve(G, b, warm=warm)
        assert max(certificate, other) <= 1e-8 and value == pytest.approx(cold, rel=1e-8)
        if m % 5 == 0:
            assert searched(G, b, 1.0, 20, rng) <= cold * (1.0 + 1e-7)


@pytest.mark.parametrize(("instances", "starts", "seed"), [(60, 30, 9), slow(800, 200, 10)])
@pytest.mark.parametrize(("N", "K"), SIZES)
def test_no_search_beats_it(N, K, instances, starts, seed):
    rng, warm = np.random.default_rng([seed, N, K]), np.zeros(warm_size(N, K))
    for m in range(instances):
        G, b = trap(TRAPS[m % 9], N, K, rng) if m % 3 == 0 else balanced(N, K, rng)
        value, certificate, _ = solve(G, b)
        assert certificate <= 1e-8 and solve(G, b, warm=warm)[1] <= 1e-8
        assert searched(G, b, 1.0, starts, rng) <= value * (1.0 + 1e-7)


def test_the_certificate_holds_whatever_the_warm_row_says_and_the_input_is_left_alone() -> None:
    rng = np.random.default_rng(11)
    G, b = balanced(4, 5, rng)
    true, certificate, _ = solve(G, b)
    assert certificate <= 1e-8
    size = warm_size(4, 5)
    rows = [np.full(size, wrong) for wrong in (math.nan, -1.0, 1e308, math.inf, 1e-308)]
    for row in [*rows, *rng.standard_normal((40, size)), *rng.random((40, size)), *10.0 ** rng.uniform(-300, 300, (40, size))]:
        value, certificate, _ = solve(G, b, warm=row.copy())
        assert certificate <= 1e-8 and value == pytest.approx(true, rel=1e-8)
    # same input same bits and the input is left alone
    rng = np.random.default_rng(12)
    G, b = trap("negative", 6, 4, rng)
    before = G.copy(), b.copy()
    warm = rng.random(warm_size(6, 4))
    first, second = (solve(G, b, warm=warm.copy()) for _ in range(2))
    assert first[0] == second[0] and first[1] == second[1] and (first[2] == second[2]).all()
    assert (G == before[0]).all() and (b == before[1]).all()


def test_projection_and_the_local_climb_from_nowhere() -> None:
    rng = np.random.default_rng(13)
    for _ in range(200):
        v = rng.standard_normal((1, 6)) * 10.0 ** rng.integers(-3, 4)
        ordered = np.sort(v[0])[::-1]
        shifts = (np.cumsum(ordered) - 1.0) / np.arange(1, 7)
        expected = np.maximum(v[0] - shifts[np.flatnonzero(ordered > shifts)[-1]], 0.0)
        project(v, 0, 6)
        assert v[0] == pytest.approx(expected, abs=1e-12 * max(1.0, abs(ordered[0])))
    # the local climb starts from uniform where p is zero
    G, b = balanced(3, 4, np.random.default_rng(15))
    p, q = np.zeros(4), np.full(4, 0.25)
    work = welfare_workspace(3, 4)
    assert climb_with_bonus(G, b, 1.0, p, work) == climb_with_bonus(G, b, 1.0, q, work) and (p == q).all()


@pytest.mark.parametrize(("N", "K"), [(1, 1), (2, 2), (3, 5), (20, 10)])
def test_the_local_climb_never_falls_and_stays_below_the_global_value(N, K):
    rng, work = np.random.default_rng([14, N, K]), welfare_workspace(N, K)
    for m in range(90):
        G, b = trap(TRAPS[m % 9], N, K, rng)
        p = rng.dirichlet(np.ones(K))
        last = value_at(G, b, 1.0, p)
        for _ in range(5):
            value = climb_with_bonus(G, b, 1.0, p, work)
            assert p.min() >= 0.0 and abs(p.sum() - 1.0) < 1e-12
            assert value == pytest.approx(value_at(G, b, 1.0, p), rel=1e-10) and value >= last * (1.0 - 1e-13)
            last = value
        best, certificate, _ = solve(G, b)
        assert last <= best * (1.0 + certificate + 1e-12)


def bits() -> list[str]:
    """What all three maximisers find on traps and balanced instances, from cold and from warm, to the bit."""
    rng, out = np.random.default_rng(16), []
    for N, K in [(1, 3), (4, 4), (3, 6), (12, 5)]:
        work, p, warm, local = welfare_workspace(N, K), np.zeros(K), np.zeros(warm_size(N, K)), np.zeros(K)
        for m in range(24):
            G, b = trap(TRAPS[m % 9], N, K, rng) if m % 2 else balanced(N, K, rng)
            for _ in range(2):
                out += [*maximise_with_bonus(G, b, 1.0, warm, work, p), *p]
            out += [climb_with_bonus(G, b, 1.0, local, work), *maximise_concave(np.abs(G), b, work, p)]
    return [float(x).hex() for x in out]


def test_interpreted_and_compiled_give_equal_bits():
    code = "from tests.objectives.test_solvers import bits\nprint(*bits())"
    assert python(code, NUMBA_DISABLE_JIT="1", PYTHONPATH=os.pathsep.join(sys.path)).split() == bits()


def called_by(function):
    """What a function and all functions of Python that it calls find by their names."""
    used = [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    return used + [one for each in used if hasattr(each, "__code__") for one in called_by(each)]


def test_the_first_small_problems_are_left_to_python_with_the_bits_of_compiled_code(monkeypatch):
    """And to compiled code if Python refuses an operation that IEEE arithmetic allows."""
    names = called_by(plain(maximise_concave))
    assert len(names) > 20 and not any(isinstance(one, Entry) for one in names)
    rng = np.random.default_rng(18)
    problems = [rng.random((1 + m % 7, 1 + m % 5)) for m in range(40)]
    problems += [10.0 ** rng.uniform(-320, 70, (4, 3)) for _ in range(10)] + [np.round(U) for U in problems] + [np.zeros((2, 3))]
    found = {}
    for first in (0, len(problems)):
        monkeypatch.setattr(nash_optimum, "_small_ones", count())
        monkeypatch.setattr(nash_optimum, "FIRST", first)
        found[first] = [np.hstack(solvers.maximise_nash_welfare(U)).tobytes() for U in problems]
    assert found[0] == found[len(problems)]

    tried = []

    def refused(*arguments):
        tried.append(arguments)
        raise ZeroDivisionError

    monkeypatch.setattr(nash_optimum, "plain", lambda function: refused)
    solvers.maximise_nash_welfare(problems[0])  # one more than the first
    monkeypatch.setattr(nash_optimum, "_small_ones", count())
    solvers.maximise_nash_welfare(rng.random((20, 11)))  # no small one
    assert not tried
    assert solvers.maximise_nash_welfare(np.eye(5)).p == pytest.approx([0.2] * 5)
    assert len(tried) == 1


@njit(error_model="numpy")
def many_calls(G, b, warm, work, p, local):
    for m in range(G.shape[0]):
        maximise_with_bonus(G[m], b[m], 1.0, warm, work, p)
        climb_with_bonus(G[m], b[m], 1.0, local, work)
        maximise_concave(G[m], b[m], work, p)


def test_nothing_is_allocated_when_warm():
    from numba.core.runtime import _nrt_python, rtsys

    rng = np.random.default_rng(17)
    instances = [trap(TRAPS[m % 9], 4, 5, rng) for m in range(90)]
    G, b = np.array([np.abs(G) for G, _ in instances]), np.array([b for _, b in instances])
    arrays = np.zeros(warm_size(4, 5)), welfare_workspace(4, 5), np.zeros(5), np.zeros(5)
    many_calls(G, b, *arrays)
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        many_calls(G, b, *arrays)
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc <= 8  # nothing grows with the 270 calls; passing arrays from Python may cost one
