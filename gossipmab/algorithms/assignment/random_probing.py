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

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats, Integers, class_attributes


class State(NamedTuple):
    """probes: the number of arms to probe. scratch_uniforms: (K,), one an arm."""

    probes: int
    scratch_uniforms: Floats


@class_attributes(title="Random probing", warm_start="none", assigns_at_random=True)
class RandomProbing(NamedTuple):
    """A baseline: probe a fixed number of arms at random, then an arm at random for every agent.

    >>> gm.RandomProbing(probes=2)
    RandomProbing(probes=2)
    """

    probes: Annotated[int, Field(ge=0, description="arms probed in a round, at most the budget")] = 1

    def init(self, info: ProblemInfo) -> State:
        """Raise InputError where more arms would be probed than the budget allows."""
        if self.probes > info.costs.budget:
            raise InputError(f"probes: got {self.probes}, allowed by the budget are at most {info.costs.budget}")
        return State(self.probes, np.zeros(info.arms))

    def select(self, state: State, t: int, probed: Integers) -> None:
        """The arms with the `probes` smallest of the uniform numbers."""
        uniforms = state.scratch_uniforms
        for k in range(probed.shape[0]):
            smaller = 0
            for other in range(probed.shape[0]):
                before = uniforms[other] == uniforms[k] and other < k
                smaller += 1 if uniforms[other] < uniforms[k] or before else 0
            probed[k] = 1 if smaller < state.probes else 0

    def ucb_index(self, state: State, t: int, index: Floats) -> None:
        """Nothing: assignments are random."""

    def update(self, state: State, j: int, arm: int, x: float) -> None:
        """Nothing."""
