"""Groups of agents that meet often within and seldom between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import (
    INDEPENDENT,
    KEY,
    LinkProcess,
    LinkStatistics,
    Sampler,
    bernoulli,
    link_statistics,
)
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats, Integers
from gossipmab.utils.validation import probability, whole_number


@dataclass(frozen=True, eq=False)
class StochasticBlock(LinkProcess):
    """A link is present with probability `within` or `between`, by whether its ends are in one group; all independent.

    within, between: in [0, 1]; with between = 0 the groups never agree.
    groups: how many, of sizes as equal as can be, or a list of their sizes; agents belong to them in order of index.
    Where no base graph is given, it is the complete one.

    Mixing: W_t symmetric, the mean is kept. E[W] and E[W^2] as for Erdos-Renyi with these probabilities. Numbers a round: E.
    """

    within: float
    between: float
    groups: Any = 2

    def __post_init__(self) -> None:
        for name in ("within", "between"):
            object.__setattr__(self, name, probability(f"{KEY}.{name}", getattr(self, name)))
        sizes = self.groups if isinstance(self.groups, (list, tuple, np.ndarray)) else [self.groups]
        if not len(sizes):
            raise InputError(f"{KEY}.groups: got an empty list, allowed are a number of groups or their sizes")
        for size in sizes:
            whole_number(f"{KEY}.groups", size)

    def default_base(self, agents: int | None) -> Any:
        """The complete graph."""
        return "complete"

    def group_of(self, agents: int) -> Integers:
        """(N,) the group of every agent."""
        if isinstance(self.groups, (list, tuple, np.ndarray)):
            sizes = [int(size) for size in self.groups]
            if sum(sizes) != agents:
                raise InputError(f"{KEY}.groups: sizes {sizes} sum to {sum(sizes)}, but there are {agents} agents")
        else:
            if self.groups > agents:
                raise InputError(f"{KEY}.groups: got {self.groups}, allowed are at most {agents}, one an agent")
            sizes = [len(part) for part in np.array_split(np.arange(agents), self.groups)]
        return np.repeat(np.arange(len(sizes)), sizes)

    def _probabilities(self, graph: BaseGraph) -> Floats:
        group = self.group_of(graph.agents)[graph.edges]
        return np.where(group[:, 0] == group[:, 1], self.within, self.between)

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies `within` and `between`."""
        return link_statistics(INDEPENDENT, self._probabilities(graph))

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Independent draws."""
        return bernoulli(generator, self._probabilities(graph))
