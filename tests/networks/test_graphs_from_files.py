"""Files of base graphs: edge lists, hostile files; and graphs in an experiment's data, which become files of its run folder."""

import re
import shutil
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gossipmab as gm
from gossipmab.experiments.spec import inline_graphs as graph_files
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.networks.graphs import base_graph as topology, edge_list as edge_files, readers
from gossipmab.networks.graphs.base_graph import load
from gossipmab.networks.graphs.readers import description as describe
from tests.networks.test_base_graph import peak, refused as refused_by_name, written, xml
from tests.tiny import Patch, cell_times, odd_files, python, refusal, refuses, tiny


def refused(path: Path | str) -> str:
    """The one line that refuses the file, within 200 MB."""
    message, most = peak(refused_by_name, path)
    assert most < 200_000_000
    return message


def twin(text: str) -> tuple[list[str], list[list[int]]] | str:
    """Labels and edges as the rules say, or what is wrong with the first wrong line."""
    seen: dict[frozenset[str], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        if len(words) != 2:
            return f"line {number}: "
        if words[0] == words[1]:
            return f"line {number}: {words[0]!r} has a self-loop"
        if frozenset(words) in seen:
            return f"line {number}: edge {words[0]!r} {words[1]!r} stands already in line {seen[frozenset(words)]}"
        seen[frozenset(words)] = number
    names = {name for edge in seen for name in edge}
    numbers = all(re.fullmatch(r"0|-?[1-9]\d*", name) for name in names)
    labels = sorted(names, key=int) if numbers else sorted(names)
    place = {name: i for i, name in enumerate(labels)}
    return labels, sorted(sorted(place[name] for name in edge) for edge in seen)


numerals = st.integers(0, 12).map(str)
names = st.one_of(numerals, st.sampled_from(["a", "zoe", "-3", "01", "é", "-0", "9" * 18, "9" * 19, "1.5"]))
gaps = st.sampled_from([" ", "  ", "\t", ",", ", "])
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", " \n", "\r", " # why\n"])


def lines_of(name: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    edge = st.tuples(name, gaps, name, ends).map("".join)
    odd = st.sampled_from(["# comment\n", "7\n", "1 2 3\n", "\n", ",\n", "   1\t2\n"])
    return st.lists(st.one_of(edge, edge, edge, edge, edge, odd), max_size=8).map("".join)


@pytest.mark.parametrize("name", [numerals, names], ids=["numbers", "names"])
def test_edge_files_are_read_as_the_rules_say(tmp_path: Path, name: st.SearchStrategy[str]) -> None:
    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(lines_of(name))
    def compare(text: str) -> None:
        path, expected = written(tmp_path, "mine.edges", text), twin(text)
        if isinstance(expected, str):
            assert f"mine.edges, {expected}" in refusal(edge_files.read, path)
        else:
            graph = edge_files.read(path)
            assert (list(graph.names or map(str, range(graph.agents))), graph.edges.tolist()) == expected

    compare()


@pytest.mark.slow
def test_ten_million_lines_take_bounded_memory(tmp_path: Path) -> None:
    path, n = tmp_path / "large.edges", 1_000_000
    with path.open("w") as file:
        for step in range(1, 11):
            i = np.arange(n)
            file.write("\n".join(f"{a} {b}" for a, b in zip(i.tolist(), ((i + step) % n).tolist(), strict=True)) + "\n")
    graph, most = peak(load, path)
    assert (len(graph.labels), len(graph.edges)) == (n, 10_000_000)
    assert (np.bincount(graph.edges.ravel()) == 20).all() and most < 1_500_000_000


def test_names_take_bounded_memory_and_a_file_that_is_too_large_none(tmp_path: Path) -> None:
    n = 30_000
    path = written(tmp_path, "named.edges", "".join(f"agent{i} agent{(i + s) % n}\n" for i in range(n) for s in (1, 2)))
    graph, most = peak(load, path)
    assert len(graph.edges) == 2 * n and graph.labels[1] == "agent1" and most < 60_000_000
    # a file that is too large is not read
    for suffix, size in [(".edges", 10**9), (".graphml", 2 * 10**7), (".toml", 10**5)]:
        path = tmp_path / f"sparse{suffix}"
        with path.open("wb") as file:
            file.truncate(size + 1)
        assert f"has {size + 1} bytes, more than the {size} that are read" in refused(path)


@pytest.mark.parametrize("word", ["", "x"], ids=["numbers", "names"])
def test_too_many_agents_or_edges_or_lines(tmp_path: Path, monkeypatch: Patch, word: str) -> None:
    path = written(tmp_path, "big.edges", "".join(f"{word}{i} {word}{i + 1}\n" for i in range(20)))
    for limit, said in [("LARGEST_NUMBER", "agents"), ("MOST_EDGES", "edges"), ("MOST_LINES", "lines")]:
        with monkeypatch.context() as patched:
            patched.setattr(edge_files, limit, 19)
            assert f"big.edges has more than 19 {said}" in refused(path)


@pytest.mark.parametrize("suffix", readers.SUFFIXES)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, suffix: str) -> None:
    odd = [tmp_path / name for name in odd_files(tmp_path, suffix)]
    for path in (*odd, tmp_path / f"none{suffix}", f"{tmp_path}/\0{suffix}", "/dev/zero"):
        refused(path)


HARM: list[tuple[str, str | bytes, str]] = [
    ("nul.edges", b"1 2\n2 \x003\n", "line 2: the name '\\x003' has a control character"),
    ("zeros.edges", b"\0" * 50_000_000, "line of more than 100000 characters"),
    ("line.edges", b"1 " * 5_000_000, "line of more than 100000 characters"),
    ("word.edges", b"a" * 10_000_000, "line of more than 100000 characters"),
    ("columns.edges", b"1 " * 40_000, "line 1: 40000 columns"),
    ("name.edges", b"a" * 90_000 + b"\n", "alone is no edge"),
    ("loop.edges", b"a" * 40_000 + b" " + b"a" * 40_000, "self-loop"),
    ("latin.edges", "zoé mia\n".encode("latin-1"), "is not UTF-8 text (byte 2)"),
    ("late.edges", b"1 2\n" + b"# comment\n" * 200_000 + b"\xff\n", "is not UTF-8 text (byte 2000004)"),
    ("utf16.edges", "1 2\n".encode("utf-16"), "is not UTF-8 text"),
    ("spaces.edges", b" " * 10_000_000, "is empty"),
    ("blank.edges", b"\n" * 5_000_000, "is empty"),
    ("deep.graphml", xml("<a>" * 60 + "</a>" * 60), "nested more than 50 deep"),
    ("deeper.graphml", "<a>" * 1_000_000, "nested more than 50 deep"),
    ("many.graphml", xml("<node id='a' " + " ".join(f"a{i}=''" for i in range(200_000)) + "/>"), "has 200001 attributes"),
    ("bomb.graphml", '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>', "DOCTYPE or ENTITY"),
    ("utf16.graphml", '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"), "is not UTF-8 text"),
    ("claims.graphml", '<?xml version="1.0" encoding="utf-16"?><a/>', "is not undirected GraphML"),
    ("external.graphml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE or ENTITY"),
    ("nul.graphml", xml('<node id="a\0b"/>'), "is not undirected GraphML"),
    ("nuls.graphml", b"\0" * 10_000_000, "is not undirected GraphML"),
    ("text.graphml", "a" * 10_000_000, "is not undirected GraphML"),
    ("dots.toml", "a" + ".a" * 40_000 + " = 1", "a key of more than 20 parts"),
    ("tables.toml", "[" + "a." * 40_000 + "a]", "a key of more than 20 parts"),
    ("dotted.toml", "parameters" + ".a" * 400 + " = 1\ngenerator = 'cycle_graph'", "more than 20 parts"),
    ("deep.toml", "generator = 'cycle_graph'\nparameters = {n = " + "[" * 300 + "]" * 300 + "}", ""),
    ("deeper.toml", "a = " + "[" * 40_000, "is not TOML"),
    ("braces.toml", "a = " + "{a = " * 15_000, "is not TOML"),
    ("nul.toml", "generator = 'cycle\0_graph'", "is not TOML"),
    ("word.toml", "generator = '" + "a" * 90_000 + "'", "is not known"),
    ("list.toml", "generator = [" + "1," * 40_000 + "]", "must be the name"),
    ("key.toml", "generator = 'cycle_graph'\n[parameters]\n" + "a" * 900 + " = 1", "is not known"),
    ("number.toml", "generator = 'cycle_graph'\nparameters.n = " + "9" * 4000, "more than 1000000"),
]


@pytest.mark.parametrize(("name", "content", "said"), HARM, ids=[name for name, _, _ in HARM])
def test_hostile_files_are_refused_in_one_line(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    assert said in refused(written(tmp_path, name, content))


def test_descriptions_come_from_the_beginning_of_a_file(tmp_path: Path) -> None:
    assert describe(written(tmp_path, "a.edges", "# Friends\n" + "1 2\n" * 100_000)) == "Friends"
    assert describe(written(tmp_path, "b.edges", "1 2\n" * 100_000 + "# Too late\n")) == ""
    assert len(describe(written(tmp_path, "c.edges", "# " + "é" * 100_000))) == 1000


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
    line = r"holds another experiment; different are: network\.base"
    refuses(line, gm.run, spec(nx.path_graph(4)), out=tmp_path / "run", workers=1)


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
    # overrides go with graphs
    loaded = load_spec(spec(nx.cycle_graph(5)), ["network.link_probability=0.25"])
    assert loaded.network is not None and loaded.network.link_probability == 0.25 and len(loaded.files) == 1
    again = load_spec(loaded, ["experiment.trials=1"])  # a Spec is as good as its data
    assert again.files == loaded.files


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from(["numbers", "letters", "tuples"]))
def test_a_graph_written_is_the_graph(seed: int, agents: int, kind: str) -> None:
    graph = nx.gnp_random_graph(agents, 0.3, seed=seed)
    order = np.random.default_rng(seed).permutation(agents).tolist()
    names: Any = {i: {"numbers": 7 * n - 3, "letters": f" {chr(97 + n)}'", "tuples": (n, "x")}[kind] for i, n in enumerate(order)}
    graph = nx.relabel_nodes(graph, names)
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
