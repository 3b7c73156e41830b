"""Equity of outcomes and measures of a policy: by hand, by properties that hold, counterexamples, linear programs."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import linprog

import gossipmab as gm
from gossipmab.metrics import policy as policies
from gossipmab.metrics.equity import ROUNDING, Equity, distance_to_uniform, equity, excess, magnitude, mre, selection
from gossipmab.objectives.best_policy import best_policy
from tests.tiny import refuses, world

amounts = st.floats(0, 1e6, allow_subnormal=False)
outcomes = st.lists(amounts, min_size=1, max_size=12)
bands = st.floats(0, 2)


def test_the_definitions_by_hand() -> None:
    """x = (2, 4, 6, 12), mean 6, tau = 1/4: band 4.5 to 7.5, so e = (2.5, 0.5, 0, 4.5) and E = 7.5."""
    found = equity([2, 4, 6, 12], tau=0.25)
    np.testing.assert_array_equal(found.excess, [2.5, 0.5, 0, 4.5])
    assert (found.total_excess, found.mean_excess, found.incidence) == (7.5, 1.875, 0.75)
    np.testing.assert_allclose(found.selection, [1 / 3, 1 / 3, 0, 1 / 3])
    np.testing.assert_allclose(found.magnitude, [1 / 3, 1 / 15, 0, 3 / 5])
    assert found.selection_distance == pytest.approx((3 / 12 + 1 / 4) / 2)
    assert found.magnitude_distance == pytest.approx((5 / 60 + 11 / 60 + 15 / 60 + 21 / 60) / 2)
    # |e - 1.875| = (0.625, 1.375, 1.875, 2.625): half of their sum
    assert found.mre == pytest.approx(3.25) and found.mean_mre == pytest.approx(3.25 / 4)
    assert (found.excess_above, found.excess_below) == (4.5, 3.0)
    assert found.mre_above == pytest.approx((3 * 1.125 + 3.375) / 2)
    assert found.mre_below == pytest.approx((1.75 + 0.25 + 0.75 + 0.75) / 2)


def test_the_older_indices_by_hand() -> None:
    """Mean 2: four ordered pairs differ by 3, the roots sum to 4; the largest values of all; 0 ln 0 = 0 and sqrt 0 = 0."""
    for x, *indices in (
        ([1, 1, 4], math.sqrt(6 / 3) / 2, 12 / 36, 36 / 54, (math.log(0.5) + 2 * math.log(2)) / 3, 1 - 16 / 18),
        ([0, 0, 0, 8], math.sqrt(3), 3 / 4, 1 / 4, math.log(4), 3 / 4),
        ([0, 2], 1, 1 / 2, 1 / 2, math.log(2), 1 - 2 / 4),
    ):
        found = equity(x)
        assert [found.cv, found.gini, found.jain, found.theil, found.atkinson] == pytest.approx(indices)


@pytest.mark.parametrize("x", [[0.1] * 3, [0.0] * 5, [7.0], [0.0], [-0.7] * 6, [1e308] * 4, [5e-324] * 2])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_equal_outcomes_are_equal_whatever_they_are(x: list[float], tau: float) -> None:
    """All zero, one agent, negative ones, and those whose floating-point mean is not their value."""
    found = equity(x, tau)
    zero = found._replace(excess=0, selection=0, magnitude=0, jain=0, theil=0, atkinson=0)
    assert all(value == 0 for value in zero) and not found.excess.any() and found.jain == 1
    np.testing.assert_allclose([found.selection, found.magnitude], 1 / len(x))
    for index in (found.theil, found.atkinson):
        assert math.isnan(index) if x[0] < 0 else index == 0


def test_negative_outcomes_and_a_mean_of_zero() -> None:
    """Regret below zero happens. (-3, -1) has the band of (1, 3); the logarithm and the root are not defined there."""
    low, high = equity([-3, -1], 0.25), equity([1, 3], 0.25)
    np.testing.assert_array_equal(low.excess, [0.5, 0.5])
    assert (low.cv, low.gini, low.jain) == (high.cv, high.gini, high.jain)
    assert math.isnan(low.theil) and math.isnan(low.atkinson)
    assert equity([-1, 5]).gini == pytest.approx(12 / (2 * 4 * 2))  # 3/4, more than 1 - 1/N
    # a mean of zero leaves the absolute measures
    found = equity([-1, 1, 0, 0])
    assert found.total_excess == 2 and found.mre == 1 and found.jain == 0
    assert all(math.isnan(index) for index in (found.cv, found.gini, found.theil, found.atkinson))
    assert math.isnan(equity([-0.1, -0.2, 0.3]).cv)  # its mean is rounding, not a number to divide by


def test_what_is_no_vector_of_outcomes_and_no_band_is_refused() -> None:
    for x in ([], [[1.0, 2.0]], 3.0, [1.0, math.nan], [math.inf, 1.0]):
        refuses("outcomes: got", equity, x)
    for tau in (-0.1, math.nan, math.inf):
        refuses("tau: got", excess, [1.0, 2.0], tau)


@given(outcomes, bands)
def test_scale_times_shape(x: list[float], tau: float) -> None:
    """Lemma 4.1: H = E TV(q_mag, u)."""
    found = equity(x, tau)
    assert found.mre == pytest.approx(found.total_excess * found.magnitude_distance, rel=1e-9, abs=4 * len(x) * ROUNDING * max(x))
    N = len(x)
    for q in (found.selection, found.magnitude):
        assert math.isclose(math.fsum(q), 1) and -1e-12 <= distance_to_uniform(q) <= 1 - 1 / N + 1e-12
    assert found.incidence == np.count_nonzero(found.excess) / N
    assert found.excess_above + found.excess_below == pytest.approx(found.total_excess)
    assert found.mre <= found.mre_above + found.mre_below + 1e-9 * found.total_excess


@given(outcomes)
def test_without_a_band_the_halves_of_the_excess_are_equal(x: list[float]) -> None:
    found = equity(x)
    assert found.excess_above == pytest.approx(found.excess_below, rel=1e-9, abs=1e-9 * max(x))


@given(outcomes.filter(any), bands, st.floats(0.01, 100), st.randoms())
def test_names_and_units_do_not_matter(x: list[float], tau: float, unit: float, order: Any) -> None:
    """Any order gives the same numbers, bit for bit; another unit scales what has a unit and nothing else."""
    found, shuffled = equity(x, tau), equity(order.sample(x, len(x)), tau)
    without = {"excess", "selection", "magnitude"}
    for name in set(Equity._fields) - without:
        assert getattr(found, name) == getattr(shuffled, name), name
    scaled = equity([unit * v for v in x], tau)
    close: dict[str, float] = {"rel": 1e-7, "abs": 1e-7}
    for name in ("cv", "gini", "jain", "theil", "atkinson"):
        assert getattr(scaled, name) == pytest.approx(getattr(found, name), **close)
    assert scaled.mre == pytest.approx(unit * found.mre, rel=1e-7, abs=1e-9 * max(x) * unit)


@given(outcomes.filter(any), st.data())
def test_transfers_from_rich_to_poor_lower_all_but_h(x: list[float], data: st.DataObject) -> None:
    """Pigou-Dalton for CV, Gini, Theil, Atkinson, Jain and the mean excess E / N (without a band, and with one)."""
    rich, poor = data.draw(st.permutations(range(len(x))).map(lambda order: (order[0], order[-1])))
    if x[rich] < x[poor]:
        rich, poor = poor, rich
    amount = data.draw(st.floats(0, 1)) * (x[rich] - x[poor])
    after = list(x)
    after[rich] -= amount
    after[poor] += amount
    before, then = equity(x, 0.2), equity(after, 0.2)
    for name in ("cv", "gini", "theil", "atkinson"):
        assert getattr(then, name) <= getattr(before, name) + 1e-7, name
    assert then.jain >= before.jain - 1e-7 and then.mean_excess <= before.mean_excess + 1e-9 * max(x)


@given(st.lists(st.tuples(amounts, amounts), min_size=2, max_size=8), bands, st.floats(0, 1))
def test_the_mean_excess_is_convex_and_so_is_h_of_excesses(pairs: list[tuple[float, float]], tau: float, share: float) -> None:
    a, b = np.array(pairs).T
    rounding = 1e-9 * max(1.0, a.max(), b.max())
    between = equity(share * a + (1 - share) * b, tau).mean_excess
    assert between <= share * equity(a, tau).mean_excess + (1 - share) * equity(b, tau).mean_excess + rounding
    assert mre(share * a + (1 - share) * b) <= share * mre(a) + (1 - share) * mre(b) + rounding


def test_h_rises_by_a_transfer_from_rich_to_poor_and_is_not_convex() -> None:
    """Against propositions 3 and 4: one unit split over two transfers of 0.5. E and the parts above and below fall."""
    before, after = equity([0, 0, 2, 2]), equity([0, 0.5, 1.5, 2])
    assert before.mre == 0 and after.mre == 0.5
    assert after.mean_excess < before.mean_excess and after.gini < before.gini
    assert before.mre_above == 1 and after.mre_above == 0.75  # the two halves see what H does not
    # (0, 1, 1, 2) is the middle of (0, 0, 2, 2) and (0, 2, 0, 2), whose H are 0; its own is not.
    ends = [equity(x).mre for x in ([0, 0, 2, 2], [0, 2, 0, 2])]
    assert ends == [0, 0] and equity([0, 1, 1, 2]).mre == 1


@given(st.lists(amounts, min_size=2, max_size=2), bands)
def test_two_agents_have_no_h(x: list[float], tau: float) -> None:
    """Both deviate by as much, so the excess is shared equally however far apart they are."""
    assert equity(x, tau).mre <= 8 * ROUNDING * max(x)


def test_h_is_the_least_mass_that_makes_excess_equal() -> None:
    """Proposition 1, against the transport problem solved as a linear program."""
    generator = np.random.default_rng(0)
    for N in (2, 3, 5):
        e = generator.exponential(size=N) * (generator.random(N) < 0.7)
        target = np.full(N, e.sum() / N)
        moved = (1 - np.eye(N)).ravel()
        rows = np.kron(np.eye(N), np.ones(N)), np.kron(np.ones(N), np.eye(N))
        least = linprog(moved, A_eq=np.vstack(rows), b_eq=np.concatenate([e, target]))
        assert mre(e) == pytest.approx(least.fun, abs=1e-9)


def test_the_plain_formulas() -> None:
    """Every index as the paper prints it, over random outcomes."""
    generator = np.random.default_rng(1)
    for N in (2, 3, 7, 20):
        x = generator.gamma(0.8, size=N)
        found, mean = equity(x), x.mean()
        assert found.cv == pytest.approx(x.std() / mean)
        pairs = sum(abs(a - b) for a, b in combinations(x, 2))
        assert found.gini == pytest.approx(2 * pairs / (2 * N**2 * mean))
        assert found.jain == pytest.approx(x.sum() ** 2 / (N * (x**2).sum()))
        assert found.theil == pytest.approx((x / mean * np.log(x / mean)).mean())
        assert found.atkinson == pytest.approx(1 - np.sqrt(x).sum() ** 2 / (N**2 * mean))
        e = np.abs(x - mean)
        assert found.mre == pytest.approx(np.abs(e - e.mean()).sum() / 2)
        np.testing.assert_allclose(selection(e), 1 / N)
        np.testing.assert_allclose(magnitude(e), e / e.sum())


def test_the_agents_of_a_trial_carry_their_equity() -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=60, seed=9, interpreted=True)
    rows, found = trace.per_agent(), equity(trace.utility)
    np.testing.assert_array_equal(rows["excess"], found.excess)
    expected = {"mre": found.mre, "excess": found.mean_excess, "incidence": found.incidence}
    expected |= {name: getattr(found, name) for name in ("cv", "gini", "jain", "theil", "atkinson")}
    for name, value in expected.items():
        np.testing.assert_array_equal(rows[f"equity_{name}"], [value] * 4)
    assert found.mre > 0  # so that the test could fail


SPLIT = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 6)  # the example of Hossain et al.: four against six


def test_ten_agents_and_two_arms() -> None:
    p = best_policy("nsw", SPLIT).p
    np.testing.assert_allclose(p, [0.4, 0.6], atol=1e-9)
    np.testing.assert_allclose(policies.expected_utilities(p, SPLIT), [0.4] * 4 + [0.6] * 6, atol=1e-9)
    np.testing.assert_allclose(policies.decision_shares(p, SPLIT), [0.4] * 4 + [0.6] * 6, atol=1e-9)
    fair = best_policy("procedural", SPLIT).p
    np.testing.assert_allclose(policies.voices(fair, SPLIT), 0.1, atol=1e-12)
    assert abs(policies.procedural_score(fair, SPLIT) - 1) < 1e-12
    assert policies.in_core(p, SPLIT) and policies.proportional(p, SPLIT).all()
    # the majority leaves the minority without a voice
    p = best_policy("utilitarian", SPLIT).p
    assert p.tolist() == [0, 1]
    np.testing.assert_allclose(policies.procedural_score(p, SPLIT), 0.6)
    assert policies.proportional(p, SPLIT).tolist() == [False] * 4 + [True] * 6
    blocked = policies.blocking_coalition(p, SPLIT)
    assert blocked is not None and blocked.members == (0, 1, 2, 3)  # with 4/10 of the decision they have 0.4 each
    np.testing.assert_allclose(blocked[1:], (0.4, 1.6))
    # Six of ten could have 0.6 each; half and half gives them 0.5.
    found = policies.blocking_coalition([0.5, 0.5], SPLIT)
    assert found is not None and found.members == (4, 5, 6, 7, 8, 9) and abs(found.least_gain - 0.1) < 1e-12


def blocked_by_programs(p: np.ndarray, U: np.ndarray) -> bool:
    """Whether any coalition blocks: the largest sum of gains subject to no member losing, one program a coalition."""
    N, K = U.shape
    u = U @ p
    for size in range(1, N + 1):
        for S in combinations(range(N), size):
            A = size / N * U[list(S)]
            done = linprog(-A.sum(axis=0), -A, -u[list(S)] + 1e-10, [np.ones(K)], [1.0])
            if done.status == 0 and -done.fun > u[list(S)].sum() + 1e-7:
                return True
    return False


def test_the_core_is_what_linear_programs_say() -> None:
    rng, answers = np.random.default_rng(0), []
    for case in range(24):
        U = np.round(rng.random((4, 3)), 1) if case % 2 else rng.random((4, 3))
        p = best_policy("nsw", U).p if case % 3 == 0 else rng.dirichlet(np.full(3, 0.3))
        answers.append(policies.in_core(p, U))
        assert answers[-1] == (not blocked_by_programs(p, U)), (U, p)
    assert all(answers[::3]) and not all(answers)  # the Nash policy always is in the core
    # Agent 0 cannot do better with half of the decision, but agent 1 could at no cost to agent 0: both together block.
    U = np.array([[1.0, 1.0], [0.5, 1.0]])
    found = policies.blocking_coalition([1.0, 0.0], U)
    assert found is not None and found.members == (0, 1) and found.least_gain == 0 and found.total_gain == 0.5
    assert policies.in_core([0.0, 1.0], U)


def test_scores_and_welfare_by_hand() -> None:
    U = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert policies.decision_shares([0.3, 0.2, 0.5], U).tolist() == [0.5, 0.5]
    assert policies.procedural_score([0.3, 0.2, 0.5], U) == 1.0
    np.testing.assert_allclose(policies.procedural_score([0.6, 0.2, 0.2], U), 0.7)
    # welfare under every objective
    found = policies.welfare_under([0.5, 0.5], [[0.4, 0.8], [0.2, 0.4]], exponent=1.0)
    expected = {"nsw": 0.18, "log_nsw": np.log(0.18), "utilitarian": 0.9, "maximin": 0.3, "equality": -0.3,
                "procedural": 0.5, "p_mean": 0.45}  # fmt: skip
    assert set(found) == set(expected)
    for name, welfare in expected.items():
        np.testing.assert_allclose(found[name], welfare, atol=1e-12, err_msg=name)
    undefined = policies.welfare_under([1.0, 0.0], [[-0.4, 0.8], [0.2, 0.4]])
    assert np.isnan([undefined[name] for name in ("nsw", "log_nsw", "p_mean")]).all()
    assert abs(undefined["utilitarian"] + 0.2) < 1e-15


def test_what_is_not_a_policy_or_a_utility_is_told() -> None:
    for call, line in (
        (lambda: policies.expected_utilities([0.5, 0.6], SPLIT), "policy: got shape .* sum 1.1, allowed are 2 prob"),
        (lambda: policies.decision_shares([1.0], SPLIT), "policy: got shape"),
        (lambda: best_policy("nsw", -SPLIT), "utilities: have -1, allowed with nsw are numbers >= 0"),
        (lambda: best_policy("nsw", [1.0, 2.0]), "utilities: got shape"),
        (lambda: policies.in_core([1.0], np.ones((13, 1))), "core: got 13 agents, allowed are 12"),
    ):
        refuses(line, call)
