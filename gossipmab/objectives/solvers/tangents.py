"""Families of tangents to the frontier of (b.p, h(p)), see `frontier.py`; each comes from one solved point.

For weights w > 0, ln u <= w u - 1 - ln w, hence for every p in the simplex

    h(p) + lam b.p <= max_k (s sum_j w[j] G[j,k] + lam b[k]) - s N - s sum_j ln w[j],

tight at w = 1/u(p(lam)). With w moved linearly along the solution's derivative, w(theta) = w + theta dw/dlam, a solved
point gives the tangents of a whole stretch of the frontier, each in O(N + K), with an error of order theta^4. Whatever
w is, the bound holds.
"""

from __future__ import annotations

import math

from gossipmab.objectives.solvers.linalg import carry
from gossipmab.objectives.solvers.nash_workspace import (
    ALONG,
    BONUS,
    CURVE,
    CURVE_ROWS,
    CURVES,
    INSIDE,
    SLOPE,
    SUPPORT,
    WEIGHT,
    P,
    WelfareWorkspace,
)
from gossipmab.objectives.solvers.newton import directions, leave, supported
from gossipmab.utils.elementary import log
from gossipmab.utils.jit import jit, variable

# Rows of a curve. RATE is over the agents.
VALUE = 0  # s sum_j w[j] G[j,k] + lam b[k] at theta = 0
TILT = 1  # its derivative by theta
RATE = 2  # (dw[j]/dlam) / w[j]
POINT = 3  # p
MOVE = 4  # dp/dlam
RANGE = 5  # lam, h, least theta, largest theta
NONE = variable(-1)  # no curve
STEEPEST = 0.8  # no weight changes by more than this, relative


@jit
def curve(work: WelfareWorkspace, c: int, s: float, lam: float, h: float) -> float:
    """Store the tangents around the point in `work`, which maximises h + lam b.p, as curve c.

    Returns lam^2 dx/dlam, 0 at a kink of the frontier, below 1 at a maximum of e^y + x.
    """
    gains, table, play = work.gains, work.table, work.play
    N, K = gains.shape
    row = CURVE + CURVE_ROWS * c
    arms, spread = moving(work, s, lam)
    for k in range(K):
        table[row + POINT, k] = table[P, k]
        table[row + MOVE, k] = 0.0
        table[row + VALUE, k] = table[SLOPE, k] + lam * table[BONUS, k]
        table[row + TILT, k] = table[BONUS, k]
    low = -lam
    high = math.inf
    for a in range(arms):
        k = play[SUPPORT, a]
        move = table[ALONG, a]
        table[row + MOVE, k] = move
        if move < 0.0:
            high = min(high, -table[P, k] / move)
        elif move > 0.0:
            low = max(low, -table[P, k] / move)
    for j in range(N):
        change = 0.0
        for a in range(arms):
            change += gains[j, play[SUPPORT, a]] * table[ALONG, a]
        rate = -table[WEIGHT, j] * change
        table[row + RATE, j] = rate
        scaled = s * table[WEIGHT, j] * rate
        for k in range(K):
            table[row + TILT, k] += scaled * gains[j, k]
        if rate < 0.0:
            high = min(high, -STEEPEST / rate)
        elif rate > 0.0:
            low = max(low, -STEEPEST / rate)
    table[row + RANGE, 0] = lam
    table[row + RANGE, 1] = h
    table[row + RANGE, 2] = low
    table[row + RANGE, 3] = high
    until_entry(work, row)
    return lam * lam * spread


@jit
def moving(work: WelfareWorkspace, s: float, lam: float) -> tuple[int, float]:
    """(arms, b.ALONG): ALONG = dp/dlam on the arms that stay for a while; of equal arms only one does."""
    table, play = work.table, work.play
    arms = supported(work)
    tt, ta, spread = directions(work, arms, s)
    a = arms - 1
    while a > 0:
        if table[P, play[SUPPORT, a]] < 1e-9 * lam * abs(table[ALONG, a]):
            arms = leave(work, arms, a)
            tt, ta, spread = directions(work, arms, s)
            a = arms
        a -= 1
    return arms, spread


@jit
def until_entry(work: WelfareWorkspace, row: int) -> None:
    """Cut the curve's range at the entry of an arm out of play: its sum overtakes that of the arms in play.

    With some room for rounding: an arm equal to one in play never overtakes it.
    """
    table = work.table
    K = work.play.shape[1]
    level = 0.0
    tilt = 0.0
    for k in range(K):
        level += table[P, k] * table[row + VALUE, k]
        tilt += table[P, k] * table[row + TILT, k]
    for k in range(K):
        if work.play[INSIDE, k] == 0:
            short = max(level - table[row + VALUE, k], 0.0) + 1e-13 * abs(level)
            faster = table[row + TILT, k] - tilt
            if faster > 0.0 and short < table[row + RANGE, 3] * faster:
                table[row + RANGE, 3] = short / faster
            elif faster < 0.0 and short < table[row + RANGE, 2] * faster:
                table[row + RANGE, 2] = short / faster


@jit
def tangent(work: WelfareWorkspace, c: int, s: float, lam: float) -> float:
    """m with h(p) + lam b.p <= m for every p, from curve c; beyond its range w stays as at the end of it."""
    table = work.table
    N, K = work.gains.shape
    row = CURVE + CURVE_ROWS * c
    theta = min(max(lam - table[row + RANGE, 0], table[row + RANGE, 2]), table[row + RANGE, 3])
    rest = lam - table[row + RANGE, 0] - theta
    most = -math.inf
    for k in range(K):
        here = table[row + VALUE, k] + theta * table[row + TILT, k] + rest * table[BONUS, k]
        if here > most:
            most = here
    logs = 0.0
    product = 1.0
    for j in range(N):
        logs, product = carry(logs, product * (1.0 + theta * table[row + RATE, j]))
    logs += log(product)
    m: float = most + table[row + RANGE, 1] - s * (N + logs)
    return m


@jit
def best_tangent(work: WelfareWorkspace, curves: int, s: float, lam: float) -> tuple[float, int]:
    """(m, c): the tangent at lam from the closest curve c whose range holds lam; without one the lowest, and c = -1."""
    table = work.table
    found = NONE
    closest = math.inf
    for c in range(min(curves, CURVES)):
        row = CURVE + CURVE_ROWS * c + RANGE
        theta = lam - table[row, 0]
        if table[row, 2] <= theta and theta <= table[row, 3] and abs(theta) < closest:
            closest = abs(theta)
            found = c
    if found >= 0:
        return tangent(work, found, s, lam), found
    m = math.inf
    for c in range(min(curves, CURVES)):
        m = min(m, tangent(work, c, s, lam))
    return m, found


@jit
def move_to(work: WelfareWorkspace, curves: int, lam: float) -> float:
    """Put into P what the closest curve predicts for lam; returns how far its lam is, as a ratio >= 1."""
    table = work.table
    nearest = CURVE
    closest = math.inf
    for c in range(min(curves, CURVES)):
        row = CURVE + CURVE_ROWS * c
        ratio = apart(table[row + RANGE, 0], lam)
        if ratio < closest:
            closest = ratio
            nearest = row
    theta = min(max(lam - table[nearest + RANGE, 0], table[nearest + RANGE, 2]), table[nearest + RANGE, 3])
    for k in range(work.play.shape[1]):
        table[P, k] = max(0.0, table[nearest + POINT, k] + theta * table[nearest + MOVE, k])
    return closest


@jit
def apart(lam: float, other: float) -> float:
    """The ratio of the larger to the smaller of two prices; inf if one is 0."""
    low = min(lam, other)
    return max(lam, other) / low if low > 0.0 else math.inf


@jit
def slot(curves: int) -> int:
    """Where the next curve goes: the first one stays, the others take turns."""
    return curves if curves < CURVES else 1 + (curves - 1) % (CURVES - 1)
