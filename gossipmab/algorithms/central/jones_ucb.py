"""UCB inside the objective: the objective of upper confidence bounds.

Source: Jones, Nguyen and Nguyen, "An efficient algorithm for fair multi-agent multi-armed bandit with low regret", 2023;
algorithms.md, section 9.

    symbol    name          meaning
    n_k       counts        rewards seen of arm k
    mu_hat    mean          their averages
    L         width         12 ln(4 N K t / delta) / n_k
    C         scale         how much of the bound's width is used
    U         optimistic    upper confidence bounds
    F         objective     what is maximised; for the Nash social welfare concave in its logarithm
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo, play_arm
from gossipmab.algorithms.central.base import Estimates, Exponent, ObjectiveName, average, estimates
from gossipmab.objectives import maximise
from gossipmab.utils.types import Floats, class_attributes


@class_attributes(title="UCB of Jones et al.", update=average)
class JonesUCB(NamedTuple):
    """UCB inside the objective (Jones et al., 2023): maximise the objective of upper confidence bounds.

    >>> gm.JonesUCB(scale=0.5).delta
    0.05
    """

    objective: ObjectiveName = "nsw"
    exponent: Exponent = -1.0
    scale: Annotated[float, Field(ge=0, description="C, how much of the bound's width is used")] = 1.0
    factor: Annotated[float, Field(ge=0, description="12 in L")] = 12.0
    inner: Annotated[float, Field(ge=1, description="4 in the logarithm of L")] = 4.0
    delta: Annotated[float, Field(gt=0, le=1, description="probability of failure")] = 0.05
    rounds: Annotated[Literal["now", "horizon"], Field(description="t or T in the logarithm")] = "now"

    def init(self, info: ProblemInfo) -> Estimates:
        """Nothing seen; stage[0] = T."""
        return estimates(info, first=info.horizon)

    def select(self, state: Estimates, t: int, p: Floats) -> None:
        """Rounds 1..K: arm t. Then the policy that maximises the objective of the bounds.

        p_t = argmax_p F(p, U),   L_k = 12 ln(4 N K t / delta) / n_k
        U[j,k] = min( 1, mu_hat[j,k] + C ( L_k + sqrt( (1 - mu_hat[j,k]) L_k ) ) )
        """
        N, K = state.mean.shape
        if t <= K:
            play_arm(t - 1, p)
            return
        rounds = t if self.rounds == "now" else state.stage[0]
        log = self.factor * math.log(self.inner * N * K * rounds / self.delta)
        for k in range(K):
            width = log / state.counts[k]
            for j in range(N):
                mean = state.mean[j, k]
                bound = mean + self.scale * (width + math.sqrt(max(1.0 - mean, 0.0) * width))
                state.optimistic[j, k] = min(1.0, bound)
        maximise(state.objective, state.optimistic, state.scratch_work, p)
