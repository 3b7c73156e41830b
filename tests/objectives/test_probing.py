"""Probing where distributions are known: values by hand and by enumeration, greedy against best sets, the paper's lemmas."""

import math
from itertools import combinations, product
from pathlib import Path
from typing import Any

import cvxpy
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import gossipmab as gm
from gossipmab.environments.reward_distributions import on_levels
from gossipmab.experiments.remarks import never_probes
from gossipmab.experiments.spec.loading import from_dict
from gossipmab.objectives import probing
from gossipmab.objectives.probing import Distributions, Probing, best_probing, distributions, from_masses, terms, welfare_of_set
from gossipmab.objectives.probing.assignment import assign, best_arms, scratch
from gossipmab.objectives.probing.greedy import SMALLEST, log_bound
from gossipmab.objectives.probing.value import joint_welfare, joint_welfare_at_random, probed_welfare, unprobed_welfare
from tests.tiny import refuses, slow

PICKUPS = Path(__file__).parents[2] / "experiments" / "pickups.csv"
GUARANTEE = (math.e - 1) / (2 * math.e - 1)  # theorem 1 with zeta = 1: 0.387


def bernoulli(means: Any) -> Distributions:
    mu = np.array(means, dtype=float)
    return from_masses(np.array([0.0, 1.0]), np.stack([1 - mu, mu], axis=2))


def random_instance(generator: np.random.Generator, agents: int, arms: int) -> Distributions:
    """Bernoulli, the paper's six values, or levels of no pattern."""
    kind = generator.integers(3)
    if kind == 0:
        return bernoulli(generator.random((agents, arms)))
    levels = np.arange(3, 9) / 10 if kind == 1 else np.sort(generator.random(generator.integers(1, 5)))
    return from_masses(levels, generator.dirichlet(np.full(len(levels), 0.7), (agents, arms)))


def mask(arms: int, chosen: Any) -> Any:
    return np.isin(np.arange(arms), chosen).astype(np.int64)


def g(known: Distributions, chosen: Any, power: float = 1.0) -> float:
    K = known.means.shape[1]
    return float(probed_welfare(known.levels, known.cdf, mask(K, chosen), power, np.zeros(len(known.levels))))


def h(known: Distributions, chosen: Any, power: float = 1.0) -> float:
    return float(unprobed_welfare(known.means, mask(known.means.shape[1], chosen), power))


def by_enumeration(known: Distributions, chosen: tuple[int, ...], power: float = 1.0) -> float:
    """E[NSW] over all joint outcomes of the probed pairs, each agent with the best of what it then knows."""
    N, K, L = known.cdf.shape
    masses = np.diff(known.cdf, axis=2, prepend=0.0)
    total = 0.0
    for outcome in product(range(L), repeat=N * len(chosen)):
        values, chance = known.means.copy(), 1.0
        for (j, k), level in zip(product(range(N), chosen), outcome, strict=True):
            values[j, k] = known.levels[level]
            chance *= masses[j, k, level]
        total += chance * float(np.prod(values.max(axis=1) ** power))
    return total


def test_values_by_hand() -> None:
    """Means 0.6 and 0.5: alone, arm 0. Probing arm 0: 0.6 + 0.4 * 0.5; arm 1: 0.5 + 0.5 * 0.6; both: 1 - 0.4 * 0.5."""
    known, t = bernoulli([[0.6, 0.5]]), terms(1, 2)
    found = [welfare_of_set(known, t, chosen) for chosen in ((), (0,), (1,), (0, 1))]
    np.testing.assert_allclose(found, [0.6, 0.8, 0.8, 0.8])
    assert [g(known, c) for c in ((), (0,), (1,), (0, 1))] == pytest.approx([0, 0.6, 0.5, 0.8])
    assert [h(known, c) for c in ((), (0,), (1,), (0, 1))] == pytest.approx([0.6, 0.5, 0.6, 0])
    best = best_probing(known, terms(1, 2, overhead=[0, 0.1, 1]))
    assert best.arms == (0,) and best.value == pytest.approx(0.72)
    assert best_probing(known, terms(1, 2, overhead=[0, 0.3, 1])) == Probing((), pytest.approx(0.6))
    # Arm 1 probed: agent 0 has max(R, 0.9), agent 1 max(R, 0.2): (0.5 + 0.5 * 0.9)(0.5 + 0.5 * 0.2) = 0.95 * 0.6.
    known = bernoulli([[0.9, 0.5], [0.2, 0.5]])
    assert welfare_of_set(known, terms(2, 2), (1,)) == pytest.approx(0.57)
    root = (0.5 + 0.5 * math.sqrt(0.9)) * (0.5 + 0.5 * math.sqrt(0.2))
    assert welfare_of_set(known, terms(2, 2, welfare="geometric"), (1,)) == pytest.approx(root)
    assert g(known, (1,)) == pytest.approx(0.25) and h(known, (1,)) == pytest.approx(0.9 * 0.2)
    assert g(known, (1,), 0.5) == pytest.approx(0.25) and h(known, (1,), 0.5) == pytest.approx(math.sqrt(0.18))


@pytest.mark.parametrize("welfare", ["product", "geometric"])
def test_values_are_those_of_all_outcomes(welfare: str) -> None:
    generator = np.random.default_rng(0)
    for _ in range(25):
        N, K = int(generator.integers(1, 4)), int(generator.integers(1, 4))
        known = random_instance(generator, N, K)
        t = terms(N, K, welfare=welfare)
        for size in range(K + 1):
            for chosen in combinations(range(K), size):
                if len(known.levels) ** (N * size) <= 5000:
                    expected = by_enumeration(known, chosen, t.power)
                    assert welfare_of_set(known, t, chosen) == pytest.approx(expected, rel=1e-10)


def test_the_best_set_is_the_best_of_all() -> None:
    generator = np.random.default_rng(2)
    for _ in range(40):
        N, K = int(generator.integers(1, 5)), int(generator.integers(1, 6))
        known = random_instance(generator, N, K)
        t = terms(N, K, budget=int(generator.integers(1, K + 1)), overhead="quadratic")
        sets = [c for size in range(t.budget + 1) for c in combinations(range(K), size)]
        values = [(1 - t.overhead[len(c)]) * welfare_of_set(known, t, c) for c in sets]
        assert best_probing(known, t) == Probing(sets[int(np.argmax(values))], max(values))
    refuses("budget: got 30 of 30 arms", best_probing, bernoulli(np.full((1, 30), 0.5)), terms(1, 30))


@pytest.mark.parametrize("rewards", ["bernoulli", "discrete", "deterministic", "beta"])
@pytest.mark.parametrize("objectives", [1, 2])
def test_distributions_have_the_means_of_the_environment(rewards: str, objectives: int) -> None:
    environment = gm.Environment.sample(3, 4, objectives, rewards=rewards, seed=1)
    known = distributions(environment)
    np.testing.assert_allclose(known.means, environment.own_utilities, atol=1e-9)
    assert (np.diff(known.levels) > 0).all() and (np.diff(known.cdf, axis=2) >= 0).all()
    np.testing.assert_array_equal(known.cdf[:, :, -1], 1)


@pytest.mark.parametrize("rewards", ["bernoulli", "discrete", slow("beta")])
def test_distributions_are_those_of_what_is_drawn(rewards: str) -> None:
    """Largest distance of distribution functions over 20,000 draws: above 0.02 once in a million (Kolmogorov)."""
    environment = gm.Environment.sample(2, 2, 2, rewards=rewards, seed=3)
    known, generator = distributions(environment), np.random.default_rng(0)
    u, x = environment.rewards.prepare(generator.random((20_000, 2))), np.zeros(2)
    for j, k in product(range(2), range(2)):
        drawn = np.empty(len(u))
        for m in range(len(u)):
            environment.rewards.draw(j, k, u[m], x)
            drawn[m] = environment.preferences[j] @ x
        worst = np.abs((drawn[:, None] <= known.levels + 1e-9).mean(axis=0) - known.cdf[j, k])
        coarse = 0.02 if rewards == "beta" else 0.0  # of a grid of 257 levels, whose values are shared between neighbours
        assert worst.max() < 0.02 + coarse


def test_distributions_of_tables_and_on_grids(tmp_path: Any) -> None:
    file = tmp_path / "log.csv"
    file.write_text("agent,arm,reward_1\n0,0,0.25\n0,0,0.75\n0,0,0.75\n0,1,1\n")
    known = distributions(gm.Environment.sample(logged_rewards=file, rewards="table"))
    np.testing.assert_array_equal(known.levels, [0.25, 0.75, 1])
    np.testing.assert_allclose(known.cdf[0], [[1 / 3, 1, 1], [0, 0, 1]])
    # 14 Bernoulli objectives are 16,384 values a pair.
    environment = gm.Environment.sample(1, 2, 14, seed=0)
    known = distributions(environment)
    np.testing.assert_allclose(known.means, environment.own_utilities, atol=1e-9)
    assert len(known.levels) == 257
    # values between levels keep their mean
    np.testing.assert_allclose(on_levels(np.array([0.3, 1.0]), np.array([0.5, 0.5]), np.array([0.0, 0.4, 1.0])),
                               [0.125, 0.375, 0.5])  # fmt: skip


@pytest.mark.parametrize(("rewards", "means"), [("gaussian", 0.5), ("deterministic", 1.5), ("deterministic", -0.1)])
def test_rewards_outside_the_unit_interval_are_refused(rewards: str, means: float) -> None:
    environment = gm.Environment.sample(means=np.full((2, 2, 1), means), rewards=rewards)
    refuses(rf"environment.rewards: got {rewards}.*\[0, 1\]", distributions, environment)


def test_the_bound_of_the_logarithm() -> None:
    z = np.concatenate([[0.0], np.geomspace(1e-12, 1, 4000)])
    bound = np.array([log_bound(v) for v in z])
    assert (bound[1:] >= np.log(z[1:]) - 1e-12).all() and (np.diff(bound) > 0).all()
    inside = z >= SMALLEST
    assert (bound[inside] - np.log(z[inside])).max() < 0.0132  # (ln of the ratio of breakpoints)^2 / 8
    slopes = np.diff(bound) / np.diff(z)
    assert (np.diff(slopes) <= 1e-6 * slopes[:-1]).all()  # concave
    tau = SMALLEST ** (1 - np.arange(65) / 64)
    tangents = np.log(tau) + (z[:, None] - tau) / tau
    np.testing.assert_allclose(bound, tangents.min(axis=1), rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.5]))
def test_lemmas_1_2_and_4_hold(seed: int, power: float) -> None:
    """g and phi(g) never fall, h never rises, when an arm is added."""
    generator = np.random.default_rng(seed)
    known = random_instance(generator, 2, 4)
    order = [int(k) for k in generator.permutation(4)]
    for size in range(4):
        small, large = order[:size], order[: size + 1]
        assert g(known, large, power) >= g(known, small, power) - 1e-12
        assert log_bound(g(known, large, power)) >= log_bound(g(known, small, power)) - 1e-9
        assert h(known, large, power) <= h(known, small, power) + 1e-12


@given(st.integers(0, 10_000))
def test_the_logarithm_of_g_has_falling_gains_from_one_arm_on(seed: int) -> None:
    """Each E[max] is submodular, and a concave increasing function of it and sums of such are: so is ln g, where g > 0."""
    generator = np.random.default_rng(seed)
    known = bernoulli(0.05 + 0.9 * generator.random((3, 4)))
    a, b, c, d = (int(k) for k in generator.permutation(4))
    for small, large in (((a,), (a, b)), ((a,), (a, b, c)), ((a, b), (a, b, c))):
        gains = [math.log(g(known, (*s, d))) - math.log(g(known, s)) for s in (small, large)]
        assert gains[0] >= gains[1] - 1e-12


def test_lemmas_3_and_5_fail() -> None:
    """Each arm serves one agent only: g is 0 for either alone, 1 for both. phi(g) gains nothing first and all then."""
    known = bernoulli([[1, 0], [0, 1]])
    alone = log_bound(g(known, (0,))) - log_bound(g(known, ()))
    after = log_bound(g(known, (0, 1))) - log_bound(g(known, (1,)))
    assert alone == 0 and after > 20
    # R(S) <= (1 - alpha)(g + h) is false: arm 0 serves agent 0, arm 1 agent 1; with arm 0 probed g = h = 0, R = 1.
    known = bernoulli([[1, 0], [0, 1]])
    assert g(known, (0,)) == h(known, (0,)) == 0 and welfare_of_set(known, terms(2, 2), (0,)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("welfare", ["product", "geometric"])
@pytest.mark.parametrize("gain", ["probed", "welfare"])
def test_the_guarantee_on_a_thousand_random_instances(welfare: str, gain: str) -> None:
    """Greedy value >= (e - 1) / (2e - 1) of the enumerated optimum, overheads of every kind."""
    generator, worst = np.random.default_rng(3), 1.0
    for _ in range(1000):
        N, K = int(generator.integers(1, 6)), int(generator.integers(2, 6))
        known, budget = random_instance(generator, N, K), int(generator.integers(2, K + 1))
        table = [0, *np.sort(generator.random(budget - 1)), 1]
        overhead: Any = table if generator.random() < 0.4 else str(generator.choice(sorted(probing.OVERHEADS)))
        t = terms(N, K, budget, overhead, welfare=welfare)
        found, best = probing.greedy_probing(known, t, gain=gain), best_probing(known, t)
        assert found.value == pytest.approx((1 - t.overhead[len(found.arms)]) * welfare_of_set(known, t, found.arms))
        assert found.value <= best.value * (1 + 1e-9) and found.arms == tuple(sorted(found.order[: len(found.arms)]))
        worst = min(worst, found.value / best.value if best.value > 0 else 1.0)
    assert worst >= GUARANTEE
    assert gain == "welfare" or worst < 0.99  # by g it is no search of all sets; by welfare it hardly ever misses one


def test_where_the_guarantee_fails() -> None:
    """Three agents, two fair coins, the second probe costs all: g = 1/8 of one coin is not above h = 1/8 of none, so lines 9
    and 10 probe nothing and keep 1/8. One probed coin is worth (1/2 + 1/4)^3 = 27/64; 8/27 is less than 0.387.
    """
    known, t = bernoulli(np.full((3, 2), 0.5)), terms(3, 2, overhead=[0, 0.01, 1])
    best = best_probing(known, t)
    assert best.value == pytest.approx(0.99 * 27 / 64)
    paper = probing.greedy_probing(known, t, choice="bound")
    assert paper.arms == () and paper.value == pytest.approx(1 / 8) and paper.value < GUARANTEE * best.value
    assert probing.greedy_probing(known, t).value == pytest.approx(best.value)
    # Arm 0 always gives 0.6, arm 1 is a fair coin. By g arm 0 is probed first, which reveals nothing: 0.6^4 against 0.8^4. By
    # welfare the coin comes first.
    masses = np.tile([[[0, 1.0, 0], [0.5, 0, 0.5]]], (4, 1, 1))
    known, t = from_masses(np.array([0, 0.6, 1]), masses), terms(4, 2, overhead=[0, 0, 1])
    best = best_probing(known, t)
    assert best.arms == (1,) and best.value == pytest.approx(0.8**4)
    assert probing.greedy_probing(known, t).value == pytest.approx(0.6**4) and 0.6**4 < GUARANTEE * best.value
    assert probing.greedy_probing(known, t, gain="welfare").arms == (1,)


def test_the_lines_of_algorithm_1_by_hand() -> None:
    """One agent, coins 0.9 and 0.8; alpha = (0, 0.1, 0.2). Order 0, 1: g = 0.9, 0.98; 0.9 g = 0.81, 0.8 g = 0.784.

    h of the empty set is 0.9, above both: nothing. With alpha = (0, 0, 0.2): 0.9 of S_1 leads and reaches h: its
    value is 0.9 + 0.1 * 0.8 = 0.98, the bound phi(0.9) is below zeta R, S_1 is returned.
    """
    known = bernoulli([[0.9, 0.8]])
    assert probing.greedy_probing(known, terms(1, 2, overhead=[0, 0.1, 0.2]), choice="bound").arms == ()
    found = probing.greedy_probing(known, terms(1, 2, overhead=[0, 0, 0.2]), choice="bound")
    assert found.arms == (0,) and found.order == (0, 1) and found.value == pytest.approx(0.98)
    # (1 - alpha) ln g <= 0 <= h of the empty set wherever g < 1.
    generator = np.random.default_rng(4)
    for _ in range(50):
        known = bernoulli(0.1 + 0.8 * generator.random((3, 4)))
        assert probing.greedy_probing(known, terms(3, 4), choice="log").arms == ()


@pytest.mark.parametrize(("wrong", "words"), [
    ({"zeta": 0.9}, "zeta: got 0.9"), ({"zeta": math.nan}, "zeta: got nan"), ({"choice": "valu"}, "did you mean 'value'"),
    ({"gain": "prob"}, "gain"),
])  # fmt: skip
def test_parameters_of_greedy_probing_are_checked(wrong: dict[str, Any], words: str) -> None:
    refuses(words, probing.greedy_probing, bernoulli([[0.5]]), terms(1, 1), **wrong)


def test_terms() -> None:
    for name in probing.OVERHEADS:
        alpha = terms(3, 9, budget=4, overhead=name).overhead
        assert len(alpha) == 5 and alpha[0] == 0 and alpha[-1] == 1 and (np.diff(alpha) >= 0).all(), name
    np.testing.assert_allclose(terms(2, 9, 4, "quadratic").overhead, [0, 1 / 16, 1 / 4, 9 / 16, 1])
    # the paper's capacity is just feasible with as many arms as agents
    assert terms(8, 8, capacity=1).capacity == 1 and terms(12, 8, capacity=1.5).capacity == 1.5


@pytest.mark.parametrize(("wrong", "words"), [
    ({"capacity": 1}, r"capacity: got 1, but 12 agents on 8 arms need at least 12/8 = 1.5"),
    ({"capacity": 0}, "capacity: got 0, allowed is a number > 0"),
    ({"capacity": math.nan}, "capacity: got nan"),
    ({"budget": 9}, "budget: got 9, allowed is a whole number from 1 to the 8 arms"),
    ({"budget": 0}, "budget: got 0"), ({"overhead": "linaer"}, "did you mean 'linear'"),
    ({"overhead": [0.1, 1]}, "overhead: got"), ({"overhead": [0, 0.5, 0.4]}, "overhead: got"),
    ({"overhead": [0, 1.5]}, "overhead: got"),
    ({"overhead": [0, 0.5, 1], "budget": 3}, "has 3 numbers, a budget of 3 allows 4"),
    ({"overhead": ["a", "b"]}, "overhead: got"), ({"welfare": "sum"}, "welfare"),
])  # fmt: skip
def test_terms_are_checked(wrong: dict[str, Any], words: str) -> None:
    refuses(words, terms, 12, 8, **wrong)


def solved(values: Any, capacity: float) -> tuple[Any, float]:
    N, K = values.shape
    pi = np.zeros((N, K))
    return pi, assign(values, capacity, pi, scratch(N, K))


@pytest.mark.parametrize("slack", [1.0, 1.2, 3.0])
def test_assignments_are_those_of_cvxpy(slack: float) -> None:
    generator = np.random.default_rng(5)
    for _ in range(12):
        N, K = int(generator.integers(1, 13)), int(generator.integers(1, 9))
        values, capacity = generator.random((N, K)), slack * N / K
        if generator.random() < 0.5:
            values = (values < 0.5).astype(float)
        pi, certificate = solved(values, capacity)
        assert (pi >= 0).all() and pi.sum(axis=0).max() <= capacity + 1e-7
        np.testing.assert_allclose(pi.sum(axis=1), 1, atol=1e-12)
        who = values.max(axis=1) > 0
        if who.any():
            P = cvxpy.Variable((N, K), nonneg=True)
            worth = cvxpy.sum(cvxpy.multiply(P, values), axis=1)[np.flatnonzero(who)]
            limits = [cvxpy.sum(P, axis=1) == 1, cvxpy.sum(P, axis=0) <= capacity]
            problem = cvxpy.Problem(cvxpy.Maximize(cvxpy.sum(cvxpy.log(worth))), limits)
            problem.solve(solver=cvxpy.CLARABEL)
            assert np.log((pi * values).sum(axis=1)[who]).sum() >= problem.value - certificate - 1e-6
        assert certificate <= 1e-6


def test_certificates_on_many_instances() -> None:
    generator = np.random.default_rng(6)
    for _ in range(2000):
        N, K = int(generator.integers(1, 13)), int(generator.integers(1, 9))
        values = generator.random((N, K)).round(int(generator.integers(1, 9))) * generator.random((N, 1)) ** 8
        capacity = N / K * float(generator.choice([1.0, 1 + 1e-7, 1.1, 2.0, 50.0]))
        pi, certificate = solved(values, capacity)
        assert certificate <= 1e-6 and pi.sum(axis=0).max() <= capacity + 1e-6 and (pi >= 0).all()


def test_assignments_by_hand() -> None:
    """Two agents want arm 0, capacity 1: v = (1, 1/2), (1, 0). Agent 0 moves: p arm 0 for agent 1, 1 - p for agent 0.

    (1 - p + p/2) p = p - p^2/2 is largest at p = 1: agent 1 gets the arm, welfare 1/2.
    """
    pi, _ = solved(np.array([[1.0, 0.5], [1.0, 0.0]]), 1.0)
    np.testing.assert_allclose(pi, [[0, 1], [1, 0]], atol=1e-3)  # flat at p = 1: the welfare is good to 1e-6
    values = np.random.default_rng(7).random((5, 4))
    # a wide capacity gives everybody the best arm
    pi, best = solved(values, 5.0)[0], np.zeros((5, 4))
    best_arms(values, np.zeros(4, np.int64), best)
    np.testing.assert_array_equal(best.argmax(axis=1), values.argmax(axis=1))
    assert np.log((pi * values).sum(axis=1)).sum() == pytest.approx(np.log(values.max(axis=1)).sum(), abs=2e-6)
    # of equal arms a probed one then the first is taken
    pi = np.zeros((2, 3))
    best_arms(np.array([[1.0, 1.0, 1.0], [0.5, 0.2, 0.5]]), np.array([0, 1, 1]), pi)
    np.testing.assert_array_equal(pi, [[0, 1, 0], [0, 0, 1]])


def test_a_capacity_lowers_values_and_none_that_binds_leaves_them() -> None:
    known = bernoulli([[0.9, 0.5, 0.4], [0.8, 0.3, 0.7], [0.9, 0.2, 0.1]])
    uniforms = np.random.default_rng(8).random((2000, 3, 3))
    free, tight = terms(3, 3), terms(3, 3, capacity=1)
    for chosen in ((), (0,), (0, 2)):
        assert welfare_of_set(known, tight, chosen, uniforms) < welfare_of_set(known, free, chosen)
    sampled = welfare_of_set(known, terms(3, 3, capacity=2.9999), (0,), uniforms)
    assert sampled == pytest.approx(welfare_of_set(known, free, (0,)), abs=0.03)  # five standard errors
    refuses("uniforms: got none", welfare_of_set, known, tight, (0,))
    best = best_probing(known, terms(3, 3, capacity=1, overhead=[0, 0.05, 1]), uniforms)
    assert best.value >= welfare_of_set(known, tight, (), uniforms)


def test_values_where_a_row_is_a_round_are_averages_over_the_rounds() -> None:
    """Every set by hand; taken as independent, the value is another one."""
    environment = gm.datasets.ridesharing(PICKUPS, vehicles=4, zones=3, cell=0.04, rounds=40)
    known, costs = distributions(environment), terms(4, 3, overhead="free", welfare="geometric")
    R, mu = known.joint, environment.means[..., 0]
    assert R.shape == (40, 4, 3)
    np.testing.assert_allclose(known.means, mu, rtol=1e-12)
    values = {}
    for arms in (arms for size in (1, 2, 3) for arms in combinations(range(3), size)):
        probed = np.isin(range(3), arms)
        best = np.where(probed, R, mu).max(axis=2)
        values[arms] = float((best.prod(axis=1) ** 0.25).mean())
        assert welfare_of_set(known, costs, arms) == pytest.approx(values[arms], rel=1e-12)
        mean, S = np.zeros(4), probed.astype(np.int64)
        joint_welfare(R, mu, mu, S, 0.25, mean)
        np.testing.assert_allclose(mean, best.mean(axis=0), rtol=1e-12)
        at_random = (np.where(probed, R, mu) ** 0.25).mean(axis=2).prod(axis=1).mean()
        assert joint_welfare_at_random(R, mu, S, 0.25, mean) == pytest.approx(at_random, rel=1e-12)
    assert best_probing(known, costs).value == pytest.approx(max(values[arms] for arms in values if len(arms) < 3), rel=1e-12)
    alone = known._replace(joint=np.zeros((0, 0, 0)))
    assert abs(welfare_of_set(alone, costs, (0, 1)) - values[0, 1]) > 1e-4


STILL: dict[str, Any] = {
    "experiment": {"name": "x", "protocol": "assignment", "horizon": 90, "trials": 1, "seed": 0, "welfare": "geometric"},
    "environment": {"agents": 4, "arms": 3, "objectives": 1},
    "probing": {"overhead": [0, 0.9, 0.9]},
    "algorithms": [{"name": "ofmup"}, {"name": "non_probing"}, {"name": "ofmup", "label": "as printed", "choice": "log"}],
    "sweep": {"environment.heterogeneity": [0.1, 0.2]},
}


def test_it_says_who_never_probes_and_why() -> None:
    """Counted from the warm start on; that of "pairs" is probing."""
    spec = from_dict(STILL)
    rows = [(h, one.label, 0, 90, 0) for h in (0.1, 0.2) for one in spec.algorithms]
    table = pd.DataFrame(rows, columns=["heterogeneity", "algorithm", "trial", "round", "cumulative_probes"])
    dear, printed = never_probes(spec, table)
    assert dear.startswith("probing: ofmup (at 2 of 2 sweep points) never probes. Algorithm 1 probes only if")
    assert "less 90 % against" in dear and dear.endswith("probing cannot pay")
    assert printed.startswith('probing: as printed (at 2 of 2 sweep points) never probes. choice = "log"')
    free = from_dict({**STILL, "probing": {"overhead": "free"}, "algorithms": STILL["algorithms"][:1]})
    assert never_probes(free, table)[0].endswith("probing would pay: the rewards that it has seen do not show it")
    assert never_probes(spec, table.assign(cumulative_probes=1)) == []
    pairs = from_dict({**STILL, "algorithms": [{"name": "ofmup", "warm_start": "pairs"}]})
    assert len(never_probes(pairs, table.assign(cumulative_probes=12))) == 1
    assert never_probes(pairs, table.assign(cumulative_probes=13)) == []
