"""The network: arrays, links, neighbour lists, weights, and spectral facts against closed forms and networkx."""

import copy
import itertools
import math
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gossipmab.networks import spectral as spectrum
from gossipmab.networks.links import ErdosRenyi
from gossipmab.networks.mixing import WEIGHT_RULES, neighbours_of_round, weight_of_edge
from gossipmab.networks.network import Network
from tests.tiny import KITE, refusal

RULES = list(WEIGHT_RULES)
BASES: list[tuple[Any, int | None]] = [
    ("complete", 10), ("ring", 9), ("path", 7), ("star", 8), ("wheel", 8), ("barbell", 10), ("petersen", None),
    ("hypercube", None), ("karate_club", None), ("nsfnet", None), ("watts_strogatz", 20),
]  # fmt: skip


def expectations(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """E[W] and E[W^2], summed over all rounds with their probabilities."""
    p, first, second = network.link_probability, 0.0, 0.0
    for present in np.array(list(itertools.product([0, 1], repeat=len(network.edges))), np.uint8):
        chance = p ** present.sum() * (1 - p) ** (len(present) - present.sum())
        w = network.mixing_matrix(present)
        first, second = first + chance * w, second + chance * w @ w
    return np.asarray(first), np.asarray(second)


def off_trivial(matrix: np.ndarray) -> float:
    """The largest modulus of an eigenvalue off (1, ..., 1)."""
    return float(np.abs(np.linalg.eigvalsh(matrix - 1 / len(matrix))).max())


def standard_error(network: Network, second: np.ndarray, samples: int) -> float:
    """Of the mean over sampled rounds of |W x|^2, x the slowest eigenvector of `second` = E[W^2]."""
    x, generator = np.linalg.eigh(second - 1 / len(second))[1][:, -1], np.random.default_rng(99)
    shrunk = [np.sum((network.mixing_matrix(present) @ x) ** 2) for present in network.link_sampler(generator)(2_000)]
    return float(np.std(shrunk) / math.sqrt(samples))


def test_arrays_of_a_small_graph_and_of_one_agent() -> None:
    network = Network(nx.Graph([(2, 0), (1, 0), (3, 2)]), link_probability=0.25, weights="max_degree")
    assert network.agents == 4 and network.edges.tolist() == [[0, 1], [0, 2], [2, 3]]
    assert network.degrees.tolist() == [2, 1, 2, 1] and network.offsets.tolist() == [0, 2, 3, 5, 6]
    assert network.labels == ("0", "1", "2", "3")
    assert (network.weights, network.weight_rule, network.constant_weight) == ("max_degree", 1, 1 / 3)
    assert {a.dtype for a in (network.edges, network.degrees, network.offsets)} == {np.dtype(np.int64)}
    # one agent has no edges
    network = Network("complete", agents=1, link_probability=0.5)
    assert network.edges.shape == (0, 2) and network.offsets.tolist() == [0, 0]
    assert network.link_sampler(np.random.default_rng(0))(3).shape == (3, 0)
    assert network.mixing_matrix(np.zeros(0, np.uint8)).tolist() == [[1.0]]
    facts = network.facts()
    assert (facts.diameter, facts.second_eigenvalue, facts.spectral_gap, facts.consensus_rounds) == (0, 0.0, 1.0, 0.0)
    assert network.algebraic_connectivity == math.inf  # the least of no eigenvalues
    neighbours, degrees = np.zeros(0, np.int64), np.ones(1, np.int64)
    assert neighbours_of_round(network.edges, network.offsets, np.zeros(0, np.uint8), neighbours, degrees) == 0
    assert degrees.tolist() == [0]


@pytest.mark.parametrize(("base", "agents"), BASES)
def test_arrays_and_facts_are_those_of_networkx(base: Any, agents: int | None) -> None:
    network = Network(base, agents=agents)
    edges = network.edges
    assert (edges[:, 0] < edges[:, 1]).all() and edges.tolist() == sorted(edges.tolist())
    assert len({tuple(e) for e in edges.tolist()}) == len(edges)
    graph = network.to_networkx()
    assert [d for _, d in sorted(graph.degree())] == network.degrees.tolist() and network.offsets[-1] == 2 * len(edges)
    assert np.diff(network.offsets).tolist() == network.degrees.tolist()
    graph, facts = network.to_networkx(), network.facts()
    degrees = [d for _, d in graph.degree()]
    assert (facts.agents, facts.edges) == (len(graph), graph.size())
    assert (facts.degree_min, facts.degree_max) == (min(degrees), max(degrees))
    assert facts.degree_mean == pytest.approx(np.mean(degrees)) and facts.diameter == nx.diameter(graph)
    assert facts.algebraic_connectivity == network.algebraic_connectivity
    assert facts.algebraic_connectivity == pytest.approx(np.sort(nx.laplacian_spectrum(graph))[1], abs=1e-10)
    assert facts.algebraic_connectivity == pytest.approx(nx.algebraic_connectivity(graph, seed=0), abs=1e-6)


def test_network_is_frozen_and_stays_so_when_copied() -> None:
    network = copy.deepcopy(Network("petersen"))
    with pytest.raises(AttributeError):
        network.agents = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        network.edges[0, 0] = 1
    assert network.algebraic_connectivity == 2.0
    assert repr(network) == "Network('petersen', agents=10, edges=15, link_probability=1.0, weights='laplacian')"


def lists(network: Network, present: np.ndarray, function: Any) -> tuple[list[list[int]], list[int], int]:
    """The neighbour lists that `function` writes, in a buffer with a guarded end."""
    room, degrees = np.full(2 * len(network.edges) + 2, -7, np.int64), np.full(network.agents, 99, np.int64)
    count = function(network.edges, network.offsets, present, room[:-2], degrees)
    assert room[-2:].tolist() == [-7, -7]
    rows = [room[start : start + d].tolist() for start, d in zip(network.offsets, degrees, strict=False)]
    return rows, degrees.tolist(), int(count)


def check_lists(network: Network, present: np.ndarray) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(range(network.agents))
    graph.add_edges_from(network.edges[present.astype(bool)].tolist())
    got = lists(network, present, neighbours_of_round)
    assert got[0] == [sorted(graph[i]) for i in range(network.agents)]
    assert got[1] == [d for _, d in sorted(graph.degree())] and got[2] == graph.number_of_edges()
    interpreted = getattr(neighbours_of_round, "py_func", neighbours_of_round)
    assert lists(network, present, interpreted) == got


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(2, 12), st.integers(0, 10**6))
def test_neighbours_are_those_of_networkx_in_ascending_order(agents: int, seed: int) -> None:
    rng, graph = np.random.default_rng(seed), nx.random_labeled_tree(agents, seed=seed)
    graph.add_edges_from(e for e in itertools.combinations(range(agents), 2) if rng.random() < 0.3)
    for p in (0.1, 0.5, 0.9, 1.0):
        network = Network(graph, link_probability=p)
        check_lists(network, network.link_sampler(rng)(1)[0])
    check_lists(network, np.zeros(len(network.edges), np.uint8))


@pytest.mark.parametrize("weights", RULES)
@pytest.mark.parametrize(("base", "agents"), BASES)
def test_mixing_matrices_are_symmetric_and_doubly_stochastic(base: Any, agents: int | None, weights: str) -> None:
    network = Network(base, agents=agents, link_probability=0.6, weights=weights)
    for present in network.link_sampler(np.random.default_rng(2))(5):
        w = network.mixing_matrix(present)
        assert np.array_equal(w, w.T)
        np.testing.assert_allclose(w.sum(axis=0), 1, atol=1e-14)
        assert w.min() > -1e-15
        absent = network.edges[~present.astype(bool)]
        assert (w[absent[:, 0], absent[:, 1]] == 0).all()


@pytest.mark.parametrize("weights", RULES)
def test_weight_of_edge_is_that_of_the_matrix(weights: str) -> None:
    network = Network("karate_club", link_probability=0.5, weights=weights)
    present = network.link_sampler(np.random.default_rng(4))(1)[0]
    matrix, (_, degrees, _) = network.mixing_matrix(present), lists(network, present, neighbours_of_round)
    for here, (i, j) in zip(present, network.edges, strict=True):
        for function in (weight_of_edge, getattr(weight_of_edge, "py_func", weight_of_edge)):
            w = function(network.weight_rule, network.constant_weight, degrees[i], degrees[j])
            assert not here or w == matrix[i, j]


def test_weights_by_hand() -> None:
    """The path 0 - 1 - 2 with all links: N = 3, degrees 1, 2, 1."""
    expected = {"laplacian": 1 / 3, "max_degree": 1 / 3, "metropolis": 1 / 3, "lazy_metropolis": 1 / 6}
    for weights, w in expected.items():
        matrix = Network("path", agents=3, weights=weights).mixing_matrix(np.ones(2, np.uint8))
        np.testing.assert_allclose(matrix, [[1 - w, w, 0], [w, 1 - 2 * w, w], [0, w, 1 - w]], atol=1e-15)
    star = Network("star", agents=6, weights="metropolis")
    assert star.mixing_matrix(np.array([1, 0, 0, 0, 0], np.uint8))[0, 1] == 0.5  # degrees of G_t, not of G0
    network = Network("petersen", link_probability=0.5)
    present = network.link_sampler(np.random.default_rng(0))(1)[0]
    graph = nx.Graph()
    graph.add_nodes_from(range(10))
    graph.add_edges_from(network.edges[present.astype(bool)].tolist())
    laplacian = nx.laplacian_matrix(graph, nodelist=range(10)).toarray()
    np.testing.assert_allclose(network.mixing_matrix(present), np.eye(10) - laplacian / 10, atol=1e-15)


@pytest.mark.parametrize("weights", RULES)
@pytest.mark.parametrize("p", [0.15, 0.5, 0.95, 1.0])
def test_eigenvalues_are_those_of_the_sum_over_all_rounds(weights: str, p: float) -> None:
    network = Network(KITE, link_probability=p, weights=weights)
    first, second = expectations(network)
    facts = network.facts()
    error = 1e-12 if facts.squared_obtained == "exact" else 4 * standard_error(network, second, spectrum.SAMPLES)
    assert facts.second_eigenvalue == pytest.approx(off_trivial(first), abs=1e-12)
    assert facts.spectral_gap == pytest.approx(1 - off_trivial(first), abs=1e-12)
    assert facts.consensus_rounds == pytest.approx(math.log(5) / facts.spectral_gap)
    assert facts.squared_obtained == ("exact" if network.constant_weight > 0 or p == 1.0 else "sampled")
    assert facts.second_eigenvalue_squared == pytest.approx(off_trivial(second), abs=error)


def test_facts_of_known_spectra() -> None:
    """Complete graph: every eigenvalue of Lap is N. Ring: 2 - 2 cos(2 pi k / N). Star: 1 and N."""
    complete = Network("complete", agents=12, link_probability=0.25).facts()
    assert complete.second_eigenvalue == pytest.approx(0.75)
    assert complete.second_eigenvalue_squared == pytest.approx(1 - 0.5 + 0.0625 + 2 * 0.25 * 0.75 / 12)
    assert complete.consensus_rounds == pytest.approx(math.log(12) / 0.25)
    ring = Network("ring", agents=11).facts()
    assert ring.algebraic_connectivity == pytest.approx(2 - 2 * math.cos(2 * math.pi / 11), abs=1e-11)
    star = Network("star", agents=9, link_probability=0.5, weights="max_degree").facts()
    assert star.second_eigenvalue == pytest.approx(1 - 0.5 * 1 / 9) and Network("petersen").algebraic_connectivity == 2.0
    # Two agents, metropolis, p = 1: W = [[1/2, 1/2], [1/2, 1/2]]; max_degree on K_{3,3}: 1 - 6/4 = -1/2.
    assert Network("complete", agents=2, weights="metropolis").facts().second_eigenvalue == pytest.approx(0)
    assert Network("bipartite", agents=6, weights="max_degree").facts().second_eigenvalue == pytest.approx(0.5)


@pytest.mark.parametrize("weights", RULES)
@pytest.mark.parametrize(("base", "agents"), [("ring", 40), ("random_regular", 40), ("star", 30), ("barbell", 30)])
def test_sparse_and_dense_eigenvalues_agree(monkeypatch: Any, base: str, agents: int, weights: str) -> None:
    monkeypatch.setattr(spectrum, "SAMPLES", 100)  # of E[W^2]
    dense = Network(base, agents=agents, link_probability=0.5, weights=weights).facts()
    monkeypatch.setattr(spectrum, "DENSE", 10)
    sparse = Network(base, agents=agents, link_probability=0.5, weights=weights).facts()
    for one, other in zip(dense, sparse, strict=True):
        assert one == other if isinstance(one, str) else one == pytest.approx(other, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("weights", RULES)
@pytest.mark.parametrize(("base", "agents"), [("random_regular", 120), ("star", 90), ("watts_strogatz", 120)])
def test_facts_of_very_large_graphs_are_near(monkeypatch: Any, base: str, agents: int, weights: str) -> None:
    """To the bound that is stated, 1e-4 of the eigenvalue; what needs sampled rounds is left out, and nothing else."""
    monkeypatch.setattr(spectrum, "SAMPLES", 20)  # of E[W^2], which is not compared
    exact = Network(base, agents=agents, link_probability=0.5, weights=weights).facts()
    for name in ("DENSE", "LARGE"):
        monkeypatch.setattr(spectrum, name, 10)
    network = Network(base, agents=agents, link_probability=0.5, weights=weights)
    facts = network.facts()
    assert facts[:6] == exact[:6] and facts.algebraic_connectivity == pytest.approx(exact.algebraic_connectivity, rel=1e-4)
    assert facts.second_eigenvalue == pytest.approx(exact.second_eigenvalue, rel=1e-4)
    sampled = network.constant_weight == 0.0
    assert facts.squared_obtained == ("left out" if sampled else "exact")
    assert math.isnan(facts.second_eigenvalue_squared) == sampled


def test_what_takes_too_long_is_left_out(monkeypatch: Any) -> None:
    for name, value in [("DENSE", 10), ("LARGE", 10), ("BREADTH_FIRST", 10), ("WORK", 1)]:
        monkeypatch.setattr(spectrum, name, value)
    facts = Network("ring", agents=400, link_probability=0.5, weights="max_degree").facts()
    assert facts[:5] == (400, 400, 2, 2.0, 2)
    assert all(math.isnan(fact) for fact in (facts.diameter, facts.algebraic_connectivity, facts.second_eigenvalue))
    assert math.isnan(facts.consensus_rounds) and (facts.squared_obtained, facts.gap_obtained) == ("left out", "left out")
    mixed = Network("ring", agents=400, links=ErdosRenyi(np.linspace(0.1, 0.9, 400)), weights="metropolis")
    assert mixed.facts().gap_obtained == "left out"


def test_link_probabilities_and_weights_that_are_refused() -> None:
    for p in (0, 0.0, -0.1, 1.0000001, math.nan, math.inf, True, "0.5", None, [0.5]):
        message = refusal(Network, "petersen", link_probability=p)
        assert message.startswith("network.link") and ("allowed is a number > 0 and <= 1" in message or "has shape" in message), p
    message = refusal(Network, "petersen", weights="metropolys")
    assert message.startswith("network.weights: 'metropolys' is not known; did you mean 'metropolis'?")
    assert all(rule in message for rule in RULES)
