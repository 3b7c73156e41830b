"""What a link process is: it says which links of the base graph are present in every round.

Links are undirected: in a round, i hears j if and only if j hears i. So W_t is symmetric and doubly stochastic under every
weight rule, and every process here keeps the mean: mean_i G_i = mean_i L_i at all times, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Bytes, Floats, Integers

Sampler = Callable[[int], Bytes]  # rounds -> (rounds, E): 1 where a link is present, of the rounds that come next
# rounds -> first (rounds + 1,), listed (m,): of round b the indices listed[first[b] : first[b + 1]] of the links present, ascending
SparseLinkSampler = Callable[[int], tuple[Integers, Integers]]
INDEPENDENT, MATCHING, PERIODIC = "independent", "matching", "periodic"
KEY = "network.links"
CHUNK = 1_000_000  # numbers at a time: 8 MB


class LinkStatistics(NamedTuple):
    """What is known of a process over one base graph.

    kind: "independent", in any one round the links are independent of each other; "matching", no agent has two links in
    a round; "periodic", the rounds repeat after `period` of them.
    frequencies: (E,) the share of rounds, in the long run, in which each link is present; exact, or from sampled rounds.
    frequency: their mean.
    """

    kind: str
    frequencies: Floats
    frequency: float
    exact: bool = True
    period: int = 0


class LinkProcess:
    """A frozen dataclass of parameters, with these methods. Bad parameters are InputErrors when it is made."""

    def default_base(self, agents: int | None) -> Any:
        """What serves as base graph where none is given, as `topology.load` takes it; None where one must be given."""
        return None

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """What is known of it. Raises InputError where the parameters do not fit the base graph."""
        raise NotImplementedError

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """The process from its first round on.

        Every round takes the same count of numbers from the generator, so any split into blocks gives the same links.
        What a process remembers from round to round lives in the sampler.
        """
        raise NotImplementedError

    def sparse_sampler(self, graph: BaseGraph, generator: np.random.Generator) -> SparseLinkSampler | None:
        """The links that `sampler` gives, from the same numbers, listed: where they are few of many; else None."""
        return None


def link_statistics(kind: str, frequencies: Floats, exact: bool = True, period: int = 0) -> LinkStatistics:
    """The law with its mean frequency: the common value itself, where there is one; 1 where there are no links."""
    same = len(frequencies) == 0 or bool((frequencies == frequencies[0]).all())
    mean = float(frequencies[0] if same else frequencies.mean()) if len(frequencies) else 1.0
    return LinkStatistics(kind, frequencies, mean, exact, period)


def bernoulli(generator: np.random.Generator, probabilities: Floats) -> Sampler:
    """Every link present on its own, with its probability: E numbers a round."""
    same = len(probabilities) > 0 and bool((probabilities == probabilities[0]).all())
    limit: Any = float(probabilities[0]) if same else probabilities  # one number is compared with twice as fast
    several = max(1, CHUNK // max(1, len(probabilities)))
    numbers = np.empty((several, len(probabilities)))  # pages are touched when they are drawn into

    def block(rounds: int) -> Bytes:
        present = np.empty((rounds, len(probabilities)), np.bool_)
        for begin in range(0, rounds, several):
            rows = present[begin : begin + several]
            np.less(generator.random(out=numbers[: len(rows)]), limit, out=rows)
        return present.view(np.uint8)

    return block


def repeated(period: Bytes) -> Sampler:
    """The rounds of `period` (P, E), again and again."""
    played = 0

    def block(rounds: int) -> Bytes:
        nonlocal played
        present = period[np.arange(played, played + rounds) % len(period)]
        played += rounds
        return present

    return block


def places(graph: BaseGraph, edges: Integers, what: str) -> Integers:
    """(n,) where the edges (n, 2), i < j, stand among those of the base graph; InputError where one does not."""
    agents = graph.agents
    ours, theirs = (pairs[:, 0] * agents + pairs[:, 1] for pairs in (graph.edges, edges))
    found = np.searchsorted(ours, theirs)
    missing = np.flatnonzero(ours[np.minimum(found, len(ours) - 1)] != theirs) if len(ours) else np.arange(len(theirs))
    if len(missing):
        i, j = (graph.label(agent) for agent in edges[missing[0]])
        raise InputError(f"{KEY}: {what} has a link between {i} and {j}, which the base graph {graph.name!r} has not")
    return found
