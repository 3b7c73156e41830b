"""What all files of base graphs have in common, and the small ones: .toml and .graphml. They may be hostile.

Only regular files are opened, so that a pipe cannot block and a device cannot go on for ever. What is read whole is small;
what is read in pieces has a largest size too.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from gossipmab.networks.graphs.edge_array import wrong
from gossipmab.networks.graphs.generators import REFUSALS

if TYPE_CHECKING:
    import networkx as nx

SUFFIXES = (".toml", ".edges", ".graphml")
LARGEST_FILE = 10**9  # bytes
LARGEST_GRAPHML = 2 * 10**7  # bytes, some 200,000 links; networkx's reader takes forty times as much memory
LARGEST_TOML = 10**5  # bytes
LONGEST_KEY = 1000  # bytes of a line of TOML before its "=": the reader's time grows with the square of a key's dots
HEAD = 2**16  # bytes in which a file says what it is
DEEPEST, MOST_ATTRIBUTES = 50, 100  # of XML
INTEGER = re.compile(r"0|-?[1-9]\d{0,17}")


def opened(path: Path, largest: int | None = None, advice: str = "") -> BinaryIO:
    """The file, to be read as bytes.

    Raises:
        InputError: it is not there, may not be read, is no regular file, or is larger than `largest`, LARGEST_FILE by default.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except (OSError, ValueError) as error:
        raise wrong(f"cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}") from None
    told, largest = os.fstat(file.fileno()), LARGEST_FILE if largest is None else largest
    if not stat.S_ISREG(told.st_mode):
        file.close()
        raise wrong(f"cannot read {str(path)!r}: it is not a regular file")
    if told.st_size > largest:
        file.close()
        raise wrong(f"{path.name} has {told.st_size} bytes, more than the {largest} that are read{advice}")
    return file


def text(path: Path, largest: int, advice: str = "") -> str:
    """The whole file."""
    try:
        with opened(path, largest, advice) as file:
            content = file.read(largest + 1)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise wrong(f"{path.name} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise wrong(f"cannot read {str(path)!r}: {error.strerror}") from None


def description(path: Path) -> str:
    """The line that a file says about itself: its key `description`, or its first line of comment."""
    if path.suffix == ".toml":
        return str(toml(path).get("description", ""))[:1000]
    try:
        with opened(path) as file:
            head = file.read(HEAD).decode("utf-8-sig", "ignore")
    except OSError as error:
        raise wrong(f"cannot read {str(path)!r}: {error.strerror}") from None
    pattern = r"<!--\s*([^\n]*?)\s*(?:-->|\n)" if path.suffix == ".graphml" else r"^#\s*(.*)$"
    comment = re.search(pattern, head, re.MULTILINE)
    return comment[1].strip()[:1000] if comment else ""


def toml(path: Path) -> dict[str, Any]:
    """The table of a .toml file."""
    content = text(path, LARGEST_TOML)
    for number, line in enumerate(content.splitlines(), 1):
        if len(line.partition("=")[0]) > LONGEST_KEY:
            raise wrong(f"{path.name} is not TOML of a graph: line {number} is too long")
    try:
        return tomllib.loads(content)
    except (ValueError, RecursionError) as error:
        raise wrong(f"{path.name} is not TOML: {str(error)[:300]}") from None


def graphml(path: Path) -> nx.Graph:
    """The graph of a GraphML file. Files that declare a document type or entities are refused, so none is expanded."""
    import networkx

    content = text(path, LARGEST_GRAPHML, ": write larger graphs as .edges")
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", content, re.IGNORECASE):
        raise wrong(f"{path.name} has a DOCTYPE or ENTITY declaration, which GraphML does not need: remove it")
    try:
        declared = _declared(content)
        graph = networkx.parse_graphml(content)
    except (*REFUSALS, ParseError, expat.ExpatError, networkx.NetworkXException) as error:
        reason = str(error)[:300] or type(error).__name__
        raise wrong(f"{path.name} is not undirected GraphML: {reason}") from None
    if len(declared) > len(set(declared)):
        raise wrong(f"{path.name} declares a node twice")
    for node in graph.nodes - set(declared):
        raise wrong(f"{path.name} has an edge at {node!r}, which is not among its nodes")
    if all(INTEGER.fullmatch(str(node)) for node in graph):
        return networkx.relabel_nodes(graph, {node: int(node) for node in graph})
    return graph


def _declared(content: str) -> list[str]:
    """The ids of the nodes, read without a tree: elements too deep or with too many attributes are not GraphML."""
    declared: list[str] = []
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"elements are nested more than {DEEPEST} deep")
        if len(attributes) > MOST_ATTRIBUTES:
            raise ValueError(f"an element has {len(attributes)} attributes")
        if tag.endswith("}node"):
            declared.append(str(attributes.get("id")))

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(content, True)
    return declared
