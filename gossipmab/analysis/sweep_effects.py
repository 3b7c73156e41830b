"""The sweep's question: what a swept key does to the final metrics of each algorithm, at the same values of the other keys.

Points of a sweep share their trials (environment and random numbers), so they are compared trial by trial. Along numbers, the last
point stands beside the first, and Spearman's rank correlation over all points says whether regret falls or rises on the way. Along
anything else, every point stands beside the first. Points that change several keys at once are compared as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.analysis.sentences import FACTOR, Comparison, p_in_words, percent
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.metrics.statistics import UNDEFINED_TREND, Trend, holm, paired_p_value, paired_ratio, rank_trend
from gossipmab.utils.formatting import format_number
from gossipmab.utils.types import Floats

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

Finals = Mapping[tuple[int, str], Mapping[int, float]]  # (sweep point, label) -> trial -> final regret


class Effect(NamedTuple):
    """What one algorithm loses or gains between two points of the sweep.

    metric: column. key: the column that changes, or several. where: values of the other keys, "" if there is one set of them.
    begin, end: values of the key. ordered: whether they are the ends of an ordered key; then `trend` is over all `points`, and
    least, or largest of a metric of which more is better, is the value in between that is clearly better than both ends, if there
    is one. first, last: means.
    comparison: the end beside the beginning.
    """

    metric: str
    key: str
    where: str
    algorithm: str
    begin: str
    end: str
    ordered: bool
    points: int
    first: float
    last: float
    comparison: Comparison
    trend: Trend
    least: str
    largest: str

    @property
    def words(self) -> str:
        """The change in words: "49 % less", "3.1 times as much", "no clear difference"."""
        one, t = self.comparison, self.trend
        if one.ratio == one.low == one.high == 1.0:
            return "no difference"
        if np.isnan(one.ratio):
            return "no ratio is defined"
        change = (
            f"{one.ratio:.3g} times as much"
            if one.ratio >= FACTOR
            else f"{percent(one.ratio)} {'less' if one.ratio < 1 else 'more'}"
        )
        if one.trials < 2:
            return f"{change} in the only trial"
        if one.clear or one.apart:
            return change if one.clear else f"perhaps {change}"
        way = "falls" if t.high < 0.0 else "rises" if t.low > 0.0 else ""
        return "no clear difference" + (f" between the ends, but it {way} on the way" if way else "")


def effects(results: Results) -> list[Effect]:
    """The effects of every key that was swept; p-values are Holm-corrected over all effects on the same metric."""
    lines = [line for line in _lines(results) if len(line.points) > 1]
    if not lines:
        return []
    summary, found, last = results.summary(), list[Effect](), _last_rows(results)
    known = {column for column in summary if summary[column].any()}
    for metric, title in ((metric, title) for metric, title in metrics_of(results, None).items() if metric in known):
        finals = {where: dict(zip(rows["trial"].tolist(), rows[metric].tolist(), strict=True)) for where, rows in last.items()}
        of_metric = [one for line in lines for one in _effects(results, line, finals, metric, title)]
        for one, p in zip(of_metric, holm([one.comparison.p for one in of_metric]), strict=True):
            found.append(one._replace(comparison=one.comparison._replace(p=p)))
    return found


class _Line(NamedTuple):
    """Points of the sweep that differ in one key, by number, in the order in which they are compared; and the key's values."""

    key: str
    full: str
    where: str
    points: list[int]
    values: list[Any]
    ordered: bool


def _lines(results: Results) -> Iterator[_Line]:
    sweep, points, names = results.spec.sweep, results.spec.points, columns(list(results.spec.sweep))
    alone = [(key,) for key in sweep if key != "experiment.seed" and len(set(map(str, sweep[key]))) > 1]  # seeds share nothing
    together = tuple(results.spec.listed[0]) if results.spec.listed else ()
    found = [line for keys in alone for line in _along(points, keys, names)]
    moved = {line.full for line in found if len(line.points) > 1}
    if together and not moved & set(together):
        found += _along(points, together, names)
    yield from found


def _along(points: Sequence[Any], keys: Sequence[str], names: Mapping[str, str]) -> list[_Line]:
    """The lines along the keys, one for each set of values of the other keys."""
    groups: dict[tuple[str, ...], list[int]] = {}
    others = [key for key in names if key not in keys]
    for number, point in enumerate(points):
        groups.setdefault(tuple(str(scalar(point.values[key])) for key in others), []).append(number)
    groups = {where: members for where, members in groups.items() if len(members) > 1}
    tells = [place for place, _ in enumerate(others) if len({where[place] for where in groups}) > 1]
    lines = []
    for where, members in groups.items():
        values = [points[number].values[keys[0]] for number in members]
        ordered = len(keys) == 1 and all(type(value) in (int, float) for value in values)
        if ordered:
            values, members = map(list, zip(*sorted(zip(values, members, strict=True)), strict=True))
        else:
            values = [", ".join(str(scalar(points[number].values[key])) for key in keys) for number in members]
        text = ", ".join(f"{names[others[place]]} = {where[place]}" for place in tells)
        lines.append(_Line(", ".join(names[key] for key in keys), keys[0], text, members, values, ordered))
    return lines


def _last_rows(results: Results) -> dict[tuple[int, str], pd.DataFrame]:
    """The rows at the last round, a trial each, of every point and algorithm."""
    table, names = results.table(), columns(list(results.spec.sweep))
    last = table.loc[table.groupby([*names.values(), "algorithm", "trial"], sort=False)["round"].idxmax()]
    found: dict[tuple[int, str], pd.DataFrame] = {}
    for number, point in enumerate(results.spec.points):
        here = last
        for key, name in names.items():
            value = scalar(point.values[key])
            here = here[here[name] == (value if here[name].dtype.kind in "bif" else str(value))]
        found |= {(number, str(label)): rows for label, rows in here.groupby("algorithm", sort=False)}
    return found


def _effects(results: Results, line: _Line, finals: Finals, metric: str, title: str) -> Iterator[Effect]:
    agents = [results.spec.points[number].agents for number in line.points]
    share = (
        np.array(agents, dtype=np.float64) if results.kind.SUMMED and len(set(agents)) > 1 and all(agents) else np.ones(len(agents))
    )
    quantity = title + (" an agent" if share[0] != share[-1] else "")
    for label in (choice.label for choice in results.spec.algorithms):
        owner = line.full.removeprefix("algorithms.").rpartition(".")[0]
        if line.full.startswith("algorithms.") and owner not in ("*", label):
            continue  # a parameter of another algorithm
        runs = [finals.get((number, label), {}) for number in line.points]
        ends = [len(runs) - 1] if line.ordered else list(range(1, len(runs)))
        for end in ends:
            used = range(len(runs)) if line.ordered else (0, end)
            trials = sorted(set.intersection(*(set(runs[k]) for k in used)))
            y = np.array([[runs[k][trial] for k in used] for trial in trials]).reshape(len(trials), len(used)) / share[list(used)]
            if not len(trials):
                continue
            p, ratio = paired_p_value(y[:, 0], y[:, -1]), paired_ratio(y[:, 0], y[:, -1])
            begin, last = str(scalar(line.values[0])), str(scalar(line.values[end]))
            about = f"{label} at {line.key} = {last}", f"{label} at {begin}", quantity
            comparison = Comparison(line.where, *about, *ratio, p, len(trials))
            trend = rank_trend(np.array(line.values, dtype=np.float64), y) if line.ordered else UNDEFINED_TREND
            largest = metric in results.kind.LARGEST
            inner = str(scalar(line.values[best])) if line.ordered and (best := _inner_best(y, largest)) else ""
            means = float(y[:, 0].mean()), float(y[:, -1].mean())
            yield Effect(
                metric, line.key, line.where, label, begin, last, line.ordered, len(runs), *means, comparison, trend,
                "" if largest else inner, inner if largest else "",
            )  # fmt: skip


def _inner_best(y: Floats, largest: bool) -> int:
    """The inner point of the best mean, if its 95 % intervals beside both ends exclude that there is no difference; else 0."""
    mean = y.mean(axis=0)
    best = int(np.argmax(mean) if largest else np.argmin(mean))
    beside = [paired_ratio(y[:, end], y[:, best]) for end in (0, -1)]
    better = [one.low > 1.0 if largest else one.high < 1.0 for one in beside]
    return best if 0 < best < y.shape[1] - 1 and all(better) else 0


def answers(found: Sequence[Effect]) -> Iterator[str]:
    """The effects in sentences: of all algorithms from end to end, or of each algorithm beside the first of several points."""
    for _, same in groupby(
        found, lambda one: (one.metric, one.key, one.where, one.points > 2 and not one.ordered and one.algorithm)
    ):
        group = list(same)
        one = group[0]
        quantity, where = one.comparison.quantity, f"{one.where}: " if one.where else ""
        if one.ordered or one.points == 2:
            best = {e: f" (least at {e.least})" if e.least else f" (largest at {e.largest})" if e.largest else "" for e in group}
            parts = [f"{e.words} for {e.algorithm}{best[e]}" for e in group]
            yield f"{where}{quantity} from {one.key} = {one.begin} to {one.end}: {', '.join(parts)}."
        else:
            alike = {e.words: [other.end for other in group if other.words == e.words] for e in group}
            parts = [f"{words} at {', '.join(ends)}" for words, ends in alike.items()]
            yield f"{where}{quantity} of {one.algorithm} beside {one.key} = {one.begin}: {'; '.join(parts)}."


def effect_tables(found: Sequence[Effect]) -> Iterator[tuple[str, list[str], list[list[str]], int]]:
    """Title, headings, rows and the number of columns that hold words: one table for each metric and key."""
    for (_, key, ordered), same in groupby(found, lambda one: (one.metric, one.key, one.ordered)):
        rows = list(same)
        ends = {(one.begin, one.end) for one in rows}
        fixed = ordered and len(ends) == 1
        drop = [not any(one.where for one in rows), False, fixed, fixed]
        names = [name for name, without in zip(("where", "algorithm", "from", "to"), drop, strict=True) if not without]
        table = []
        for one in rows:
            c, t = one.comparison, one.trend
            words = [w for w, without in zip((one.where, one.algorithm, one.begin, one.end), drop, strict=True) if not without]
            means = f"{format_number(one.first)} to {format_number(one.last)}"
            numbers = [means, format_number(c.ratio, 3), _interval(c.low, c.high)]
            trend = [_signed(t.value), f"{_signed(t.low)} to {_signed(t.high)}" if np.isfinite(t.low) else "-"] if ordered else []
            table.append([*words, *numbers, p_in_words(c.p, c.trials), *trend])
        headings = [*names, "means", "ratio", "95 % interval", "p", *(["trend", "trend's interval"] if ordered else [])]
        span = f"from {key} = {rows[0].begin} to {rows[0].end}" if fixed else f"across {key}"
        yield f"{rows[0].comparison.quantity} {span}, paired by trial", headings, table, len(names)


NOTE = (
    "ratio: of the second mean to the first, with the bootstrap interval of the pairs; p: Wilcoxon signed-rank test, "
    "Holm-corrected over all rows of this metric across the sweep; trend: Spearman's rank correlation over all points, "
    "from -1 (falls) to +1 (rises), mean of the trials, with its bootstrap interval"
)


def _interval(low: float, high: float) -> str:
    return "-" if np.isnan(low) else f"{format_number(low, 3)} to {format_number(high, 3)}"


def _signed(value: float) -> str:
    return f"{value:+.2f}"
