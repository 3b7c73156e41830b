"""Comparisons of a run's algorithms in plain sentences, and the table of their final regrets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from gossipmab.analysis.plot_style import metrics_of
from gossipmab.experiments.summary import PRICE
from gossipmab.metrics.statistics import FEWEST_PAIRS
from gossipmab.utils.errors import unknown
from gossipmab.utils.formatting import format_count, format_number

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results

CHANCE = 0.05  # p-values from here on do not tell a difference from chance
COUNTS = ("messages", "bytes", "steps_per_second")
FACTOR = 2.0  # ratios from here on read better as a factor than as a percentage


class Comparison(NamedTuple):
    """One algorithm beside another, over n trials that share their environments.

    where: the sweep's point, "" without a sweep. quantity: such as "Pareto regret". ratio: of the means, with the 95 %
    bootstrap interval low to high of the pairs; p: of the paired test, corrected; any of them nan if undefined.
    """

    where: str
    subject: str
    reference: str
    quantity: str
    ratio: float
    low: float
    high: float
    p: float
    trials: int

    @property
    def clear(self) -> bool:
        """Whether the difference is distinguishable from chance: by the test, or by the interval if no test is possible."""
        if not math.isnan(self.p):
            return self.p < CHANCE
        return self.apart

    @property
    def apart(self) -> bool:
        """Whether the interval excludes that there is no difference."""
        return not math.isnan(self.low) and not self.low <= 1.0 <= self.high

    def in_words(self) -> str:
        """In words, such as "pooled: 74 % less regret than plain, 95 % interval 71 to 77 %, n = 15, p < 0.001"."""
        if math.isnan(self.ratio):
            return f"{self.subject}: no ratio to the {self.quantity} of {self.reference} is defined, n = {self.trials}"
        if self.ratio == self.low == self.high == 1.0:
            return f"{self.subject}: the same {self.quantity} as {self.reference} in every trial, n = {self.trials}"
        parts = [f"{self.subject}: {size(self.ratio, self.quantity, self.reference)}"]
        if not math.isnan(self.low):
            parts.append(f"95 % interval {interval(self.low, self.high, self.ratio >= FACTOR)}")
        few = f" (a test needs {FEWEST_PAIRS})" if math.isnan(self.p) and self.trials < FEWEST_PAIRS else ""
        parts.append(f"n = {self.trials}{few}")
        if not math.isnan(self.p):
            parts.append("p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}")
        doubt = (
            "" if self.clear else "; the corrected test is not sure of it" if self.apart else "; not distinguishable from chance"
        )
        return ", ".join(parts) + doubt

    def sentence(self) -> str:
        """The same with the sweep's point before it."""
        return f"{self.where}: {self.in_words()}" if self.where else self.in_words()


def size(ratio: float, quantity: str, reference: str) -> str:
    """The ratio in words: "74 % less regret than x", or "3.1 times the regret of x"."""
    if ratio >= FACTOR:
        return f"{ratio:.3g} times the {quantity} of {reference}"
    return f"{percent(ratio)} {'less' if ratio < 1.0 else 'more'} {quantity} than {reference}"


def interval(low: float, high: float, as_factor: bool) -> str:
    """The interval of a ratio in words; percentages run from the smaller change to the larger one."""
    if as_factor:
        return f"{low:.3g} to {high:.3g} times"
    if low < 1.0 < high:
        return f"from {percent(low)} less to {percent(high)} more"
    ends = sorted((low, high), key=lambda ratio: abs(ratio - 1.0))
    return f"{percent(ends[0]).removesuffix(' %')} to {percent(ends[1])}"


def percent(ratio: float) -> str:
    """How far the ratio is from 1: in whole percents from 10 on, else with a digit more."""
    change = 100 * abs(ratio - 1.0)
    return f"{change:.0f} %" if change >= 9.95 else f"{change:.1f} %"


def compare(summary: pd.DataFrame, keys: Sequence[str], baseline: str, metrics: Mapping[str, str]) -> list[Comparison]:
    """Every algorithm beside the baseline at the same point; of a single algorithm, every point beside the first one.

    Args:
        summary: of the run, as by `summary.summarise`, whose references these are.
        keys: its sweep columns.
        baseline: the label of the algorithm that the others stand beside.
        metrics: column -> what it is called.
    """
    rows = summary.to_dict("records")
    single = summary["algorithm"].nunique() == 1
    found = []
    for metric, quantity in metrics.items():
        for row in rows if metric in summary and summary[metric].any() else []:  # 0 throughout is a remark
            point = point_of(row, keys)
            if single:
                names = "", point, point_of(rows[0], keys)
            else:
                names = point, str(row["algorithm"]), baseline
            ratio, low, high, p = (float(row[f"{metric}_{name}"]) for name in ("ratio", "ratio_low", "ratio_high", "p"))
            if names[1] != names[2]:
                found.append(Comparison(*names, quantity, ratio, low, high, p, int(row["pairs"])))
    return found


def sentences_of(results: Results) -> list[str]:
    """A sentence for each comparison of the run's algorithms."""
    first = results.spec.algorithms[0].label
    return [one.sentence() for one in compare(results.summary(), results.keys, first, metrics_of(results, None))]


def reference_of(labels: Sequence[str]) -> str:
    """What the others stand beside, in words: the first of several algorithms, or the first point of a single one."""
    return labels[0] if len(labels) > 1 else "the first sweep point"


def point_of(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """The sweep's point of a row: "base = ring, link_probability = 0.1"."""
    return ", ".join(f"{key} = {row[key]}" for key in keys)


def p_in_words(p: float, pairs: int) -> str:
    """A p-value, or why there is none: fewer pairs than the test needs."""
    return f"n < {FEWEST_PAIRS}" if math.isnan(p) and 0 < pairs < FEWEST_PAIRS else format_number(p, 2)


def note_on_p(results: Results, summary: pd.DataFrame) -> str:
    """What the p of the table of final regrets is, and why it may be missing."""
    reference = reference_of([choice.label for choice in results.spec.algorithms])
    note = f"p: Wilcoxon signed-rank test against {reference}, trial by trial, Holm-corrected over this table"
    few = f"; n < {FEWEST_PAIRS}: with so few trials no data could reach {CHANCE}"
    return note + (few if (summary["pairs"] < FEWEST_PAIRS).any() else "")


def final_rows(
    results: Results, column: str, without: Sequence[str] = (), chosen: Sequence[str] = ()
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the final regrets of one metric, with intervals, exponents, tests, and means of the other columns.

    chosen: the columns in this order, by these names: sweep columns, algorithm, trials, round, regret, interval, exponent, p, and
    any column of the summary.

    Raises:
        InputError: there is no such column.
    """
    summary, keys = results.summary(), results.keys
    means = [*results.kind.MEANS, *([PRICE] if column == "nsw_regret" else []), "steps_per_second"]
    means = [name for name in means if name in summary and summary[name].notna().any() and name not in without]
    headings = {key: key for key in (*keys, "algorithm", "trials")}
    headings |= {"round": "T", "regret": "at T", "interval": "95 % interval"}
    headings |= {"exponent": "exponent", "p": "p"} if results.kind.CUMULATIVE else {"p": "p"}
    headings |= {name: name.replace("_", " ") for name in means}
    for name in chosen:
        if name not in headings and name not in summary:
            raise unknown("--columns", name, {*headings, *summary})
    names = list(chosen or headings)
    rows = [[_cell(row, name, column, keys) for name in names] for row in summary.to_dict("records")]
    return [headings.get(name, name.replace("_", " ")) for name in names], rows


def _cell(row: Mapping[Any, Any], name: str, column: str, keys: Sequence[str]) -> str:
    if name in (*keys, "algorithm", "trials", "pairs"):
        return str(row[name])
    if name == "round":
        return f"{row[name]:,}"
    if name == "interval":
        low, high = row[f"{column}_low"], row[f"{column}_high"]
        return "-" if math.isnan(low) else f"{format_number(low)} to {format_number(high)}"
    if name == "p":
        itself = math.isnan(row[f"{column}_ratio"])
        return p_in_words(row[f"{column}_p"], 0 if itself else row["pairs"])
    if name in ("regret", "exponent"):
        return format_number(row[column]) if name == "regret" else format_number(row[f"{column}_exponent"], 3)
    return format_count(row[name]) if name in COUNTS else format_number(row[name], 3)
