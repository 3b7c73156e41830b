"""Power means of the utilities, a family that holds the arithmetic, geometric and harmonic mean and tends to the minimum.

symbol      name          meaning
q           exponent      1 the mean, 0 the geometric mean, -1 the harmonic mean, towards -infinity the minimum
u_j         utility       (N,) U[j].p, taken as at least 1e-12 in the maximisers
b           bonus         (K,) added linearly
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.objectives.base import without_bonus
from gossipmab.objectives.log_nash import clip
from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.power_mean import maximise_power_mean, power_mean
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(maximise=without_bonus)
class PowerMean(NamedTuple):
    """Power mean of the utilities.

    exponent: q; 1 the arithmetic mean, 0 the geometric, -1 the harmonic; concave up to 1, above it one arm is best.
    """

    exponent: float = -1.0

    @property
    def requires_nonnegative(self) -> bool:
        """Whether it is defined for utilities >= 0 only."""
        return self.exponent != 1.0

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = ( 1/N sum_j u_j(p)^q )^(1/q); NaN if a utility is negative."""
        for j in range(utilities.shape[0]):
            workspace.utility[j] = utility(utilities, j, p)
        return power_mean(workspace.utility, self.exponent)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax M_q(u(p)) + b.p."""
        clip(utilities, workspace)
        q, best = self.exponent, -math.inf
        if q < 1.0:
            return maximise_power_mean(q, bonus, workspace, p)
        top = 0  # a convex function is largest at a vertex, the first on ties
        for k in range(p.shape[0]):
            p[k] = 0.0
            for j in range(utilities.shape[0]):
                workspace.utility[j] = workspace.clipped[j, k]
            here = power_mean(workspace.utility, q) + bonus[k]
            if here > best:
                top, best = k, here
        p[top] = 1.0
        return best, 0.0
