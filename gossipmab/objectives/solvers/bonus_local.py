"""The local maximiser of product plus bonus: a few monotone projected-gradient steps from the current policy.

And the policy of an algorithm that has the choice between it and the global maximiser.
"""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.bonus_global import maximise_with_bonus
from gossipmab.objectives.solvers.nash_workspace import ALONG, SLOPE, TOWARD, P, WelfareWorkspace
from gossipmab.objectives.solvers.newton import gradient, log_product, supported
from gossipmab.utils.elementary import exp
from gossipmab.utils.jit import jit, option, variable
from gossipmab.utils.types import Floats

STEPS = 8
FROM, TO = variable(TOWARD), variable(ALONG)  # rows of the gradients
TRIALS = 6
_local, _geometric = option("local"), option("geometric")


@jit
def project(table: Floats, v: int, K: int) -> None:
    """Put row v onto the nearest point of the simplex: max(v - t, 0), t found by dropping arms (Michelot)."""
    t = -math.inf
    while True:
        total = 0.0
        arms = 0
        for k in range(K):
            if table[v, k] > t:
                total += table[v, k]
                arms += 1
        if arms == 0:  # rounding at t
            break
        higher = (total - 1.0) / arms
        if not higher > t:
            break
        t = higher
    for k in range(K):
        table[v, k] = max(0.0, table[v, k] - t)


@jit
def spread(table: Floats, v: int, K: int) -> float:
    """Largest less smallest entry of row v, at least 1e-300."""
    low = table[v, 0]
    high = table[v, 0]
    for k in range(1, K):
        low = min(low, table[v, k])
        high = max(high, table[v, k])
    width: float = max(high - low, 1e-300)
    return width


@jit
def value_and_gradient(work: WelfareWorkspace, b: Floats, scale: float, slope: int) -> float:
    """F at P; writes dF/dp[k] = e^h dh/dp[k] + b[k] into row `slope`."""
    table = work.table
    h = scale * log_product(work, supported(work))
    gradient(work, scale)
    product = exp(h)
    value = product
    for k in range(b.shape[0]):
        value += b[k] * table[P, k]
        table[slope, k] = product * table[SLOPE, k] + b[k]
    return value


@jit
def climb_with_bonus(G: Floats, b: Floats, scale: float, p: Floats, work: WelfareWorkspace) -> float:
    """Climb F(p) = exp(scale * sum_j ln(G[j].p)) + b.p from p, in place; returns F there, never below F at the start.

    G (N,K) is clipped to [1e-12, 1]; p (K,) all zeros stands for uniform. At most STEPS projected-gradient steps with
    Barzilai-Borwein lengths, shortened until F grows. Finds a local maximum at best: what that costs is the experiment.
    """
    gains, table = work.gains, work.table
    N, K = G.shape
    for j in range(N):
        for k in range(K):
            gains[j, k] = min(max(G[j, k], 1e-12), 1.0)
    for k in range(K):
        table[P, k] = p[k]
    value = value_and_gradient(work, b, scale, FROM)
    for k in range(K):
        p[k] = table[P, k]
    length = 0.5 / spread(table, TOWARD, K)
    for _ in range(STEPS):
        better = value
        for _trial in range(TRIALS):
            for k in range(K):
                table[P, k] = p[k] + length * table[TOWARD, k]
            project(table, P, K)
            better = value_and_gradient(work, b, scale, TO)
            if better > value:
                break
            length *= 0.25
        if not better > value:
            break
        bend = 0.0
        shift = 0.0
        for k in range(K):
            step = table[P, k] - p[k]
            shift += step * step
            bend -= step * (table[ALONG, k] - table[TOWARD, k])
            table[TOWARD, k] = table[ALONG, k]
            p[k] = table[P, k]
        length = shift / bend if bend > 0.25 / length * shift else 4.0 * length
        gain = better - value
        value = better
        if gain <= 1e-12 * value:
            break
    return value


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
    power = 1.0 / estimate.shape[0] if _geometric(welfare) else 1.0
    if _local(solver):
        climb_with_bonus(estimate, bonus, power, policy, work)
        for k in range(p.shape[0]):
            p[k] = policy[k]
    else:
        maximise_with_bonus(estimate, bonus, power, warm, work, p)
