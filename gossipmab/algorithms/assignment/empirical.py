"""The estimates of a centre from the rewards of N agents and K arms: counts, averages, and empirical distributions.

| symbol | meaning | code |
|---|---|---|
| N[j,k] | rewards seen | `counts` |
| muhat[j,k] | their average | `means` |
| Fhat[j,k] | their distribution, on a grid of B + 1 values in [0, 1] | `masses`, then `cdf` |
| w[j,k] | confidence radius | `radius` |

A reward between two grid values is shared between them, so that the average stays. Only grid values that have occurred take part
in sums: with Bernoulli rewards two.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class Estimates(NamedTuple):
    """counts, means: (N, K). masses: (N, K, B + 1), numbers of rewards at the grid values. occurred: (B + 1,) 0 or 1.

    levels: (B + 1,), cdf: (N, K, B + 1): the values that have occurred come first, as `refresh` leaves them.
    """

    counts: Integers
    means: Floats
    masses: Floats
    occurred: Integers
    levels: Floats
    cdf: Floats


def estimates(agents: int, arms: int, bins: int) -> Estimates:
    """Nothing seen."""
    wide, deep, long = (agents, arms), (agents, arms, bins + 1), bins + 1
    counts, occurred = np.zeros(wide, np.int64), np.zeros(long, np.int64)
    return Estimates(counts, np.zeros(wide), np.zeros(deep), occurred, np.zeros(long), np.zeros(deep))


@jit
def update_mean(known: Estimates, j: int, k: int, x: float) -> None:
    """Average the reward x in [0, 1] of agent j from arm k.

    N <- N + 1;  muhat <- muhat + (x - muhat) / N
    """
    known.counts[j, k] += 1
    known.means[j, k] += (x - known.means[j, k]) / known.counts[j, k]
    bins = known.occurred.shape[0] - 1
    place = min(max(x, 0.0), 1.0) * bins
    low = int(place)
    share = place - low
    if share > 1e-9:
        known.masses[j, k, low + 1] += min(1.0, share)
        known.occurred[low + 1] = 1
    if share < 1.0 - 1e-9:
        known.masses[j, k, low] += 1.0 - share if share > 1e-9 else 1.0
        known.occurred[low] = 1


@jit
def refresh(known: Estimates) -> int:
    """Bring levels and cdf up to date; returns how many levels have occurred. A pair that was never seen has its mass at 0."""
    count = 0
    N, K = known.counts.shape
    bins = known.occurred.shape[0] - 1
    for j in range(N):
        for k in range(K):
            known.cdf[j, k, 0] = 1.0
    for level in range(bins + 1):
        if known.occurred[level] == 0:
            continue
        known.levels[count] = level / bins
        for j in range(N):
            for k in range(K):
                before = known.cdf[j, k, count - 1] if count > 0 else 0.0
                share = known.masses[j, k, level] / known.counts[j, k] if known.counts[j, k] > 0 else 1.0
                known.cdf[j, k, count] = min(1.0, before + share)
        count += 1
    for j in range(N):
        for k in range(K):
            known.cdf[j, k, max(count - 1, 0)] = 1.0
    return max(count, 1)


@jit
def radius(mean: float, count: int, log_term: float) -> float:
    """The empirical-Bernstein radius of lemma 7, log_term = ln(2 N K T / delta); infinite where nothing was seen.

    w = sqrt( 2 (muhat - muhat^2) ln(2NKT/delta) / n ) + ln(2NKT/delta) / (3n)
    """
    if count == 0:
        return math.inf
    return math.sqrt(2.0 * max(mean - mean * mean, 0.0) * log_term / count) + log_term / (3.0 * count)
