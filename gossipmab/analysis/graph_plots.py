"""Drawings of base graphs: the layout, one drawing, and a grid of them in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from gossipmab.analysis.plot_layout import wrapped
from gossipmab.analysis.plot_style import COLOURS, FORMATS, legible, own_style, save
from gossipmab.utils.errors import InputError
from gossipmab.utils.formatting import format_integer, format_number

if TYPE_CHECKING:
    from gossipmab.networks.network import Network


MOST_AGENTS, MOST_LINKS = 2_000, 20_000  # of what is drawn
MOST_NAMES, LONGEST_NAME = 100, 24  # agents that are named, letters


def spectral_facts(network: Network) -> dict[str, str]:
    """Heading -> fact, as tables show them."""
    known = network.facts()
    sampled = " (sampled)" if known.squared_obtained == "sampled" else ""
    return {
        "agents": f"{known.agents:,}",
        "links": f"{known.edges:,}",
        "degrees": f"{known.degree_min} to {known.degree_max}",
        "diameter": format_integer(known.diameter),
        "algebraic connectivity": format_number(known.algebraic_connectivity),
        "second eigenvalue of E[W]": format_number(known.second_eigenvalue),
        "gap": format_number(known.spectral_gap),
        "second eigenvalue of E[W²]": format_number(known.second_eigenvalue_squared) + sampled,
        "consensus rounds": format_number(known.consensus_rounds, 3),
    }


def layout(network: Network) -> np.ndarray:
    """(N, 2) positions of the nodes: springs of the lengths of the paths, the same every time."""
    import networkx as nx

    graph = network.to_networkx()
    circle = nx.circular_layout(graph)
    if network.agents > 150:
        places = nx.spring_layout(graph, pos=circle, seed=0)
    else:
        places = nx.kamada_kawai_layout(graph, pos=circle) if network.agents > 2 else circle
    return np.array([places[i] for i in range(network.agents)])


def check_size(network: Network) -> None:
    """Raise InputError if the base graph is too large to be drawn."""
    if network.agents > MOST_AGENTS or len(network.edges) > MOST_LINKS:
        size = f"{network.agents:,} agents and {len(network.edges):,} links"
        raise InputError(f"network: has {size}, too large to be drawn; allowed are {MOST_AGENTS:,} and {MOST_LINKS:,}")


def draw(network: Network, ax: Axes, values: np.ndarray | None = None, at: np.ndarray | None = None) -> Axes:
    """Draw the base graph: links as lines, agents as discs with names if they have any; a name that would overlap is left out.

    values: (N,) of the agents, for their colours. at: (N, 2) the positions of `layout`, if they are known.
    """
    at = layout(network) if at is None else at
    size = max(2.0, 120.0 / math.sqrt(network.agents) - 10.0)
    faint = 0.9 if len(network.edges) < 200 else 0.35
    ax.set_axis_off()
    ax.add_collection(LineCollection(list(at[network.edges]), colors="#777777", linewidths=0.7, alpha=faint))
    ax.scatter(at[:, 0], at[:, 1], s=size, c=COLOURS[0] if values is None else values, edgecolors="white", linewidths=0.4, zorder=2)
    ax.set_aspect("equal")
    if network.graph.names and network.agents <= MOST_NAMES:
        _name(ax, at, network.labels, math.sqrt(size) / 2 + 1.0)
    return ax


def _name(ax: Axes, at: np.ndarray, names: Sequence[str], away: float) -> None:
    """Names beside the nodes at (N, 2), so many points away from the middle of the drawing."""
    outward = at - at.mean(axis=0)
    outward = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    texts = []
    for place, (x, y), name in zip(at, outward, names, strict=True):
        side: dict[str, Any] = {"ha": "left" if x > 0.3 else "right" if x < -0.3 else "center", "va": "bottom" if y >= 0 else "top"}
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        texts.append(
            ax.annotate(legible(short), place, (away * x, away * y), textcoords="offset points", fontsize=5, zorder=3, **side)
        )
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    kept: list[Bbox] = []
    for text in texts:
        box = text.get_window_extent().expanded(1.15, 1.15)  # the axes may shrink by what stands beside them
        if box.count_overlaps(kept):
            text.remove()
        else:
            kept.append(box)


def draw_topologies(networks: Mapping[str, Network], path: str | Path) -> Path:
    """Draw the base graphs, name -> network, into a file; the format is the path's suffix.

    Raises:
        InputError: a suffix that is not one of FORMATS.
    """
    path = Path(path)
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise InputError(f"--out: got {str(path)!r}, allowed is a file that ends in {', '.join('.' + f for f in FORMATS)}")
    with own_style():
        save(topology_figure(networks), path.with_suffix(""), [suffix])
    return path


def topology_figure(networks: Mapping[str, Network]) -> Figure:
    """The base graphs, name -> network, in a grid."""
    across = min(len(networks), 4)
    down = math.ceil(len(networks) / across)
    figure = Figure(figsize=(1.9 * across, 2.1 * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for spare in grid[len(networks) :]:
        spare.remove()
    for ax, (name, network) in zip(grid, networks.items(), strict=False):
        ax.set_axis_off()
        ax.set_title(wrapped(figure, f"{legible(name)}\n{network.agents} agents, {len(network.edges)} links", 7, 1.8), fontsize=7)
        if network.agents <= MOST_AGENTS and len(network.edges) <= MOST_LINKS:
            draw(network, ax)
        else:
            ax.text(0.5, 0.5, "too large to be drawn", ha="center", va="center", fontsize=7)
    return figure
