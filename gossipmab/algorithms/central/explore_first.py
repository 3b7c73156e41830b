"""Explore-First: every arm equally often, then the best policy by what was seen, for good.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021, Algorithm 1; algorithms.md,
section 9.

    symbol    name          meaning
    l         each          rounds that every arm is explored
    n_k       counts        rewards seen of arm k
    mu_hat    mean          their averages
    F         objective     what is maximised

Departure: the theory leaves the constant of l open; it is `factor`, 1 by default.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.algorithms.central.base import Centre, Estimates, estimates, play_arm, take_in
from gossipmab.objectives import SolverWorkspace, maximise, objective
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats

THEORIES = {"agents": (2 / 3, -2 / 3, 1 / 3), "arms": (1 / 3, -1 / 3, 2 / 3)}  # powers of N, K and the logarithm


class ExploreFirst(NamedTuple):
    """Explore-First (Hossain et al., 2021): every arm equally often, then the best policy by what was seen.

    objective, exponent: what is maximised; the exponent is p_mean's. each: l, rounds of every arm; 0 is by theory, from the
    horizon T, and never more than T / K:
        theory "agents": l = factor N^(2/3) K^(-2/3) T^(2/3) ln(N K T)^(1/3)    regret N^(2/3) K^(1/3) T^(2/3) and logarithms
        theory "arms":   l = factor N^(1/3) K^(-1/3) T^(2/3) ln(N K T)^(2/3)    regret N^(1/3) K^(2/3) T^(2/3) and logarithms
    order: "blocks" (l times arm 0, then l times arm 1, ...) or "cycles" (arm 0, 1, ..., K - 1, 0, ...).
    """

    objective: str = "nsw"
    exponent: float = -1.0
    each: int = 0
    theory: str = "agents"
    factor: float = 1.0
    order: str = "blocks"

    def numbers(self, centre: Centre) -> int:
        """None."""
        return 0

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        objective(self.objective, self.exponent)
        if self.each < 0:
            raise InputError(f"each: got {self.each}, allowed is a whole number >= 0, 0 for the theory's")
        if self.theory not in THEORIES:
            raise unknown("theory", self.theory, THEORIES)
        if not 0.0 < self.factor < math.inf:
            raise InputError(f"factor: got {self.factor}, allowed is a number > 0")
        if self.order not in ("blocks", "cycles"):
            raise unknown("order", self.order, ("blocks", "cycles"))

    def explored(self, centre: Centre) -> int:
        """Rounds l that every arm is explored."""
        if self.each:
            return self.each
        N, K, T = centre
        agents, arms, logarithm = THEORIES[self.theory]
        by_theory: float = self.factor * N**agents * K**arms * T ** (2 / 3) * math.log(N * K * T) ** logarithm
        return max(1, min(math.ceil(by_theory), T // K))

    def init(self, centre: Centre) -> Estimates:
        """Nothing seen; stage = (l, whether the policy has been found)."""
        state = estimates(centre)
        state.stage[0] = self.explored(centre)
        return state

    def choose(
        self, objective: object, state: Estimates, t: int, u: Floats, workspace: SolverWorkspace, p: Floats
    ) -> None:
        """Rounds 1..K l: the arms in order. Then the policy of the estimates, found once.

        p = argmax_p F(p, mu_hat)
        """
        K, each = p.shape[0], state.stage[0]
        if t <= K * each:
            play_arm((t - 1) // each if self.order == "blocks" else (t - 1) % K, p)
            return
        if state.stage[1] == 0:
            maximise(objective, state.mean, workspace, state.policy)
            state.stage[1] = 1
        for k in range(K):
            p[k] = state.policy[k]

    def observe(self, state: Estimates, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Average the rewards of the exploration."""
        if t <= state.counts.shape[0] * state.stage[0]:
            take_in(state, arm, rewards)
