"""A small program of a user's, which mypy --strict must understand by the installed package alone. Nobody imports it."""

from __future__ import annotations

import tempfile
from typing import NamedTuple

import numpy as np

import gossipmab as gm
from gossipmab.utils.types import Floats, Integers


class State(NamedTuple):
    """pulls: (N, K). local_mean, global_mean, sent_global_mean: (N, K, D)."""

    pulls: Integers
    local_mean: Floats
    global_mean: Floats
    sent_global_mean: Floats


class Greedy(NamedTuple):
    """The arm whose objectives add up to the most; each arm once before."""

    weight: float = 1.0

    @property
    def communicates(self) -> bool:
        return True

    def init(self, info: gm.ProblemInfo) -> State:
        local, own, sent = np.zeros((3, info.agents, info.arms, info.objectives))
        return State(np.zeros((info.agents, info.arms), np.int64), local, own, sent)

    def select(self, state: State, i: int, t: int, p: Floats) -> None:
        best, highest = (t - 1) % len(p), -1.0
        if t > len(p):
            for k in range(len(p)):
                total = self.weight * state.global_mean[i, k].sum()
                if total > highest:
                    best, highest = k, total
        p[:] = 0.0
        p[best] = 1.0

    def update(self, state: State, i: int, t: int, arm: int, x: Floats, neighbours: Integers) -> None:
        state.pulls[i, arm] += 1
        for d in range(x.shape[0]):
            change = (x[d] - state.local_mean[i, arm, d]) / state.pulls[i, arm]
            state.local_mean[i, arm, d] += change
            state.global_mean[i, arm, d] += change


def regret(algorithm: gm.ParetoUCBGossip | Greedy, horizon: int) -> float:
    environment = gm.Environment.sample(agents=4, arms=3, objectives=2, seed=0)
    network = gm.Network("ring", agents=4, link_probability=0.5)
    trace: gm.GossipTrace = gm.simulate(algorithm, environment, network, horizon=horizon, seed=0, interpreted=True)
    return float(trace.pareto_regret[-1].sum())


def main() -> None:
    print(regret(Greedy(), 50), regret(gm.ParetoUCBGossip(pooled=True), 50))
    changes = ["experiment.trials=1", "experiment.horizon=50"]
    with tempfile.TemporaryDirectory() as folder:
        results: gm.Results = gm.run("quickstart", out=folder + "/run", workers=1, overrides=changes)
        names: list[str] = [choice.label for choice in results.spec.algorithms]
        print(results.complete, names, len(results.traces))


if __name__ == "__main__":
    main()
