"""The cost of probing and the constraints on assignments, known before the first round.

| symbol | meaning | code |
|---|---|---|
| I | the most arms that may be probed in a round | `budget` |
| alpha(s) | share of the welfare that probing s arms costs, 0 to 1, non-decreasing, alpha(0) = 0 | `overhead` |
| c | the most agents an arm is given, in expectation: sum_j pi[j,k] <= c | `capacity` |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats
from gossipmab.utils.validation import whole_number

WELFARE = ("product", "geometric")
# Name -> alpha as a function of the share s / I of the budget that is used; all are 0 at 0 and 1 at 1.
OVERHEADS: dict[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "quadratic": lambda share: share**2,
    "square_root": math.sqrt,
    "free": lambda share: float(share == 1),
}


class Terms(NamedTuple):
    """budget: I. overhead: (I + 1,) alpha(0) to alpha(I). capacity: c, infinite without one.

    power: 1 for the product of the utilities, 1/N for its N-th root.
    """

    budget: int
    overhead: Floats
    capacity: float
    power: float


def terms(
    agents: int,
    arms: int,
    budget: int | None = None,
    overhead: str | Sequence[float] = "linear",
    capacity: float | None = None,
    welfare: str = "product",
) -> Terms:
    """The terms, checked.

    Args:
        agents, arms: N, K.
        budget: I; by default the length of a table of overheads less 1, else all arms.
        overhead: a name in OVERHEADS, or the numbers alpha(0), ..., alpha(I).
        capacity: c; by default none.
        welfare: "product" or "geometric".

    Raises:
        InputError: a value out of range, or a capacity too small for the agents.

    Departure: the paper has alpha(I) = 1 by definition, so that probing I arms is worthless; a table may end below 1.
    Departure: the paper has capacity 1, in which its own sizes, 12 agents on 8 arms, are infeasible; none is the default.
    """
    if welfare not in WELFARE:
        raise unknown("welfare", welfare, WELFARE)
    table = None if isinstance(overhead, str) else _table(overhead)
    if table is None and overhead not in OVERHEADS:
        raise unknown("overhead", str(overhead), OVERHEADS)
    if budget is None:
        budget = arms if table is None else len(table) - 1
    budget = whole_number("budget", budget)
    if budget > arms:
        raise InputError(f"budget: got {budget}, allowed is a whole number from 1 to the {arms} arms")
    if table is None:
        table = np.array([OVERHEADS[str(overhead)](s / budget) for s in range(budget + 1)])
    if len(table) != budget + 1:
        raise InputError(f"overhead: has {len(table)} numbers, a budget of {budget} allows {budget + 1}, from alpha(0) on")
    limit = math.inf if capacity is None else float(capacity)
    if not limit > 0:
        raise InputError(f"capacity: got {capacity}, allowed is a number > 0")
    if limit * arms < agents * (1 - 1e-12):
        raise InputError(
            f"capacity: got {limit:g}, but {agents} agents on {arms} arms need at least {agents}/{arms} = {agents / arms:g}"
        )
    return Terms(budget, table, limit, 1.0 / agents if welfare == "geometric" else 1.0)


def _table(overhead: Sequence[float]) -> Floats:
    try:
        table = np.asarray(overhead, dtype=np.float64)
    except (TypeError, ValueError):
        table = np.full(1, np.nan)
    good = table.ndim == 1 and len(table) >= 2 and table[0] == 0 and table[-1] <= 1 and bool((np.diff(table) >= 0).all())
    if not good:
        raise InputError(f"overhead: got {overhead}, allowed are numbers that begin with 0, never fall, and end at 1 or less")
    return table
