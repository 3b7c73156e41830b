"""Points of the frontier of (b.p, h(p)): the one for a given price lam, and the local maxima of e^h + b.p."""

from __future__ import annotations

from gossipmab.objectives.solvers.interior_point import interior_point, sweep
from gossipmab.objectives.solvers.nash_workspace import BONUS, P, WelfareWorkspace
from gossipmab.objectives.solvers.newton import APART, JOINT, newton, price, wanted
from gossipmab.utils.elementary import exp, log
from gossipmab.utils.jit import jit, variable

MOST_NEWTON, FEW_NEWTON = variable(16), variable(8)


@jit
def reward(work: WelfareWorkspace) -> float:
    """b.p, b counted from its least entry."""
    total = 0.0
    for k in range(work.play.shape[1]):
        total += work.table[BONUS, k] * work.table[P, k]
    return total


@jit
def settled(work: WelfareWorkspace, s: float, lam: float, gap: float) -> bool:
    """Whether a concave solve came close enough to what rounding allows."""
    return gap <= 10.0 * wanted(work, s, s * work.gains.shape[0] + lam * reward(work))


@jit
def solve(work: WelfareWorkspace, s: float, lam: float) -> float:
    """h at the maximiser of h + lam b.p, left in `work`: by the active set from P, or else the interior point."""
    lam, h, gap = newton(work, s, lam, APART, MOST_NEWTON)
    if not settled(work, s, lam, gap):
        interior_point(work, s, lam)
        sweep(work)
        lam, h, gap = newton(work, s, lam, APART, MOST_NEWTON)
    return h


@jit
def climb(work: WelfareWorkspace, s: float, cap: float) -> tuple[float, float]:
    """(lam, h) of a local maximum of F = e^h + b.p near P, left in `work`; lam = e^-h, or `cap` if that is less.

    If the joint iteration stalls (a saddle of F, a poor start), a search along the frontier: F grows with lam while
    lam < e^-h(p(lam)), and falls after. Steps in ln lam double until that turns, then they halve.
    """
    lam, h, gap = newton(work, s, cap, JOINT, MOST_NEWTON)
    if settled(work, s, lam, gap):
        return lam, h
    h = solve(work, s, lam)
    stride = log(price(h, cap) / lam)
    turned = False
    for _ in range(60):
        if abs(stride) < 1e-10:
            break
        ahead = min(lam * exp(max(min(stride, 50.0), -50.0)), cap)
        h = solve(work, s, ahead)
        left = log(price(h, cap) / ahead)
        if left * stride >= 0.0:
            lam = ahead
            stride *= 0.5 if turned else 2.0
        else:
            turned = True
            stride *= 0.5
            found, h, gap = newton(work, s, cap, JOINT, FEW_NEWTON)
            if settled(work, s, found, gap):
                return found, h
        if left == 0.0:
            break
    return lam, solve(work, s, lam)
