"""The expected welfare of a round of the protocol `assignment`, given its probing set and how arms are assigned."""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.metrics.assignment_trace import Truth
from gossipmab.objectives.probing import assignment as assign
from gossipmab.objectives.probing.value import best_outside, distribution_of_best, expected
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers


class Play(NamedTuple):
    """How the rounds go.

    rotation, pairs: rounds of warm start of either kind, 0 where it is the other. at_random: of assignments. overhead: (I + 1,)
    alpha. capacity: c. power: of the welfare.
    """

    rotation: int
    pairs: int
    at_random: bool
    overhead: Floats
    capacity: float
    power: float


class Scratch(NamedTuple):
    """What the loop writes over: probed (K,), values, pi, bounds (N, K), best (L,), x (D,), mean (N,), and `assign`'s."""

    probed: Integers
    values: Floats
    pi: Floats
    bounds: Floats
    best: Floats
    x: Floats
    mean: Floats
    work: assign.Scratch


@jit
def expected_welfare(truth: Truth, play: Play, scratch: Scratch) -> float:
    """E[NSW] over the rewards of the probing set, given how arms are assigned; writes every agent's own expectation into mean (N,).

    Without a capacity agents are independent, and the expectation is exact. Under a capacity it is the welfare
    at the rewards seen, which has the right mean: assignments then hang together.
    """
    N, K = truth.means.shape
    product = 1.0
    seen = 0
    for k in range(K):
        seen += scratch.probed[k]
    for j in range(N):
        own, raised = 0.0, 0.0
        other = best_outside(scratch.bounds[j], scratch.probed)
        if play.at_random:
            for k in range(K):
                own += truth.means[j, k] / K
                raised += (truth.powers[j, k] if scratch.probed[k] != 0 else truth.mean_powers[j, k]) / K
        elif play.capacity < N:
            for k in range(K):
                own += scratch.pi[j, k] * (scratch.values[j, k] if scratch.probed[k] != 0 else truth.means[j, k])
            raised = own**play.power
        elif seen == 0:
            own, raised = truth.means[j, other], truth.mean_powers[j, other]
        else:
            threshold, fallback, fallback_raised = -math.inf, 0.0, 0.0
            if other >= 0:
                threshold, fallback = scratch.bounds[j, other], truth.means[j, other]
                fallback_raised = truth.mean_powers[j, other]
            distribution_of_best(truth.cdf[j], scratch.probed, scratch.best)
            own = expected(scratch.best, truth.levels, threshold, fallback, 1.0)
            raised = own
            if play.power != 1.0:
                raised = expected(scratch.best, truth.levels, threshold, fallback_raised, play.power)
        scratch.mean[j] = own
        product *= raised
    return product
