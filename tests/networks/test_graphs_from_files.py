"""Files of base graphs: edge lists and hostile files."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gossipmab.networks.graphs import edge_list as edge_files, readers as files
from gossipmab.networks.graphs.base_graph import load
from gossipmab.networks.graphs.readers import description as describe
from tests.networks.test_base_graph import peak, refused as refused_by_name, written, xml
from tests.tiny import refusal


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
def test_too_many_agents_or_edges_or_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    path = written(tmp_path, "big.edges", "".join(f"{word}{i} {word}{i + 1}\n" for i in range(20)))
    for limit, said in [("LARGEST_NUMBER", "agents"), ("MOST_EDGES", "edges"), ("MOST_LINES", "lines")]:
        with monkeypatch.context() as patched:
            patched.setattr(edge_files, limit, 19)
            assert f"big.edges has more than 19 {said}" in refused(path)


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, suffix: str) -> None:
    fifo, folder = tmp_path / f"fifo{suffix}", tmp_path / f"folder{suffix}"
    loop, device = tmp_path / f"loop{suffix}", tmp_path / f"zero{suffix}"
    os.mkfifo(fifo)  # would block for ever
    folder.mkdir()
    loop.symlink_to(loop)
    device.symlink_to("/dev/zero")  # would never end
    for path in (fifo, folder, loop, device, tmp_path / f"none{suffix}", f"{tmp_path}/\0{suffix}", "/dev/zero"):
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
