"""p*: the distribution of the largest Nash social welfare, with a certificate."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gossipmab.objectives.solvers.interior_point import interior_point, sweep
from gossipmab.objectives.solvers.nash_workspace import BEST, BONUS, P, WelfareWorkspace, welfare_workspace
from gossipmab.objectives.solvers.newton import APART, newton
from gossipmab.utils.elementary import log
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit, plain, variable
from gossipmab.utils.types import Floats

POLISH = variable(6)  # Newton steps after the interior point
# The first problems of a process with N K^2 of SMALL at most are left to Python, which takes 5 ms for one: compiling takes seconds.
SMALL, FIRST = 2_000, 20
_small_ones = count()


class WelfareOptimum(NamedTuple):
    """p (K,) maximises the Nash social welfare: ln NSW of any other is at most `log_welfare + certificate`."""

    p: Floats
    welfare: float
    log_welfare: float
    certificate: float


@jit
def maximise_concave(utilities: Floats, c: Floats, work: WelfareWorkspace, p: Floats) -> tuple[float, float]:
    """Maximise sum_j ln(U[j].p) + c.p over the simplex, U (N,K) >= 0, c (K,); writes p.

    Returns (value, certificate): no distribution has more than value + certificate. By concavity, for every q,
    f(q) <= f(p) + max_k grad f(p)[k] - p.grad f(p). With an all-zero row the value is -inf for every p: p is uniform
    and the certificate 0.
    """
    gains, table = work.gains, work.table
    N, K = utilities.shape
    scales = 0.0
    for j in range(N):
        most = 0.0
        for k in range(K):
            most = max(most, utilities[j, k])
        if most <= 0.0:
            for k in range(K):
                p[k] = 1.0 / K
            return -math.inf, 0.0
        scales += log(most)
        for k in range(K):
            gains[j, k] = utilities[j, k] / most
    least = c[0]
    for k in range(K):
        least = min(least, c[k])
    for k in range(K):
        table[BONUS, k] = c[k] - least
    h, gap = interior_point(work, 1.0, 1.0)
    for k in range(K):
        table[BEST, k] = table[P, k]
    sweep(work)
    _lam, sharper, smaller = newton(work, 1.0, 1.0, APART, POLISH)
    if smaller < gap:
        h, gap = sharper, smaller
        for k in range(K):
            table[BEST, k] = table[P, k]
    value = h + scales + least
    for k in range(K):
        p[k] = table[BEST, k]
        value += table[BONUS, k] * p[k]
    return value, max(gap, 0.0)


def checked_utilities(utilities: ArrayLike) -> Floats:
    """The utilities as (N, K) numbers; InputError otherwise."""
    U = np.ascontiguousarray(utilities, dtype=np.float64)
    if U.ndim != 2 or not U.size or not np.isfinite(U).all():
        raise InputError(f"utilities: got shape {U.shape}, allowed are finite numbers of shape (agents, arms)")
    return U


def maximise_nash_welfare(utilities: ArrayLike) -> WelfareOptimum:
    """p* = argmax of prod_j U[j].p over the simplex, for utilities (N,K), finite and >= 0; InputError otherwise."""
    U = checked_utilities(utilities)
    if (U < 0.0).any():
        raise InputError(f"utilities: have {U.min():g}, allowed are numbers >= 0")
    if U.shape[0] * U.shape[1] ** 2 <= SMALL and next(_small_ones) < FIRST:
        with suppress(ArithmeticError, ValueError), np.errstate(all="ignore"):
            return _optimum(plain(maximise_concave), U)
    return _optimum(maximise_concave, U)


def _optimum(maximise: Any, U: Floats) -> WelfareOptimum:
    N, K = U.shape
    p = np.zeros(K)
    value, certificate = maximise(U, np.zeros(K), welfare_workspace(N, K), p)
    return WelfareOptimum(p, math.exp(value), float(value), float(certificate))
