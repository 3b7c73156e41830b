"""The columns of a run's tables, as the traces declare them: titles, units, and the names that no sweep key may take."""

from __future__ import annotations

from collections.abc import Mapping

from gossipmab.metrics.assignment_trace import AssignmentTrace
from gossipmab.metrics.central_trace import CentralTrace
from gossipmab.metrics.marl_trace import MarlTrace
from gossipmab.metrics.trace import EQUITY, GossipTrace, TrialRecord

TRACES: dict[str, type[TrialRecord]] = {
    "gossip": GossipTrace,
    "central": CentralTrace,
    "assignment": AssignmentTrace,
    "marl": MarlTrace,
}  # by protocol
INDEX = {
    "algorithm": ("label of the algorithm", "1"),
    "trial": ("trial", "1"),
    "agent": ("agent", "1"),
    "agent_name": ("name of the agent", "1"),
}


def column_metadata(kind: type[TrialRecord]) -> dict[str, tuple[str, str]]:
    """Column of results.parquet and agents.parquet -> (title, unit), in the tables' order."""
    own = {one.name: (one.title, one.unit) for one in kind.COLUMNS.values() if one.name}
    return {**INDEX, **EQUITY, **own, **kind.MORE}


def title_of(kind: type[TrialRecord], column: str) -> str:
    """The title of a column, for the axis of a figure."""
    return column_metadata(kind)[column][0]


RESERVED = frozenset(name for kind in TRACES.values() for name in column_metadata(kind))


def about(algorithm: str) -> str:
    """The short name of the metric that a gossip algorithm of this name is about."""
    return "pareto" if "pareto" in algorithm else "nsw"


def is_reserved(name: str) -> bool:
    """Whether a table may have a column of this name; those of foreign objectives are called regret_NAME and welfare_NAME."""
    return name in RESERVED or name.startswith(("regret_", "welfare_", "equity_"))


def attributes(name: str, swept: Mapping[str, str], kind: type[TrialRecord]) -> dict[str, str]:
    """long_name and units of an array or a coordinate of a dataset.

    Args:
        name: of the variable, "agent_..." if it is one of agents.parquet.
        swept: name -> dotted key, for those of the sweep.
        kind: the class of the traces. A column that it does not declare goes by its own name.
    """
    if name in swept:
        return {"long_name": swept[name], "units": "1"}
    known = column_metadata(kind)
    plain = name.removeprefix("agent_")
    declared = EQUITY.get(plain) if plain != name else None
    title, unit = declared or known.get(plain) or (plain.replace("_", " "), "1")
    return {"long_name": title if plain == name else f"{title}, at the last round", "units": unit}
