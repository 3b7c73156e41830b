"""Pareto dominance, fronts and the distance to the front. Maximise always.

v dominates u if v >= u in every objective and v > u in at least one; equal vectors do not dominate each other, so
duplicates of a vector on the front are all on the front.
"""

from __future__ import annotations

import numpy as np

from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats, Integers


@jit_inline
def _ranks_above(values: Floats, c: int, D: int) -> bool:
    """Whether row c of `values` (K, D) is lexicographically greater than the row before it."""
    d = 0
    while d < D - 1 and values[c, d] == values[c - 1, d]:
        d += 1
    return bool(values[c, d] > values[c - 1, d])


@jit_inline
def _front_of_ranked(values: Floats, order: Integers, p: Floats, D: int) -> None:
    """`uniform_on_front` for a number of objectives that the compiler knows, so that it unrolls the loops over them."""
    K = p.shape[0]
    for start in range(1, K):
        c = start
        while c > 0 and _ranks_above(values, c, D):
            for d in range(D):
                values[c, d], values[c - 1, d] = values[c - 1, d], values[c, d]
            order[c], order[c - 1] = order[c - 1], order[c]
            c -= 1
    size = 0
    dominated = False
    for c in range(K):
        equal = c > 0
        for d in range(D):
            equal &= values[c, d] == values[c - 1, d]
        if not equal:
            dominated = False
            for kept in range(size):
                covers = True
                for d in range(1, D):
                    covers &= values[kept, d] >= values[c, d]
                dominated |= covers
        p[order[c]] = 0.0 if dominated else 1.0
        for d in range(D):
            values[size, d] = values[c, d]
        size += not dominated
    share = 1.0 / size
    for k in range(K):
        p[k] *= share


@jit_inline
def uniform_on_front(values: Floats, order: Integers, p: Floats) -> None:
    """Write the uniform distribution over the Pareto front of K vectors into p (K,).

    Args:
        values: (K, D), row c the vector of arm order[c]; spent.
        order: (K,) a permutation of the arms; left in the order of falling rank. Fronts change slowly, so a caller that
            keeps it finds the rows nearly sorted: the result never depends on it, the time does.
        p: (K,) out.

    In lexicographic order only an earlier row can dominate a later one, equal rows are neighbours, and what a dominated row
    dominates a row of the front dominates too: so each row is compared with the front so far, in all but the first objective.
    """
    D = values.shape[1]
    if D == 2:
        _front_of_ranked(values, order, p, 2)
    elif D == 3:
        _front_of_ranked(values, order, p, 3)
    else:
        _front_of_ranked(values, order, p, D)


def gaps(values: Floats) -> Floats:
    """(K,) how far each vector of `values` (K, D) is from the Pareto front; 0 on it.

    Delta_k = max(0, max_l min_d (v[l, d] - v[k, d])): the least that must be added to every objective of k so that no
    vector dominates it (Drugan and Nowe 2013). The additive epsilon-indicator of multi-objective libraries is another quantity.
    """
    return np.asarray((values[:, None] - values[None, :]).min(axis=2).max(axis=0))
