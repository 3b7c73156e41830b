"""The policy that maximises an objective over known utilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gossipmab.objectives import objective, solver_workspace
from gossipmab.objectives.solvers.nash_optimum import checked_utilities
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats


class BestPolicy(NamedTuple):
    """p (K,) maximises the objective: no policy has more than value + certificate."""

    p: Floats
    value: float
    certificate: float


def best_policy(name: str, utilities: ArrayLike, exponent: float = -1.0) -> BestPolicy:
    """The maximiser of the objective of this name, with its certificate; `exponent` is p_mean's.

    >>> gm.best_policy("maximin", [[1.0, 0.0], [0.0, 1.0]]).p.round(6).tolist()
    [0.5, 0.5]

    Raises:
        InputError: an unknown objective, or utilities that are not (N, K) finite numbers, >= 0 if the objective requires it.
    """
    U = checked_utilities(utilities)
    wanted = objective(name, exponent)
    if wanted.requires_nonnegative and (U < 0).any():
        raise InputError(f"utilities: have {U.min():g}, allowed with {name} are numbers >= 0")
    place, p = solver_workspace(*U.shape), np.zeros(U.shape[1])
    value, certificate = wanted.maximise(U, place, p)
    return BestPolicy(p, float(value), float(certificate))
