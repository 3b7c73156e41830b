"""Two random graphs of our own for networks that are too large for networkx, by NumPy's generator PCG64.

They are other graphs than networkx's of the same seed, so they have names of their own.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.deterministic import Recipe
from gossipmab.networks.graphs.edge_array import KEY, keys_of, wrong
from gossipmab.utils.parameters import fit
from gossipmab.utils.types import Integers

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


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


MADE = (large_random_regular_graph, large_gnp_graph)
