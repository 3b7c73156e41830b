"""The interface of a link process, which determines the links of the base graph that are present in every round.

Links are undirected: in a round, i receives from j if and only if j receives from i. So W_t is symmetric and doubly
stochastic under every weight rule, and every process here keeps the mean: mean_i G_i = mean_i L_i at all times, to rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Bytes, Floats, Integers

Sampler = Callable[[int], Bytes]  # rounds -> (rounds, E): 1 if a link is present, for the next rounds
# rounds -> first (rounds + 1,), listed (m,): of round b the indices listed[first[b] : first[b + 1]] of the links present, ascending
SparseLinkSampler = Callable[[int], tuple[Integers, Integers]]
INDEPENDENT, MATCHING, PERIODIC = "independent", "matching", "periodic"
KEY = "network.links"
CHUNK = 1_000_000  # numbers at a time: 8 MB


class LinkStatistics(NamedTuple):
    """Statistics of a process over one base graph.

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
    """A frozen dataclass of parameters, with these methods. Bad parameters are InputErrors when it is made.

    >>> isinstance(gm.Static(), gm.LinkProcess)
    True
    """

    def default_base(self, agents: int | None) -> Any:
        """The default base graph, as for `base_graph.load`; None if one must be given.

        >>> gm.StochasticBlock(within=0.9, between=0.1).default_base(agents=6)
        'complete'
        """
        return None

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """The frequencies of the links. Raises InputError if the parameters do not fit the base graph.

        >>> gm.ErdosRenyi(0.3).link_statistics(gm.Network("ring", agents=4).graph).frequency
        0.3
        """
        raise NotImplementedError

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """The process from its first round on.

        Every round takes the same count of numbers from the generator, so any split into blocks gives the same links.
        The state of a process from round to round is in the sampler.

        >>> links = gm.ErdosRenyi(0.5).sampler(gm.Network("ring", agents=4).graph, np.random.default_rng(0))
        >>> links(3).shape
        (3, 4)
        """
        raise NotImplementedError

    def sparse_sampler(self, graph: BaseGraph, generator: np.random.Generator) -> SparseLinkSampler | None:
        """The same links from the same numbers as indices, if they are few of many; else None.

        >>> gm.Static().sparse_sampler(gm.Network("ring", agents=4).graph, np.random.default_rng(0)) is None
        True
        """
        return None


def link_statistics(kind: str, frequencies: Floats, exact: bool = True, period: int = 0) -> LinkStatistics:
    """The statistics with the mean frequency: the common value itself, if there is one; 1 without links."""
    same = len(frequencies) == 0 or bool((frequencies == frequencies[0]).all())
    mean = float(frequencies[0] if same else frequencies.mean()) if len(frequencies) else 1.0
    return LinkStatistics(kind, frequencies, mean, exact, period)


class IndependentLinks(LinkProcess):
    """Every link present on its own, with a probability of its own: E numbers a round, none if all are 1."""

    def probabilities(self, graph: BaseGraph) -> Floats:
        """(E,) of every link."""
        raise NotImplementedError

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """The probabilities."""
        return link_statistics(INDEPENDENT, self.probabilities(graph))

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Independent draws."""
        p = self.probabilities(graph)
        return (lambda rounds: np.ones((rounds, len(p)), np.uint8)) if (p == 1.0).all() else bernoulli(generator, p)


class PeriodicLinks(LinkProcess):
    """The same rounds again and again; no numbers."""

    kind: ClassVar[str] = PERIODIC

    def rounds(self, graph: BaseGraph) -> Bytes:
        """(P, E) one period."""
        raise NotImplementedError

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """The share of the period in which a link is present."""
        present = self.rounds(graph)
        return link_statistics(self.kind, present.mean(axis=0), period=len(present))

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """The period, again and again."""
        period, played = self.rounds(graph), 0

        def block(rounds: int) -> Bytes:
            nonlocal played
            played += rounds
            return period[np.arange(played - rounds, played) % len(period)]

        return block


def bernoulli(generator: np.random.Generator, probabilities: Floats) -> Sampler:
    """The sampler of links that are present with these probabilities (E,)."""
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


def repeated_label(graph: BaseGraph, among: Collection[str] | None = None) -> str | None:
    """A label, `among` these, that two agents have; None if there is none."""
    counts = Counter(graph.names or ())
    return next((label for label, count in counts.items() if count > 1 and (among is None or label in among)), None)


def places(graph: BaseGraph, edges: Integers, what: str) -> Integers:
    """(n,) indices of the edges (n, 2), i < j, among those of the base graph; InputError if one is missing."""
    agents = graph.agents
    ours, theirs = (pairs[:, 0] * agents + pairs[:, 1] for pairs in (graph.edges, edges))
    found = np.searchsorted(ours, theirs)
    missing = np.flatnonzero(ours[np.minimum(found, len(ours) - 1)] != theirs) if len(ours) else np.arange(len(theirs))
    if len(missing):
        i, j = (graph.label(agent) for agent in edges[missing[0]])
        raise InputError(f"{KEY}: {what} has a link between {i} and {j}, which the base graph {graph.name!r} has not")
    return found
