"""What a centre may want for its agents: objectives by name, one file each."""

from __future__ import annotations

import math
from typing import Any

from gossipmab.errors import InputError, unknown
from gossipmab.objectives.desk import Desk, desk
from gossipmab.objectives.equality import Equality
from gossipmab.objectives.logarithm import LogNashWelfare
from gossipmab.objectives.maximin import Maximin
from gossipmab.objectives.nash import NashWelfare
from gossipmab.objectives.power_mean import PowerMean
from gossipmab.objectives.procedural import Procedural
from gossipmab.objectives.protocol import Objective, maximise, maximise_with_bonus, value
from gossipmab.objectives.utilitarian import Utilitarian

OBJECTIVES: dict[str, type] = {
    "nsw": NashWelfare,
    "log_nsw": LogNashWelfare,
    "utilitarian": Utilitarian,
    "maximin": Maximin,
    "equality": Equality,
    "procedural": Procedural,
    "p_mean": PowerMean,
}


def objective(name: str, exponent: float = -1.0, geometric: bool = False) -> Any:
    """The objective of this name; `exponent` is for p_mean alone, `geometric` for nsw alone.

    Raises:
        InputError: no such objective, or an exponent that is not finite.
    """
    if name not in OBJECTIVES:
        raise unknown("objective", name, OBJECTIVES)
    if not math.isfinite(exponent):
        raise InputError(f"exponent: got {exponent}, allowed is a finite number")
    kind: Any = OBJECTIVES[name]
    given = {"exponent": exponent, "geometric": geometric}
    return kind(**{key: value for key, value in given.items() if key in kind._fields})


__all__ = [
    "OBJECTIVES",
    "Desk",
    "Objective",
    "desk",
    "maximise",
    "maximise_with_bonus",
    "objective",
    "value",
]
