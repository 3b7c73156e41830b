"""The global maximiser of product plus bonus, with a certificate.

    F(p) = e^h(p) + b.p,   h(p) = s sum_j ln(G[j].p),   p in the K-simplex

F is not concave. But all that matters of p are x = b.p and y = h(p), and these pairs lie under the concave frontier
Y(x) = max { h(p) : b.p = x }, whose tangent of slope -lam is y <= M(lam) - lam x, M(lam) = max_p h(p) + lam b.p, a
concave problem. e^y + x is convex, so between the tangents at lam_1 < lam_2 it is largest at their crossing.

The march starts at a local maximum of F and goes up and down the frontier on the tangents that solved points provide
(`tangents.py`). Wherever two neighbouring tangents do not yet certify what lies between them, it shortens its step, or
solves at a new lam; a better point found on the way becomes the new best one.
"""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.interior_point import interior_point, sweep
from gossipmab.objectives.solvers.linalg import carry
from gossipmab.objectives.solvers.local_maximum import climb, reward, solve
from gossipmab.objectives.solvers.nash_workspace import BEST, BONUS, CURVE, CURVE_ROWS, P, WelfareWorkspace
from gossipmab.objectives.solvers.newton import log_product, supported
from gossipmab.objectives.solvers.tangents import POINT, RANGE, apart, best_tangent, curve, move_to, slot, tangent
from gossipmab.utils.elementary import exp, log
from gossipmab.utils.jit import jit, variable
from gossipmab.utils.types import Floats

ACCEPT = 4e-9  # excess over the best value, relative, at which a stretch of the frontier is certified
NEGLIGIBLE = 2.5e-9  # a product this small beside the largest bonus is not traced further
FLAT = 1e-3  # below this price times the best value the march goes straight to 0: x would drown in rounding
MEMORY = 5  # points that an agent remembers from round to round
MOST_STEPS = 600
MOST_CURVES = 80
FIRST, SECOND = variable(0), variable(1)  # curves
UP, DOWN = variable(True), variable(False)


@jit
def crossing(lam: float, m: float, other: float, n: float, top: float, x_most: float) -> tuple[float, float]:
    """(e^y + x, y) at its largest between two tangents, y <= top and x <= x_most given."""
    if other == lam:
        return exp(top) + x_most, top
    x = (n - m) / (other - lam)
    y = m - lam * x
    if y > top:
        x = (m - top) / lam if lam > other else (n - top) / other
        y = top
    if x > x_most:
        x = x_most
        y = min(m - lam * x if lam < other else n - other * x, top)
    return exp(y) + x, y


@jit
def keep_best(work: WelfareWorkspace, value: float, best: float) -> float:
    """The larger value; keeps P if it is the better one."""
    if value <= best:
        return best
    for k in range(work.play.shape[1]):
        work.table[BEST, k] = work.table[P, k]
    return value


@jit
def refine(
    work: WelfareWorkspace, s: float, lam: float, base: float, cap: float, best: float, curves: int, warm: Floats
) -> tuple[float, int]:
    """Solve at lam and store its curve; from a better point climb to the maximum of F next to it. (best, curves)."""
    recall(work, warm, lam, move_to(work, curves, lam))
    h = solve(work, s, lam)
    value = base + exp(h) + reward(work)
    curve(work, slot(curves), s, lam, h)
    curves += 1
    if value > best * (1.0 + 1e-12):
        best = keep_best(work, value, best)
        lam, h = climb(work, s, cap)
        best = keep_best(work, base + exp(h) + reward(work), best)
        curve(work, slot(curves), s, lam, h)
        curves += 1
    return best, curves


@jit
def march(
    work: WelfareWorkspace,
    s: float,
    up: bool,
    base: float,
    top: float,
    x_most: float,
    cap: float,
    best: float,
    curves: int,
    stride: float,
    warm: Floats,
) -> tuple[float, float, int]:
    """Certify the frontier from the centre of curve 0 towards larger (`up`) or smaller lam; F = base + e^y + x here.

    `top` bounds y, `x_most` is the largest x. Returns (best, upper, curves).
    """
    table = work.table
    lam = table[CURVE + RANGE, 0]
    m = tangent(work, FIRST, s, lam)
    upper = best
    most = base + exp(top)
    c = 0
    shrunk = 0
    end = math.inf
    for _ in range(MOST_STEPS):
        accept = best * (1.0 + ACCEPT)
        if up:
            end = base + exp(min(m - lam * x_most, top)) + x_most
        else:
            end = most + min((m - top) / lam, x_most)
        if end <= accept:
            return best, max(upper, end), curves
        ahead = lam * (1.0 + stride) if up else lam / (1.0 + stride)
        if ahead * best < FLAT:
            ahead = 0.0
        n, holds = best_tangent(work, curves, s, ahead)
        cross, y = crossing(lam, m, ahead, n, top, x_most)
        cross += base
        if cross <= accept:
            upper = max(upper, cross)
            lam, m, c = ahead, n, holds
            shrunk = 0
            stride = min(stride * 6.0, 1e6)
            if lam <= 0.0:
                return best, upper, curves
            continue
        if holds < 0 and c >= 0:
            row = CURVE + CURVE_ROWS * c + RANGE
            edge = table[row, 0] + (table[row, 3] if up else table[row, 2])
            c = -1
            if edge > lam * (1.0 + 1e-6) if up else edge < lam * (1.0 - 1e-6):
                stride = (edge / lam - 1.0 if up else lam / edge - 1.0) * (1.0 - 1e-9)
                continue
        if holds >= 0 and shrunk < 4:
            shrunk += 1
            fit = exp(min(-y, 700.0)) / lam - 1.0 if up else lam * exp(y) - 1.0
            stride = min(max(fit, 0.1 * stride), 0.5 * stride)
            continue
        if curves >= MOST_CURVES or not stride > 1e-12:
            break
        best, curves = refine(work, s, ahead, base, cap, best, curves, warm)
        shrunk = 0
        n, c = best_tangent(work, curves, s, lam)
        m = min(m, n)
    if not end < math.inf:
        end = math.inf
    return best, max(upper, end), curves


@jit
def prepare(work: WelfareWorkspace, G: Floats, b: Floats, s: float) -> tuple[float, float, float]:
    """Clip G into `gains`, count the bonus from its least entry; returns (base, x_most, top), top >= h anywhere."""
    gains, table = work.gains, work.table
    N, K = G.shape
    top = 0.0
    product = 1.0
    for j in range(N):
        most = 0.0
        for k in range(K):
            value = min(max(G[j, k], 1e-12), 1.0)
            gains[j, k] = value
            most = max(most, value)
        top, product = carry(top, product * most)
    top += log(product)
    base = b[0]
    for k in range(1, K):
        base = min(base, b[k])
    x_most = 0.0
    for k in range(K):
        table[BONUS, k] = b[k] - base
        x_most = max(x_most, table[BONUS, k])
    return base, x_most, s * top


@jit
def start(work: WelfareWorkspace, s: float, warm: Floats, x_most: float) -> None:
    """Put into P the remembered point with the largest F; without any, the maximiser for a middling price."""
    table = work.table
    K = work.play.shape[1]
    best = -1.0
    for e in range(MEMORY):
        total = 0.0
        for k in range(K):
            table[P, k] = warm[e * (K + 1) + 1 + k]
            total += table[P, k]
        if total > 0.0:
            arms = supported(work)
            best = keep_best(work, exp(s * log_product(work, arms)) + reward(work), best)
    if best < 0.0:
        interior_point(work, s, 0.3 / x_most if x_most > 0.0 else 1.0)
        sweep(work)
        return
    for k in range(K):
        table[P, k] = table[BEST, k]


@jit
def recall(work: WelfareWorkspace, warm: Floats, lam: float, closest: float) -> None:
    """Put into P the remembered point whose price is nearest to lam, if its ratio to lam is below `closest`."""
    K = work.play.shape[1]
    for e in range(1, MEMORY):
        ratio = apart(warm[e * (K + 1)], lam)
        if ratio < closest:
            closest = ratio
            for k in range(K):
                work.table[P, k] = warm[e * (K + 1) + 1 + k]


@jit
def remember(work: WelfareWorkspace, warm: Floats, curves: int) -> None:
    """Keep the best p and the newest solved points; what is not replaced stays from the rounds before."""
    K = work.play.shape[1]
    for k in range(K):
        warm[1 + k] = work.table[BEST, k]
    for e in range(1, min(curves, MEMORY)):
        row = CURVE + CURVE_ROWS * e
        warm[e * (K + 1)] = work.table[row + RANGE, 0]
        for k in range(K):
            warm[e * (K + 1) + 1 + k] = work.table[row + POINT, k]


@jit
def warm_size(agents: int, arms: int) -> int:
    """Length of an agent's warm row: MEMORY times (lam, p), the best p first; all zeros is cold."""
    return MEMORY * (arms + 1)


@jit
def maximise_with_bonus(G: Floats, b: Floats, scale: float, warm: Floats, work: WelfareWorkspace, p: Floats) -> tuple[float, float]:
    """Maximise F(p) = exp(scale * sum_j ln(G[j].p)) + b.p over the simplex; returns (value, certificate).

    G (N,K) is clipped to [1e-12, 1], b (K,) >= 0, scale 1 (product) or 1/N (geometric). Writes p (K,) and warm
    (`warm_size`,), which may hold anything to begin with. certificate = (upper - value) / value for a proven upper
    bound of F, up to rounding.
    """
    table = work.table
    K = b.shape[0]
    base, x_most, top = prepare(work, G, b, scale)
    cap = 1.0 / (NEGLIGIBLE * (base + x_most)) if base + x_most > 1e-290 else 1e290
    start(work, scale, warm, x_most)
    lam, h = climb(work, scale, cap)
    best = keep_best(work, base + exp(h) + reward(work), 0.0)
    if best < base + x_most:
        # the arms of the largest bonus by themselves are better
        best, arms = base + x_most, 0
        for k in range(K):
            arms += table[BONUS, k] == x_most
        for k in range(K):
            table[BEST, k] = 1.0 / arms if table[BONUS, k] == x_most else 0.0
    ratio = curve(work, FIRST, scale, lam, h)
    first = min(1e-4 * math.sqrt(best / exp(h)) / max(ratio, 1e-8), 1.0)
    best, upper, curves = march(work, scale, UP, base, top, x_most, cap, best, SECOND, first, warm)
    best, other, curves = march(work, scale, DOWN, base, top, x_most, cap, best, curves, first, warm)
    for k in range(K):
        p[k] = table[BEST, k]
    remember(work, warm, curves)
    return best, max(upper - best, other - best, 0.0) / best
