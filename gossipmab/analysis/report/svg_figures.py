"""Tables and figures of the report, the figures as inline SVG on white.

The curves are those of `plotting`, one figure for every panel, so that they wrap on a narrow page; one legend serves all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gossipmab.analysis import plots as plotting
from gossipmab.analysis.plot_style import MOST_PANELS, Look, by_algorithm, by_point, looks, others_of
from gossipmab.analysis.regret_bounds import ORDERS, known_guide

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

BAND = "ci"
STYLE: Any = {
    **plotting.STYLE,
    "svg.fonttype": "none",
    "axes.grid": True,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.5,
    "axes.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "lines.linewidth": 1.6,
}
DASHES = {"-": "none", "--": "7 3", "-.": "8 3 2 3", ":": "2 3"}


class Picture(NamedTuple):
    """An SVG, the caption of its panel (perhaps empty), and how it is read aloud."""

    svg: Markup
    caption: str
    aloud: str


class HtmlTable(NamedTuple):
    """A caption, headings, rows of text; `words` columns, from the left, hold words and are row headings."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    note: str = ""


class Figures(NamedTuple):
    """A figure of one or more panels: a heading, what to see in it, the panels."""

    heading: str
    explanation: str
    panels: list[Picture]


class Key(NamedTuple):
    """An entry of the legend."""

    label: str
    colour: str
    dashes: str


def legend(results: Results) -> list[Key]:
    """The algorithms, as they are drawn everywhere."""
    labels = [choice.label for choice in results.spec.algorithms]
    keys = []
    for label, look in looks(labels).items():
        dashes = DASHES.get(look.linestyle) if isinstance(look.linestyle, str) else None
        dashes = dashes or " ".join(str(1.6 * length) for length in look.linestyle[1])
        keys.append(Key(label, look.color, dashes))
    return keys


def figures(results: Results, table: pd.DataFrame, metrics: Mapping[str, str]) -> list[Figures]:
    """All figures of the run's metrics."""
    found = []
    style = looks([choice.label for choice in results.spec.algorithms])
    with mpl.rc_context(STYLE):
        for column, title in metrics.items():
            for name, (heading, explanation, panels) in enumerate(_drawn(results, table, column, title, style)):
                same_height([figure for _, figure in panels])
                pictures = [
                    Picture(inline(figure, f"{column}-{name}-{place}-"), caption, f"{heading}. {caption}".strip())
                    for place, (caption, figure) in enumerate(panels)
                ]
                found.append(Figures(heading, explanation, pictures))
        if "sampling_error" in table:
            found.append(_errors(results, table, style))
    return found


def _errors(results: Results, table: pd.DataFrame, style: Mapping[str, Look]) -> Figures:
    """What the estimates are wrong by, and why."""
    panels = [(caption, plotting.errors(rows, [], style)) for caption, rows in by_point(table, results.keys)]
    same_height([figure for _, figure in panels])
    heading = "Error of the estimates over time"
    explanation = (
        "Solid: consensus, the largest distance of an agent's estimates from the mean of all local averages, what some have not "
        "heard yet. Dotted: sampling, the distance of that mean from the truth, what nobody has seen yet. An estimate is wrong by "
        "their sum at most. Means over trials, both axes logarithmic."
    )
    pictures = [
        Picture(inline(figure, f"errors-{place}-"), caption, f"{heading}. {caption}".strip())
        for place, (caption, figure) in enumerate(panels)
    ]
    return Figures(heading, explanation, pictures)


Panels = list[tuple[str, Figure]]


def _drawn(
    results: Results, table: pd.DataFrame, column: str, title: str, style: Mapping[str, Look]
) -> Iterator[tuple[str, str, Panels]]:
    keys, some = results.keys, ""
    over = plotting.OVER if results.kind.SUMMED else ""
    guide = known_guide(column, results.spec.algorithms)
    if guide is not None:
        some = f" The thin grey line is c {ORDERS[guide.order].text}, the order of the bound of {guide.label}, fitted at T."
    points = table.groupby(keys).ngroups if keys else 1
    if points > MOST_PANELS:
        some += f" The first {MOST_PANELS} of {points} sweep points are drawn."
    yield (
        f"{title[0].upper()}{title[1:]} over time",
        f"Cumulative; the mean over trials, with its 95 % bootstrap interval as a band.{some}",
        [
            (caption, plotting.curves(rows, [], column, title, BAND, style, over, guide))
            for caption, rows in by_point(table, keys)
        ],
    )  # fmt: skip
    for key in keys:
        yield (
            f"{title[0].upper()}{title[1:]} against {key.replace('_', ' ')}",
            "At the last round; the mean over trials, with its 95 % bootstrap interval.",
            [
                (caption, plotting.against_key(rows, key, [], column, title, BAND, style, over))
                for caption, rows in by_point(table, others_of(results, key))
            ],
        )  # fmt: skip
    if "bytes" in table and (table["bytes"] > 0).any():
        yield (
            f"{title[0].upper()}{title[1:]} against bytes sent",
            "What communication bought. Algorithms that send nothing are level lines at their final regret.",
            [("", plotting.against_bytes(table, keys, column, title, style))],
        )


def parade(results: Results, agents: pd.DataFrame, column: str) -> list[Picture]:
    """Agents from worst off to best off in their trial: the mean over trials at each rank, with a quarter above and below."""
    style = looks([choice.label for choice in results.spec.algorithms])
    panels: Panels = []
    with mpl.rc_context(STYLE):
        for caption, at_point in by_point(agents, results.keys):
            figure, (ax,) = plotting.panels(1)
            for label, rows in by_algorithm(at_point):
                ranked = np.sort(rows.pivot(index="trial", columns="agent", values=column).to_numpy(), axis=1)
                ranks, look = np.arange(1, ranked.shape[1] + 1), style[label]
                low, high = np.percentile(ranked, [25, 75], axis=0)
                ax.fill_between(ranks, low, high, color=look.color, alpha=0.15, linewidth=0)
                few = look.marker if len(ranks) <= 40 else ""
                ax.plot(
                    ranks, ranked.mean(axis=0), color=look.color, linestyle=look.linestyle, marker=few, markersize=3
                )
            ax.set(xlabel="rank, from worst off to best off", ylabel=f"{column} of the agent of this rank")
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            panels.append((caption, figure))
        same_height([figure for _, figure in panels])
        aloud = "What agents earned, from worst off to best off."
        return [
            Picture(inline(figure, f"parade-{place}-"), caption, f"{aloud} {caption}")
            for place, (caption, figure) in enumerate(panels)
        ]


def same_height(drawn: Sequence[Figure]) -> None:
    """Give all panels the same vertical axis, and take their legends away: the page has one."""
    axes = [ax for figure in drawn for ax in figure.axes]
    if len(axes) > 1 and axes:
        low, high = min(ax.get_ylim()[0] for ax in axes), max(ax.get_ylim()[1] for ax in axes)
        for ax in axes:
            ax.set_ylim(low, high)
    for figure in drawn:
        for owner in [*figure.legends, *(ax.get_legend() for ax in figure.axes)]:
            if owner is not None:
                owner.remove()


def inline(figure: Figure, prefix: str) -> Markup:
    """The figure as an SVG element; ids begin with `prefix`, so none is there twice."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}", svg)
    svg = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}', svg)
    head = re.search(r'viewBox="([^"]*)"', svg)
    body = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    box = head[1] if head else "0 0 100 100"
    return Markup(f'<svg viewBox="{box}" aria-hidden="true" focusable="false">{body.strip()}</svg>')
