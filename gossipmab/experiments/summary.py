"""The summary of a run: one row for each sweep point and algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gossipmab.experiments.spec.spec import Spec
from gossipmab.metrics.columns import about
from gossipmab.metrics.statistics import (
    UNDEFINED,
    bootstrap_interval,
    growth_exponent,
    holm,
    negligible,
    paired_p_value,
    paired_ratio,
)
from gossipmab.metrics.trace import TrialRecord
from gossipmab.utils.types import Floats, Integers

RATIO = ("ratio", "ratio_low", "ratio_high")

PRICE = "price_of_decentralisation"
VANISHING = 1e-6  # NSW regret a round, of all agents


def summarise(
    table: pd.DataFrame,
    keys: Sequence[str],
    baseline: str,
    speeds: pd.DataFrame,
    kind: type[TrialRecord],
    yardstick: str | None = None,
) -> pd.DataFrame:
    """Final regrets, their intervals, exponents and tests; the means of other columns, speed; means over trials.

    Args:
        table: the tidy results.
        keys: its sweep columns.
        baseline: the algorithm that others are tested against.
        speeds: columns of `keys`, algorithm, trial, steps_per_second.
        kind: the class of the traces, which declares the metrics.
        yardstick: the label of an algorithm that no network allows, if the run has one.

    For each metric: its mean at the last round, `_low` and `_high` its 95 % bootstrap interval, `_exponent`
    the growth exponent of a regret's mean curve, `_p` the Wilcoxon signed-rank p-value against the reference, Holm-corrected
    over all of the metric's tests in this table, `_ratio` its mean beside that of the reference over the trials that both have
    (`pairs`), `_ratio_low` and `_ratio_high` the 95 % bootstrap interval of that. With a yardstick, price_of_decentralisation: the
    mean NSW regret as a multiple of the yardstick's. steps_per_second: median of agent-steps a second. The reference is the
    baseline at the same sweep point; of a run with one algorithm, the first point.
    """
    metrics = [metric for metric in kind.METRICS if metric in table]
    groups = _groups(table, list(keys), [*metrics, *kind.MEANS, *(["nsw_regret"] if yardstick is not None else [])])
    single = table["algorithm"].nunique() == 1
    first = next(iter(groups.values()))
    rows, tests = [], []
    for (*point, algorithm), group in groups.items():
        reference = first if single else groups.get((*point, baseline))
        row: dict[str, object] = dict(zip(keys, point, strict=True))
        row |= {"algorithm": algorithm, "trials": len(group.trials), "round": int(group.rounds[-1])}
        common = [group.trials] if reference is None else [group.trials, reference.trials]
        both, *places = np.intersect1d(common[0], common[-1], assume_unique=True, return_indices=True)
        row["pairs"] = 0 if reference is None else len(both)
        test = {}
        for metric in metrics:
            final = group.final[metric]
            low, high = bootstrap_interval(final)
            row |= {metric: _mean(final), f"{metric}_low": low, f"{metric}_high": high}
            row |= {f"{metric}_exponent": growth_exponent(group.rounds, group.mean[metric])} if kind.CUMULATIVE else {}
            row |= {f"{metric}_p": math.nan}
            itself = reference is None or group is reference
            pair = () if reference is None or itself else (reference.final[metric][places[1]], final[places[0]])
            test[metric] = paired_p_value(*pair) if pair else math.nan
            row |= {f"{metric}_{name}": x for name, x in zip(RATIO, paired_ratio(*pair) if pair else UNDEFINED, strict=True)}
        row |= {name: _mean(group.final[name]) for name in kind.MEANS}
        if yardstick is not None:
            ideal = groups.get((*point, yardstick))
            own, best = (math.nan if one is None else _mean(one.final["nsw_regret"]) for one in (group, ideal))
            row[PRICE] = math.nan if negligible(best, own) else own / best
        rows.append(row)
        tests.append(test)
    for metric in metrics:
        for row, p in zip(rows, holm([test[metric] for test in tests]), strict=True):
            row[f"{metric}_p"] = p
    by = [*keys, "algorithm"]
    speed = speeds.groupby(by, sort=False)["steps_per_second"].median().round(-2)
    return pd.DataFrame(rows).merge(speed.reset_index(), on=by, how="left")


class _Group(NamedTuple):
    """The cells of a sweep point and an algorithm: trials (n,), final (n,) by column, rounds (R,), mean (R,) by column."""

    trials: Integers
    final: dict[str, Floats]
    rounds: Integers
    mean: dict[str, Floats]


def _groups(table: pd.DataFrame, keys: list[str], names: list[str]) -> dict[tuple[Any, ...], _Group]:
    """(*sweep values, algorithm) -> its cells, in the table's order."""
    columns = {name: table[name].to_numpy(dtype=np.float64) for name in dict.fromkeys(names)}
    trials, rounds = table["trial"].to_numpy(), table["round"].to_numpy()
    found = {}
    number = table.groupby([*keys, "algorithm"], sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        met, place, count = np.unique(rounds[rows], return_inverse=True, return_counts=True)
        mean = {name: np.bincount(place, values[rows]) / count for name, values in columns.items()}
        last = rows[rounds[rows] == met[-1]]
        last = last[np.argsort(trials[last], kind="stable")]
        label = tuple(table[name].iat[rows[0]] for name in (*keys, "algorithm"))
        found[label] = _Group(trials[last], {name: values[last] for name, values in columns.items()}, met, mean)
    return found


def _mean(values: Floats) -> float:
    """The mean of the values that are defined; nan if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def vanishing(spec: Spec, table: pd.DataFrame) -> list[str]:
    """A line if the NSW regret of algorithms that are about it is next to nothing from the first recorded round on; else none."""
    measured = spec.experiment.protocol == "gossip" and any(about(one.name) == "nsw" for one in spec.algorithms)
    if not measured or spec.experiment.welfare != "product" or table.empty:
        return []
    early = table[table["round"] == table["round"].min()]
    if not (early["nsw_regret"] / early["round"] < VANISHING).all():
        return []
    advice = 'experiment.welfare = "geometric", its N-th root, shows the differences'
    return [f"NSW regret is below {VANISHING:g} a round from the beginning, for a product of many utilities vanishes; {advice}"]
