"""Consensus error: how far averages are apart, from each other and from the truth.

`averages_apart` is over all agents; `row_errors` is for agents that track the rows of some agents only.

The row of agent j is tracked by those whose ball j belongs to: the members of j's own ball, for distances are the same both
ways. It is measured over these, row by row, and the worst row counts.
"""

from __future__ import annotations

import numpy as np

from gossipmab.networks.neighbourhoods import slot_of
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


@jit
def row_errors(
    estimates: Floats, local_mean: Floats, members: Integers, utilities: Floats, mean: Floats
) -> tuple[float, float, float]:
    """(disagreement, drift, sampling error), by G and L of the agents i that track row j, n of them.

        max_{j,i} || G_i[j] - mean_i L_i[j] ||_inf,  max_j || mean_i (G_i[j] - L_i[j]) ||_inf,  max_j || mean_i L_i[j] - U[j] ||_inf

    If every agent tracks all agents, these are those of `averages_apart`, to the bit.

    Args:
        estimates, local_mean: G and L, (N, B K), in row i one after the other the rows of the members of i's ball.
        members: (N, B), as `balls` gives them. utilities: (K, N), U transposed. mean: scratch, (K,) or longer.
    """
    N, B = members.shape
    K = utilities.shape[0]
    apart, off, wrong = 0.0, 0.0, 0.0
    for j in range(N):
        n = 0
        while n < B and members[j, n] >= 0:
            n += 1
        for k in range(K):
            total, difference = 0.0, 0.0
            for b in range(n):
                i = members[j, b]
                m = slot_of(members[i], j) * K + k
                total += local_mean[i, m]
                difference += estimates[i, m] - local_mean[i, m]
            mean[k] = total / n
            off = max(off, abs(difference) / n)
            wrong = max(wrong, abs(mean[k] - utilities[k, j]))
        for b in range(n):
            i = members[j, b]
            first = slot_of(members[i], j) * K
            for k in range(K):
                apart = max(apart, abs(estimates[i, first + k] - mean[k]))
    return apart, off, wrong


@jit
def averages_apart(
    estimates: Floats, local_mean: Floats, estimand: Floats, mean: Floats, apart: Floats
) -> tuple[float, float, float]:
    """Disagreement, drift and sampling error of the estimates G (N, M) and the local averages L (N, M).

    disagreement = max_i || G_i - mean_j L_j ||_inf,  drift = max_m | mean_i G_i[m] - mean_i L_i[m] |,
    sampling error = max_m | mean_j L_j[m] - estimand[m] |

    estimand: (M,); of another size the sampling error is NaN. mean, apart: (M,) scratch. The first and the last bound
    every estimate's error: |G_i - truth| <= |G_i - mean_j L_j| + |mean_j L_j - truth|.
    """
    N, M = local_mean.shape
    for m in range(M):
        mean[m] = 0.0
        apart[m] = 0.0
    for j in range(N):
        for m in range(M):
            mean[m] += local_mean[j, m]
            apart[m] += estimates[j, m] - local_mean[j, m]
    disagreement, drift, error = 0.0, 0.0, 0.0
    for m in range(M):
        mean[m] /= N
        drift = max(drift, abs(apart[m]) / N)
    for i in range(N):
        for m in range(M):
            disagreement = max(disagreement, abs(estimates[i, m] - mean[m]))
    if estimand.shape[0] != M:
        return disagreement, drift, np.nan
    for m in range(M):
        error = max(error, abs(mean[m] - estimand[m]))
    return disagreement, drift, error
