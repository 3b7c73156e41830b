"""The base graphs that come with the package, how a name finds them, and generators straight into arrays.

`python tests/networks/test_topologies.py` prints the table of topologies/README.md.
"""

from itertools import product
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gossipmab.networks.graphs import generators
from gossipmab.networks.graphs.base_graph import SUFFIXES, component_sizes, list_topologies, load
from gossipmab.networks.graphs.edge_array import edges_of, keys_of
from gossipmab.networks.network import Network
from gossipmab.utils.resources import resolve, shipped_folder
from tests.networks.test_base_graph import peak, refused, written
from tests.tiny import refusal

FOLDER = Path(__file__).parents[2] / "topologies"
SHIPPED = list_topologies()
REAL = {"karate_club": (34, 78), "nsfnet": (14, 21), "les_miserables": (77, 254), "florentine_families": (15, 20)}


def any_size(name: str) -> Network:
    """A shipped topology with p = 1/2: its own number of agents, or 20."""
    own = '"agents' not in SHIPPED[name][0].read_text(encoding="utf-8")
    return Network(name, agents=None if own else 20, link_probability=0.5)


def readme_table() -> str:
    head = "| name | file | agents | edges | degrees | diameter | algebraic connectivity | gap at p = 0.5 | what it is |"
    lines = [head, "|---" * 9 + "|"]
    for name, (path, description) in SHIPPED.items():
        facts = any_size(name).facts()
        agents = f"any ({facts.agents})" if '"agents' in path.read_text(encoding="utf-8") else str(facts.agents)
        degrees = " to ".join(map(str, sorted({facts.degree_min, facts.degree_max})))
        lines.append(
            f"| {name} | [{path.name}]({path.name}) | {agents} | {facts.edges} | {degrees} | {facts.diameter} "
            f"| {facts.algebraic_connectivity:.4f} | {facts.spectral_gap:.5f} | {description} |"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_topologies_load_and_describe_themselves(name: str) -> None:
    path, description = SHIPPED[name]
    assert 10 < len(description) < 120
    network = any_size(name)
    assert network.name == name and network.description == description
    assert network.facts().algebraic_connectivity > 0 and nx.is_connected(network.to_networkx())


def test_readme_says_what_the_code_says() -> None:
    assert readme_table() in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert (FOLDER / "overview.png").stat().st_size < 300_000
    assert len(SHIPPED) >= 18 and len({name for name in SHIPPED if SHIPPED[name][0].suffix != ".toml"}) >= 3
    assert shipped_folder("topologies") == FOLDER and not list(FOLDER.glob("*.py"))


def test_real_networks_have_their_published_sizes_and_are_those_of_networkx() -> None:
    for name, sizes in REAL.items():
        graph = load(name)
        assert (len(graph.labels), len(graph.edges)) == sizes
        if name == "nsfnet":
            continue
        reference = getattr(nx, f"{name}_graph")()
        named = {frozenset((graph.labels[i], graph.labels[j])) for i, j in graph.edges}
        assert named == {frozenset(map(str, edge)) for edge in reference.edges()}
    nsfnet = Network("nsfnet")
    assert nsfnet.labels[0] == "Seattle" and dict(zip(nsfnet.labels, nsfnet.degrees.tolist(), strict=True))["Houston"] == 4
    assert (nsfnet.degrees.min(), nsfnet.degrees.max(), nsfnet.facts().diameter) == (2, 4, 3)


FIXED = {
    "petersen": nx.petersen_graph(), "hypercube": nx.hypercube_graph(4), "grid": nx.grid_2d_graph(5, 5),
    "torus": nx.grid_2d_graph(5, 5, periodic=True), "binary_tree": nx.balanced_tree(2, 3), "desargues": nx.desargues_graph(),
    "icosahedron": nx.icosahedral_graph(),
}  # fmt: skip


SCALABLE = {
    "complete": nx.complete_graph(12), "ring": nx.cycle_graph(12), "path": nx.path_graph(12), "star": nx.star_graph(11),
    "wheel": nx.wheel_graph(12), "barbell": nx.barbell_graph(6, 0), "bipartite": nx.complete_bipartite_graph(6, 6),
    "ladder": nx.circular_ladder_graph(6), "circulant": nx.circulant_graph(12, [1, 2]),
    "random_regular": nx.random_regular_graph(4, 12, seed=0), "barabasi_albert": nx.barabasi_albert_graph(12, 2, seed=0),
}  # fmt: skip


def test_graphs_and_families_are_those_of_their_names() -> None:
    for name, graph in FIXED.items():
        assert nx.is_isomorphic(Network(name).to_networkx(), graph), name
    for name, graph in SCALABLE.items():
        assert nx.utils.graphs_equal(nx.Graph(load(name, 12).edges.tolist()), nx.Graph(list(graph.edges()))), name
        assert "give agents" in refused(name)
    # random draws are connected
    assert [len(load("erdos_renyi", n).labels) for n in range(3, 61)] == list(range(3, 61))


def test_where_names_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("petersen", "topologies", SUFFIXES) == FOLDER / "petersen.toml"
    assert resolve("petersen.toml", "topologies", SUFFIXES) == FOLDER / "petersen.toml"
    written(tmp_path, "petersen.toml", 'generator = "path_graph"\n[parameters]\nn = 3')
    assert len(load("petersen.toml").labels) == 3 and len(load("petersen").labels) == 10
    (tmp_path / "ring").mkdir()
    assert len(load("ring", 4).labels) == 4
    # the wheel's own folder comes before the checkout
    folder = tmp_path / "gossipmab" / "_shipped" / "topologies"
    folder.mkdir(parents=True)
    written(folder, "mine.edges", "0 1\n")
    monkeypatch.setattr("gossipmab.utils.resources.PACKAGE_ROOT", tmp_path / "gossipmab")
    assert list(list_topologies()) == ["mine"] and len(load("mine").labels) == 2


def test_names_that_mean_nothing(tmp_path: Path) -> None:
    message = refused("peterson")
    assert message.startswith("network.base: 'peterson' is not known; did you mean 'petersen'?")
    assert "watts_strogatz" in message
    for name in (str(tmp_path / "gone.edges"), "gone.graphml", "../petersen", "x" * 300, "a\0b", ""):
        assert refused(name).startswith("network.base: ")
    assert "there is no file" in refused(tmp_path / "gone.edges")
    assert "must end in .toml or .edges or .graphml" in refused(written(tmp_path, "graph.gml", "graph []"))
    assert refused(tmp_path).startswith("network.base: ")


def by_networkx(generator: str, values: dict[str, Any]) -> tuple[tuple[str, ...], list[list[int]]]:
    """Labels and sorted edges of networkx's graph, numbered as `gossipmab.networks.graphs.base_graph` says."""
    graph = getattr(nx, generator)(**values)
    nodes = list(graph)
    if all(isinstance(node, int) for node in nodes):
        nodes.sort()
    index = {node: i for i, node in enumerate(nodes)}
    return tuple(map(str, nodes)), sorted(sorted((index[u], index[v])) for u, v in graph.edges())


STRAIGHT = {name: [{"n": n} for n in range(1, 9)] for name in ("complete_graph", "path_graph", "star_graph")}
STRAIGHT["cycle_graph"] = [{"n": n} for n in range(2, 9)]
GRIDS = product((1, 2, 3, 5), (1, 2, 3, 4), (False, True, [True, False]))
STRAIGHT["grid_2d_graph"] = [dict(zip(("m", "n", "periodic"), grid, strict=True)) for grid in GRIDS]


@pytest.mark.parametrize("generator", generators.STRAIGHT)
def test_graphs_without_chance_are_those_of_networkx(generator: str) -> None:
    for values in STRAIGHT[generator]:
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


if __name__ == "__main__":
    print(readme_table())
