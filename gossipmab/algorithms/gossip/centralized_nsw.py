"""Centralised NSW: what Simulated NSW UCB Gossip would earn if every agent heard every other one each round, without delay.

Source: algorithms.md, section 7, for the algorithm it is the ideal of; issue of the fair bandits with a centre. The same
objective and the same bonus, but in place of gossip the exact average of what all agents know. It is no algorithm for a
network: it reads what no message carries, and only the simulator can play it.

    symbol      name                meaning
    w[j]        preferences         preference vector of agent j
    n_i[k]      counts              times agent i has pulled arm k
    L_i[j,k]    local_mean          average over i's pulls of arm k of what they are worth under j's preferences
    G[j,k]      scratch_estimate    mean over all agents i of L_i[j,k], the same for all
    alpha       alpha               exploration factor

Its regret is the floor that decentralisation is measured from: `summary` shows every other algorithm's regret as a multiple.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.objectives.solvers.bonus_global import warm_size
from gossipmab.objectives.solvers.bonus_local import maximise_bonus
from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace, welfare_workspace
from gossipmab.utils.elementary import log
from gossipmab.utils.types import Floats, Integers, class_attributes


class Shared(NamedTuple):
    """counts, sent_counts: (N, K), floats as all mailboxes.

    local_mean, sent_local_mean: (N, N, K), L_i now and at the end of the round before.

    policy: (N, K). warm: (N, V), what agent i's solver keeps. preferences: (N, D). scratch_work: of the solver.
    scratch_estimate: (N, K) G. scratch_bonus: (K,).
    """

    counts: Floats
    sent_counts: Floats
    local_mean: Floats
    sent_local_mean: Floats
    policy: Floats
    warm: Floats
    preferences: Floats
    scratch_work: WelfareWorkspace
    scratch_estimate: Floats
    scratch_bonus: Floats


@class_attributes(title="Centralized NSW UCB", estimates="utilities", communicates=False)
class CentralizedNSW(NamedTuple):
    """What Simulated NSW UCB Gossip would earn if all heard all, each round, without delay; a yardstick, no network can do it.

    >>> gm.CentralizedNSW(pooled=True)
    CentralizedNSW(alpha=0.5, solver='global', welfare='product', pooled=True)
    """

    alpha: Annotated[float, Field(ge=0, description="exploration factor")] = 0.5
    solver: Annotated[Literal["global", "local"], Field(description="certified to 1e-8 relative, or one warm-started climb")] = (
        "global"
    )
    welfare: Annotated[Literal["product", "geometric"], Field(description="the product of utilities, or its N-th root")] = "product"
    pooled: Annotated[
        bool, Field(description="the bonus counts the pulls of all agents, as a centre would; else an agent's own")
    ] = False

    def init(self, info: ProblemInfo) -> Shared:
        """Nothing seen, uniform policies."""
        N, K = info.agents, info.arms
        return Shared(
            np.zeros((N, K)), np.zeros((N, K)), np.zeros((N, N, K)), np.zeros((N, N, K)),
            np.full((N, K), 1.0 / K), np.zeros((N, warm_size(N, K))), info.preferences, welfare_workspace(N, K),
            np.zeros((N, K)), np.zeros(K),
        )  # fmt: skip

    def select(self, state: Shared, i: int, t: int, p: Floats) -> None:
        """Round t <= K: arm t. Then the distribution that maximises welfare plus bonus.

        p_i(t) = argmax_p  prod_j sum_k p_k G[j,k]  +  alpha sum_k p_k sqrt( ln(N K t) / n_i[k] )
        """
        N, K = state.policy.shape
        if t <= K:
            play_arm(t - 1, p)
            return
        for j in range(N):
            for k in range(K):
                total = 0.0
                for one in range(N):
                    total += state.local_mean[one, j, k]
                state.scratch_estimate[j, k] = total / N
        log_rounds = log(float(N * K * t))
        for k in range(K):
            pulls = state.counts[i, k]
            if self.pooled:
                for other in range(N):
                    pulls += state.counts[other, k] if other != i else 0
            state.scratch_bonus[k] = self.alpha * math.sqrt(log_rounds / pulls)
        maximise_bonus(
            state.scratch_estimate, state.scratch_bonus, self.solver, self.welfare, state.policy[i], state.warm[i],
            state.scratch_work, p,
        )  # fmt: skip

    def update(self, state: Shared, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Value the reward under everyone's preferences, neighbours or not; the rest of the row is as the round before.

        L_i[j,k] <- L_i[j,k] + ( w[j].x - L_i[j,k] ) / n_i[k]
        """
        N, K = state.policy.shape
        for k in range(K):
            state.counts[i, k] = state.sent_counts[i, k]
            for j in range(N):
                state.local_mean[i, j, k] = state.sent_local_mean[i, j, k]
        state.counts[i, arm] += 1
        for j in range(N):
            reward = utility(state.preferences, j, x)
            state.local_mean[i, j, arm] += (reward - state.local_mean[i, j, arm]) / state.counts[i, arm]
