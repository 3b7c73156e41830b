"""Links that fail in bursts.

Source: Gilbert, "Capacity of a burst-noise channel", 1960; Elliott, "Estimates of error rates for codes on burst-noise
channels", 1963.

    symbol    name
    P(G->B)   failure
    P(B->G)   recovery
    k, h      when_good, when_bad
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import INDEPENDENT, KEY, LinkProcess, LinkStatistics, Sampler, link_statistics
from gossipmab.utils.jit import jit
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Bytes, Floats


@dataclass(frozen=True)
class GilbertElliott(LinkProcess):
    """Every link is a Markov chain with the states good and bad, which starts in its stationary distribution.

    A link is good for 1/failure and bad for 1/recovery rounds on average, in bursts of geometric length. In every round it
    is present with probability f:

    pi = recovery / (failure + recovery),  f = pi when_good + (1 - pi) when_bad

    Mixing: W_t symmetric, the mean is kept. E[W] and E[W^2] of any one round are those of Erdos-Renyi with p = f; but rounds
    are not independent, so over many rounds disagreement falls more slowly than powers of E[W^2], the more so the
    longer the bursts. Numbers a round: E, or 2 E if when_good < 1 or when_bad > 0.

    >>> gm.GilbertElliott(failure=0.25, recovery=0.75).good
    0.75
    """

    failure: Annotated[float, Field(gt=0, le=1, description="probability that a good link is bad in the next round")]
    recovery: Annotated[float, Field(gt=0, le=1, description="probability that a bad link is good in the next round")]
    when_good: Annotated[float, Field(ge=0, le=1, description="probability that a good link is present")] = 1.0
    when_bad: Annotated[float, Field(ge=0, le=1, description="probability that a bad link is present")] = 0.0

    def __post_init__(self) -> None:
        check(self, KEY)

    @property
    def good(self) -> float:
        """Pi, the share of rounds in which a link is good."""
        return self.recovery / (self.failure + self.recovery)

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies f."""
        return link_statistics(
            INDEPENDENT, np.full(len(graph.edges), self.good * self.when_good + (1.0 - self.good) * self.when_bad)
        )

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """The chains; their states stay here from block to block."""
        E = len(graph.edges)
        sure = (self.when_good, self.when_bad) == (1.0, 0.0)
        state = np.full(E, 2, np.uint8)  # 2: not yet begun

        def block(rounds: int) -> Bytes:
            numbers = generator.random((rounds, 1 if sure else 2, E))
            present = np.empty((rounds, E), np.uint8)
            walk(numbers[:, 0], self.good, self.failure, self.recovery, state, present)
            if not sure:
                present = (numbers[:, 1] < np.where(present == 1, self.when_good, self.when_bad)).view(np.uint8)
            return present

        return block


@jit
def walk(numbers: Floats, good: float, failure: float, recovery: float, state: Bytes, visited: Bytes) -> None:
    """Take the chains through a block of rounds.

    Args:
        numbers: (B, E) uniform. good: pi. state: (E,) in and out, 1 good, 0 bad, 2 not yet begun. visited: (B, E) out.
    """
    for b in range(numbers.shape[0]):
        for e in range(state.shape[0]):
            u = numbers[b, e]
            becomes_good = good if state[e] == 2 else 1.0 - failure if state[e] == 1 else recovery
            state[e] = 1 if u < becomes_good else 0
            visited[b, e] = state[e]
