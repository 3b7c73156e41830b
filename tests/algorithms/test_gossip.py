"""Gossip: the invariant of doubly stochastic mixing, and how fast it agrees; `gossipmab.play`, which shows it round by round.

The mixing under test is that of the engine: `neighbours_of_round`, `weight_of_edge` and `mix_rows`, agent by agent.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pytest
from conftest import numbers_of
from hypothesis import given, strategies as st
from numba import njit
from twins import gossip, mixing_matrix

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.engines.gossip.channel import mix_rows
from gossipmab.networks.mixing import WEIGHT_RULES, neighbours_of_round, weight_of_edge
from gossipmab.utils.rng import Purpose, stream
from tests.tiny import refuses, world

# Whatever is registered and sends messages, and variants that take other paths.
GOSSIPING: dict[str, Any] = {name: kind() for name, kind in ALGORITHMS.items() if kind().communicates} | {
    "eager elimination": gm.ParetoGossip(sampling=0.3, burn_in=0.02, mixing=0.02),
    "no_sim": gm.SimulatedNSWUCBGossip(no_sim=True),
}


@njit  # type: ignore[untyped-decorator]
def mix_by_vectors(*arguments: Any) -> None:
    mix_rows(*arguments)


def mixed_by_the_engine(network: Any, present: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One round of gossip without local changes; values (N, M). Compiled and by itself, `mix_rows` has the same bits."""
    N, E = network.agents, len(network.edges)
    neighbours, degrees = np.zeros(2 * E, dtype=np.int64), np.zeros(N, dtype=np.int64)
    neighbours_of_round(network.edges, network.offsets, present, neighbours, degrees)
    own, other = np.full((2, *values.shape), np.nan)
    for i in range(N):
        near = neighbours[network.offsets[i] : network.offsets[i] + degrees[i]]
        rule = network.weight_rule, network.constant_weight
        weights = np.array([weight_of_edge(*rule, degrees[i], degrees[j]) for j in near], dtype=float)
        mix_by_vectors(own, values, i, near, weights)
        mix_rows(other, values, i, near, weights)
    assert own.tobytes() == other.tobytes()
    return own


@pytest.mark.parametrize("weights", WEIGHT_RULES)
@pytest.mark.parametrize("name", GOSSIPING)
def test_the_mean_of_the_estimates_is_the_mean_of_the_local_averages(name: str, weights: str, alone: Callable[..., Any]) -> None:
    """mean_i G_i = mean_i L_i at EVERY round, whatever the links. It holds as W is doubly stochastic and L_i(0) = G_i(0) = 0."""
    for base, p in ((nx.barbell_graph(3, 1), 0.3), (nx.cycle_graph(7), 0.8)):
        environment, network = world(7, 3, 2, base, p, weights, heterogeneity=0.5, seed=1)
        game = alone(GOSSIPING[name], environment, network, horizon=60, seed=1)
        np.testing.assert_allclose(game.world.mean(axis=1), game.local.mean(axis=1), rtol=0, atol=1e-12)
        assert np.abs(game.world - game.local).max() > 0.05  # and they do differ agent by agent


@given(st.data())
def test_one_round_is_the_mixing_matrix_on_any_graph(data: st.DataObject) -> None:
    N = data.draw(st.integers(2, 12))
    graph = nx.gnp_random_graph(N, 0.4, seed=data.draw(st.integers(0, 999)))
    graph.add_edges_from((i, i + 1) for i in range(N - 1))
    weights = data.draw(st.sampled_from(sorted(WEIGHT_RULES)))
    network = gm.Network(graph, weights=weights)
    edges = [(int(i), int(j)) for i, j in network.edges]
    present = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(edges), max_size=len(edges))), dtype=np.uint8)
    values = np.random.default_rng(N).standard_normal((N, data.draw(st.integers(1, 40))))
    W = mixing_matrix(N, [e for e, here in zip(edges, present, strict=True) if here], edges, weights)
    np.testing.assert_allclose(W.sum(axis=0), 1, atol=1e-14)
    np.testing.assert_array_equal(W, W.T)
    mixed = mixed_by_the_engine(network, present, values)
    np.testing.assert_allclose(mixed, W @ values, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(mixed, gossip(values, W, np.zeros_like(values)))  # in ascending order: the same bits
    np.testing.assert_allclose(mixed.mean(axis=0), values.mean(axis=0), rtol=0, atol=1e-13)


def test_equal_estimates_stay_as_they_are_to_the_bit() -> None:
    network = gm.Network("karate_club", weights="metropolis")
    values = np.tile(np.random.default_rng(0).random(6), (34, 1))
    np.testing.assert_array_equal(mixed_by_the_engine(network, np.ones(len(network.edges), dtype=np.uint8), values), values)


def expected_square(network: Any) -> np.ndarray:
    """E[W^2] by summing over all 2^E graphs."""
    edges, p = [(int(i), int(j)) for i, j in network.edges], network.link_probability
    total = np.zeros((network.agents, network.agents))
    for links in product((0, 1), repeat=len(edges)):
        W = mixing_matrix(network.agents, [e for e, here in zip(edges, links, strict=True) if here], edges, network.weights)
        total += p ** sum(links) * (1 - p) ** (len(edges) - sum(links)) * W @ W
    return total


@pytest.mark.parametrize("weights", WEIGHT_RULES)
@pytest.mark.parametrize("base", [nx.cycle_graph(6), nx.star_graph(5), nx.barbell_graph(3, 0)], ids=["ring", "star", "barbell"])
def test_disagreement_contracts_at_the_rate_of_the_expected_square(base: Any, weights: str) -> None:
    """Static estimates x with mean 0: E||W x||^2 = x' E[W^2] x.

    From the second eigenvector of E[W^2] (the slowest direction) the first round shrinks by exactly the second eigenvalue, and
    from anywhere t rounds shrink by at most its t-th power. 4 standard errors on 12 x (1 + 8) comparisons of fixed seeds:
    a false alarm in 0.3 % of other seeds (two-sided for the first, one-sided for the rest).
    """
    network = gm.Network(base, link_probability=0.4, weights=weights)
    eigenvalues, vectors = np.linalg.eigh(expected_square(network))
    second, slowest = eigenvalues[-2], vectors[:, -2]
    assert abs(slowest.sum()) < 1e-9 and 0.3 < second < 1
    generator = np.random.default_rng(5)
    runs, horizon = 1000, 8
    start = np.column_stack([slowest, generator.standard_normal((6, 1))])
    start = (start - start.mean(axis=0)) / np.linalg.norm(start - start.mean(axis=0), axis=0)
    size = np.zeros((runs, horizon, 2))
    for run in range(runs):
        values, links = start, network.link_sampler(generator)(horizon)
        for t in range(horizon):
            values = mixed_by_the_engine(network, links[t], values)
            size[run, t] = (values**2).sum(axis=0)
    error = size.std(axis=0, ddof=1) / np.sqrt(runs)
    assert abs(size[:, 0, 0].mean() - second) <= 4 * error[0, 0]
    bound = second ** np.arange(1, horizon + 1)[:, None]
    assert (size.mean(axis=0) <= bound + 4 * error).all()
    assert network.facts().second_eigenvalue_squared == pytest.approx(second, abs=0.02 if network.constant_weight == 0 else 1e-10)


def test_messages_are_two_a_present_edge() -> None:
    environment, network = gm.Environment.sample(6, 3, 2, seed=1), gm.Network(nx.cycle_graph(6), link_probability=0.3)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=400, seed=1, recorded_rounds=400)
    links = numbers_of(environment, network, 400, seed=1).links
    np.testing.assert_array_equal(trace.messages, 2 * np.cumsum(links.sum(axis=1)))
    np.testing.assert_array_equal(trace.bytes, 8 * 3 * 2 * trace.messages)
    ends = [links[:, (network.edges == i).any(axis=1)].sum() for i in range(6)]
    np.testing.assert_array_equal(trace.messages_sent, ends)
    assert 400 * 6 * 2 * 0.25 < trace.messages[-1] < 400 * 6 * 2 * 0.35  # p = 0.3 to 5 standard deviations


@pytest.mark.parametrize(
    "algorithm", [gm.CentralizedNSW(), gm.SimulatedNSWUCBGossip(), gm.ParetoUCBGossip()], ids=lambda a: type(a).__name__
)
def test_ties_favour_no_arm(algorithm: Any) -> None:
    """No arm pays; round 4 is the first in which agents choose. 180 pulls: each arm's are within 4.5 standard deviations of 60."""
    place = world(3, 3, 1, means=np.zeros((3, 3, 1)), rewards="deterministic")
    trials = (gm.simulate(algorithm, *place, horizon=4, seed=0, trial=k, interpreted=True) for k in range(60))
    pulls = np.sum([trial.pulls - 1 for trial in trials], axis=(0, 1))
    assert pulls.sum() == 180 and np.abs(pulls - 60).max() < 4.5 * np.sqrt(180 * 2 / 9)


NETWORKS = {
    "direct": gm.Network("complete", agents=5, link_probability=0.5),
    "listed": gm.Network("complete", agents=150, link_probability=0.02),
}
FAILURES = gm.Failures(message_loss=0.2, crash_probability=0.1, recovery_probability=0.5)
NETWORKS["failing"] = gm.Network("ring", agents=5, link_probability=0.7, failures=FAILURES)


@pytest.mark.parametrize("name", NETWORKS)
def test_rounds_are_those_of_simulate(name: str) -> None:
    network, settings = NETWORKS[name], {"horizon": 40, "seed": 3, "trial": 1}
    environment = gm.Environment.sample(network.agents, 4, 2, seed=0)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, recorded_rounds=40, **settings)
    pulls = np.zeros((network.agents, 4), np.int64)
    links = network.link_sampler(stream(seed=3, trial=1, label="", purpose=Purpose.LINKS))(40)
    away = 0
    for now in gm.play(gm.ParetoUCBGossip(), environment, network, **settings):
        np.testing.assert_array_equal(now.links, links[now.round - 1] > 0)
        playing = now.arms >= 0
        away += int((~playing).sum())
        pulls[np.flatnonzero(playing), now.arms[playing]] += 1
        np.testing.assert_array_equal(now.pulls, pulls)
        assert (now.distributions[playing, now.arms[playing]] > 0).all()
        assert now.pareto_regret.tolist() == trace.pareto_regret[now.round - 1].tolist()
        assert now.nsw_regret.tolist() == trace.nsw_regret[now.round - 1].tolist()
    assert now.round == 40 and (away > 0) == (name == "failing")


def test_estimates_are_mixed_over_the_links_of_the_round() -> None:
    """G(t) = W_t G(t-1) + L(t) - L(t-1), in plain NumPy."""
    network, environment = NETWORKS["direct"], gm.Environment.sample(5, 4, 2, seed=0)
    own, local = np.zeros((5, 4, 2)), np.zeros((5, 4, 2))
    for now in gm.play(gm.ParetoUCBGossip(), environment, network, horizon=30, seed=1):
        wanted = np.einsum("ij,jkd->ikd", network.mixing_matrix(now.links), own) + now.state.local_mean - local
        np.testing.assert_allclose(now.estimates, wanted, atol=1e-12)
        own, local = now.estimates.copy(), now.state.local_mean.copy()


def test_bad_arguments_are_refused_at_once() -> None:
    place: Any = gm.Environment.sample(5, 4, 1, seed=0), NETWORKS["direct"]
    refuses("algorithm: OFMUP does not gossip; allowed is a gossip algorithm and a network", gm.play, gm.OFMUP(), *place)
    for key, wrong in (("horizon", 0), ("trial", -1)):
        refuses(f"{key}: got {wrong}", gm.play, gm.ParetoUCBGossip(), *place, **{key: wrong})
