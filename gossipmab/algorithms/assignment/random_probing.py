"""Random probing with random assignment: a baseline of Online Fair multi-Agent UCB with Probing.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, "Random P+A". It learns
nothing.

| symbol | name | meaning |
|---|---|---|
| abs(S_t) | `probes` | the fixed number of arms that are probed |

Departure: the paper does not say how many arms it probes; here one, the least that is probing at all.
Departure: a random assignment is one arm for every agent, each with probability 1/K, as in `greedy_probing.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.algorithms.assignment.base import Task
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats, Integers


class State(NamedTuple):
    """Nothing but the number of arms to probe."""

    probes: int


class RandomProbing(NamedTuple):
    """A baseline: probe a fixed number of arms at random, then an arm at random for every agent.

    probes: how many, at most the budget.
    """

    probes: int = 1

    @property
    def warm_start(self) -> str:
        """There is nothing to learn."""
        return "none"

    @property
    def assigns_at_random(self) -> bool:
        """Yes."""
        return True

    def check(self) -> None:
        """Raise InputError where `probes` is negative."""
        if self.probes < 0:
            raise InputError(f"probes: got {self.probes}, allowed is a whole number >= 0")

    def init(self, task: Task) -> State:
        """Raise InputError where more arms would be probed than the budget allows."""
        if self.probes > task.terms.budget:
            raise InputError(f"probes: got {self.probes}, allowed by the budget are at most {task.terms.budget}")
        return State(self.probes)

    def probe(self, state: State, t: int, uniforms: Floats, probed: Integers) -> None:
        """The arms with the `probes` smallest of the uniform numbers."""
        for k in range(probed.shape[0]):
            smaller = 0
            for other in range(probed.shape[0]):
                before = uniforms[other] == uniforms[k] and other < k
                smaller += 1 if uniforms[other] < uniforms[k] or before else 0
            probed[k] = 1 if smaller < state.probes else 0

    def believe(self, state: State, t: int, index: Floats) -> None:
        """Nothing: assignments are random."""

    def learn(self, state: State, j: int, arm: int, x: float) -> None:
        """Nothing."""
