"""The sources of base graphs: shipped names, files, generators, networkx graphs; and their checks.

Agents are numbered 0..N-1. Integer nodes are numbered in ascending order. Other nodes keep the order in which the
generator, the graph or the GraphML file lists them; in an edge list, which lists none, they are sorted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.networks.graphs import edge_list as edge_files
from gossipmab.networks.graphs.edge_array import (
    KEY,
    LARGEST_NUMBER,
    EdgeArray,
    edges_of,
    fault_of_name,
    keys_of,
    refuse_giant,
    short,
    wrong,
)
from gossipmab.networks.graphs.generators import generate
from gossipmab.networks.graphs.readers import SUFFIXES, description, graphml, toml
from gossipmab.utils.errors import unknown
from gossipmab.utils.resources import resolve, shipped_files
from gossipmab.utils.types import Integers
from gossipmab.utils.validation import whole_number

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["KEY", "SUFFIXES", "BaseGraph", "list_topologies", "load", "read"]
LINES = re.compile(r"[\t\r\n]+")
TOML_KEYS = ("description", "generator", "parameters")


class BaseGraph(NamedTuple):
    """A connected simple graph. edges: (E, 2) int64, sorted, i < j. names: (N,) of the agents, None for their numbers."""

    name: str
    description: str
    agents: int
    edges: Integers
    names: tuple[str, ...] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """(N,) the names of the agents, made anew at every call if they are numbers."""
        return self.names or tuple(map(str, range(self.agents)))

    def label(self, agent: int) -> str:
        """The name of one agent."""
        return self.names[agent] if self.names else str(agent)


def load(base: str | Path | Mapping[str, Any] | nx.Graph, agents: int | None = None, connected: bool = True) -> BaseGraph:
    """The base graph that `base` describes, checked.

    Args:
        base: a shipped name; a path to .toml, .edges or .graphml; {"generator": name, parameters}; a networkx graph.
        agents: N; None: as the base graph has.
        connected: whether it must be.

    Raises:
        InputError: no such name or file; a malformed file; a generator's wrong parameters; a graph that is empty,
            directed, disconnected, has a self-loop or a repeated edge, or another number of nodes than `agents`; more than
            a million agents or ten million edges.
    """
    agents = _agents(agents)
    line = ""
    if isinstance(base, Mapping):
        name = str(base.get("generator"))
        graph = generate(base.get("generator"), {k: v for k, v in base.items() if k != "generator"}, agents)
    elif isinstance(base, (str, Path)):
        path = resolve(base, "topologies", SUFFIXES, KEY)
        name, graph, line = path.stem, read(path, agents), description(path)
    elif hasattr(base, "is_directed") and hasattr(base, "nodes"):
        name, graph = str(base.name) or "graph", base
    else:
        raise wrong(f"{short(base)} is not a name, a file, a table with a generator, or a networkx graph")
    plain = graph if isinstance(graph, EdgeArray) else _plain(graph, name)
    _check(plain, name, agents, connected)
    return BaseGraph(name, line, plain.agents, plain.edges, plain.names)


def list_topologies() -> dict[str, tuple[Path, str]]:
    """Name -> (path, one line about it) of every shipped base graph, sorted by name."""
    return {name: (path, description(path)) for name, path in shipped_files("topologies", SUFFIXES).items()}


def read(path: Path, agents: int | None) -> EdgeArray | nx.Graph:
    """The graph of a topology file, not yet checked."""
    suffix = path.suffix.lower()
    if suffix == ".edges":
        return edge_files.read(path)
    if suffix == ".graphml":
        return graphml(path)
    table = toml(path)
    for key in table:
        if key not in TOML_KEYS:
            raise unknown(f"{KEY}: key in {path.name}", key[:100], TOML_KEYS)
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise wrong(f"parameters = {short(parameters)} in {path.name} must be a table")
    return generate(table.get("generator"), parameters, agents, path.stem)


def _agents(agents: Any) -> int | None:
    return None if agents is None else whole_number("agents", agents, 1, LARGEST_NUMBER)


def _plain(graph: nx.Graph, name: str) -> EdgeArray:
    """A networkx graph as arrays. Raises unless it is undirected, without loops and without parallel edges."""
    n = graph.number_of_nodes()
    if n and graph.is_directed():
        raise wrong(f"{name!r} is directed; gossip needs undirected edges")
    refuse_giant(n, graph.number_of_edges(), name)
    loop = next((u for u, v in graph.edges() if u == v), None)
    if loop is not None:
        raise wrong(f"{name!r} has a self-loop at {short(loop)}; agents always keep their own value, so leave it out")
    if graph.is_multigraph():
        twice = next((f" ({short(u)} {short(v)})" for u, v in graph.edges() if graph.number_of_edges(u, v) > 1), "")
        raise wrong(f"{name!r} is a multigraph: an edge may be there only once{twice}")
    nodes = list(graph)
    if all(isinstance(node, (int, np.integer)) for node in nodes):
        nodes.sort()
    names: tuple[str, ...] | None = tuple(_name(node, graph.nodes[node], name) for node in nodes)
    index = {node: i for i, node in enumerate(nodes)}
    ends = np.fromiter((index[node] for edge in graph.edges() for node in edge), np.int64).reshape(-1, 2)
    if names == tuple(map(str, range(n))):
        names = None
    return EdgeArray(n, edges_of(keys_of(ends[:, 0], ends[:, 1], n), n), names, bool(graph.graph.get("seeded")))


def _name(node: Any, data: Mapping[str, Any], graph: str) -> str:
    """The agent's name: the node's attribute `name` or `label`, or the node itself; lines of a name are put into one."""
    texts = (LINES.sub(" ", str(one)) for one in (data.get("name"), data.get("label"), node) if one is not None)
    found = next((text for text in texts if text.strip()), "")
    if fault := fault_of_name(found):
        raise wrong(f"{graph!r}: {fault}")
    return found


def component_sizes(edges: Integers, agents: int) -> Integers:
    """(C,) int64: how many agents each connected component has, largest first. `edges` are sorted."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows = np.concatenate([[0], np.cumsum(np.bincount(edges[:, 0], minlength=agents))]).astype(np.int32)
    links = csr_array((np.ones(len(edges)), edges[:, 1].astype(np.int32), rows), shape=(agents, agents))
    count, part = connected_components(links, directed=False)
    return np.sort(np.bincount(part, minlength=count))[::-1]


def _check(graph: EdgeArray, name: str, agents: int | None, connected: bool) -> None:
    """Raise unless this can be a base graph."""
    n = graph.agents
    if n == 0:
        raise wrong(f"{name!r} is empty: it has no nodes")
    if agents is not None and agents != n:
        raise wrong(f"{name!r} has {n} agents, but agents = {agents}: leave agents out, or set agents = {n}")
    if not connected:
        return
    sizes = component_sizes(graph.edges, n)
    if len(sizes) > 1:
        some = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
        hint = "; another seed, or parameters that give more edges, may connect it" if graph.seeded else ""
        raise wrong(f"{name!r} is disconnected: {len(sizes)} components of {some} agents{hint}")
