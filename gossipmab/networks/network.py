"""The network: a connected base graph G0, the random graph G_t of every round, and the mixing weights W_t.

A link process (`gossipmab.networks.links`) decides which links of G0 are present in round t; by default Erdos-Renyi: each
independently with probability p. The mixing matrix W_t is symmetric and doubly stochastic: a present edge {i, j} has weight
w_ij > 0, an absent one 0, and every agent keeps the rest for itself.

    laplacian         w_ij = 1 / N, so that W_t = I - Lap(G_t) / N
    max_degree        w_ij = 1 / (1 + Delta), Delta the largest degree of G0
    metropolis        w_ij = 1 / (1 + max(deg_i, deg_j)), degrees in G_t
    lazy_metropolis   w_ij = 1 / (2 (1 + max(deg_i, deg_j))): half of metropolis, so that every w_ii >= 1/2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gossipmab.networks import spectral as spectrum
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.networks.failures import Failures, FailureSampler, made
from gossipmab.networks.graphs import base_graph as topology
from gossipmab.networks.links import ErdosRenyi, LinkProcess, LinkStatistics, Sampler, SparseLinkSampler, process_of
from gossipmab.networks.mixing import WEIGHT_RULES, edge_weights
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.notebook import html_table, plotted
from gossipmab.utils.parameters import suggesting_arguments
from gossipmab.utils.types import Bytes, Floats, Integers

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes

T = TypeVar("T")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Network:
    """A base graph with its link process and its mixing weights. Arrays are read-only.

    >>> gm.Network("ring", agents=4, link_probability=0.5, weights="metropolis")
    Network('ring', agents=4, edges=4, link_probability=0.5, weights='metropolis')

    Attributes:
        name: of the base graph.
        description: one line about it, or "".
        agents: N.
        names: (N,) of the agents, or None if they have none but their numbers; `labels` gives them in either case.
        edges: (E, 2) int64, every edge once as (i, j) with i < j, in lexicographic order.
        degrees: (N,) int64, degrees in G0.
        offsets: (N + 1,) int64; agent i's neighbours are listed from offsets[i] on, with room for deg(i) of them.
        process: the link process.
        link_statistics: frequencies of the links of this base graph.
        link_probability: p in (0, 1], the mean frequency of the links; for Erdos-Renyi, their probability.
        weights: the name of the weight rule.
        weight_rule: its code in WEIGHT_RULES, for compiled code.
        failures: failures of agents and messages, or None.
        communication: the communication budget, or None.
        constant_weight: 1/N for laplacian, 1/(1 + Delta) for max_degree, 0.0 if the weight depends on the round.
    """

    name: str
    description: str
    agents: int
    names: tuple[str, ...] | None
    edges: Integers
    degrees: Integers
    offsets: Integers
    process: LinkProcess
    link_statistics: LinkStatistics
    link_probability: float
    weights: str
    weight_rule: int
    constant_weight: float
    failures: Failures | None
    communication: CommunicationBudget | None

    @suggesting_arguments
    def __init__(
        self,
        base: str | Path | Mapping[str, Any] | nx.Graph | None = None,
        agents: int | None = None,
        link_probability: float = 1.0,
        weights: str = "laplacian",
        links: str | Mapping[str, Any] | LinkProcess | None = None,
        failures: Mapping[str, Any] | Failures | None = None,
        communication: Mapping[str, Any] | CommunicationBudget | None = None,
    ) -> None:
        """Load and check the base graph.

        Args:
            base: a shipped name; a path to .toml, .edges or .graphml; {"generator": name, parameters}; an nx.Graph.
                May be left out if the link process has a default base graph.
            agents: N; may be left out if the base fixes it, and must agree with it.
            link_probability: p in (0, 1], of Erdos-Renyi links.
            weights: "laplacian", "max_degree", "metropolis" or "lazy_metropolis".
            links: the link process: an object such as `GilbertElliott(0.1, 0.4)`, a name, or {"process": name, parameters}.
            failures: a `Failures` or a table of its parameters.
            communication: a `CommunicationBudget` or a table of its parameters.

        Raises:
            InputError: one line that names the key; see `gossipmab.networks.graphs.base_graph.load`.
        """
        process = process_of(links, link_probability)
        if weights not in WEIGHT_RULES:
            raise unknown("network.weights", weights, WEIGHT_RULES)
        base = process.default_base(agents) if base is None else base
        if base is None:
            raise InputError("network.base is required and not given")
        graph = topology.load(base, agents)
        link_statistics = process.link_statistics(graph)
        if link_statistics.frequency == 0.0:
            raise InputError("network.links: no link is ever present; leave the messages out instead")
        n, edges = graph.agents, graph.edges
        degrees = np.bincount(edges.ravel(), minlength=n).astype(np.int64)
        constants = {"laplacian": 1.0 / n, "max_degree": 1.0 / (1.0 + float(degrees.max()))}
        values: dict[str, Any] = {
            "name": graph.name, "description": graph.description, "agents": n, "names": graph.names, "edges": edges,
            "degrees": degrees, "offsets": np.append(0, np.cumsum(degrees)), "process": process,
            "link_statistics": link_statistics, "link_probability": link_statistics.frequency, "weights": weights,
            "weight_rule": WEIGHT_RULES[weights], "constant_weight": constants.get(weights, 0.0),
            "failures": _one(Failures, failures, "network.failures"),
            "communication": _one(CommunicationBudget, communication, "network.communication"),
        }  # fmt: skip
        if values["failures"] is not None:
            values["failures"].check_agents(n)
            if not values["failures"].keeps_mean and getattr(values["communication"], "top_k", None) is not None:
                raise InputError("network.communication.top_k: not with failures that do not keep the mean (see Failures)")
        self.__setstate__(values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set the attributes, arrays read-only: also after a copy came from another process."""
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        self.__dict__.update(state)

    def __repr__(self) -> str:
        links = "" if isinstance(self.process, ErdosRenyi) else f", links={type(self.process).__name__}"
        return (
            f"Network({self.name!r}, agents={self.agents}, edges={len(self.edges)}, "
            f"link_probability={self.link_probability}, weights={self.weights!r}{links})"
        )

    def _repr_html_(self) -> str:
        degrees = self.degrees
        facts = {"agents": self.agents, "edges": len(self.edges), "degrees": f"{degrees.min()} to {degrees.max()}"}
        facts |= {"links": type(self.process).__name__, "link probability": self.link_probability, "weights": self.weights}
        unreliable = {"failures": self.failures, "communication": self.communication}
        return html_table(f"Network {self.name}", (facts | {key: one for key, one in unreliable.items() if one}).items())

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """(N,) the names of the agents."""
        return self.graph.labels

    @property
    def graph(self) -> topology.BaseGraph:
        """The base graph as link processes take it."""
        return topology.BaseGraph(self.name, self.description, self.agents, self.edges, self.names)

    def link_sampler(self, generator: np.random.Generator) -> Sampler:
        """The link process from its first round on: a function from a count of rounds to the links (rounds, E) of the next.

        They are uint8, 1 if the link is present. Any split into blocks gives the same links.

        >>> gm.Network("ring", agents=4).link_sampler(np.random.default_rng(0))(2).tolist()
        [[1, 1, 1, 1], [1, 1, 1, 1]]
        """
        return self.process.sampler(self.graph, generator)

    def sparse_link_sampler(self, generator: np.random.Generator) -> SparseLinkSampler | None:
        """The same links as of `link_sampler` as indices, if the process draws few of many; else None.

        >>> gm.Network("ring", agents=4).sparse_link_sampler(np.random.default_rng(0)) is None
        True
        """
        return self.process.sparse_sampler(self.graph, generator)

    def failure_sampler(self, generator: np.random.Generator) -> FailureSampler:
        """The failures of agents and messages from the first round on, a function of the links (rounds, E) of the next rounds.

        >>> failing = gm.Network("ring", agents=4, failures=gm.Failures(message_loss=0.1))
        >>> type(failing.failure_sampler(np.random.default_rng(0))).__name__
        'FailureSampler'
        """
        period = self.communication.period if self.communication is not None else 1
        return FailureSampler(self.failures or Failures(), self.graph, generator, period)

    def mixing_matrix(self, present: Bytes) -> Floats:
        """(N, N) float64: W_t for the links `present` (E,), in plain NumPy; the rounds themselves never build it.

        >>> gm.Network("ring", agents=4).mixing_matrix([1, 0, 0, 0])[0].tolist()
        [0.75, 0.25, 0.0, 0.0]
        """
        w = edge_weights(self.edges, self.agents, np.asarray(present), self.weights, self.constant_weight)
        return spectrum.dense_of(self.edges, self.agents, w)

    @cached_property
    def algebraic_connectivity(self) -> float:
        """lambda_{N-1}(Lap(G0)), the second smallest Laplacian eigenvalue; inf for N = 1, which has no such eigenvalue.

        Rounded to about 1e-12 of the largest eigenvalue, so that the threads of the linear algebra never show.
        """
        return spectrum.rounded(*spectrum.laplacian_range(self.edges, self.agents))

    def facts(self) -> spectrum.Facts:
        """Properties of base graph, link process and weights: degrees, diameter, spectral gaps; nothing of failures.

        >>> facts = gm.Network("ring", agents=4).facts()
        >>> facts.diameter, round(facts.spectral_gap, 6)
        (2, 0.5)
        """
        if "_facts" not in self.__dict__:
            found = spectrum.facts(self.process, self.link_statistics, self.graph, self.weights, self.constant_weight)
            self.__dict__["_facts"] = found
        return self.__dict__["_facts"]  # type: ignore[no-any-return]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the base graph; the axes.

        ax: the axes; by default those of a new figure, which a notebook shows at the end of the cell.

        >>> ax = gm.Network("ring", agents=4).plot()
        >>> ax.figure.savefig("ring.png")

        Raises:
            InputError: more than 2,000 agents or 20,000 links.
        """
        return plotted("plot_network", self, ax)  # type: ignore[no-any-return]

    def to_networkx(self) -> nx.Graph:
        """The base graph with nodes 0..N-1, each with its `label`.

        >>> gm.Network("ring", agents=4).to_networkx().number_of_edges()
        4
        """
        import networkx as nx

        graph = nx.Graph(name=self.name)
        graph.add_nodes_from((i, {"label": label}) for i, label in enumerate(self.labels))
        graph.add_edges_from(self.edges.tolist())
        return graph


def _one(kind: type[T], given: Any, key: str) -> T | None:
    """The object itself, or that of a table of parameters."""
    return given if given is None or isinstance(given, kind) else made(kind, given, key)
