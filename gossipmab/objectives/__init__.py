"""Objectives by name, one file each, and their maximisers.

A new objective is a NamedTuple with the methods of `base.py` and a line below. Start with `base.py` and `utilitarian.py`; the
numerical methods are in `solvers/`.
"""

from __future__ import annotations

import math
from typing import Any

from gossipmab.objectives.base import (
    Objective as Objective,
    maximise as maximise,
    maximise_with_bonus as maximise_with_bonus,
    value as value,
)
from gossipmab.objectives.equality import Equality
from gossipmab.objectives.log_nash import LogNashWelfare
from gossipmab.objectives.maximin import Maximin
from gossipmab.objectives.nash import NashWelfare
from gossipmab.objectives.power_mean import PowerMean
from gossipmab.objectives.procedural import Procedural
from gossipmab.objectives.solvers.workspace import SolverWorkspace as SolverWorkspace, solver_workspace as solver_workspace
from gossipmab.objectives.utilitarian import Utilitarian
from gossipmab.utils.distinct import distinct
from gossipmab.utils.errors import InputError
from gossipmab.utils.registry import OBJECTIVES as GROUP, Registry

OBJECTIVES: dict[str, type] = {
    "nsw": NashWelfare,
    "log_nsw": LogNashWelfare,
    "utilitarian": Utilitarian,
    "maximin": Maximin,
    "equality": Equality,
    "procedural": Procedural,
    "p_mean": PowerMean,
}
OBJECTIVE_REGISTRY = Registry(GROUP, OBJECTIVES, ("_fields", "requires_nonnegative", "value", "maximise", "maximise_with_bonus"))


def objective(name: Any, exponent: float = -1.0, geometric: bool = False) -> Any:
    """The objective of this name, shipped or of a plug-in, or this objective, for compiled code (see `distinct`).

    `exponent` is for p_mean and plug-ins that have such a field, `geometric` for nsw alone.

    Raises:
        InputError: no such objective, or an exponent that is not finite.
    """
    if not isinstance(name, str):
        missing = [method for method in OBJECTIVE_REGISTRY.methods if not hasattr(name, method)]
        if missing or isinstance(name, type):
            raise InputError(f"objective: got {name!r}, allowed is a name or an objective such as NashWelfare()")
        return distinct(name)
    kind: Any = OBJECTIVE_REGISTRY.get_named("objective", name)
    if not math.isfinite(exponent):
        raise InputError(f"exponent: got {exponent}, allowed is a finite number")
    given = {"exponent": exponent, "geometric": geometric}
    return distinct(kind(**{key: value for key, value in given.items() if key in kind._fields}))
