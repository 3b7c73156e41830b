"""Pareto UCB1 Gossip, and independent Pareto UCB1.

Source: "Multi-Objective Multi-Agent Bandits: From Learning Efficiency to Fairness Optimization", Algorithm 1. The baseline is
Pareto UCB1 (Drugan and Nowe, "Designing multi-objective multi-armed bandits algorithms", 2013), one instance an agent.

    symbol    name           meaning
    n_i[k]    pulls          times agent i has pulled arm k
    L_i       local_mean     agent i's averages of its own rewards
    G_i       global_mean    agent i's estimate of the network's averages, by gossip
    r_i[k]    radius         of arm k, the same in every objective
    C         consensus      bound on the consensus error

Departure: the paper's |A*|, the size of the front, is unknown to the agents; K stands for it, as in public code of
Pareto UCB1. Departure: `pooled = True` divides the squared radius by N, since an average over N agents has N times the
samples.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.objectives import pareto
from gossipmab.utils.elementary import log
from gossipmab.utils.jit import jit_inline
from gossipmab.utils.types import Floats, Integers, class_attributes
from gossipmab.utils.vectors import WIDTH


class State(NamedTuple):
    """pulls: (N, K) counts. local_mean, global_mean, sent_global_mean: (N, K, D), in units of reward.

    order: (N, K) arms by falling rank, where the search for the front starts. scratch_upper: (D, K, up to a multiple of 8).
    """

    pulls: Integers
    local_mean: Floats
    global_mean: Floats
    sent_global_mean: Floats
    order: Integers
    scratch_upper: Floats


@jit_inline
def optimistic_front(state: Any, means: Floats, i: int, t: int, pooling: int, consensus: float, p: Floats) -> None:
    """Uniform on the Pareto front of the upper bounds means[i, k] + r_i[k]; in rounds t = 1..K, arm t.

    r_i[k] = sqrt( 2 ln( t (D K)^(1/4) ) / (pooling n_i[k]) ) + C
    """
    K, D = p.shape[0], means.shape[2]
    if t <= K:
        play_arm(t - 1, p)
        return
    numerator = 2.0 * log(t * math.sqrt(math.sqrt(D * K)))
    radius = p  # until the front is known: K square roots side by side take the time of two
    for k in range(K):
        radius[k] = math.sqrt(numerator / (pooling * state.pulls[i, k])) + consensus
    for d in range(D):
        for c in range(K):
            arm = np.uintp(state.order[i, c])  # unsigned: a signed index costs a test for counting from the end
            state.scratch_upper[d, c] = means[i, arm, d] + radius[arm]
    pareto.uniform_on_front(state.scratch_upper, state.order[i], p)


@class_attributes(title="Pareto UCB1 Gossip", communicates=True)
class ParetoUCBGossip(NamedTuple):
    """Algorithm 1: optimism on the gossip averages.

    >>> environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4)
    >>> int(gm.simulate(gm.ParetoUCBGossip(pooled=True), environment, network, horizon=50, seed=0).messages[-1])
    400
    """

    pooled: Annotated[
        bool, Field(description="divide the squared radius by N, since an average over N agents has N times the samples")
    ] = False
    consensus: Annotated[
        float, Field(ge=0, description="C, added to every radius; it moves the intervals and never the selection")
    ] = 0.0

    def init(self, info: ProblemInfo) -> State:
        """Nothing pulled, all averages 0, arms in the order of their index."""
        N, K, D = info.agents, info.arms, info.objectives
        local, own, sent = np.zeros((3, N, K, D))
        return State(np.zeros((N, K), np.int64), local, own, sent, np.tile(np.arange(K), (N, 1)), np.zeros((D, K + -K % WIDTH)))

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        """Uniform on the front of the upper bounds of G_i."""
        optimistic_front(state, state.global_mean, i, t, len(state.pulls) if self.pooled else 1, self.consensus, p)

    def update(self, state: State, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        """Update L_i of the arm, and add its change to the gossip average.

        L_i(t) = L_i(t-1) + (x - L_i(t-1)) / n_i;  G_i(t) = [gossip of G(t-1)] + L_i(t) - L_i(t-1)
        """
        state.pulls[i, arm] += 1
        for d in range(x.shape[0]):
            before = state.local_mean[i, arm, d]
            after = before + (x[d] - before) / state.pulls[i, arm]
            state.local_mean[i, arm, d] = after
            state.global_mean[i, arm, d] += after - before


@class_attributes(title="Pareto UCB1", init=ParetoUCBGossip.init, update=ParetoUCBGossip.update, communicates=False)
class ParetoUCB(NamedTuple):
    """The baseline: the same rule on the agent's own averages, no messages.

    >>> environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4)
    >>> int(gm.simulate(gm.ParetoUCB(), environment, network, horizon=50, seed=0).messages[-1])
    0
    """

    consensus: Annotated[
        float, Field(ge=0, description="C, added to every radius; it moves the intervals and never the selection")
    ] = 0.0

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        """Uniform on the front of the upper bounds of L_i."""
        optimistic_front(state, state.local_mean, i, t, 1, self.consensus, p)
