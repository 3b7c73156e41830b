"""The part of a run that is drawn: sweep points, algorithms, looks, band; and its rows in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gossipmab.analysis.plot_style import Look, in_brief, looks, names_of
from gossipmab.experiments.spec.sweep import columns
from gossipmab.utils.errors import InputError, shown, unknown
from gossipmab.utils.types import Floats

if TYPE_CHECKING:
    import pandas as pd

    from gossipmab.experiments.results import Results

# Band -> what it is in a note, and in the corner of a figure.
BANDS = {
    "quarter-sd": ("a quarter of the standard deviation", "± SD / 4"),
    "sd": ("one standard deviation", "± SD"),
    "ci": ("95 % bootstrap interval", "95 % CI"),
}
LOGS = ("x", "y", "both", "none")
PAPER = ("pareto_regret", "nsw_regret")  # experiments of the paper's figures, which have the paper's band
MOST_PANELS = 16


class View(NamedTuple):
    """What is drawn of a run. table: rows of the points and algorithms chosen. over: "summed over agents", for axes."""

    results: Results
    table: pd.DataFrame
    style: Mapping[str, Look]
    band: str
    over: str
    log: str | None = None

    @property
    def keys(self) -> list[str]:
        """The columns of the sweep."""
        return self.results.keys


def view(
    results: Results, band: str | None = None, log: str | None = None, where: Mapping[str, Any] | None = None,
    shown: Sequence[str] = (), per_agent: bool = False, colours: Sequence[str] = (),
) -> View:  # fmt: skip
    """The chosen part of a run.

    Args:
        results: the run.
        band: one of BANDS; by default "ci", and "quarter-sd" for the experiments of the paper's figures.
        log: one of LOGS; None as fits the data.
        where: column of the sweep or dotted key -> a value, or a list of them.
        shown: labels or names of algorithms; all by default.
        per_agent: whether regrets that are summed over agents are divided by their number.
        colours: of the algorithms, in their order; those of `plot_style` by default.

    Raises:
        InputError: an unknown band, axis, key, value or algorithm; regrets that are not summed over agents.
    """
    band = band or ("quarter-sd" if results.spec.experiment.name in PAPER else "ci")
    if band not in BANDS:
        raise unknown("band", band, BANDS)
    if log is not None and log not in LOGS:
        raise unknown("log", log, LOGS)
    names = names_of(results.spec)
    style, table = looks(list(names), names, colours), results.table()
    if per_agent and not results.kind.SUMMED:
        protocol = results.spec.experiment.protocol
        raise InputError(f"per-agent: regret with protocol = {protocol!r} is that of a centre, not a sum over agents")
    table = _where(table, results, where or {})
    if shown:
        table = table[table["algorithm"].isin(_shown(names, shown))]
    over = "per agent" if per_agent else "summed over agents" if results.kind.SUMMED else ""
    if per_agent:
        by = [*results.keys, "algorithm", "trial"]
        agents = results.agents().groupby(by)["agent"].nunique().rename("agents").reset_index()
        number = table.merge(agents, on=by, how="left")["agents"].to_numpy()
        table = table.assign(**{name: table[name] / number for name in results.kind.METRICS if name in table})
    return View(results, table, style, band, over, log)


def _where(table: pd.DataFrame, results: Results, where: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of the sweep points chosen."""
    names = columns(list(results.spec.sweep))
    for key, values in where.items():
        column, chosen = names.get(key, key), []
        if not results.keys:
            raise InputError(f"where: got {shown(key)}, but the run has no sweep")
        if column not in results.keys:
            raise unknown("where: key", key, results.keys)
        known = {in_brief(value): value for value in table[column].unique()}
        for value in values if isinstance(values, list | tuple) else [values]:
            found = matching(value, known)
            if not found:
                raise unknown(f"where: {column}", str(value), known)
            chosen += found
        table = table[table[column].isin(chosen)]
    return table


def matching(value: Any, known: Mapping[str, Any]) -> list[Any]:
    """The values of the table that a value given, perhaps as text, means."""
    if str(value) in known:
        return [known[str(value)]]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return [one for one in known.values() if str(one).lower() == str(value).lower()]
    return [one for one in known.values() if isinstance(one, int | float | np.number) and float(one) == number]


def _shown(names: Mapping[str, str], wanted: Sequence[str]) -> set[str]:
    """The labels that are wanted, by label or by name, each on its own or several with commas between."""
    of = {name: label for label, name in names.items()} | {label: label for label in names}
    found = set()
    for text in wanted:
        for one in [text] if text in of else [part.strip() for part in text.split(",")]:
            if one not in of:
                raise unknown("curves", one, names)
            found.add(of[one])
    return found


def by_point(table: pd.DataFrame, keys: Sequence[str], along: str = "") -> list[tuple[str, pd.DataFrame]]:
    """(title, rows) of every sweep point, as many as fit; only of those with several values of `along` if there are any."""
    if not keys:
        return [("", table)]
    found = []
    for point, rows in table.groupby(list(keys), sort=False):
        values = zip(keys, point, strict=True)
        found.append((", ".join(f"{key.replace('_', ' ')} = {in_brief(value)}" for key, value in values), rows))
    several = [one for one in found if along and one[1][along].nunique() > 1]
    return (several or found)[:MOST_PANELS]


def by_algorithm(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(label, rows) of every algorithm, in the experiment's order."""
    return [(str(label), rows) for label, rows in table.groupby("algorithm", sort=False)]


def matrix(rows: pd.DataFrame, column: str) -> tuple[Any, Floats]:
    """Rounds (R,) and the curves (trials, R) of one algorithm at one sweep point."""
    wide = rows.pivot(index="trial", columns="round", values=column)
    return wide.columns.to_numpy(), wide.to_numpy()
