"""A graph as sorted edges and perhaps the names of its agents, and the limits of its size.

Nothing here knows networkx: a graph of a million agents and ten million edges takes 160 MB, as a networkx object some 5 GB.
"""

from __future__ import annotations

import re
import reprlib
from typing import Any, NamedTuple

import numpy as np

from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Integers

KEY = "network.base"
LARGEST_NUMBER = 10**6  # agents, and every whole number in a generator's parameters but the seed
MOST_EDGES = 10**7
SHORT = reprlib.Repr()  # of values in messages, which may come from hostile files
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother, SHORT.maxlist, SHORT.maxdict, SHORT.maxlong = 4, 80, 80, 20, 8, 80
INTEGER = re.compile(r"0|-?[1-9]\d{0,999}")  # a name that is a whole number
COMMENT = re.compile(r"(?<![^\s,])#[^\r\n]*+")  # a # within a name, as in C#, is a part of it
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # what no XML file can hold


class EdgeArray(NamedTuple):
    """N, (E, 2) int64 sorted edges with i < j, the agents' names (None: their numbers), and whether a seed shaped the edges."""

    agents: int
    edges: Integers
    names: tuple[str, ...] | None = None
    seeded: bool = False


def wrong(text: str) -> InputError:
    """The error for a base graph."""
    return InputError(f"{KEY}: {text}")


def short(value: Any) -> str:
    """The value as code, of bounded length and depth."""
    return SHORT.repr(value)


def without_comment(line: str) -> str:
    """The line up to its comment."""
    return COMMENT.sub("", line) if "#" in line else line


def fault_of_name(name: str) -> str:
    """Why this can be no agent's name, in any kind of file; "" if it can."""
    if not name.strip():
        return "an agent's name is empty"
    return f"the name {short(name)} has a control character, which no name may have" if NO_TEXT.search(name) else ""


def keys_of(i: Integers, j: Integers, agents: int) -> Integers:
    """(E,) int64: a link's number, min(i, j) N + max(i, j), which sorts as links do."""
    keys: Integers = np.minimum(i, j)
    keys *= agents
    keys += np.maximum(i, j)
    return keys


def edges_of(keys: Integers, agents: int) -> Integers:
    """(E, 2) int64, i < j, in lexicographic order and every link once. `keys` is sorted in place."""
    keys.sort()
    again = np.flatnonzero(keys[1:] == keys[:-1])
    if len(again):
        keys = np.delete(keys, again)
    edges = np.empty((len(keys), 2), np.int64)
    np.divmod(keys, max(agents, 1), out=(edges[:, 0], edges[:, 1]))
    return edges


def refuse_giant(agents: float, edges: float, name: str, most_agents: int = 0, advice: str = "") -> None:
    """A mistyped number must not fill the memory: raise for what has too many agents or links, before it is built."""
    most_edges = MOST_EDGES if not most_agents else 10 * most_agents
    most_agents = most_agents or LARGEST_NUMBER
    if agents > most_agents:
        raise wrong(f"{name!r} would have {_count(agents)} agents, more than {most_agents}{advice}")
    if edges > most_edges:
        raise wrong(f"{name!r} with {agents} agents would have {_count(edges)} edges, more than {most_edges}{advice}")


def _count(number: float) -> str:
    return f"{number:.0f}" if number < 10**18 else "very many"
