"""Explore-First: every arm equally often, then the best policy of the estimates in all other rounds.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021, Algorithm 1; algorithms.md,
section 9.

    symbol    name          meaning
    l         rounds_per_arm rounds that every arm is explored
    n_k       counts        rewards seen of arm k
    mu_hat    mean          their averages
    F         objective     what is maximised

Departure: the theory leaves the constant of l open; it is `factor`, 1 by default.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.algorithms.central.base import Estimates, Exponent, ObjectiveName, estimates, update_mean
from gossipmab.objectives import maximise
from gossipmab.utils.types import Floats, class_attributes

THEORIES = {"agents": (2 / 3, -2 / 3, 1 / 3), "arms": (1 / 3, -1 / 3, 2 / 3)}  # powers of N, K and the logarithm


@class_attributes(title="Explore First")
class ExploreFirst(NamedTuple):
    """Explore-First (Hossain et al., 2021): every arm equally often, then the best policy by what was seen.

    theory "agents": l = factor N^(2/3) K^(-2/3) T^(2/3) ln(N K T)^(1/3)    regret N^(2/3) K^(1/3) T^(2/3) and logarithms
    theory "arms":   l = factor N^(1/3) K^(-1/3) T^(2/3) ln(N K T)^(2/3)    regret N^(1/3) K^(2/3) T^(2/3) and logarithms

    >>> gm.ExploreFirst(rounds_per_arm=20).order
    'blocks'
    """

    objective: ObjectiveName = "nsw"
    exponent: Exponent = -1.0
    rounds_per_arm: Annotated[int, Field(ge=0, description="l, rounds that every arm is explored; 0 is by theory")] = 0
    theory: Annotated[Literal["agents", "arms"], Field(description="the formula of l")] = "agents"
    factor: Annotated[float, Field(gt=0, description="of l")] = 1.0
    order: Annotated[Literal["blocks", "cycles"], Field(description="l times each arm in turn, or the arms in cycles")] = "blocks"

    def explored(self, info: ProblemInfo) -> int:
        """Rounds l that every arm is explored."""
        if self.rounds_per_arm:
            return self.rounds_per_arm
        N, K, T = info.agents, info.arms, info.horizon
        agents, arms, logarithm = THEORIES[self.theory]
        by_theory: float = self.factor * N**agents * K**arms * T ** (2 / 3) * math.log(N * K * T) ** logarithm
        return max(1, min(math.ceil(by_theory), T // K))

    def init(self, info: ProblemInfo) -> Estimates:
        """Nothing seen; stage = (l, whether the policy has been found)."""
        return estimates(info, first=self.explored(info))

    def select(self, state: Estimates, t: int, p: Floats) -> None:
        """Rounds 1..K l: the arms in order. Then the policy of the estimates, found once.

        p = argmax_p F(p, mu_hat)
        """
        K, each = p.shape[0], state.stage[0]
        if t <= K * each:
            play_arm((t - 1) // each if self.order == "blocks" else (t - 1) % K, p)
            return
        if state.stage[1] == 0:
            maximise(state.objective, state.mean, state.scratch_work, state.policy)
            state.stage[1] = 1
        for k in range(K):
            p[k] = state.policy[k]

    def update(self, state: Estimates, t: int, arm: int, rewards: Floats) -> None:
        """Average the rewards of the exploration."""
        if t <= state.counts.shape[0] * state.stage[0]:
            update_mean(state, arm, rewards)
