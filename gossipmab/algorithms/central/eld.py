"""Equity-Lagrangian Dual: the most welfare under a budget of unequal outcomes.

Source: Nguyen, Pham, Le, Alam and Duong, "Beyond scalar welfare: enforcing identity-aware equity in multi-agent reinforcement
learning", AAMAS 2026, section 4; algorithms.md, section 11.

    symbol      name          meaning
    epsilon     budget        what H / N, or E / N, may be
    lambda      multiplier    the dual variable, a price on inequality
    eta         step          of the dual ascent
    K_dual      period        rounds between two updates of lambda and of the policy
    tau         tau           half width of the band around the mean, in units of the mean
    mu_hat      mean          averages of the rewards seen

Departure: the paper improves a neural policy by gradients; here the policy is one distribution, and the primal step is solved.
Departure: it has no need to explore; here arms that were pulled seldom gain a bonus (`alpha`).
Departure: its Pigou-Dalton and convexity claims for H do not hold (see `gossipmab.metrics.equity`), so the primal step with
`measure = "mre"` is not concave: exact by a mixed-integer program for few agents, else a search from many starts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossipmab.algorithms.central.base import Centre, play_arm, take_in
from gossipmab.algorithms.central.eld_primal import MEASURES, best_at_price, unequal
from gossipmab.objectives import SolverWorkspace
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats, Integers


class Prices(NamedTuple):
    """counts (K,), mean (N, K): of the rewards seen. policy (K,): until the next update. multiplier (1,): lambda."""

    counts: Integers
    mean: Floats
    policy: Floats
    multiplier: Floats


class ELD(NamedTuple):
    """Equity-Lagrangian Dual (Nguyen et al., 2026): the largest sum of utilities under a budget of inequality.

    budget: epsilon. step: eta. period: rounds between updates. tau: of the band. measure: "mre" (budget of H / N, price on H)
    or "excess" (budget and price of E / N). cap: lambda is at most this; 0 is no cap. alpha: factor of the exploration bonus
    sqrt(ln(N K t) / n_k) in units of summed utility. exact_agents: up to so many agents the primal step with "mre" is exact.
    """

    budget: float = 0.05
    step: float = 1.0
    period: int = 50
    tau: float = 0.0
    measure: str = "mre"
    cap: float = 0.0
    alpha: float = 0.5
    exact_agents: int = 8

    @property
    def objective(self) -> str:
        """Utilitarian: its regret is what the budget costs, and need not be sublinear."""
        return "utilitarian"

    @property
    def planned_every(self) -> int:
        """The period."""
        return self.period

    def numbers(self, centre: Centre) -> int:
        """None."""
        return 0

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        for name in ("budget", "step", "tau", "cap", "alpha"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name}: got {getattr(self, name)}, allowed is a number >= 0")
        if self.period < 1:
            raise InputError(f"period: got {self.period}, allowed is a whole number >= 1")
        if self.exact_agents < 0:
            raise InputError(f"exact_agents: got {self.exact_agents}, allowed is a whole number >= 0")
        if self.measure not in MEASURES:
            raise unknown("measure", self.measure, MEASURES)

    def init(self, centre: Centre) -> Prices:
        """Nothing seen, lambda = 0."""
        N, K = centre.agents, centre.arms
        return Prices(np.zeros(K, np.int64), np.zeros((N, K)), np.zeros(K), np.zeros(1))

    def plan(self, state: Prices, t: int) -> None:
        """The dual step, then the primal step; nothing before every arm was seen.

        lambda <- max(0, lambda + eta ( H / N - epsilon )),   p = argmax_p sum_j u_j(p) - lambda H(u(p)),   u = mu_hat p
        """
        N, K = state.mean.shape
        if not state.counts.all():
            return
        if state.policy.any():
            size = unequal(state.policy, state.mean, self.tau, self.measure)
            raised = state.multiplier[0] + self.step * ((size / N if self.measure == "mre" else size) - self.budget)
            state.multiplier[0] = min(max(0.0, raised), self.cap if self.cap > 0 else math.inf)
        bonus = self.alpha * np.sqrt(math.log(N * K * t) / state.counts)
        exact = N <= self.exact_agents
        found = best_at_price(
            state.mean.sum(axis=0) + bonus, state.mean, float(state.multiplier[0]), self.tau, self.measure, exact, state.policy
        )  # fmt: skip
        state.policy[:] = found.p

    def choose(
        self, objective: object, state: Prices, t: int, u: Floats, workspace: SolverWorkspace, p: Floats
    ) -> None:
        """The planned policy; arm after arm before there is one."""
        total = 0.0
        for k in range(p.shape[0]):
            p[k] = state.policy[k]
            total += p[k]
        if total == 0.0:
            play_arm((t - 1) % p.shape[0], p)

    def observe(self, state: Prices, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Average the rewards."""
        take_in(state, arm, rewards)
