"""The networks of a run: base graphs, drawn, and their spectral facts."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from gossipmab.analysis.graph_plots import draw, layout, spectral_facts
from gossipmab.analysis.plot_style import legible, metrics_of, names_of, own_style
from gossipmab.analysis.report.interactive import rounded
from gossipmab.analysis.report.outcomes import OUTCOME
from gossipmab.analysis.report.parts import IN_PAGES, HtmlTable, Picture, picture
from gossipmab.analysis.selection import by_algorithm, by_point
from gossipmab.experiments.spec.build import built
from gossipmab.networks.links.registry import PROCESSES
from gossipmab.networks.network import Network
from gossipmab.utils.formatting import format_number

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

MOST_NETWORKS = 24  # whose facts are listed
MOST_DRAWN = 12
MOST_AGENTS, MOST_LINKS = 400, 6_000  # of what is drawn
MOST_ANALYSED = 4_000  # agents of a network whose facts are computed; above, minutes
NOTE = (
    "p: how often a link is present. The facts are those of the link process, without failures. Gap: 1 minus the second "
    "eigenvalue of E[W], the mean mixing matrix. The squared distance between agents shrinks in expectation by the second "
    "eigenvalue of E[W²] at least in every round: the distance is halved in ln 4 / -ln(that) rounds. "
    "Consensus rounds: ln(N) / gap. A dash: not computed, for the network is too large."
)


class Networks(NamedTuple):
    """The section's drawings and table; `large`: the first network by outcome, if it can be drawn."""

    large: Picture | None
    drawings: list[Picture]
    facts: HtmlTable
    left_out: int
    not_drawn: list[str]


def section(results: Results, agents: pd.DataFrame) -> Networks | None:
    """Every network that the run's sweep points have; None if its protocol has none."""
    found: dict[str, tuple[str, Network]] = {}
    left_out: set[str] = set()
    for at in results.spec.points:
        if at.network is None:
            return None
        key = at.network_key
        if key in found or key in left_out:
            continue
        if len(found) < MOST_NETWORKS:
            network = built(at, results.spec.files, 0)[1]
            if network is None:
                return None
            base = at.network.base  # the run folder's copies of files have longer names
            found[key] = (Path(base).stem if isinstance(base, str) else network.name), network
        else:
            left_out.add(key)
    bases = {(name, hashlib.sha256(network.edges.data).digest()): (name, network) for name, network in found.values()}
    small = [(name, n) for name, n in bases.values() if n.agents <= MOST_AGENTS and len(n.edges) <= MOST_LINKS]
    large = [f"{name}: {n.agents:,} agents, {len(n.edges):,} links" for name, n in bases.values() if (name, n) not in small]
    rows = [facts(*named) for named in found.values()]
    table = HtmlTable("Spectral facts", list(rows[0]), [list(row.values()) for row in rows], 2, NOTE)
    drawings = [drawing(*named) for named in small[:MOST_DRAWN]]
    first = next(iter(found.values()))
    large_one = (
        by_outcome(results, agents, *first) if first[1].agents <= MOST_AGENTS and len(first[1].edges) <= MOST_LINKS else None
    )
    return Networks(large_one, drawings, table, len(left_out), large)


def facts(name: str, network: Network) -> dict[str, str]:
    """Heading -> cell of the table."""
    if network.agents > MOST_ANALYSED:
        known = dict.fromkeys(spectral_facts(Network("ring", agents=3)), "-")
        known |= {"agents": f"{network.agents:,}", "links": f"{len(network.edges):,}"}
        squared = math.nan
    else:
        known, squared = spectral_facts(network), network.facts().second_eigenvalue_squared
    halved = math.log(4) / -math.log(squared) if 0 < squared < 1 else 0.0 if squared <= 0 else math.inf
    return {
        "base graph": name,
        "links come and go": known_as(network),
        "p": f"{network.link_probability:g}",
        "weights": network.weights.replace("_", " "),
        **known,
        "halved in": format_number(squared if math.isnan(squared) else halved, 3),
    }


def known_as(network: Network) -> str:
    """The link process, and what else limits messages."""
    name = PROCESSES.name_of(type(network.process))
    beside = {"failures": network.failures, "rules for what is sent": network.communication}
    return ", ".join([name.replace("_", " "), *(what for what, there in beside.items() if there is not None)])


def drawing(name: str, network: Network) -> Picture:
    """The base graph."""
    with own_style(**IN_PAGES):
        figure = Figure(figsize=(2.4, 2.4), layout="constrained")
        draw(network, figure.subplots())
        return picture(f"{name}: {network.agents} agents, {len(network.edges):,} links", "", figure)


def by_outcome(results: Results, agents: pd.DataFrame, name: str, network: Network) -> Picture | None:
    """The network of the first sweep point, its agents by regret or utility; None if no cell of that point is finished."""
    point, found = results.spec.points[0], dict[str, Any]()
    traces = results.traces
    if not any(cell.id in traces for cell in results.spec.cells() if cell.point is point):
        return None
    title, rows = by_point(agents, results.keys)[0]
    names = names_of(results.spec)
    for column, what in {**metrics_of(results, None), OUTCOME: OUTCOME}.items():
        for label, mine in by_algorithm(rows):
            if column in mine and np.isfinite(mine[column]).any():
                values = mine.groupby("agent")[column].mean().reindex(range(network.agents)).to_numpy(np.float64)
                found[f"{what}, {names[label]}"] = values
    if not found:
        return None
    places = layout(network)
    first = next(iter(found))
    with own_style(**IN_PAGES):
        figure = Figure(figsize=(5.5, 4.4), layout="constrained")
        ax = figure.subplots()
        draw(network, ax, found[first], places)
        figure.colorbar(ax.collections[-1], ax=ax, label=legible(first), shrink=0.8)
        at = f" at {title}" if title else ""
        note = f"{name}{at}: {network.agents} agents, {len(network.edges):,} links. Means over trials, at the last round."
        drawn = picture("The agents by outcome", note, figure)
    data = {
        "x": rounded(places[:, 0]), "y": rounded(places[:, 1]), "links": network.edges.tolist(), "names": list(network.labels),
        "values": [{"title": title, "of": rounded(values)} for title, values in found.items()],
    }  # fmt: skip
    return drawn._replace(data=data)
