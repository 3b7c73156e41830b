"""One peer a round, at distances 1, 2, 4, ... in turn.

Source: Ying, Yuan, Chen, Hu, Pan and Yin, "Exponential graph is provably efficient for decentralized deep training", 2021.
Departure: the paper's links are directed, i to i + 2^k mod N. Ours are undirected, i and i XOR 2^k, so that W_t stays
symmetric; the paper's result holds for these too: for N a power of two, log2 N rounds average exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import KEY, MATCHING, PeriodicLinks, places
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Bytes, Integers


@dataclass(frozen=True)
class OnePeerExponential(PeriodicLinks):
    """In round t the pairs i and i XOR 2^k with k = (t - 1) mod ceil(log2 N); an agent whose peer would be >= N rests.

    With weights = "metropolis" every pair averages, w = 1/2, and for N a power of two the estimates are equal after log2 N
    rounds. Where no base graph is given, it is the union of these pairs (for N a power of two, the hypercube).

    Mixing: W_t symmetric, the mean is kept. Over a period, with f = 1/ceil(log2 N) for these pairs and 0 for other links,
    the mean of W is I - w Lap_f and that of W^2 is I - 2 w (1 - w) Lap_f. Numbers a round: none.

    >>> len(gm.Network(agents=8, links=gm.OnePeerExponential(), weights="metropolis").edges)
    12
    """

    kind = MATCHING

    def default_base(self, agents: int | None) -> Any:
        """The union of all pairs."""
        import networkx as nx

        if agents is None:
            raise InputError(f"{KEY}: one_peer_exponential is made for any number of agents, so give agents")
        graph = nx.Graph(name="one_peer_exponential")
        graph.add_nodes_from(range(agents))
        graph.add_edges_from((i, j) for pairs in turns(agents) for i, j in pairs.tolist())
        return graph

    def rounds(self, graph: BaseGraph) -> Bytes:
        """(period, E) one period."""
        pairs = turns(graph.agents)
        present = np.zeros((len(pairs), len(graph.edges)), np.uint8)
        for k, edges in enumerate(pairs):
            present[k, places(graph, edges, "one_peer_exponential")] = 1
        return present


def turns(agents: int) -> list[Integers]:
    """The pairs (n, 2), i < j, of every distance 2^k < N; one empty list for a single agent."""
    i = np.arange(agents)
    pairs = [np.column_stack([i, i ^ (1 << k)]) for k in range(max(1, (agents - 1).bit_length()))]
    return [two[(two[:, 0] < two[:, 1]) & (two[:, 1] < agents)] for two in pairs]
