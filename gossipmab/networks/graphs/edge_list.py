"""Edge files: a line is "u v" or "u, v"; # at the start of a word begins a comment, and so does % at the start of a line.

Of the files of others, those are read that say no more; networkx's empty data {} is left out.

Names that are all whole numbers are ordered as numbers, other names as text. A file of plain numbers is parsed by NumPy; any other,
and any that holds an error, is read line by line, so that the error names its line.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import numpy as np

from gossipmab.networks.graphs.edge_array import (
    COMMENT,
    INTEGER,
    KEY,
    LARGEST_NUMBER,
    MOST_EDGES,
    EdgeArray,
    edges_of,
    fault_of_name,
    keys_of,
    short,
    without_comment,
    wrong,
)
from gossipmab.networks.graphs.readers import LARGEST_FILE
from gossipmab.utils.safe_read import text_of
from gossipmab.utils.types import Integers

LONGEST_LINE = 10**5  # characters
MOST_LINES = 5 * MOST_EDGES  # with comments and empty ones
LINE = re.compile(r"([^\r\n]*+)(?:\r\n|\r|\n|\Z)")
COLUMNS = {"source", "target", "from", "to", "src", "dst"}  # as tables of others call them
HEADER = "this is the header of a table, as Gephi writes it; delete the line, and all columns but the first two"
NUMBER = "(?:0|[1-9][0-9]{0,17})"
EDGE = rf"[ \t,]*+(?:{NUMBER}[ \t,]++{NUMBER}[ \t,]*+)?+"
PLAIN = re.compile(rf"{EDGE}(?:\r?\n{EDGE})*+")


def read(path: Path) -> EdgeArray:
    """The graph of an edge file.

    Raises:
        InputError: the file's name, the line, and what is wrong with it.
    """
    text = text_of(path, KEY, LARGEST_FILE)
    if text.count("\n") >= MOST_LINES:
        raise wrong(f"{path.name} has more than {MOST_LINES} lines")
    return _numbers(path, text) or _by_lines(path, text)


def _numbers(path: Path, text: str) -> EdgeArray | None:
    """The graph of a file of plain numbers; None if it holds anything else, or an edge that is refused."""
    text = COMMENT.sub("", text) if "#" in text else text
    if not PLAIN.fullmatch(text):
        return None
    text = text.replace(",", " ").strip()
    ends = np.fromstring(text, np.int64, sep=" ") if text else np.empty(0, np.int64)
    nodes = np.unique(ends)
    _check_sizes(path, len(nodes), len(ends) // 2)
    edges = _edges(np.searchsorted(nodes, ends), len(nodes))
    same = len(nodes) == 0 or (nodes[0] == 0 and nodes[-1] == len(nodes) - 1)
    return None if edges is None else EdgeArray(len(nodes), edges, None if same else tuple(map(str, nodes.tolist())))


def _by_lines(path: Path, text: str) -> EdgeArray:
    """The graph of any edge file, or InputError for its first wrong line."""
    seen: dict[str, int] = {}
    ends, lines, fault = array("q"), array("q"), ""
    for line, match in enumerate(LINE.finditer(text), 1):
        if len(match[1]) > LONGEST_LINE:
            raise wrong(f"{path.name} has a line of more than {LONGEST_LINE} characters, which is no edge")
        words = [] if match[1].startswith("%") else without_comment(match[1]).replace(",", " ").split()
        words = words[:2] if words[2:] == ["{}"] else words
        if words and (fault := _fault(words)):
            fault = f"line {line}: {fault}"
            break
        if words:
            ends.extend(seen.setdefault(word, len(seen)) for word in words)
            lines.append(line)
            _check_sizes(path, len(seen), len(lines))
    if not fault and _is_header(list(seen)) and ends.count(0) == ends.count(1) == 1:  # no other line has these names
        fault = f"line {lines[0]}: {HEADER}"
    names = sorted(seen, key=int if all(map(INTEGER.fullmatch, seen)) else str)
    rank = np.empty(len(names), np.int64)
    rank[[seen[name] for name in names]] = np.arange(len(names))
    places = rank[np.array(ends, np.int64)]
    edges = _edges(places, len(names))
    if edges is None:  # a repeated edge, before any other fault
        keys = keys_of(places[0::2], places[1::2], len(names))
        again = int(np.setdiff1d(np.arange(len(keys)), np.unique(keys, return_index=True)[1])[0])
        before = int(np.argmax(keys == keys[again]))
        pair = " ".join(short(names[place]) for place in places[2 * again : 2 * again + 2])
        fault = f"line {lines[again]}: edge {pair} stands already in line {lines[before]}"
        if places[2 * again] != places[2 * before]:
            fault += " in the other direction; of both directions, as SNAP writes them, keep one"
    if fault or edges is None:
        raise wrong(f"{path.name}, {fault}")
    return EdgeArray(len(names), edges, tuple(names))


def _fault(words: list[str]) -> str:
    """Why the words of a line are no edge; "" if they are one."""
    if len(words) == 1:
        return f"{short(words[0])} alone is no edge; a line is 'u v'"
    if len(words) > 2 and _is_header(words):
        return HEADER
    if len(words) > 2 and words[2].startswith("{"):
        return "data of networkx after the edge; write the file with nx.write_edgelist(graph, path, data=False)"
    if len(words) > 2:
        return f"{len(words)} columns; a line is 'u v' (weights come from network.weights): keep the first two columns"
    if words[0] == words[1]:
        return f"{short(words[0])} has a self-loop; agents always keep their own value, so leave it out"
    return fault_of_name(words[0]) or fault_of_name(words[1])


def _edges(ends: Integers, agents: int) -> Integers | None:
    """(E, 2) sorted edges of the ends (2E,), two an edge; None if there is a self-loop or a repeated edge."""
    u, v = ends[0::2], ends[1::2]
    edges = edges_of(keys_of(u, v, agents), agents)
    return None if len(edges) < len(u) or (u == v).any() else edges


def _is_header(words: list[str]) -> bool:
    return len(words) > 1 and {word.lower() for word in words[:2]} <= COLUMNS


def _check_sizes(path: Path, agents: int, edges: int) -> None:
    if agents > LARGEST_NUMBER:
        raise wrong(f"{path.name} has more than {LARGEST_NUMBER} agents")
    if edges > MOST_EDGES:
        raise wrong(f"{path.name} has more than {MOST_EDGES} edges")
