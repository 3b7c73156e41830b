"""Pareto Thompson sampling with gossip: uniform on the Pareto front of means drawn from what is believed of them."""

import math
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.objectives.pareto import uniform_on_front


class State(NamedTuple):
    """pulls (N, K); averages (N, K, D), own, gossiped, and as sent; scratch: sample (K, D), order (K,), uniforms (2 K D,)."""

    pulls: Any
    local_mean: Any
    global_mean: Any
    sent_global_mean: Any
    scratch_sample: Any
    scratch_order: Any
    scratch_uniforms: Any  # filled by the engine before every `select`: uniform numbers of this agent and round


class ParetoThompsonGossip(NamedTuple):
    """Gaussian beliefs around the gossip averages."""

    scale: Annotated[float, Field(gt=0, description="standard deviation of the belief after one pull")] = 0.5

    @property
    def communicates(self) -> bool:
        """Agents send their averages."""
        return True

    def init(self, info: Any) -> State:
        """Nothing pulled."""
        N, K, D = info.agents, info.arms, info.objectives
        means = np.zeros((3, N, K, D))
        return State(np.zeros((N, K), np.int64), *means, np.zeros((D, K)), np.arange(K), np.zeros(2 * K * D))

    def select(self, state: State, i: int, t: int, p: Any) -> None:
        """theta[k,d] ~ N( G_i[k,d], scale^2 / (1 + n_i[k]) ), by Box and Muller; rounds 1..K: arm t."""
        u, order = state.scratch_uniforms, state.scratch_order
        D, K = state.scratch_sample.shape
        for k in range(K):
            p[k] = 1.0 if k == t - 1 else 0.0
        if t <= K:
            return
        for k in range(K):
            order[k] = k
            spread = self.scale / math.sqrt(1.0 + state.pulls[i, k])
            for d in range(D):
                m = 2 * (k * D + d)
                normal = math.sqrt(-2.0 * math.log(1.0 - u[m])) * math.cos(2.0 * math.pi * u[m + 1])
                state.scratch_sample[d, k] = state.global_mean[i, k, d] + spread * normal
        uniform_on_front(state.scratch_sample, order, p)

    def update(self, state: State, i: int, t: int, arm: int, x: Any, neighbours: Any) -> None:
        """Update the average of the arm, and add its change to the gossip average."""
        state.pulls[i, arm] += 1
        for d in range(x.shape[0]):
            change = (x[d] - state.local_mean[i, arm, d]) / state.pulls[i, arm]
            state.local_mean[i, arm, d] += change
            state.global_mean[i, arm, d] += change
