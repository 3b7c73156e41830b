"""Random pairs: in every round each agent talks to one other, or to none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import MATCHING, LinkProcess, LinkStatistics, Sampler, link_statistics
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Bytes, Integers

SAMPLED = 2_000_000  # numbers drawn to estimate frequencies without a closed form


@dataclass(frozen=True)
class RandomMatching(LinkProcess):
    """In every round a random maximal matching: links in random order, each taken if both of its ends are still free.

    With weights = "metropolis" a pair averages, w = 1/2; "laplacian" weighs it by 1/N only, which is slow.

    Mixing: W_t symmetric, the mean is kept. With w the weight of a pair and f the frequencies,
    E[W] = I - w Lap_f,  E[W^2] = I - 2 w (1 - w) Lap_f. On the complete graph f = 1/(N-1) for even N, 1/N for odd N; on
    other graphs f is sampled. Numbers a round: E.

    >>> round(gm.Network("complete", agents=6, links=gm.RandomMatching(), weights="metropolis").link_probability, 3)
    0.2
    """

    def link_statistics(self, graph: BaseGraph) -> LinkStatistics:
        """Frequencies in closed form on the complete graph, else over rounds sampled with a fixed seed."""
        N, E = graph.agents, len(graph.edges)
        if 2 * E == N * (N - 1):
            return link_statistics(MATCHING, np.full(E, 1.0 / (N - 1 + N % 2) if N > 1 else 1.0))
        block = self.sampler(graph, np.random.default_rng(0))
        rounds = max(100, min(20_000, SAMPLED // E))
        return link_statistics(MATCHING, block(rounds).mean(axis=0), exact=False)

    def sampler(self, graph: BaseGraph, generator: np.random.Generator) -> Sampler:
        """Independent matchings."""
        E = len(graph.edges)
        busy = np.empty(graph.agents, np.int64)

        def block(rounds: int) -> Bytes:
            order = np.argsort(generator.random((rounds, E)), axis=1, kind="stable")
            present = np.zeros((rounds, E), np.uint8)
            match(graph.edges, order, busy, present)
            return present

        return block


@jit
def match(edges: Integers, order: Integers, busy: Integers, present: Bytes) -> None:
    """Take links greedily in the given order.

    Args:
        edges: (E, 2). order: (B, E) a permutation of the links for every round. busy: (N,) scratch. present: (B, E) out, zeros.
    """
    busy[:] = -1
    for b in range(order.shape[0]):
        for place in range(order.shape[1]):
            e = order[b, place]
            i, j = edges[e, 0], edges[e, 1]
            if busy[i] != b and busy[j] != b:
                busy[i] = busy[j] = b
                present[b, e] = 1
