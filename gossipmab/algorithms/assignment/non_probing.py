"""Fair assignment by upper confidence bounds without probing: a baseline of Online Fair multi-Agent UCB with Probing.

Xu, Liu, Mattei, Zheng, "Fair Algorithms with Probing for Multi-Agent Multi-Armed Bandits", AAAI 2026, "Non-Probing", which is the
algorithm of Jones, Nguyen, Nguyen, "An efficient algorithm for fair multi-agent multi-armed bandit with low regret", AAAI 2023.

| symbol | name | meaning |
|---|---|---|
| N, muhat | `known` | counts and averages of all pairs (agent, arm) |
| U | `index` | upper confidence bounds |
| delta | `delta` | probability of failure |

Departure: by default the radius is that of OFMUP, so that the two differ by probing alone; `bounds = "jones"` takes theirs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from gossipmab.algorithms.assignment.base import WARM_STARTS, Task
from gossipmab.algorithms.assignment.empirical import Estimates, estimates, radius, take_in
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats, Integers

BOUNDS = ("bernstein", "jones")


class State(NamedTuple):
    """known: what was learnt. log_term: ln(2 N K T / delta). pairs: 4 N K / delta. jones: whether bounds are theirs."""

    known: Estimates
    log_term: float
    pairs: float
    jones: bool


class NonProbing(NamedTuple):
    """A baseline: no probing, the best assignment of upper confidence bounds (Jones et al., 2023).

    delta: in (0, 1). width: factor of the radius. bounds: "bernstein", the radius of OFMUP, or "jones". warm_start:
    "rotation" or "pairs".
    """

    delta: float = 0.05
    width: float = 1.0
    bounds: str = "bernstein"
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
        if self.bounds not in BOUNDS:
            raise unknown("bounds", self.bounds, BOUNDS)
        if self.warm_start not in WARM_STARTS[:2]:
            raise unknown("warm_start", self.warm_start, WARM_STARTS[:2])

    def init(self, task: Task) -> State:
        """Nothing seen."""
        pairs = task.agents * task.arms / self.delta
        log_term = math.log(2.0 * pairs * task.horizon)
        return State(estimates(task.agents, task.arms, 1), log_term, 4.0 * pairs, self.bounds == "jones")

    def probe(self, state: State, t: int, uniforms: Floats, probed: Integers) -> None:
        """S_t is empty."""
        for k in range(probed.shape[0]):
            probed[k] = 0

    def believe(self, state: State, t: int, index: Floats) -> None:
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

    def learn(self, state: State, j: int, arm: int, x: float) -> None:
        """Update N and muhat of the pair."""
        take_in(state.known, j, arm, x)
