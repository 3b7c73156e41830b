"""Greedy probing with random assignment: a baseline of Online Fair multi-Agent UCB with Probing.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, "Greedy P+A".

| symbol | name | meaning |
|---|---|---|
| Fhat, N, muhat | `known` | empirical distributions, counts and averages of all pairs (agent, arm) |

Departure: the paper leaves open what a random assignment is. Here every agent is given one arm, each with probability 1/K, and the
expectation is over these draws too; for the product this is the welfare of the uniform pi.
"""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.algorithms.assignment.base import WARM_STARTS, Task
from gossipmab.algorithms.assignment.empirical import Estimates, estimates, refresh, take_in
from gossipmab.objectives.probing import greedy
from gossipmab.objectives.probing.exhaustive import check_greedy
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats, Integers


class State(NamedTuple):
    """known: what was learnt. overhead: (I + 1,) alpha. power: of the welfare.

    choice, welfare_gain: parameters of Algorithm 1 as numbers. work: its scratch.
    """

    known: Estimates
    overhead: Floats
    power: float
    choice: int
    welfare_gain: bool
    work: greedy.Greedy


class GreedyProbing(NamedTuple):
    """A baseline: the greedy probing of OFMUP, then an arm at random for every agent.

    zeta, choice, gain, bins, warm_start: as there.
    """

    zeta: float = 1.0
    choice: str = "value"
    gain: str = "probed"
    bins: int = 100
    warm_start: str = "rotation"

    @property
    def assigns_at_random(self) -> bool:
        """Yes."""
        return True

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        if not 1 <= self.bins <= 10_000:
            raise InputError(f"bins: got {self.bins}, allowed is a whole number from 1 to 10000")
        if self.warm_start not in WARM_STARTS[:2]:
            raise unknown("warm_start", self.warm_start, WARM_STARTS[:2])
        check_greedy(self.zeta, self.choice, self.gain)

    def init(self, task: Task) -> State:
        """Nothing seen."""
        N, K, terms = task.agents, task.arms, task.terms
        return State(
            estimates(N, K, self.bins), terms.overhead, terms.power, greedy.CHOICES.index(self.choice),
            self.gain == "welfare", greedy.scratch(N, terms.budget, self.bins + 1),
        )  # fmt: skip

    def probe(self, state: State, t: int, uniforms: Floats, probed: Integers) -> None:
        """S_t = Algorithm 1 on the empirical distributions."""
        known = state.known
        levels = refresh(known)
        greedy.probe_greedily(
            known.levels[:levels], known.cdf[:, :, :levels], known.means, state.overhead, state.power, self.zeta,
            state.choice, state.welfare_gain, False, probed, state.work,
        )  # fmt: skip

    def believe(self, state: State, t: int, index: Floats) -> None:
        """Nothing: assignments are random."""

    def learn(self, state: State, j: int, arm: int, x: float) -> None:
        """Update Fhat, N and muhat of the pair."""
        take_in(state.known, j, arm, x)
