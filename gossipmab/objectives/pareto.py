"""Pareto dominance, fronts and the distance to the front. Maximise always.

v dominates u if v >= u in every objective and v > u in at least one; equal vectors do not dominate each other, so
duplicates of a vector on the front are all on the front.
"""

from __future__ import annotations

import numpy as np

from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.vectors import WIDTH, at_least, by_vectors, load


@jit_inline
def _ranks_above(columns: Floats, c: int, D: int) -> bool:
    """Whether column c is lexicographically greater than the column before it."""
    d = 0
    while d < D - 1 and columns[d, c] == columns[d, c - 1]:
        d += 1
    return bool(columns[d, c] > columns[d, c - 1])


def _covered_by_eights(columns: Floats, c: int, D: int) -> bool:
    """`_covered`, by whole vectors; lanes from c on do not count."""
    if columns.shape[1] % WIDTH > 0:
        return _each_covered(columns, c, D)
    found = 0
    for first in range(0, c, WIDTH):
        covers = (1 << min(c - first, WIDTH)) - 1
        for d in range(1, D):
            covers &= at_least(load(columns, d, first), columns[d, c])
        found |= covers
    return found != 0


@jit_inline
def _each_covered(columns: Floats, c: int, D: int) -> bool:
    found = False
    for before in range(c):
        covers = True
        for d in range(1, D):
            covers &= columns[d, before] >= columns[d, c]
        found |= covers
    return found


@by_vectors(_covered_by_eights)
def _covered(columns: Floats, c: int, D: int) -> bool:
    """Whether any column before c is at least column c in all objectives but the first."""
    return _each_covered(columns, c, D)


@jit_inline
def _front_of_ranked(columns: Floats, order: Integers, p: Floats, D: int) -> None:
    """`uniform_on_front` for a number of objectives that the compiler knows, so that it unrolls the loops over them."""
    K = p.shape[0]
    for start in range(1, K):
        c = start
        while c > 0 and _ranks_above(columns, c, D):
            for d in range(D):
                columns[d, c], columns[d, c - 1] = columns[d, c - 1], columns[d, c]
            order[c], order[c - 1] = order[c - 1], order[c]
            c -= 1
    size = 0
    dominated = False
    for c in range(K):
        equal = c > 0
        for d in range(D):
            equal &= columns[d, c] == columns[d, c - 1]
        dominated = dominated if equal else _covered(columns, c, D)
        kept = 1 - dominated
        p[np.uintp(order[c])] = kept
        size += kept
    share = 1.0 / size
    for k in range(K):
        p[k] *= share


@jit_inline
def uniform_on_front(columns: Floats, order: Integers, p: Floats) -> None:
    """Write the uniform distribution over the Pareto front of K vectors into p (K,).

    Args:
        columns: (D, K or more), column c the vector of arm order[c]; left in the order of falling rank. Faster if its rows are a
            multiple of 8 long; what stands behind K does not count.
        order: (K,) a permutation of the arms; left in the order of falling rank. Fronts change slowly, so a caller that
            keeps it finds the columns nearly sorted: the result never depends on it, the time does.
        p: (K,) out.

    In lexicographic order only an earlier vector can dominate a later one, and equal ones are neighbours: so each is compared with
    those before it, in all but the first objective.
    """
    D = columns.shape[0]
    if D == 2:
        _front_of_ranked(columns, order, p, 2)
    elif D == 3:
        _front_of_ranked(columns, order, p, 3)
    else:
        _front_of_ranked(columns, order, p, D)


def gaps(values: Floats) -> Floats:
    """(K,) how far each vector of `values` (K, D) is from the Pareto front; 0 on it.

    Delta_k = max(0, max_l min_d (v[l, d] - v[k, d])): the least that must be added to every objective of k so that no
    vector dominates it (Drugan and Nowe 2013). The additive epsilon-indicator of multi-objective libraries is another quantity.
    """
    return np.asarray((values[:, None] - values[None, :]).min(axis=2).max(axis=0))
