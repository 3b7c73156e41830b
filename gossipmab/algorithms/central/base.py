"""What a learner with a centre is: two methods that the loop calls by its type, interpreted or compiled.

A learner is a `typing.NamedTuple` of hyperparameters, among them the name of its objective. Each round the centre plays one
distribution over the arms, one arm is drawn, and every agent sees its own scalar reward. What a learner believes of the
utilities it hands to the objective's maximiser: so every learner serves every objective.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba.extending import overload

from gossipmab.objectives import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class Centre(NamedTuple):
    """What is known before the first round. agents, arms: N, K. horizon: T."""

    agents: int
    arms: int
    horizon: int


class Estimates(NamedTuple):
    """counts: (K,) rewards seen of each arm. mean: (N, K) their averages, agent by agent.

    optimistic: (N, K) and bonus: (K,), scratch. policy: (K,) what was found last. stage: (2,) whole numbers a learner keeps.
    """

    counts: Integers
    mean: Floats
    optimistic: Floats
    bonus: Floats
    policy: Floats
    stage: Integers


def estimates(centre: Centre) -> Estimates:
    """Nothing seen."""
    N, K = centre.agents, centre.arms
    return Estimates(
        np.zeros(K, np.int64), np.zeros((N, K)), np.zeros((N, K)), np.zeros(K), np.zeros(K), np.zeros(2, np.int64)
    )


@jit
def take_in(state: Any, arm: int, rewards: Floats) -> None:
    """Average the rewards (N,) of the arm.

    mean[j,k] <- mean[j,k] + ( r_j - mean[j,k] ) / n_k
    """
    state.counts[arm] += 1
    for j in range(rewards.shape[0]):
        state.mean[j, arm] += (rewards[j] - state.mean[j, arm]) / state.counts[arm]


@jit
def play_arm(arm: int, p: Floats) -> None:
    """p = all on one arm."""
    for k in range(p.shape[0]):
        p[k] = 1.0 if k == arm else 0.0


class Learner(Protocol):
    """The methods of a learner.

    A learner may have a method `plan(state, t)` too, in plain Python, for what is too heavy for the loop: it is called before
    round t = 1, 1 + planned_every, 1 + 2 planned_every, ...
    """

    @property
    def objective(self) -> str:
        """The name of what it maximises."""

    def numbers(self, centre: Centre) -> int:
        """How many uniform numbers of its own it takes a round, the same every round."""

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""

    def init(self, centre: Centre) -> Any:
        """The state before the first round; a NamedTuple of arrays."""

    def choose(self, objective: Any, state: Any, t: int, u: Floats, workspace: SolverWorkspace, p: Floats) -> None:
        """Write the distribution of round t = 1..T into p (K,); u are the round's own uniform numbers."""

    def observe(self, state: Any, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Take in the rewards (N,) that the agents saw of the arm drawn in round t."""


def choose(self: Any, objective: Any, state: Any, t: int, u: Floats, workspace: SolverWorkspace, p: Floats) -> None:
    """Call the learner's `choose`."""
    self.choose(objective, state, t, u, workspace, p)


def observe(self: Any, state: Any, t: int, arm: int, rewards: Floats, u: Floats) -> None:
    """Call the learner's `observe`."""
    self.observe(state, t, arm, rewards, u)


@overload(choose, strict=False)
def _choose(self: Any, objective: Any, state: Any, t: Any, u: Any, workspace: Any, p: Any) -> Callable[..., None]:
    return self.instance_class.choose  # type: ignore[no-any-return]


@overload(observe, strict=False)
def _observe(self: Any, state: Any, t: Any, arm: Any, rewards: Any, u: Any) -> Callable[..., None]:
    return self.instance_class.observe  # type: ignore[no-any-return]
