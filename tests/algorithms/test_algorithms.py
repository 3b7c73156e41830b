"""The algorithms against their plain twins, and what every registered algorithm must hold.

Twins are fed with the numbers of the cell's streams, drawn here again from the streams themselves.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import twins
from scipy.special import betaincinv, ndtri
from twins import EliminationTwin, FairTwin, Game, Numbers, ParetoTwin, fair_objective, maximise_multi_start, play

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from tests.tiny import everyday, slow, world

REWARDS = ("bernoulli", "beta", "gaussian", "discrete", "deterministic", "table")
# Every registered algorithm with its defaults, so that a new one is covered, and the variants that are flags.
VARIANTS: dict[str, Any] = {name: algorithm() for name, algorithm in ALGORITHMS.items()} | {
    "pooled": gm.ParetoUCBGossip(pooled=True),
    "eager elimination": gm.ParetoGossip(sampling=0.3, burn_in=0.02, mixing=0.02),
    "no_gossip": gm.SimulatedNSWUCBGossip(no_gossip=True),
    "no_sim": gm.SimulatedNSWUCBGossip(no_sim=True),
    "rescaled": gm.SimulatedNSWUCBGossip(no_sim=True, rescale=True),
    "geometric": gm.SimulatedNSWUCBGossip(welfare="geometric"),
    "local solver": gm.SimulatedNSWUCBGossip(solver="local"),
}
PARETO = ["pareto_ucb_gossip", "pareto_ucb", "pareto_gossip", "pooled", "eager elimination"]
FAIR = ["simulated_nsw_ucb_gossip", "no_gossip", "no_sim", "rescaled", "geometric"]


def reward_twin(model: str, environment: Any, table: pd.DataFrame | None = None) -> Callable[[int, int, np.ndarray], np.ndarray]:
    """The reward vector from the raw uniform numbers, by the textbook inverse of each distribution function."""
    mu = environment.means

    def discrete(mean: float, u: float) -> float:
        """The six values plus the end on the mean's side: the end first, then the values in ascending order."""
        end = abs(mean - 0.55) / 0.25
        masses = np.concatenate([[end], np.full(6, (1 - end) / 6)])
        values = [0.8 if mean > 0.55 else 0.3, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
        return values[min(int(np.searchsorted(np.cumsum(masses), u, side="right")), 6)]

    def resample(i: int, k: int, u: np.ndarray) -> np.ndarray:
        assert table is not None
        rows = table[(table.agent == i) & (table.arm == k)].filter(like="reward_").to_numpy()
        return rows[int(u[0] * len(rows))]

    return {
        "bernoulli": lambda i, k, u: (u < mu[i, k]).astype(float),
        "beta": lambda i, k, u: np.where(mu[i, k] % 1 == 0, mu[i, k], betaincinv(10 * mu[i, k], 10 * (1 - mu[i, k]), u)),
        "gaussian": lambda i, k, u: mu[i, k] + 0.1 * ndtri(u),
        "discrete": lambda i, k, u: np.array([discrete(mean, number) for mean, number in zip(mu[i, k], u, strict=True)]),
        "deterministic": lambda i, k, u: mu[i, k],
        "table": resample,
    }[model]


def logged(folder: Path, agents: int, arms: int, objectives: int, seed: int) -> tuple[Path, pd.DataFrame]:
    """A table of 3 to 6 rewards of every agent and arm, shuffled, and its file."""
    rng = np.random.default_rng(seed)
    rows = [[i, k, *rng.random(objectives)] for i in range(agents) for k in range(arms) for _ in range(rng.integers(3, 7))]
    names = ["agent", "arm", *(f"reward_{d + 1}" for d in range(objectives))]
    table = pd.DataFrame(rows, columns=names).sample(frac=1, random_state=seed)
    table.to_csv(folder / "log.csv", index=False)
    return folder / "log.csv", table


def game_of(environment: Any, network: Any, model: str = "bernoulli", table: Any = None) -> Game:
    return Game(
        environment.means, environment.preferences, [(int(i), int(j)) for i, j in network.edges], network.link_probability,
        network.weights, reward_twin(model, environment, table),
    )  # fmt: skip


def numbers_of(environment: Any, network: Any, horizon: int, seed: int, trial: int = 0) -> Numbers:
    """The cell's raw uniform numbers, from the streams that the design names."""
    N, _, D = environment.means.shape
    keys = [np.random.SeedSequence(seed, spawn_key=(trial, 0, purpose)) for purpose in (1, 2, 3)]
    arms, rewards, links = (np.random.Generator(np.random.PCG64(key)) for key in keys)
    return Numbers(links.random((horizon, len(network.edges))), arms.random((horizon, N)), rewards.random((horizon, N, D)))


def twin_of(algorithm: Any, environment: Any, network: Any, horizon: int, **more: Any) -> Any:
    N, K, D = environment.means.shape
    if isinstance(algorithm, gm.ParetoUCBGossip):
        return ParetoTwin(N, K, D, pooled=algorithm.pooled, consensus=algorithm.consensus)
    if isinstance(algorithm, gm.ParetoUCB):
        return ParetoTwin(N, K, D, gossiping=False)
    if isinstance(algorithm, gm.ParetoGossip):
        connectivity = twins.algebraic_connectivity(N, [tuple(edge) for edge in network.edges])
        known = {"horizon": horizon, "link_probability": network.link_probability, "connectivity": connectivity}
        return EliminationTwin(N, K, D, **known, factors=(algorithm.sampling, algorithm.burn_in, algorithm.mixing))
    root = 1.0 / N if algorithm.welfare == "geometric" else 1.0
    flags = {name: getattr(algorithm, name) for name in ("alpha", "no_gossip", "no_sim", "rescale")}
    return FairTwin(N, K, environment.preferences, root=root, **flags, **more)


def same_play(trace: Any, kept: dict[str, Any], atol: float = 1e-9) -> None:
    """Arms by their cumulated means (pulls at the end, regrets and messages at every round)."""
    for name in ("pulls", "messages", "bytes", "messages_sent"):
        np.testing.assert_array_equal(getattr(trace, name), kept[name], err_msg=name)
    for name, rtol, most in (
        ("pareto_regret", 0, 1e-9), ("nsw_regret", 1e-8, atol), ("disagreement", 0, 1e-10), ("sampling_error", 0, 1e-10),
        ("utility", 1e-11, 0),
    ):  # fmt: skip
        np.testing.assert_allclose(getattr(trace, name), kept[name], rtol=rtol, atol=most, err_msg=name)


WORLDS: list[tuple[Any, ...]] = [  # agents, arms, objectives, base, p, weights
    (4, 3, 2, "complete", 0.5, "laplacian"),
    (6, 5, 3, "cycle_graph", 0.3, "metropolis"),
    (34, 4, 2, "karate_club", 0.2, "lazy_metropolis"),
    (5, 6, 4, "star_graph", 0.7, "max_degree"),
    (3, 2, 1, "path_graph", 1.0, "metropolis"),
    (7, 8, 2, "cycle_graph", 0.9, "laplacian"),
]


def base_of(name: str, agents: int) -> Any:
    if name in ("complete", "karate_club"):
        return name
    return nx.star_graph(agents - 1) if name == "star_graph" else getattr(nx, name)(agents)


@pytest.mark.parametrize("name", FAIR)
@pytest.mark.parametrize("sizes", [WORLDS[0], (3, 5, 2, "path_graph", 0.6, "metropolis")], ids=lambda s: "-".join(map(str, s)))
def test_fair_algorithms_follow_their_twins(name: str, sizes: tuple[Any, ...], alone: Callable[..., Any]) -> None:
    """The twin plays the package's distributions; everything else must then agree, and no distribution be beaten.

    Two maximisers of equal value may differ, so the objective is compared: the package's distribution must reach the best of
    a multi-start search (checked on every tenth round) to 1e-7 relative.
    """
    N, K, D, base, p, weights = sizes
    horizon = 60
    environment, network = world(N, K, D, base_of(base, N), p, weights, seed=2)
    algorithm = VARIANTS[name]
    game = alone(algorithm, environment, network, horizon=horizon, seed=2)
    trace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=2, recorded_rounds=horizon)
    twin = twin_of(algorithm, environment, network, horizon)
    checked = 0

    def follow(t: int) -> np.ndarray:
        nonlocal checked
        p = game.p[t - 1]
        if t <= K:
            np.testing.assert_array_equal(p, twin.select(t))
        elif t % 10 in (0, 4):
            for i in range(N):
                given = twin.estimate(i), twin.bonus(i, t), twin.root
                best = float(fair_objective(maximise_multi_start(*given, starts=5), *given))
                assert fair_objective(p[i], *given) >= best * (1 - 1e-7)
                checked += 1
        return p

    kept = play(twin, game_of(environment, network), numbers_of(environment, network, horizon, 2), horizon, follow)
    np.testing.assert_array_equal(game.arms, kept["arms"])
    same_play(trace, kept, atol=1e-8)
    assert checked > 9 * N
    for i, state in enumerate(game.states):
        np.testing.assert_array_equal(state.counts[i], twin.counts[i])


@pytest.mark.parametrize("sizes", WORLDS, ids=lambda s: "-".join(map(str, s)))
@pytest.mark.parametrize("name", PARETO)
def test_pareto_algorithms_decide_like_their_twins(name: str, sizes: tuple[Any, ...], alone: Callable[..., Any]) -> None:
    N, K, D, base, p, weights = sizes
    horizon = 60 if N > 20 else 150
    seed = K + D
    environment, network = world(N, K, D, base_of(base, N), p, weights, seed=seed)
    algorithm = VARIANTS[name]
    twin = twin_of(algorithm, environment, network, horizon)
    kept = play(twin, game_of(environment, network), numbers_of(environment, network, horizon, seed), horizon)
    trace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=seed, recorded_rounds=horizon)
    same_play(trace, kept)
    if N < 20:  # every distribution and every arm, and that own rows and received messages suffice (below: with NaN elsewhere)
        game = alone(algorithm, environment, network, horizon=horizon, seed=seed)
        np.testing.assert_array_equal(game.arms, kept["arms"])
        np.testing.assert_allclose(game.p, kept["distribution"], rtol=0, atol=1e-15)
        np.testing.assert_allclose(game.local[-1], twin.local, rtol=0, atol=1e-12)
        if algorithm.communicates:
            np.testing.assert_allclose(game.world[-1], twin.world, rtol=0, atol=1e-12)


@pytest.mark.parametrize("model", REWARDS)
def test_every_reward_model_draws_like_its_twin(model: str, tmp_path: Path) -> None:
    """Interpreted, to spare a compilation per model; compiled and interpreted are compared below and in test_compiled."""
    table, frame = logged(tmp_path, 4, 3, 2, seed=3)
    more = {"logged_rewards": table} if model == "table" else {}
    environment, network = world(4, 3, 2, seed=5, rewards=model, **more)
    algorithm = gm.ParetoUCBGossip(pooled=True)
    twin, game = twin_of(algorithm, environment, network, 120), game_of(environment, network, model, frame)
    kept = play(twin, game, numbers_of(environment, network, 120, 5), 120)
    trace = gm.simulate(algorithm, environment, network, horizon=120, seed=5, recorded_rounds=120, interpreted=True)
    same_play(trace, kept)


def test_fair_twin_decides_by_itself_over_two_arms() -> None:
    """With two arms a grid search is exact enough to play 60 rounds without leaving the package's path.

    Rewards are gaussian and links certain, so that no two maximisers tie (as they do while rows are still zero).
    """
    environment, network = world(4, 2, 2, p=1.0, seed=8, rewards="gaussian")
    for name in FAIR:
        twin = twin_of(VARIANTS[name], environment, network, 60, maximise=twins.maximise_two_arms)
        kept = play(twin, game_of(environment, network, "gaussian"), numbers_of(environment, network, 60, 8), 60)
        trace = gm.simulate(VARIANTS[name], environment, network, horizon=60, seed=8, recorded_rounds=60, interpreted=True)
        same_play(trace, kept, atol=1e-4)  # welfare at a distribution that a grid of 1e-8 and a certificate of 1e-8 place


@pytest.mark.parametrize(("trials", "horizon"), [(25, 60), slow(200, 150)])
@pytest.mark.parametrize("name", everyday((*PARETO, *FAIR), "pareto_ucb_gossip", "simulated_nsw_ucb_gossip"))
def test_regret_of_many_trials_is_that_of_the_twins(name: str, trials: int, horizon: int) -> None:
    """Package minus twin, final Pareto and NSW regret summed over the agents, on the same environments.

    The twin's numbers come from another generator than the package's, so that nothing but the law is shared. Four standard
    errors; seeds are fixed, so this passes or fails for good. Over other seeds, 2 x 10 normal means would raise a false alarm in
    about 20 x 6.3e-5 = 0.13 % of all draws.
    """
    generator, difference = np.random.default_rng(2026), np.zeros((trials, 2))
    algorithm = VARIANTS[name]
    arms = 2 if isinstance(algorithm, gm.SimulatedNSWUCBGossip) else 4
    for trial in range(trials):
        environment, network = world(3, arms, 2, p=0.6, seed=77, trial=trial)
        more = {"maximise": twins.maximise_two_arms} if isinstance(algorithm, gm.SimulatedNSWUCBGossip) else {}
        twin = twin_of(algorithm, environment, network, horizon, **more)
        numbers = Numbers(*(generator.random((horizon, *shape)) for shape in ((len(network.edges),), (3,), (3, 2))))
        kept = play(twin, game_of(environment, network), numbers, horizon)
        trace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=77, trial=trial, recorded_rounds=1)
        difference[trial] = [getattr(trace, x)[-1].sum() - kept[x][-1].sum() for x in ("pareto_regret", "nsw_regret")]
    error = difference.std(axis=0, ddof=1) / np.sqrt(len(difference))
    assert (error > 0).any()
    assert (np.abs(difference.mean(axis=0)) <= 4 * error + 1e-9).all(), (difference.mean(axis=0), error)


@pytest.mark.parametrize("name", VARIANTS)
def test_an_agent_needs_only_its_row_and_its_messages(name: str, alone: Callable[..., Any]) -> None:
    """`alone` gives every agent NaN for all that it has not received: the same numbers must come out, bit for bit, none NaN.

    And every select is a distribution, and the first rounds try every arm.
    """
    environment, network = world(5, 4, 3, base_of("cycle_graph", 5), 0.5, "metropolis", seed=4)
    game = alone(VARIANTS[name], environment, network, horizon=50, seed=4)
    trace = gm.simulate(VARIANTS[name], environment, network, horizon=50, seed=4, recorded_rounds=50)
    for field in ("p", "x", "local", "world"):
        assert np.isfinite(getattr(game, field)).all(), field
    assert (game.p >= 0).all()
    np.testing.assert_allclose(game.p.sum(axis=2), 1.0, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(game.arms[:4], np.repeat(np.arange(4), 5).reshape(4, 5))
    gaps = np.array([np.bincount(game.arms[:, i], minlength=4) for i in range(5)])
    np.testing.assert_array_equal(trace.pulls, gaps)
    mean = game.local.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(trace.disagreement, np.abs(game.world - mean).reshape(50, -1).max(axis=1), rtol=0, atol=1e-13)


def test_the_poison_would_be_noticed(alone: Callable[..., Any]) -> None:
    """An algorithm that peeks at a stranger's row must come out as NaN, else the test above tests nothing."""

    class Peeking(gm.ParetoUCBGossip):
        def update(self, state: Any, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
            super().update(state, i, t, arm, x, neighbours)
            state.global_mean[i] += 0.0 * state.sent_global_mean[(i + 2) % 5]

    environment, network = world(5, 4, 3, base_of("cycle_graph", 5), 0.5, seed=4)
    with np.errstate(invalid="ignore"):
        game = alone(Peeking(), environment, network, horizon=5, seed=4)
    assert np.isnan(game.world).any()


@pytest.mark.parametrize("name", everyday(VARIANTS, "pareto_ucb_gossip"))
def test_regret_does_not_depend_on_how_arms_and_agents_are_numbered(name: str) -> None:
    """Mean regrets of 100 trials, as numbered and permuted, and pulls by agent and arm: within 4 standard errors."""
    environment, network = world(4, 3, 2, p=0.6, seed=3)
    agents, arms = [1, 3, 2, 0], [2, 0, 1]
    numbered = gm.Environment.sample(means=environment.means[agents][:, arms], preferences=environment.preferences[agents])
    ends = []
    for played, seed, order in ((environment, 0, range(4)), (numbered, 1, np.argsort(agents))):
        traces = [gm.simulate(VARIANTS[name], played, network, horizon=150, seed=seed, trial=k) for k in range(100)]
        regrets = [(trace.nsw_regret[-1].sum(), trace.pareto_regret[-1].sum()) for trace in traces]
        ends.append(np.hstack([[trace.pulls[order].ravel() for trace in traces], regrets]))
    one, other = ends
    other[:, :12] = other[:, :12].reshape(100, 4, 3)[:, :, np.argsort(arms)].reshape(100, 12)
    error = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / 100)
    near = np.abs(one.mean(axis=0) - other.mean(axis=0)) <= 4 * error + 1e-9
    assert near[12:].all()
    assert near[:12].all() or name == "eager elimination"  # drops arms within its first turns, which go through arms in order


def test_elimination_drops_arms_but_none_unseen_in_a_large_network() -> None:
    """With N = 1000 the intervals are narrow at once, and averages of 0, of arms not yet pulled, would be surely dominated.

    Without dropping, the comparison with the twin would compare round robin with itself.
    """
    environment, network = world(7, 8, 2, base_of("cycle_graph", 7), 0.9, seed=10)
    trace = gm.simulate(VARIANTS["eager elimination"], environment, network, horizon=150, seed=10)
    assert (np.ptp(trace.pulls, axis=1) > 10).all()
    means = np.tile([[0.9, 0.9], [0.95, 0.95], [0.2, 0.2], [0.5, 0.5]], (1000, 1, 1))
    environment, network = gm.Environment.sample(means=means), gm.Network("complete", agents=1000)
    trace = gm.simulate(gm.ParetoGossip(), environment, network, horizon=4, seed=0)
    np.testing.assert_array_equal(trace.pulls, 1)


def test_an_agent_on_its_own_plays_every_algorithm_and_one_arm_costs_nothing() -> None:
    """N = 1: no links, no messages, and gossip is the agent's own average."""
    environment, network = world(1, 3, 2, p=1.0, seed=1)
    for name, algorithm in VARIANTS.items():
        trace = gm.simulate(algorithm, environment, network, horizon=60, seed=1, interpreted=True)
        assert trace.pulls.sum() == 60 and np.isfinite(trace.nsw_regret).all(), name
        assert trace.messages[-1] == trace.bytes[-1] == 0 and trace.disagreement[-1] < 1e-12
    # one arm costs nothing
    environment, network = world(3, 1, 2, p=0.5, seed=1)
    for name, algorithm in VARIANTS.items():
        trace = gm.simulate(algorithm, environment, network, horizon=30, seed=1, interpreted=True)
        assert (trace.pulls == 30).all() and (trace.pareto_regret == 0).all(), name
        np.testing.assert_allclose(trace.nsw_regret, 0, atol=1e-7)
