"""The policy of an upper-confidence algorithm for Nash social welfare: welfare of the estimates plus a linear bonus."""

from __future__ import annotations

from gossipmab.objectives.solvers.bonus_global import maximise_with_bonus
from gossipmab.objectives.solvers.bonus_local import climb_with_bonus
from gossipmab.objectives.solvers.nash_workspace import WelfareWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats


@jit
def maximise_bonus(
    estimate: Floats, bonus: Floats, solver: str, welfare: str, policy: Floats, warm: Floats, work: WelfareWorkspace, p: Floats
) -> None:
    """Write into p (K,) the policy that maximises the welfare of `estimate` (n, K) plus the bonus (K,).

    p = argmax  ( prod_j sum_k p_k G[j,k] )^power  +  sum_k p_k b_k,   power = 1, or 1/n for "geometric"

    Args:
        solver: "global", with a certificate to 1e-8 relative, or "local", one climb from `policy`.
        policy: (K,), warm: (V,), what the solvers keep from round to round. work: for n agents.
    """
    power = 1.0 / estimate.shape[0] if welfare == "geometric" else 1.0
    if solver == "local":
        climb_with_bonus(estimate, bonus, power, policy, work)
        for k in range(p.shape[0]):
            p[k] = policy[k]
    else:
        maximise_with_bonus(estimate, bonus, power, warm, work, p)
