"""The base graphs that come with the package, and how a name finds them.

`python tests/networks/test_topologies.py` prints the table of topologies/README.md.
"""

from pathlib import Path

import networkx as nx
import pytest

from gossipmab.networks.graphs.base_graph import SUFFIXES, list_topologies, load
from gossipmab.networks.network import Network
from gossipmab.utils.resources import resolve, shipped_folder
from tests.networks.test_base_graph import refused, written

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


if __name__ == "__main__":
    print(readme_table())
