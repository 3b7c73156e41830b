"""Several graphs in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gossipmab.networks.graphs import base_graph as topology
from gossipmab.networks.graphs.base_graph import BaseGraph
from gossipmab.networks.links.base import KEY, PeriodicLinks, places, repeated_label
from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check
from gossipmab.utils.types import Bytes, Integers


@dataclass(frozen=True)
class Switching(PeriodicLinks):
    """The graphs in turn, each for `hold` rounds, again and again.

    Their union must be connected, not each of them. Agents are matched by label; in a graph whose agents are the numbers
    0..N-1, or have no labels, by number. The default base graph is the union of the graphs.

    Mixing: W_t symmetric, the mean is kept. The spectral facts take the means of W and of W^2 over a period. Numbers a round: none.

    >>> halves = [{"edges": [[0, 1], [2, 3]]}, {"edges": [[1, 2], [3, 0]]}]
    >>> gm.Network(agents=4, links=gm.Switching(halves)).link_probability
    0.5
    """

    graphs: Annotated[Sequence[Any], Field(description="each a base graph as of `Network`, or { edges = [[i, j], ...] }")]
    hold: Annotated[int, Field(ge=1, description="rounds for which each graph stays")] = 1
    _loaded: dict[int | None, list[BaseGraph]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.graphs, (list, tuple)) or not self.graphs:
            raise InputError(f"{KEY}.graphs: allowed is a list of one or more graphs")
        check(self, KEY)

    def _graphs(self, agents: int | None) -> list[BaseGraph]:
        if agents not in self._loaded:
            self._loaded[agents] = [loaded(graph, agents) for graph in self.graphs]
        return self._loaded[agents]

    def default_base(self, agents: int | None) -> Any:
        """The union of the graphs."""
        import networkx as nx

        first, *others = self._graphs(agents)
        union = nx.Graph(name="switching")
        union.add_nodes_from((i, {"label": label}) for i, label in enumerate(first.labels))
        for graph in (first, *others):
            if graph.agents != first.agents:
                what = f"{graph.name!r} has {graph.agents}, {first.name!r} has {first.agents}"
                raise InputError(f"{KEY}.graphs: all must have the same number of agents; {what}")
            union.add_edges_from(matched(graph, first).tolist())
        return union

    def rounds(self, graph: BaseGraph) -> Bytes:
        """(P, E) one period."""
        graphs = self._graphs(graph.agents)
        present = np.zeros((len(graphs), len(graph.edges)), np.uint8)
        for turn, one in enumerate(graphs):
            present[turn, places(graph, matched(one, graph), f"{one.name!r}")] = 1
        return present.repeat(self.hold, axis=0)


def listed(labels: Sequence[str]) -> str:
    """Some labels in words."""
    return ", ".join(map(repr, labels[:5])) + (", ..." if len(labels) > 5 else "")


def loaded(graph: Any, agents: int | None) -> BaseGraph:
    """A graph of the list, connected or not."""
    if isinstance(graph, Mapping) and "edges" in graph:
        import networkx as nx

        made = nx.Graph(name="edges")
        pairs = np.asarray(graph["edges"])
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or pairs.min() < 0 or len(graph) > 1:
            raise InputError(f"{KEY}.graphs: a table of edges is {{ edges = [[i, j], ...] }}, agents from 0 on")
        made.add_nodes_from(range(agents or int(pairs.max()) + 1))
        made.add_edges_from(pairs.tolist())
        graph = made
    try:
        return topology.load(graph, agents, connected=False)
    except InputError as error:
        raise InputError(str(error).replace(topology.KEY, f"{KEY}.graphs", 1)) from None


def matched(graph: BaseGraph, base: BaseGraph) -> Integers:
    """(n, 2) the edges of the graph, i < j, with the base graph's numbers for its agents.

    Raises:
        InputError: its agents have names, and the base graph has others, or two agents of one name.
    """
    if graph.names is None and (base.names is None or set(base.names) != set(graph.labels)):
        return graph.edges
    number = {label: i for i, label in enumerate(base.labels)}
    strange = sorted(set(graph.labels) - set(number))
    if strange:
        what = f"{graph.name!r} has {listed(strange)}, which {base.name!r} has not"
        raise InputError(f"{KEY}.graphs: agents are matched by label, and {what}")
    for one in (graph, base):
        if repeated := repeated_label(one):
            raise InputError(f"{KEY}.graphs: agents are matched by label, and {one.name!r} has two agents {repeated!r}")
    return np.sort(np.array([number[label] for label in graph.labels], np.int64)[graph.edges], axis=1)
