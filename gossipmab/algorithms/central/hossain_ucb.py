"""UCB with the bonus outside the objective: the objective of the averages plus a linear bonus.

Source: Hossain, Micha and Shah, "Fair algorithms for multi-agent multi-armed bandits", 2021, Algorithm 3; algorithms.md,
section 9.

    symbol     name        meaning
    n_k        counts      rewards seen of arm k
    mu_hat     mean        their averages
    alpha_t    weight      exploration factor
    F          objective   what is maximised

For the Nash social welfare the sum of product and bonus is not concave; it is maximised globally, with a certificate, where
published code runs one local search.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.algorithms.central.base import Estimates, Exponent, ObjectiveName, average, estimates
from gossipmab.objectives import maximise_with_bonus
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(title="UCB of Hossain et al.", update=average)
class HossainUCB(NamedTuple):
    """UCB (Hossain et al., 2021): maximise the objective of the averages plus a linear bonus.

    >>> gm.HossainUCB(schedule="root")
    HossainUCB(objective='nsw', exponent=-1.0, schedule='root', factor=1.0)
    """

    objective: ObjectiveName = "nsw"
    exponent: Exponent = -1.0
    schedule: Annotated[
        Literal["agents", "root", "given"], Field(description="alpha_t = factor N, factor sqrt(12 N K ln(N K t)), or factor")
    ] = "agents"
    factor: Annotated[float, Field(ge=0, description="of the bonus")] = 1.0

    def init(self, info: ProblemInfo) -> Estimates:
        """Nothing seen."""
        return estimates(info)

    def select(self, state: Estimates, t: int, p: Floats) -> None:
        """Rounds 1..K: arm t. Then the policy that maximises objective plus bonus.

        p_t = argmax_p  F(p, mu_hat) + alpha_t sum_k p_k sqrt( ln(N K t) / n_k )
        """
        N, K = state.mean.shape
        if t <= K:
            play_arm(t - 1, p)
            return
        log = math.log(N * K * t)
        weight = self.factor
        if self.schedule == "agents":
            weight *= N
        elif self.schedule == "root":
            weight *= math.sqrt(12.0 * N * K * log)
        for k in range(K):
            state.bonus[k] = weight * math.sqrt(log / state.counts[k])
        maximise_with_bonus(state.objective, state.mean, state.bonus, state.scratch_work, p)
