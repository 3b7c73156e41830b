"""Graphs straight into arrays at every size: five of networkx's, node for node and edge for edge, and two random ones of our own.

Each function takes the parameters of a generator and returns a Recipe; or None for parameters that are not plain whole numbers in
their range, which networkx refuses or interprets. The random graphs come from NumPy's PCG64, and are other ones than networkx's of
the same seed, so they have names of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.edge_array import KEY, keys_of, wrong
from gossipmab.utils.parameters import fit
from gossipmab.utils.types import Integers

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


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


def _check(**parameters: tuple[Any, Any]) -> None:
    for name, (hint, value) in parameters.items():
        fit(f"{KEY}.{name}", hint, value)


def large_random_regular_graph(d: Any, n: Any, seed: Any = 0) -> Recipe:
    """d neighbours for each of n agents, by the configuration model with repairs.

    The n d ends of edges are paired at random. Ends of self-loops and repeated edges are shuffled with the ends of as many
    random other edges until none is left; so the distribution is uniform only asymptotically, for d much smaller than n.
    """
    _check(n=(Positive, n), d=(Count, d), seed=(Count, seed))
    if d >= n or n * d % 2:
        raise wrong(f"large_random_regular_graph: n = {n}, d = {d}; allowed is d < n with an even n d")
    return Recipe(n, n * d / 2, lambda: _regular(d, n, seed))


def _regular(d: int, n: int, seed: int) -> Integers:
    rng = np.random.default_rng(seed)
    ends = rng.permutation(np.repeat(np.arange(n), d)).reshape(-1, 2)
    for _ in range(1000):
        keys = keys_of(ends[:, 0].copy(), ends[:, 1], n)
        _, first = np.unique(keys, return_index=True)
        bad = np.ones(len(keys), bool)
        bad[first] = False
        bad |= ends[:, 0] == ends[:, 1]
        count = int(bad.sum())
        if count == 0:
            return keys
        chosen = np.unique(np.concatenate([np.flatnonzero(bad), rng.integers(len(keys), size=count + 2)]))
        ends[chosen] = rng.permutation(ends[chosen].ravel()).reshape(-1, 2)
    raise wrong(f"large_random_regular_graph: n = {n}, d = {d} is too dense for the configuration model")


def large_gnp_graph(n: Any, p: Any, seed: Any = 0) -> Recipe:
    """Each of the n (n - 1) / 2 edges with probability p, by geometric skips over the absent ones.

    Source: Batagelj and Brandes, "Efficient generation of large random networks", 2005.
    """
    _check(n=(Positive, n), p=(Annotated[float, Field(ge=0, le=1)], p), seed=(Count, seed))
    return Recipe(n, n * (n - 1) / 2 * p, lambda: _skipped(n, p, seed))


def _skipped(n: int, p: float, seed: int) -> Integers:
    pairs = n * (n - 1) // 2
    if p == 0.0 or n == 1:
        return np.empty(0, np.int64)
    rng = np.random.default_rng(seed)
    parts: list[Integers] = []
    last = -1
    while last < pairs:
        count = int((pairs - last) * p * 1.01) + 100
        found = last + np.cumsum(np.minimum(rng.geometric(p, count), pairs + 1))
        parts.append(found[found < pairs])
        last = int(found[-1])
    number = np.concatenate(parts)
    before = np.concatenate([[0], np.cumsum(np.arange(n - 1, 0, -1))])  # pairs (i, j), i < j, listed before those of i
    i = np.searchsorted(before, number, side="right") - 1
    return keys_of(i, i + 1 + number - before[i], n)


STRAIGHT: dict[str, Callable[..., Recipe | None]] = {
    make.__name__: make for make in (complete_graph, path_graph, cycle_graph, star_graph, grid_2d_graph)
}
OWN: dict[str, Callable[..., Recipe]] = {make.__name__: make for make in (large_random_regular_graph, large_gnp_graph)}
