"""Base graphs from generators, from the user's files and graphs, and every refusal."""

import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gossipmab.networks.graphs.base_graph import load
from gossipmab.networks.network import Network
from gossipmab.utils.errors import InputError
from tests.tiny import refusal

GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}</graphml>'


def refused(base: Any, agents: Any = None) -> str:
    message = refusal(load, base, agents)
    assert len(message) < 1500 and message.startswith(("network.base: ", "agents: "))
    return message


def peak(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[Any, int]:
    """What the call gives, and the most bytes that Python held during it."""
    tracemalloc.start()
    try:
        return call(*arguments, **named), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


GENERATORS: list[tuple[dict[str, Any], int | None, int]] = [
    ({"generator": "cycle_graph"}, 7, 7),
    ({"generator": "cycle_graph", "n": 7}, None, 7),
    ({"generator": "watts_strogatz_graph", "k": 4, "p": 0.1, "seed": 1}, 20, 20),
    ({"generator": "newman_watts_strogatz_graph", "k": 4, "p": 0.1}, 20, 20),
    ({"generator": "gnm_random_graph", "m": 60, "seed": 3}, 20, 20),
    ({"generator": "random_geometric_graph", "radius": 0.6}, 20, 20),
    ({"generator": "powerlaw_cluster_graph", "m": 2, "p": 0.3}, 20, 20),
    ({"generator": "complete_multipartite_graph", "subset_sizes": [2, 3, "agents-5"]}, 9, 9),
    ({"generator": "complete_bipartite_graph", "n1": 3, "n2": "agents-3"}, 9, 9),
    ({"generator": "lollipop_graph", "m": "agents/2", "n": "agents/2"}, 10, 10),
    ({"generator": "circulant_graph", "offsets": [1, "agents/3"]}, 12, 12),
    ({"generator": "balanced_tree", "r": 3, "h": 2}, None, 13),
    ({"generator": "hexagonal_lattice_graph", "m": 2, "n": 2}, None, 16),
    ({"generator": "triangular_lattice_graph", "m": 3, "n": 4}, None, 12),
    ({"generator": "stochastic_block_model", "sizes": [6, 6], "p": [[0.9, 0.3], [0.3, 0.9]]}, 12, 12),
    ({"generator": "connected_caveman_graph", "l": 3, "k": 4}, None, 12),
    ({"generator": "windmill_graph", "n": 3, "k": 4}, None, 10),
    ({"generator": "grid_graph", "dim": [3, 4, 5]}, None, 60),
    ({"generator": "kneser_graph", "n": 5, "k": 2}, None, 10),
    ({"generator": "dodecahedral_graph"}, None, 20),
    ({"generator": "karate_club_graph"}, None, 34),
    ({"generator": "hnm_harary_graph", "m": 15}, 10, 10),
    ({"generator": "random_regular_graph", "d": np.int64(3)}, 10, 10),
    ({"generator": "full_rary_tree", "r": 2}, 9, 9),
]


@pytest.mark.parametrize(("base", "agents", "expected"), GENERATORS, ids=lambda value: str(value)[:40])
def test_generators_of_networkx(base: dict[str, Any], agents: int | None, expected: int) -> None:
    network = Network(base, agents=agents)
    assert (network.agents, network.name) == (expected, base["generator"])
    assert np.array_equal(network.edges, Network(base, agents=agents).edges)  # the same every time
    if base["generator"] == "random_regular_graph":  # a seed that is missing is zero
        same = [np.array_equal(network.edges, load({**base, "seed": seed}, agents).edges) for seed in (0, 1)]
        assert same == [True, False]


REFUSED: list[tuple[Any, Any, str]] = [
    ({"generator": "cycel_graph"}, 5, "did you mean 'cycle_graph'?"),
    ({"generator": 3}, 5, "generator = 3 must be the name"),
    ({}, 5, "generator = None must be the name"),
    ({"generator": "read_graphml"}, 5, "'read_graphml' is not known"),
    *(({"generator": name}, 5, "is not known") for name in ("write_edgelist", "graph_atlas", "Graph", "__dir__", "../a")),
    ({"generator": "watts_strogatz_graph", "kk": 4, "p": 0.1}, 9, "is watts_strogatz_graph(n, k, p, seed=None)"),
    ({"generator": "watts_strogatz_graph", "p": 0.1}, 9, "'k'; the signature is watts_strogatz_graph("),
    ({"generator": "cycle_graph", "create_using": 1}, 9, "'create_using' is not known"),
    ({"generator": "cycle_graph", "backend": "cugraph"}, 9, "'backend' is not known"),
    ({"generator": "cycle_graph", "n": "nine"}, 9, "n = 'nine' of 'cycle_graph' is not a number"),
    ({"generator": "cycle_graph", "n": {}}, 9, "n = {} of 'cycle_graph' is not a number"),
    ({"generator": "cycle_graph", "n": None}, 9, "n = None of"),
    ({"generator": "cycle_graph", "n": 10**9}, None, "more than 1000000"),
    ({"generator": "complete_graph"}, 100_000, "'complete_graph' with 100000 agents would have 4999950000 edges"),
    ({"generator": "path_graph", "n": "agents/2"}, 9, "'agents/2' of 'path_graph' is no whole number"),
    ({"generator": "path_graph", "n": "agents/0"}, 9, "is no whole number"),
    ({"generator": "path_graph", "n": 2.5}, None, "cannot be made with n = 2.5"),
    ({"generator": "path_graph", "n": -3}, None, "network.base"),
    ({"generator": "cycle_graph"}, None, "'cycle_graph' is made for any number of agents, so give agents"),
    ({"generator": "random_regular_graph", "d": 3, "n": 9}, None, "cannot be made with d = 3, n = 9, seed = 0"),
    ({"generator": "hypercube_graph", "n": 3}, 9, "has 8 agents, but agents = 9: leave agents out, or set agents = 8"),
    ({"generator": "complete_multipartite_graph", "subset_sizes": 4}, None, "network.base"),
    ({"generator": "is_valid_joint_degree", "joint_degrees": [1]}, None, "network.base"),
    ({"generator": "nonisomorphic_trees", "order": 4}, None, "does not make one graph"),
    ({"generator": "gn_graph", "n": 5}, None, "'gn_graph' is directed"),
    ({"generator": "paley_graph", "p": 5}, None, "is directed"),
    ({"generator": "margulis_gabber_galil_graph", "n": 3}, None, "network.base: 'margulis_gabber_galil_graph'"),
    ({"generator": "null_graph"}, None, "is empty"),
    ({"generator": "cycle_graph", "n": 1}, None, "has a self-loop at 0"),
    ({"generator": "caveman_graph", "l": 3, "k": 4}, None, "is disconnected: 3 components of 4, 4, 4 agents"),
    ({"generator": "gnp_random_graph", "n": 9, "p": 0.1}, None, "another seed, or parameters that give more edges"),
    ({"generator": "gnp_random_graph", "p": float("nan")}, 9, "network.base"),
    ({"generator": "ego_graph", "n": 3}, None, "cannot be made"),
    *(("complete", n, f"agents: got {n!r}, allowed is a whole number") for n in (0, -1, 2.5, "5", True, 10**7, [3])),
    *((base, None, "is not a name, a file, a table with a generator, or a networkx") for base in (3, None, ["ring"], 2.5, object)),
    (nx.Graph(), None, "'graph' is empty: it has no nodes"),
    (nx.DiGraph([(0, 1)]), None, "'graph' is directed"),
    (nx.MultiGraph([(0, 1), (0, 1)]), None, "'graph' is a multigraph: an edge may be there only once (0 1)"),
    (nx.Graph([(0, 1), (1, 1)]), None, "'graph' has a self-loop at 1"),
    (nx.Graph([(0, 1), (2, 3), (3, 4)]), None, "'graph' is disconnected: 2 components of 3, 2 agents"),
    (nx.empty_graph(12), None, "12 components of 1, 1, 1, 1, 1, 1, 1, 1, ... agents"),
]


@pytest.mark.parametrize(("base", "agents", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_wrong_generators_parameters_and_graphs(base: Any, agents: int | None, said: str) -> None:
    message = refused(base, agents)
    assert said in message and (isinstance(base, dict) or "seed" not in message)


lists = st.lists(st.integers(-2, 9), max_size=3)
values = st.one_of(st.integers(-3, 30), st.floats(), st.booleans(), st.text(max_size=8), st.none(), lists)
names = ["cycle_graph", "random_regular_graph", "barabasi_albert_graph", "turan_graph", "complete_multipartite_graph"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(names),
    st.dictionaries(st.sampled_from(["n", "d", "m", "r", "seed", "p", "subset_sizes", ""]), values, max_size=3),
    st.one_of(st.none(), st.integers(-1, 20)),
)
def test_any_table_is_a_graph_or_one_line(generator: str, parameters: Mapping[str, Any], agents: int | None) -> None:
    try:
        graph = load({"generator": generator, **parameters}, agents)
    except InputError as error:
        assert str(error).startswith(("network.base: ", "agents: ")) and "\n" not in str(error)
    else:
        assert nx.is_connected(nx.Graph(graph.edges.tolist() or [(0, 0)]))


def test_networkx_graphs_and_the_order_of_nodes(tmp_path: Path) -> None:
    graph = nx.Graph([("zoe", "adam"), ("adam", "mia")], name="friends")
    loaded = load(graph)
    assert loaded.name == "friends"
    assert loaded.labels == ("zoe", "adam", "mia")  # names keep the graph's order
    assert loaded.edges.tolist() == [[0, 1], [1, 2]]
    assert load(nx.Graph([(30, 4), (4, 12)])).labels == ("4", "12", "30")  # integers ascend
    assert "seeded" not in graph.graph
    # a file of GraphML
    nx.write_graphml_xml(nx.relabel_nodes(nx.petersen_graph(), {i: 3 * i for i in range(10)}), tmp_path / "mine.graphml")
    loaded = load(tmp_path / "mine.graphml", 10)
    assert loaded.labels == tuple(str(3 * i) for i in range(10))
    assert nx.utils.graphs_equal(nx.Graph(loaded.edges.tolist()), nx.Graph(list(nx.petersen_graph().edges())))


def test_edge_lists(tmp_path: Path) -> None:
    text = "\ufeff# Friends of mine\n\n10 -2  # a comment\n-2, 33\r\n33\t10"  # the last line has no end
    graph = load(written(tmp_path, "mine.edges", text))
    assert (graph.name, graph.description) == ("mine", "Friends of mine")
    assert graph.labels == ("-2", "10", "33") and graph.edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    named = load(str(written(tmp_path, "named.edges", "zoe adam\nadam 7\n")))
    assert named.labels == ("7", "adam", "zoe")  # sorted: an edge list lists no nodes
    for text, labels in (
        ("1 01\n01 2\n", ("01", "1", "2")),  # 01 is a name, not another 1
        ("C#1 C#2 # why\nC#2,C#3\n", ("C#1", "C#2", "C#3")),
        (f"{2**70} 9\n9 {2**64}\n", ("9", str(2**64), str(2**70))), ("% KONECT\n1 2\n2 3\n", ("1", "2", "3")),
        ("a b {}\nb c {}\n", ("a", "b", "c")),  # networkx
        ("a source\nsource target\n", ("a", "source", "target")),
    ):  # fmt: skip
        graph = load(written(tmp_path, "mine.EDGES", text))
        assert (graph.labels, len(graph.edges)) == (labels, len(labels) - 1)


WRONG_EDGES: list[tuple[str | bytes, str]] = [
    ("a b\nb b\n", "bad.edges, line 2: 'b' has a self-loop"),
    ("a b\n\nb a\n", "bad.edges, line 3: edge 'b' 'a' stands already in line 1"),
    ("a b 0.5\n", "bad.edges, line 1: 3 columns; a line is 'u v' (weights come from network.weights)"),
    ("a b\nc\n", "bad.edges, line 2: 'c' alone is no edge"),
    ("% asym weighted\n1 2 1 9\n", "bad.edges, line 2: 4 columns; a line is 'u v' (weights come from network.weights): keep the"),
    ("a b {'weight': 2}\n", "line 1: data of networkx after the edge; write the file with nx.write_edgelist(graph, path, data=F"),
    ("source,target\na,b\nb,c\n", "bad.edges, line 1: this is the header of a table, as Gephi writes it; delete the line"),
    ("Source,Target,Type,Weight\na,b,Undirected,1\n", "bad.edges, line 1: this is the header of a table"),
    ("1 2\n2 1\n2 3\n", "line 2: edge '2' '1' stands already in line 1 in the other direction; of both directions, as SNAP"),
    ("a \x01\n", "line 1: the name '\\x01' has a control character"),
    ("# nothing\n", "'bad' is empty"),
    ("", "'bad' is empty"),
    ("a b\nc d\n", "'bad' is disconnected: 2 components of 2, 2 agents"),
    (b"a b\n\xff\xfe c\n", "'bad.edges' is not UTF-8 text (byte 4)"),
]


NODES = '<node id="b"/><node id="a"/>'


def xml(body: str, edgedefault: str = "undirected") -> str:
    return GRAPHML.format(f'<graph edgedefault="{edgedefault}">{body}</graph>')


def edge(source: str, target: str) -> str:
    return f'<edge source="{source}" target="{target}"/>'


WRONG_GRAPHML = [
    (xml(NODES + edge("a", "b"), "directed"), "'bad' is directed"),
    (xml(NODES + edge("a", "b") + edge("b", "a")), "'bad' is a multigraph: an edge may be there only once ("),
    (xml(NODES + edge("a", "a")), "'bad' has a self-loop at 'a'"),
    (xml(NODES), "'bad' is disconnected: 2 components of 1, 1 agents"),
    (xml(""), "'bad' is empty"),
    (xml(NODES + '<edge source="a"/>'), "network.base"),
    (xml(NODES + edge("a", "c")), "bad.graphml has an edge at 'c', which is not among its nodes"),
    (xml(NODES + NODES), "declares a node twice"),
    (xml(NODES + edge("a", "b") + "</graph><graph>" + '<node id="c"/>'), "declares 3 nodes and 1 edges, and its first graph has"),
    (xml(f'<node id="c"><graph>{NODES}{edge("a", "b")}</graph></node>'), "graphs within nodes, and further graphs, are not read"),
    ("<graphml><graph/></graphml>", 'its namespace is none; allowed is <graphml xmlns="http://graphml.graphdrawing.org/xmlns">'),
    (GRAPHML.format(""), "bad.graphml is not undirected GraphML"),
    ("<graphml", "bad.graphml is not undirected GraphML"),
    ("", "bad.graphml is not undirected GraphML"),
    ('<!DOCTYPE x [<!ENTITY a "b">]>' + GRAPHML.format("&a;"), "DOCTYPE or ENTITY"),
    ("<!doctype html>", "DOCTYPE or ENTITY"),
]
WRONG_TOML = [
    ("generator = ", "bad.toml is not TOML"),
    ('description = "no generator"', "generator = None must be the name"),
    ('generator = "cycle_graph"\nparameters = 3', "parameters = 3 in bad.toml must be a table"),
    ('generator = "cycle_graph"\n[parameter]\nn = 4', "did you mean 'parameters'?"),
    ('generator = "cycle_graph"\n[parameters]\nk = 4', "parameter of cycle_graph: 'k' is not known"),
    ('generator = "star_graph"\n[parameters]\nn = "agents"', "'bad' is made for any number of agents"),
    ('generator = "cycle_graph"\n[parameters]\nn = 1979-05-27', "is not a number, a list"),
    ("a = " + "1" * 5000, "bad.toml is not TOML"),
    (b"\xff", "'bad.toml' is not UTF-8 text"),
]
WRONG_FILES = [
    (f"bad.{suffix}", *row)
    for suffix, rows in (("edges", WRONG_EDGES), ("graphml", WRONG_GRAPHML), ("toml", WRONG_TOML))
    for row in rows
]


@pytest.mark.parametrize(("name", "content", "said"), WRONG_FILES)
def test_wrong_files(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    assert said in refused(written(tmp_path, name, content))
