"""What algorithms of all protocols have in common: the verbs `init`, `select`, `update`, and what is known before round 1.

An algorithm is a `typing.NamedTuple` of hyperparameters whose methods are plain loops over plain arrays. In interpreted code
the verbs below call the methods; in compiled code numba resolves them by the algorithm's type, so that one loop
serves every algorithm.

Random numbers: a state with a field `scratch_uniforms` (M,) holds in it, from `select` to `update`, M uniform numbers in [0, 1)
of this agent and round, M the same in every round. Nothing else in an algorithm may be random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from gossipmab.utils.jit import INLINE, jit, method
from gossipmab.utils.types import Floats, Integers

UNIFORMS = "scratch_uniforms"


class ProblemInfo(NamedTuple):
    """What is known before round 1. An algorithm takes from it what its paper grants it.

    agents, arms, objectives: N, K, D. horizon: T. preferences: (N, D), rows on the simplex.
    gossip: link_probability: p. edges: (E, 2), each edge of the base graph once. connectivity: returns
    lambda_{N-1}(Lap(G0)), computed when called, since it takes long for large graphs.
    central: objective: what the centre maximises; ties: the numbers that order its ties.
    assignment: costs: of probing, and the capacity of arms.

    >>> info = gm.ProblemInfo(agents=4, arms=3, objectives=2, horizon=100, preferences=np.full((4, 2), 0.5))
    >>> gm.ParetoUCBGossip().init(info).local_mean.shape
    (4, 3, 2)
    """

    agents: int
    arms: int
    objectives: int
    horizon: int
    preferences: Floats
    link_probability: float = 1.0
    edges: Integers = np.zeros((0, 2), np.int64)
    connectivity: Callable[[], float] = lambda: 0.0
    objective: Any = None
    ties: np.random.Generator | None = None
    costs: Any = None

    @property
    def algebraic_connectivity(self) -> float:
        """lambda_{N-1}(Lap(G0))."""
        return self.connectivity()


select = method("select")
update = method("update")


@jit
def play_arm(arm: int, p: Floats) -> None:
    """p (K,) = all on one arm."""
    for k in range(p.shape[0]):
        p[k] = 1.0 if k == arm else 0.0


def uniforms_of(state: Any) -> int:
    """M, the uniform numbers of an agent in a round."""
    return len(getattr(state, UNIFORMS, ()))


def fill_uniforms(state: Any, numbers: Floats) -> None:
    """Write the uniform numbers (M,) of this agent and round into the state, if it has room for them."""
    if hasattr(state, UNIFORMS):
        state.scratch_uniforms[:] = numbers


@overload(fill_uniforms, strict=False, jit_options=INLINE)
def _fill_uniforms(state: Any, numbers: Any) -> Callable[..., None]:
    def nothing(state: Any, numbers: Any) -> None:
        pass

    def fill(state: Any, numbers: Any) -> None:
        for m in range(numbers.shape[0]):
            state.scratch_uniforms[m] = numbers[m]

    return fill if UNIFORMS in getattr(state, "fields", ()) else nothing
