"""All links, always."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import INDEPENDENT, LinkProcess, LinkStatistics, Sampler, link_statistics


@dataclass(frozen=True)
class Static(LinkProcess):
    """Every link of the base graph is present in every round: G_t = G0.

    Mixing: W_t = W doubly stochastic, the mean is kept. E[W] = W, E[W^2] = W^2. Numbers a round: none.
    """

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies 1."""
        return link_statistics(INDEPENDENT, np.ones(len(graph.edges)))

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Ones."""
        return lambda rounds: np.ones((rounds, len(graph.edges)), np.uint8)
