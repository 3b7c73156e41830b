"""Equality: the least spread between the agents, ties by the sum of the utilities. The linear program of `maximin.py`."""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.objectives.base import without_bonus
from gossipmab.objectives.maximin import SPREAD, least_utility, maximise_least
from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(requires_nonnegative=False, maximise=without_bonus)
class Equality(NamedTuple):
    """Equality: minus the spread between the best and the worst off. Ties by the sum of the utilities."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F = -( max_j u_j(p) - min_j u_j(p) )."""
        return least_utility(utilities, p, SPREAD)

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax -spread + b.p."""
        return maximise_least(utilities, bonus, SPREAD, workspace, p)
