"""Theory beside practice: the order of a regret bound as a curve, with its constant fitted at the last round.

An order limits the growth of regret, not its size: the constants of the bounds are many times those observed. So the curve
c f(t) is fitted to meet the mean regret of its algorithm at the last round T:

    c = R(T) / f(T)

A regret that grows more slowly than the order lies above the guide before T; one that grows faster, below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossipmab.utils.errors import unknown
from gossipmab.utils.types import Floats, Integers

ORDERS: dict[str, tuple[str, Callable[[Floats], Floats]]] = {  # name -> how it is written, and f
    "log": ("ln t", np.log),
    "sqrt": ("√t", np.sqrt),
    "two-thirds": ("t^(2/3)", lambda t: t ** (2 / 3)),
    "three-quarters": ("t^(3/4)", lambda t: t**0.75),
    "linear": ("t", lambda t: t),
}
# (metric, registered name of an algorithm) -> the order of its bound, from the papers: for the Pareto regret of Algorithm 1 the
# logarithmic one of its Theorem 1; Hossain et al. 2021 and Jones et al. 2023 for learners with a centre. The order of Theorem 2, of
# Simulated NSW UCB Gossip, is not among them: the text at hand lost the formula.
KNOWN = {
    ("pareto_regret", "pareto_ucb_gossip"): "log",
    ("regret", "explore_first"): "two-thirds",
    ("regret", "epsilon_greedy"): "two-thirds",
    ("regret", "hossain_ucb"): "sqrt",
    ("regret", "jones_ucb"): "sqrt",
}


class Guide(NamedTuple):
    """The label of the algorithm that a guide is about, and the name of its order."""

    label: str
    order: str


def guide_for(wanted: str | None, metric: str, algorithms: Sequence[Any]) -> Guide | None:
    """The guide to draw; None if none is wanted, or known.

    Args:
        wanted: one of ORDERS, which is then about the first algorithm; "auto": the first whose order is known; None.
        metric: the column.
        algorithms: the experiment's, with `label` and `name`.

    Raises:
        InputError: an unknown order.
    """
    if wanted is None or not algorithms:
        return None
    if wanted not in (*ORDERS, "auto"):
        raise unknown("bound", wanted, (*ORDERS, "auto"))
    return known_guide(metric, algorithms) if wanted == "auto" else Guide(algorithms[0].label, wanted)


def not_known(metrics: Mapping[str, str], algorithms: Sequence[Any]) -> str:
    """The line about orders that are not known; "" if all are. metrics: column -> its title."""
    parts = []
    for column, title in metrics.items():
        without = [one.label for one in algorithms if (column, one.name) not in KNOWN]
        parts += [f"{title} of {', '.join(without)}"] if without else []
    return f"bound: no order is known for the {'; the '.join(parts)}" if parts else ""


def known_guide(metric: str, algorithms: Sequence[Any]) -> Guide | None:
    """The guide of the first algorithm whose order is known; None if there is none."""
    known = (Guide(one.label, KNOWN[metric, one.name]) for one in algorithms if (metric, one.name) in KNOWN)
    return next(known, None)


def fitted(order: str, rounds: Integers, regret: Floats) -> tuple[Floats, float]:
    """The guide at the rounds (R,), and its constant c; regret (R,) is the mean that it meets at the last round."""
    f = ORDERS[order][1](rounds.astype(np.float64))
    c = float(regret[-1] / f[-1]) if f[-1] > 0 else math.nan
    return c * f, c
