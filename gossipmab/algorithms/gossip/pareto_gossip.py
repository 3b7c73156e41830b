"""Pareto Gossip: successive elimination by gossip, with vector rewards.

Source: Gossip Successive Elimination (Liu et al., "Distributed multi-agent bandits over Erdos-Renyi random networks",
2025), extended to several objectives as in "Multi-Objective Multi-Agent Bandits", section 5.1.

    symbol    name              meaning
    n_i[k]    pulls             times agent i has pulled arm k
    L_i       local_mean        agent i's averages of its own rewards
    G_i       global_mean       agent i's estimate of the network's averages, by gossip
    S         burn_in           pulls that do not count: K ln T / p
    tau       mixing            mixing time of the network: N ln T / (p lambda_{N-1}(Lap(G0)))
    c_i[k]    half_width        half the width of the interval of arm k

It knows T and p; the other algorithms do not. Departure: no arm is dropped before round K, when every arm has been pulled;
for large N the formula would drop arms unseen. Departure: should an agent's active set run empty (it can, since
eliminations travel), all its arms count as active.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats, Integers, class_attributes


class State(NamedTuple):
    """pulls: (N, K). local_mean, global_mean, sent_global_mean: (N, K, D). active, sent_active: (N, K), 1.0 or 0.0.

    half_width: (N, K), in units of reward. log_horizon: ln T. burn_in: S, in pulls. mixing: tau + sqrt(N), in rounds.
    """

    pulls: Integers
    local_mean: Floats
    global_mean: Floats
    sent_global_mean: Floats
    active: Floats
    sent_active: Floats
    half_width: Floats
    log_horizon: float
    burn_in: float
    mixing: float


@jit_inline
def surely_dominated(means: Floats, half_width: Floats, k: int) -> bool:
    """Whether the lower bounds of some other arm dominate the upper bounds of arm k."""
    for other in range(means.shape[0]):
        if means[other, 0] - half_width[other] < means[k, 0] + half_width[k]:
            continue  # so it is with nearly every pair, until the intervals are short
        worse = better = False
        for d in range(means.shape[1]):
            lower = means[other, d] - half_width[other]
            upper = means[k, d] + half_width[k]
            worse |= lower < upper
            better |= lower > upper
        if other != k and better and not worse:
            return True
    return False


@class_attributes(title="Pareto Gossip", communicates=True, flags=("active",))
class ParetoGossip(NamedTuple):
    """Successive elimination: pull the least pulled active arm, drop an arm when it is surely dominated.

    Known limit of the formula: m counts N samples from the first pull on, while G_i holds the agent's own last change
    undiluted; with hundreds of agents one of them may drop a good arm early, and its word travels.

    >>> gm.ParetoGossip(burn_in=0.5)
    ParetoGossip(sampling=1.0, burn_in=0.5, mixing=1.0)
    """

    sampling: Annotated[float, Field(ge=0, description="factor of sqrt(ln T / m), 1 as in the source")] = 1.0
    burn_in: Annotated[float, Field(ge=0, description="factor of S, the pulls that do not count")] = 1.0
    mixing: Annotated[float, Field(ge=0, description="factor of tau + sqrt(N)")] = 1.0

    def init(self, info: ProblemInfo) -> State:
        """Nothing pulled, all averages 0, all arms active.

        S = K ln T / p,  tau = N ln T / (p lambda_{N-1}(Lap(G0)))
        """
        N, K, D = info.agents, info.arms, info.objectives
        log_horizon = math.log(info.horizon)
        burn_in = self.burn_in * K * log_horizon / info.link_probability
        tau = N * log_horizon / (info.link_probability * info.algebraic_connectivity)
        local, own, sent = np.zeros((3, N, K, D))
        active, sent_active, half_width = np.ones((3, N, K))
        pulls, mixing = np.zeros((N, K), np.int64), self.mixing * (tau + math.sqrt(N))
        return State(pulls, local, own, sent, active, sent_active, half_width, log_horizon, burn_in, mixing)

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        """All mass on the least pulled active arm, the lowest index on ties."""
        any_active = False
        for k in range(p.shape[0]):
            p[k] = 0.0
            any_active |= state.active[i, k] > 0.0
        chosen = -1
        for k in range(p.shape[0]):
            counts = state.active[i, k] > 0.0 or not any_active
            if counts and (chosen < 0 or state.pulls[i, k] < state.pulls[i, chosen]):
                chosen = k
        p[chosen] = 1.0

    def update(self, state: State, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Update L_i and G_i as in Pareto UCB1 Gossip; then drop arms, by one's own intervals or on a neighbour's word.

        m = N max(n_i[k] - S, 1),  c_i[k] = sqrt(ln T / m) + (tau + sqrt(N)) / m
        """
        N, K = state.pulls.shape
        state.pulls[i, arm] += 1
        for d in range(x.shape[0]):
            before = state.local_mean[i, arm, d]
            after = before + (x[d] - before) / state.pulls[i, arm]
            state.local_mean[i, arm, d] = after
            state.global_mean[i, arm, d] += after - before
        for k in range(K):
            m = N * max(state.pulls[i, k] - state.burn_in, 1.0)
            state.half_width[i, k] = self.sampling * math.sqrt(state.log_horizon / m) + state.mixing / m
        for k in range(K):
            keep = state.sent_active[i, k]
            if t >= K and keep > 0.0 and surely_dominated(state.global_mean[i], state.half_width[i], k):
                keep = 0.0
            for j in neighbours:
                keep = min(keep, state.sent_active[j, k])
            state.active[i, k] = keep
