"""How far averages are apart, and from the truth, where every agent tracks the rows of some agents only.

The row of agent j is tracked by those whose ball j belongs to: the members of j's own ball, for distances are the same both
ways. What `metrics` measures over all agents is measured here over these, row by row, and the worst row counts.
"""

from __future__ import annotations

from gossipmab.networks.neighbourhoods import slot_of
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


@jit
def row_errors(
    estimates: Floats, local_mean: Floats, members: Integers, utilities: Floats, mean: Floats
) -> tuple[float, float, float]:
    """(disagreement, drift, sampling error), by G and L of the agents i that track row j, n of them.

        max_{j,i} || G_i[j] - mean_i L_i[j] ||_inf,  max_j || mean_i (G_i[j] - L_i[j]) ||_inf,  max_j || mean_i L_i[j] - U[j] ||_inf

    With balls of everyone these are `metrics.disagreement`, `drift` and `sampling_error`, to the bit.

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
