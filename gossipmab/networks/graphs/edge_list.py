"""Edge files, read in blocks: ten million lines take the arrays of their links, a few hundred MB, and no Python object each.

A line is "u v" or "u, v"; # starts a comment. Where all names are whole numbers, blocks of nothing but numbers are read by
NumPy, others line by line. With other names all are text, and the file is read again, line by line.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gossipmab.networks.graphs.edge_array import (
    KEY,
    LARGEST_NUMBER,
    MOST_EDGES,
    EdgeArray,
    edges_of,
    keys_of,
    short,
    wrong,
)
from gossipmab.networks.graphs.readers import INTEGER, LARGEST_FILE
from gossipmab.utils.safe_read import opened
from gossipmab.utils.types import Integers

BLOCK = 2**20  # bytes read at a time
LONGEST_LINE = 10**5  # bytes
MOST_LINES = 5 * MOST_EDGES  # with comments and empty ones
LONGEST_NUMBER = 18  # digits
ODD_ENDS = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\r(?!\n)")  # of lines, as `str.splitlines` sees them
BOM = b"\xef\xbb\xbf"
NEWLINE, RETURN, ZERO = 10, 13, 48
PLAIN_BYTES = np.isin(np.arange(256), np.frombuffer(b"0123456789 \t,\r\n", np.uint8))


class Fault(NamedTuple):
    """The first line that is not an edge, and why."""

    line: int
    why: str


class Lines(NamedTuple):
    """(E,) int64 each: the two ends of every edge in the file's order, and its line."""

    u: Integers
    v: Integers
    line: Integers


def read(path: Path) -> EdgeArray:
    """The graph of an edge file.

    Raises:
        InputError: the file's name, the line, and what is wrong with it.
    """
    numbers = _numbers(path)
    if numbers is None:
        return _named(path)
    lines, fault = numbers
    nodes = np.unique(np.concatenate([lines.u, lines.v]))
    if len(nodes) > LARGEST_NUMBER:
        raise wrong(f"{path.name} has {len(nodes)} agents, more than {LARGEST_NUMBER}")
    ascending = lines._replace(u=np.searchsorted(nodes, lines.u), v=np.searchsorted(nodes, lines.v))
    edges = _edges(path, ascending, len(nodes), lambda i: str(nodes[i]), fault)
    same = len(nodes) == 0 or (nodes[0] == 0 and nodes[-1] == len(nodes) - 1)
    return EdgeArray(len(nodes), edges, None if same else tuple(map(str, nodes.tolist())))


def _numbers(path: Path) -> tuple[Lines, Fault | None] | None:
    """The edges up to the first fault, if all names are whole numbers; else None."""
    parts: list[Lines] = []
    fault: Fault | None = None
    first, count = 1, 0
    for offset, block in _blocks(path):
        lines = _plain(block, first)
        if lines is None:
            u, v, line = array("q"), array("q"), array("q")
            for number, one, other in _words(path, block, offset, first):
                if isinstance(one, Fault):
                    fault = one
                    break
                if not (INTEGER.fullmatch(one) and INTEGER.fullmatch(other)):
                    return None
                u.append(int(one))
                v.append(int(other))
                line.append(number)
            lines = Lines(np.array(u, np.int64), np.array(v, np.int64), np.array(line, np.int64))
        parts.append(lines)
        count += len(lines.u)
        first = _next(path, block, first, count)
        if fault is not None:
            break
    none = np.empty(0, np.int64)
    joined = [np.concatenate([none, *(part[k] for part in parts)]) for k in range(3)]
    return Lines(joined[0], joined[1], joined[2]), fault


def _named(path: Path) -> EdgeArray:
    """The graph of a file whose names are text: in alphabetical order, for an edge list lists no agents."""
    numbers: dict[str, int] = {}
    u, v, line = array("q"), array("q"), array("q")
    fault: Fault | None = None
    first = 1
    for offset, block in _blocks(path):
        for number, one, other in _words(path, block, offset, first):
            if isinstance(one, Fault):
                fault = one
                break
            u.append(numbers.setdefault(one, len(numbers)))
            v.append(numbers.setdefault(other, len(numbers)))
            line.append(number)
        first = _next(path, block, first, len(u))
        if fault is not None:
            break
        if len(numbers) > LARGEST_NUMBER:
            raise wrong(f"{path.name} has more than {LARGEST_NUMBER} agents")
    names = sorted(numbers)
    place = np.empty(len(names), np.int64)
    place[[numbers[name] for name in names]] = np.arange(len(names))
    lines = Lines(place[np.array(u, np.int64)], place[np.array(v, np.int64)], np.array(line, np.int64))
    edges = _edges(path, lines, len(names), names.__getitem__, fault)
    return EdgeArray(len(names), edges, tuple(names))


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Where each block of whole lines begins, and the block."""
    with opened(path, KEY, LARGEST_FILE) as file:
        rest, offset = file.read(len(BOM)), 0
        rest = b"" if rest == BOM else rest
        while new := file.read(BLOCK):
            block = rest + new
            # a carriage return at the very end may belong to a line feed that was not read yet
            end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
            rest = block[end:]
            if len(rest) > LONGEST_LINE:
                raise wrong(f"{path.name} has a line of more than {LONGEST_LINE} bytes, which is no edge")
            yield offset, block[:end]
            offset += end
        if rest:
            yield offset, rest


def _next(path: Path, block: bytes, first: int, edges: int) -> int:
    """The number of the first line after the block."""
    plain = block.isascii() and not ODD_ENDS.search(block)
    lines = block.count(b"\n") if plain else len(block.decode().splitlines())
    if edges > MOST_EDGES:
        raise wrong(f"{path.name} has more than {MOST_EDGES} edges")
    if first + lines > MOST_LINES:
        raise wrong(f"{path.name} has more than {MOST_LINES} lines")
    return first + lines


def _plain(block: bytes, first: int) -> Lines | None:
    """The edges of a block that holds lines of two numbers and empty lines only; None for any other."""
    data = np.frombuffer(block, np.uint8)
    if not PLAIN_BYTES[data].all():
        return None
    returns = np.flatnonzero(data == RETURN)
    if len(returns) and (returns[-1] == len(data) - 1 or (data[returns + 1] != NEWLINE).any()):
        return None
    turns = np.flatnonzero(np.diff(data >= ZERO, prepend=False, append=False))
    begins, lengths = turns[0::2], turns[1::2] - turns[0::2]
    if len(begins) == 0:
        return Lines(begins, begins, begins)
    if len(begins) % 2 or lengths.max() > LONGEST_NUMBER or ((data[begins] == ZERO) & (lengths > 1)).any():
        return None
    lines = np.searchsorted(np.flatnonzero(data == NEWLINE), begins)
    if (lines[0::2] != lines[1::2]).any() or (lines[2::2] == lines[1:-1:2]).any():
        return None
    numbers = np.zeros(len(begins), np.int64)
    for digit in range(int(lengths.max())):
        there = np.flatnonzero(lengths > digit)
        numbers[there] = 10 * numbers[there] + (data[begins[there] + digit] - ZERO)
    return Lines(numbers[0::2], numbers[1::2], lines[0::2] + first)


def _words(path: Path, block: bytes, offset: int, first: int) -> Iterator[tuple[int, str | Fault, str]]:
    """The number and the two names of every line that has any; a fault as the last of them."""
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        raise wrong(f"{path.name} is not UTF-8 text (byte {offset + error.start})") from None
    if "\0" in text:
        raise wrong(f"{path.name} is not text: it has a NUL byte (byte {offset + block.index(0)})")
    for number, line in enumerate(text.splitlines(), first):
        words = line.partition("#")[0].replace(",", " ").split()
        if len(words) == 2:
            yield number, words[0], words[1]
        elif len(words) == 1:
            yield number, Fault(number, f"{short(words[0])} alone is no edge; a line is 'u v'"), ""
        elif words:
            why = f"{len(words)} columns; a line is 'u v' (weights come from network.weights)"
            yield number, Fault(number, why), ""


def _edges(path: Path, lines: Lines, agents: int, name: Callable[[int], str], fault: Fault | None) -> Integers:
    """The sorted edges; InputError names the first wrong line: a self-loop, a repeated edge, or a fault."""
    faults = [] if fault is None else [fault]
    loops = np.flatnonzero(lines.u == lines.v)
    if len(loops):
        who = short(name(int(lines.u[loops[0]])))
        why = f"{who} has a self-loop; agents always keep their own value, so leave it out"
        faults.append(Fault(int(lines.line[loops[0]]), why))
    keys = keys_of(lines.u, lines.v, max(agents, 1))
    edges = edges_of(keys, agents)
    if len(edges) < len(lines.u):
        keys = keys_of(lines.u, lines.v, agents)
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        at = int(again[np.argmin(order[again + 1])])
        before, now = order[at], order[at + 1]
        pair = " ".join(short(name(int(ends[now]))) for ends in (lines.u, lines.v))
        faults.append(Fault(int(lines.line[now]), f"edge {pair} stands already in line {lines.line[before]}"))
    if faults:
        line, why = min(faults, key=lambda one: one.line)
        raise wrong(f"{path.name}, line {line}: {why}")
    return edges
