"""Random graphs, straight into arrays: link by link those that networkx 3.6 makes with the same parameters and seed.

The draws of Python's `random.Random(seed)` are replayed (`gossipmab.networks.graphs.mersenne`), and what the functions of the same
names in networkx do with them, in its order. None is said to parameters that are networkx's to refuse, as in `fixed.py`.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gossipmab.networks.graphs import draws
from gossipmab.networks.graphs.deterministic import Recipe, complete_graph, whole
from gossipmab.networks.graphs.edge_array import component_sizes, edges_of, keys_of, wrong
from gossipmab.networks.graphs.mersenne import room, twister
from gossipmab.utils.types import Integers

MOST_PAIRS = 10**9  # that gnp_random_graph draws for, one by one: 44,721 agents


def number(p: Any) -> bool:
    """Whether it is a plain number."""
    return type(p) in (int, float) and math.isfinite(p)


def nothing() -> Integers:
    """No links."""
    return np.empty(0, np.int64)


def random_regular_graph(d: Any, n: Any, seed: int) -> Recipe | None:
    """d links each: stubs shuffled and paired, those that do not fit shuffled again, all anew where none can fit."""
    if not whole(n) or not whole(d, least=0) or n * d % 2 or d >= n:
        return None

    def make() -> Integers:
        state, table = twister(seed), room(n * d // 2)
        waiting, order = np.zeros(n, np.int64), np.empty(n, np.int64)
        stubs, left = np.empty(n * d, np.int64), -1
        while left:
            if left < 0:
                stubs.reshape(d, n)[:] = np.arange(n)
                table.fill(-1)
                left = n * d
            left = draws.pair_up(state, stubs, left, table, waiting, order)
        return table[table >= 0]

    return Recipe(n, n * d // 2, make if d else nothing)


def _ring(n: int, k: int, p: float, state: Integers, change: Callable[..., int]) -> Integers:
    """Links to the k/2 next agents on either side, changed with probability p by `change`, of `draws`."""
    half, mean = k // 2, n * (k // 2) * min(max(p, 0.0), 1.0)
    table, gone = room(min(n * half, mean + 10 * math.sqrt(mean) + 100)), np.zeros((half, n), np.uint8)
    change(state, n, half, float(p), gone, table, np.full(n, 2 * half))
    step, i = np.nonzero(gone == 0)
    return np.concatenate([keys_of(i, (i + step + 1) % n, n), table[table >= 0]])


def _in_ring(n: Any, k: Any, p: Any) -> bool:
    return whole(n) and whole(k, least=0) and number(p) and k <= n


def watts_strogatz_graph(n: Any, k: Any, p: Any, seed: int) -> Recipe | None:
    """A ring of k neighbours; each link moved to another end with probability p."""
    if not _in_ring(n, k, p) or k == n:
        return complete_graph(n) if k == n and number(p) else None
    return Recipe(n, n * (k // 2), lambda: _ring(n, k, p, twister(seed), draws.rewire))


def newman_watts_strogatz_graph(n: Any, k: Any, p: Any, seed: int) -> Recipe | None:
    """A ring of k neighbours; another link beside each with probability p."""
    if not _in_ring(n, k, p) or k == n:
        return complete_graph(n) if k == n and number(p) else None
    edges = n * (k // 2) * (1 + min(max(p, 0.0), 1.0))
    return Recipe(n, edges, lambda: _ring(n, k, p, twister(seed), draws.add_beside))


def connected_watts_strogatz_graph(n: Any, k: Any, p: Any, seed: int, tries: Any = 100) -> Recipe | None:
    """The first of `tries` graphs of watts_strogatz_graph, from one stream of numbers, that is connected."""
    recipe = watts_strogatz_graph(n, k, p, seed)
    if recipe is None or not whole(tries) or k == n:
        return recipe if whole(tries) else None

    def make() -> Integers:
        state = twister(seed)
        for _ in range(tries):
            keys = _ring(n, k, p, state, draws.rewire)
            if len(component_sizes(edges_of(keys.copy(), n), n)) == 1:
                return keys
        raise ValueError("Maximum number of tries exceeded")

    return recipe._replace(make=make)


def barabasi_albert_graph(n: Any, m: Any, seed: int) -> Recipe | None:
    """Each new agent joined to m others, drawn in proportion to their degrees.

    In plain Python: the order in which a `set` yields its members decides who is drawn later, and is Python's own.
    """
    if not whole(n, m) or m >= n:
        return None

    def make() -> Integers:
        choice = random.Random(seed).choice
        ends = array("q", [0] * m + list(range(1, m + 1)))  # every agent once for each of its links
        keys = array("q", range(1, m + 1))
        for source in range(m + 1, n):
            targets: set[int] = set()
            while len(targets) < m:
                targets.add(choice(ends))
            chosen = array("q", targets)
            ends.extend(chosen)
            ends.extend(array("q", [source]) * m)
            keys.extend(array("q", [target * n + source for target in chosen]))
        return np.frombuffer(keys, np.int64).copy()

    return Recipe(n, m + (n - m - 1) * m, make)


def _gnp(n: Any, p: Any, seed: int, draw: Callable[..., int]) -> Recipe | None:
    pairs = n * (n - 1) // 2
    if p <= 0 or p >= 1:
        return Recipe(n, 0, nothing) if p <= 0 else complete_graph(n)
    mean = pairs * p

    def make() -> Integers:
        most, count = mean, -1
        while count < 0:  # in one of 10^20 graphs the room is too small at first
            most = min(pairs, most + 10 * math.sqrt(most) + 100)
            keys = np.empty(int(most), np.int64)
            count = draw(twister(seed), n, float(p), keys)
        return keys[:count]

    return Recipe(n, mean, make)


def fast_gnp_random_graph(n: Any, p: Any, seed: int, directed: Any = False) -> Recipe | None:
    """Every pair joined with probability p: how many pairs are passed over until the next link is drawn at once."""
    if not whole(n) or not number(p) or directed is not False or (0 < p < 1 and 1.0 - p == 1.0):
        return None
    return _gnp(n, p, seed, draws.skip_pairs)


def gnp_random_graph(n: Any, p: Any, seed: int, directed: Any = False) -> Recipe | None:
    """Every pair joined with probability p, pair by pair."""
    if not whole(n) or not number(p) or directed is not False:
        return None
    if 0 < p < 1 and n * (n - 1) // 2 > MOST_PAIRS:
        raise wrong(f"gnp_random_graph draws for every pair of {n} agents: take fast_gnp_random_graph, of the same law")
    return _gnp(n, p, seed, draws.try_pairs)


def gnm_random_graph(n: Any, m: Any, seed: int, directed: Any = False) -> Recipe | None:
    """m links between pairs drawn at random."""
    if not whole(n) or not whole(m, least=0) or directed is not False:
        return None
    if m >= n * (n - 1) / 2:
        return complete_graph(n)

    def make() -> Integers:
        table = room(m)
        draws.join(twister(seed), n, m, table)
        return table[table >= 0]

    return Recipe(n, m, make)


def random_labeled_tree(n: Any, seed: int) -> Recipe | None:
    """The tree of a random Prüfer sequence."""
    if not whole(n):
        return None

    def make() -> Integers:
        keys = np.empty(n - 1, np.int64)
        draws.grow(twister(seed), n, np.empty(n - 2, np.int64), np.ones(n, np.int64), keys)
        return keys

    return Recipe(n, n - 1, make if n > 2 else lambda: np.arange(1, n))


MADE: Sequence[Callable[..., Recipe | None]] = (
    random_regular_graph, watts_strogatz_graph, newman_watts_strogatz_graph, connected_watts_strogatz_graph,
    barabasi_albert_graph, fast_gnp_random_graph, gnp_random_graph, gnm_random_graph, random_labeled_tree,
)  # fmt: skip
