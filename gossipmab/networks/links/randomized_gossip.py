"""Randomised gossip: one pair of agents a round.

Source: Boyd, Ghosh, Prabhakar and Shah, "Randomized gossip algorithms", 2006 (the asynchronous model: one round here is one
tick of its clock; the agent that wakes chooses among its neighbours uniformly).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import MATCHING, LinkProcess, LinkStatistics, Sampler, link_statistics
from gossipmab.utils.types import Bytes


@dataclass(frozen=True)
class RandomizedGossip(LinkProcess):
    """In every round one agent wakes, uniformly at random, and talks to one of its neighbours in G0, uniformly at random.

    With weights = "metropolis" the pair averages, as in the paper, w = 1/2; "laplacian" weighs it by 1/N only.

    f_ij = (1/N) (1/deg(i) + 1/deg(j))

    Mixing: W_t symmetric, the mean is kept. E[W] = I - w Lap_f,  E[W^2] = I - 2 w (1 - w) Lap_f. Numbers a round: 2.

    >>> gm.Network("ring", agents=4, links=gm.RandomizedGossip(), weights="metropolis").link_probability
    0.25
    """

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies f_ij."""
        N = graph.agents
        degrees = np.bincount(graph.edges.ravel(), minlength=N)
        return link_statistics(MATCHING, (1.0 / degrees[graph.edges]).sum(axis=1) / N)

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Independent pairs."""
        N, E = graph.agents, len(graph.edges)
        degrees = np.bincount(graph.edges.ravel(), minlength=N)
        first = np.cumsum(degrees) - degrees
        incident = np.argsort(graph.edges.ravel(), kind="stable") // 2  # the links of agent i begin at first[i]

        def block(rounds: int) -> Bytes:
            numbers = generator.random((rounds, 2))
            present = np.zeros((rounds, E), np.uint8)
            if E:
                i = (numbers[:, 0] * N).astype(np.int64)
                chosen = first[i] + (numbers[:, 1] * degrees[i]).astype(np.int64)
                present[np.arange(rounds), incident[chosen]] = 1
            return present

        return block
