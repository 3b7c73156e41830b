"""Who is near whom: the ball of every agent, all that are within some hops of it in the base graph, itself included."""

from __future__ import annotations

import numpy as np

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Integers


@jit
def reach(first: Integers, near: Integers, i: int, hops: int, seen: Integers, ball: Integers) -> int:
    """Write all within `hops` of agent i into ball (N,), by a search outwards; returns how many there are.

    Args:
        first: (N + 1,) offsets of each agent's neighbours in near (2E,). seen: (N,) scratch, i nowhere in it.
    """
    seen[i], ball[0] = i, i
    begin, end = 0, 1
    for _ in range(hops):
        count = end
        for q in range(begin, end):
            for e in range(first[ball[q]], first[ball[q] + 1]):
                if seen[near[e]] != i:
                    seen[near[e]] = i
                    ball[count] = near[e]
                    count += 1
        if count == end:  # there are no others
            break
        begin, end = end, count
    return end


@jit
def largest(first: Integers, near: Integers, hops: int, seen: Integers, ball: Integers) -> int:
    """The size of the largest ball; the arguments are those of `reach`, seen (N,) all -1."""
    most = 0
    for i in range(seen.shape[0]):
        most = max(most, reach(first, near, i, hops, seen, ball))
        if most == seen.shape[0]:
            break
    return most


@jit
def fill(first: Integers, near: Integers, hops: int, seen: Integers, members: Integers, sizes: Integers) -> None:
    """Write every ball into members (N, B), in no order, and its size into sizes (N,); seen (N,) all -1."""
    for i in range(seen.shape[0]):
        sizes[i] = reach(first, near, i, hops, seen, members[i])


def _lists(edges: Integers, agents: int) -> tuple[Integers, Integers]:
    """(N + 1,) and (2E,): offsets of each agent's neighbours, and the neighbours."""
    ends = np.concatenate([edges, edges[:, ::-1]])
    near = ends[np.argsort(ends[:, 0], kind="stable"), 1]
    return np.append(0, np.cumsum(np.bincount(ends[:, 0], minlength=agents))), near


def largest_ball(edges: Integers, agents: int, hops: int) -> int:
    """B, the number of agents in the largest ball; in little memory, however large the balls."""
    return largest(*_lists(edges, agents), hops, np.full(agents, -1), np.zeros(agents, np.int64))


def balls(edges: Integers, agents: int, hops: int) -> tuple[Integers, Integers]:
    """(N, B) the members of every agent's ball, ascending, then -1; and (N,) how many they are.

    Args:
        edges: (E, 2), every edge of the base graph once. hops: the radius, >= 1.
    """
    members = np.full((agents, largest_ball(edges, agents, hops)), agents)
    sizes = np.zeros(agents, np.int64)
    fill(*_lists(edges, agents), hops, np.full(agents, -1), members, sizes)
    members.sort(axis=1)
    members[members == agents] = -1
    return members, sizes


@jit
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
