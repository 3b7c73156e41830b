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
from typing import NamedTuple

from gossipmab.algorithms.central.base import Centre, Estimates, estimates, play_arm, take_in
from gossipmab.objectives import SolverWorkspace, maximise, objective
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.types import Floats


class UCBInside(NamedTuple):
    """UCB inside the objective (Jones et al., 2023): maximise the objective of upper confidence bounds.

    objective, exponent: what is maximised; the exponent is p_mean's. scale: C. factor: 12. inner: 4. delta: in (0, 1].
    rounds: "now" (t in the logarithm) or "horizon" (T in its place).
    """

    objective: str = "nsw"
    exponent: float = -1.0
    scale: float = 1.0
    factor: float = 12.0
    inner: float = 4.0
    delta: float = 0.05
    rounds: str = "now"

    def numbers(self, centre: Centre) -> int:
        """None."""
        return 0

    def check(self) -> None:
        """Raise InputError where a hyperparameter is out of range."""
        objective(self.objective, self.exponent)
        for name, value in (("scale", self.scale), ("factor", self.factor)):
            if not 0.0 <= value < math.inf:
                raise InputError(f"{name}: got {value}, allowed is a number >= 0")
        if not 1.0 <= self.inner < math.inf:
            raise InputError(f"inner: got {self.inner}, allowed is a number >= 1")
        if not 0.0 < self.delta <= 1.0:
            raise InputError(f"delta: got {self.delta}, allowed is a number in (0, 1]")
        if self.rounds not in ("now", "horizon"):
            raise unknown("rounds", self.rounds, ("now", "horizon"))

    def init(self, centre: Centre) -> Estimates:
        """Nothing seen; stage[0] = T."""
        state = estimates(centre)
        state.stage[0] = centre.horizon
        return state

    def choose(
        self, objective: object, state: Estimates, t: int, u: Floats, workspace: SolverWorkspace, p: Floats
    ) -> None:
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
        maximise(objective, state.optimistic, workspace, p)

    def observe(self, state: Estimates, t: int, arm: int, rewards: Floats, u: Floats) -> None:
        """Average the rewards."""
        take_in(state, arm, rewards)
