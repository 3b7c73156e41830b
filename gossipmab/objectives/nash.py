"""Nash social welfare as an objective: the product of the utilities, or its N-th root.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021.

    symbol      name         meaning
    U[j,k]      utilities    (N, K), taken as at least 1e-12: if an agent has nothing yet, the others decide
    p           p            (K,) the distribution
    b           bonus        (K,) added linearly
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.objectives import solvers as welfare
from gossipmab.objectives.log_nash import log_welfare, maximise_log
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.elementary import exp
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(requires_nonnegative=True)
class NashWelfare(NamedTuple):
    """Nash social welfare: the product of the utilities.

    geometric: its N-th root, whose scale does not vanish with N.
    """

    geometric: bool = False

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = prod_j u_j(p), or its N-th root."""
        product = welfare.nash_welfare(p, utilities)
        if not self.geometric:
            return product
        log = log_welfare(utilities, p, 0.0)
        return exp(log / utilities.shape[0])

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax sum_j ln u_j(p), from the last maximiser."""
        log, gap = maximise_log(utilities, workspace, p)
        root = 1.0 / utilities.shape[0] if self.geometric else 1.0
        value = exp(root * log)
        return value, value * math.expm1(root * gap)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax prod_j u_j(p) + b.p, globally: the sum is not concave. U is clipped to [1e-12, 1]."""
        root = 1.0 / utilities.shape[0] if self.geometric else 1.0
        value, certificate = welfare.maximise_with_bonus(utilities, bonus, root, workspace.warm, workspace.work, p)
        return value, certificate * value
