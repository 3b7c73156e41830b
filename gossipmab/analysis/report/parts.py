"""The parts of the page, tables and figures: figures are matplotlib's SVG as it is, in the address of an image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gossipmab.analysis import plots
from gossipmab.analysis.plot_style import by_algorithm, by_point, legible, looks, own_style
from gossipmab.analysis.regret_bounds import known_guide

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

IN_PAGES = {"svg.fonttype": "none"}  # letters stay letters


class Picture(NamedTuple):
    """A figure: its heading, what it shows, its address, and its width in inches."""

    heading: str
    note: str
    source: str
    width: float


class HtmlTable(NamedTuple):
    """A caption, headings, rows of text; `words` columns, from the left, hold words and are row headings."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    note: str = ""


def picture(heading: str, note: str, figure: Figure) -> Picture:
    """The figure as it stands in the page."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Picture(heading, note, source, figure.get_figwidth())


def figures(results: Results) -> list[Picture]:
    """The figures of `gossipmab plot`, with bootstrap intervals and the orders of known bounds."""
    with own_style(**IN_PAGES):
        found = plots.drawings(results, "ci", None, lambda column: known_guide(column, results.spec.algorithms))
        return [picture(one.heading, one.note, one.figure) for one in found]


def parade(results: Results, agents: pd.DataFrame, column: str) -> Picture:
    """Agents from worst off to best off in their trial: the mean over trials at each rank, with a quarter above and below."""
    style = looks([choice.label for choice in results.spec.algorithms])
    groups = by_point(agents, results.keys)
    with own_style(**IN_PAGES):
        figure, axes = plots.panels(len(groups))
        for ax, (caption, at_point) in zip(axes, groups, strict=True):
            for label, rows in by_algorithm(at_point):
                ranked = np.sort(rows.pivot(index="trial", columns="agent", values=column).to_numpy(), axis=1)
                ranks, look = np.arange(1, ranked.shape[1] + 1), style[label]
                low, high = np.percentile(ranked, [25, 75], axis=0)
                ax.fill_between(ranks, low, high, color=look.color, alpha=0.15, linewidth=0)
                line = {"color": look.color, "linestyle": look.linestyle, "marker": look.marker if len(ranks) <= 40 else ""}
                ax.plot(ranks, ranked.mean(axis=0), **line, markersize=3, label=legible(label))
            ax.set_title(legible(caption), fontsize=7)
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        plots.finish(figure, axes, "rank, from worst off to best off", f"{column} of the agent of this rank")
        note = (
            "The agents of a trial in the order of what they earned: the mean over trials at each rank; the band holds the "
            "middle half of the trials."
        )
        return picture("From worst off to best off", note, figure)
