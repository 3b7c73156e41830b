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
from typing import NamedTuple

from gossipmab.algorithms.central.base import Centre, Estimates, estimates, play_arm, take_in
from gossipmab.objectives import SolverWorkspace, maximise, objective
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats

THEORIES = ("agents", "arms")
EXPLORATIONS = ("round_robin", "uniform")


class EpsilonGreedy(NamedTuple):
    """Epsilon-Greedy (Hossain et al., 2021): explore by the toss of a coin, else the best policy by what was seen.

    objective, exponent: what is maximised; the exponent is p_mean's. epsilon: a constant probability of exploring; below 0 it is
    by theory, at most 1:
        theory "agents": epsilon_t = factor N^(2/3) K^(1/3) t^(-decay) ln(N K t)^(1/3)
        theory "arms":   epsilon_t = factor N^(1/3) K^(2/3) t^(-decay) ln(N K t)^(2/3)
    exploration: "round_robin" (p is all on the arm that is next) or "uniform" (p is uniform).
    """

    objective: str = "nsw"
    exponent: float = -1.0
    epsilon: float = -1.0
    theory: str = "agents"
    factor: float = 1.0
    decay: float = 1 / 3
    exploration: str = "round_robin"

    def numbers(self, centre: Centre) -> int:
        """The coin."""
        return 1

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        objective(self.objective, self.exponent)
        if not self.epsilon <= 1.0:
            raise InputError(
                f"epsilon: got {self.epsilon}, allowed is a number in [0, 1], or one below 0 for the theory's"
            )
        if self.theory not in THEORIES:
            raise unknown("theory", self.theory, THEORIES)
        for name, value in (("factor", self.factor), ("decay", self.decay)):
            if not 0.0 <= value < math.inf:
                raise InputError(f"{name}: got {value}, allowed is a number >= 0")
        if self.exploration not in EXPLORATIONS:
            raise unknown("exploration", self.exploration, EXPLORATIONS)

    def init(self, centre: Centre) -> Estimates:
        """Nothing seen; stage[0] = the arm that is next to be explored."""
        return estimates(centre)

    def choose(
        self, objective: object, state: Estimates, t: int, u: Floats, workspace: SolverWorkspace, p: Floats
    ) -> None:
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
        if u[0] >= chance:
            maximise(objective, state.mean, workspace, p)
        elif self.exploration == "uniform":
            for k in range(K):
                p[k] = 1.0 / K
        else:
            play_arm(state.stage[0], p)
            state.stage[0] = (state.stage[0] + 1) % K

    def observe(self, state: Estimates, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Average the rewards."""
        take_in(state, arm, rewards)
