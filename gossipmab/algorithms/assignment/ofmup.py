"""Online Fair multi-Agent UCB with Probing.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, Algorithm 2.

| symbol | name | meaning |
|---|---|---|
| Fhat, N, muhat | `known` | empirical distributions, counts and averages of all pairs (agent, arm) |
| w | `radius` | the empirical-Bernstein radius of lemma 7 |
| U = min(muhat + w, 1) | `index` | upper confidence bounds, believed of arms that are not probed |
| delta | `delta` | probability of failure |

Departure: the warm start. The paper gives one arm to one agent a round for N K rounds, in which the others get nothing and the
welfare is 0 (`warm_start = "pairs"`). By default all agents pull, in rotation, and K rounds sample every pair.
Departure: a reward that was seen by probing and is then pulled in the same round is one sample, not two.
Departure: Algorithm 1 has parameters of its own, see `gossipmab.objectives.probing.greedy`; a capacity binds assignments,
not probing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.algorithms.assignment.base import WARM_STARTS, Task
from gossipmab.algorithms.assignment.empirical import Estimates, estimates, radius, refresh, take_in
from gossipmab.objectives.probing import greedy
from gossipmab.objectives.probing.exhaustive import check_greedy
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats, Integers


class State(NamedTuple):
    """known: what was learnt. overhead: (I + 1,) alpha. power: of the welfare. log_term: ln(2 N K T / delta).

    choice, welfare_gain: parameters of Algorithm 1 as numbers. work: its scratch.
    """

    known: Estimates
    overhead: Floats
    power: float
    log_term: float
    choice: int
    welfare_gain: bool
    work: greedy.Greedy


class OFMUP(NamedTuple):
    """Algorithm 2 (Xu et al., 2026): greedy probing, then the best assignment of what was seen and upper bounds elsewhere.

    delta: in (0, 1). width: factor of the radius w, 1 as in lemma 7. zeta, choice, gain: of greedy probing. bins: B, the
    empirical distributions lie on the values 0, 1/B, ..., 1. warm_start: "rotation" or "pairs".
    """

    delta: float = 0.05
    width: float = 1.0
    zeta: float = 1.0
    choice: str = "value"
    gain: str = "probed"
    bins: int = 100
    warm_start: str = "rotation"

    @property
    def assigns_at_random(self) -> bool:
        """No."""
        return False

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        if not 0.0 < self.delta < 1.0:
            raise InputError(f"delta: got {self.delta}, allowed is a number > 0 and < 1")
        if not 0.0 <= self.width < math.inf:
            raise InputError(f"width: got {self.width}, allowed is a number >= 0")
        if not 1 <= self.bins <= 10_000:
            raise InputError(f"bins: got {self.bins}, allowed is a whole number from 1 to 10000")
        if self.warm_start not in WARM_STARTS[:2]:
            raise unknown("warm_start", self.warm_start, WARM_STARTS[:2])
        check_greedy(self.zeta, self.choice, self.gain)

    def init(self, task: Task) -> State:
        """Nothing seen."""
        N, K, terms = task.agents, task.arms, task.terms
        return State(
            estimates(N, K, self.bins), terms.overhead, terms.power, math.log(2.0 * N * K * task.horizon / self.delta),
            greedy.CHOICES.index(self.choice), self.gain == "welfare", greedy.scratch(N, terms.budget, self.bins + 1),
        )  # fmt: skip

    def probe(self, state: State, t: int, uniforms: Floats, probed: Integers) -> None:
        """S_t = Algorithm 1 on the empirical distributions."""
        known = state.known
        levels = refresh(known)
        greedy.probe_greedily(
            known.levels[:levels], known.cdf[:, :, :levels], known.means, state.overhead, state.power, self.zeta,
            state.choice, state.welfare_gain, False, probed, state.work,
        )  # fmt: skip

    def believe(self, state: State, t: int, index: Floats) -> None:
        """U[j,k] = min( muhat[j,k] + w[j,k], 1 )."""
        known = state.known
        for j in range(index.shape[0]):
            for k in range(index.shape[1]):
                mean = known.means[j, k]
                index[j, k] = min(mean + self.width * radius(mean, known.counts[j, k], state.log_term), 1.0)

    def learn(self, state: State, j: int, arm: int, x: float) -> None:
        """Update Fhat, N and muhat of the pair."""
        take_in(state.known, j, arm, x)
