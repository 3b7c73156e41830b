"""networkx graphs in an experiment's data: each becomes a GraphML file, for an experiment is text and files.

The files lie in a temporary folder of this process until a run folder has its own copies. Agents are numbered as `Network`
numbers them and keep their labels, so the bits are those of `Network(graph)`. A file is named by the graph's own name and by
its contents: the same graph gives the same experiment, whatever object it came in.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from gossipmab.experiments.spec.sweep import safe
from gossipmab.networks.graphs import base_graph as topology
from gossipmab.networks.graphs.readers import NAMESPACE
from gossipmab.utils.atomic_write import write_whole

LONGEST_NAME = 40  # characters; a hash and a suffix follow
FOLDERS: list[Path] = []  # made by this process; the last one is in use


def graphs_as_files(data: Any) -> tuple[Any, dict[str, Path]]:
    """The data with a file's name in place of every networkx graph in its tables and lists, and where those files lie.

    Raises:
        InputError: a graph that cannot be a base graph or a graph of `switching`; that a base graph must be connected is
            checked later, as for any file.
    """
    files: dict[str, Path] = {}

    def replaced(value: Any, depth: int = 0) -> Any:
        if hasattr(value, "is_directed") and hasattr(value, "nodes"):
            path = _written(topology.load(value, connected=False))
            files[path.name] = path
            return path.name
        if depth > 50:  # the check of the data refuses it
            return value
        if isinstance(value, Mapping):
            return {key: replaced(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):  # algorithms that are passed stay objects
            return [replaced(item, depth + 1) for item in value]
        return value

    return replaced(data), files


def graphml(graph: topology.BaseGraph) -> bytes:
    """The graph as GraphML with nodes 0..N-1 and their labels; the same graph gives the same bytes."""
    root = ElementTree.Element("graphml", {"xmlns": NAMESPACE})
    key = {"id": "label", "for": "node", "attr.name": "label", "attr.type": "string"}
    ElementTree.SubElement(root, "key", key)
    body = ElementTree.SubElement(root, "graph", {"edgedefault": "undirected"})
    for i, label in enumerate(graph.labels):
        node = ElementTree.SubElement(body, "node", {"id": str(i)})
        if label != str(i):
            ElementTree.SubElement(node, "data", {"key": "label"}).text = label
    for i, j in graph.edges.tolist():
        ElementTree.SubElement(body, "edge", {"source": str(i), "target": str(j)})
    ElementTree.indent(root, " ")
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _written(graph: topology.BaseGraph) -> Path:
    content = graphml(graph)
    name = f"{safe(graph.name)[:LONGEST_NAME]}-{hashlib.sha256(content).hexdigest()[:12]}.graphml"
    path = _folder() / name
    if not path.is_file():
        write_whole(path, content)
    return path


def _folder() -> Path:
    """A temporary folder that goes when this process ends; a new one if it was deleted since."""
    if not FOLDERS or not FOLDERS[-1].is_dir():
        FOLDERS.append(Path(tempfile.mkdtemp(prefix="gossipmab-graphs-")))
        atexit.register(_drop, FOLDERS[-1], os.getpid())
    return FOLDERS[-1]


def _drop(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a fork inherits what is registered, and must not take the folder from its parent
        shutil.rmtree(folder, ignore_errors=True)
