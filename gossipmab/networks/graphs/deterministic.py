"""Five graphs straight into arrays at every size: the same nodes and edges as those of the same names in networkx.

Each function takes networkx's parameters and returns a Recipe, or None for parameters that are not plain whole numbers in
their range: networkx refuses or interprets those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gossipmab.networks.graphs.edge_array import keys_of
from gossipmab.utils.types import Integers


class Recipe(NamedTuple):
    """How many agents and edges there will be, how to make the edges (their keys; see `keys_of`), and a grid's shape."""

    agents: float
    edges: float
    make: Callable[[], Integers]
    shape: tuple[int, ...] = ()


def are_whole(*values: Any, least: int = 1) -> bool:
    """Whether all are plain whole numbers from `least` on."""
    return all(type(value) is int and value >= least for value in values)


def chain(agents: int) -> Integers:
    """The edges 0 - 1 - ... - N-1."""
    i = np.arange(agents - 1)
    return keys_of(i, i + 1, agents)


def complete_graph(n: Any) -> Recipe | None:
    """Every pair."""
    if not are_whole(n):
        return None

    def make() -> Integers:
        i, j = np.triu_indices(n, 1)
        return keys_of(i, j, n)

    return Recipe(n, n * (n - 1) // 2, make)


def path_graph(n: Any) -> Recipe | None:
    """0 - 1 - ... - n-1."""
    return Recipe(n, n - 1, lambda: chain(n)) if are_whole(n) else None


def cycle_graph(n: Any) -> Recipe | None:
    """A path whose ends are joined."""
    return Recipe(n, n, lambda: np.append(chain(n), n - 1)) if are_whole(n, least=2) else None


def star_graph(n: Any) -> Recipe | None:
    """Agent 0 joined to n others."""
    return Recipe(n + 1, n, lambda: np.arange(1, n + 1)) if are_whole(n) else None


def grid_2d_graph(m: Any, n: Any, periodic: Any = False) -> Recipe | None:
    """m rows of n; periodic: opposite borders are joined, in both directions, or in the first and the second."""
    around = tuple(periodic) if isinstance(periodic, list) else (periodic, periodic)
    if not are_whole(m, n) or len(around) != 2 or not all(isinstance(turn, bool) for turn in around):
        return None

    def make() -> Integers:
        at = np.arange(m * n).reshape(m, n)
        ends = [(at[:-1], at[1:]), (at[:, :-1], at[:, 1:])]
        ends += [(at[:1], at[-1:])] if around[0] and m > 2 else []
        ends += [(at[:, :1], at[:, -1:])] if around[1] and n > 2 else []
        return np.concatenate([keys_of(i.ravel(), j.ravel(), m * n) for i, j in ends])

    return Recipe(m * n, 2 * m * n, make, (m, n))


MADE: tuple[Callable[..., Recipe | None], ...] = (complete_graph, path_graph, cycle_graph, star_graph, grid_2d_graph)
