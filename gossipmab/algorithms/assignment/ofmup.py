"""Online Fair multi-Agent UCB with Probing, and the baselines that leave out a part of it.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, Algorithm 2, "Non-Probing"
and "Greedy P+A". Non-Probing is the algorithm of Jones, Nguyen, Nguyen, "An efficient algorithm for fair multi-agent multi-armed
bandit with low regret", AAAI 2023.

| symbol | name | meaning |
|---|---|---|
| Fhat, N, muhat | `known` | empirical distributions, counts and averages of all pairs (agent, arm) |
| w | `radius` | the empirical-Bernstein radius of lemma 7 |
| U = min(muhat + w, 1) | `index` | upper confidence bounds of arms that are not probed |
| delta | `delta` | probability of failure |

Departure: the warm start. The paper gives one arm to one agent a round for N K rounds, in which the others get nothing and the
welfare is 0 (`warm_start = "pairs"`). By default all agents pull, in rotation, and K rounds sample every pair.
Departure: a reward that was seen by probing and is then pulled in the same round is one sample, not two.
Departure: Algorithm 1 has parameters of its own, see `objectives/probing/greedy.py`; a capacity binds assignments, not probing.
Departure: the radius of Non-Probing is that of OFMUP by default, so that the two differ by probing alone; `bounds = "jones"` takes
the radius of its source. Departure: the paper leaves open what a random assignment is. Here every agent is given one arm, each with
probability 1/K, and the expectation is over these draws too; for the product this is the welfare of the uniform pi.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from gossipmab.algorithms.assignment.empirical import Estimates, estimates, radius, refresh, update_mean
from gossipmab.algorithms.base import ProblemInfo
from gossipmab.objectives.probing import greedy
from gossipmab.utils.types import Floats, Integers, class_attributes


class State(NamedTuple):
    """known: the estimates. overhead: (I + 1,) alpha. power: of the welfare. log_term: ln(2 N K T / delta). pairs: 4 N K / delta.

    choice, welfare_gain: parameters of Algorithm 1 as numbers. jones: whether bounds are of Jones et al. work: scratch.
    """

    known: Estimates
    overhead: Floats
    power: float
    log_term: float
    pairs: float
    choice: int
    welfare_gain: bool
    jones: bool
    work: greedy.Greedy


@class_attributes(title="OFMUP", assigns_at_random=False)
class OFMUP(NamedTuple):
    """Algorithm 2 (Xu et al., 2026): greedy probing, then the best assignment of what was seen and upper bounds elsewhere.

    >>> gm.OFMUP(choice="log").bins
    100
    """

    delta: Annotated[float, Field(gt=0, lt=1, description="probability of failure")] = 0.05
    width: Annotated[float, Field(ge=0, description="factor of the radius")] = 1.0
    zeta: greedy.Zeta = 1.0
    choice: greedy.Choice = "value"
    gain: greedy.Gain = "probed"
    bins: Annotated[int, Field(ge=1, le=10_000, description="B, the empirical distributions lie on 0, 1/B, ..., 1")] = 100
    warm_start: Annotated[Literal["rotation", "pairs"], Field(description="how the first rounds sample every pair")] = "rotation"

    def init(self, info: ProblemInfo) -> State:
        """Nothing seen."""
        N, K, costs = info.agents, info.arms, info.costs
        bins = getattr(self, "bins", 1)
        pairs = N * K / getattr(self, "delta", 1.0)
        return State(
            estimates(N, K, bins), costs.overhead, costs.power, math.log(2.0 * pairs * info.horizon), 4.0 * pairs,
            greedy.CHOICES.index(getattr(self, "choice", "value")), getattr(self, "gain", "") == "welfare",
            getattr(self, "bounds", "") == "jones", greedy.scratch(N, costs.budget, bins + 1),
        )  # fmt: skip

    def select(self, state: State, t: int, probed: Integers) -> None:
        """S_t = Algorithm 1 on the empirical distributions."""
        known = state.known
        levels = refresh(known)
        greedy.probe_greedily(
            known.levels[:levels], known.cdf[:, :, :levels], known.means, state.overhead, state.power, self.zeta,
            state.choice, state.welfare_gain, False, probed, state.work,
        )  # fmt: skip

    def ucb_index(self, state: State, t: int, index: Floats) -> None:
        """U[j,k] = min( muhat + w, 1 ), w of lemma 7, or w = L + sqrt( (1 - muhat) L ), L = 12 ln(4 N K t / delta) / N."""
        known = state.known
        for j in range(index.shape[0]):
            for k in range(index.shape[1]):
                mean, count = known.means[j, k], known.counts[j, k]
                if state.jones:
                    level = 12.0 * math.log(state.pairs * t) / count if count > 0 else math.inf
                    wide = level + math.sqrt(max(1.0 - mean, 0.0) * level) if count > 0 else math.inf
                else:
                    wide = radius(mean, count, state.log_term)
                index[j, k] = min(mean + self.width * wide, 1.0)

    def update(self, state: State, j: int, arm: int, x: float) -> None:
        """Update Fhat, N and muhat of the pair."""
        update_mean(state.known, j, arm, x)


@class_attributes(title="No probing", assigns_at_random=False, init=OFMUP.init, ucb_index=OFMUP.ucb_index, update=OFMUP.update)
class NonProbing(NamedTuple):
    """A baseline: no probing, the best assignment of upper confidence bounds (Jones et al., 2023).

    >>> gm.NonProbing(bounds="jones")
    NonProbing(delta=0.05, width=1.0, bounds='jones', warm_start='rotation')
    """

    delta: Annotated[float, Field(gt=0, lt=1, description="probability of failure")] = 0.05
    width: Annotated[float, Field(ge=0, description="factor of the radius")] = 1.0
    bounds: Annotated[Literal["bernstein", "jones"], Field(description="the radius of OFMUP, or of Jones et al.")] = "bernstein"
    warm_start: Annotated[Literal["rotation", "pairs"], Field(description="how the first rounds sample every pair")] = "rotation"

    def select(self, state: State, t: int, probed: Integers) -> None:
        """S_t is empty."""
        for k in range(probed.shape[0]):
            probed[k] = 0


@class_attributes(title="Greedy probing", init=OFMUP.init, select=OFMUP.select, update=OFMUP.update, assigns_at_random=True)
class GreedyProbing(NamedTuple):
    """A baseline: the greedy probing of OFMUP, then an arm at random for every agent.

    >>> gm.GreedyProbing().zeta
    1.0
    """

    zeta: greedy.Zeta = 1.0
    choice: greedy.Choice = "value"
    gain: greedy.Gain = "probed"
    bins: Annotated[int, Field(ge=1, le=10_000, description="B, the empirical distributions lie on 0, 1/B, ..., 1")] = 100
    warm_start: Annotated[Literal["rotation", "pairs"], Field(description="how the first rounds sample every pair")] = "rotation"

    def ucb_index(self, state: State, t: int, index: Floats) -> None:
        """Nothing: assignments are random."""
