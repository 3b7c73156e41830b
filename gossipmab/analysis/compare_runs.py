"""Two runs side by side: the differences of their experiments and of their regrets, and the cells that are equal bit for bit.

Cells match that stand at the same sweep point, with the same algorithm's label and the same trial; what else differs between
the two experiments is then what is compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.analysis.sentences import Comparison
from gossipmab.analysis.verify import same_bits
from gossipmab.experiments.results import Results
from gossipmab.experiments.spec.spec import Cell
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.experiments.storage.run_folder import differing
from gossipmab.metrics.statistics import holm, paired_p_value, paired_ratio
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Integers

LONGEST = 1_000  # characters of a value that differs, as of a matrix


class Finals(NamedTuple):
    """Mean regret of matching cells in either run, at the last round that all of them recorded in both.

    comparison: the second beside the first.
    """

    where: str
    algorithm: str
    metric: str
    round: int
    trials: int
    first: float
    second: float
    comparison: Comparison


class Versus(NamedTuple):
    """Two runs side by side.

    differences: (dotted key, value in the first, in the second). matching: cells that both have. equal: of those, how many
    are equal bit for bit. unequal: (cell id, arrays that differ). paired: whether matching trials have the same environments.
    horizons: last rounds of matching cells in the first run and in the second, if any differ. time, measured: what a round is
    called, and a metric.
    """

    differences: list[tuple[str, str, str]]
    matching: int
    equal: int
    unequal: list[tuple[str, list[str]]]
    paired: bool
    finals: list[Finals]
    horizons: tuple[list[int], list[int]] | None
    time: str = "round"
    measured: str = "regret"

    def lines(self) -> Iterator[str]:
        """The comparison in sentences."""
        if self.horizons:
            rounds = sorted({row.round for row in self.finals})
            ends = [" and ".join(f"{end:,}" for end in one) for one in self.horizons]
            at = " and ".join(f"{one:,}" for one in rounds)
            what = (
                f"{self.measured}s are those after {at} {self.time}s, the most that both recorded."
                if rounds
                else "no round was recorded by both."
            )
            yield f"The horizons differ ({ends[0]} {self.time}s in the first, {ends[1]} in the second): {what}"
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
    pairs: dict[tuple[str, str], list[tuple[TrialRecord, TrialRecord]]] = {}
    unequal = []
    for key in keys:
        one, other = traces[0][mine[key].id], traces[1][theirs[key].id]
        if different := same_bits(one, other):
            unequal.append((mine[key].id, different))
        pairs.setdefault(key[:2], []).append((one, other))
    ends: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    common = {row: _common_round([trace.rounds for pair in cells for trace in pair]) for row, cells in pairs.items()}
    for row, cells in pairs.items():
        tables = [(one.per_round(), other.per_round()) for one, other in cells] if common[row] else []
        for metric in first.kind.METRICS:
            both = [pair for pair in tables if metric in pair[0] and metric in pair[1]]
            values = [tuple(float(one[metric][one["round"] == common[row]][0]) for one in pair) for pair in both]
            if values:
                ends[*row, metric] = values  # type: ignore[assignment]
    last = [sorted({int(pair[side].rounds[-1]) for cells in pairs.values() for pair in cells}) for side in (0, 1)]
    apart = any(one.rounds[-1] != other.rounds[-1] for cells in pairs.values() for one, other in cells)
    found = differing(first.spec.canonical(), second.spec.canonical())
    differences = [(key, _short(old), _short(new)) for key, old, new in found if key != "sweep_order"]
    changed = {key.partition(".")[0] for key, _, _ in differences} | {key for key, _, _ in differences}
    paired = not changed & {"environment", "game", "experiment.seed", "files"}
    finals = _finals(ends, first.kind.METRICS, common)
    horizons = (last[0], last[1]) if apart else None
    words = first.kind.TIME, "regret" if first.kind.CUMULATIVE else "measure"
    return Versus(differences, len(keys), len(keys) - len(unequal), unequal, paired, finals, horizons, *words)


def _common_round(recorded: Sequence[Integers]) -> int:
    """The last round that all recorded; 0 if there is none."""
    return int(max(set.intersection(*(set(rounds.tolist()) for rounds in recorded)), default=0))


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


def _finals(
    ends: Mapping[tuple[str, str, str], list[tuple[float, float]]], titles: Mapping[str, str], rounds: Mapping[tuple[str, str], int]
) -> list[Finals]:
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
        about = f"{label} in the second run", "the first run", titles[metric]
        comparison = Comparison(where, *about, *ratio, p, len(one))
        found.append(
            Finals(where, label, metric, rounds[where, label], len(one), float(one.mean()), float(other.mean()), comparison)
        )
    return [row for row in found if not (math.isnan(row.first) and math.isnan(row.second))]


def _short(value: Any) -> str:
    text = "-" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
