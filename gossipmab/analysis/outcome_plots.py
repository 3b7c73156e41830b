"""Figures of what learners earn in a game: utilisation against inequality, and the agents' shares in every training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from matplotlib.figure import Figure

from gossipmab.analysis import plot_layout
from gossipmab.analysis.plot_style import COLOURS, legible
from gossipmab.analysis.selection import View, by_algorithm, by_point
from gossipmab.experiments.spec.spec import AlgorithmSpec
from gossipmab.metrics.marl_trace import MarlTrace
from gossipmab.metrics.statistics import spread

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results

MOST_TRIALS, MOST_PANELS = 30, 12
FRONTIER = (
    "Mean over trials at the last evaluation, with its band along both axes; the upper left is best. A grey line leads from a "
    "learner to the same learner under a price."
)
OUTCOMES = (
    "Mean outcome of every agent in the last evaluation, a bar for each training, a colour for each agent, agent 0 at the bottom. "
    "Agents that have everything by turns, an episode each, look even here, and do not in H / N."
)


class Picture(NamedTuple):
    """A figure that is no chart. stem: of its files. heading, note: what it shows, in words."""

    stem: str
    heading: str
    note: str
    figure: Figure


def outcome_figures(seen: View) -> Iterator[Picture]:
    """The figures of a run of learners; none of another run."""
    if seen.results.kind is MarlTrace:
        yield Picture("frontier", "Utilisation against inequality", FRONTIER, frontier(seen))
        yield Picture("outcomes", "Outcomes by agent", OUTCOMES, outcomes(seen.results, seen))


def frontier(seen: View) -> Figure:
    """Utilisation against H / N at the last evaluation, a point for every algorithm and sweep point, with intervals."""
    figure, (ax,), spare = plot_layout.panels(1, plot_layout.WIDTH, Figure)
    keys: dict[str, Any] = {}
    made = {one.label: one for one in seen.results.spec.algorithms}
    for _, rows in by_point(seen.table, seen.keys):
        last = rows[rows["round"] == rows["round"].max()]
        middle: dict[str, tuple[float, float]] = {}
        for label, mine in by_algorithm(last):
            x, y = (mine[name].to_numpy(np.float64)[:, None] for name in ("mre", "utilisation"))
            bars = [np.abs(np.array(spread(one, seen.band)) - one.mean(axis=0)) for one in (x, y)]
            look = seen.style[label]
            middle[label] = float(x.mean()), float(y.mean())
            keys[label] = ax.errorbar(*middle[label], xerr=bars[0], yerr=bars[1], marker=look.marker, markersize=4,
                                      capsize=2, elinewidth=0.8, color=look.color, linestyle="none")  # fmt: skip
        for label, place in middle.items():
            backbone = next((one for one in middle if _under_price(made[one], made[label])), None)
            if backbone is not None:
                ax.plot(*zip(middle[backbone], place, strict=True), color="#999999", linewidth=0.8, zorder=0)
    ax.set_xlim(left=0)
    named = [legible(seen.style[label].name) for label in keys]
    titles = MarlTrace.COLUMNS["mre"].title, MarlTrace.COLUMNS["utilisation"].title
    plot_layout.finish(figure, [ax], *titles, list(keys.values()), named, spare)
    return figure


def _under_price(plain: AlgorithmSpec, priced: AlgorithmSpec) -> bool:
    """Whether one is the same learner as the other, under a price."""
    return priced.name == f"eld_{plain.name}" and plain.params.items() <= priced.params.items()


def outcomes(results: Results, seen: View) -> Figure:
    """Shares of the agents, a bar for each trial, a panel for every algorithm at every sweep point, the first MOST_PANELS."""
    traces = cast("Mapping[str, Any]", results.traces)
    found: dict[tuple[Any, str], list[Any]] = {}
    for cell in results.spec.cells():
        if cell.id in traces and (seen.table["algorithm"] == cell.label).any():
            found.setdefault((id(cell.point), cell.label), []).append((cell, traces[cell.id]))
    panels = list(found.values())[:MOST_PANELS]
    across = min(len(panels), 4)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(max(3.5, 1.75 * across), 1.6 * down + 0.3), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=True)
    for ax, some in zip(axes.ravel(), panels, strict=False):
        cell, some = some[0][0], some[:MOST_TRIALS]
        shares = np.array([trace.utility for _, trace in some])
        bottom = np.zeros(len(some))
        for agent in range(shares.shape[1]):
            shade = COLOURS[agent % (len(COLOURS) - 1)]
            ax.bar(np.arange(len(some)), shares[:, agent], bottom=bottom, color=shade, width=0.8)
            bottom += shares[:, agent]
        swept = ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in cell.point.values.items())
        ax.set_title(legible(f"{cell.label}{', ' if swept else ''}{swept}"), fontsize=7)
        ends = [0, len(some) - 1][: len(some)]
        ax.set_xticks(ends, [str(some[end][0].trial) for end in ends])
    for spare in axes.ravel()[len(panels) :]:
        spare.set_visible(False)
    figure.supxlabel("trial", fontsize=8)
    figure.supylabel("reward a step", fontsize=8)
    return figure
