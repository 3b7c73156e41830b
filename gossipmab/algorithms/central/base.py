"""What a learner with a centre is, and what the learners have in common.

A learner is a `typing.NamedTuple` of hyperparameters, among them the name of its objective. Each round the centre plays one
distribution over the arms, one arm is drawn, and every agent sees its own scalar reward. A learner hands its estimates of the
utilities to the objective's maximiser: so every learner serves every objective.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np
from pydantic import AfterValidator, Field

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.objectives import OBJECTIVE_REGISTRY, SolverWorkspace, solver_workspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


def registered(name: str) -> str:
    """The name of an objective that is registered; InputError for any other."""
    OBJECTIVE_REGISTRY.get_named("objective", name)
    return name


ObjectiveName = Annotated[str, AfterValidator(registered), Field(description="what is maximised")]
Exponent = Annotated[float, Field(description="of the objective p_mean")]


class Estimates(NamedTuple):
    """counts: (K,) rewards seen of each arm. mean: (N, K) their averages, agent by agent.

    optimistic: (N, K) and bonus: (K,), scratch. policy: (K,) what was found last. stage: (2,) whole numbers a learner keeps.
    objective: what is maximised. scratch_work: of its solver. scratch_uniforms: (M,).
    """

    counts: Integers
    mean: Floats
    optimistic: Floats
    bonus: Floats
    policy: Floats
    stage: Integers
    objective: Any
    scratch_work: SolverWorkspace
    scratch_uniforms: Floats


def estimates(info: ProblemInfo, uniforms: int = 0, first: int = 0) -> Estimates:
    """Nothing seen; `uniforms` random numbers a round; stage = (first, 0)."""
    N, K = info.agents, info.arms
    return Estimates(
        np.zeros(K, np.int64), np.zeros((N, K)), np.zeros((N, K)), np.zeros(K), np.zeros(K), np.array([first, 0]),
        info.objective, solver_workspace(N, K, info.ties), np.zeros(uniforms),
    )  # fmt: skip


@jit
def update_mean(state: Any, arm: int, rewards: Floats) -> None:
    """Average the rewards (N,) of the arm.

    mean[j,k] <- mean[j,k] + ( r_j - mean[j,k] ) / n_k
    """
    state.counts[arm] += 1
    for j in range(rewards.shape[0]):
        state.mean[j, arm] += (rewards[j] - state.mean[j, arm]) / state.counts[arm]


def average(self: Any, state: Any, t: int, arm: int, rewards: Floats) -> None:
    """Average the rewards: the `update` of a learner that does nothing else."""
    update_mean(state, arm, rewards)


class Learner(Protocol):
    """The methods of a learner; random numbers as in `gossipmab.algorithms.base`.

    A learner may have a method `plan(state, t)` too, in plain Python, for what is too heavy for the loop: it is called before
    round t = 1, 1 + planned_every, 1 + 2 planned_every, ...
    """

    @property
    def objective(self) -> str:
        """The name of what it maximises."""

    def init(self, info: ProblemInfo) -> Any:
        """Return the state before the first round; a NamedTuple of arrays, and of the objective that `info` names."""

    def select(self, state: Any, t: int, p: Floats) -> None:
        """Write the distribution of round t = 1..T into p (K,)."""

    def update(self, state: Any, t: int, arm: int, rewards: Floats) -> None:
        """Learn from the rewards (N,) that the agents saw of the arm drawn in round t."""
