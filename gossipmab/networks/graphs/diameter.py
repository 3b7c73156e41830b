"""The diameter of large graphs, from few searches: exact, or not found within a bounded number of steps.

    iFUB        Crescenzi, Grossi, Habib, Lanzi, Marino: On computing the diameter of real-world undirected graphs,
                Theoretical Computer Science 514 (2013)

From an agent u in the middle of a long path, agents are looked at from the farthest inwards. Two agents at distance at most i
from u are at most 2 i apart, so as soon as an eccentricity reaches 2 i, nothing nearer can exceed it.
"""

from __future__ import annotations

import math

import numpy as np

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Integers

MOST_STEPS = 5 * 10**7  # agents and ends of links looked at, in all searches: a few seconds


def diameter(edges: Integers, agents: int) -> float:
    """The largest distance between two agents of a connected graph, in edges; nan where MOST_STEPS do not suffice."""
    from scipy.sparse import csr_array

    i, j = edges.T
    ends = (np.concatenate([i, j]), np.concatenate([j, i]))
    links = csr_array((np.ones(2 * len(edges), np.int8), ends), shape=(agents, agents))
    offsets, neighbours = links.indptr.astype(np.int64), links.indices.astype(np.int64)
    distances, order = np.empty(agents, np.int64), np.empty(agents, np.int64)

    def eccentricity(source: int) -> int:
        return int(search(offsets, neighbours, source, distances, order))

    longest = eccentricity(int(np.argmax(np.diff(offsets))))
    end = int(order[-1])
    longest = max(longest, eccentricity(end))
    middle = int(order[-1])
    while distances[middle] > longest // 2:
        around = neighbours[offsets[middle] : offsets[middle + 1]]
        middle = int(around[np.argmin(distances[around])])
    longest = max(longest, eccentricity(middle))
    inwards, bounds = order[::-1].copy(), 2 * distances[order[::-1]]
    searches = MOST_STEPS // (agents + 2 * len(edges))
    for agent, bound in zip(inwards[:searches], bounds, strict=False):
        if longest >= bound:
            return longest
        longest = max(longest, eccentricity(int(agent)))
    return longest if searches >= agents else math.nan


@jit
def search(
    offsets: Integers,
    neighbours: Integers,
    source: int,
    distances: Integers,
    order: Integers,
) -> int:
    """Breadth first from `source`: fills distances (N,) and the order of visits (N,), returns the largest distance."""
    distances[:] = -1
    distances[source] = 0
    order[0] = source
    seen = 1
    at = 0
    while at < seen:
        agent = order[at]
        at += 1
        for k in range(offsets[agent], offsets[agent + 1]):
            other = neighbours[k]
            if distances[other] < 0:
                distances[other] = distances[agent] + 1
                order[seen] = other
                seen += 1
    return int(distances[order[seen - 1]])
