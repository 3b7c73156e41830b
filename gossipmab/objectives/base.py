"""The interface of an objective: three methods, dispatched by its type, interpreted or compiled.

An objective F(p, U) is a `typing.NamedTuple` of its parameters, in plain loops over plain arrays. U (N, K) holds the agents'
utilities of the arms, p (K,) is a distribution over the arms, u = U p. Learners pass their estimates of U; regret is
measured with the true U.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import dual, jit, method
from gossipmab.utils.types import Floats


class Objective(Protocol):
    """The methods of an objective. Both maximisers return (value, certificate): no distribution has more than their sum."""

    @property
    def requires_nonnegative(self) -> bool:
        """Whether it is defined for utilities >= 0 only."""

    def value(self, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
        """F(p, U)."""

    def maximise(self, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax F(p, U); ties as the objective states."""

    def maximise_with_bonus(self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
        """Write p = argmax F(p, U) + sum_k p_k bonus[k], bonus (K,) >= 0."""


# Functions that call these methods of an objective.
value: Callable[..., float] = method("value", inline=False)
_maximise: Callable[..., tuple[float, float]] = method("maximise", inline=False)
_maximise_with_bonus: Callable[..., tuple[float, float]] = method("maximise_with_bonus", inline=False)


@jit
def put_in_order(utilities: Floats, workspace: SolverWorkspace) -> None:
    """Write the utilities into `ordered`, agents and arms in the workspace's order."""
    for j in range(utilities.shape[0]):
        for k in range(utilities.shape[1]):
            workspace.ordered[j, k] = utilities[workspace.agent_order[j], workspace.arm_order[k]]


@jit
def put_back(workspace: SolverWorkspace, p: Floats) -> None:
    """Change p (K,) from the workspace's order of the arms into theirs."""
    for k in range(p.shape[0]):
        workspace.ordered_bonus[k] = p[k]
    for k in range(p.shape[0]):
        p[workspace.arm_order[k]] = workspace.ordered_bonus[k]


@dual
def maximise(objective: Any, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """Write p = argmax F(p, U), ties in the order of the workspace; returns (value, certificate)."""
    put_in_order(utilities, workspace)
    found = _maximise(objective, workspace.ordered, workspace, p)
    put_back(workspace, p)
    return found


@dual
def maximise_with_bonus(
    objective: Any, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats
) -> tuple[float, float]:
    """Write p = argmax F(p, U) + sum_k p_k bonus[k], ties in the order of the workspace; returns (value, certificate)."""
    put_in_order(utilities, workspace)
    for k in range(p.shape[0]):
        workspace.ordered_bonus[k] = bonus[workspace.arm_order[k]]
    found = _maximise_with_bonus(objective, workspace.ordered, workspace.ordered_bonus, workspace, p)
    put_back(workspace, p)
    return found


def without_bonus(self: Any, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """Write p = argmax F(p, U): a `maximise` for objectives that have no quicker way without a bonus."""
    workspace.bonus[:] = 0.0
    return _maximise_with_bonus(self, utilities, workspace.bonus, workspace, p)
