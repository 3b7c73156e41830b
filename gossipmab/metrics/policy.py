"""Measures of a policy, a distribution p over the arms, for agents with utilities U (algorithms.md, section 9).

    symbol    meaning
    U[j,k]    (N, K) utility of arm k for agent j
    p         (K,) the policy; u_j(p) = sum_k p_k U[j,k]
    F_j       agent j's favourite arms: those of its largest utility, exact ties included

Pure functions of plain arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gossipmab.objectives import OBJECTIVES, objective, solver_workspace
from gossipmab.objectives.maximin import LEAST, maximise_least
from gossipmab.objectives.solvers.nash_optimum import checked_utilities
from gossipmab.utils.errors import InputError
from gossipmab.utils.types import Floats

MOST_AGENTS = 12  # for the core, which tries every coalition
ROUNDING = 1e-9  # of the largest utility: what counts as equal where a coalition's gain is judged


def expected_utilities(p: ArrayLike, utilities: ArrayLike) -> Floats:
    """(N,) u_j(p) = sum_k p_k U[j,k]."""
    U = checked_utilities(utilities)
    return np.asarray((U * checked_policy(p, U)).sum(axis=1))


def favourites(utilities: ArrayLike) -> NDArray[np.bool_]:
    """(N, K) whether k is in F_j."""
    U = checked_utilities(utilities)
    return np.asarray(U == U.max(axis=1, keepdims=True))


def decision_shares(p: ArrayLike, utilities: ArrayLike) -> Floats:
    """(N,) how much of the policy lies on what each agent would choose itself.

    DS_j(p) = sum_{k in F_j} p_k
    """
    U = checked_utilities(utilities)
    return np.asarray((favourites(U) * checked_policy(p, U)).sum(axis=1))


def procedural_score(p: ArrayLike, utilities: ArrayLike) -> float:
    """How much of the policy the agents can claim, each for favourites and at most 1/N: 1 where all have an equal voice.

    max sum_j sum_{k in F_j} y_jk,   sum_j y_jk <= p_k,   sum_k y_jk <= 1/N
    """
    return float(voices(p, utilities).sum())


def voices(p: ArrayLike, utilities: ArrayLike) -> Floats:
    """(N,) what each agent claims in a flow that attains the procedural score; the flow need not be the only one."""
    U = checked_utilities(utilities)
    place = solver_workspace(*U.shape)
    OBJECTIVES["procedural"]().value(U, checked_policy(p, U), place)
    return np.asarray(place.flow.sum(axis=1))


def proportional(p: ArrayLike, utilities: ArrayLike) -> NDArray[np.bool_]:
    """(N,) whether each agent has at least its share of the best it could have, up to rounding.

    u_j(p) >= max_k U[j,k] / N
    """
    U = checked_utilities(utilities)
    fair = U.max(axis=1) / len(U)
    return np.asarray(expected_utilities(p, U) >= fair - ROUNDING * np.abs(U).max())


class Coalition(NamedTuple):
    """Agents that can do better for themselves: members, what each of them gains at least, the sum of their gains."""

    members: tuple[int, ...]
    least_gain: float
    total_gain: float


def blocking_coalition(p: ArrayLike, utilities: ArrayLike) -> Coalition | None:
    """The coalition that can do best for itself with its share of the decision; None where p is in the core.

    S blocks p if a distribution q has (|S|/N) u_j(q) >= u_j(p) for all j in S, one of them strictly. For every S: the largest
    min_{j in S} (|S|/N) u_j(q) - u_j(p), a linear program, and among its best q the largest sum. Differences below 1e-9 of
    the largest utility count as none. Of the coalitions that block, the one with the largest least gain.

    Raises:
        InputError: more than 12 agents, whose coalitions are too many.
    """
    best: Coalition | None = None
    U = checked_utilities(utilities)
    N, K = U.shape
    if N > MOST_AGENTS:
        raise InputError(f"core: got {N} agents, allowed are {MOST_AGENTS}, every coalition is tried")
    u, none = expected_utilities(p, U), np.zeros(K)
    most, rounding = U.max(axis=1), ROUNDING * np.abs(U).max()
    for bits in range(1, 2**N):
        members = [j for j in range(N) if bits >> j & 1]
        share = len(members) / N
        if (share * most[members] < u[members] - rounding).any():
            continue  # one member could not be made as well off by any arm
        gains = np.ascontiguousarray(share * U[members] - u[members, None])
        place, q = solver_workspace(len(members), K), np.zeros(K)
        least, _certificate = maximise_least(gains, none, LEAST, place, q)
        if least > rounding or (least >= -rounding and (gains @ q).max() > rounding * len(members)):
            found = Coalition(tuple(members), max(least, 0.0), float((gains @ q).sum()))
            if best is None or found[1:] > best[1:]:
                best = found
    return best


def in_core(p: ArrayLike, utilities: ArrayLike) -> bool:
    """Whether no coalition blocks p; see `blocking_coalition`."""
    return blocking_coalition(p, utilities) is None


def welfare_under(p: ArrayLike, utilities: ArrayLike, exponent: float = -1.0) -> dict[str, float]:
    """Objective -> F(p, U), for every objective; NaN where utilities are negative and the objective is not defined."""
    U = checked_utilities(utilities)
    policy, place = checked_policy(p, U), solver_workspace(*U.shape)
    found = {}
    for name in OBJECTIVES:
        wanted = objective(name, exponent)
        undefined = wanted.requires_nonnegative and bool((U < 0).any())
        found[name] = float("nan") if undefined else float(wanted.value(U, policy, place))
    return found


def checked_policy(p: ArrayLike, U: Floats) -> Floats:
    """The policy as (K,) probabilities; InputError otherwise."""
    policy = np.ascontiguousarray(p, dtype=np.float64)
    if policy.shape != U.shape[1:] or (policy < -1e-9).any() or not abs(policy.sum() - 1.0) <= 1e-6:
        raise InputError(f"policy: got shape {policy.shape} and sum {policy.sum():g}, allowed are {U.shape[1]} probabilities")
    return policy
