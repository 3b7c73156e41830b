"""The exact value of a probing set if arms have no capacity.

| symbol | meaning | code |
|---|---|---|
| S | probing set, as 0 and 1 of every arm | `probed` |
| F[j,k] | distribution function of agent j's reward of arm k, on L levels | `cdf` |
| mu[j,k] | its mean | `means` |
| power | 1 for the product of utilities, 1/N for its N-th root | `power` |

Without a capacity every agent takes the best of what it sees, whatever the others do: max over the arms of R[j,k] if k
is probed and mu[j,k] if it is not. Rewards of different agents and arms are independent, so the expectation of the
product is a product of expectations, and the distribution of a maximum is the product of the distributions: no sampling.

Departure: the paper writes g(S) = max_pi E[...], the assignment before the rewards are seen; then probing is worth nothing,
for E[...] depends on the means alone. Its text has assignments follow the observations instead: E[max_pi ...].
"""

from __future__ import annotations

import math

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


@jit
def best_outside(index: Floats, probed: Integers) -> int:
    """The arm outside S with the largest index (K,), the first of equals; -1 if S has all arms."""
    best = -1
    for k in range(index.shape[0]):
        if probed[k] == 0 and (best < 0 or index[k] > index[best]):
            best = k
    return best


@jit
def distribution_of_best(cdf: Floats, probed: Integers, best: Floats) -> None:
    """Write into best (L,) the distribution function of max_{k in S} R[k] of one agent, cdf (K, L).

    F_S(v) = prod_{k in S} F_k(v)
    """
    for level in range(best.shape[0]):
        best[level] = 1.0
    for k in range(cdf.shape[0]):
        if probed[k] != 0:
            for level in range(best.shape[0]):
                best[level] *= cdf[k, level]


@jit
def expected(best: Floats, levels: Floats, threshold: float, fallback: float, power: float) -> float:
    """E[X^power if X >= threshold else fallback], X with the distribution function best (L,) on the levels (L,)."""
    total = 0.0
    below = 0.0
    for level in range(levels.shape[0]):
        mass = best[level] - below
        below = best[level]
        if mass > 0.0:
            reward = levels[level] if power == 1.0 else levels[level] ** power
            total += mass * (reward if levels[level] >= threshold else fallback)
    return total


@jit
def utility_of(levels: Floats, cdf: Floats, means: Floats, index: Floats, probed: Integers, power: float, best: Floats) -> float:
    """E[u^power] of one agent that takes the best probed arm if its reward reaches the index of the best other arm.

    Args:
        levels: (L,). cdf: (K, L). means: (K,). probed: (K,). best: (L,) scratch.
        index: (K,) the agent's estimates of the arms outside S; with the means themselves, it chooses best.
    """
    other = best_outside(index, probed)
    fallback = 0.0 if other < 0 else means[other] ** power
    seen = 0
    for k in range(probed.shape[0]):
        seen += probed[k]
    if seen == 0:
        return fallback
    distribution_of_best(cdf, probed, best)
    return expected(best, levels, -math.inf if other < 0 else index[other], fallback, power)


@jit
def welfare_of(levels: Floats, cdf: Floats, means: Floats, index: Floats, probed: Integers, power: float, best: Floats) -> float:
    """E[NSW] of the set S, before its overhead; arguments as `utility_of`, with a first axis of agents.

    E[NSW] = prod_j E[u_j^power]
    """
    product = 1.0
    for j in range(means.shape[0]):
        product *= utility_of(levels, cdf[j], means[j], index[j], probed, power, best)
    return product


@jit
def joint_welfare(joint: Floats, means: Floats, index: Floats, probed: Integers, power: float, mean: Floats) -> float:
    """E[NSW] of the set S where the rewards of a round are correlated, before its overhead; writes E[u_j] into mean (N,).

    E[NSW] = (1/M) sum_m prod_j u_j(m)^power,  u_j(m) the best probed reward if it reaches the index of the best other arm, else mu

    Args:
        joint: (M, N, K) rewards in M rounds that are equally likely. means, index: (N, K), as `welfare_of`. probed: (K,).
    """
    M, N, K = joint.shape
    for j in range(N):
        mean[j] = 0.0
    total = 0.0
    for m in range(M):
        product = 1.0
        for j in range(N):
            other = best_outside(index[j], probed)
            best = -1.0
            for k in range(K):
                if probed[k] != 0 and joint[m, j, k] > best:
                    best = joint[m, j, k]
            u = best if best >= 0.0 and (other < 0 or best >= index[j, other]) else means[j, other]
            mean[j] += u / M
            product *= u
        total += product if power == 1.0 else product**power
    return float(total / M)


@jit
def joint_welfare_at_random(joint: Floats, means: Floats, probed: Integers, power: float, mean: Floats) -> float:
    """The same where every agent is given an arm at random, each with probability 1/K, in expectation over these draws too.

    E[NSW] = (1/M) sum_m prod_j (1/K) sum_k ( r[m,j,k] if k in S else mu[j,k] )^power
    """
    M, N, K = joint.shape
    for j in range(N):
        mean[j] = 0.0
        for k in range(K):
            mean[j] += means[j, k] / K
    total = 0.0
    for m in range(M):
        product = 1.0
        for j in range(N):
            own = 0.0
            for k in range(K):
                reward = joint[m, j, k] if probed[k] != 0 else means[j, k]
                own += (reward if power == 1.0 else reward**power) / K
            product *= own
        total += product
    return float(total / M)


@jit
def probed_welfare(levels: Floats, cdf: Floats, probed: Integers, power: float, best: Floats) -> float:
    """The welfare if only probed arms are assigned; 0 for the empty set.

    g(S) = E[ max_pi prod_j sum_{k in S} pi[j,k] R[j,k] ] = prod_j E[ max_{k in S} R[j,k] ]
    """
    seen = 0
    for k in range(probed.shape[0]):
        seen += probed[k]
    product = 1.0 if seen > 0 else 0.0
    for j in range(cdf.shape[0]):
        distribution_of_best(cdf[j], probed, best)
        product *= expected(best, levels, -math.inf, 0.0, power)
    return product


@jit
def unprobed_welfare(means: Floats, probed: Integers, power: float) -> float:
    """The welfare if only arms outside S are assigned; 0 without any.

    h(S) = max_pi prod_j sum_{k not in S} pi[j,k] mu[j,k] = prod_j max_{k not in S} mu[j,k]
    """
    product = 1.0
    for j in range(means.shape[0]):
        other = best_outside(means[j], probed)
        product *= 0.0 if other < 0 else means[j, other] ** power
    return product
