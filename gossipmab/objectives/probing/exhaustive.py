"""The best probing set by enumeration, and the probing of known distributions for Python callers."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from gossipmab.environments.reward_distributions import Distributions
from gossipmab.objectives.probing import assignment as assign, greedy
from gossipmab.objectives.probing.costs import Terms
from gossipmab.objectives.probing.value import joint_welfare, welfare_of
from gossipmab.utils.errors import InputError
from gossipmab.utils.jit import jit
from gossipmab.utils.parameters import fit
from gossipmab.utils.types import Floats, Integers

MOST_SETS = 200_000


class Probing(NamedTuple):
    """A probing set, arms ascending, and its value (1 - alpha) E[NSW]; for greedy probing also S_1, S_2, ... as `order`."""

    arms: tuple[int, ...]
    value: float
    order: tuple[int, ...] = ()


def best_probing(known: Distributions, terms: Terms, uniforms: Floats | None = None) -> Probing:
    """The probing set of the largest value among all of at most I arms; of equals the smallest, then the first.

    Args:
        known: distributions. terms: budget, overhead, welfare and capacity.
        uniforms: (M, N, K) numbers in [0, 1), needed with a capacity: then the expectation is the average over M draws of the
            rewards, each with its best assignment.

    Raises:
        InputError: more than 200,000 sets, or a capacity without `uniforms`.
    """
    N, K, L = known.cdf.shape
    check_sets(K, terms.budget)
    best = Probing((), -1.0)
    for size in range(terms.budget + 1):
        for arms in combinations(range(K), size):
            value = float((1.0 - terms.overhead[size]) * welfare_of_set(known, terms, arms, uniforms))
            if value > best.value:
                best = Probing(arms, value)
    return best


def check_sets(arms: int, budget: int) -> None:
    """Raise InputError if the probing sets are too many to enumerate."""
    sets = sum(comb(arms, size) for size in range(budget + 1))
    if sets > MOST_SETS:
        raise InputError(f"probing.budget: got {budget} of {arms} arms, {sets} sets; allowed are {MOST_SETS} sets")


def welfare_of_set(known: Distributions, terms: Terms, arms: tuple[int, ...], uniforms: Floats | None = None) -> float:
    """E[NSW] of one probing set, before its overhead; arguments as `best_probing`."""
    N, K, L = known.cdf.shape
    probed = np.zeros(K, np.int64)
    probed[list(arms)] = 1
    if terms.capacity >= N and arms and len(known.joint):
        return float(joint_welfare(known.joint, known.means, known.means, probed, terms.power, np.zeros(N)))
    if terms.capacity >= N:
        return float(welfare_of(*known[:3], known.means, probed, terms.power, np.zeros(L)))
    if uniforms is None:
        raise InputError("uniforms: got none, a capacity needs draws of the rewards")
    values, pi, work = np.zeros((N, K)), np.zeros((N, K)), assign.scratch(N, K)
    return float(sampled_welfare(*known, probed, terms.capacity, terms.power, uniforms, values, pi, work))


def greedy_probing(known: Distributions, terms: Terms, zeta: float = 1.0, choice: str = "value", gain: str = "probed") -> Probing:
    """Algorithm 1; see `gossipmab.objectives.probing.greedy` for zeta, `choice` and `gain`. A capacity has no part in it.

    It takes rewards as independent, as the paper has them, and so does the value that it returns.

    Raises:
        InputError: zeta below 1, an unknown choice or gain.
    """
    for name, hint, value in (("zeta", greedy.Zeta, zeta), ("choice", greedy.Choice, choice), ("gain", greedy.Gain, gain)):
        fit(name, hint, value)
    N, K, L = known.cdf.shape
    probed = np.zeros(K, np.int64)
    work = greedy.scratch(N, terms.budget, L)
    which = greedy.CHOICES.index(choice)
    found = greedy.probe_greedily(*known[:3], terms.overhead, terms.power, zeta, which, gain == "welfare", True, probed, work)
    return Probing(tuple(map(int, np.flatnonzero(probed))), float(found), tuple(map(int, work.order)))


@jit
def sampled_welfare(
    levels: Floats, cdf: Floats, means: Floats, joint: Floats, probed: Integers, capacity: float, power: float, uniforms: Floats,
    values: Floats, pi: Floats, work: assign.Scratch,
) -> float:  # fmt: skip
    """The average over draws of the rewards of the largest NSW(S, R, mu, pi); values, pi (N, K) and work are scratch.

    NSW = prod_j sum_k pi[j,k] ( R[j,k] if k in S else mu[j,k] )
    """
    N, K = means.shape
    total = 0.0
    for m in range(uniforms.shape[0]):
        for j in range(N):
            for k in range(K):
                values[j, k] = means[j, k]
                if probed[k] != 0 and joint.shape[0] > 0:
                    values[j, k] = joint[int(uniforms[m, 0, 0] * joint.shape[0]), j, k]
                elif probed[k] != 0:
                    level = 0
                    while level < levels.shape[0] - 1 and uniforms[m, j, k] >= cdf[j, k, level]:
                        level += 1
                    values[j, k] = levels[level]
        assign.assign(values, capacity, pi, work)
        total += assign.welfare_at(values, pi, power)
    return float(total / uniforms.shape[0])
