"""What an objective is: three methods that the loop calls by its type, interpreted or compiled.

An objective F(p, U) is a `typing.NamedTuple` of its parameters, in plain loops over plain arrays. U (N, K) holds the agents'
utilities of the arms, p (K,) is a distribution over the arms, u = U p. A learner hands in what it believes of U; regret is
measured with the true one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from numba.extending import overload

from gossipmab.objectives.solvers.workspace import SolverWorkspace
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

    def maximise_with_bonus(
        self, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats
    ) -> tuple[float, float]:
        """Write p = argmax F(p, U) + sum_k p_k bonus[k], bonus (K,) >= 0."""


def value(self: Any, utilities: Floats, p: Floats, workspace: SolverWorkspace) -> float:
    """Call the objective's `value`."""
    return float(self.value(utilities, p, workspace))


def maximise(self: Any, utilities: Floats, workspace: SolverWorkspace, p: Floats) -> tuple[float, float]:
    """Call the objective's `maximise`."""
    best, certificate = self.maximise(utilities, workspace, p)
    return float(best), float(certificate)


def maximise_with_bonus(
    self: Any, utilities: Floats, bonus: Floats, workspace: SolverWorkspace, p: Floats
) -> tuple[float, float]:
    """Call the objective's `maximise_with_bonus`."""
    best, certificate = self.maximise_with_bonus(utilities, bonus, workspace, p)
    return float(best), float(certificate)


@overload(value, strict=False)
def _value(self: Any, utilities: Any, p: Any, workspace: Any) -> Callable[..., float]:
    return self.instance_class.value  # type: ignore[no-any-return]


@overload(maximise, strict=False)
def _maximise(self: Any, utilities: Any, workspace: Any, p: Any) -> Callable[..., tuple[float, float]]:
    return self.instance_class.maximise  # type: ignore[no-any-return]


@overload(maximise_with_bonus, strict=False)
def _maximise_with_bonus(
    self: Any, utilities: Any, bonus: Any, workspace: Any, p: Any
) -> Callable[..., tuple[float, float]]:
    return self.instance_class.maximise_with_bonus  # type: ignore[no-any-return]
