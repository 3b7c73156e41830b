"""Generators straight into arrays: link for link the graphs of networkx, and nothing too large is begun."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import tracemalloc
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gossipmab.networks.graphs import deterministic as fixed
from gossipmab.networks.graphs import generators, mersenne
from gossipmab.networks.graphs import random_graphs as chance
from gossipmab.networks.graphs.base_graph import load
from gossipmab.networks.graphs.edge_array import component_sizes, edges_of, keys_of
from gossipmab.networks.graphs.labels import Numbers, Places
from gossipmab.utils.errors import InputError

# --- Python's random numbers, replayed ---


@pytest.mark.parametrize("seed", [0, 1, -5, 2**70])
def test_words_and_numbers_are_those_of_python(seed: int) -> None:
    state, python = mersenne.twister(seed), random.Random(seed)
    for n in [1, 2, 3, 7, 8, 9, 1000, 2**20, 2**20 + 1, 10**7]:
        for _ in range(40):
            assert mersenne.below(state, n, mersenne.bit_length(n)) == python.choice(range(n))
            assert mersenne.uniform(state) == python.random()
    mine, theirs = np.arange(1500), list(range(1500))
    for _ in range(3):
        mersenne.shuffle(state, mine, len(mine))
        python.shuffle(theirs)
        assert mine.tolist() == theirs


def test_bit_lengths() -> None:
    for n in [*range(1, 70), 2**31, 2**32 - 1]:
        assert mersenne.bit_length(n) == n.bit_length()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 300), max_size=80))
def test_the_set_of_links_is_a_set(keys: list[int]) -> None:
    table, seen = mersenne.room(len(keys)), set()
    for key in keys:
        spot = mersenne.place(table, key)
        assert (table[spot] >= 0) == (key in seen)
        table[spot] = key
        seen.add(key)
    assert sorted(table[table >= 0].tolist()) == sorted(seen)


# --- equal to networkx ---


def by_networkx(generator: str, values: dict[str, Any]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Labels and sorted edges of networkx's graph, numbered as `gossipmab.networks.graphs.base_graph` says."""
    graph = getattr(nx, generator)(**values)
    nodes = list(graph)
    if all(isinstance(node, int) for node in nodes):
        nodes.sort()
    index = {node: i for i, node in enumerate(nodes)}
    return tuple(map(str, nodes)), sorted(sorted((index[u], index[v])) for u, v in graph.edges())


def assert_equal(generator: str, values: dict[str, Any]) -> None:
    recipe = generators.STRAIGHT[generator](**values)
    assert recipe is not None, "made by networkx"
    ours = load({"generator": generator, **values}, connected=False)
    labels, edges = by_networkx(generator, values)
    assert ours.edges.tolist() == edges
    assert len(ours.labels) == recipe.agents == len(labels)
    assert ours.labels == labels and list(ours.labels) == list(labels)
    assert (
        len(edges) <= recipe.edges
        or generator in ("fast_gnp_random_graph", "gnp_random_graph")
        or "newman" in generator
    )


FIXED: list[tuple[str, list[dict[str, Any]]]] = [
    ("complete_graph", [{"n": n} for n in range(1, 9)]),
    ("path_graph", [{"n": n} for n in range(1, 9)]),
    ("cycle_graph", [{"n": n} for n in range(2, 9)]),
    ("star_graph", [{"n": n} for n in range(1, 9)]),
    ("wheel_graph", [{"n": n} for n in range(4, 12)]),
    ("ladder_graph", [{"n": n} for n in range(1, 9)]),
    ("circular_ladder_graph", [{"n": n} for n in range(3, 9)]),
    (
        "circulant_graph",
        [{"n": n, "offsets": o} for n in (5, 6, 9) for o in ([], [1], [1, 2], [2, 3], [4, -1], [1, n + 1])],
    ),
    (
        "grid_2d_graph",
        [
            {"m": m, "n": n, "periodic": p}
            for m in (1, 2, 3, 5)
            for n in (1, 2, 3, 4)
            for p in (False, True, [True, False])
        ],
    ),
    ("hypercube_graph", [{"n": n} for n in range(2, 7)]),
    ("full_rary_tree", [{"r": r, "n": n} for r in (1, 2, 3, 5) for n in (1, 2, 3, 8, 13)]),
    ("balanced_tree", [{"r": r, "h": h} for r in (1, 2, 3) for h in (0, 1, 2, 3)]),
    ("complete_bipartite_graph", [{"n1": m, "n2": n} for m in (1, 2, 4) for n in (1, 3)]),
    ("ring_of_cliques", [{"num_cliques": m, "clique_size": n} for m in (2, 3, 5) for n in (2, 3, 4)]),
    ("caveman_graph", [{"l": m, "k": n} for m in (1, 2, 3) for n in (1, 2, 3, 4)]),
    ("connected_caveman_graph", [{"l": m, "k": n} for m in (1, 2, 3, 4) for n in (2, 3, 4, 5)]),
    ("barbell_graph", [{"m1": m, "m2": n} for m in (2, 3, 5) for n in (0, 1, 2, 4)]),
    ("lollipop_graph", [{"m": m, "n": n} for m in (2, 3, 5) for n in (0, 1, 2, 4)]),
]


@pytest.mark.parametrize(("generator", "cases"), FIXED, ids=[name for name, _ in FIXED])
def test_graphs_without_chance_are_those_of_networkx(generator: str, cases: list[dict[str, Any]]) -> None:
    for values in cases:
        assert_equal(generator, values)


def test_every_straight_generator_is_compared() -> None:
    random_ones = {make.__name__ for make in chance.MADE}
    assert {name for name, _ in FIXED} == {make.__name__ for make in fixed.MADE}
    assert random_ones | {name for name, _ in FIXED} == set(generators.STRAIGHT)
    assert random_ones == set(RANDOM)


seeds = st.integers(0, 10**9)
shares = st.one_of(st.sampled_from([0, 1, 0.0, 1.0, 0.5, 1e-3, 1e-9, 1.5, -1.0]), st.floats(1e-12, 1))
RANDOM: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "random_regular_graph": st.tuples(st.integers(1, 60), st.integers(0, 9)).filter(lambda c: c[0] * c[1] % 2 == 0 and c[1] < c[0])
    .map(lambda c: {"n": c[0], "d": c[1]}),
    "watts_strogatz_graph": st.fixed_dictionaries({"n": st.integers(1, 40), "k": st.integers(0, 12), "p": shares}),
    "newman_watts_strogatz_graph": st.fixed_dictionaries({"n": st.integers(1, 40), "k": st.integers(0, 12), "p": shares}),
    "connected_watts_strogatz_graph": st.fixed_dictionaries({"n": st.integers(1, 40), "k": st.integers(2, 12), "p": shares}),
    "barabasi_albert_graph": st.tuples(st.integers(2, 150), st.integers(1, 20)).filter(lambda c: c[1] < c[0])
    .map(lambda c: {"n": c[0], "m": c[1]}),
    "fast_gnp_random_graph": st.fixed_dictionaries({"n": st.integers(1, 80), "p": shares}),
    "gnp_random_graph": st.fixed_dictionaries({"n": st.integers(1, 40), "p": shares}),
    "gnm_random_graph": st.fixed_dictionaries({"n": st.integers(1, 40), "m": st.integers(0, 300)}),
    "random_labeled_tree": st.fixed_dictionaries({"n": st.integers(1, 80)}),
}  # fmt: skip


@pytest.mark.parametrize("generator", RANDOM)
def test_random_graphs_are_those_of_networkx(generator: str) -> None:
    if not hasattr(nx, generator):
        pytest.skip("an older networkx")

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(RANDOM[generator], seeds)
    def compare(values: dict[str, Any], seed: int) -> None:
        if "k" in values and values["k"] > values["n"]:
            return
        try:
            assert_equal(generator, {**values, "seed": seed})
        except InputError:  # connected_watts_strogatz_graph, where all tries fail
            with pytest.raises(nx.NetworkXException):
                by_networkx(generator, {**values, "seed": seed})

    compare()


LARGER: list[tuple[str, dict[str, Any]]] = [
    ("random_regular_graph", {"n": 3000, "d": 8}),
    ("random_regular_graph", {"n": 40, "d": 30}),  # dense: begun anew many times
    ("watts_strogatz_graph", {"n": 3000, "k": 7, "p": 0.3}),
    ("watts_strogatz_graph", {"n": 12, "k": 11, "p": 0.9}),  # agents joined to all others
    ("newman_watts_strogatz_graph", {"n": 3000, "k": 6, "p": 0.4}),
    ("newman_watts_strogatz_graph", {"n": 12, "k": 10, "p": 0.9}),
    ("barabasi_albert_graph", {"n": 3000, "m": 5}),
    ("barabasi_albert_graph", {"n": 900, "m": 300}),  # sets that grow their tables
    ("fast_gnp_random_graph", {"n": 20_000, "p": 5e-4}),
    ("gnp_random_graph", {"n": 700, "p": 0.1}),
    ("gnm_random_graph", {"n": 3000, "m": 12_000}),
    ("random_labeled_tree", {"n": 20_000}),
]


@pytest.mark.parametrize(("generator", "values"), LARGER, ids=str)
def test_larger_random_graphs_too(generator: str, values: dict[str, Any]) -> None:
    for seed in (0, 7):
        assert_equal(generator, {**values, "seed": seed})


# --- names of agents that are made on demand ---


@pytest.mark.parametrize(
    "labels", [Numbers(12), Numbers(np.array([-3, 4, 10**17])), Places(2, 3), Places(2, 2, 2)], ids=repr
)
def test_labels_are_like_the_tuple_of_them(labels: Numbers | Places) -> None:
    names = tuple(labels)
    assert labels == names and names == labels and hash(labels) == hash(names)
    assert labels == pickle.loads(pickle.dumps(labels)) and labels != names[:-1] and labels != list(names)
    assert [labels[i] for i in range(-len(names), len(names))] == [*names, *names]
    assert labels[1:3] == names[1:3] and labels.index(names[2]) == 2 and names[1] in labels
    with pytest.raises(IndexError):
        labels[len(names)]


def test_how_labels_read() -> None:
    assert tuple(Numbers(3)) == ("0", "1", "2")
    assert tuple(Places(2, 2)) == ("(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)")
    assert repr(Numbers(3)) == "('0', '1', '2')" and repr(Numbers(9)).endswith("'5', ...)")


# --- arrays ---


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


# --- limits ---


TOO_LARGE: list[tuple[dict[str, Any], str]] = [
    ({"generator": "complete_graph", "n": 4473}, "would have 10001628 edges, more than 10000000"),
    ({"generator": "star_graph", "n": 1_000_000}, "'star_graph' would have 1000001 agents, more than 1000000"),
    ({"generator": "hypercube_graph", "n": 20}, "would have 1048576 agents"),
    ({"generator": "hypercube_graph", "n": 1_000_000}, "would have very many agents"),
    ({"generator": "balanced_tree", "r": 3, "h": 1_000_000}, "would have very many agents"),
    ({"generator": "balanced_tree", "r": 2, "h": 20}, "would have 2097151 agents"),
    ({"generator": "grid_2d_graph", "m": 1001, "n": 1000}, "would have 1001000 agents"),
    ({"generator": "circulant_graph", "n": 1_000_000, "offsets": list(range(1, 12))}, "would have 11000000 edges"),
    ({"generator": "complete_bipartite_graph", "n1": 5000, "n2": 5000}, "would have 25000000 edges"),
    ({"generator": "ring_of_cliques", "num_cliques": 2, "clique_size": 10_000}, "edges, more than"),
    ({"generator": "connected_caveman_graph", "l": 2, "k": 10_000}, "edges, more than"),
    ({"generator": "barbell_graph", "m1": 5000, "m2": 1}, "edges, more than"),
    ({"generator": "lollipop_graph", "m": 5000, "n": 1}, "edges, more than"),
    ({"generator": "random_regular_graph", "n": 1_000_000, "d": 22}, "would have 11000000 edges"),
    ({"generator": "watts_strogatz_graph", "n": 1_000_000, "k": 22, "p": 0.1}, "would have 11000000 edges"),
    ({"generator": "newman_watts_strogatz_graph", "n": 1_000_000, "k": 12, "p": 0.9}, "would have 11400000 edges"),
    ({"generator": "barabasi_albert_graph", "n": 1_000_000, "m": 11}, "would have 10999879 edges"),
    ({"generator": "fast_gnp_random_graph", "n": 1_000_000, "p": 0.5}, "would have 249999750000 edges"),
    ({"generator": "gnp_random_graph", "n": 1_000_000, "p": 1e-6}, "take fast_gnp_random_graph, of the same law"),
    ({"generator": "random_geometric_graph", "n": 1_000_000, "radius": 0.1}, "more than 200000 that networkx's"),
    ({"generator": "grid_graph", "dim": [500, 500, 500]}, "would have 125000000 agents, more than 200000"),
    ({"generator": "turan_graph", "n": 10_000, "r": 3}, "edges, more than 2000000 that networkx's turan_graph may have"),
    ({"generator": "complete_multipartite_graph", "subset_sizes": [4000, 4000]}, "edges, more than 2000000"),
    ({"generator": "windmill_graph", "n": 1000, "k": 1000}, "would have 1000000 agents, more than 200000"),
    ({"generator": "binomial_tree", "n": 900_000}, "agents, more than 200000"),
    ({"generator": "kneser_graph", "n": 900, "k": 400}, "very many agents"),
    ({"generator": "navigable_small_world_graph", "n": 1000, "dim": 3}, "would have 1000000000 agents"),
    ({"generator": "caveman_graph", "l": 1000, "k": 1001}, "would have 1001000 agents"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "said"), TOO_LARGE, ids=str)
def test_what_is_too_large_is_refused_before_it_is_built(base: dict[str, Any], said: str) -> None:
    tracemalloc.start()
    with pytest.raises(InputError) as caught:
        load(base)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert peak < 10_000_000


def test_a_lattice_of_networkx_is_made_below_the_bound() -> None:
    assert len(load({"generator": "grid_graph", "dim": [3, 4, 5]}).labels) == 60


# --- a million agents ---


MEASURED = """
import resource, sys
from gossipmab.network import Network
network = Network({base})
assert (network.degrees == 8).all() and len(network.edges) == 4_000_000 and network.labels[-1] == "999999"
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_million_agents_with_eight_links_each_take_little_memory() -> None:
    base = {"generator": "random_regular_graph", "n": 1_000_000, "d": 8}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(base=base)], capture_output=True, text=True, check=True, timeout=280
    )
    assert int(done.stdout) < 1.5 * 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    "base",
    [
        {"generator": "watts_strogatz_graph", "n": 1_000_000, "k": 4, "p": 0.1},
        {"generator": "grid_2d_graph", "m": 1000, "n": 1000, "periodic": True},
        {"generator": "random_labeled_tree", "n": 1_000_000},
    ],
    ids=lambda base: str(base["generator"]),
)
def test_a_million_agents_of_other_kinds(base: dict[str, Any]) -> None:
    tracemalloc.start()
    graph = load(base)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(graph.labels) == 1_000_000 and len(graph.edges) in (2_000_000, 999_999)
    assert peak < 400_000_000
