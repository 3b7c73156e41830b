"""Simulated NSW UCB Gossip, its ablations, and its form for large networks.

Source: "Multi-Objective Multi-Agent Bandits: From Learning Efficiency to Fairness Optimization", Algorithm 2, which builds
on the UCB algorithm of Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021.

    symbol      name           meaning
    B_i         members        the agents whose preferences agent i tracks: all, or its ball in the base graph
    w[j]        preferences    preference vector of agent j
    n_i[j,k]    counts         rewards of arm k that agent i has seen or simulated under j's preferences, j in B_i
    L_i[j,k]    local_mean     their average
    G_i[j,k]    global_mean    agent i's estimate of the average over all that track j, by gossip
    p_i         policy         the distribution that agent i played last; the solvers start from it
    alpha       alpha          exploration factor

Departure: alpha is a number given, default 0.5; the paper's value was lost. Departure: the objective is maximised globally,
with a certificate (`solver = "global"`), where public code runs one local search, as `solver = "local"` does.
Departure: the paper's agents track the preferences of all, which takes N x N x K numbers. With `hops` > 0 agent i tracks those
within so many hops of it in the base graph, itself included, and maximises the welfare of these; row j is gossiped among those
that track it, i mixing from a present neighbour the rows that both hold.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.networks.neighbourhoods import balls, slot_of
from gossipmab.objectives.solvers.bonus_global import warm_size
from gossipmab.objectives.solvers.bonus_local import maximise_bonus
from gossipmab.objectives.solvers.linalg import utility
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace, welfare_workspace
from gossipmab.utils.elementary import log
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers, class_attributes


class State(NamedTuple):
    """counts: (N, B, K). local_mean, global_mean, sent_global_mean: (N, B, K), utilities in [0, 1], 0 beyond a ball's size.

    policy: (N, K). warm: (N, V), what agent i's solver keeps from round to round. preferences: (N, D), known to all.
    known_members: (N, B), row b of agent i is for agent known_members[i, b], ascending, then -1; (0, 0) if row j is agent j's.
    known_sizes: (N,) agents in each ball. scratch_work: of the solver. scratch_estimate, scratch_bonus: (B, K) and (K,).
    """

    counts: Integers
    local_mean: Floats
    global_mean: Floats
    sent_global_mean: Floats
    policy: Floats
    warm: Floats
    preferences: Floats
    known_members: Integers
    known_sizes: Integers
    scratch_work: WelfareWorkspace
    scratch_estimate: Floats
    scratch_bonus: Floats


@jit
def row_of(state: State, i: int, j: int) -> int:
    """The row in which agent i holds what it knows under agent j's preferences."""
    return j if state.known_members.shape[0] == 0 else slot_of(state.known_members[i], j)


@jit
def update_mean(state: State, i: int, j: int, arm: int, x: Floats) -> None:
    """Average the reward x (D,) of an arm as agent j values it, and add the change to the gossip average.

    L_i[j,k] <- L_i[j,k] + (w[j].x - L_i[j,k]) / n_i[j,k];  G_i(t) = [gossip of G(t-1)] + L_i(t) - L_i(t-1)
    """
    row = row_of(state, i, j)
    reward = utility(state.preferences, j, x)
    state.counts[i, row, arm] += 1
    before = state.local_mean[i, row, arm]
    after = before + (reward - before) / state.counts[i, row, arm]
    state.local_mean[i, row, arm] = after
    state.global_mean[i, row, arm] += after - before


@class_attributes(title="Simulated NSW UCB Gossip", estimates="utilities")
class SimulatedNSWUCBGossip(NamedTuple):
    """Algorithm 2: maximise the Nash social welfare of the gossip averages plus an exploration bonus.

    >>> gm.SimulatedNSWUCBGossip(hops=2).blends, gm.SimulatedNSWUCBGossip(no_gossip=True).communicates
    (True, False)
    """

    alpha: Annotated[float, Field(ge=0, description="exploration factor")] = 0.5
    solver: Annotated[Literal["global", "local"], Field(description="certified to 1e-8 relative, or one warm-started climb")] = (
        "global"
    )
    welfare: Annotated[
        Literal["product", "geometric"], Field(description="the product of utilities, or its root by the number of agents tracked")
    ] = "product"
    no_gossip: Annotated[bool, Field(description="ablation: L_i in place of G_i in the objective, no messages")] = False
    no_sim: Annotated[bool, Field(description="ablation: an agent learns its own row only, no simulated rewards")] = False
    rescale: Annotated[bool, Field(description="multiply row j by the number of agents that track j, the fairer no_sim")] = False
    hops: Annotated[int, Field(ge=0, description="track the preferences of the agents within so many hops; 0: of all agents")] = 0

    @property
    def communicates(self) -> bool:
        """Agents send their global averages, unless `no_gossip`."""
        return not self.no_gossip

    @property
    def blends(self) -> bool:
        """Agents track different rows if these are those within some hops."""
        return self.hops > 0

    def init(self, info: ProblemInfo) -> State:
        """Nothing seen, all averages 0, uniform policies."""
        N, K = info.agents, info.arms
        members, sizes = np.zeros((0, 0), np.int64), np.full(N, N)
        if self.hops > 0:
            members, sizes = balls(info.edges, N, self.hops)
        B = members.shape[1] or N
        tensor = (N, B, K)
        return State(
            np.zeros(tensor, np.int64), np.zeros(tensor), np.zeros(tensor), np.zeros(tensor), np.full((N, K), 1.0 / K),
            np.zeros((N, warm_size(B, K))), info.preferences, members, sizes, welfare_workspace(B, K),
            np.zeros((B, K)), np.zeros(K),
        )  # fmt: skip

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        """Round t <= K: arm t. Then the distribution that maximises welfare plus bonus.

        p_i(t) = argmax_p  prod_{j in B_i} sum_k p_k G_i[j,k]  +  alpha sum_k p_k sqrt( ln(N K t) / n_i[i,k] )
        """
        N, K = state.policy.shape
        if t <= K:
            play_arm(t - 1, p)
            return
        size, own = state.known_sizes[i], row_of(state, i, i)
        log_rounds = log(float(N * K * t))
        for k in range(K):
            state.scratch_bonus[k] = self.alpha * math.sqrt(log_rounds / state.counts[i, own, k])
        averages = state.local_mean if self.no_gossip else state.global_mean
        estimate, room = state.scratch_estimate[:size], state.scratch_work
        for row in range(size):
            j = row if self.hops == 0 else state.known_members[i, row]
            factor = float(state.known_sizes[j]) if self.rescale else 1.0
            for k in range(K):
                estimate[row, k] = factor * averages[i, row, k]
        work = WelfareWorkspace(room.gains[:size], room.table, room.play)
        maximise_bonus(estimate, state.scratch_bonus, self.solver, self.welfare, state.policy[i], state.warm[i], work, p)

    def blend(self, state: State, mine: Floats, before: Floats, theirs: Floats, i: int, j: int, weight: float) -> None:
        """Mix from agent j's message the rows l that both track; w_ij = w_ji keeps the mean of every row.

        G_i[l] <- G_i[l] + w_ij ( G_j[l](t-1) - G_i[l](t-1) ),  l in B_i and B_j
        """
        K = state.policy.shape[1]
        ours, others = state.known_members[i], state.known_members[j]
        a, b = 0, 0
        while a < state.known_sizes[i] and b < state.known_sizes[j]:
            if ours[a] == others[b]:
                for k in range(K):
                    mine[a * K + k] += weight * (theirs[b * K + k] - before[a * K + k])
                a, b = a + 1, b + 1
            elif ours[a] < others[b]:
                a += 1
            else:
                b += 1

    def update(self, state: State, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Update the pulled arm's column: row i by the reward seen, row j of every present neighbour by a simulated one."""
        update_mean(state, i, i, arm, x)
        if not self.no_sim:
            for j in neighbours:
                update_mean(state, i, j, arm, x)
