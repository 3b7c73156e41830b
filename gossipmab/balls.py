"""Who is near whom: the ball of every agent, all that are within some hops of it in the base graph, itself included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipmab.compiled import compiled

Integers = NDArray[np.int64]
AT_ONCE = 20_000_000  # entries, at most, of the balls that are looked at together


def _reached(edges: Integers, agents: int, hops: int) -> Iterator[Any]:
    """Block after block of agents, whom each of them reaches, as the rows of a sparse matrix."""
    from scipy.sparse import csr_array

    everyone = np.arange(agents)
    ends = np.concatenate([edges, edges[:, ::-1], np.stack([everyone, everyone], axis=1)])
    near = csr_array((np.ones(len(ends), np.bool_), (ends[:, 0], ends[:, 1])), shape=(agents, agents))
    block = max(1, AT_ONCE // agents)
    for first in range(0, agents, block):
        reached = near[first : first + block]
        for _ in range(hops - 1):
            farther = reached @ near
            if farther.nnz == reached.nnz:  # they have reached all that there are
                break
            reached = farther
        reached.sort_indices()
        yield reached


def largest_ball(edges: Integers, agents: int, hops: int) -> int:
    """B, the number of agents in the largest ball; in little memory, however large the balls."""
    largest = 0
    for reached in _reached(edges, agents, hops):
        largest = max(largest, int(np.diff(reached.indptr).max()))
        if largest == agents:
            break
    return largest


def balls(edges: Integers, agents: int, hops: int) -> tuple[Integers, Integers]:
    """(N, B) the members of every agent's ball, ascending, then -1; and (N,) how many they are.

    Args:
        edges: (E, 2), every edge of the base graph once. hops: the radius, >= 1.
    """
    blocks = [(np.diff(reached.indptr), reached.indices) for reached in _reached(edges, agents, hops)]
    sizes = np.concatenate([each for each, _ in blocks]).astype(np.int64)
    members = np.full((agents, sizes.max()), -1, np.int64)
    members[np.arange(members.shape[1]) < sizes[:, None]] = np.concatenate([indices for _, indices in blocks])
    return members, sizes


@compiled
def slot_of(ball: Integers, j: int) -> int:
    """Where agent j stands in a ball (B,) that it belongs to: ascending members, then -1."""
    low, high = 0, ball.shape[0]
    while low < high:
        middle = (low + high) // 2
        if 0 <= ball[middle] < j:
            low = middle + 1
        else:
            high = middle
    return low
