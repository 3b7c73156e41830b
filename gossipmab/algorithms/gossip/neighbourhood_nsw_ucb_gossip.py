"""Simulated NSW UCB Gossip in which an agent tracks only the preferences of those near it; for large networks.

Source: "Multi-Objective Multi-Agent Bandits: From Learning Efficiency to Fairness Optimization", Algorithm 2.

    symbol      name           meaning
    B_i         members        agent i's ball: all within `hops` of it in the base graph, itself included, ascending
    w[j]        preferences    preference vector of agent j
    n_i[j,k]    counts         rewards of arm k that agent i has seen or simulated under j's preferences, j in B_i
    L_i[j,k]    local_mean     their average
    G_i[j,k]    global_mean    agent i's estimate, by gossip, of its average over all whose ball j belongs to
    p_i         policy         the distribution that agent i played last; the solvers start from it
    alpha       alpha          exploration factor

Departure: the paper's agents track the preferences of all, which takes N x N x K numbers. Here agent i tracks those of B_i,
N x B x K in all for balls of B at most, and maximises the welfare of its ball: where the balls are everyone this is the paper's
algorithm, to the bit. Row j is gossiped among those that track it, i taking from a present neighbour the rows that both hold.
Departure: alpha and the solver are as in `simulated_nsw_ucb_gossip`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossipmab.algorithms.gossip.base import Shape
from gossipmab.networks.neighbourhoods import balls, slot_of
from gossipmab.objectives import solvers as welfare
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class Tracked(NamedTuple):
    """counts: (N, B, K). local_mean, global_mean, sent_global_mean: (N, B, K), utilities in [0, 1], 0 beyond a ball's size.

    policy: (N, K). warm: (N, V), what agent i's solver keeps from round to round. preferences: (N, D), known to all.
    known_members: (N, B), slot b of agent i is for agent known_members[i, b]; -1 beyond the ball's size. known_sizes: (N,).
    scratch_work: of the solver. scratch_estimate, scratch_bonus: (B, K) and (K,).
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
    scratch_work: welfare.WelfareWorkspace
    scratch_estimate: Floats
    scratch_bonus: Floats


@jit
def take_in(state: Tracked, i: int, j: int, arm: int, x: Floats) -> None:
    """Take in the reward x (D,) of an arm as agent j would value it, and add the change to the gossip average.

    L_i[j,k] <- L_i[j,k] + (w[j].x - L_i[j,k]) / n_i[j,k];  G_i(t) = [gossip of G(t-1)] + L_i(t) - L_i(t-1)
    """
    slot = slot_of(state.known_members[i], j)
    reward = 0.0
    for d in range(x.shape[0]):
        reward += state.preferences[j, d] * x[d]
    state.counts[i, slot, arm] += 1
    before = state.local_mean[i, slot, arm]
    after = before + (reward - before) / state.counts[i, slot, arm]
    state.local_mean[i, slot, arm] = after
    state.global_mean[i, slot, arm] += after - before


class NeighbourhoodNSWUCBGossip(NamedTuple):
    """Algorithm 2 among neighbours: maximise the welfare of all within some hops, in memory that grows with N times these.

    alpha: exploration factor >= 0. solver: "global" (certified to 1e-8 relative) or "local" (one warm-started climb).
    welfare: "product", or "geometric" (its root by the size of the ball). no_gossip: L_i in place of G_i, no messages.
    hops: the radius of a ball, a whole number >= 1.
    """

    alpha: float = 0.5
    solver: str = "global"
    welfare: str = "product"
    no_gossip: bool = False
    hops: int = 1

    @property
    def estimates(self) -> str:
        """A row of the averages holds the values of the arms to one agent's preferences."""
        return "utilities"

    @property
    def communicates(self) -> bool:
        """Agents send their global averages, unless `no_gossip`."""
        return not self.no_gossip

    def check(self) -> None:
        """Raise InputError where alpha, solver, welfare or hops is out of range."""
        if not (0.0 <= self.alpha < math.inf):
            raise InputError(f"alpha: got {self.alpha}, allowed is a number >= 0")
        if self.solver not in ("global", "local"):
            raise unknown("solver", self.solver, ("global", "local"))
        if self.welfare not in ("product", "geometric"):
            raise unknown("welfare", self.welfare, ("product", "geometric"))
        if self.hops != int(self.hops) or self.hops < 1:
            raise InputError(f"hops: got {self.hops}, allowed is a whole number >= 1")

    def init(self, shape: Shape) -> Tracked:
        """Nothing seen, all averages 0, uniform policies."""
        N, K = shape.agents, shape.arms
        members, sizes = balls(shape.edges, N, self.hops)
        B = members.shape[1]
        tensor = (N, B, K)
        return Tracked(
            np.zeros(tensor, np.int64), np.zeros(tensor), np.zeros(tensor), np.zeros(tensor), np.full((N, K), 1.0 / K),
            np.zeros((N, welfare.warm_size(B, K))), shape.preferences, members, sizes, welfare.welfare_workspace(B, K),
            np.zeros((B, K)), np.zeros(K),
        )  # fmt: skip

    def select(self, state: Tracked, i: int, t: int, p: Floats) -> None:
        """Round t <= K: arm t. Then the distribution that maximises the ball's welfare plus bonus.

        p_i(t) = argmax_p  prod_{j in B_i} sum_k p_k G_i[j,k]  +  alpha sum_k p_k sqrt( ln(N K t) / n_i[i,k] )
        """
        N, K = state.policy.shape
        if t <= K:
            for k in range(K):
                p[k] = 1.0 if k == t - 1 else 0.0
            return
        size, own = state.known_sizes[i], slot_of(state.known_members[i], i)
        log_rounds = math.log(N * K * t)
        for k in range(K):
            state.scratch_bonus[k] = self.alpha * math.sqrt(log_rounds / state.counts[i, own, k])
        averages = state.local_mean if self.no_gossip else state.global_mean
        estimate, room = state.scratch_estimate[:size], state.scratch_work
        for j in range(size):
            for k in range(K):
                estimate[j, k] = averages[i, j, k]
        work = welfare.WelfareWorkspace(room.gains[:size], room.table, room.play)
        scale = 1.0 / size if self.welfare == "geometric" else 1.0
        if self.solver == "local":
            welfare.climb_with_bonus(estimate, state.scratch_bonus, scale, state.policy[i], work)
            for k in range(K):
                p[k] = state.policy[i, k]
        else:
            welfare.maximise_with_bonus(estimate, state.scratch_bonus, scale, state.warm[i], work, p)

    def blend(
        self, state: Tracked, mine: Floats, before: Floats, theirs: Floats, i: int, j: int, weight: float
    ) -> None:
        """Take from agent j's message the rows l of those that both track; w_ij = w_ji keeps the mean of every row.

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

    def learn(self, state: Tracked, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Update the pulled arm's column: row i by the reward seen, row j of every present neighbour by a simulated one."""
        take_in(state, i, i, arm, x)
        for j in neighbours:
            take_in(state, i, j, arm, x)
