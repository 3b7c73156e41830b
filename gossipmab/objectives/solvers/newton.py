"""Newton steps for max h(p) + lam b.p over the simplex, h(p) = s sum_j ln(g[j].p), on the arms in play.

Symbols: G = `gains` (N,K), b = row BONUS, u = G p, H = s G' diag(1/u^2) G = -(second derivative of h).
"""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.linalg import carry
from gossipmab.objectives.solvers.nash_workspace import (
    ALONG,
    BONUS,
    INSIDE,
    MATRIX,
    ROW,
    SLOPE,
    SUPPORT,
    TOWARD,
    WEIGHT,
    P,
    WelfareWorkspace,
)
from gossipmab.utils.elementary import exp, log
from gossipmab.utils.jit import jit, variable
from gossipmab.utils.types import Floats

LEAST = 1e-13  # arms with less probability are out of play
JOINT, APART = variable(True), variable(False)  # whether `newton` adapts lam
RIDGE = 1e-12  # relative to the diagonal: makes the matrix definite if N < K or arms are equal


@jit
def log_product(work: WelfareWorkspace, arms: int) -> float:
    """sum_j ln u[j] over the first `arms` of SUPPORT; fills WEIGHT = 1/u. One logarithm serves many factors."""
    gains, table, play = work.gains, work.table, work.play
    total = 0.0
    product = 1.0
    for j in range(gains.shape[0]):
        u = 0.0
        for a in range(arms):
            k = play[SUPPORT, a]
            u += gains[j, k] * table[P, k]
        table[WEIGHT, j] = 1.0 / u
        total, product = carry(total, product * u)
    return total + log(product)


@jit
def gradient(work: WelfareWorkspace, s: float) -> None:
    """SLOPE[k] = s sum_j G[j,k] / u[j]."""
    gains, table = work.gains, work.table
    N, K = gains.shape
    for k in range(K):
        table[SLOPE, k] = 0.0
    for j in range(N):
        scaled = s * table[WEIGHT, j]
        for k in range(K):
            table[SLOPE, k] += scaled * gains[j, k]


@jit
def pivot(work: WelfareWorkspace, arms: int) -> None:
    """Move the likeliest arm in play to the front of SUPPORT: the others' steps are free, it takes up the sum."""
    table, play = work.table, work.play
    first = 0
    for a in range(1, arms):
        if table[P, play[SUPPORT, a]] > table[P, play[SUPPORT, first]]:
            first = a
    play[SUPPORT, 0], play[SUPPORT, first] = play[SUPPORT, first], play[SUPPORT, 0]


@jit
def curvature(work: WelfareWorkspace, arms: int, s: float) -> None:
    """Lower half of the reduced matrix: H on the directions e_k - e_pivot, k in SUPPORT after the pivot.

    Differences of columns before they are squared: exact for columns that are nearly zero.
    """
    gains, table, play = work.gains, work.table, work.play
    first = play[SUPPORT, 0]
    for a in range(arms - 1):
        for c in range(a + 1):
            table[MATRIX + a, c] = 0.0
    for j in range(gains.shape[0]):
        weight = table[WEIGHT, j]
        for a in range(arms - 1):
            table[ROW, a] = weight * (gains[j, play[SUPPORT, a + 1]] - gains[j, first])
        for a in range(arms - 1):
            scaled = s * table[ROW, a]
            for c in range(a + 1):
                table[MATRIX + a, c] += scaled * table[ROW, c]


@jit
def factor(table: Floats, free: int) -> None:
    """Cholesky factor in place; the diagonal holds the INVERSE pivots, so that solves need no division."""
    for a in range(free):
        for c in range(a):
            value = table[MATRIX + a, c]
            for e in range(c):
                value -= table[MATRIX + a, e] * table[MATRIX + c, e]
            table[MATRIX + a, c] = value * table[MATRIX + c, c]
        value = table[MATRIX + a, a]
        least = 1e-15 * value + 1e-290
        for e in range(a):
            value -= table[MATRIX + a, e] * table[MATRIX + a, e]
        table[MATRIX + a, a] = 1.0 / math.sqrt(max(value, least))


@jit
def forward(table: Floats, v: int, free: int) -> None:
    """Solve L x = row v in place, for L as `factor` leaves it."""
    for a in range(free):
        value = table[v, a]
        for c in range(a):
            value -= table[MATRIX + a, c] * table[v, c]
        table[v, a] = value * table[MATRIX + a, a]


@jit
def backward(table: Floats, v: int, free: int) -> None:
    """Solve L' x = row v in place, then shift it by one place and put minus its sum in front: the pivot's share."""
    total = 0.0
    for a in range(free - 1, -1, -1):
        value = table[v, a] * table[MATRIX + a, a]
        for c in range(a):
            table[v, c] -= table[MATRIX + a, c] * value
        table[v, a + 1] = value
        total += value
    table[v, 0] = -total


@jit
def directions(work: WelfareWorkspace, arms: int, s: float) -> tuple[float, float, float]:
    """The two directions of every Newton step on the support: TOWARD = Q slope, ALONG = Q b, by place in SUPPORT.

    Q v solves H Qv = v - mu 1, 1.Qv = 0. The maximiser for lam is near p + TOWARD + lam ALONG, and dp/dlam = ALONG.
    Returns (slope.TOWARD, slope.ALONG, b.ALONG).
    """
    table, play = work.table, work.play
    pivot(work, arms)
    curvature(work, arms, s)
    first = play[SUPPORT, 0]
    free = arms - 1
    for a in range(free):
        k = play[SUPPORT, a + 1]
        table[MATRIX + a, a] += RIDGE * table[MATRIX + a, a]
        table[TOWARD, a] = table[SLOPE, k] - table[SLOPE, first]
        table[ALONG, a] = table[BONUS, k] - table[BONUS, first]
    factor(table, free)
    forward(table, TOWARD, free)
    forward(table, ALONG, free)
    tt = 0.0
    ta = 0.0
    aa = 0.0
    for a in range(free):
        tt += table[TOWARD, a] * table[TOWARD, a]
        ta += table[TOWARD, a] * table[ALONG, a]
        aa += table[ALONG, a] * table[ALONG, a]
    backward(table, TOWARD, free)
    backward(table, ALONG, free)
    return tt, ta, aa


@jit
def leave(work: WelfareWorkspace, arms: int, a: int) -> int:
    """Take the a-th arm in play out; how many remain."""
    play = work.play
    play[INSIDE, play[SUPPORT, a]] = 0
    for e in range(a, arms - 1):
        play[SUPPORT, e] = play[SUPPORT, e + 1]
    return arms - 1


@jit
def supported(work: WelfareWorkspace) -> int:
    """Normalise p (nothing there: uniform), put the arms with p > LEAST in play, in ascending order, and count them."""
    table, play = work.table, work.play
    K = play.shape[1]
    total = 0.0
    for k in range(K):
        if table[P, k] > LEAST:
            total += table[P, k]
    usable = total > 0.0 and total < 1e300
    arms = 0
    for k in range(K):
        play[INSIDE, k] = 0
        if not usable:
            table[P, k] = 1.0 / K
        elif table[P, k] > LEAST:
            table[P, k] /= total
        else:
            table[P, k] = 0.0
            continue
        play[INSIDE, k] = 1
        play[SUPPORT, arms] = k
        arms += 1
    return arms


@jit
def gap_at(work: WelfareWorkspace, lam: float) -> tuple[float, float, int]:
    """(gap, mean, top): gap = max_k r[k] - p.r bounds what is missing to the maximum, r = slope + lam b; mean = p.r."""
    table = work.table
    mean = 0.0
    most = -math.inf
    top = 0
    for k in range(work.play.shape[1]):
        value = table[SLOPE, k] + lam * table[BONUS, k]
        mean += table[P, k] * value
        if value > most:
            most = value
            top = k
    return most - mean, mean, top


@jit
def wanted(work: WelfareWorkspace, s: float, mean: float) -> float:
    """The gap at which a concave solve ends: a little above what rounding allows; `mean` = N s + lam b.p is added up."""
    gap: float = 2e-12 * (1.0 + s * work.gains.shape[0]) + 2e-15 * mean
    return gap


@jit
def price(h: float, most: float) -> float:
    """lam = e^-h, the price at which a stationary point of e^h + b.p maximises h + lam b.p; not above `most`."""
    return min(most, exp(min(-h, 700.0)))


@jit
def newton(work: WelfareWorkspace, s: float, lam: float, joint: bool, most: int) -> tuple[float, float, float]:
    """Maximise h + lam b.p from p by an active set; with `joint`, lam = e^-h(p) <= lam given: a maximum of e^h + b.p.

    Returns (lam, h, gap); P, WEIGHT, SLOPE and SUPPORT describe the point returned. The gap holds whatever happened.
    """
    play = work.play
    cap = lam
    arms = supported(work)
    h = s * log_product(work, arms)
    gradient(work, s)
    if joint:
        lam = price(h, cap)
    gap, mean, top = gap_at(work, lam)
    refused = False  # the arm that came last was thrown out at once: settle the others first
    for _ in range(most):
        if gap <= wanted(work, s, mean):
            break
        entered = play[INSIDE, top] == 0 and not refused
        if entered:
            play[INSIDE, top] = 1
            play[SUPPORT, arms] = top
            arms += 1
        arms = advance(work, arms, s, lam, joint and lam < cap)
        refused = entered and play[INSIDE, top] == 0
        h = s * log_product(work, arms)
        gradient(work, s)
        if joint:
            lam = price(h, cap)
        gap, mean, top = gap_at(work, lam)
    return lam, h, gap


@jit
def advance(work: WelfareWorkspace, arms: int, s: float, lam: float, joint: bool) -> int:
    """One damped Newton step, cut when the first arm reaches 0 (it leaves); how many arms remain in play."""
    table, play = work.table, work.play
    tt, ta, aa = directions(work, arms, s)
    if joint:
        # lam e^h = 1 to first order along the step: lam' (1 + lam slope.ALONG) = lam (1 - slope.TOWARD)
        bend = 1.0 + lam * ta
        share = 1.0 - tt
        if bend > 1e-3 and share > 0.25 * bend and share < 4.0 * bend:
            lam *= share / bend
    decrement = (tt + 2.0 * lam * ta + lam * lam * aa) / s
    length = 1.0
    if decrement > 0.1:
        length = 1.0 / (1.0 + math.sqrt(decrement))
    blocked = -1
    for a in range(arms):
        move = table[TOWARD, a] + lam * table[ALONG, a]
        here = table[P, play[SUPPORT, a]]
        table[TOWARD, a] = move
        if move < 0.0 and here < -length * move:
            length = -here / move
            blocked = a
    total = 0.0
    for a in range(arms):
        k = play[SUPPORT, a]
        table[P, k] += length * table[TOWARD, a]
        if a == blocked or table[P, k] < LEAST:
            table[P, k] = 0.0
        total += table[P, k]
    for a in range(arms - 1, -1, -1):
        k = play[SUPPORT, a]
        if table[P, k] == 0.0:
            arms = leave(work, arms, a)
        else:
            table[P, k] /= total
    return arms
