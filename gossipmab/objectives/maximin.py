"""Maximin: the least utility. A matrix game, solved exactly as a linear program.

    symbol      name         meaning
    U[j,k]      utilities    (N, K)
    p           p            (K,) the distribution
    b           bonus        (K,) added linearly
    y           utility      (N,) the prices: a distribution over the agents that proves the value

Ties by the sum of the utilities (choice): without it, an agent that nothing helps would leave the policy open.
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
def least_utility(utilities: Floats, p: Floats) -> float:
    """min_j sum_k p_k U[j,k]."""
    least = math.inf
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        least = min(least, u)
    return least


@jit
def maximise_least(utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """max_p min_j U[j].p + b.p; writes p, and the prices into the first N of `workspace.utility`.

    Variables t, p_1..p_K, with t - U[j].p <= 0 for all j and sum_k p_k <= 1, which binds, for U is shifted to be >= 0.
    For every distribution y over the agents, min_j U[j].p + b.p <= max_k sum_j y_j U[j,k] + b_k: the certificate.
    """
    N, K = utilities.shape
    T, m, n = workspace.tableau, N + 1, K + 1
    shift, floor, size = math.inf, bonus[0], 1.0
    for k in range(K):
        floor = min(floor, bonus[k])
        for j in range(N):
            shift = min(shift, utilities[j, k])
    begin(workspace.basis, workspace.outside, m, n)
    for j in range(N):
        T[j, 0] = 1.0
        T[j, n] = 0.0
        for k in range(K):
            T[j, k + 1] = shift - utilities[j, k]
    T[N, 0] = 0.0
    T[N, n] = 1.0
    T[m, 0], T[m + 1, 0], T[m, n], T[m + 1, n] = 1.0, 0.0, 0.0, 0.0
    for k in range(K):
        T[N, k + 1] = 1.0
        T[m, k + 1] = bonus[k] - floor
        size = max(size, bonus[k] - floor)
        T[m + 1, k + 1] = 0.0
        for j in range(N):
            T[m + 1, k + 1] += (utilities[j, k] - shift) / N
    solve(T, workspace.basis, workspace.outside, m, n, SMALL * size)
    read(T, workspace.basis, m, n, 1, p)
    whole(p, bonus)
    y = workspace.utility[:N]
    prices(T, workspace.outside, m, n, 0, y)
    upper = -math.inf
    value = least_utility(utilities, p)
    for k in range(K):
        mixed = bonus[k]
        for j in range(N):
            mixed += y[j] * utilities[j, k]
        upper = max(upper, mixed)
        value += p[k] * bonus[k]
    return value, max(upper - value, 0.0)


class Maximin(NamedTuple):
    """Maximin: the utility of the agent that is worst off. Ties by the sum of the utilities."""

    @property
    def requires_nonnegative(self) -> bool:
        """Whether it is defined for utilities >= 0 only."""
        return False

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = min_j u_j(p)."""
        return least_utility(utilities, p)

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax min_j u_j(p)."""
        workspace.bonus[:] = 0.0
        return maximise_least(utilities, workspace.bonus, workspace, p)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax min_j u_j(p) + b.p."""
        return maximise_least(utilities, bonus, workspace, p)
