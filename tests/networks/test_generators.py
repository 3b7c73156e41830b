"""Generators straight into arrays: edge for edge the graphs of networkx; two of our own; and nothing too large is begun."""

from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gossipmab.networks.graphs import generators
from gossipmab.networks.graphs.base_graph import component_sizes, load
from gossipmab.networks.graphs.edge_array import edges_of, keys_of
from tests.networks.test_base_graph import peak
from tests.tiny import refusal


def by_networkx(generator: str, values: dict[str, Any]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Labels and sorted edges of networkx's graph, numbered as `gossipmab.networks.graphs.base_graph` says."""
    graph = getattr(nx, generator)(**values)
    nodes = list(graph)
    if all(isinstance(node, int) for node in nodes):
        nodes.sort()
    index = {node: i for i, node in enumerate(nodes)}
    return tuple(map(str, nodes)), sorted(sorted((index[u], index[v])) for u, v in graph.edges())


FIXED = {name: [{"n": n} for n in range(1, 9)] for name in ("complete_graph", "path_graph", "star_graph")}
FIXED["cycle_graph"] = [{"n": n} for n in range(2, 9)]
GRIDS = product((1, 2, 3, 5), (1, 2, 3, 4), (False, True, [True, False]))
FIXED["grid_2d_graph"] = [dict(zip(("m", "n", "periodic"), grid, strict=True)) for grid in GRIDS]


@pytest.mark.parametrize("generator", generators.STRAIGHT)
def test_graphs_without_chance_are_those_of_networkx(generator: str) -> None:
    for values in FIXED[generator]:
        recipe = generators.STRAIGHT[generator](**values)
        assert recipe is not None, "made by networkx"
        ours, (labels, edges) = load({"generator": generator, **values}, connected=False), by_networkx(generator, values)
        assert ours.edges.tolist() == edges and len(edges) <= recipe.edges
        assert ours.labels == labels and len(labels) == recipe.agents


@pytest.mark.parametrize(("n", "d"), [(10, 3), (7, 0), (2000, 8), (101, 4)])
def test_large_random_regular_graphs(n: int, d: int) -> None:
    base = {"generator": "large_random_regular_graph", "n": n, "d": d}
    one, two, other = (load({**base, "seed": seed}, connected=False) for seed in (1, 1, 2))
    assert len(one.edges) == n * d // 2 and (np.bincount(one.edges.ravel(), minlength=n) == d).all()
    assert (one.edges[:, 0] < one.edges[:, 1]).all()
    assert one.edges.tobytes() == two.edges.tobytes() and (d == 0 or one.edges.tobytes() != other.edges.tobytes())


def test_pairs_of_a_large_random_regular_graph_are_equally_likely() -> None:
    """2-regular graphs of 6 agents, 3000 seeds: each of 15 pairs has probability 2/5; 4.5 standard deviations."""
    bases = ({"generator": "large_random_regular_graph", "n": 6, "d": 2, "seed": s} for s in range(3000))
    found = np.zeros((6, 6))
    for base in bases:
        edges = load(base, connected=False).edges
        found[edges[:, 0], edges[:, 1]] += 1
    share = found[np.triu_indices(6, 1)] / 3000
    assert np.abs(share - 0.4).max() < 4.5 * np.sqrt(0.4 * 0.6 / 3000)


@pytest.mark.parametrize("p", [0.0, 0.002, 0.3, 1.0])
def test_large_gnp_graphs(p: float) -> None:
    """The count of edges within 4.5 standard deviations, spread evenly over the agents."""
    n = 400
    graph = load({"generator": "large_gnp_graph", "n": n, "p": p, "seed": 3}, connected=False)
    pairs = n * (n - 1) / 2
    assert abs(len(graph.edges) - p * pairs) <= 4.5 * np.sqrt(pairs * p * (1 - p))
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all() and len(np.unique(graph.edges, axis=0)) == len(graph.edges)
    ends = np.bincount(graph.edges.ravel(), minlength=n)
    assert np.abs(ends - p * (n - 1)).max() <= 5.5 * np.sqrt(n * p * (1 - p))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_sorted_edges_and_components(agents: int, pairs: list[tuple[int, int]]) -> None:
    pairs = [(i, j) for i, j in pairs if i != j and max(i, j) < agents]
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    edges = edges_of(keys_of(ends[:, 0], ends[:, 1], agents), agents)
    assert edges.tolist() == [list(pair) for pair in sorted({(min(pair), max(pair)) for pair in pairs})]
    graph = nx.Graph(pairs)
    graph.add_nodes_from(range(agents))
    assert component_sizes(edges, agents).tolist() == sorted(map(len, nx.connected_components(graph)), reverse=True)


TOO_LARGE: list[tuple[dict[str, Any], str]] = [
    ({"generator": "complete_graph", "n": 4473}, "would have 10001628 edges, more than 10000000"),
    ({"generator": "star_graph", "n": 1_000_000}, "'star_graph' would have 1000001 agents, more than 1000000"),
    ({"generator": "grid_2d_graph", "m": 1001, "n": 1000}, "would have 1001000 agents"),
    ({"generator": "large_random_regular_graph", "n": 1_000_000, "d": 22}, "would have 11000000 edges"),
    ({"generator": "large_gnp_graph", "n": 1_000_000, "p": 0.5}, "would have 249999750000 edges"),
    ({"generator": "hypercube_graph", "n": 20}, "would have 1048576 agents"),
    ({"generator": "balanced_tree", "r": 3, "h": 1_000}, "would have very many agents"),
    ({"generator": "complete_bipartite_graph", "n1": 5000, "n2": 5000}, "would have 25000000 edges"),
    ({"generator": "ring_of_cliques", "num_cliques": 2, "clique_size": 10_000}, "edges, more than"),
    ({"generator": "barbell_graph", "m1": 5000, "m2": 1}, "edges, more than"),
    ({"generator": "random_regular_graph", "n": 200_001, "d": 2}, "take large_random_regular_graph or large_gnp_graph"),
    ({"generator": "watts_strogatz_graph", "n": 190_000, "k": 22, "p": 0.1}, "edges, more than 2000000"),
    ({"generator": "gnp_random_graph", "n": 20_000, "p": 1e-6}, "take large_random_regular_graph or large_gnp_graph"),
    ({"generator": "random_geometric_graph", "n": 1_000_000, "radius": 0.1}, "more than 200000 that networkx's"),
    ({"generator": "grid_graph", "dim": [500, 500, 500]}, "would have 125000000 agents, more than 200000"),
    ({"generator": "turan_graph", "n": 10_000, "r": 3}, "edges, more than 2000000 that networkx's turan_graph may have"),
    ({"generator": "windmill_graph", "n": 1000, "k": 1000}, "would have 1000000 agents, more than 200000"),
    ({"generator": "kneser_graph", "n": 900, "k": 400}, "very many agents"),
    ({"generator": "navigable_small_world_graph", "n": 1000, "dim": 3}, "would have 1000000000 agents"),
    *(
        ({"generator": "large_random_regular_graph", "n": 4, **wrong}, "network.base")
        for wrong in ({"n": 5, "d": 3}, {"d": 4}, {"d": 1.5}, {"d": 2, "seed": -1}, {"m": 1})
    ),
]


@pytest.mark.parametrize(("base", "said"), TOO_LARGE, ids=str)
def test_what_is_too_large_or_wrong_is_refused_before_it_is_built(base: dict[str, Any], said: str) -> None:
    message, most = peak(refusal, load, base)
    assert said in message and message.startswith("network.base") and most < 10_000_000


@pytest.mark.slow
@pytest.mark.parametrize("base", [
    {"generator": "large_random_regular_graph", "n": 1_000_000, "d": 4},
    {"generator": "grid_2d_graph", "m": 1000, "n": 1000, "periodic": True},
    {"generator": "large_gnp_graph", "n": 1_000_000, "p": 4e-6},
], ids=lambda base: str(base["generator"]))  # fmt: skip
def test_a_million_agents(base: dict[str, Any]) -> None:
    graph, most = peak(load, base, connected=False)
    assert graph.agents == 1_000_000 and abs(len(graph.edges) - 2_000_000) < 10_000 and most < 500_000_000
