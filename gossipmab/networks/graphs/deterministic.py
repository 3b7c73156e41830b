"""Graphs without chance, straight into arrays; the same nodes and links as those of the same names in networkx.

Each function takes networkx's parameters and says how large the graph will be and how to make its links. It says None to
parameters that are not plain whole numbers in their range: those are networkx's to refuse, or to make sense of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.networks.graphs.edge_array import keys_of
from gossipmab.utils.types import Integers

DEEP = 64  # powers above 2**DEEP are "very many" without being worked out


class Recipe(NamedTuple):
    """How many agents and links there will be, how to make the links (their keys; see `keys_of`), and a box's shape."""

    agents: float
    edges: float
    make: Callable[[], Integers]
    shape: tuple[int, ...] = ()


def whole(*values: Any, least: int = 1) -> bool:
    """Whether all are plain whole numbers from `least` on."""
    return all(type(value) is int and value >= least for value in values)


def cliques(firsts: Integers, size: int, agents: int) -> Integers:
    """The links of one clique of `size` agents from each of `firsts` on."""
    i, j = ((firsts[:, None] + ends).ravel() for ends in np.triu_indices(size, 1))
    return keys_of(i, j, agents)


def chain(first: int, last: int, agents: int) -> Integers:
    """The links first - first+1 - ... - last."""
    i = np.arange(first, max(first, last))
    return keys_of(i, i + 1, agents)


def one(i: int, j: int, agents: int) -> Integers:
    """One link."""
    return keys_of(np.array([i]), np.array([j]), agents)


def complete_graph(n: Any) -> Recipe | None:
    """Every pair."""
    return Recipe(n, n * (n - 1) // 2, lambda: cliques(np.zeros(1, np.int64), n, n)) if whole(n) else None


def path_graph(n: Any) -> Recipe | None:
    """0 - 1 - ... - n-1."""
    return Recipe(n, n - 1, lambda: chain(0, n - 1, n)) if whole(n) else None


def cycle_graph(n: Any) -> Recipe | None:
    """A path whose ends are joined."""
    if not whole(n, least=2):
        return None
    return Recipe(n, n, lambda: np.concatenate([chain(0, n - 1, n), one(0, n - 1, n)]))


def star_graph(n: Any) -> Recipe | None:
    """Agent 0 joined to n others."""
    return Recipe(n + 1, n, lambda: np.arange(1, n + 1)) if whole(n) else None


def wheel_graph(n: Any) -> Recipe | None:
    """Agent 0 joined to all others, which form a cycle."""
    if not whole(n, least=4):
        return None
    return Recipe(n, 2 * n - 2, lambda: np.concatenate([np.arange(1, n), chain(1, n - 1, n), one(1, n - 1, n)]))


def ladder_graph(n: Any) -> Recipe | None:
    """Two paths of n agents, side by side."""

    def make() -> Integers:
        i = np.arange(n)
        return np.concatenate([chain(0, n - 1, 2 * n), chain(n, 2 * n - 1, 2 * n), keys_of(i, i + n, 2 * n)])

    return Recipe(2 * n, 3 * n - 2, make) if whole(n) else None


def circular_ladder_graph(n: Any) -> Recipe | None:
    """Two cycles of n agents, side by side."""
    ladder = ladder_graph(n)
    if ladder is None or n < 3:
        return None
    ends = (one(0, n - 1, 2 * n), one(n, 2 * n - 1, 2 * n))
    return ladder._replace(edges=3 * n, make=lambda: np.concatenate([ladder.make(), *ends]))


def circulant_graph(n: Any, offsets: Any) -> Recipe | None:
    """Every agent joined to those so many places on."""
    if not isinstance(offsets, list) or not whole(n) or not all(type(offset) is int for offset in offsets):
        return None
    steps = sorted({min(offset % n, -offset % n) for offset in offsets})
    if 0 in steps:
        return None

    def make() -> Integers:
        i = np.arange(n)
        return np.concatenate([np.empty(0, np.int64), *(keys_of(i, (i + step) % n, n) for step in steps)])

    return Recipe(n, n * len(steps), make)


def grid_2d_graph(m: Any, n: Any, periodic: Any = False) -> Recipe | None:
    """m rows of n; periodic: what are ends become neighbours, in both directions, or in the first and the second."""
    around = tuple(periodic) if isinstance(periodic, list) else (periodic, periodic)
    if not whole(m, n) or len(around) != 2 or not all(isinstance(turn, bool) for turn in around):
        return None

    def make() -> Integers:
        at = np.arange(m * n).reshape(m, n)
        ends = [(at[:-1], at[1:]), (at[:, :-1], at[:, 1:])]
        ends += [(at[:1], at[-1:])] if around[0] and m > 2 else []
        ends += [(at[:, :1], at[:, -1:])] if around[1] and n > 2 else []
        return np.concatenate([keys_of(i.ravel(), j.ravel(), m * n) for i, j in ends])

    return Recipe(m * n, 2 * m * n, make, (m, n))


def hypercube_graph(n: Any) -> Recipe | None:
    """Corners of the n-dimensional cube, joined where one coordinate differs."""
    if not whole(n, least=2):
        return None
    agents: float = 2**n if n <= DEEP else math.inf

    def make() -> Integers:
        i = np.arange(1 << n)
        return np.concatenate([keys_of(i[i & bit == 0], i[i & bit == 0] + bit, 1 << n) for bit in 1 << np.arange(n)])

    return Recipe(agents, agents * n / 2, make, (2,) * min(n, DEEP))


def full_rary_tree(r: Any, n: Any) -> Recipe | None:
    """Every agent has r children, as long as n lasts: t's parent is (t - 1) // r."""
    if not whole(r, n):
        return None
    return Recipe(n, n - 1, lambda: keys_of((np.arange(1, n) - 1) // r, np.arange(1, n), n))


def balanced_tree(r: Any, h: Any) -> Recipe | None:
    """r children each, h generations of them: 1 + r + ... + r^h agents."""
    if not whole(r) or not whole(h, least=0):
        return None
    if r == 1:
        return path_graph(h + 1)
    if (h + 1) * math.log2(r) > DEEP:
        return Recipe(math.inf, math.inf, lambda: np.empty(0, np.int64))
    return full_rary_tree(r, (r ** (h + 1) - 1) // (r - 1))


def complete_bipartite_graph(n1: Any, n2: Any) -> Recipe | None:
    """Each of the first n1 joined to each of the other n2."""
    if not whole(n1, n2):
        return None
    agents = n1 + n2
    return Recipe(agents, n1 * n2, lambda: (np.arange(n1)[:, None] * agents + np.arange(n1, agents)).ravel())


def ring_of_cliques(num_cliques: Any, clique_size: Any) -> Recipe | None:
    """Cliques in a ring: the second agent of each joined to the first of the next."""
    if not whole(num_cliques, clique_size, least=2):
        return None
    agents = num_cliques * clique_size

    def make() -> Integers:
        firsts = np.arange(0, agents, clique_size)
        return np.concatenate([cliques(firsts, clique_size, agents), keys_of(firsts + 1, np.roll(firsts, -1), agents)])

    return Recipe(agents, num_cliques * (clique_size * (clique_size - 1) // 2 + 1), make)


def caveman_graph(l: Any, k: Any) -> Recipe | None:  # noqa: E741 - networkx's name
    """Cliques of k agents on their own."""
    if not whole(l, k):
        return None
    return Recipe(l * k, l * (k * (k - 1) // 2), lambda: cliques(np.arange(0, l * k, k), k, l * k))


def connected_caveman_graph(l: Any, k: Any) -> Recipe | None:  # noqa: E741 - networkx's name
    """Cliques whose first agent left its second for the last of the clique before."""
    caves = caveman_graph(l, k)
    if caves is None or k < 2:
        return None

    def make() -> Integers:
        firsts, agents = np.arange(0, l * k, k), l * k
        kept = np.setdiff1d(caves.make(), keys_of(firsts, firsts + 1, agents))
        return np.concatenate([kept, keys_of(firsts, (firsts - 1) % agents, agents)])

    return caves._replace(make=make)


def barbell_graph(m1: Any, m2: Any) -> Recipe | None:
    """Two cliques of m1 agents and a path of m2 between them."""
    if not whole(m1, least=2) or not whole(m2, least=0):
        return None
    agents = 2 * m1 + m2

    def make() -> Integers:
        firsts = np.array([0, m1 + m2])
        return np.concatenate([cliques(firsts, m1, agents), chain(m1 - 1, m1 + m2, agents)])

    return Recipe(agents, m1 * (m1 - 1) + m2 + 1, make)


def lollipop_graph(m: Any, n: Any) -> Recipe | None:
    """A clique of m agents and a path of n from its last."""
    if not whole(m, least=2) or not whole(n, least=0):
        return None

    def make() -> Integers:
        return np.concatenate([cliques(np.zeros(1, np.int64), m, m + n), chain(m - 1, m + n - 1, m + n)])

    return Recipe(m + n, m * (m - 1) // 2 + n, make)


MADE: Sequence[Callable[..., Recipe | None]] = (
    complete_graph, path_graph, cycle_graph, star_graph, wheel_graph, ladder_graph, circular_ladder_graph, circulant_graph,
    grid_2d_graph, hypercube_graph, full_rary_tree, balanced_tree, complete_bipartite_graph, ring_of_cliques, caveman_graph,
    connected_caveman_graph, barbell_graph, lollipop_graph,
)  # fmt: skip
