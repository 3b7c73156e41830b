"""The parts of the page, tables and figures: figures are matplotlib's SVG as it is, in the address of an image."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np
from matplotlib.figure import Figure

from gossipmab.analysis.charts import Chart, Curve, Panel, corner
from gossipmab.analysis.latex import latex_table
from gossipmab.analysis.outcome_plots import outcome_figures
from gossipmab.analysis.plot_style import looks, names_of, own_style
from gossipmab.analysis.plots import draw_chart
from gossipmab.analysis.pull_plots import NOTE, pulls
from gossipmab.analysis.report.interactive import numbers, thinned, with_numbers
from gossipmab.analysis.selection import by_algorithm, by_point, view

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

IN_PAGES = {"svg.fonttype": "none"}  # letters stay letters


class Picture(NamedTuple):
    """A figure: its heading, what it shows, its address, its width in inches, and its numbers if the page can draw it itself."""

    heading: str
    note: str
    source: str
    width: float
    data: dict[str, Any] | None = None


class HtmlTable(NamedTuple):
    """A caption, headings, rows of text; `words` columns, from the left, hold words and are row headings."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    note: str = ""

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """What can be downloaded: CSV and LaTeX -> the file's name and its address, which holds it."""
        stem = re.sub(r"\W+", "_", self.caption).strip("_")
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.headings, *self.rows])
        latex = latex_table(self.caption, self.headings, self.rows, self.words, self.note)
        return {
            "CSV": (f"{stem}.csv", f"data:text/csv;charset=utf-8,{quote(text.getvalue())}"),
            "LaTeX": (f"{stem}.tex", f"data:text/x-tex;charset=utf-8,{quote(latex)}"),
        }


def picture(heading: str, note: str, figure: Figure) -> Picture:
    """The figure as it stands in the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    source = f"data:image/svg+xml;base64,{base64.b64encode(lean(file.getvalue()).encode()).decode()}"
    return Picture(heading, note, source, figure.get_figwidth())


def lean(svg: str) -> str:
    """The SVG with paths to a tenth of a point, which no eye tells from the whole, every style once, and no names of groups."""
    styles: dict[str, int] = {}

    def path(found: re.Match[str]) -> str:
        return re.sub(r"\s*\n\s*", " ", re.sub(r"(\.\d)\d+", r"\1", found[0])).replace(" L ", "L")

    svg = re.sub(r' style="([^"]*)"', lambda found: f' class="s{styles.setdefault(found[1], len(styles))}"', svg)
    rules = "".join(f".s{number}{{{text}}}" for text, number in styles.items())
    head, end, rest = re.sub(r'<g id="[^"]*"', "<g", svg).partition("<defs>")
    return re.sub(r"\n\s*<", "\n<", re.sub(r' d="[^"]*"', path, f"{head}<style>{rules}</style>{end}{rest}"))


def figures(results: Results) -> list[Picture]:
    """The figures of `gossipmab plot`, with the orders of known bounds."""
    with own_style(**IN_PAGES):
        found = [
            picture(one.heading, one.note, draw_chart(one))._replace(data=data) for one, data in with_numbers(view(results), "auto")
        ]
        if (of_pulls := pulls(results)) is not None:
            found.append(picture("Pulls by agent and arm", NOTE, of_pulls))
        found += [picture(one.heading, one.note, one.figure) for one in outcome_figures(view(results))]
        return found


def parade(results: Results, agents: pd.DataFrame, column: str) -> Picture:
    """Agents from worst off to best off in their trial: the mean over trials at each rank, with a quarter above and below."""
    names = names_of(results.spec)
    style, panels = looks(list(names), names), []
    for title, at_point in by_point(agents, results.keys):
        curves = []
        for label, rows in by_algorithm(at_point):
            ranked = np.sort(rows.pivot(index="trial", columns="agent", values=column).to_numpy(), axis=1)
            low, high = np.percentile(ranked, [25, 75], axis=0)
            x = np.arange(1.0, ranked.shape[1] + 1.0)
            curves.append(Curve(label, style[label].name, style[label], x, ranked.mean(axis=0), low, high, len(ranked)))
        panels.append(Panel(title, curves))
    note = (
        "The agents of a trial in the order of what they earned: the mean over trials at each rank; the band holds the "
        "middle half of the trials."
    )
    axes = "rank, from worst off to best off", f"{column} of the agent of this rank"
    chart = Chart("parade", "From worst off to best off", note, panels, *axes, f"{corner(panels)}, middle half", from_zero=False)
    chart = thinned(chart, sum(len(panel.curves) for panel in panels))
    with own_style(**IN_PAGES):
        return picture(chart.heading, note, draw_chart(chart))._replace(data=numbers(chart))
