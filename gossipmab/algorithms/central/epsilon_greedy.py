"""Epsilon-Greedy: explore with a probability that falls with time, else the best policy by what was seen.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021, Algorithm 2; algorithms.md,
section 9.

    symbol       name        meaning
    epsilon_t    chance      probability of exploring in round t
    mu_hat       mean        averages of the rewards seen
    F            objective   what is maximised

Departure: the theory leaves the constant of epsilon_t open; it is `factor`, 1 by default.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.algorithms.central.base import Estimates, Exponent, ObjectiveName, average, estimates
from gossipmab.objectives import maximise
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(title="Epsilon-greedy", update=average)
class EpsilonGreedy(NamedTuple):
    """Epsilon-Greedy (Hossain et al., 2021): explore by the toss of a coin, else the best policy by what was seen.

    theory "agents": epsilon_t = factor N^(2/3) K^(1/3) t^(-decay) ln(N K t)^(1/3)
    theory "arms":   epsilon_t = factor N^(1/3) K^(2/3) t^(-decay) ln(N K t)^(2/3)

    >>> gm.EpsilonGreedy(objective="maximin", epsilon=0.1).epsilon
    0.1
    """

    objective: ObjectiveName = "nsw"
    exponent: Exponent = -1.0
    epsilon: Annotated[float, Field(le=1, description="constant probability of exploring; below 0 it is by theory")] = -1.0
    theory: Annotated[Literal["agents", "arms"], Field(description="the schedule of epsilon_t")] = "agents"
    factor: Annotated[float, Field(ge=0, description="of epsilon_t")] = 1.0
    decay: Annotated[float, Field(ge=0, description="exponent of t in epsilon_t")] = 1 / 3
    exploration: Annotated[
        Literal["round_robin", "uniform"], Field(description="the arm that is next, or the uniform distribution")
    ] = "round_robin"

    def init(self, info: ProblemInfo) -> Estimates:
        """Nothing seen; stage[0] = the arm that is next to be explored."""
        return estimates(info, uniforms=1)

    def select(self, state: Estimates, t: int, p: Floats) -> None:
        """With probability epsilon_t explore, else exploit.

        p_t = argmax_p F(p, mu_hat)
        """
        N, K = state.mean.shape
        chance = self.epsilon
        if chance < 0.0:
            log = math.log(N * K * t)
            if self.theory == "agents":
                size = (N * N * K * log) ** (1.0 / 3.0)
            else:
                size = (N * K * K * log * log) ** (1.0 / 3.0)
            chance = self.factor * size * float(t) ** -self.decay
        if state.scratch_uniforms[0] >= chance:
            maximise(state.objective, state.mean, state.scratch_work, p)
        elif self.exploration == "uniform":
            for k in range(K):
                p[k] = 1.0 / K
        else:
            play_arm(state.stage[0], p)
            state.stage[0] = (state.stage[0] + 1) % K
