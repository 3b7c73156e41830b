"""The protocol `assignment`: rounds by hand, a plain twin, exact expectations, bits, capacity, experiment files."""

import math
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.algorithms import ASSIGNERS
from gossipmab.algorithms.assignment import empirical as estimates
from gossipmab.engines import assignment as engine
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.metrics.statistics import growth_exponent
from gossipmab.objectives.probing import assignment as assign, best_probing, distributions, terms, welfare_of_set
from gossipmab.utils.rng import Purpose, RandomSource
from tests.tiny import Patch, everyday, refusal, same_tables, slow

same = gm.same_bits


def world(agents: int = 3, arms: int = 3, rewards: str = "bernoulli", seed: int = 0, objectives: int = 1) -> Any:
    return gm.Environment.sample(agents, arms, objectives, rewards=rewards, seed=seed)


def test_ofmup_by_hand(monkeypatch: Patch) -> None:
    """One agent, Bernoulli arms 0.6 and 0.5, alpha = (0, 0.1, 1), width 0: it believes its averages.

    Best: probe arm 0, 0.9 (0.6 + 0.4 * 0.5) = 0.72. Without probing, arm 0 loses 0.12 and arm 1 loses 0.22.
    t=1: arm 0, 1. t=2: arm 1, 1. t=3: averages (1, 1): probing gains nothing; of equals arm 0, sees 0: 1/2.
    t=4: averages (1/2, 1): R(none) = 1; arm 1, sees 0: 1/2.
    t=5: averages (1/2, 1/2): R({0}) = 0.9 (1/2 + 1/2 * 1/2) = 0.675 > 1/2: probe arm 0, see 1, take it. Average 2/3.
    t=6: R({0}) = 0.9 (2/3 + 1/3 * 1/2) = 0.75 > 2/3: probe arm 0, see 0 < 1/2, take arm 1 unseen: 1.
    """
    coins = gm.Environment.sample(means=[[[0.6], [0.5]]])
    u = np.array([[[0.2, 0.9]], [[0.9, 0.2]], [[0.7, 0.9]], [[0.9, 0.6]], [[0.1, 0.9]], [[0.9, 0.3]]])[..., None]
    block = {Purpose.ARMS: np.zeros((6, 1)), Purpose.REWARDS: u, Purpose.POLICY: np.tile([0, 0.5], (6, 1))}
    monkeypatch.setattr(RandomSource, "block", lambda self, rounds, *threads: block)
    trace = gm.simulate(gm.OFMUP(width=0.0), coins, horizon=6, seed=0, recorded_rounds=6, overhead=[0, 0.1, 1], interpreted=True)
    np.testing.assert_allclose(trace.regret, np.cumsum([0.12, 0.22, 0.12, 0.22, 0, 0]), atol=1e-12)
    np.testing.assert_allclose(trace.cumulative_welfare, np.cumsum([0.6, 0.5, 0.6, 0.5, 0.72, 0.72]), atol=1e-12)
    np.testing.assert_array_equal(trace.cumulative_probes, [0, 0, 0, 0, 1, 2])
    np.testing.assert_array_equal(trace.probes, [2, 0])
    np.testing.assert_array_equal(trace.pulls, [[3, 3]])
    np.testing.assert_allclose(trace.utility, [2.2 + 1.44])
    np.testing.assert_allclose(trace.reward, [1 + 1 + 0 + 0 + 0.9 + 0.9])


def test_rotation_and_warm_starts_by_hand() -> None:
    """Means (0.9, 0.5), (0.4, 0.8), no noise. t=1: arms (0, 1), 0.72. t=2: (1, 0), 0.2. Then 0.72, which is best."""
    environment = gm.Environment.sample(means=[[[0.9], [0.5]], [[0.4], [0.8]]], rewards="deterministic")
    for algorithm in (gm.OFMUP(width=0.0), gm.NonProbing(width=0.0)):
        trace = gm.simulate(algorithm, environment, horizon=4, seed=0, recorded_rounds=4, interpreted=True)
        np.testing.assert_allclose(trace.regret, [0, 0.52, 0.52, 0.52], atol=1e-12)
        np.testing.assert_array_equal(trace.pulls, [[3, 1], [1, 3]])
        np.testing.assert_allclose(trace.utility, [0.9 * 3 + 0.5, 0.8 * 3 + 0.4])
        np.testing.assert_array_equal(trace.utility, trace.reward)
    # N K = 4 rounds in which one agent pulls one arm, probed at alpha(1) = 0.25; the welfare of all is 0.
    trace = gm.simulate(
        gm.OFMUP(width=0.0, warm_start="pairs"), environment, horizon=5, seed=0, recorded_rounds=5, overhead=[0, 0.25, 1],
        interpreted=True,
    )  # fmt: skip
    np.testing.assert_allclose(trace.regret, [0.72, 1.44, 2.16, 2.88, 2.88], atol=1e-12)
    np.testing.assert_array_equal(trace.cumulative_probes, [1, 2, 3, 4, 4])
    np.testing.assert_array_equal(trace.probes, [2, 2])
    np.testing.assert_array_equal(trace.pulls, [[2, 1], [1, 2]])
    np.testing.assert_allclose(trace.utility, [0.75 * 1.4 + 0.9, 0.75 * 1.2 + 0.8])


def test_random_baselines_by_hand() -> None:
    """A random arm: for the product the welfare of the mean of an agent's arms, (0.7)(0.6), at 1 - alpha(1) = 0.75."""
    environment = gm.Environment.sample(means=[[[0.9], [0.5]], [[0.4], [0.8]]], rewards="deterministic")
    options: Any = {"horizon": 10, "seed": 0, "recorded_rounds": 1, "overhead": [0, 0.25, 1], "interpreted": True}
    trace = gm.simulate(gm.RandomProbing(), environment, **options)
    np.testing.assert_allclose(trace.cumulative_welfare, [10 * 0.75 * 0.42])
    np.testing.assert_allclose(trace.regret, [10 * (0.72 - 0.75 * 0.42)])
    np.testing.assert_allclose(trace.utility, [10 * 0.75 * 0.7, 10 * 0.75 * 0.6])
    assert trace.probes.sum() == trace.cumulative_probes[-1] == 10 and (trace.pulls.sum(axis=1) == 10).all()
    none = gm.simulate(gm.RandomProbing(probes=0), environment, welfare="geometric", **options)
    roots = np.sqrt([[0.9, 0.5], [0.4, 0.8]]).mean(axis=1)
    np.testing.assert_allclose(none.cumulative_welfare, [10 * roots.prod()])
    np.testing.assert_allclose(none.regret, [10 * (math.sqrt(0.72) - roots.prod())])
    # 3,000 rounds, 2 of 4 arms: each arm's count is within 4.5 standard errors of 1,500 but once in 36,000 trials.
    trace = gm.simulate(gm.RandomProbing(probes=2), world(2, 4), horizon=3000, seed=0, interpreted=True)
    assert trace.probes.sum() == 6000 and np.abs(trace.probes - 1500).max() < 4.5 * math.sqrt(3000 / 4)


def test_estimates_are_empirical_distributions_and_their_radius_is_that_of_lemma_7() -> None:
    known = estimates.estimates(1, 2, 10)
    for x in (0.3, 0.3, 1.0, 0.55):
        estimates.update_mean(known, 0, 0, x)
    assert estimates.refresh(known) == 4
    np.testing.assert_allclose(known.levels[:4], [0.3, 0.5, 0.6, 1.0])
    np.testing.assert_allclose(known.cdf[0, 0, :4], [0.5, 0.625, 0.75, 1])  # 0.55 is shared by its neighbours
    np.testing.assert_allclose(known.cdf[0, 1, :4], 1)
    assert known.means[0, 0] == pytest.approx(2.15 / 4)
    # Lemma 7 with muhat = 1/2, n = 8, ln = 4: sqrt(2 (1/4) 4 / 8) + 4 / 24 = 1/2 + 1/6; at muhat = 1 only the second.
    assert estimates.radius(0.5, 8, 4.0) == pytest.approx(2 / 3)
    assert estimates.radius(1.0, 8, 4.0) == pytest.approx(1 / 6) and estimates.radius(0.5, 0, 4.0) == math.inf


@pytest.mark.parametrize("bounds", ["bernstein", "jones"])
def test_bounds_of_the_non_probing_baseline(bounds: str) -> None:
    """muhat = 1/2 after two rewards: the plain formulas, N K = 2, T = 10^6, t = 7; width keeps them below 1."""
    algorithm = gm.NonProbing(bounds=bounds, width=0.01)
    info = gm.ProblemInfo(1, 2, 1, 10**6, np.ones((1, 1)), costs=terms(1, 2))
    state, index = algorithm.init(info), np.zeros((1, 2))
    for x in (0.0, 1.0):
        algorithm.update(state, 0, 0, x)
        algorithm.update(state, 0, 1, 1.0)
    algorithm.ucb_index(state, 7, index)
    log = math.log(2 * 2 * 10**6 / 0.05)
    wide = math.sqrt(2 * 0.25 * log / 2) + log / 6
    if bounds == "jones":
        level = 12 * math.log(4 * 2 * 7 / 0.05) / 2
        wide = level + math.sqrt(0.5 * level)
    np.testing.assert_allclose(index, [[0.5 + 0.01 * wide, 1.0]])


def average(rewards: list[float]) -> float:
    """One reward after another, as the centre does: averages that are equal but for rounding would break ties elsewhere."""
    mean = 0.0
    for n, x in enumerate(rewards, 1):
        mean += (x - mean) / n
    return mean


def twin(environment: Any, horizon: int, overhead: Any, power: float, seed: int) -> dict[str, Any]:
    """OFMUP of width 0.1 in plain NumPy: empirical distributions as lists of rewards, expectations over all joint outcomes."""
    N, K, _ = environment.means.shape
    shapes = {Purpose.REWARDS: environment.means.shape}
    drawn = RandomSource({"seed": seed, "trial": 0, "label": ""}, shapes).block(horizon)
    rewards = environment.rewards.prepare(drawn[Purpose.REWARDS])
    budget = len(overhead) - 1
    seen: list[list[list[float]]] = [[[] for _ in range(K)] for _ in range(N)]
    known = distributions(environment)
    masses = np.diff(known.cdf, axis=2, prepend=0.0)
    welfare, pulls, probes = [], np.zeros((N, K), int), np.zeros(K, int)
    x = np.zeros(1)

    def reward(t: int, j: int, k: int) -> float:
        environment.rewards.draw(j, k, rewards[t - 1, j, k], x)
        return float(x[0])

    def best_of(j: int, chosen: Any, floor: float) -> float:
        """E[max(floor, max of the empirical rewards)^power] of one agent."""
        values = [np.unique(seen[j][k], return_counts=True) for k in chosen]
        total = 0.0
        for outcome in product(*[range(len(v)) for v, _ in values]):
            chance = math.prod(c[o] / c.sum() for (_, c), o in zip(values, outcome, strict=True))
            total += chance * max([floor, *[v[o] for (v, _), o in zip(values, outcome, strict=True)]]) ** power
        return total

    for t in range(1, horizon + 1):
        if t <= K:
            arms = [(j + t - 1) % K for j in range(N)]
            welfare.append(math.prod(known.means[j, arms[j]] ** power for j in range(N)))
            for j in range(N):
                seen[j][arms[j]].append(reward(t, j, arms[j]))
                pulls[j, arms[j]] += 1
            continue
        mean = np.array([[average(s) for s in row] for row in seen])
        order: list[int] = []
        for _ in range(budget):
            left = [k for k in range(K) if k not in order]
            gains = [math.prod(best_of(j, [*order, k], 0.0) for j in range(N)) for k in left]
            order.append(left[int(np.argmax(np.array(gains) > max(gains) * (1 - 1e-12)))])
        values = []
        for size in range(budget + 1):
            out = [k for k in range(K) if k not in order[:size]]
            floors = [max((mean[j, k] for k in out), default=0.0) for j in range(N)]
            values.append((1 - overhead[size]) * math.prod(best_of(j, order[:size], floors[j]) for j in range(N)))
        chosen = sorted(order[: int(np.argmax(np.array(values) > max(values) * (1 - 1e-12)))])
        log = math.log(2 * N * K * horizon / 0.05)
        revealed = {(j, k): reward(t, j, k) for j in range(N) for k in chosen}
        for (j, k), value in revealed.items():
            seen[j][k].append(value)
        probes[chosen] += 1
        count = np.array([[len(s) for s in row] for row in seen])
        upper = np.minimum(1, mean + 0.1 * (np.sqrt(2 * (mean - mean**2) * log / count) + log / (3 * count)))
        out = [k for k in range(K) if k not in chosen]
        expected = 1.0
        for j in range(N):
            fallback = out[int(np.argmax(upper[j, out]))] if out else -1
            total = 0.0
            for outcome in product(range(len(known.levels)), repeat=len(chosen)):
                chance = math.prod(masses[j, k, o] for k, o in zip(chosen, outcome, strict=True))
                top = max((known.levels[o] for o in outcome), default=-1.0)
                take = fallback < 0 or top >= upper[j, fallback]
                total += chance * (top if take else known.means[j, fallback]) ** power
            expected *= total
            mine = {k: revealed[j, k] for k in chosen}
            arm = max(mine, key=lambda k: (mine[k], -k)) if mine else -1
            if arm < 0 or (fallback >= 0 and mine[arm] < upper[j, fallback]):
                arm = fallback
                seen[j][arm].append(reward(t, j, arm))
            pulls[j, arm] += 1
        welfare.append((1 - overhead[len(chosen)]) * expected)
    return {"welfare": np.cumsum(welfare), "pulls": pulls, "probes": probes}


@pytest.mark.parametrize("welfare", ["product", "geometric"])
@pytest.mark.parametrize("rewards", ["bernoulli", "discrete"])
def test_ofmup_is_its_plain_twin(welfare: str, rewards: str) -> None:
    overhead, probes = [0, 0.001, 0.02, 0.5], 0
    for seed in (3, 4):
        means = 0.4 + 0.3 * np.random.default_rng(seed).random((2, 3, 1))
        environment = gm.Environment.sample(means=means, rewards=rewards)
        trace = gm.simulate(
            gm.OFMUP(width=0.1), environment, horizon=60, seed=seed, recorded_rounds=60, welfare=welfare, overhead=overhead,
            interpreted=True,
        )  # fmt: skip
        expected = twin(environment, 60, overhead, 0.5 if welfare == "geometric" else 1.0, seed)
        np.testing.assert_array_equal(trace.pulls, expected["pulls"])
        np.testing.assert_array_equal(trace.probes, expected["probes"])
        np.testing.assert_allclose(trace.cumulative_welfare, expected["welfare"], rtol=1e-9)
        best = best_probing(distributions(environment), terms(2, 3, overhead=overhead, welfare=welfare)).value
        np.testing.assert_allclose(trace.regret, best * trace.rounds - trace.cumulative_welfare, atol=1e-9)
        probes += trace.probes.sum()
    assert probes > 20


@pytest.mark.parametrize("name", sorted(ASSIGNERS))
@pytest.mark.parametrize("welfare", ["product", "geometric"])
def test_every_algorithm_keeps_the_books(name: str, welfare: str) -> None:
    environment, algorithm = world(4, 3, "discrete", seed=2), ASSIGNERS[name]()
    options: Any = {"horizon": 200, "seed": 1, "recorded_rounds": 20, "welfare": welfare, "interpreted": True}
    trace = gm.simulate(algorithm, environment, **options)
    assert (trace.pulls.sum(axis=1) == 200).all() and trace.probes.sum() == trace.cumulative_probes[-1]
    assert (np.diff(trace.regret) >= -1e-9).all() and (np.diff(trace.cumulative_welfare) > 0).all()  # no policy beats the best one
    t = terms(4, 3, welfare=welfare)
    best = best_probing(distributions(environment), t).value
    np.testing.assert_allclose(trace.regret + trace.cumulative_welfare, best * trace.rounds)
    assert (trace.utility > 0).all() and (trace.reward > 0).all()
    assert trace.agents == 4 and set(trace.per_round()) == {"round", "regret", "cumulative_welfare", "cumulative_probes"}
    assert not same(trace, gm.simulate(algorithm, environment, **options))


@pytest.mark.parametrize("name", everyday(sorted(ASSIGNERS), "ofmup"))
def test_interpreted_and_compiled_play_the_same_bits(name: str) -> None:
    environment = world(3, 3, "bernoulli", seed=4, objectives=2)
    options: Any = {"horizon": 40, "seed": 2, "recorded_rounds": 40, "overhead": "quadratic", "welfare": "geometric"}
    compiled, plain = (gm.simulate(ASSIGNERS[name](), environment, interpreted=i, **options) for i in (False, True))
    assert not same(compiled, plain)


def test_any_blocks_and_any_record_give_the_same_bits_of_the_same_rewards(monkeypatch: Patch) -> None:
    environment = world(3, 3, seed=5)
    whole = gm.simulate(gm.OFMUP(), environment, horizon=90, seed=3, recorded_rounds=90)
    monkeypatch.setattr(engine, "BLOCK_NUMBERS", 7 * (9 + 3 + 3))
    assert not same(whole, gm.simulate(gm.OFMUP(), environment, horizon=90, seed=3, recorded_rounds=90))
    some = gm.simulate(gm.OFMUP(), environment, horizon=90, seed=3, recorded_rounds=7)
    np.testing.assert_array_equal(some.regret, whole.regret[some.rounds - 1])
    # Coupled: with the same arms pulled, the same rewards; another label, others.
    options: Any = {"horizon": 9, "seed": 0, "interpreted": True}
    draws = [gm.simulate(gm.NonProbing(), world(2, 2, seed=6), stream_label=label, **options).reward for label in ("", "", "x")]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


@pytest.mark.parametrize("welfare", ["product", "geometric"])
def test_utility_and_reward_agree_in_the_mean(welfare: str) -> None:
    """Their difference is a martingale: 5,000 rounds of steps below 1 exceed 4.5 standard deviations once in 10^5."""
    trace = gm.simulate(gm.OFMUP(), world(3, 4, "bernoulli", seed=7), horizon=5000, seed=4, welfare=welfare, overhead="quadratic")
    assert np.abs(trace.utility - trace.reward).max() < 4.5 * 0.5 * math.sqrt(5000)


@pytest.mark.slow
def test_ofmup_learns_and_leaves_its_baselines_behind() -> None:
    """12 agents on 8 arms, fixed seed: regret flattens, and is the least of the four."""
    environment = world(12, 8, seed=0)
    regret = {}
    for name, algorithm in ASSIGNERS.items():
        trace = gm.simulate(algorithm(), environment, horizon=3000, seed=0, welfare="geometric", overhead="quadratic")
        regret[name] = trace.regret
        if name == "ofmup":
            assert growth_exponent(trace.rounds, trace.regret) < 0.6
    assert min(regret, key=lambda name: float(regret[name][-1])) == "ofmup"
    assert regret["ofmup"][-1] < 0.2 * regret["greedy_probing"][-1]


@pytest.mark.slow
def test_assignments_keep_the_capacity(monkeypatch: Patch) -> None:
    """Every matrix that is played has rows that sum to 1 and columns of at most c; regret is small once all is known."""
    played = []

    def spy(values: Any, capacity: float, pi: Any, work: Any) -> float:
        found = float(assign.assign(values, capacity, pi, work))
        played.append(pi.copy())
        return found

    monkeypatch.setattr(engine, "assign", type("Spy", (), {"assign": staticmethod(spy), "scratch": assign.scratch}))
    environment = world(4, 3, "discrete", seed=3)
    trace = gm.simulate(gm.OFMUP(width=0.1), environment, horizon=120, seed=0, capacity=1.5, samples=50, interpreted=True)
    matrices = np.array(played)
    assert len(matrices) == 120 - 3
    np.testing.assert_allclose(matrices.sum(axis=2), 1, atol=1e-9)
    assert matrices.sum(axis=1).max() <= 1.5 + 1e-6 and matrices.min() >= 0 and (trace.pulls.sum(axis=1) == 120).all()


@pytest.mark.slow
def test_a_capacity_costs_welfare_and_bits_stay() -> None:
    environment = world(4, 4, "discrete", seed=8)
    options: Any = {"horizon": 300, "seed": 0, "overhead": "quadratic"}
    free = gm.simulate(gm.OFMUP(), environment, **options)
    tight = gm.simulate(gm.OFMUP(), environment, capacity=1.0, **options)
    assert not same(tight, gm.simulate(gm.OFMUP(), environment, capacity=1.0, **options))
    best = [trace.regret[-1] + trace.cumulative_welfare[-1] for trace in (tight, free)]
    assert best[0] < best[1]
    assert not same(free, gm.simulate(gm.OFMUP(), environment, capacity=4.0, **options))  # it does not bind
    known = distributions(environment)
    values = [welfare_of_set(known, terms(4, 4), c) for size in range(3) for c in combinations(range(4), size)]
    assert max(values) <= 1


SPEC: dict[str, Any] = {
    "experiment": {"name": "p", "protocol": "assignment", "horizon": 60, "trials": 3, "seed": 1, "recorded_rounds": 6},
    "environment": {"agents": 4, "arms": 3, "objectives": 1},
    "probing": {"budget": 2, "overhead": [0, 0.05, 1]},
    "algorithms": [{"name": name} for name in ASSIGNERS],
}


def altered(**sections: Any) -> dict[str, Any]:
    return {**SPEC, **{name: {**SPEC.get(name, {}), **values} for name, values in sections.items()}}


@pytest.mark.slow
def test_a_run_has_the_same_files_for_any_number_of_workers(tmp_path: Path) -> None:
    one, two = (gm.run(SPEC, out=tmp_path / str(n), workers=n) for n in (1, 2))
    assert same_tables(one.path, two.path)
    assert list(one.table().columns) == ["algorithm", "trial", "round", "regret", "cumulative_welfare", "cumulative_probes"]
    agents = one.agents()
    assert {"utility", "reward", "excess", "equity_mre", "equity_gini"} <= set(agents.columns) and len(agents) == 4 * 3 * 4
    summary = one.summary().set_index("algorithm")
    assert {"regret", "regret_exponent", "cumulative_welfare", "cumulative_probes"} <= set(summary.columns)
    trace = next(iter(one.traces.values()))
    alone = gm.simulate(gm.OFMUP(), world(4, 3, seed=1), horizon=60, seed=1, recorded_rounds=6, budget=2, overhead=[0, 0.05, 1])
    assert not same(trace, alone)
    again = load_spec(one.path / "spec.toml")
    assert again.points[0].probing == one.spec.points[0].probing and again.hash == one.spec.hash
    # budget and overhead can be swept
    spec = {**SPEC, "sweep": {"probing.overhead": ["linear", [0, 0.5, 1], [0, 0.1, 0.9]]}}
    results = gm.run(spec, out=tmp_path / "run")
    probing = results.summary()
    assert len(probing) == 3 * 4 and probing["overhead"].nunique() == 3
    assert results.spec.hash == load_spec(results.path / "spec.toml").hash


@pytest.mark.parametrize(("data", "words"), [
    (altered(probing={"capacity": 1.0}), "probing.capacity: got 1, but 4 agents on 3 arms need at least 4/3"),
    (altered(probing={"overhead": 3}), "probing.overhead"), (altered(probing={"budgte": 3}), "did you mean 'budget'"),
    (altered(environment={"rewards": "gaussian"}), "environment.rewards: got gaussian"),
    ({**SPEC, "algorithms": [{"name": "random_probing", "probes": 3}]}, "algorithms.random_probing.probes: got 3"),
    ({**SPEC, "algorithms": [{"name": "ofmup", "delta": 0.0}]}, "algorithms.ofmup.delta: got 0"),
    ({**SPEC, "algorithms": [{"name": "ofmup", "choice": "best"}]}, "choice"),
    ({**SPEC, "algorithms": [{"name": "pareto_ucb"}]}, "pareto_ucb"),
    (altered(network={"base": "complete"}), "network: is for protocol"),
    (altered(network={"base": "complete"}, experiment={"protocol": "gossip"}), "probing: is for protocol"),
])  # fmt: skip
def test_what_cannot_be_played_is_refused(data: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refusal(gm.run, data, out=tmp_path / "run")


@pytest.mark.parametrize(("algorithm", "words"), [
    (gm.OFMUP(delta=1.0), "delta"), (gm.OFMUP(width=-1.0), "width"), (gm.OFMUP(bins=0), "bins"), (gm.OFMUP(zeta=0.5), "zeta"),
    (gm.OFMUP(warm_start="pair"), "did you mean 'pairs'"),
    (gm.NonProbing(bounds="jonse"), "did you mean 'jones'"), (gm.NonProbing(delta=0.0), "delta"),
    (gm.NonProbing(width=math.inf), "width"), (gm.NonProbing(warm_start="none"), "warm_start"),
    (gm.GreedyProbing(bins=0), "bins"), (gm.GreedyProbing(gain="x"), "gain"), (gm.GreedyProbing(warm_start="x"), "warm_start"),
    (gm.RandomProbing(probes=-1), "probes"), (gm.RandomProbing(probes=4), "probes: got 4, allowed by the budget are at most 3"),
])  # fmt: skip
def test_hyperparameters_out_of_range_are_refused(algorithm: Any, words: str) -> None:
    assert words in refusal(gm.simulate, algorithm, world(), horizon=5, seed=0)
    assert "samples" in refusal(gm.simulate, gm.OFMUP(), world(), horizon=5, seed=0, samples=0)


class ProbeFirst(NamedTuple):
    """From outside the package: always probes arm 0, believes every other arm to be worth `belief`."""

    belief: float = 0.5
    warm_start = "none"
    assigns_at_random = False

    def check(self) -> None:
        pass

    def init(self, task: Any) -> Any:
        return np.zeros((task.agents, task.arms))

    def select(self, state: Any, t: int, probed: Any) -> None:
        for k in range(probed.shape[0]):
            probed[k] = 1 if k == 0 else 0

    def ucb_index(self, state: Any, t: int, index: Any) -> None:
        for j in range(index.shape[0]):
            for k in range(index.shape[1]):
                index[j, k] = self.belief

    def update(self, state: Any, j: int, arm: int, x: float) -> None:
        state[j, arm] += x


@pytest.mark.parametrize("plain", [True, slow(False)])
def test_an_algorithm_from_outside_the_package(plain: bool) -> None:
    """One agent, arms 0.6 and 0.3, alpha(1) = 0.1: takes arm 0 where it pays 1, else arm 1: 0.9 (0.6 + 0.4 * 0.3) = 0.648."""
    environment = gm.Environment.sample(means=[[[0.6], [0.3]]])
    trace = gm.simulate(ProbeFirst(), environment, horizon=50, seed=0, overhead=[0, 0.1], recorded_rounds=1, interpreted=plain)
    np.testing.assert_allclose(trace.cumulative_welfare, [50 * 0.648])
    np.testing.assert_allclose(trace.regret, 0, atol=1e-9)  # that is the best there is
    # more probes than the budget cost everything
    greedy: Any = type("Greedy", (ProbeFirst,), {"select": lambda self, state, t, probed: probed.fill(1)})
    trace = gm.simulate(greedy(), world(2, 3), horizon=5, seed=0, overhead=[0, 0.1], interpreted=True)
    np.testing.assert_array_equal(trace.cumulative_welfare, 0)
