"""Thompson sampling: the objective of utilities drawn from what is believed of them.

Source: Agrawal and Goyal, "Analysis of Thompson sampling for the multi-armed bandit problem", 2012, for rewards that are not 0
or 1; algorithms.md, section 9.

    symbol    name         meaning
    s_jk      successes    of arm k for agent j, the prior's included
    f_jk      failures
    theta     optimistic   (N, K) drawn from Beta(s_jk, f_jk)
    F         objective    what is maximised
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from gossipmab.algorithms.base import ProblemInfo
from gossipmab.algorithms.central.base import Exponent, ObjectiveName
from gossipmab.environments.reward_models import beta_quantile
from gossipmab.objectives import SolverWorkspace, maximise, solver_workspace
from gossipmab.utils.types import Floats, class_attributes


class Beliefs(NamedTuple):
    """successes, failures: (N, K), the prior's included. optimistic: (N, K), scratch. objective: what is maximised.

    scratch_work: of its solver. scratch_uniforms: (N K + N,) for the draws and, unless rewards count in fractions, the coins.
    """

    successes: Floats
    failures: Floats
    optimistic: Floats
    objective: Any
    scratch_work: SolverWorkspace
    scratch_uniforms: Floats


@class_attributes(title="Thompson sampling")
class Thompson(NamedTuple):
    """Thompson sampling: maximise the objective of utilities drawn from Beta posteriors.

    >>> gm.Thompson(objective="utilitarian", fractional=True).step
    1.0
    """

    objective: ObjectiveName = "nsw"
    exponent: Exponent = -1.0
    prior_successes: Annotated[float, Field(gt=0, description="of the Beta prior")] = 1.0
    prior_failures: Annotated[float, Field(gt=0, description="of the Beta prior")] = 1.0
    fractional: Annotated[bool, Field(description="a reward r counts as r successes and 1 - r failures")] = False
    step: Annotated[float, Field(gt=0, description="what a reward counts")] = 1.0

    def init(self, info: ProblemInfo) -> Beliefs:
        """The prior."""
        N, K = shape = info.agents, info.arms
        uniforms = N * K + (0 if self.fractional else N)
        return Beliefs(
            np.full(shape, self.prior_successes), np.full(shape, self.prior_failures), np.zeros(shape), info.objective,
            solver_workspace(N, K, info.ties), np.zeros(uniforms),
        )  # fmt: skip

    def select(self, state: Beliefs, t: int, p: Floats) -> None:
        """Draw the utilities, and maximise.

        p_t = argmax_p F(p, theta),   theta[j,k] ~ Beta(s_jk, f_jk)
        """
        N, K = state.successes.shape
        u = state.scratch_uniforms
        for j in range(N):
            for k in range(K):
                state.optimistic[j, k] = beta_quantile(u[j * K + k], state.successes[j, k], state.failures[j, k])
        maximise(state.objective, state.optimistic, state.scratch_work, p)

    def update(self, state: Beliefs, t: int, arm: int, rewards: Floats) -> None:
        """Count successes and failures of the arm; rewards outside [0, 1] count as the nearest."""
        N, K = state.successes.shape
        u = state.scratch_uniforms
        for j in range(N):
            success = min(max(rewards[j], 0.0), 1.0)
            if not self.fractional:
                success = 1.0 if u[N * K + j] < success else 0.0
            state.successes[j, arm] += self.step * success
            state.failures[j, arm] += self.step * (1.0 - success)
