"""Two runs side by side: the differences of their experiments and of their regrets, and the cells that are equal bit for bit.

Cells match that stand at the same sweep point, with the same algorithm's label and the same trial; what else differs between
the two experiments is then what is compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gossipmab.analysis.sentences import Comparison
from gossipmab.analysis.verify import same_bits
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec.spec import Cell
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.experiments.storage.run_folder import differing
from gossipmab.metrics.statistics import holm, paired_p_value, paired_ratio
from gossipmab.utils.errors import InputError

LONGEST = 60  # characters of a value that differs


class Finals(NamedTuple):
    """Mean final regret of matching cells in either run; sentence: the second beside the first."""

    where: str
    algorithm: str
    metric: str
    trials: int
    first: float
    second: float
    comparison: Comparison


class Versus(NamedTuple):
    """Two runs side by side.

    differences: (dotted key, value in the first, in the second). matching: cells that both have. equal: of those, how many
    are equal bit for bit. unequal: (cell id, arrays that differ). paired: whether matching trials have the same environments.
    """

    differences: list[tuple[str, str, str]]
    matching: int
    equal: int
    unequal: list[tuple[str, list[str]]]
    paired: bool
    finals: list[Finals]

    def lines(self) -> Iterator[str]:
        """The comparison in sentences."""
        yield from (row.comparison.sentence() for row in self.finals)
        if not self.matching:
            yield "No cell matches: no sweep point, label and trial that both runs have."
        elif not self.unequal:
            yield f"All {self.matching} matching cells are equal bit for bit."
        else:
            name, arrays = self.unequal[0]
            first = f"the first that is not, {name}, differs in {', '.join(arrays)}."
            yield f"{self.equal} of {self.matching} matching cells are equal bit for bit; {first}"
        if self.matching and not self.paired:
            yield "Their environments differ: trials of the same number are compared, but they share nothing."


def versus(first: Results, second: Results) -> Versus:
    """Compare two runs, finished or not.

    Raises:
        InputError: they are of different protocols, so that nothing could be compared.
    """
    if first.kind is not second.kind:
        names = [run.spec.experiment.protocol for run in (first, second)]
        raise InputError(f"protocol: the first run has {names[0]!r}, the second {names[1]!r}; allowed are runs of the same")
    mine, theirs = matchable(first), matchable(second)
    keys = [key for key in mine if key in theirs]
    traces = first.traces, second.traces
    ends: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    unequal = []
    for key in keys:
        one, other = traces[0][mine[key].id], traces[1][theirs[key].id]
        different = same_bits(one, other)
        if different:
            unequal.append((mine[key].id, different))
        before, after = one.per_round(), other.per_round()
        for metric in first.kind.METRICS:
            if metric in before and metric in after:
                row = (key[0], key[1], metric)
                ends.setdefault(row, []).append((float(before[metric][-1]), float(after[metric][-1])))
    found = differing(first.spec.canonical(), second.spec.canonical())
    differences = [(key, _short(old), _short(new)) for key, old, new in found if key != "sweep_order"]
    changed = {key.partition(".")[0] for key, _, _ in differences} | {key for key, _, _ in differences}
    paired = not changed & {"environment", "experiment.seed", "files"}
    finals = _finals(ends, first.kind.METRICS)
    return Versus(differences, len(keys), len(keys) - len(unequal), unequal, paired, finals)


def matchable(results: Results) -> dict[tuple[str, str, int], Cell]:
    """(sweep point, label, trial) -> cell, of the finished ones."""
    names = columns(list(results.spec.sweep))
    there = results.traces
    found = {}
    for cell in results.spec.cells():
        point = ", ".join(f"{names[key]} = {scalar(value)}" for key, value in sorted(cell.point.values.items()))
        if cell.id in there:
            found[point, cell.label, cell.trial] = cell
    return found


def _finals(ends: Mapping[tuple[str, str, str], list[tuple[float, float]]], titles: Mapping[str, str]) -> list[Finals]:
    """Means, ratios and tests, corrected over all tests of a metric."""
    pairs = {row: np.array(values).T for row, values in ends.items()}
    p_values = {row: paired_p_value(*pair) for row, pair in pairs.items()}
    for metric in titles:
        rows = [row for row in p_values if row[2] == metric]
        p_values |= dict(zip(rows, holm([p_values[row] for row in rows]), strict=True))
    found = []
    for (where, label, metric), (one, other) in pairs.items():
        p = p_values[where, label, metric]
        ratio = paired_ratio(one, other)
        about = f"{label} in the second run", "in the first", titles[metric]
        comparison = Comparison(where, *about, *ratio, p, len(one))
        found.append(Finals(where, label, metric, len(one), float(one.mean()), float(other.mean()), comparison))
    return [row for row in found if not (math.isnan(row.first) and math.isnan(row.second))]


def _short(value: Any) -> str:
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
