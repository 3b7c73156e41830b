"""The summary of a run: one row for each sweep point and algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gossipmab.metrics.statistics import (
    UNDEFINED,
    bootstrap_interval,
    growth_exponent,
    holm,
    paired_p_value,
    paired_ratio,
)
from gossipmab.metrics.trace import TrialRecord

RATIO = ("ratio", "ratio_low", "ratio_high")

PRICE = "price_of_decentralisation"


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
        kind: the class of the traces, which says what is a metric.
        yardstick: the label of an algorithm that no network allows, if the run has one.

    For each metric: its mean at the last round, `_low` and `_high` its 95 % bootstrap interval, `_exponent`
    the growth exponent of the mean curve, `_p` the Wilcoxon signed-rank p-value against the reference, Holm-corrected
    over all of the metric's tests in this table, `_ratio` its mean beside that of the reference over the trials that both have
    (`pairs`), `_ratio_low` and `_ratio_high` the 95 % bootstrap interval of that. With a yardstick, price_of_decentralisation: the
    mean NSW regret as a multiple of the yardstick's. steps_per_second: median of agent-steps a second. The reference is the
    baseline at the same sweep point; where a run has one algorithm only, the first point.
    """
    metrics = [metric for metric in kind.METRICS if metric in table]
    single = table["algorithm"].nunique() == 1
    first_point = _groups(table, list(keys))[0][1]
    rows, tests = [], []
    for point, at_point in _groups(table, list(keys)):
        reference = first_point if single else at_point[at_point["algorithm"] == baseline]
        against = _final(reference)
        for algorithm, cells in at_point.groupby("algorithm", sort=False):
            final = _final(cells)
            row = {**point, "algorithm": algorithm, "trials": len(final), "round": int(final["round"].iloc[0])}
            itself = cells.index.equals(reference.index)
            both = final.index.intersection(against.index)
            row["pairs"] = len(both)
            test = {}
            for metric in metrics:
                mean = cells.groupby("round")[metric].mean()
                low, high = bootstrap_interval(final[metric].to_numpy())
                row |= {metric: final[metric].mean(), f"{metric}_low": low, f"{metric}_high": high}
                row |= {
                    f"{metric}_exponent": growth_exponent(mean.index.to_numpy(), mean.to_numpy()),
                    f"{metric}_p": math.nan,
                }
                pair = against[metric][both].to_numpy(), final[metric][both].to_numpy()
                test[metric] = math.nan if itself else paired_p_value(*pair)
                ratio = UNDEFINED if itself else paired_ratio(*pair)
                row |= {f"{metric}_{name}": x for name, x in zip(RATIO, ratio, strict=True)}
            row |= {name: final[name].mean() for name in kind.MEANS}
            if yardstick is not None:
                ideal = _final(at_point[at_point["algorithm"] == yardstick])
                row[PRICE] = final["nsw_regret"].mean() / ideal["nsw_regret"].mean() if len(ideal) else math.nan
            rows.append(row)
            tests.append(test)
    for metric in metrics:
        for row, p in zip(rows, holm([test[metric] for test in tests]), strict=True):
            row[f"{metric}_p"] = p
    by = [*keys, "algorithm"]
    speed = speeds.groupby(by, sort=False)["steps_per_second"].median().round(-2)
    return pd.DataFrame(rows).merge(speed.reset_index(), on=by, how="left")


def _final(cells: pd.DataFrame) -> pd.DataFrame:
    """The last round of every trial, by trial."""
    last: pd.DataFrame = cells[cells["round"] == cells["round"].max()].set_index("trial").sort_index()
    return last


def _groups(table: pd.DataFrame, keys: list[str]) -> list[tuple[dict[str, object], pd.DataFrame]]:
    if not keys:
        return [({}, table)]
    groups = table.groupby(keys, sort=False)
    return [(dict(zip(keys, point, strict=True)), part) for point, part in groups]
