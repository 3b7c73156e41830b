"""Regret: what it is measured against, and the Nash social welfare of the policies that are played.

Pseudo-regret: of means, never of realised rewards.

    Pareto regret   R(T) = sum_t sum_i Delta_{a_i(t)},   Delta_k = max( 0, max_l min_d ( mu_bar[l,d] - mu_bar[k,d] ) )
    NSW regret      R(T) = sum_t sum_i [ NSW(p*, U) - NSW(p_i(t), U) ],   NSW(p, U) = prod_j sum_k p_k U[j,k]
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossipmab.environments.environment import Environment
from gossipmab.objectives import pareto, solvers as welfare
from gossipmab.utils.elementary import exp, log
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers

# A product of many agents' utilities outside of these is left to logarithms; ROOM is where a partial product becomes a logarithm.
LEAST, MOST, ROOM = 1e-300, 1e300, 1e-100


class RegretReference(NamedTuple):
    """What regret is measured against.

    gaps: (K,) Delta_k. utilities: (K, N) U transposed. best: NSW(p*, U), an upper bound that exceeds it by 1e-9 relative at most.
    power: 1 for the product, 1/N for its N-th root. estimand: (M,) what the averages of the agents should come to, flat; (0,)
    where that is not known. members: (N, B) whose rows each agent tracks, ascending, then -1; (0, 0) where averages are alike.
    """

    gaps: Floats
    utilities: Floats
    best: float
    power: float
    estimand: Floats
    members: Integers = np.zeros((0, 0), np.int64)


def regret_reference(environment: Environment, welfare_name: str = "product", estimand: Floats | None = None) -> RegretReference:
    """What regret is measured against in an environment. NSW is not defined where a utility is negative: then its regret is NaN."""
    U = environment.utilities
    power = 1.0 / environment.agents if welfare_name == "geometric" else 1.0
    best = float("nan")
    if (U >= 0).all():
        optimum = welfare.maximise_nash_welfare(U)
        lost = power < 1.0 and not LEAST < optimum.welfare < MOST
        best = math.exp(power * optimum.log_welfare) if lost else float(optimum.welfare**power)
    return RegretReference(
        pareto.gaps(environment.centred_means),
        np.ascontiguousarray(U.T),
        best,
        power,
        np.zeros(0) if estimand is None else estimand,
    )


def estimand(environment: Environment, estimates: str, local_mean: Floats) -> Floats:
    """(M,) what the local averages (N, ...) of an algorithm should come to in the mean over agents, flat.

    estimates: "means", the centred means (K, D), or "utilities", U (N, K). (0,) where the averages have another shape.
    """
    wanted = {"means": environment.centred_means, "utilities": environment.utilities}.get(estimates)
    if wanted is None or wanted.shape != local_mean.shape[1:]:
        return np.zeros(0)
    return np.ascontiguousarray(wanted, dtype=np.float64).ravel()


@jit
def nash_welfare_of(reference: RegretReference, p: Floats, utility: Floats) -> float:
    """prod_j ( sum_k p_k U[j, k] ) to the power of the reference; p (K,), utility (N,) scratch.

    Four partial products, in a fixed order, are twice as fast as one and the same in every engine.
    """
    K, N = reference.utilities.shape
    for j in range(N):
        utility[j] = 0.0
    for k in range(K):
        if p[k] > 0.0:
            for j in range(N):
                utility[j] += p[k] * reference.utilities[k, j]
    a, b, c, d = 1.0, 1.0, 1.0, 1.0
    whole = N - N % 4
    for j in range(0, whole, 4):
        a *= utility[j]
        b *= utility[j + 1]
        c *= utility[j + 2]
        d *= utility[j + 3]
    for j in range(whole, N):
        a *= utility[j]
    product = (a * b) * (c * d)
    if reference.power == 1.0:
        return product
    if LEAST < product < MOST:
        return exp(reference.power * log(product))
    logarithm, product = 0.0, 1.0
    for j in range(N):
        if utility[j] <= 0.0:
            return 0.0
        if utility[j] < ROOM:
            logarithm += log(utility[j])
            continue
        product *= utility[j]
        if not ROOM < product < 1.0 / ROOM:  # a logarithm for some hundred agents, not for each
            logarithm += log(product)
            product = 1.0
    return exp(reference.power * (logarithm + log(product)))


class WelfareCache(NamedTuple):
    """Hash table policy -> NSW regret. policies (S, K) keys, regrets (S,) values, met (S,) occupancy flags; S = 0 disables it."""

    policies: Floats
    regrets: Floats
    met: NDArray[np.uint8]


CACHE_AGENTS, CACHE_POLICIES, PROBES = 64, 4096, 16
GOLDEN = 0.6180339887498949


def welfare_cache(agents: int, arms: int) -> WelfareCache:
    """Room for the policies of a trial: where agents are many, a welfare takes long, and many agents play the same policy."""
    size = CACHE_POLICIES if agents >= CACHE_AGENTS else 0
    return WelfareCache(np.zeros((size, arms)), np.zeros(size), np.zeros(size, np.uint8))


@jit
def nsw_regret_of(reference: RegretReference, p: Floats, utility: Floats, cache: WelfareCache) -> float:
    """NSW(p*) - NSW(p), from the cache if the policy was met before; utility (N,) scratch.

    If NSW(p*) is not defined, NaN; if it is below the smallest positive float, 0.
    """
    if not reference.best > 0.0:
        return reference.best - reference.best
    size = cache.regrets.shape[0]
    if size == 0:
        return reference.best - nash_welfare_of(reference, p, utility)
    place = 0.0
    for k in range(p.shape[0]):
        place = place * GOLDEN + p[k]
    place = 1e6 * place
    slot = int((place - math.floor(place)) * size)
    for probe in range(PROBES):
        at = (slot + probe) % size
        if cache.met[at] == 0:
            slot = at
            break
        equal = True
        for k in range(p.shape[0]):
            equal &= cache.policies[at, k] == p[k]
        if equal:
            return float(cache.regrets[at])
    regret = reference.best - nash_welfare_of(reference, p, utility)
    cache.met[slot] = 1
    cache.regrets[slot] = regret
    for k in range(p.shape[0]):
        cache.policies[slot, k] = p[k]
    return regret
