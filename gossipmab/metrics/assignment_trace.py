"""The trace of a trial of the protocol `assignment`, and what its regret is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gossipmab.environments.environment import Environment
from gossipmab.metrics.trace import TrialRecord, array
from gossipmab.objectives.probing import Probing, Terms, best_probing, distributions
from gossipmab.utils.types import Floats, Integers


@dataclass(frozen=True, eq=False, repr=False)
class AssignmentTrace(TrialRecord):
    """R recorded rounds of N agents that are assigned to K arms.

    Curves are cumulative; regret is equation (1), cumulative_welfare the sum of (1 - alpha) E[NSW]. utility: the sum over rounds of
    (1 - alpha) times the reward that the agent could expect of its assignment. reward: the same of the rewards drawn.

    >>> gm.AssignmentTrace.METRICS
    {'regret': 'regret'}
    """

    rounds: Integers = array("R", "round", "round", name="round")
    regret: Floats = array("R", "cumulative regret", "welfare", metric="regret")
    cumulative_welfare: Floats = array("R", "cumulative welfare", "welfare", mean=True)
    cumulative_probes: Integers = array("R", "arms probed so far", "arm", mean=True)
    probes: Integers = array("K", "how often each arm was probed")
    pulls: Integers = array("NK", "pulls of each arm by each agent")
    utility: Floats = array("N", "sum over rounds of what the agent could expect of its arms", "reward")
    reward: Floats = array("N", "sum of the rewards drawn", "reward")


class Truth(NamedTuple):
    """What regret is measured against, and what the loop needs to know of the rewards.

    levels: (L,), cdf: (N, K, L), means: (N, K): the distributions. powers: (N, K) E[R^power]. mean_powers: (N, K)
    E[R]^power. preferences: (N, D). joint: (M, N, K) as of `Distributions`.
    best: the value of the best probing set, known distributions granted.
    """

    levels: Floats
    cdf: Floats
    means: Floats
    powers: Floats
    mean_powers: Floats
    preferences: Floats
    joint: Floats
    best: float


def truth(environment: Environment, terms: Terms, uniforms: Floats | None = None) -> tuple[Truth, Probing]:
    """The truth of an environment and its best probing set; `uniforms` as in `probing.best_probing`."""
    known = distributions(environment)
    best = best_probing(known, terms, uniforms)
    masses = np.diff(known.cdf, axis=2, prepend=0.0)
    powers = known.means if terms.power == 1 else (masses * known.levels**terms.power).sum(axis=2)
    mean_powers, weights = known.means**terms.power, environment.preferences
    return Truth(*known[:3], powers, mean_powers, weights, known.joint, best.value), best
