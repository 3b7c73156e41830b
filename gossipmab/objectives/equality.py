"""Equality: the least spread between the agents, ties by the sum of the utilities. A linear program.

symbol      name         meaning
U[j,k]      utilities    (N, K)
p           p            (K,) the distribution
b           bonus        (K,) added linearly
y, z        utility, spare    (N,) prices: two distributions over the agents that prove the value
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.simplex import SMALL, begin, prices, read, solve, whole
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats


@jit
def minus_spread(utilities: Floats, p: Floats) -> float:
    """-( max_j u_j - min_j u_j ), u_j = sum_k p_k U[j,k]."""
    least, most = math.inf, -math.inf
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        least, most = min(least, u), max(most, u)
    return least - most


@jit
def minimise_spread(utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """max_p -(max_j U[j].p - min_j U[j].p) + b.p, and among the best the largest sum of utilities; writes p.

    Variables l, s, p_1..p_K, with l - U[j].p <= 0, U[j].p + s <= M and sum_k p_k <= 1, for U shifted to lie in [0, M]: then
    l is the least utility and M - s the largest. Mass that is not given loses 2 M + 1 a unit, more than it could save.
    For distributions y and z over the agents, -spread + b.p <= max_k sum_j (y_j - z_j) U[j,k] + b_k: the certificate.
    """
    N, K = utilities.shape
    T, m, n = workspace.tableau, 2 * N + 1, K + 2
    shift, most, floor, size = math.inf, -math.inf, bonus[0], 1.0
    for k in range(K):
        floor = min(floor, bonus[k])
        for j in range(N):
            shift = min(shift, utilities[j, k])
            most = max(most, utilities[j, k])
    M = most - shift
    begin(workspace.basis, workspace.outside, m, n)
    for j in range(N):
        T[j, 0], T[j, 1], T[j, n] = 1.0, 0.0, 0.0
        T[N + j, 0], T[N + j, 1], T[N + j, n] = 0.0, 1.0, M
        for k in range(K):
            T[j, k + 2] = shift - utilities[j, k]
            T[N + j, k + 2] = utilities[j, k] - shift
    T[2 * N, 0], T[2 * N, 1], T[2 * N, n] = 0.0, 0.0, 1.0
    T[m, 0], T[m, 1], T[m, n] = 1.0, 1.0, 0.0
    T[m + 1, 0], T[m + 1, 1], T[m + 1, n] = 0.0, 0.0, 0.0
    for k in range(K):
        T[2 * N, k + 2] = 1.0
        T[m, k + 2] = bonus[k] - floor + 2.0 * M + 1.0
        size = max(size, T[m, k + 2])
        T[m + 1, k + 2] = 0.0
        for j in range(N):
            T[m + 1, k + 2] += (utilities[j, k] - shift) / N
    solve(T, workspace.basis, workspace.outside, m, n, SMALL * size)
    read(T, workspace.basis, m, n, 2, p)
    whole(p, bonus)
    y, z = workspace.utility[:N], workspace.spare[:N]
    prices(T, workspace.outside, m, n, 0, y)
    prices(T, workspace.outside, m, n, N, z)
    upper = -math.inf
    value = minus_spread(utilities, p)
    for k in range(K):
        mixed = bonus[k]
        for j in range(N):
            mixed += (y[j] - z[j]) * utilities[j, k]
        upper = max(upper, mixed)
        value += p[k] * bonus[k]
    return value, max(upper - value, 0.0)


class Equality(NamedTuple):
    """Equality: minus the spread between the best and the worst off. Ties by the sum of the utilities."""

    @property
    def requires_nonnegative(self) -> bool:
        """Whether it is defined for utilities >= 0 only."""
        return False

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = -( max_j u_j(p) - min_j u_j(p) )."""
        return minus_spread(utilities, p)

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p, of the least spread."""
        workspace.bonus[:] = 0.0
        return minimise_spread(utilities, workspace.bonus, workspace, p)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax -spread + b.p."""
        return minimise_spread(utilities, bonus, workspace, p)
