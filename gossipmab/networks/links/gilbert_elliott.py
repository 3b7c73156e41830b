"""Links that fail in bursts.

Source: Gilbert, "Capacity of a burst-noise channel", 1960; Elliott, "Estimates of error rates for codes on burst-noise
channels", 1963.

    symbol    name         meaning
    P(G->B)   failure      probability that a good link is bad in the next round
    P(B->G)   recovery     probability that a bad link is good in the next round
    k, h      when_good, when_bad    probability that a link is present, in either state
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import INDEPENDENT, KEY, LinkProcess, LinkStatistics, Sampler, link_statistics
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Floats
from gossipmab.utils.validation import probability


@dataclass(frozen=True)
class GilbertElliott(LinkProcess):
    """Every link is a Markov chain of its own with the states good and bad, and starts in its stationary law.

    A link is good for 1/failure and bad for 1/recovery rounds on average, in bursts of geometric length. In any one round it
    is present with probability f, whatever the round:

    pi = recovery / (failure + recovery),  f = pi when_good + (1 - pi) when_bad

    Mixing: W_t symmetric, the mean is kept. E[W] and E[W^2] of any one round are those of Erdos-Renyi with p = f; but rounds
    are not independent, so over many rounds disagreement falls more slowly than powers of E[W^2] say, the more so the
    longer the bursts. Numbers a round: E, or 2 E where when_good < 1 or when_bad > 0.
    """

    failure: float
    recovery: float
    when_good: float = 1.0
    when_bad: float = 0.0

    def __post_init__(self) -> None:
        for name in ("failure", "recovery", "when_good", "when_bad"):
            value = probability(f"{KEY}.{name}", getattr(self, name), positive=name in ("failure", "recovery"))
            object.__setattr__(self, name, value)

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
def walk(
    numbers: Floats,
    good: float,
    failure: float,
    recovery: float,
    state: Bytes,
    visited: Bytes,
) -> None:
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
