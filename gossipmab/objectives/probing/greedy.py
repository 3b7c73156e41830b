"""Greedy probing, and the piecewise-linear bound of the logarithm that it uses.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, Algorithm 1.

| symbol | meaning | code |
|---|---|---|
| phi | least of the tangents of ln at tau_0 < ... < tau_L | `log_bound` |
| f_upper(S) = phi(g(S)) | what the greedy steps increase | |
| S_i | the first i arms of the greedy order | `order` |
| R(S) = (1 - alpha(abs(S))) E[NSW] | value of a set | `values` |
| zeta >= 1 | how far the bound may exceed the value | `zeta` |

Departure: phi is the least tangent. The paper's maximum over tangents is convex, not concave, and no better than its worst
tangent; the minimum has all the properties that the proof needs.
Departure: `choice`. The paper ranks the sets by (1 - alpha) f_upper and stops if that is less than h of the empty set.
Rewards are at most 1, so f_upper is negative nearly always, and then nothing is ever probed: `choice = "log"`. With
`choice = "bound"` the same lines compare exp(f_upper), which bounds g as f_upper bounds ln g. It, too, falls short of theorem 1
(0.387 of the best value), for g leaves out the arms that are not probed: in 850 of 20,000 random instances, for the product.
By default, `choice = "value"`, the best of S_0, ..., S_I by R itself is taken, which line 11 computes anyway; zeta then has
no part. All of those instances then had 0.47 or more, though others that were sought fall short (tests/test_probing.py).
Departure: `gain`. By default, "probed", arms are added by f_upper as in the paper; "welfare" adds them by E[NSW], which knows
what the other arms are worth: 0.92 of the best at least, there.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.objectives.probing.value import probed_welfare, unprobed_welfare, welfare_of
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers

Zeta = Annotated[float, Field(ge=1, description="of greedy probing")]
Choice = Annotated[Literal["value", "bound", "log"], Field(description="what the greedy choice compares")]
Gain = Annotated[Literal["probed", "welfare"], Field(description="what a probed arm gains")]
CHOICES = ("value", "bound", "log")
SMALLEST = 1e-9  # tau_0
SEGMENTS = 64  # L; phi exceeds ln by 0.013 at most between tau_0 and 1


class Greedy(NamedTuple):
    """What the greedy probing leaves: order (I,) arms as they were added; upper, values (I + 1,) phi(g(S_i)) and R(S_i).

    Scratch: best (L,), raised (L,) the levels to the power of the welfare, together (N, L) the distributions of the best of S_i.
    """

    order: Integers
    upper: Floats
    values: Floats
    best: Floats
    raised: Floats
    together: Floats


def scratch(agents: int, budget: int, levels: int) -> Greedy:
    """Arrays for N agents, a budget and a number of levels."""
    shapes: list[Any] = [budget + 1, budget + 1, levels, levels, (agents, levels)]
    return Greedy(np.zeros(budget, np.int64), *map(np.zeros, shapes))


@jit
def log_bound(z: float) -> float:
    """A concave, increasing, piecewise-linear function >= ln z, from tangents at tau_i = tau_0^(1 - i/L), i = 0..L.

    phi(z) = min_i ( ln tau_i + (z - tau_i) / tau_i )
    """
    step = -math.log(SMALLEST) / SEGMENTS
    place = (math.log(z) - math.log(SMALLEST)) / step if z > SMALLEST else 0.0
    first = min(max(int(place), 0), SEGMENTS)
    least = math.inf
    for i in range(first, min(first + 1, SEGMENTS) + 1):  # of the tangents, those beside z are least
        tau = SMALLEST * math.exp(i * step)
        least = min(least, math.log(tau) + (z - tau) / tau)
    return least


@jit
def with_arm(cdf: Floats, k: int, work: Greedy, levels: int) -> float:
    """g of the arms so far and arm k, from `together`.

    g(S + k) = prod_j sum_v v^power ( F_S(v) F_k(v) - the same one level below )
    """
    product = 1.0
    for j in range(cdf.shape[0]):
        total, below = 0.0, 0.0
        for level in range(levels):
            here = work.together[j, level] * cdf[j, k, level]
            total += (here - below) * work.raised[level]
            below = here
        product *= total
    return product


@jit
def greedy_sets(
    levels: Floats, cdf: Floats, means: Floats, overhead: Floats, power: float, welfare_gain: bool, whole: bool,
    probed: Integers, work: Greedy,
) -> int:  # fmt: skip
    """Lines 1 to 5 of Algorithm 1: S_i = S_{i-1} and the arm of the largest gain, the first of equals; returns the last i.

    a_i = argmax_{a not in S_{i-1}} phi(g(S_{i-1} + a)), which is the one with the largest g, for phi increases

    Unless `whole`, it ends if no further set can have a larger value, for welfare is at most 1.
    """
    N, K = means.shape
    L = levels.shape[0]
    for level in range(L):
        work.raised[level] = levels[level] if power == 1.0 else levels[level] ** power
        for j in range(N):
            work.together[j, level] = 1.0
    for k in range(K):
        probed[k] = 0
    work.upper[0] = log_bound(0.0)
    work.values[0] = welfare_of(levels, cdf, means, means, probed, power, work.best[:L])
    largest = work.values[0]
    for i in range(work.order.shape[0]):
        if not whole and 1.0 - overhead[i + 1] <= largest:
            return i
        most = -1.0
        for k in range(K):
            if probed[k] == 0:
                if welfare_gain:
                    probed[k] = 1
                    value = welfare_of(levels, cdf, means, means, probed, power, work.best[:L])
                    probed[k] = 0
                else:
                    value = with_arm(cdf, k, work, L)
                if value > most:
                    most = value
                    work.order[i] = k
        added = work.order[i]
        probed[added] = 1
        for j in range(N):
            for level in range(L):
                work.together[j, level] *= cdf[j, added, level]
        work.upper[i + 1] = log_bound(probed_welfare(levels, cdf, probed, power, work.best[:L]))
        welfare = welfare_of(levels, cdf, means, means, probed, power, work.best[:L])
        work.values[i + 1] = (1.0 - overhead[i + 1]) * welfare
        largest = max(largest, work.values[i + 1])
    return int(work.order.shape[0])


@jit
def chosen_by_bound(overhead: Floats, empty: float, zeta: float, logarithmic: bool, work: Greedy) -> int:
    """Lines 6 to 14: how many arms of the order to probe; sets are passed in descending order of their bound.

    bound_i = (1 - alpha(i)) f_upper(S_i), or (1 - alpha(i)) exp(f_upper(S_i)); of equals the smaller set first. If all
    sets are passed over, which the paper leaves open, nothing is probed.
    """
    sets = work.values.shape[0]
    before = math.inf
    last = -1
    for _ in range(sets):
        bound, at = -math.inf, -1
        for i in range(sets):
            value = (1.0 - overhead[i]) * (work.upper[i] if logarithmic else math.exp(work.upper[i]))
            if (value < before or (value == before and i > last)) and value > bound:
                bound, at = value, i
        if at < 0 or bound < empty:
            return 0
        if bound <= zeta * work.values[at]:
            return at
        before, last = bound, at
    return 0


@jit
def probe_greedily(
    levels: Floats, cdf: Floats, means: Floats, overhead: Floats, power: float, zeta: float, choice: int,
    welfare_gain: bool, whole: bool, probed: Integers, work: Greedy,
) -> float:  # fmt: skip
    """Algorithm 1: write the set into probed (K,) and return its value R(S).

    Args:
        choice: place in CHOICES. whole: fill all of work.order, even if its end cannot be chosen.
        levels, cdf, means: as in `value.py`. overhead: (I + 1,) alpha.
    """
    sets = greedy_sets(levels, cdf, means, overhead, power, welfare_gain, whole or choice != 0, probed, work)
    count = 0
    if choice == 0:
        for i in range(sets + 1):
            if work.values[i] > work.values[count]:
                count = i
    else:
        for k in range(probed.shape[0]):
            probed[k] = 0
        empty = unprobed_welfare(means, probed, power)
        count = chosen_by_bound(overhead, empty, zeta, choice == 2, work)
    for k in range(probed.shape[0]):
        probed[k] = 0
    for i in range(count):
        probed[work.order[i]] = 1
    return float(work.values[count])
