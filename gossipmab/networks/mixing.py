"""The neighbour lists of G_t and the mixing weights w_ij; the rules are those of `gossipmab.networks.network`."""

from __future__ import annotations

import numpy as np

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats, Integers

WEIGHT_RULES = {"laplacian": 0, "max_degree": 1, "metropolis": 2, "lazy_metropolis": 3}


def edge_weights(edges: Integers, agents: int, present: Bytes, weights: str, constant: float) -> Floats:
    """(E,) float64: w_ij of every edge in a round with the links `present` (E,), 0 if absent."""
    here = present.astype(bool)
    if constant > 0.0:
        return np.where(here, constant, 0.0)
    degrees = np.bincount(edges[here].ravel(), minlength=agents)
    metropolis = 1.0 / (1.0 + degrees[edges].max(axis=1, initial=0))
    return np.where(here, metropolis if weights == "metropolis" else metropolis / 2, 0.0)


@jit
def neighbours_of_round(edges: Integers, offsets: Integers, present: Bytes, neighbours: Integers, degrees: Integers) -> int:
    """Fill the neighbour lists of G_t; returns |E_t|.

    Args:
        edges: (E, 2), i < j, lexicographic.
        offsets: (N + 1,) row pointers of G0.
        present: (E,) uint8, exactly 0 or 1.
        neighbours: (2E,) out; offsets[i] : offsets[i] + degrees[i] holds the present neighbours of i, ascending.
        degrees: (N,) out, degrees in G_t.

    No branch looks at `present`, for at p = 1/2 the processor could not foresee it: every edge is written to the end
    of both rows, and a row grows by present[e], so that an absent edge's entry is overwritten by the next one. No row
    can run over: before the m-th edge of agent i in G0 its row holds at most m - 1 <= deg(i) - 1 entries. Rows ascend
    because the edges (u, i), u < i, come in order of u, and before the edges (i, v), which come in order of v. So the end
    of row i need not go through memory from edge to edge: only those of rows v do.
    """
    agents, edge_count, ends = degrees.shape[0], np.uintp(edges.shape[0]), 0
    for agent in range(agents):
        degrees[agent] = offsets[agent]  # position of the next neighbour; a degree again below
    e = np.uintp(0)  # unsigned: a signed index costs a test for counting from the end
    for i in range(agents):
        end_i = degrees[i]
        while e < edge_count and edges[e, 0] == i:
            j = np.uintp(edges[e, 1])
            here, end_j = np.int64(present[e]), degrees[j]
            neighbours[np.uintp(end_i)] = edges[e, 1]
            neighbours[np.uintp(end_j)] = i
            end_i += here
            degrees[j] = end_j + here
            e += np.uintp(1)
        degrees[i] = end_i - offsets[i]
        ends += int(degrees[i])
    return ends // 2


@jit
def neighbours_of_listed(edges: Integers, offsets: Integers, listed: Integers, neighbours: Integers, degrees: Integers) -> int:
    """`neighbours_of_round` from a list of the edges that are present (m,), ascending: N + m steps, however large E is."""
    agents = degrees.shape[0]
    for agent in range(agents):
        degrees[agent] = 0
    for e in listed:
        i, j = edges[e, 0], edges[e, 1]
        neighbours[offsets[i] + degrees[i]] = j
        neighbours[offsets[j] + degrees[j]] = i
        degrees[i] += 1
        degrees[j] += 1
    return len(listed)


@jit
def weight_of_edge(rule: int, constant: float, degree_i: int, degree_j: int) -> float:
    """w_ij of a present edge: `rule` of WEIGHT_RULES, `constant` = Network.constant_weight, degrees in G_t."""
    if rule <= 1:
        return constant
    weight = 1.0 / (1.0 + max(degree_i, degree_j))
    return weight if rule == 2 else 0.5 * weight
