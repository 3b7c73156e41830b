"""networkx graphs in an experiment's data: the bits of the same graph from a file, and a run folder that stands on its own."""

import shutil
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

import gossipmab as gm
from gossipmab.experiments.spec import inline_graphs as graph_files
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.networks.graphs import base_graph as topology
from tests.tiny import cell_times, python, refusal, tiny

ENVIRONMENT = {"arms": 3, "objectives": 2}
SPEC = tiny(50, 2, environment=ENVIRONMENT, network={}, algorithms=[{"name": "pareto_ucb_gossip"}])


def spec(base: Any, **more: Any) -> dict[str, Any]:
    return {**SPEC, "network": {"base": base, "link_probability": 0.5}, **more}


def equal(one: gm.Results, other: gm.Results) -> bool:
    """Whether the cells of both have the same bits, in order."""
    return all(gm.same_bits(a, b) == [] for a, b in zip(one.traces.values(), other.traces.values(), strict=True))


def test_a_graph_has_the_bits_of_its_file_and_of_its_network(tmp_path: Path) -> None:
    graph = nx.cycle_graph(6)
    nx.write_edgelist(graph, tmp_path / "six.edges", data=False)
    ours = gm.run(spec(graph), out=tmp_path / "ours", workers=1)
    assert len(ours.traces) == 2
    assert equal(ours, gm.run(spec(str(tmp_path / "six.edges")), out=tmp_path / "file", workers=1))
    assert equal(ours, gm.run(spec("ring", environment={**ENVIRONMENT, "agents": 6}), out=tmp_path / "name"))
    environment, network = gm.Environment.sample(6, 3, 2, seed=5, trial=1), gm.Network(graph, link_probability=0.5)
    trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=50, seed=5, trial=1, recorded_rounds=5)
    assert gm.same_bits(list(ours.traces.values())[1], trace) == []


def test_the_run_folder_stands_on_its_own(tmp_path: Path) -> None:
    graph = nx.relabel_nodes(nx.star_graph(3), dict(enumerate(["hub <&>", "c", "a", "ü b"])))
    graph.name = "my star"
    done = gm.run(spec(graph), out=tmp_path / "run", workers=1)
    (file,) = (tmp_path / "run" / "data").iterdir()
    name = done.spec.resolved()["network"]["base"]
    assert name.startswith("my-star-") and file.suffix == ".graphml"
    shutil.rmtree(graph_files.FOLDERS[-1])  # as after a new start
    opened = gm.open_run(tmp_path / "run")
    assert opened.spec.hash == done.spec.hash
    (copy,) = opened.spec.files.values()
    again, wanted = gm.Network(copy), gm.Network(graph)
    assert again.labels == wanted.labels == ("hub <&>", "c", "a", "ü b") and np.array_equal(again.edges, wanted.edges)
    before = cell_times(tmp_path / "run")
    gm.run(spec(graph.copy()), out=tmp_path / "run", workers=1)  # the same graph in another object: nothing is left to do
    assert before == cell_times(tmp_path / "run")
    with pytest.raises(gm.InputError, match=r"holds another experiment; different are: network\.base"):
        gm.run(spec(nx.path_graph(4)), out=tmp_path / "run", workers=1)


def test_graphs_may_be_swept_and_switched(tmp_path: Path) -> None:
    bases = [nx.petersen_graph(), nx.cycle_graph(10)]
    crossed = gm.run({**SPEC, "sweep": {"network.base": bases}}, out=tmp_path / "crossed", workers=1)
    points = [{"network.base": base, "network.weights": "metropolis"} for base in bases]
    listed = load_spec({**SPEC, "sweep": {"points": points}})
    assert crossed.spec.sweep["network.base"] == listed.sweep["network.base"] and len(crossed.traces) == 4
    names = {**SPEC, "environment": {**ENVIRONMENT, "agents": 10}}
    names["sweep"] = {"network.base": ["petersen", "ring"]}
    assert equal(crossed, gm.run(names, out=tmp_path / "shipped", workers=1))
    halves = [nx.Graph([(0, 1)]), nx.Graph([(1, 2), (2, 3)])]
    for half in halves:
        half.add_nodes_from(range(4))
    four, runs = {**SPEC, "environment": {**ENVIRONMENT, "agents": 4}}, []
    for name, graphs in (("graphs", halves), ("written", [{"edges": [[0, 1]]}, {"edges": [[1, 2], [2, 3]]}])):
        network = {"links": {"process": "switching", "graphs": graphs}}
        runs.append(gm.run({**four, "network": network}, out=tmp_path / name, workers=1))
    assert equal(*runs)


def test_overrides_go_with_graphs(tmp_path: Path) -> None:
    loaded = load_spec(spec(nx.cycle_graph(5)), ["network.link_probability=0.25"])
    assert loaded.network is not None and loaded.network.link_probability == 0.25 and len(loaded.files) == 1
    again = load_spec(loaded, ["experiment.trials=1"])  # a Spec is as good as its data
    assert again.files == loaded.files


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from(["numbers", "letters", "tuples"]))
def test_a_graph_written_is_the_graph(seed: int, agents: int, kind: str) -> None:
    graph = nx.gnp_random_graph(agents, 0.3, seed=seed)
    order = np.random.default_rng(seed).permutation(agents).tolist()
    names = {
        "numbers": lambda i: 7 * order[i] - 3,
        "letters": lambda i: f" {chr(97 + order[i])}'",
        "tuples": lambda i: (order[i], "x"),
    }
    graph = nx.relabel_nodes(graph, {i: names[kind](i) for i in graph})
    wanted = topology.load(graph, connected=False)
    _, files = graph_files.graphs_as_files({"network": [graph]})
    found = topology.load(next(iter(files.values())), connected=False)
    assert found.labels == wanted.labels and np.array_equal(found.edges, wanted.edges)


@pytest.mark.parametrize(
    ("label", "said"), [(0, "0"), ("", "n0"), (" ", "n0"), ("two\nlines", "two lines"), ("a\x01", None), ("\ud800", None)]
)
def test_names_are_the_same_at_both_doors(label: Any, said: str | None) -> None:
    graph = nx.relabel_nodes(nx.path_graph(2), {0: "n0", 1: "n1"})
    graph.nodes["n0"]["name"] = label
    if said is None:
        assert "has a control character, which no name may have" in refusal(gm.Network, graph)
    else:
        _, files = graph_files.graphs_as_files([graph])
        (file,) = files.values()
        assert gm.Network(graph).labels == gm.Network(file).labels == (said, "n1")


def test_nothing_stays_behind(tmp_path: Path) -> None:
    code = """
import networkx as nx
from gossipmab.experiments.spec.inline_graphs import FOLDERS, graphs_as_files
data, files = graphs_as_files({"network": {"base": nx.path_graph(3)}})
assert all(path.is_file() for path in files.values()) and len(FOLDERS) == 1
"""
    python(code, timeout=120, TMPDIR=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
