"""Utilitarian welfare: the sum of the utilities, maximised by one arm."""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats


@jit
def best_arm(utilities: Floats, bonus: Floats, p: Floats) -> tuple[float, float]:
    """Write the arm of the largest sum_j U[j,k] + b_k, the first on ties; it is exact: a linear function on a simplex."""
    N, K = utilities.shape
    top, most = 0, 0.0
    for k in range(K):
        total = bonus[k]
        for j in range(N):
            total += utilities[j, k]
        if k == 0 or total > most:
            top, most = k, total
        p[k] = 0.0
    p[top] = 1.0
    return most, 0.0


class Utilitarian(NamedTuple):
    """Utilitarian welfare: the sum of the utilities. Ties go to the first arm."""

    @property
    def requires_nonnegative(self) -> bool:
        """Whether it is defined for utilities >= 0 only."""
        return False

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = sum_j u_j(p)."""
        total = 0.0
        for j in range(utilities.shape[0]):
            for k in range(utilities.shape[1]):
                total += p[k] * utilities[j, k]
        return total

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j u_j(p)."""
        workspace.bonus[:] = 0.0
        return best_arm(utilities, workspace.bonus, p)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j u_j(p) + b.p."""
        return best_arm(utilities, bonus, p)
