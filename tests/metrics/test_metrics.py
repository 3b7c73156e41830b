"""What is measured, on tiny truths."""

import math
from typing import Any

import numpy as np
import pytest
import twins
from moocore import hypervolume as volume, is_nondominated
from scipy.stats import entropy, gmean

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.engines.common import recorded_rounds
from gossipmab.metrics import regret as metrics
from gossipmab.metrics.consensus import averages_apart
from gossipmab.metrics.front import front_coverage, hypervolume
from gossipmab.objectives.solvers import maximise_nash_welfare
from tests.tiny import refuses, world


def truth_of(utilities: Any, best: float = 0.0, power: float = 1.0) -> metrics.RegretReference:
    U = np.array(utilities, dtype=float)
    return metrics.RegretReference(np.zeros(U.shape[1]), np.ascontiguousarray(U.T), best, power, np.zeros(0))


@pytest.mark.parametrize("agents", [1, 2, 3, 4, 5, 8, 11])
def test_nash_welfare_is_the_product_of_utilities(agents: int) -> None:
    generator = np.random.default_rng(agents)
    for arms in (1, 2, 6):
        U, p = generator.random((agents, arms)), generator.dirichlet(np.ones(arms))
        expected = float(np.prod(U @ p))
        assert metrics.nash_welfare_of(truth_of(U), p, np.zeros(agents)) == pytest.approx(expected, rel=1e-13)
        root = metrics.nash_welfare_of(truth_of(U, power=1 / agents), p, np.zeros(agents))
        assert root == pytest.approx(expected ** (1 / agents), rel=1e-13)


def test_nash_welfare_by_hand() -> None:
    """(1/4 * 1 + 3/4 * 0) (1/4 * 0.4 + 3/4 * 0.8) = 0.25 * 0.7."""
    assert metrics.nash_welfare_of(truth_of([[1, 0], [0.4, 0.8]]), np.array([0.25, 0.75]), np.zeros(2)) == pytest.approx(0.175)
    # 10,000 agents, half with utility 0.2 and half with 0.8: the product is far below 1e-308, its root 0.4.
    U = np.tile([[0.2], [0.8]], (5_000, 1))
    assert metrics.nash_welfare_of(truth_of(U), np.ones(1), np.zeros(10_000)) == 0.0
    root = metrics.nash_welfare_of(truth_of(U, power=1e-4), np.ones(1), np.zeros(10_000))
    assert root == pytest.approx(0.4, rel=1e-12)
    U[3], U[9] = 1e-250, 1e-280
    root = metrics.nash_welfare_of(truth_of(U, power=1e-4), np.ones(1), np.zeros(10_000))
    assert root == pytest.approx(float(gmean(U.ravel())), rel=1e-12)
    U[7] = 0.0
    assert metrics.nash_welfare_of(truth_of(U, power=1e-4), np.ones(1), np.zeros(10_000)) == 0.0


def apart(estimates: object, local: np.ndarray, truth: object = ()) -> tuple[float, float, float]:
    return averages_apart(np.array(estimates), local, np.array(truth, dtype=float), *np.ones((2, 2)))


def test_errors_of_estimates_by_hand() -> None:
    """Local averages (0,1), (1,3): mean (1/2,2). Estimates (0,2) and (1/2,5/2): off by 1/2 and 1/2; then 4 off by 2.

    Drift: the estimates' means are (1/4, 9/4) and (1/4, 3). Sampling: from (1/4,2) the mean is 1/4 off, from (1/2,1) 1; another
    shape has no truth.
    """
    local = np.array([[0.0, 1.0], [1.0, 3.0]])
    assert apart([[0.0, 2.0], [0.5, 2.5]], local)[:2] == (0.5, 0.25)
    assert apart([[0.0, 2.0], [0.5, 4.0]], local)[:2] == (2.0, 1.0)
    assert apart([[0.5, 2.0], [0.5, 2.0]], local)[0] == apart(local, local)[1] == 0.0
    for truth, error in [([0.25, 2.0], 0.25), ([0.5, 1.0], 1.0), ([0.5, 2.0], 0.0)]:
        assert apart(local, local, truth)[2] == error
    assert np.isnan(apart(local, local)[2])


def test_geometric_regret_of_many_agents_is_measured() -> None:
    """The best policy of the truth has no regret, and no policy has less; scipy's mean of the logarithms says what they earn."""
    environment = gm.Environment.sample(3_000, 3, 2, seed=1)
    truth, U = metrics.regret_reference(environment, "geometric"), environment.utilities
    policies = np.random.default_rng(2).dirichlet(np.ones(3), 50)
    expected = gmean(U @ policies.T)
    room, scratch = metrics.welfare_cache(3_000, 3), np.zeros(3_000)
    gaps = [metrics.nsw_regret_of(truth, p, scratch, room) for p in policies]
    np.testing.assert_allclose(truth.best - np.array(gaps), expected, rtol=1e-12)
    assert min(gaps) > -1e-9
    p = np.asarray(maximise_nash_welfare(U).p)
    assert abs(metrics.nsw_regret_of(truth, p, scratch, room)) < 1e-9


def test_the_cache_changes_no_bit_and_a_best_welfare_of_0_or_nan_no_regret() -> None:
    """More policies than it can hold, many of them twice, some equal but for the last bit."""
    agents, arms = 70, 4
    rng = np.random.default_rng(3)
    truth = truth_of(rng.random((agents, arms)), best=0.7, power=1 / agents)
    policies = rng.dirichlet(np.ones(arms), 6_000)
    policies = np.concatenate([policies, policies[:50], np.nextafter(policies[:50], 1.0), policies[:50]])
    room, none = metrics.welfare_cache(agents, arms), metrics.welfare_cache(1, arms)
    assert len(room.regrets) and not len(none.regrets)
    for p in policies:
        with_it, without = (metrics.nsw_regret_of(truth, p, np.zeros(agents), one) for one in (room, none))
        assert with_it == without == truth.best - metrics.nash_welfare_of(truth, p, np.zeros(agents))
    # regret is none where the best welfare drowns and nan where it is not defined
    for best, gap in ((0.0, 0.0), (math.nan, math.nan)):
        found = metrics.nsw_regret_of(truth_of([[0.5]], best=best), np.ones(1), np.zeros(1), metrics.welfare_cache(1, 1))
        assert np.array_equal(found, gap, equal_nan=True)


def test_what_averages_should_come_to() -> None:
    """With N = K = D the shape alone would not tell means from utilities."""
    environment, local = gm.Environment.sample(3, 3, 3, seed=0), np.zeros((3, 3, 3))
    np.testing.assert_array_equal(metrics.estimand(environment, "means", local), environment.centred_means.ravel())
    np.testing.assert_array_equal(metrics.estimand(environment, "utilities", local), environment.utilities.ravel())
    assert metrics.estimand(environment, "means", np.zeros((3, 3, 2))).size == 0
    assert metrics.estimand(environment, "something else", local).size == 0
    # Before, an arm that nobody has pulled is held at 0: in round t < K the error is the largest mean of the arms to come.
    environment, network = world(4, 5, 2, "ring", 0.3, rewards="deterministic", seed=1)
    for algorithm, truth in [
        (gm.ParetoUCBGossip(), environment.centred_means),
        (gm.ParetoUCB(), environment.centred_means),
        (gm.SimulatedNSWUCBGossip(no_sim=True), environment.utilities.T / 4),
    ]:
        trace = gm.simulate(algorithm, environment, network, horizon=8, recorded_rounds=8, seed=0, interpreted=True)
        if algorithm.communicates and isinstance(algorithm, gm.ParetoUCBGossip):
            coming = [truth[t:].max(initial=0.0) for t in range(1, 9)]
            np.testing.assert_allclose(trace.sampling_error, coming, rtol=0, atol=1e-12)
        elif isinstance(algorithm, gm.ParetoUCB):
            assert trace.sampling_error[-1] < 1e-12 < trace.disagreement[-1]
        else:  # row j is learnt by agent j alone, from its own means
            own = np.einsum("jd,jkd->jk", environment.preferences, environment.means) / 4
            np.testing.assert_allclose(trace.sampling_error[5], np.abs(own - environment.utilities).max(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_registered_algorithm_has_a_sampling_error_that_falls(name: str) -> None:
    """With N, K, D all different the averages' shape says what they estimate; a wrong `estimates` would give NaN."""
    environment, network = world(5, 3, 2, p=1.0, heterogeneity=0.0, rewards="deterministic", seed=2)
    trace = gm.simulate(ALGORITHMS[name](), environment, network, horizon=12, recorded_rounds=12, seed=0, interpreted=True)
    assert trace.sampling_error[0] > 0.1 and trace.sampling_error[-1] < 1e-9


@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (10, 5), (6, 3)])
def test_the_best_welfare_is_that_of_the_twin(sizes: tuple[int, int]) -> None:
    N, K = sizes
    environment = gm.Environment.sample(N, K, 3, seed=N)
    truth = metrics.regret_reference(environment)
    twin = twins.nash(twins.best_nash(environment.utilities), environment.utilities)
    assert twin * (1 - 1e-12) <= truth.best <= twin * (1 + 2e-9)  # never below any distribution's welfare
    np.testing.assert_array_equal(truth.gaps, twins.gaps(environment.centred_means))
    assert metrics.regret_reference(environment, "geometric").best == pytest.approx(truth.best ** (1 / N), rel=1e-12)


def test_welfare_of_negative_utilities_is_not_a_number_and_of_none_is_nothing_to_lose() -> None:
    environment = gm.Environment.sample(means=[[[0.5], [-0.5]], [[0.5], [-0.5]]], rewards="gaussian")
    trace = gm.simulate(gm.ParetoUCB(), environment, gm.Network("complete", agents=2), horizon=20, seed=0, interpreted=True)
    assert np.isnan(trace.nsw_regret).all()
    np.testing.assert_allclose(trace.pareto_regret[-1], trace.pulls[:, 1], rtol=1e-12)  # Delta = 1 - 0
    # All utilities 0: NSW is 0 for every distribution, and so is its regret.
    environment = gm.Environment.sample(means=np.zeros((2, 3, 2)))
    trace = gm.simulate(gm.ParetoUCB(), environment, gm.Network("complete", agents=2), horizon=20, seed=0, interpreted=True)
    np.testing.assert_array_equal(trace.nsw_regret, 0)
    np.testing.assert_array_equal(trace.pareto_regret, 0)


def test_the_welfare_of_regret_can_be_the_geometric_one() -> None:
    """Rounds 1 and 2 play arm 0 and arm 1: regret sqrt(NSW*) - sqrt(NSW(arm))."""
    place = world(2, 2, 2, p=1.0, seed=4)
    U = place[0].utilities
    best = twins.nash(twins.best_nash(U), U)
    for welfare, root in (("product", 1.0), ("geometric", 0.5)):
        trace = gm.simulate(gm.ParetoUCB(), *place, horizon=2, seed=0, recorded_rounds=2, welfare=welfare, interpreted=True)
        lost = np.cumsum([best**root - np.prod(U[:, k]) ** root for k in (0, 1)])
        np.testing.assert_allclose(trace.nsw_regret, np.column_stack([lost, lost]), rtol=0, atol=1e-8)


def test_recorded_rounds_by_hand() -> None:
    """round(T m / record), m = 1..record: 7/3, 14/3, 7 -> 2, 5, 7."""
    by_hand = {(10, 5): [2, 4, 6, 8, 10], (5, 200): [1, 2, 3, 4, 5], (7, 3): [2, 5, 7], (1, 1): [1], (1, 200): [1], (100, 1): [100]}
    assert {given: recorded_rounds(*given).tolist() for given in by_hand} == by_hand


def test_what_is_recorded_rises_to_the_horizon_and_does_not_change_what_is_played() -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    every = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=90, seed=9, recorded_rounds=90)
    some = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=90, seed=9, recorded_rounds=7)
    np.testing.assert_array_equal(some.rounds, [13, 26, 39, 51, 64, 77, 90])  # round(90 m / 7)
    for name in ("pareto_regret", "nsw_regret", "disagreement", "messages", "bytes"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[some.rounds - 1])
    # recorded rounds rise and end at the horizon
    for horizon in (1, 2, 3, 199, 200, 201, 10_000, 1_234_567):
        rounds = recorded_rounds(horizon, 200)
        assert rounds[0] >= 1 and rounds[-1] == horizon and (np.diff(rounds) > 0).all()
        assert len(rounds) == min(200, horizon)


@pytest.mark.parametrize(("algorithm", "words"), [
    (gm.ParetoUCBGossip(consensus=-1.0), "consensus"), (gm.ParetoUCB(consensus=float("nan")), "consensus"),
    (gm.ParetoGossip(mixing=-0.1), "mixing"), (gm.ParetoGossip(burn_in=float("inf")), "burn_in"),
    (gm.SimulatedNSWUCBGossip(alpha=-0.5), "alpha"),
    (gm.SimulatedNSWUCBGossip(solver="globl"), "did you mean 'global'"),
    (gm.SimulatedNSWUCBGossip(welfare="prodct"), "did you mean 'product'"),
])  # fmt: skip
def test_hyperparameters_out_of_range_and_other_agents_are_refused(algorithm: Any, words: str) -> None:
    environment, network = world(3, 2, 2)
    refuses(words, gm.simulate, algorithm, environment, network, horizon=5, seed=0)
    refuses("4 agents", gm.simulate, gm.ParetoUCB(), environment, gm.Network("complete", agents=4), horizon=5, seed=0)


def test_coverage_of_the_front_by_hand() -> None:
    """The front is arms 0, 1 and 3: 8 + 1 + 1 of 12 pulls; half an even share of 12 pulls is 2."""
    front, means = np.array([True, True, False, True]), np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.4], [0.1, 0.9]])
    pulls = np.array([[8, 1, 2, 1], [4, 4, 0, 4], [0, 0, 3, 0], [0, 0, 0, 0]])
    share, evenness, coverage, hypervolume_regret = front_coverage(pulls, front, means)
    wanted = -(0.8 * math.log(0.8) + 0.2 * math.log(0.1)) / math.log(3)
    np.testing.assert_allclose(share, [10 / 12, 1, 0, np.nan], rtol=1e-15)
    np.testing.assert_allclose(evenness, [wanted, 1, 0, np.nan], rtol=1e-15)
    np.testing.assert_allclose(coverage, [1 / 3, 1, 0, np.nan], rtol=1e-15)
    np.testing.assert_allclose(hypervolume_regret, [0.33 - 0.21, 0, 0.33 - 0.16, np.nan], atol=1e-15)  # of arms 0 and 2, all, 2
    alone = front_coverage(np.array([[3, 1], [0, 4]]), np.array([True, False]), np.array([[0.5], [0.25]]))
    assert [values.tolist() for values in alone] == [[0.75, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.25]]


@pytest.mark.parametrize("D", [1, 2, 3, 4])
def test_hypervolumes_are_moocore_s(D: int) -> None:
    rng = np.random.default_rng(D)
    values = np.vstack([rng.random((9, D)), np.full((1, D), -0.1)])
    values[1] = values[0]  # twins, and an arm below the reference point
    sets = rng.random((40, 10)) < 0.5
    wanted = [volume(values[chosen], ref=np.zeros(D), maximise=True) if chosen.any() else 0.0 for chosen in sets]
    np.testing.assert_allclose(hypervolume(values, sets), wanted, rtol=1e-12)


@pytest.mark.parametrize("failing", [False, True])
def test_coverage_of_the_front_is_that_of_the_pulls(failing: bool) -> None:
    environment = gm.Environment.sample(4, 6, 3, seed=2)
    failures = gm.Failures(message_loss=0.3) if failing else None
    network = gm.Network("complete", agents=4, link_probability=0.5, failures=failures)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=300, seed=1, recorded_rounds=5)
    front = is_nondominated(environment.centred_means, maximise=True)
    assert 1 < front.sum() < 6
    for i, pulls in enumerate(trace.pulls[:, front]):
        assert trace.final_front_share[i] == pytest.approx(pulls.sum() / 300)
        assert trace.final_front_evenness[i] == pytest.approx(entropy(pulls) / math.log(front.sum()))
        assert trace.final_front_coverage[i] == np.mean(pulls >= 300 / front.sum() / 2)
        kept = environment.centred_means[trace.pulls[i] >= 300 / front.sum() / 2]
        whole, part = (volume(means, ref=np.zeros(3), maximise=True) for means in (environment.centred_means, kept))
        assert trace.final_hypervolume_regret[i] == pytest.approx(whole - part, abs=1e-12)
    whole = trace.pulls.sum(axis=0)
    assert trace.front_share[-1] == pytest.approx(whole[front].sum() / 1200)
    assert trace.front_evenness[-1] == pytest.approx(entropy(whole[front]) / math.log(front.sum()))
    assert trace.front_coverage[-1] == np.mean(whole[front] >= 1200 / front.sum() / 2)
    early = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=60, seed=1, recorded_rounds=1)
    assert trace.rounds[0] == 60 and early.front_evenness[-1] == trace.front_evenness[0]
