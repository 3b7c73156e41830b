"""Drawings of base graphs: the layout, one drawing, and a grid of them in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gossipmab.analysis.plot_style import COLOURS, FORMATS, own_style, save
from gossipmab.utils.errors import InputError
from gossipmab.utils.formatting import format_integer, format_number

if TYPE_CHECKING:
    from gossipmab.networks.network import Network


MOST_AGENTS, MOST_LINKS = 2_000, 20_000  # of what is drawn


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


def draw(network: Network, ax: Axes) -> None:
    """Draw the base graph: links as lines, agents as discs."""
    at = layout(network)
    size = max(2.0, 120.0 / math.sqrt(network.agents) - 10.0)
    faint = 0.9 if len(network.edges) < 200 else 0.35
    ax.set_axis_off()
    ax.add_collection(LineCollection(list(at[network.edges]), colors="#777777", linewidths=0.7, alpha=faint))
    ax.scatter(at[:, 0], at[:, 1], s=size, color=COLOURS[0], edgecolors="white", linewidths=0.4, zorder=2)
    ax.set_aspect("equal")


def draw_topologies(networks: Mapping[str, Network], path: str | Path) -> Path:
    """Draw the base graphs, name -> network, in a grid; the format is the path's suffix.

    Raises:
        InputError: a suffix that is not one of FORMATS.
    """
    path = Path(path)
    if path.suffix.lstrip(".") not in FORMATS:
        raise InputError(f"--out: got {str(path)!r}, allowed is a file that ends in {', '.join('.' + f for f in FORMATS)}")
    across = min(len(networks), 4)
    down = math.ceil(len(networks) / across)
    with own_style():
        figure = Figure(figsize=(1.9 * across, 2.1 * down), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for ax in grid:
            ax.set_axis_off()
        for ax, (name, network) in zip(grid, networks.items(), strict=False):
            ax.set_title(f"{name}\n{network.agents} agents, {len(network.edges)} links", fontsize=7)
            if network.agents <= MOST_AGENTS and len(network.edges) <= MOST_LINKS:
                draw(network, ax)
            else:
                ax.text(0.5, 0.5, "too large to be drawn", ha="center", va="center", fontsize=7)
        save(figure, path.with_suffix(""), [path.suffix.lstrip(".")])
    return path
