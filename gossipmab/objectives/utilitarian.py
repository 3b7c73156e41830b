"""Utilitarian welfare: the sum of the utilities, maximised by one arm."""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.objectives.base import without_bonus
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(requires_nonnegative=False, maximise=without_bonus)
class Utilitarian(NamedTuple):
    """Utilitarian welfare: the sum of the utilities. Ties go to the first arm in the order of the workspace."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = sum_j u_j(p)."""
        total = 0.0
        for j in range(utilities.shape[0]):
            for k in range(utilities.shape[1]):
                total += p[k] * utilities[j, k]
        return total

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j u_j(p) + b.p: the arm of the largest sum_j U[j,k] + b_k; exact, for it is linear."""
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
