"""The interface of an objective: three methods, dispatched by its type, interpreted or compiled.

An objective F(p, U) is a `typing.NamedTuple` of its parameters, in plain loops over plain arrays. U (N, K) holds the agents'
utilities of the arms, p (K,) is a distribution over the arms, u = U p. Learners pass their estimates of U; regret is
measured with the true U.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import method
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
maximise: Callable[..., tuple[float, float]] = method("maximise", inline=False)
maximise_with_bonus: Callable[..., tuple[float, float]] = method("maximise_with_bonus", inline=False)


def without_bonus(self: Any, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """Write p = argmax F(p, U): a `maximise` for objectives that have no quicker way without a bonus."""
    workspace.bonus[:] = 0.0
    return maximise_with_bonus(self, utilities, workspace.bonus, workspace, p)
