"""Files of base graphs: .toml and .graphml, and the description in any of them. They may be hostile, so sizes are bounded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from gossipmab.networks.graphs.edge_array import INTEGER, KEY, short, wrong
from gossipmab.networks.graphs.generators import REFUSALS
from gossipmab.utils.safe_read import opened, parsed_toml, refusing, text_of

if TYPE_CHECKING:
    import networkx as nx

SUFFIXES = (".toml", ".edges", ".graphml")
LARGEST_FILE = 10**9  # bytes
LARGEST_GRAPHML = 2 * 10**7  # bytes, some 200,000 links; networkx's reader takes forty times as much memory
LARGEST_TOML = 10**5  # bytes
HEAD = 2**16  # first bytes of a file, which identify its format
DEEPEST, MOST_ATTRIBUTES = 50, 100  # of XML
NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def description(path: Path) -> str:
    """The description in a file: its key `description`, or its first line of comment."""
    if path.suffix.lower() == ".toml":
        return str(toml(path).get("description", ""))[:1000]
    with opened(path, KEY, LARGEST_FILE) as file, refusing(f"{KEY}: cannot read {str(path)!r}"):
        head = file.read(HEAD).decode("utf-8-sig", "ignore")
    pattern = r"<!--\s*([^\n]*?)\s*(?:-->|\n)" if path.suffix.lower() == ".graphml" else r"^#\s*(.*)$"
    comment = re.search(pattern, head, re.MULTILINE)
    return comment[1].strip()[:1000] if comment else ""


def toml(path: Path) -> dict[str, Any]:
    """The table of a .toml file."""
    content = text_of(path, KEY, LARGEST_TOML)
    with refusing(f"{KEY}: {path.name} is not TOML"):
        return parsed_toml(content)


def graphml(path: Path) -> nx.Graph:
    """The graph of a GraphML file. Files that declare a document type or entities are refused, so none is expanded."""
    import networkx

    content = text_of(path, KEY, LARGEST_GRAPHML)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", content, re.IGNORECASE):
        raise wrong(f"{path.name} has a DOCTYPE or ENTITY declaration, which GraphML does not need: remove it")
    try:
        declared, edges = _declared(content)
        graph = networkx.parse_graphml(content)
    except (*REFUSALS, ParseError, expat.ExpatError, networkx.NetworkXException) as error:
        reason = str(error)[:300] or type(error).__name__
        raise wrong(f"{path.name} is not undirected GraphML: {reason}") from None
    if len(declared) > len(set(declared)):
        raise wrong(f"{path.name} declares a node twice")
    for node in graph.nodes - set(declared):
        raise wrong(f"{path.name} has an edge at {node!r}, which is not among its nodes")
    size = len(graph), graph.number_of_edges()
    if (len(declared), edges) != size:
        what = f"declares {len(declared)} nodes and {edges} edges, and its first graph has {size[0]} and {size[1]}"
        raise wrong(f"{path.name} {what}; graphs within nodes, and further graphs, are not read: make it one flat graph")
    if all(INTEGER.fullmatch(str(node)) for node in graph):
        return networkx.relabel_nodes(graph, {node: int(node) for node in graph})
    return graph


def _declared(content: str) -> tuple[list[str], int]:
    """The ids of the nodes, and the count of edges, read without a tree: what is too deep or has many attributes is not GraphML."""
    declared: list[str] = []
    depth = edges = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, edges
        depth += 1
        if depth == 1 and tag.endswith("graphml") and tag != NAMESPACE + "}graphml":
            found = short(tag.rpartition("}")[0]) if "}" in tag else "none"
            raise ValueError(f'its namespace is {found}; allowed is <graphml xmlns="{NAMESPACE}">')
        if depth > DEEPEST:
            raise ValueError(f"elements are nested more than {DEEPEST} deep")
        if len(attributes) > MOST_ATTRIBUTES:
            raise ValueError(f"an element has {len(attributes)} attributes")
        if tag == NAMESPACE + "}node":
            declared.append(str(attributes.get("id")))
        edges += tag == NAMESPACE + "}edge"

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(content, True)
    return declared, edges
