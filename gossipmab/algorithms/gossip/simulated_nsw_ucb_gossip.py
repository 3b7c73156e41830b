"""Simulated NSW UCB Gossip, and its ablations.

Source: "Multi-Objective Multi-Agent Bandits: From Learning Efficiency to Fairness Optimization", Algorithm 2, which builds
on the UCB algorithm of Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021.

    symbol      name           meaning
    w[j]        preferences    preference vector of agent j
    n_i[j,k]    counts         rewards of arm k that agent i has seen or simulated under j's preferences
    L_i[j,k]    local_mean     their average
    G_i[j,k]    global_mean    agent i's estimate of the network's average, by gossip
    p_i         policy         the distribution that agent i played last; the solvers start from it
    alpha       alpha          exploration factor

Departure: alpha is a number given, default 0.5; the paper's value was lost. Departure: the objective is maximised globally,
with a certificate (`solver = "global"`), where public code runs one local search, as `solver = "local"` does.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossipmab.algorithms.gossip.base import Shape
from gossipmab.objectives import solvers as welfare
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class State(NamedTuple):
    """counts: (N, N, K). local_mean, global_mean, sent_global_mean: (N, N, K), utilities in [0, 1].

    policy: (N, K). warm: (N, V), what agent i's solver keeps from round to round. preferences: (N, D), known to all.
    scratch_work: of the solver. scratch_estimate, scratch_bonus: (N, K) and (K,).
    """

    counts: Integers
    local_mean: Floats
    global_mean: Floats
    sent_global_mean: Floats
    policy: Floats
    warm: Floats
    preferences: Floats
    scratch_work: welfare.WelfareWorkspace
    scratch_estimate: Floats
    scratch_bonus: Floats


@jit
def take_in(state: State, i: int, j: int, arm: int, x: Floats) -> None:
    """Take in the reward x (D,) of an arm as agent j would value it, and add the change to the gossip average.

    L_i[j,k] <- L_i[j,k] + (w[j].x - L_i[j,k]) / n_i[j,k];  G_i(t) = [gossip of G(t-1)] + L_i(t) - L_i(t-1)
    """
    reward = 0.0
    for d in range(x.shape[0]):
        reward += state.preferences[j, d] * x[d]
    state.counts[i, j, arm] += 1
    before = state.local_mean[i, j, arm]
    after = before + (reward - before) / state.counts[i, j, arm]
    state.local_mean[i, j, arm] = after
    state.global_mean[i, j, arm] += after - before


class SimulatedNSWUCBGossip(NamedTuple):
    """Algorithm 2: maximise the Nash social welfare of the gossip averages plus an exploration bonus.

    alpha: exploration factor >= 0. solver: "global" (certified to 1e-8 relative) or "local" (one warm-started climb).
    welfare: "product", or "geometric" (its N-th root, whose scale does not vanish with N).
    no_gossip: L_i in place of G_i in the objective, no messages. no_sim: an agent learns its own row only; by gossip
    the global row j then tends to L_j / N, the paper's baseline taken literally. rescale: multiply G_i by N (with no_sim).
    """

    alpha: float = 0.5
    solver: str = "global"
    welfare: str = "product"
    no_gossip: bool = False
    no_sim: bool = False
    rescale: bool = False

    @property
    def estimates(self) -> str:
        """Row j of the averages holds the values of the arms to agent j's preferences."""
        return "utilities"

    @property
    def communicates(self) -> bool:
        """Agents send their global averages, unless `no_gossip`."""
        return not self.no_gossip

    def check(self) -> None:
        """Raise InputError where alpha, solver or welfare is out of range."""
        if not (0.0 <= self.alpha < math.inf):
            raise InputError(f"alpha: got {self.alpha}, allowed is a number >= 0")
        if self.solver not in ("global", "local"):
            raise unknown("solver", self.solver, ("global", "local"))
        if self.welfare not in ("product", "geometric"):
            raise unknown("welfare", self.welfare, ("product", "geometric"))

    def init(self, shape: Shape) -> State:
        """Nothing seen, all averages 0, uniform policies."""
        N, K = shape.agents, shape.arms
        tensor = (N, N, K)
        return State(
            np.zeros(tensor, np.int64), np.zeros(tensor), np.zeros(tensor), np.zeros(tensor), np.full((N, K), 1.0 / K),
            np.zeros((N, welfare.warm_size(N, K))), shape.preferences, welfare.welfare_workspace(N, K),
            np.zeros((N, K)), np.zeros(K),
        )  # fmt: skip

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        """Round t <= K: arm t. Then the distribution that maximises welfare plus bonus.

        p_i(t) = argmax_p  prod_j sum_k p_k G_i[j,k]  +  alpha sum_k p_k sqrt( ln(N K t) / n_i[i,k] )
        """
        N, K = state.scratch_estimate.shape
        if t <= K:
            for k in range(K):
                p[k] = 1.0 if k == t - 1 else 0.0
            return
        log_rounds = math.log(N * K * t)
        for k in range(K):
            state.scratch_bonus[k] = self.alpha * math.sqrt(log_rounds / state.counts[i, i, k])
        factor = float(N) if self.rescale else 1.0
        averages = state.local_mean if self.no_gossip else state.global_mean
        for j in range(N):
            for k in range(K):
                state.scratch_estimate[j, k] = factor * averages[i, j, k]
        scale = 1.0 / N if self.welfare == "geometric" else 1.0
        if self.solver == "local":
            welfare.climb_with_bonus(
                state.scratch_estimate, state.scratch_bonus, scale, state.policy[i], state.scratch_work
            )
            for k in range(K):
                p[k] = state.policy[i, k]
        else:
            welfare.maximise_with_bonus(
                state.scratch_estimate, state.scratch_bonus, scale, state.warm[i], state.scratch_work, p
            )

    def learn(self, state: State, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Update the pulled arm's column: row i by the reward seen, row j of every present neighbour by a simulated one."""
        take_in(state, i, i, arm, x)
        if not self.no_sim:
            for j in neighbours:
                take_in(state, i, j, arm, x)
