"""Where base graphs come from: shipped names, files, networkx generators, networkx graphs; and what is refused.

Agents are numbered 0..N-1. Integer nodes are numbered in ascending order. Other nodes keep the order in which the
generator, the graph or the GraphML file lists them; in an edge list, which lists none, they are sorted.
"""

from __future__ import annotations

import inspect
import operator
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import ParseError, fromstring

import numpy as np
from numpy.typing import NDArray

from gossipmab.errors import InputError, unknown
from gossipmab.shipped import resolve, shipped_files

if TYPE_CHECKING:
    import networkx as nx

KEY = "network.base"
SUFFIXES = (".toml", ".edges", ".graphml")
TOML_KEYS = ("description", "generator", "parameters")
LARGEST_FILE = 10**9  # bytes
LARGEST_NUMBER = 10**6  # agents, and every whole number in a generator's parameters but the seed
MOST_EDGES = 10**7  # of a complete graph, which takes networkx 2 GB
# Modules of networkx whose functions make graphs from numbers. Its atlas is left out: it reads a file.
GENERATORS = ("networkx.generators.", "networkx.algorithms.bipartite.generators")
NOT_PARAMETERS = {"create_using", "backend", "backend_kwargs"}
AGENTS = re.compile(r"agents(?:\s*([-/])\s*(\d{1,9}))?")
# What networkx raises at wrong parameters or files, beside its own NetworkXException.
WRONG_VALUES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
REFUSALS = (*WRONG_VALUES, MemoryError, RuntimeError)


class BaseGraph(NamedTuple):
    """A connected simple graph: its name, a line about it, N labels, and (E, 2) int64 sorted edges with i < j."""

    name: str
    description: str
    labels: tuple[str, ...]
    edges: NDArray[np.int64]


def load(
    base: str | Path | Mapping[str, Any] | nx.Graph, agents: int | None = None, connected: bool = True
) -> BaseGraph:
    """The base graph that `base` describes, checked.

    Args:
        base: a shipped name; a path to .toml, .edges or .graphml; {"generator": name, parameters}; a networkx graph.
        agents: N; None takes what the base says.
        connected: whether it must be.

    Raises:
        InputError: no such name or file; a malformed file; a generator's wrong parameters; a graph that is empty,
            directed, disconnected, has a self-loop or a repeated edge, or another number of nodes than `agents`.
    """
    agents = _agents(agents)
    description = ""
    if isinstance(base, Mapping):
        parameters = {key: value for key, value in base.items() if key != "generator"}
        name, graph = str(base.get("generator")), generate(base.get("generator"), parameters, agents)
    elif isinstance(base, (str, Path)):
        path = resolve(base, "topologies", SUFFIXES, KEY)
        name, graph, description = path.stem, read(path, agents), describe(path)
    elif hasattr(base, "is_directed") and hasattr(base, "nodes"):
        name, graph = str(base.name) or "graph", base
    else:
        raise _wrong(f"{base!r} is not a name, a file, a table with a generator, or a networkx graph")
    _check(graph, name, agents, connected)
    nodes = list(graph)
    if all(isinstance(node, (int, np.integer)) for node in nodes):
        nodes.sort()
    index = {node: i for i, node in enumerate(nodes)}
    labels = tuple(_label(node, graph.nodes[node]) for node in nodes)
    return BaseGraph(name, description, labels, _canonical((index[u], index[v]) for u, v in graph.edges()))


def list_topologies() -> dict[str, tuple[Path, str]]:
    """Name -> (path, one line about it) of every shipped base graph, sorted by name."""
    return {name: (path, describe(path)) for name, path in shipped_files("topologies", SUFFIXES).items()}


def describe(path: Path) -> str:
    """The line that a topology file says about itself: its key `description`, or its first line of comment."""
    text = _text(path)
    if path.suffix == ".toml":
        return str(_toml(text, path).get("description", ""))
    pattern = r"<!--\s*([^\n]*?)\s*(?:-->|\n)" if path.suffix == ".graphml" else r"^#\s*(.*)$"
    comment = re.search(pattern, text, re.MULTILINE)
    return comment[1].strip() if comment else ""


def read(path: Path, agents: int | None) -> nx.Graph:
    """The graph of a topology file, not yet checked."""
    text = _text(path)
    if path.suffix == ".edges":
        return _edge_list(text, path)
    if path.suffix == ".graphml":
        return _graphml(text, path)
    table = _toml(text, path)
    for key in table:
        if key not in TOML_KEYS:
            raise unknown(f"{KEY}: key in {path.name}", key, TOML_KEYS)
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise _wrong(f"parameters = {parameters!r} in {path.name} must be a table")
    return generate(table.get("generator"), parameters, agents, path.stem)


def generate(generator: Any, parameters: Mapping[str, Any], agents: int | None, name: str = "") -> nx.Graph:
    """The graph of a networkx generator.

    Values may be "agents", "agents-INT" or "agents/INT". A required parameter `n` that is missing is the number of
    agents; a `seed` that is missing is 0.
    """
    make = _generator(generator)
    name = name or generator
    known = {key: value for key, value in inspect.signature(make).parameters.items() if key not in NOT_PARAMETERS}
    signature = f"the signature is {generator}({', '.join(map(str, known.values()))})"
    for key in parameters:
        if key not in known:
            raise InputError(f"{unknown(f'{KEY}: parameter of {generator}', key, known)}; {signature}")
    values = {key: _value(key, value, agents, name) for key, value in parameters.items()}
    if "n" in known and known["n"].default is inspect.Parameter.empty and "n" not in values:
        values["n"] = _value("n", "agents", agents, name)
    if "seed" in known:
        values.setdefault("seed", 0)
    said = ", ".join(f"{key} = {value}" for key, value in values.items()) or "no parameters"
    _refuse_giant(generator, values.get("n"), name)
    spread = [key for key, value in known.items() if value.kind is inspect.Parameter.VAR_POSITIONAL]
    lists = [values.pop(key, []) for key in spread]
    try:
        graph = make(*(lists[0] if lists else ()), **values)
    except (*REFUSALS, _networkx().NetworkXException) as error:
        reason = str(error) or type(error).__name__
        raise _wrong(f"{name!r} cannot be made with {said}: {reason}; {signature}") from None
    if not hasattr(graph, "is_directed"):
        raise _wrong(f"generator = {generator!r} does not make one graph")
    graph.graph["seeded"] = "seed" in known
    return graph


def _wrong(text: str) -> InputError:
    return InputError(f"{KEY}: {text}")


def _networkx() -> Any:
    import networkx

    return networkx


def _generator(name: Any) -> Callable[..., nx.Graph]:
    if not isinstance(name, str) or not name:
        raise _wrong(f"generator = {name!r} must be the name of a networkx generator, such as 'cycle_graph'")
    found = {key: value for key, value in vars(_networkx()).items() if _makes_graphs(value) and key[0] != "_"}
    if name not in found:
        near = str(unknown(f"{KEY}: generator", name, found)).partition(" (allowed:")[0]
        raise InputError(f"{near} (allowed: the functions of networkx.generators, such as 'watts_strogatz_graph')")
    make: Callable[..., nx.Graph] = found[name]
    return make


def _makes_graphs(value: Any) -> bool:
    module = str(getattr(value, "__module__", ""))
    pure = module.startswith(GENERATORS) and not module.endswith(".atlas")
    return pure and callable(value) and not inspect.isclass(value)


def _agents(agents: Any) -> int | None:
    if agents is None:
        return None
    try:
        count = 0 if isinstance(agents, (bool, np.bool_)) else operator.index(agents)
    except TypeError:
        count = 0
    if not 1 <= count <= LARGEST_NUMBER:
        raise InputError(f"agents: {agents!r} is not a whole number from 1 to {LARGEST_NUMBER}")
    return count


def _value(key: str, value: Any, agents: int | None, name: str) -> Any:
    """A parameter's value: a number, a list of values, or "agents" with a subtraction or an exact division."""
    if isinstance(value, (list, tuple)):
        return [_value(key, item, agents, name) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    said = f"{key} = {value!r} of {name!r}"
    if isinstance(value, int) and key != "seed" and abs(value) > LARGEST_NUMBER:
        raise _wrong(f"{said} is more than {LARGEST_NUMBER}")
    if isinstance(value, (bool, int, float)):
        return value
    match = AGENTS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise _wrong(f"{said} is not a number, a list, 'agents', 'agents-INT' or 'agents/INT'")
    if agents is None:
        raise _wrong(f"{name!r} is made for any number of agents, so give agents")
    sign, number = match[1], int(match[2] or 0)
    if sign == "-":
        return agents - number
    if sign == "/":
        if number == 0 or agents % number:
            raise _wrong(f"{said} does not come out even for agents = {agents}")
        return agents // number
    return agents


def _refuse_giant(generator: str, n: Any, name: str) -> None:
    """A mistyped number of agents must not fill the memory: complete graphs grow fastest, and are the usual base."""
    if generator == "complete_graph" and isinstance(n, int) and n * (n - 1) // 2 > MOST_EDGES:
        raise _wrong(f"{name!r} with {n} agents would have {n * (n - 1) // 2} edges, more than {MOST_EDGES}")


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise _wrong(f"{path.name} has {size} bytes, more than the {LARGEST_FILE} that are read")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(f"{path.name} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise _wrong(f"cannot read {str(path)!r}: {error.strerror}") from None


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"{path.name} is not TOML: {error}") from None


def _edge_list(text: str, path: Path) -> nx.Graph:
    """Lines "u v" or "u, v"; # starts a comment. A self-loop or a repeated edge is told by its line."""
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        where = f"{path.name}, line {number}:"
        if not words:
            continue
        if len(words) == 1:
            raise _wrong(f"{where} {words[0]!r} alone is no edge; a line is 'u v'")
        if len(words) > 2:
            raise _wrong(f"{where} {len(words)} columns; a line is 'u v' (weights come from network.weights)")
        edge = min(words[0], words[1]), max(words[0], words[1])
        if edge[0] == edge[1]:
            raise _wrong(f"{where} {edge[0]!r} has a self-loop; agents always keep their own value, so leave it out")
        if edge in seen:
            raise _wrong(f"{where} edge {words[0]!r} {words[1]!r} stands already in line {seen[edge]}")
        seen[edge] = number
    graph = _networkx().Graph()
    graph.add_nodes_from(sorted({node for edge in seen for node in edge}))
    graph.add_edges_from(seen)
    return _integers(graph)


def _graphml(text: str, path: Path) -> nx.Graph:
    """The graph of a GraphML file. Files that declare a document type or entities are refused, so none is expanded."""
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise _wrong(f"{path.name} has a DOCTYPE or ENTITY declaration, which GraphML does not need: remove it")
    networkx = _networkx()
    try:
        graph = networkx.parse_graphml(text)
        declared = [str(element.get("id")) for element in fromstring(text).iter() if element.tag.endswith("}node")]
    except (*REFUSALS, ParseError, networkx.NetworkXException) as error:
        raise _wrong(f"{path.name} is not undirected GraphML: {str(error) or type(error).__name__}") from None
    if len(declared) > len(set(declared)):
        raise _wrong(f"{path.name} declares a node twice")
    for node in graph.nodes - set(declared):
        raise _wrong(f"{path.name} has an edge at {node!r}, which is not among its nodes")
    return _integers(graph)


def _integers(graph: nx.Graph) -> nx.Graph:
    """The graph with integers as nodes, where every node's text is one."""
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", str(node)) for node in graph):
        return _networkx().relabel_nodes(graph, {node: int(node) for node in graph})
    return graph


def _check(graph: nx.Graph, name: str, agents: int | None, connected: bool) -> None:
    """Raise unless this can be a base graph."""
    n = graph.number_of_nodes()
    if n == 0:
        raise _wrong(f"{name!r} is empty: it has no nodes")
    if graph.is_directed():
        raise _wrong(f"{name!r} is directed; gossip needs undirected edges")
    loop = next((u for u, v in graph.edges() if u == v), None)
    if loop is not None:
        raise _wrong(f"{name!r} has a self-loop at {loop!r}; agents always keep their own value, so leave it out")
    if graph.is_multigraph():
        twice = next((f" ({u!r} {v!r})" for u, v in graph.edges() if graph.number_of_edges(u, v) > 1), "")
        raise _wrong(f"{name!r} is a multigraph: an edge may be there only once{twice}")
    if agents is not None and agents != n:
        raise _wrong(f"{name!r} has {n} agents, but agents = {agents}: leave agents out, or set agents = {n}")
    sizes = sorted((len(part) for part in _networkx().connected_components(graph)), reverse=True)
    if len(sizes) > 1 and connected:
        some = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
        hint = "; another seed, or parameters that give more edges, may connect it" if graph.graph.get("seeded") else ""
        raise _wrong(f"{name!r} is disconnected: {len(sizes)} components of {some} agents{hint}")


def _label(node: Any, data: Mapping[str, Any]) -> str:
    return str(data.get("name") or data.get("label") or node)


def _canonical(pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    edges = np.array([(min(pair), max(pair)) for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(edges[np.lexsort((edges[:, 1], edges[:, 0]))])
