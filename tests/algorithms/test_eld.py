"""The Equity-Lagrangian Dual: its primal step against a grid, its dual by hand, and whether it keeps to the budget.

And the yardstick of the gossip experiments: what all would earn if all heard all.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import numbers_of

import gossipmab as gm
from gossipmab.algorithms.central import eld_primal as rationing
from gossipmab.metrics import equity
from gossipmab.objectives.solvers import maximise_with_bonus, warm_size, welfare_workspace
from gossipmab.utils import parameters
from tests.tiny import printed, refusal, refuses, slow, tiny, world


def grid(K: int, n: int) -> np.ndarray:
    """All distributions over K arms in steps of 1/n."""
    counts = np.stack(np.meshgrid(*[np.arange(n + 1)] * (K - 1), indexing="ij"), -1).reshape(-1, K - 1)
    counts = counts[counts.sum(axis=1) <= n]
    return np.column_stack([counts, n - counts.sum(axis=1)]) / n


@pytest.mark.parametrize("measure", ["mre", "excess"])
@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_the_primal_step_beats_every_point_of_a_grid(measure: str, tau: float) -> None:
    rng, points = np.random.default_rng(0), grid(3, 40)
    for _ in range(6):
        U, price = rng.random((4, 3)), float(rng.uniform(0.5, 8))
        gains = U.sum(axis=0)
        found = rationing.best_at_price(gains, U, price, tau, measure, True, np.ones(3) / 3)
        values = [gains @ p - price * rationing.unequal(p, U, tau, measure) for p in points]
        assert found.exact and found.value >= max(values) - 1e-7
        assert found.value <= max(values) + 0.05 * (price + 4)  # no point is far from a point of the grid


def test_the_search_comes_close_to_the_program_and_never_beats_it() -> None:
    rng, short = np.random.default_rng(1), []
    for _ in range(8):
        U, price = rng.random((5, 4)), float(rng.uniform(0.5, 6))
        gains, start = U.sum(axis=0), np.ones(4) / 4
        best = rationing.best_at_price(gains, U, price, 0.0, "mre", True, start).value
        searched = rationing.best_at_price(gains, U, price, 0.0, "mre", False, start)
        assert not searched.exact and searched.value <= best + 1e-6
        short.append((best - searched.value) / best)
    assert max(short) < 0.1 and np.median(short) < 0.02
    # projection is the nearest distribution
    assert rationing.projected(np.array([0.2, 0.3, 0.5])).tolist() == [0.2, 0.3, 0.5]
    np.testing.assert_allclose(rationing.projected(np.array([2.0, 0.0])), [1, 0])
    np.testing.assert_allclose(rationing.projected(np.array([0.9, 0.5, -1.0])), [0.7, 0.3, 0])


def test_the_dual_variable_by_hand() -> None:
    """Three agents, two arms: arm 0 gives (1, 0.5, 0), e = (0.5, 0, 0.5), H = 1/3, H / N = 1/9."""
    learner = gm.ELD(inequality_budget=0.01, dual_step_size=2.0, alpha=0.0, max_multiplier=0.5)
    state = learner.init(gm.ProblemInfo(3, 2, 1, 100, np.ones((3, 1))))
    learner.plan(state, 1)
    assert not state.policy.any()  # nothing seen
    state.counts[:], state.mean[:] = 5, [[1, 0.1], [0.5, 0.1], [0, 0.1]]
    learner.plan(state, 51)
    assert state.policy.tolist() == [1, 0] and state.multiplier[0] == 0
    learner.plan(state, 101)
    np.testing.assert_allclose(state.multiplier, 2 * (1 / 9 - 0.01))
    for t in (151, 201, 251):
        learner.plan(state, t)
    assert state.multiplier[0] == 0.5  # the cap
    excess = learner._replace(measure="excess", max_multiplier=0.0)
    state.multiplier[0] = 0.0
    excess.plan(state, 301)
    np.testing.assert_allclose(state.multiplier, 2 * (1 / 3 - 0.01))


@pytest.mark.parametrize("measure", [slow("mre"), "excess"])
def test_the_budget_is_kept_on_average(measure: str) -> None:
    """Over the second half of the rounds; without a budget the same instance has more than twice as much inequality."""
    U = np.array([[1.0, 0.3, 0.5], [0.8, 0.4, 0.5], [0.1, 0.9, 0.5], [0.6, 0.2, 0.45]])
    environment = gm.Environment.sample(means=U[:, :, None], preferences=np.ones((4, 1)), rewards="bernoulli", seed=0)
    budget = 0.04 if measure == "mre" else 0.1
    options: dict[str, Any] = {"horizon": 6_000, "seed": 0, "recorded_rounds": 120}
    trace = gm.simulate(gm.ELD(inequality_budget=budget, measure=measure, dual_step_size=0.5, alpha=0.1), environment, **options)
    free = gm.simulate(gm.ELD(inequality_budget=10.0, alpha=0.1), environment, **options)
    kept, was = (getattr(one, measure)[60:].mean() for one in (trace, free))
    assert kept < 1.15 * budget < was / 1.5 and trace.multiplier[-1] > 0 and (free.multiplier == 0).all()
    assert trace.regret[-1] > free.regret[-1]
    played = (U * trace.policy).sum(axis=1)
    np.testing.assert_allclose(trace.mre[-1], equity.equity(played).mean_mre)


def test_blocks_do_not_matter_and_agents_may_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = gm.Environment.sample(agents=10, arms=3, objectives=2, seed=5)
    learner = gm.ELD(inequality_budget=0.01, dual_period=20, exact_agents=4)
    one = gm.simulate(learner, environment, horizon=110, seed=1)
    monkeypatch.setattr("gossipmab.engines.central.BLOCK", 7)
    assert not gm.same_bits(one, gm.simulate(learner, environment, horizon=110, seed=1))


def test_wrong_hyperparameters_are_told() -> None:
    assert "budget: got -1.0" in refusal(parameters.check, gm.ELD(inequality_budget=-1.0))
    assert "period: got 0" in refusal(parameters.check, gm.ELD(dual_period=0))
    assert "measure: 'gini'" in refusal(parameters.check, gm.ELD(measure="gini"))


def twin(
    alpha: float, pooled: bool, environment: gm.Environment, network: gm.Network, horizon: int, away: Any = lambda i, t: False
) -> np.ndarray:
    """(N, K) pulls, by plain NumPy: everybody's averages are pooled, everybody's rewards valued under all preferences.

    away: whether agent i is away in round t.
    """
    N, K, D = environment.means.shape
    numbers = numbers_of(environment, network, horizon, seed=4)
    sums, counts, x = np.zeros((N, K, D)), np.zeros((N, K)), np.zeros(D)
    warm, work, p = np.zeros((N, warm_size(N, K))), welfare_workspace(N, K), np.zeros(K)
    for now in range(1, horizon + 1):
        known, own = sums.copy(), counts.copy()
        for i in (i for i in range(N) if not away(i, now)):
            t = int(own[i].sum()) + 1
            if t <= K:
                p[:] = np.eye(K)[t - 1]
            else:
                mean = (known / np.maximum(own, 1)[:, :, None]).mean(axis=0)
                n = own.sum(axis=0) if pooled else own[i]
                G = environment.preferences @ mean.T
                maximise_with_bonus(G, alpha * np.sqrt(np.log(N * K * t) / n), 1.0, warm[i], work, p)
            arm = int(np.searchsorted(np.cumsum(p), numbers.arms[now - 1, i], side="right"))
            environment.rewards.draw(i, arm, numbers.rewards[now - 1, i], x)
            sums[i, arm] += x
            counts[i, arm] += 1
    return counts


@pytest.mark.parametrize("pooled", [False, True])
def test_it_pools_what_all_know(pooled: bool) -> None:
    environment, network = world(3, 4, 2, "ring", 0.2, rewards="beta", seed=1)
    played = gm.CentralizedNSW(alpha=0.3, pooled=pooled)
    trace = gm.simulate(played, environment, network, horizon=70, seed=4, interpreted=True)
    assert trace.pulls.tolist() == twin(0.3, pooled, environment, network, 70).tolist()
    assert trace.messages[-1] == 0 and trace.bytes[-1] == 0


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [False, True])
def test_interpreted_and_compiled_are_the_same_bits(pooled: bool) -> None:
    played, place = gm.CentralizedNSW(alpha=0.3, pooled=pooled), world(3, 4, 2, "ring", 0.2, seed=1)
    compiled, slowly = (gm.simulate(played, *place, horizon=70, seed=4, interpreted=how) for how in (False, True))
    assert not gm.same_bits(compiled, slowly)


@pytest.mark.parametrize("rounds_away", range(6))
def test_who_is_away_loses_nothing(rounds_away: int) -> None:
    """By turns, so that two agents have the same clock in different rounds."""
    environment = gm.Environment.sample(agents=3, arms=4, objectives=2, rewards="beta", seed=1)
    turns = ((0, 20), (2, 20 + rounds_away)) if rounds_away else ()
    outages = [gm.Outage([agent], first, first + rounds_away - 1) for agent, first in turns]
    network = gm.Network("ring", agents=3, link_probability=0.2, failures=gm.Failures(outages=outages))
    trace = gm.simulate(gm.CentralizedNSW(alpha=0.3), environment, network, horizon=60, seed=4, interpreted=True)
    away = [(one.agents[0], t) for one in outages for t in range(one.first, one.last + 1)]
    assert trace.pulls.tolist() == twin(0.3, False, environment, network, 60, lambda i, t: (i, t) in away).tolist()


def test_links_do_not_matter_to_it() -> None:
    places = [world(4, 3, 2, base, p, seed=1) for base, p in (("complete", 1.0), ("path", 0.1))]
    for seed in (0, 1):
        one, other = (gm.simulate(gm.CentralizedNSW(), *place, horizon=40, seed=seed, interpreted=True) for place in places)
        assert one.pulls.tolist() == other.pulls.tolist()


@pytest.mark.slow
def test_the_price_of_decentralisation_is_a_column_of_the_summary(tmp_path: Path, capsys: Any) -> None:
    spec = tiny(300, 2, algorithms=[{"name": "simulated_nsw_ucb_gossip"}, {"name": "centralized_nsw"}])
    results = gm.run(spec, out=tmp_path / "run", workers=1)
    rows = results.summary().set_index("algorithm")
    assert rows.loc["centralized_nsw", "price_of_decentralisation"] == 1.0
    ratio = rows["nsw_regret"]["simulated_nsw_ucb_gossip"] / rows["nsw_regret"]["centralized_nsw"]
    assert rows.loc["simulated_nsw_ucb_gossip", "price_of_decentralisation"] == ratio
    assert "decentralisation" in printed(capsys, ["summary", str(results.path)])
    refuses(
        "^engine: got actors, allowed with centralized_nsw is threads or ray", gm.run, spec, out=tmp_path / "a", engine="actors"
    )
    alone = {**spec, "algorithms": spec["algorithms"][:1]}
    assert "price_of_decentralisation" not in gm.run(alone, out=tmp_path / "alone", workers=1).summary()
