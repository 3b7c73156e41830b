"""Maximin: the least utility. A matrix game, solved exactly as a linear program, which solves `Equality` as well.

    symbol      name            meaning
    U[j,k]      utilities       (N, K)
    p           p               (K,) the distribution
    b           bonus           (K,) added linearly
    y, z        utility, spare  (N,) prices: two distributions over the agents that prove the value; z = 0 for maximin

Ties by the sum of the utilities (choice): without it, an agent that nothing helps would leave the policy open.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.objectives.base import without_bonus
from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.simplex import SMALL, begin, prices, read, solve, whole
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit, variable
from gossipmab.utils.types import Floats, class_attributes

LEAST, SPREAD = variable(False), variable(True)


@jit
def least_utility(utilities: Floats, p: Floats, spread: bool) -> float:
    """min_j sum_k p_k U[j,k]; with `spread`, less max_j of the same."""
    least, most = math.inf, -math.inf
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        least, most = min(least, u), max(most, u)
    return least - most if spread else least


@jit
def maximise_least(utilities: Floats, bonus: Floats, spread: bool, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """max_p min_j U[j].p + b.p, with `spread` less max_j U[j].p; writes p, and among the best the one of the largest sum.

    Variables l, s (with `spread`), p_1..p_K, with l - U[j].p <= 0, U[j].p + s <= M and sum_k p_k <= 1, for U shifted to lie in
    [0, M]: then l is the least utility and M - s the largest. With `spread`, mass that is not given loses 2 M + 1 a unit, more
    than it could save. For distributions y and z over the agents no p has more than max_k sum_j (y_j - z_j) U[j,k] + b_k.
    """
    N, K = utilities.shape
    first = 2 if spread else 1  # the column of p_1
    T, m, n = workspace.tableau, first * N + 1, first + K
    shift, most, floor, size = math.inf, -math.inf, bonus[0], 1.0
    for k in range(K):
        floor = min(floor, bonus[k])
        for j in range(N):
            shift = min(shift, utilities[j, k])
            most = max(most, utilities[j, k])
    M = most - shift
    begin(workspace.basis, workspace.outside, m, n)
    for i in range(m + 2):
        for c in range(n + 1):
            T[i, c] = 0.0
    for j in range(N):
        T[j, 0] = 1.0
        if spread:
            T[N + j, 1], T[N + j, n] = 1.0, M
        for k in range(K):
            T[j, first + k] = shift - utilities[j, k]
            if spread:
                T[N + j, first + k] = utilities[j, k] - shift
    T[m - 1, n] = 1.0
    for c in range(first):
        T[m, c] = 1.0
    for k in range(K):
        gain = bonus[k] - floor
        T[m - 1, first + k] = 1.0
        T[m, first + k] = gain + 2.0 * M + 1.0 if spread else gain
        size = max(size, T[m, first + k])
        for j in range(N):
            T[m + 1, first + k] += (utilities[j, k] - shift) / N
    solve(T, workspace.basis, workspace.outside, m, n, SMALL * size)
    read(T, workspace.basis, m, n, first, p)
    whole(p, bonus)
    y, z = workspace.utility[:N], workspace.spare[:N]
    prices(T, workspace.outside, m, n, 0, y)
    z[:] = 0.0
    if spread:
        prices(T, workspace.outside, m, n, N, z)
    upper = -math.inf
    value = least_utility(utilities, p, spread)
    for k in range(K):
        mixed = bonus[k]
        for j in range(N):
            mixed += (y[j] - z[j]) * utilities[j, k]
        upper = max(upper, mixed)
        value += p[k] * bonus[k]
    return value, max(upper - value, 0.0)


@class_attributes(requires_nonnegative=False, maximise=without_bonus)
class Maximin(NamedTuple):
    """Maximin: the utility of the agent that is worst off. Ties by the sum of the utilities."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = min_j u_j(p)."""
        return least_utility(utilities, p, LEAST)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax min_j u_j(p) + b.p."""
        return maximise_least(utilities, bonus, LEAST, workspace, p)
