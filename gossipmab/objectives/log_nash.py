"""Logarithmic Nash welfare: the sum of the logarithms of the utilities, concave, and its warm-started maximiser.

symbol      name         meaning
U[j,k]      utilities    (N, K)
p           p            (K,) the distribution
b           bonus        (K,) added linearly
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.nash_optimum import maximise_concave
from gossipmab.objectives.solvers.nash_workspace import BONUS, P
from gossipmab.objectives.solvers.newton import APART, newton
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.elementary import log
from gossipmab.utils.jit import jit, variable
from gossipmab.utils.types import Floats, class_attributes

LEAST = 1e-12  # a utility counts as at least this much, or one agent without any would make the sum minus infinity
ENOUGH = 1e-10  # the gap at which a warm start is good
MOST_NEWTON = variable(12)


@jit
def log_welfare(utilities: Floats, p: Floats, least: float) -> float:
    """sum_j ln max(u_j(p), least)."""
    total = 0.0
    for j in range(utilities.shape[0]):
        u = utility(utilities, j, p)
        u = max(u, least)
        total += log(u) if u > 0.0 else -math.inf
    return total


@jit
def clip(utilities: Floats, workspace: SolverWorkspace) -> None:
    """clipped = max(U, 1e-12)."""
    for j in range(utilities.shape[0]):
        for k in range(utilities.shape[1]):
            workspace.clipped[j, k] = max(utilities[j, k], LEAST)


@jit
def maximise_log(utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """max_p sum_j ln max(U[j], 1e-12).p by Newton steps from the last maximiser, or from the uniform distribution if that fails.

    Returns (value, gap), and writes p.
    """
    clip(utilities, workspace)
    N, K = workspace.clipped.shape
    work, table = workspace.work, workspace.work.table
    total, scales, most = 0.0, 0.0, 0.0
    for k in range(K):
        total += workspace.start[k]
        table[P, k] = workspace.start[k]
        table[BONUS, k] = 0.0
    gap, value = math.inf, 0.0
    if total > 0.0:
        for j in range(N):
            most = 0.0
            for k in range(K):
                most = max(most, workspace.clipped[j, k])
            scales += log(most)
            scale = 1.0 / most
            for k in range(K):
                work.gains[j, k] = workspace.clipped[j, k] * scale
        _lam, value, gap = newton(work, 1.0, 0.0, APART, MOST_NEWTON)
        value += scales
        for k in range(K):
            p[k] = table[P, k]
    if not gap <= ENOUGH * N:
        workspace.bonus[:] = 0.0
        value, gap = maximise_concave(workspace.clipped, workspace.bonus, work, p)
    for k in range(K):
        workspace.start[k] = p[k]
    return value, max(gap, 0.0)


@class_attributes(requires_nonnegative=True)
class LogNashWelfare(NamedTuple):
    """Logarithmic Nash welfare: the sum of the logarithms of the utilities, each at least ln 1e-12."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = sum_j ln max(u_j(p), 1e-12)."""
        return log_welfare(utilities, p, LEAST)

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j ln u_j(p)."""
        return maximise_log(utilities, workspace, p)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j ln u_j(p) + b.p, which is concave."""
        clip(utilities, workspace)
        return maximise_concave(workspace.clipped, bonus, workspace.work, p)
