"""What the figures of a run show, as numbers: charts of panels of curves. `plots.py` draws them.

`charts` gives all charts of a run, and `over_rounds` the panels of one metric: title, x, mean, band and trials of every curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.analysis.plot_style import Look, in_brief, logarithmic, metrics_of, others_of, short
from gossipmab.analysis.regret_bounds import ORDERS, Guide, fitted, guide_for
from gossipmab.analysis.selection import BANDS, View, by_algorithm, by_point, matrix
from gossipmab.experiments.spec.sweep import kept_apart
from gossipmab.metrics.columns import title_of
from gossipmab.metrics.statistics import spread
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.types import Floats

LOGARITHMIC = {(False, False): "none", (True, False): "x", (False, True): "y", (True, True): "both"}  # x, y -> the axes
FAR = 8.0  # see `_scale`
GUIDE = Look("#707070", (0, (3, 2)), "", "")


class Curve(NamedTuple):
    """A mean over n trials, and its band, which is the mean itself where there is none.

    label: of the algorithm, as in tables; "" of a guide. name: in legends. x, mean, low, high: (P,).
    """

    label: str
    name: str
    look: Look
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    n: int


class Panel(NamedTuple):
    """The curves at one sweep point; the title is empty if there is but one."""

    title: str
    curves: list[Curve]


class Chart(NamedTuple):
    """A figure in numbers.

    stem: of its files. heading, note: what it shows, in words. corner: trials and band, in few. ticks: what x = 0, 1, ... stand
    for, where x is no number. log: "x", "y", "both" or "none". marks: whether points are marked, with their bands as bars.
    unit: of x. from_zero: whether the axis of y begins at 0 if it is linear.
    """

    stem: str
    heading: str
    note: str
    panels: list[Panel]
    xlabel: str
    ylabel: str
    corner: str
    log: str = "none"
    ticks: Sequence[str] = ()
    marks: bool = False
    unit: str = ""
    from_zero: bool = True


def charts(seen: View, metric: str | None = None, bound: str | None = None) -> Iterator[Chart]:
    """All charts, the regret curves first.

    Args:
        seen: what of the run is drawn.
        metric: "pareto", "nsw", "both", or what else the protocol measures; None as fits the algorithms.
        bound: as for `guide_for`.

    Raises:
        InputError: an unknown metric or order.
    """
    results, table = seen.results, seen.table
    mean = f"the mean over trials; bands and bars: {BANDS[seen.band][0]}."
    for column, title in metrics_of(results, metric).items():
        if column not in table or not np.isfinite(table[column]).any():
            continue  # not measured, or not defined: NSW where utilities are negative
        stem, head = stem_of(column), f"{title[0].upper()}{title[1:]}"
        algorithms = [one for one in results.spec.algorithms if (table["algorithm"] == one.label).any()]
        guide = guide_for(bound, column, algorithms)
        note = f" The thin grey line is the order of the bound of {seen.style[guide.label].name}, fitted at T." if guide else ""
        over = f", {seen.over}" if seen.over else ""
        panels = over_rounds(seen, column, guide)
        points = table.groupby(seen.keys).ngroups if seen.keys else 1
        some = f" (the first {len(panels)} of {points} sweep points)" if points > len(panels) else ""
        kind = results.kind
        whole, scale = (f"Cumulative, {mean}", _scale(panels)) if kind.CUMULATIVE else (f"{mean[0].upper()}{mean[1:]}", "none")
        yield Chart(f"{stem}", f"{head} over time", f"{whole}{note}", panels, f"{time_of(kind)}{some}",
                    f"{title_of(kind, column)}{over}", corner(panels, seen.band), seen.log or scale)  # fmt: skip
        for key in seen.keys:
            if table[key].nunique() > 1:
                heading = f"{head} against {key.replace('_', ' ')}"
                label = f"{title} at the last round{over}"
                yield _against(seen, key, column, f"{stem}_against_{kept_apart(key)}", heading, f"At the last round, {mean}", label)
        if "bytes" in table and (table["bytes"] > 0).any():
            note = "The gain from communication. Algorithms that send nothing are level lines at their final regret."
            when = f"{title} at the last round" if seen.keys else title_of(kind, column)
            yield against_bytes(seen, column, f"{stem}_against_bytes", f"{head} against bytes sent", note, f"{when}{over}")
    if "sampling_error" in table:
        note = (
            "Solid: consensus, the largest distance of an agent's estimates from the mean of all local averages. Dotted: "
            "sampling, the distance of that mean from the truth. The error of an estimate is their sum at most. Means over trials."
        )
        lines = {"disagreement": ("-", "consensus"), "sampling_error": (":", "sampling")}
        names = "estimation_error", "Error of the estimates over time", note
        yield _of_parts(seen, lines, names, "error of the estimates (largest entry)", "both")
    if "front_share" in table and np.isfinite(table["front_share"]).any():
        note = (
            "Solid: evenness, the entropy of the pulls on the Pareto front against its maximum. Dotted: the share of all pulls "
            "that were on the front. Small regret with little evenness: one arm, pulled again and again. Means over trials."
        )
        lines = {"front_evenness": ("-", "evenness"), "front_share": (":", "share")}
        names = "front_coverage", "Coverage of the Pareto front over time", note
        yield _of_parts(seen, lines, names, "pulls on the Pareto front", "x")
    if "multiplier" in table and (table["multiplier"] > 0).any():
        priced = seen._replace(table=table[np.isfinite(table["multiplier"])])
        panels, label = over_rounds(priced, "multiplier"), title_of(results.kind, "multiplier")
        heading, when = "Price on inequality over time", time_of(results.kind)
        yield Chart("multiplier", heading, mean.capitalize(), panels, when, label, corner(panels, seen.band), seen.log or "none")


def stem_of(column: str) -> str:
    """The name of the files of a metric's figure."""
    return f"{short(column)}_regret".removeprefix("regret_") if "regret" in column else column


def time_of(kind: type[TrialRecord]) -> str:
    """The axis of rounds."""
    return f"{kind.COLUMNS['rounds'].title} $t$"


def over_rounds(seen: View, column: str, guide: Guide | None = None) -> list[Panel]:
    """A metric against rounds, a panel for every sweep point, the first MOST_PANELS of them."""
    groups = by_point(seen.table, seen.keys)
    found = []
    for title, rows in groups:
        curves = []
        for label, mine in by_algorithm(rows):
            rounds, values = matrix(mine, column)
            curve = _curve(label, seen.style[label], rounds, values, seen.band)
            curves.append(curve)
            if guide is not None and label == guide.label:
                along, c = fitted(guide.order, rounds, curve.mean)
                order = f"{c:.3g} {ORDERS[guide.order][0]}" if len(groups) == 1 else f"c {ORDERS[guide.order][0]}"
                curves.append(Curve("", f"{order}, fitted at T", GUIDE, curve.x, along, along, along, curve.n))
        found.append(Panel(title, curves))
    return found


def parts_over_rounds(seen: View, lines: Mapping[str, tuple[str, str]]) -> list[Panel]:
    """Some columns over time, means over trials. lines: column -> its line style, and what it is called beside the algorithm."""
    found = []
    for title, rows in by_point(seen.table, seen.keys):
        curves = []
        for label, mine in by_algorithm(rows):
            means = mine.groupby("round")[list(lines)].mean()
            look, x, n = seen.style[label], means.index.to_numpy(np.float64), mine["trial"].nunique()
            for column, (line, what) in lines.items():
                mean = means[column].to_numpy()
                if (mean > 0).any():
                    curves.append(Curve(label, f"{look.name}, {what}", look._replace(linestyle=line), x, mean, mean, mean, n))
        found.append(Panel(title, curves))
    return found


def _of_parts(seen: View, lines: Mapping[str, tuple[str, str]], names: tuple[str, str, str], ylabel: str, log: str) -> Chart:
    """The chart of `parts_over_rounds`. names: stem, heading and note. log: of the axes, unless the view says otherwise."""
    panels = parts_over_rounds(seen, lines)
    return Chart(*names, panels, "round $t$", ylabel, corner(panels), seen.log or log, from_zero=False)


def _against(seen: View, key: str, column: str, stem: str, heading: str, note: str, ylabel: str) -> Chart:
    """A metric at the last round against one swept quantity, a panel for every value of the others."""
    values = list(dict.fromkeys(seen.table[key]))
    numbers = all(isinstance(v, int | float | np.number) and not isinstance(v, bool | np.bool_) for v in values)
    values = sorted(values) if numbers else values
    found = []
    for title, rows in by_point(seen.table, others_of(seen.results, key), key):
        curves = []
        for label, mine in by_algorithm(rows):
            here = [v for v in values if (mine[key] == v).any()]
            ends = [matrix(mine[mine[key] == v], column)[1][:, -1:] for v in here]
            parts = [_curve(label, seen.style[label], np.array([0.0]), end, seen.band) for end in ends]
            x = np.array(here if numbers else [values.index(v) for v in here], dtype=np.float64)
            look = seen.style[label] if numbers else seen.style[label]._replace(linestyle="none")
            mean, low, high = (np.array([getattr(one, name)[0] for one in parts]) for name in ("mean", "low", "high"))
            curves.append(Curve(label, look.name, look, x, mean, low, high, max(one.n for one in parts)))
        found.append(Panel(title, curves))
    log = LOGARITHMIC[numbers and logarithmic(values), seen.results.kind.CUMULATIVE and _scale(found) == "y"]
    names = [] if numbers else [in_brief(v) for v in values]
    return Chart(stem, heading, note, found, key.replace("_", " "), ylabel, corner(found, seen.band), seen.log or log, names, True)


def against_bytes(seen: View, column: str, stem: str, heading: str, note: str, ylabel: str) -> Chart:
    """A metric against bytes sent: along the rounds without a sweep, at the last round of every point with one.

    Algorithms that send nothing are level lines at the mean of their final regret.
    Points of a sweep without an order are not joined.
    """
    table, keys = seen.table, seen.keys
    last = table[table["round"] == table.groupby(keys)["round"].transform("max")] if keys else table
    ends = (0.0, float(last["bytes"].max()))
    sent = last[last["bytes"] > 0].groupby(keys or ["round"])["bytes"].mean()
    xlog = bool(keys) and logarithmic(list(sent))
    joined = not keys or (len(keys) == 1 and table[keys[0]].dtype.kind in "if")
    curves = []
    for label, look in seen.style.items():
        rows = last[last["algorithm"] == label]
        n = rows["trial"].nunique()
        if not len(rows):
            continue
        if not (rows["bytes"] > 0).any():
            x = np.array([sent.min() if xlog else ends[0], ends[1]])
            level = np.full(2, rows[rows["round"] == rows["round"].max()][column].mean())
            curves.append(Curve(label, f"{look.name}, no messages", look._replace(marker=""), x, level, level, level, n))
            continue
        mean = rows.groupby(keys or ["round"], sort=False)[["bytes", column]].mean().sort_values("bytes")
        drawn = look._replace(marker=look.marker if keys else "", linestyle=look.linestyle if joined else "none")
        y = mean[column].to_numpy()
        curves.append(Curve(label, look.name, drawn, mean["bytes"].to_numpy(np.float64), y, y, y, n))
    panels = [Panel("", curves)]
    log = LOGARITHMIC[xlog, _scale(panels) == "y"]
    return Chart(stem, heading, note, panels, "bytes sent by all agents", ylabel, corner(panels), seen.log or log,
                 marks=bool(keys), unit="B")  # fmt: skip


def _curve(label: str, look: Look, x: Any, values: Floats, band: str) -> Curve:
    """The curve of values (trials, P)."""
    low, high = spread(values, band)
    return Curve(label, look.name, look, np.asarray(x, np.float64), values.mean(axis=0), low, high, len(values))


def _scale(panels: Sequence[Panel]) -> str:
    """The axis of regret that is logarithmic: "y" where a curve's highest mean is FAR times another's, all above 0; or "none".

    On a linear axis the lower curve of such a panel is a line at the bottom.
    """
    for panel in panels:
        means = [curve.mean for curve in panel.curves if curve.label and len(curve.mean)]
        ends = [float(mean.max()) for mean in means]
        if ends and all(mean[-1] > 0 for mean in means) and max(ends) > FAR * min(ends):
            return "y"
    return "none"


def corner(panels: Sequence[Panel], band: str = "") -> str:
    """Trials and band in few words: "n = 20, 95 % CI"."""
    n = sorted({curve.n for panel in panels for curve in panel.curves})
    if not n:
        return ""
    trials = f"n = {n[0]}" if len(n) == 1 else f"n = {n[0]} to {n[-1]}"
    return f"{trials}, {BANDS[band][1]}" if band and n[-1] > 1 else trials
