"""Figures that a paper could print: regret curves, regret against what was swept and against bytes, base graphs.

Matplotlib is used without its global state, whatever the user's settings. The colours are those of Okabe and Ito, which the
colour-blind can tell apart; line styles and markers differ as well. Drawn again, a figure has the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from gossipmab.analysis.plot_style import (
    BANDS,
    FORMATS,
    Look,
    by_algorithm,
    by_point,
    final,
    in_brief,
    legible,
    logarithmic,
    looks,
    matrix,
    metrics_of,
    others_of,
    own_style,
    save,
    short,
)
from gossipmab.analysis.pull_plots import NOTE, pulls
from gossipmab.analysis.regret_bounds import ORDERS, Guide, fitted, guide_for
from gossipmab.experiments.spec.sweep import kept_apart
from gossipmab.metrics.statistics import spread
from gossipmab.utils.errors import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from gossipmab.experiments.results import Results

WIDTH, HEIGHT = 3.5, 2.6  # inches: a column of a two-column page
OVER = ",\nsummed over agents"
GUIDE = "#707070"


def plot(
    results: Results,
    band: str = "quarter-sd",
    formats: Sequence[str] = ("png", "svg"),
    metric: str | None = None,
    guide: str | None = None,
) -> list[Path]:
    """Draw all figures of a run into its folder `figures`; their paths, the regret curves first.

    Args:
        results: the run.
        band: one of BANDS.
        formats: some of FORMATS.
        metric: "pareto", "nsw", "both", or what else the protocol measures; None as fits the algorithms.
        guide: the order of a regret bound to draw beside the curves: one of `guides.ORDERS`, or "auto".

    Raises:
        InputError: an unknown band, format, metric or order.
    """
    if band not in BANDS:
        raise unknown("band", band, BANDS)
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    folder = results.path / "figures"
    folder.mkdir(exist_ok=True)
    with own_style():
        found = drawings(results, band, metric, lambda column: guide_for(guide, column, results.spec.algorithms))
        return [path for one in found for path in save(one.figure, folder / one.stem, formats)]


class Drawing(NamedTuple):
    """A figure, the stem of its file, its heading, and a line on what it shows."""

    stem: str
    heading: str
    note: str
    figure: Figure


def drawings(results: Results, band: str, metric: str | None, guide_of: Callable[[str], Guide | None]) -> Iterator[Drawing]:
    """All figures of a run, the regret curves first. guide_of: column -> the guide to draw. For arguments see `plot`."""
    table, keys = results.table(), results.keys
    style = looks([choice.label for choice in results.spec.algorithms])
    over = OVER if results.kind.SUMMED else ""
    mean = f"the mean over trials; bands and bars: {BANDS[band]}."
    for column, title in metrics_of(results, metric).items():
        if column not in table or not np.isfinite(table[column]).any():
            continue  # not measured, or not defined: NSW where utilities are negative
        stem, head = f"{short(column)}_regret".removeprefix("regret_"), f"{title[0].upper()}{title[1:]}"
        guide = guide_of(column)
        note = f" The thin grey line is the order of the bound of {guide.label}, fitted at T." if guide else ""
        figure = curves(table, keys, column, title, band, style, over, guide)
        yield Drawing(stem, f"{head} over time", f"Cumulative, {mean}{note}", figure)
        for key in keys:
            figure = against_key(table, key, others_of(results, key), column, title, band, style, over)
            heading = f"{head} against {key.replace('_', ' ')}"
            yield Drawing(f"{stem}_against_{kept_apart(key)}", heading, f"At the last round, {mean}", figure)
        if "bytes" in table and (table["bytes"] > 0).any():
            note = "The gain from communication. Algorithms that send nothing are level lines at their final regret."
            figure = against_bytes(table, keys, column, title, style)
            yield Drawing(f"{stem}_against_bytes", f"{head} against bytes sent", note, figure)
    if "sampling_error" in table:
        note = (
            "Solid: consensus, the largest distance of an agent's estimates from the mean of all local averages. Dotted: "
            "sampling, the distance of that mean from the truth. The error of an estimate is their sum at most. Means over trials."
        )
        lines = {"disagreement": ("-", "consensus"), "sampling_error": (":", "sampling")}
        figure = over_time(table, keys, style, lines, "error of the estimates\n(largest entry)", "log")
        yield Drawing("estimation_error", "Error of the estimates over time", note, figure)
    if "front_share" in table and np.isfinite(table["front_share"]).any():
        note = (
            "Solid: evenness, the entropy of the pulls on the Pareto front against its maximum. Dotted: the share of all pulls "
            "that were on the front. Small regret with little evenness: one arm, pulled again and again. Means over trials."
        )
        lines = {"front_evenness": ("-", "evenness"), "front_share": (":", "share")}
        figure = over_time(table, keys, style, lines, "pulls on the Pareto front", "linear")
        yield Drawing("front_coverage", "Coverage of the Pareto front over time", note, figure)
    if (figure_of_pulls := pulls(results)) is not None:
        yield Drawing("pulls", "Pulls by agent and arm", NOTE, figure_of_pulls)


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels that share their axes, as near to a square as reads well."""
    across = min(count, 4, math.ceil(math.sqrt(count)))
    down = math.ceil(count / across)
    scale = 1.0 if count == 1 else 0.72
    figure = Figure(figsize=(WIDTH * across * scale, HEIGHT * down * scale + 0.3 * (count > 1)), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for spare in grid[count:]:
        spare.set_visible(False)
    return figure, list(grid[:count])


def finish(figure: Figure, axes: Sequence[Axes], xlabel: str, ylabel: str, inside: bool = False) -> None:
    """Label the axes and place one legend: above the panels, or inside a single one where curves leave room."""
    if len(axes) > 1:
        figure.supxlabel(xlabel, fontsize=8)
        figure.supylabel(ylabel, fontsize=8)
        legend_above(figure, axes[0], 3, 2.0)
        return
    axes[0].set(xlabel=xlabel, ylabel=ylabel)
    if inside:
        axes[0].legend(loc="upper left")
    else:
        legend_above(figure, axes[0], 2, 1.0)


def legend_above(figure: Figure, ax: Axes, most: int, spacing: float) -> None:
    """A legend above the axes, of as many columns up to `most` as fit into the figure, which grows with its rows."""
    handles, labels = ax.get_legend_handles_labels()
    for columns in range(min(len(labels), most), 0, -1):
        legend = figure.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=spacing)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            figure.set_figheight(figure.get_figheight() + 0.17 * max(0, math.ceil(len(labels) / columns) - 4))
            return
        legend.remove()


def curves(
    table: pd.DataFrame, keys: Sequence[str], column: str, title: str, band: str, style: Mapping[str, Look],
    over: str = OVER, guide: Guide | None = None,
) -> Figure:  # fmt: skip
    """Regret against rounds: the mean over trials with its band, a panel for every sweep point."""
    groups = by_point(table, keys)
    figure, axes = panels(len(groups))
    for ax, (caption, at_point) in zip(axes, groups, strict=True):
        for label, rows in by_algorithm(at_point):
            rounds, values = matrix(rows, column)
            look = style[label]
            ax.plot(rounds, values.mean(axis=0), color=look.color, linestyle=look.linestyle, label=legible(label))
            low, high = spread(values, band)
            ax.fill_between(rounds, low, high, color=look.color, alpha=0.2, linewidth=0)
            if guide is not None and label == guide.label:
                along, c = fitted(guide.order, rounds, values.mean(axis=0))
                order = f"{c:.3g} {ORDERS[guide.order][0]}" if len(groups) == 1 else f"c {ORDERS[guide.order][0]}"
                ax.plot(rounds, along, color=GUIDE, linestyle=(0, (3, 2)), linewidth=0.9, label=f"{order}, fitted at T")
        ax.set_title(legible(caption), fontsize=7)
        ax.xaxis.set_major_locator(MaxNLocator(5 if len(groups) == 1 else 3, steps=[1, 2, 2.5, 5, 10]))
    axes[0].set_xlim(0, table["round"].max())  # now, when all is drawn: panels share their axes
    axes[0].set_ylim(bottom=0)
    points = table.groupby(list(keys)).ngroups if keys else 1
    some = f" (the first {len(groups)} of {points} sweep points)" if points > len(groups) else ""
    finish(figure, axes, f"round $t${some}", f"cumulative {title}{over}", inside=True)
    return figure


def over_time(
    table: pd.DataFrame, keys: Sequence[str], style: Mapping[str, Look], lines: Mapping[str, tuple[str, str]], label: str,
    scale: str,
) -> Figure:  # fmt: skip
    """Some columns over time, means over trials.

    Args:
        lines: column -> its line style, and what it is called beside the algorithm.
        label, scale: of the y axis, "log" or "linear".
    """
    groups = by_point(table, keys)
    figure, axes = panels(len(groups))
    for ax, (caption, at_point) in zip(axes, groups, strict=True):
        for name, rows in by_algorithm(at_point):
            mean = rows.groupby("round")[list(lines)].mean()
            for column, (line, what) in lines.items():
                if (mean[column] > 0).any():
                    ax.plot(mean.index, mean[column], color=style[name].color, linestyle=line, label=legible(f"{name}, {what}"))
        ax.set_title(legible(caption), fontsize=7)
        ax.set_xscale("log")
        ax.set_yscale(scale)
    finish(figure, axes, "round $t$", label)
    return figure


def against_key(
    table: pd.DataFrame, key: str, others: Sequence[str], column: str, title: str, band: str, style: Mapping[str, Look],
    over: str = OVER,
) -> Figure:  # fmt: skip
    """Regret at the last round against one swept quantity, a panel for every value of the others."""
    groups = by_point(table, others)
    figure, axes = panels(len(groups))
    values = list(dict.fromkeys(table[key]))
    numbers = all(isinstance(v, int | float | np.number) and not isinstance(v, bool | np.bool_) for v in values)
    values = sorted(values) if numbers else values
    for ax, (caption, at_point) in zip(axes, groups, strict=True):
        for label, rows in by_algorithm(at_point):
            here = [v for v in values if (rows[key] == v).any()]
            ends = np.array([final(rows[rows[key] == v], column, band) for v in here])
            x = here if numbers else [values.index(v) for v in here]
            look = style[label]
            errors = np.abs(ends[:, 1:].T - ends[:, 0])
            ax.errorbar(x, ends[:, 0], errors, color=look.color, linestyle=look.linestyle if numbers else "none",
                        marker=look.marker, markersize=3.5, capsize=2, elinewidth=0.8, label=legible(label))  # fmt: skip
        if not numbers:
            ax.set_xticks(
                range(len(values)),
                [in_brief(str(v)) for v in values],
                rotation=35 if len(values) > 3 else 0,
                ha="right" if len(values) > 3 else "center",
            )
        elif logarithmic(values):
            ax.set_xscale("log")
            ax.xaxis.set_minor_formatter(NullFormatter())
            if len(values) <= 8:
                ax.xaxis.set_minor_locator(NullLocator())
                ax.set_xticks(values, [f"{value:g}" for value in values])
        ax.set_title(legible(caption), fontsize=7)
    axes[0].set_ylim(bottom=0)  # now, when all is drawn: panels share their axes
    longest = 0 if numbers else max(len(in_brief(str(v))) for v in values)
    figure.set_figheight(figure.get_figheight() + 0.05 * max(0, longest - 12))  # room for slanted names
    finish(figure, axes, key.replace("_", " "), f"{title} at the last round{over}")
    return figure


def against_bytes(table: pd.DataFrame, keys: Sequence[str], column: str, title: str, style: Mapping[str, Look]) -> Figure:
    """Regret against bytes sent: along the rounds without a sweep, at the last round of every point with one.

    Algorithms that send nothing are horizontal lines at the mean of their final regret.
    """
    figure, (ax,) = panels(1)
    last = table[table["round"] == table.groupby(list(keys))["round"].transform("max")] if keys else table
    for label, look in style.items():
        rows = last[last["algorithm"] == label]
        mean = rows.groupby([*keys] or ["round"], sort=False)[["bytes", column]].mean().sort_values("bytes")
        if not len(rows):
            continue
        if not (rows["bytes"] > 0).any():
            end = rows[rows["round"] == rows["round"].max()][column].mean()
            ax.axhline(end, color=look.color, linestyle=look.linestyle, linewidth=0.9, label=legible(f"{label} (no messages)"))
        else:
            line = {"color": look.color, "linestyle": look.linestyle, "marker": look.marker if keys else ""}
            ax.plot(mean["bytes"], mean[column], **line, markersize=3.5, label=legible(label))
    sent = last[last["bytes"] > 0]["bytes"]
    if keys and logarithmic(list(sent)):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter(EngFormatter(unit="B"))
    when = f"{title} at the last round" if keys else f"cumulative {title}"
    finish(figure, [ax], "bytes sent by all agents", f"{when},\nsummed over agents")
    return figure
