"""Remarks on a run, a line each: cells that failed, what was left out of its data, algorithms that never probe and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gossipmab.experiments.spec.build import Files, built, options
from gossipmab.experiments.spec.spec import AlgorithmSpec, Point, Spec
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.objectives.probing import distributions, greedy_probing, terms, welfare_of_set
from gossipmab.utils.errors import one_line
from gossipmab.utils.formatting import format_number

LONGEST_ERROR = 303  # characters
RULE = "Algorithm 1 probes only if the welfare less the share (alpha) that probing costs is more than the welfare without"
PRINTED = {
    "log": 'choice = "log", as printed in the paper, compares logarithms, which are negative for rewards below 1, with a welfare; '
    'choice = "value" compares welfares',
    "bound": 'choice = "bound" probes only if what probed arms alone would give, less the share that probing costs, reaches the '
    "welfare without probing, and is within zeta of the set's value",
}


def failed(failures: Sequence[tuple[str, str]]) -> list[str]:
    """A line for all cells that failed of the same error. failures: (cell id, its error in one line)."""
    alike: dict[str, list[str]] = {}
    for cell, line in failures:
        alike.setdefault(one_line(line, LONGEST_ERROR), []).append(cell)
    more = {line: f" and {len(cells) - 1} more" if len(cells) > 1 else "" for line, cells in alike.items()}
    return [f"failed: {cells[0]}{more[line]}: {line}" for line, cells in alike.items()]


def left_out(spec: Spec) -> list[str]:
    """What was left out of the data, each note once; of data sets that are placed at random, as in the first trial."""
    return list(dict.fromkeys(point.labels.note for point in spec.points if point.labels.note))


def on_the_front(table: pd.DataFrame) -> list[str]:
    """A line if the Pareto regret is 0 throughout."""
    if "pareto_regret" not in table or table["pareto_regret"].any():
        return []
    return ["Pareto regret is 0 in every round: only arms of the Pareto front were pulled, to which perhaps all arms belong"]


def never_probes(spec: Spec, table: pd.DataFrame) -> list[str]:
    """A line for every algorithm that could probe and never does once its warm start is over, at some sweep point; and why."""
    if spec.experiment.protocol != "assignment" or spec.trusted:
        return []
    names = [*columns(list(spec.sweep)).values(), "algorithm"]
    ends = table.groupby(names)["cumulative_probes"].max().reset_index()
    most = {tuple(map(_plain, row[:-1])): row[-1] for row in ends.itertuples(index=False)}
    silent: dict[str, list[tuple[Point, AlgorithmSpec]]] = {}  # label -> where
    for point in spec.points:
        place = tuple(_plain(scalar(point.values[key])) for key in spec.sweep)
        probing = [one for one in point.algorithms if "choice" in one.params]
        if not probing:
            continue
        environment = built(point, spec.files, 0)[0]
        for one in probing:
            warm = environment.agents * environment.arms if one.params["warm_start"] == "pairs" else environment.arms
            probes = most.get((*place, one.label), np.inf)
            if probes <= (warm if one.params["warm_start"] == "pairs" else 0) and point.experiment.horizon > warm:
                silent.setdefault(one.label, []).append((point, one))
    alike: dict[str, list[str]] = {}  # the reason -> labels
    for label, found in silent.items():
        alike.setdefault(_reason(*found[0], spec.files), []).append(label + _where(len(found), len(spec.points)))
    return [f"probing: {' and '.join(some)} never probe{'s' * (len(some) == 1)}. {why}" for why, some in alike.items()]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)


def _where(points: int, of: int) -> str:
    return f" (at {points} of {of} sweep points)" if of > 1 else ""


def _reason(point: Point, one: AlgorithmSpec, files: Files) -> str:
    """What Algorithm 1 compares; by default with its numbers at the true rewards of the first trial in the place of those seen."""
    if one.params["choice"] in PRINTED:
        return PRINTED[one.params["choice"]]
    environment = built(point, files, 0)[0]
    given = {name: value for name, value in options(point).items() if name in ("budget", "overhead")}
    costs = terms(environment.agents, environment.arms, **given, welfare=point.experiment.welfare)
    known = distributions(environment)._replace(joint=np.zeros((0, 0, 0)))  # it takes rewards as independent
    order = greedy_probing(known, costs, gain=one.params["gain"]).order
    welfare = [welfare_of_set(known, costs, order[:size]) for size in range(len(order) + 1)]
    size = max(range(1, len(welfare)), key=lambda s: (1.0 - costs.overhead[s]) * welfare[s])
    without, best, cost = welfare[0], welfare[size], float(costs.overhead[size])
    arms = ", ".join(environment.labels.arms[k] if environment.labels.arms else str(k) for k in order[:size])
    numbers = f"{format_number(best)} less {format_number(100 * cost, 2)} % against {format_number(without)}"
    names = columns(list(point.values))
    at = ", ".join([*(f"{names[key]} = {scalar(value)}" for key, value in point.values.items()), "trial 0"])
    what = f"{RULE}; with the true rewards ({at}), the best set of its order is {numbers} (arms {arms})"
    pays = (1.0 - cost) * best > without
    return (
        f"{what}, so that probing would pay: the rewards that it has seen do not show it" if pays else f"{what}: probing cannot pay"
    )
