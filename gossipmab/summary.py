"""The summary of a run: one row for each sweep point and algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gossipmab.metrics import Recorded
from gossipmab.statistics import bootstrap_interval, growth_exponent, holm, paired_p_value

PRICE = "price_of_decentralisation"


def summarise(
    table: pd.DataFrame,
    keys: Sequence[str],
    baseline: str,
    speeds: pd.DataFrame,
    kind: type[Recorded],
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
    the growth exponent of the mean curve, `_p` the Wilcoxon signed-rank p-value against the baseline, Holm-corrected
    over all of the metric's tests in this table. With a yardstick, price_of_decentralisation: the mean NSW regret as a multiple of
    the yardstick's. steps_per_second: median of agent-steps a second.
    """
    metrics = [metric for metric in kind.METRICS if metric in table]
    rows, tests = [], []
    for point, at_point in _groups(table, list(keys)):
        against = _final(at_point[at_point["algorithm"] == baseline])
        for algorithm, cells in at_point.groupby("algorithm", sort=False):
            final = _final(cells)
            row = {**point, "algorithm": algorithm, "trials": len(final), "round": int(final["round"].iloc[0])}
            test = {}
            for metric in metrics:
                mean = cells.groupby("round")[metric].mean()
                low, high = bootstrap_interval(final[metric].to_numpy())
                row |= {metric: final[metric].mean(), f"{metric}_low": low, f"{metric}_high": high}
                row |= {
                    f"{metric}_exponent": growth_exponent(mean.index.to_numpy(), mean.to_numpy()),
                    f"{metric}_p": math.nan,
                }
                both = final.index.intersection(against.index)
                pair = against[metric][both].to_numpy(), final[metric][both].to_numpy()
                test[metric] = math.nan if algorithm == baseline else paired_p_value(*pair)
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
