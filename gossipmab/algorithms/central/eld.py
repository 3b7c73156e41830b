"""Equity-Lagrangian Dual: the most welfare under a budget of unequal outcomes.

Source: Nguyen, Pham, Le, Alam and Duong, "Beyond scalar welfare: enforcing identity-aware equity in multi-agent reinforcement
learning", AAMAS 2026, section 4; algorithms.md, section 11. Utilitarian regret is the cost of the budget, perhaps linear in T.

    symbol      name               meaning
    epsilon     inequality_budget  what H / N, or E / N, may be
    lambda      multiplier         the dual variable, a price on inequality
    eta         dual_step_size     of the dual ascent
    K_dual      dual_period        rounds between two updates of lambda and of the policy
    tau         tau                half width of the band around the mean, in units of the mean
    mu_hat      mean               averages of the rewards seen

Departure: the paper improves a neural policy by gradients; here the policy is one distribution, and the primal step is solved.
Departure: it has no need to explore; here arms that were pulled seldom gain a bonus (`alpha`).
Departure: its Pigou-Dalton and convexity claims for H do not hold (see `gossipmab.metrics.equity`), so the primal step with
`measure = "mre"` is not concave: exact by a mixed-integer program for few agents, else a search from many starts.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.algorithms.central.base import average
from gossipmab.algorithms.central.eld_primal import best_at_price, unequal
from gossipmab.metrics.equity import dual_step
from gossipmab.utils.types import Floats, Integers, class_attributes


class Prices(NamedTuple):
    """counts (K,), mean (N, K): of the rewards seen. policy (K,): until the next update. multiplier (1,): lambda."""

    counts: Integers
    mean: Floats
    policy: Floats
    multiplier: Floats


@class_attributes(title="ELD", objective="utilitarian", update=average)
class ELD(NamedTuple):
    """Equity-Lagrangian Dual (Nguyen et al., 2026): the largest sum of utilities under a budget of inequality.

    >>> gm.ELD(inequality_budget=0.02).dual_period
    50
    """

    inequality_budget: Annotated[float, Field(ge=0, description="epsilon, the most that H / N, or E / N, may be")] = 0.05
    dual_step_size: Annotated[float, Field(ge=0, description="eta")] = 1.0
    dual_period: Annotated[int, Field(ge=1, description="rounds between two updates of lambda and of the policy")] = 50
    tau: Annotated[float, Field(ge=0, description="half width of the band around the mean")] = 0.0
    measure: Annotated[
        Literal["mre", "excess"], Field(description="budget of H / N and price on H, or budget and price of E / N")
    ] = "mre"
    max_multiplier: Annotated[float, Field(ge=0, description="the most that lambda may be; 0 is no limit")] = 0.0
    alpha: Annotated[float, Field(ge=0, description="factor of the exploration bonus, in units of summed utility")] = 0.5
    exact_agents: Annotated[int, Field(ge=0, description="up to so many agents the primal step with mre is exact")] = 8

    @property
    def planned_every(self) -> int:
        """The period."""
        return self.dual_period

    def init(self, info: ProblemInfo) -> Prices:
        """Nothing seen, lambda = 0."""
        N, K = info.agents, info.arms
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
            excess = (size / N if self.measure == "mre" else size) - self.inequality_budget
            cap = self.max_multiplier if self.max_multiplier > 0 else math.inf
            state.multiplier[0] = dual_step(state.multiplier[0], excess, self.dual_step_size, cap)
        bonus = self.alpha * np.sqrt(math.log(N * K * t) / state.counts)
        exact = N <= self.exact_agents
        found = best_at_price(
            state.mean.sum(axis=0) + bonus, state.mean, float(state.multiplier[0]), self.tau, self.measure, exact, state.policy
        )
        state.policy[:] = found.p

    def select(self, state: Prices, t: int, p: Floats) -> None:
        """The planned policy; arm after arm before there is one."""
        total = 0.0
        for k in range(p.shape[0]):
            p[k] = state.policy[k]
            total += p[k]
        if total == 0.0:
            play_arm((t - 1) % p.shape[0], p)
