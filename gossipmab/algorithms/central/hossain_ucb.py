"""UCB with the bonus outside the objective: the objective of the averages plus a linear bonus.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021, Algorithm 3; algorithms.md,
section 9.

    symbol     name        meaning
    n_k        counts      rewards seen of arm k
    mu_hat     mean        their averages
    alpha_t    weight      exploration factor
    F          objective   what is maximised

For the Nash social welfare the sum of product and bonus is not concave; it is maximised globally, with a certificate, where
published code runs one local search.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.algorithms.central.base import Centre, Estimates, estimates, play_arm, take_in
from gossipmab.objectives import SolverWorkspace, maximise_with_bonus, objective
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats

SCHEDULES = ("agents", "root", "given")


class UCBBonus(NamedTuple):
    """UCB (Hossain et al., 2021): maximise the objective of the averages plus a linear bonus.

    objective, exponent: what is maximised; the exponent is p_mean's. schedule: alpha_t = factor * N ("agents"),
    factor * sqrt(12 N K ln(N K t)) ("root"), or factor ("given").
    """

    objective: str = "nsw"
    exponent: float = -1.0
    schedule: str = "agents"
    factor: float = 1.0

    def numbers(self, centre: Centre) -> int:
        """None."""
        return 0

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        objective(self.objective, self.exponent)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if not 0.0 <= self.factor < math.inf:
            raise InputError(f"factor: got {self.factor}, allowed is a number >= 0")

    def init(self, centre: Centre) -> Estimates:
        """Nothing seen."""
        return estimates(centre)

    def choose(
        self, objective: object, state: Estimates, t: int, u: Floats, workspace: SolverWorkspace, p: Floats
    ) -> None:
        """Rounds 1..K: arm t. Then the policy that maximises objective plus bonus.

        p_t = argmax_p  F(p, mu_hat) + alpha_t sum_k p_k sqrt( ln(N K t) / n_k )
        """
        N, K = state.mean.shape
        if t <= K:
            play_arm(t - 1, p)
            return
        log = math.log(N * K * t)
        weight = self.factor
        if self.schedule == "agents":
            weight *= N
        elif self.schedule == "root":
            weight *= math.sqrt(12.0 * N * K * log)
        for k in range(K):
            state.bonus[k] = weight * math.sqrt(log / state.counts[k])
        maximise_with_bonus(objective, state.mean, state.bonus, workspace, p)

    def observe(self, state: Estimates, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Average the rewards."""
        take_in(state, arm, rewards)
